"""Every derived statement of the wing is checked: an error planted into it is noticed."""

from typing import Any

import pytest

import theory
from minimodels.models import model as build
from tests.theory.planting import unnoticed
from theory.hernandez.derivations import ABOUT

OWN = {  # of a model; the other results are those of `derive_repeats`, with numbers of the model
    "fresh_ridge": ("directions",),
    "capacity_market": ("incentive", "settling"),
    "shared_head": ("pull", "invariant", "escape_time", "rest", "delay", "crosstalk"),
}
MODELS: list[tuple[str, dict[str, Any]]] = [("fresh_ridge", {"nodes": 24})]
MODELS += [("capacity_market", {"form": form}) for form in ("static", "dynamic")]
MODELS += [("shared_head", {"memory": memory}) for memory in (True, False)]


@pytest.mark.parametrize("about", ABOUT)
def test_every_step_holds_and_every_result_says_its_regime(about: str) -> None:
    derivation = theory.derive_repeats(about)
    assert not [(r.name, s.sentence, str(s.check)) for r in derivation for s in r.steps if not s.check.passed]
    assert all(len(r.regime.sentence) > 20 for r in derivation)
    text = derivation.latex()
    assert text.count(r"\begin{equation}") == text.count(r"\end{equation}") > 0


@pytest.mark.parametrize("about", ABOUT)
def test_a_planted_error_is_noticed(about: str) -> None:
    for result in theory.derive_repeats(about):
        missed, count = unnoticed(result, ())
        assert count > 0, result.name
        assert not missed, result.name


@pytest.mark.parametrize(("model", "options"), MODELS, ids=str)
def test_a_planted_error_is_noticed_in_the_theory_of_a_model(model: str, options: dict[str, Any]) -> None:
    derivation = theory.derive(model, **options)
    assert not [(r.name, s.sentence, str(s.check)) for r in derivation for s in r.steps if not s.check.passed]
    about = {} if model not in ABOUT else {r.name: r for r in theory.derive_repeats(model)}
    for result in derivation:
        if result.name not in OWN[model]:
            assert result.statement == about[result.name].statement
            continue
        missed, count = unnoticed(result, build(model, **options).state)
        assert count > 0, result.name
        assert not missed, result.name
