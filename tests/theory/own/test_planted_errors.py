"""What is derived for a user's own model is checked: an error planted into what is published is noticed."""

from dataclasses import replace

import pytest
import sympy as sp

import minimodels as mm
import theory
from minimodels.model import Model
from tests.theory.own.test_every import NET, PREY, ROTATION
from tests.theory.planting import unnoticed
from theory.own import conserved
from theory.own.motion import motion

RATED = mm.GradientFlow(
    name="rated_net", state={"a": 0.1, "b": 0.2}, parameters={"r": 0.3, "s": 2.0}, loss="(a*b - 1)**2/2",
    rates={"a": "r", "b": "s"},
)  # fmt: skip


@pytest.mark.parametrize("model", [NET, RATED, PREY, ROTATION], ids=lambda m: m.name)
def test_a_planted_error_is_noticed(model: Model) -> None:
    for result in theory.derive(model):
        published = {step.equation for step in result.steps if step.test}
        if not _in_words(result.statement):
            published.add(result.statement)
        counts = []
        for statement in published:
            missed, count = unnoticed(replace(result, statement=statement), model.state)
            assert not missed, (result.name, statement)
            counts.append(count)
        assert sum(counts) > 0 or not published, result.name


def _in_words(statement: sp.Basic) -> bool:
    """Whether a statement is that nothing was found."""
    return isinstance(statement, sp.Equality) and "text" in str(statement.rhs)


def test_a_conserved_quantity_that_is_overlooked_is_not_said_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conserved, "find", lambda _: conserved.Found(2, (), 0))
    result = conserved.conserved(motion(NET))
    assert not result.steps
    assert "there is none" not in str(result.regime.obstacle(NET, NET.init))
