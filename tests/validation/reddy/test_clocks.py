"""Clocks and cross-fitting in the claims about transition steps, on made-up steps whose verdict is known."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from tests.validation.reddy.made_up import near
from validation.ledger import Context, Finding
from validation.reddy.claims import network
from validation.reddy.settings import SEEDS

PREDICTED = np.array([400.0, 800.0, 1600.0, 3200.0, 6400.0])


def judged(monkeypatch: pytest.MonkeyPatch, ratios: list[float], predicted: np.ndarray = PREDICTED) -> list[str]:
    """The verdict of each check of R28e, for steps that are these multiples of their predictions."""
    steps = np.outer(np.array(ratios) * predicted, near(1.0))
    made_up = xr.Dataset(
        {"network": (("configuration", "seed"), steps), "matrices": ("configuration", predicted)},
        coords={"seed": list(SEEDS)},
    )
    monkeypatch.setattr(network, "transitions", lambda context: made_up)
    found = network.matrices.measure(Context(False, {}))
    assert isinstance(found, Finding)
    return [check.verdict for check in found.checks]


def test_a_clock_is_judged_on_the_configurations_that_it_is_not_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """At ratios of 1 and 1.4 by turns each half has a clock of its own, and the other errs by .29 or .4."""
    assert judged(monkeypatch, [1.0, 1.4, 1.0, 1.4, 1.0]) == ["agrees", "agrees", "disagrees"]
    assert judged(monkeypatch, [1.0, 1.4, 1.0, 1.4, 1.4])[2] == "disagrees"  # though one of the five is without error
    assert judged(monkeypatch, [1.4] * 5) == ["agrees"] * 3  # one clock for all
    assert judged(monkeypatch, [1.0, 1.2, 1.0, 1.2, 1.0]) == ["agrees"] * 3


def test_a_common_factor_is_an_error_without_a_clock_and_none_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, [2.2] * 5) == ["agrees", "disagrees", "agrees"]
    assert judged(monkeypatch, [0.4] * 5) == ["agrees", "disagrees", "agrees"]
    assert judged(monkeypatch, [0.6] * 5) == ["agrees"] * 3


def test_the_median_over_configurations_forgives_a_single_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, [1.0, 1.0, 1.0, 1.0, 9.0]) == ["agrees"] * 3
    assert judged(monkeypatch, [1.0, 1.0, 2.0, 2.0, 2.0])[1] == "disagrees"


def test_predictions_must_come_in_the_order_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five, exchanging the outer two leaves a rank correlation of -.6; two neighbours, of .9."""
    assert judged(monkeypatch, [16.0, 4.0, 1.0, 1 / 4, 1 / 16])[0] == "disagrees"  # exactly the other way round
    assert judged(monkeypatch, [16.0, 1.0, 1.0, 1.0, 1 / 16])[0] == "disagrees"
    assert judged(monkeypatch, [2.0, 0.5, 1.0, 1.0, 1.0], 1.01 ** np.arange(5) * PREDICTED)[0] == "agrees"
