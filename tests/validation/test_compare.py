"""Clock, residuals and orders on curves whose answer is known."""

import json

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from minimodels.errors import InputError
from validation import compare, fit_clock
from validation.curves import crossing, half_rise, jump, plateau


def logistic(x: np.ndarray, at: float, width: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(x - at) / width))


def model(at: float = 50.0) -> xr.Dataset:
    time = np.linspace(0, 200, 4001)
    rise, early = logistic(time, at, 2.0), logistic(time, at / 2, 2.0)
    values = {"loss": 3 - early - 2 * rise, "correct": rise, "CLA": early, "ILA1": rise, "TILA2": rise, "TLA2": early}
    return xr.Dataset({k: ("time", v) for k, v in values.items()}, coords={"time": time})


def network(clock: float, at: float = 50.0, seeds: tuple[float, ...] = (1.0, 1.0)) -> xr.Dataset:
    """The same course in steps; a seed runs at its own fraction of the clock."""
    step = np.arange(0, int(200 / clock), 10)
    run = model(at)
    each = [run.interp(time=clock * part * step).rename(time="step").assign_coords(step=step) for part in seeds]
    data = xr.concat(each, "seed").assign_coords(seed=np.arange(len(seeds)))
    return data.assign_attrs(optimiser=json.dumps({"lr": 0.1}))


def test_the_clock_that_made_the_steps_is_found_again_and_carries_over() -> None:
    clock = fit_clock(model(), network(0.04))
    assert clock == pytest.approx(0.04, rel=1e-3)
    other = compare(model(at=80.0), network(0.04, at=80.0), clock=clock)
    np.testing.assert_allclose(other["escape_ratio"], 1, rtol=2e-3)
    assert float(other["escape_step_model"]) == pytest.approx(80 / 0.04, rel=2e-3)
    assert float(abs(other["loss_residual"]).max()) < 0.01
    np.testing.assert_allclose(other["plateau_network"], other["plateau_model"], atol=0.01)
    np.testing.assert_allclose(other["half_rise_network"].sel(measure="TILA2"), 80 / 0.04, rtol=0.01)
    assert float(other["half_rise_model"].sel(measure="TLA2")) == pytest.approx(40 / 0.04, rel=0.01)


def test_a_network_slower_than_its_model_shows_in_ratio_and_residual() -> None:
    found = compare(model(), network(0.1, seeds=(1.0, 0.5)), clock="learning rate")
    assert float(found["clock"]) == 0.1
    np.testing.assert_allclose(found["escape_ratio"], [1, 2], rtol=5e-3)
    assert float(abs(found["correct_residual"].sel(seed=1)).max()) > 0.9
    assert float(abs(found["correct_residual"].sel(seed=0)).max()) < 0.01


def test_a_single_seed_has_no_seed_dimension() -> None:
    found = compare(model(), network(0.1).isel(seed=0))
    assert found["escape_step"].dims == ()
    assert float(found["escape_ratio"]) == pytest.approx(1.0)


def test_a_seed_that_never_escapes_is_censored() -> None:
    curve = network(0.1, seeds=(1.0, 1.0))
    curve["correct"][1] = 0.1
    found = compare(model(), curve)
    assert found["escape_step_censored"].values.tolist() == [False, True]
    assert np.isnan(found["escape_step"].values).tolist() == [False, True]
    assert np.isnan(found["escape_ratio"].values).tolist() == [False, True]
    assert not found["escape_step_model_censored"]


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InputError, match="the network never exceeds correct = 1/2, so no clock can be fitted"):
        compare(model(), network(0.1).sel(step=slice(0, 300)))
    with pytest.raises(InputError, match="`clock` must be a positive number, 'fit' or 'learning rate'; got -1"):
        compare(model(), network(0.1), clock=-1)
    with pytest.raises(InputError, match="`run` must have the dimension 'time'"):
        compare(network(0.1), network(0.1))


def test_readings_of_a_curve() -> None:
    x = np.arange(0.0, 100.0, 2.0)
    assert crossing(x, x / 50, 0.5) == pytest.approx(25.0)
    assert crossing(x, 0 * x, 0.5) == np.inf
    assert crossing(x, 0 * x + 1, 0.5) == 0
    assert half_rise(x, 2 + logistic(x, 40.0, 1.0)) == pytest.approx(40, abs=0.2)
    time, width = jump(x, 0.25 + 0.75 * logistic(x, 60.0, 4.0), 0.25)
    assert width == pytest.approx(4 * 2 * np.log(3), rel=0.05)
    assert time == pytest.approx(60 - 4 * np.log(2), rel=0.02)
    assert jump(x, 0 * x, 0.25) == (np.inf, np.inf)
    step = 3 - logistic(x, 20.0, 2.0) - 2 * logistic(x, 80.0, 2.0)
    where, level = plateau(x, step, 20.0, 80.0)
    assert 40 < where < 60
    assert level == pytest.approx(2, abs=0.01)
    assert np.isnan(plateau(x, step, 90.0, 80.0)[1])


def test_the_clock_is_that_of_the_median_of_the_seeds_that_escape() -> None:
    """Seeds at 1, 0.6 and 0.3 of a clock escape at 1, 1.7 and 3.3 times its step; one never does."""
    curve = network(0.1, seeds=(0.3, 1.0, 0.6, 1.0))
    curve["correct"][3] = 0.1
    assert fit_clock(model(), curve) == pytest.approx(0.06, rel=5e-3)
    assert fit_clock(model(at=80.0), curve) == pytest.approx(0.096, rel=5e-3)
    assert fit_clock(model(), curve.isel(seed=[0, 2, 3])) == pytest.approx(0.04, rel=5e-3)
    assert float(compare(model(), curve)["clock"]) == pytest.approx(0.06, rel=5e-3)
