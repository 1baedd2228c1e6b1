"""Every public function of theory answers an argument that cannot be with one sentence, and none with a traceback."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

import minimodels as mm
import theory
from minimodels.errors import InputError
from tests.theory.toy import REACTION

LOGITS = mm.model("nested_logit", attend="labels")
WELL = mm.GradientFlow(name="well", state={"x": 0.1}, loss="(x**2 - 1)**2/4")
HALVED = mm.Map(name="halved", state={"x": 0.1}, update={"x": "x/2"})
NOT_NUMBERS: tuple[Any, ...] = (
    None, "x", "", math.nan, math.inf, -math.inf, True, 1j, b"x", 10**400, [], {}, {"zz": 1}, [None], np.arange(2.0),
    WELL, HALVED, mm.ItemLabelTask(), len, xr.Dataset(),
)  # fmt: skip
CALLS: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "derive": (theory.derive, (None, 3, 0.5, "", [], {}, len, True)),
    "derive, option": (lambda v: theory.derive("memorisation_race", form=v), NOT_NUMBERS),
    "predict": (theory.predict, (None, 3, "nested_logits", [], {}, len, mm.ItemLabelTask())),
    "predict, init": (lambda v: theory.predict(WELL, init=v), (0, "", "x", [], 3, np.array([1.0]), {1: 2}, {"y": 1})),
    "predict, value": (lambda v: theory.predict(WELL, init={"x": v}), NOT_NUMBERS),
}  # fmt: skip
ASKED: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "derivation": (lambda v: theory.derive(REACTION)[v], (None, 0.5, True, [], 99, -99, "half_lif", 10**400)),
    "prediction": (lambda v: theory.predict(REACTION)[v], (None, 0.5, True, [], 99, -99, "half_lif", 10**400)),
    "curve": (
        lambda v: theory.predict(REACTION)["half_life"].curve(v),
        (None, 3, "x", [], {}, [None], [-1.0], [math.nan], [[1.0]]),
    ),
    "beside": (lambda v: theory.predict(REACTION).beside(v), (None, 3, "x", [], {}, xr.Dataset())),
}


def refused(call: Callable[[Any], Any], wrong: tuple[Any, ...]) -> None:
    """Each of the values is answered with one sentence."""
    for value in wrong:
        with pytest.raises(InputError) as caught:
            call(value)
        sentence = str(caught.value)
        assert "\n" not in sentence
        assert len(sentence) < 320, sentence
        assert sentence.endswith((".", "?")), sentence


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_is_one_sentence(name: str) -> None:
    refused(*CALLS[name])


@pytest.mark.usefixtures("toy_wing")
@pytest.mark.parametrize("name", ASKED)
def test_what_cannot_be_asked_of_a_derivation_is_one_sentence(name: str) -> None:
    refused(*ASKED[name])


def test_every_public_function_is_called_here() -> None:
    functions = {k for k in theory.__all__ if inspect.isfunction(getattr(theory, k))}
    assert functions - {name.split(",")[0] for name in CALLS} == {"emergence_scaling"}  # which takes no argument


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: theory.derive("nested_logit", atend="labels"), "did you mean 'attend'"),
        (lambda: theory.derive("nested_logitt"), "did you mean 'nested_logit'"),
        (lambda: theory.predict(LOGITS, init={"alfa": 0.1}), "did you mean 'alpha'"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_right_one(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()


@pytest.mark.parametrize(
    "call",
    [lambda: theory.predict(WELL, initial={}), lambda: theory.emergence_scaling(sizes=3)],
)
def test_a_misspelt_option_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        call()
