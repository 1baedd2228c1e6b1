"""Every derived statement of the wing is checked: an error planted into it is noticed."""

import pytest

import theory
from tests.theory.planting import unnoticed
from theory.hernandez.derivations import ABOUT


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
