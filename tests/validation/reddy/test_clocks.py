"""Clocks and cross-fitting in the claims about transition steps, on made-up steps whose verdict is known."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from validation.ledger import Context, Finding
from validation.reddy.claims import network

PREDICTED = np.array([400.0, 800.0, 1600.0, 3200.0, 6400.0])


def judged(monkeypatch: pytest.MonkeyPatch, ratios: list[float], predicted: np.ndarray = PREDICTED) -> list[str]:
    """The verdict of each check of R28e, for steps that are these multiples of their predictions, up to a seed.

    Of nine seeds eight are within a hundredth, and one never comes.
    """
    steps = np.outer(np.array(ratios) * predicted, [*np.linspace(0.99, 1.01, 8), np.inf])
    made_up = xr.Dataset(
        {
            "network": (("configuration", "seed"), steps),
            "predicted": ("configuration", predicted),
            "budget": 10 * steps[np.isfinite(steps)].max(),
        },
        coords={"seed": np.arange(9)},
    )
    monkeypatch.setattr(network, "predictions", lambda context, trainings: made_up)
    found = network.from_draws.measure(Context(False, {}))
    assert isinstance(found, Finding)
    return [check.verdict for check in found.checks]


def test_a_clock_is_judged_on_the_configurations_that_it_is_not_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """At ratios of 1 and 1.4 by turns each half has a clock of its own, and the other errs by .29 or .4."""
    assert judged(monkeypatch, [1.0, 1.4, 1.0, 1.4, 1.0]) == ["agrees", "agrees", "disagrees"]
    assert judged(monkeypatch, [1.0, 1.4, 1.0, 1.4, 1.4])[2] == "disagrees"  # though one of the five is without error
    assert judged(monkeypatch, [1.15] * 5) == ["agrees"] * 3  # one clock for all
    assert judged(monkeypatch, [1.0, 1.15, 1.0, 1.15, 1.0]) == ["agrees"] * 3


def test_a_common_factor_is_an_error_without_a_clock_and_none_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, [1.3] * 5) == ["agrees", "disagrees", "agrees"]
    assert judged(monkeypatch, [0.7] * 5) == ["agrees", "disagrees", "agrees"]
    assert judged(monkeypatch, [0.85] * 5) == ["agrees"] * 3


def test_the_median_over_configurations_forgives_a_single_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, [1.0, 1.0, 1.0, 1.0, 9.0]) == ["agrees"] * 3
    assert judged(monkeypatch, [1.0, 1.0, 2.0, 2.0, 2.0])[1] == "disagrees"


def test_predictions_must_come_in_the_order_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five, exchanging the outer two leaves a rank correlation of -.6; the first two pairs, of .8."""
    assert judged(monkeypatch, [16.0, 4.0, 1.0, 1 / 4, 1 / 16])[0] == "disagrees"  # exactly the other way round
    assert judged(monkeypatch, [16.0, 1.0, 1.0, 1.0, 1 / 16])[0] == "disagrees"
    assert judged(monkeypatch, [2.2, 1.0, 2.2, 1.0, 1.0])[0] == "disagrees"
    assert judged(monkeypatch, [1.5, 1.0, 1.5, 1.0, 0.7])[0] == "agrees"
