"""Claims on written-down layers: agree as they are, and every check notices weights or a network that are not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.validation.oswald.test_network import literal
from validation import records
from validation.ledger import Context
from validation.oswald import constructions
from validation.oswald.claims import constructed
from validation.oswald.claims.constructed import construction, last_transform
from validation.oswald.network import SelfAttention
from validation.verdicts import settle

IDS = {construction.id, last_transform.id}


@pytest.fixture(autouse=True)
def _nothing_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "read", lambda paper, claim: (None, ""))
    monkeypatch.setattr(constructed, "TASKS", 20)


@pytest.mark.parametrize("claim", [construction, last_transform], ids=lambda c: c.id)
def test_the_claims_agree(claim: Any) -> None:
    assert settle(claim, Context(False), "oswald").verdict == "agrees"


def bent(name: str, row: Any, column: Any, factor: float) -> Callable[..., Any]:
    right = constructions.steps_of_descent

    def made(*given: Any, **options: Any) -> Any:
        weights = right(*given, **options)
        weights[name][..., row, column] *= factor
        return weights

    return made


def halved(weights: Any, seed: int) -> Any:
    return {name: w / 2 if name == "V" else w for name, w in weights.items()}


CHECKS = ("zero", "W_0", "descent", "GD++", "recurrent", "factors")
ALL = set(CHECKS)
FAULTS: dict[str, tuple[str, Any, set[str]]] = {
    "step": ("steps_of_descent", lambda: bent("P", -1, -1, 1 + 1e-9), ALL),
    "transform": ("steps_of_descent", lambda: bent("P", 0, 0, 1 + 1e-6), {"GD++", "recurrent", "factors"}),
    "start": ("steps_of_descent", lambda: bent("V", -1, slice(0, -1), 1 + 1e-9), {"W_0"}),
    "query": ("from_start", lambda: lambda tokens, W_0: tokens, {"W_0"}),
    "factors": ("refactored", lambda: halved, {"factors"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_construction_is_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, make, expected = FAULTS[fault]
    monkeypatch.setattr(constructions, name, make())
    checks = construction.measure(Context(False)).checks
    noticed = {key for key, check in zip(CHECKS, checks, strict=True) if check.verdict == "disagrees"}
    assert noticed == expected


def test_a_last_transform_that_acts_or_others_that_do_not_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = SelfAttention.predict
    with monkeypatch.context() as patch:
        patch.setattr(SelfAttention, "predict", lambda self, p, tokens: right(self, p, tokens) + 1e-9 * p["P"].sum())
        assert [c.verdict for c in last_transform.measure(Context(False)).checks] == ["disagrees", "agrees"]
    monkeypatch.setattr(constructions, "steps_of_descent", bent("P", -1, -1, 0.0))
    assert [c.verdict for c in last_transform.measure(Context(False)).checks] == ["agrees", "disagrees"]


def test_the_literal_network_makes_the_steps_too_and_is_blind_to_the_last_transform() -> None:
    """Token after token, without the products that the network takes instead."""
    for task, tasks, w, a, gamma in list(constructed.drawn(2))[:20:3]:
        network = SelfAttention(layers=a.size, double=True)
        few = type(tasks)(tasks.x[:4], tasks.y[:4], tasks.query[:4], tasks.target[:4])
        made = constructions.refactored(constructions.steps_of_descent(network, task, a, gamma), 1)
        expected = constructed._polynomial(few, w[:4], a, gamma)
        np.testing.assert_allclose(literal(network, made, few), expected, rtol=1e-11, atol=1e-13)
        other = constructions.steps_of_descent(network, task, a, [*gamma[:-1], 0.7])
        np.testing.assert_allclose(literal(network, other, few), expected, rtol=1e-11, atol=1e-13)


def test_factors_are_others_and_products_the_same_up_to_a_scale() -> None:
    task = constructed.KINDS[2]
    made = constructions.steps_of_descent(SelfAttention(layers=2), task, [0.1, 0.2], [0.01, 0.02])
    other = constructions.refactored(made, 3)
    assert all(abs(other[name] - made[name]).max() > 0.05 for name in "KQVP")
    for layer in (0, 1):
        assert constructions.read_steps(other, layer) == pytest.approx(constructions.read_steps(made, layer), rel=1e-9)
