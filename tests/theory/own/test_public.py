"""What is derived about a model of one's own is asked for by name or position; anything else is one sentence."""

import math
from collections.abc import Callable
from typing import Any

import pytest

import theory
from minimodels.errors import InputError
from tests.theory.test_public import WELL, refused

WRONG: tuple[Any, ...] = (None, 0.5, True, [], 99, -99, "fixd_points", 10**400, math.nan)


@pytest.mark.parametrize("made", [theory.derive, theory.predict])
def test_what_cannot_be_is_one_sentence(made: Callable[[Any], Any]) -> None:
    refused(lambda v: made(WELL)[v], WRONG)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: theory.predict(WELL)["fixed_point"], "did you mean 'fixed_points'"),
        (lambda: theory.derive(WELL)["conservd"], "did you mean 'conserved'"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_right_one(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()
