"""Every published statement about the neighbouring models is checked: an error planted into it is noticed."""

import pytest

import theory
from minimodels.models import model as build
from minimodels.models.memorisation_race import FORMS
from minimodels.models.single_location import REPETITION
from tests.theory.planting import unnoticed

MODELS = [("memorisation_race", {"form": form}) for form in FORMS]
MODELS += [("single_location", {"repetition": repetition}) for repetition in REPETITION]


@pytest.mark.parametrize(("model", "options"), MODELS, ids=str)
def test_a_planted_error_is_noticed(model: str, options: dict[str, str]) -> None:
    derivation = theory.derive(model, **options)
    for result in derivation:
        missed, count = unnoticed(result, build(model, **options).state)
        assert count > 0
        assert not missed
