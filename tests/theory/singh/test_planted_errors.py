"""Every published statement about vectors is checked: an error planted into it is noticed."""

from typing import Any

import pytest

import theory
from minimodels.models import model as build
from tests.theory.planting import unnoticed

MODELS: list[tuple[str, dict[str, Any]]] = [("aligned_product", {"k": k}) for k in (1, 2, 3, 5)]
MODELS += [("tensor_product", {"k": 1}), ("tensor_product", {"k": 4}), ("coopetition", {})]
MODELS += [("tensor_product", {"k": 3, "form": "components"}), ("coopetition", {"form": "components"})]


@pytest.mark.parametrize(("model", "options"), MODELS, ids=str)
def test_a_planted_error_is_noticed(model: str, options: dict[str, Any]) -> None:
    for result in theory.derive(model, **options):
        missed, count = unnoticed(result, build(model, **options).state)
        assert count > 0, result.name
        assert not missed, result.name
