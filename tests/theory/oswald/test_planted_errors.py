"""Every published statement about linear attention and its steps is checked: an error planted into it is noticed."""

from typing import Any

import pytest

import theory
from minimodels.models import model as build
from minimodels.models.linear_attention import WEIGHTS
from tests.theory.planting import unnoticed

STEPS: list[dict[str, Any]] = [
    {"K": 1, "kind": "gd"},
    {"K": 1, "law": "rademacher"},
    {"K": 2},
    {"K": 2, "tied": False},
    {"K": 2, "kind": "gd", "tied": False, "law": "gaussian"},
]
MODELS: list[tuple[str, dict[str, Any]]] = [("gd_plus_plus", options) for options in STEPS]
ONE_STEP = ("merged", "separate", "onset")  # the others have a state for every direction
MODELS += [("linear_attention", {"weights": w} | ({} if w in ONE_STEP else {"d": 2})) for w in WEIGHTS]


@pytest.mark.parametrize(("model", "options"), MODELS, ids=str)
def test_a_planted_error_is_noticed(model: str, options: dict[str, Any]) -> None:
    for result in theory.derive(model, **options):
        missed, count = unnoticed(result, build(model, **options).state)
        assert count > 0, result.name
        assert not missed, result.name
