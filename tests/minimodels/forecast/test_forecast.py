"""Forecasts of curves whose drop is known, of curves that say nothing, and of those of another mechanism."""

import sys
from typing import Any

import numpy as np
import pytest
import xarray as xr

import minimodels as mm
from minimodels.forecast.forecast import SHARP, forecast, sharpened
from minimodels.forecast.sampler import importance_sample

FORECAST = sys.modules[forecast.__module__]
MODEL = mm.model("nested_logit", N=4, L=16, attend="labels")
FAST: dict[str, Any] = {"samples": 5000}


def model_curve(share: float, clock: float = 0.01, noise: float = 0.0, **options: Any) -> tuple[dict[str, Any], float]:
    """The model's own loss up to a share of its drop, and the step of the drop."""
    drop = float(mm.simulate(MODEL, t_end=500.0, **options).escape_time)
    save = np.linspace(0, share * drop, 80)
    run = mm.simulate(MODEL, t_end=save[-1], save=save, **options)
    rng = np.random.default_rng(3)
    loss = run.loss.values + noise * rng.standard_normal(len(save))
    return {"step": save / clock, "loss": loss, "ILA1": run.ILA1.values}, drop / clock


def only_loss(curve: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in curve.items() if k != "ILA1"}


def test_importance_sampling_finds_a_narrow_correlated_posterior() -> None:
    a = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, -1.0]])
    seen, error = np.array([2.5, -1.0]), 0.05
    exact = np.linalg.inv(np.eye(3) + a.T @ a / error**2)
    mean = exact @ a.T @ seen / error**2
    found = importance_sample(
        lambda z: -0.5 * ((z @ a.T - seen) ** 2).sum(1) / error**2, 3, 30_000, np.random.default_rng(0)
    )
    assert found.power == 1
    assert found.ess > 1000
    np.testing.assert_allclose(found.weight @ found.z, mean, atol=0.05)
    off = found.z - mean
    np.testing.assert_allclose((off * found.weight[:, None]).T @ off, exact, atol=0.03)


def test_the_clock_of_the_models_own_curve_is_found() -> None:
    curve, drop = model_curve(0.8)
    found = mm.fit(only_loss(curve), MODEL, free=["clock"], **FAST)
    low, middle, high = found.posterior.sel(parameter="clock", quantile=[0.05, 0.5, 0.95]).values
    assert middle == pytest.approx(0.01, rel=0.01)
    assert low < 0.01 < high
    assert bool(found.determined.sel(parameter="clock"))
    ahead = mm.forecast(only_loss(curve), MODEL, free=["clock"], **FAST)
    assert ahead.verdict == "forecast"
    assert ahead.drop_step.sel(quantile=0.5).item() == pytest.approx(drop, rel=0.03)


def test_a_forecast_of_a_noisy_curve_holds_the_drop_and_beats_the_baseline() -> None:
    curve, drop = model_curve(0.6, noise=0.01)
    ahead = mm.forecast(only_loss(curve), MODEL, **FAST)
    assert ahead.verdict == "forecast"
    assert ahead.drop_step.sel(quantile=0.1) < drop < ahead.drop_step.sel(quantile=0.9)
    before = ahead.none_before.interp(step=[1.0, drop, 5 * drop]).values
    assert before[0] == 1
    assert 0.05 < before[1] < 0.95
    assert before[2] < 0.1
    assert np.isnan(ahead.baseline_step).any() or (abs(ahead.baseline_step / drop - 1) > 0.2).any()
    later = ahead.loss.sel(step=3 * drop, method="nearest")
    assert later.sel(quantile=0.5) < 0.5 < ahead.loss_seen.max()


def test_a_progress_measure_narrows_the_forecast() -> None:
    curve, _ = model_curve(0.6)

    def width(curve: dict[str, Any]) -> float:
        ahead = mm.forecast(curve, MODEL, free=["clock", "rate_xi", "rate_alpha", "drift"], **FAST)
        return float(np.log(ahead.drop_step.sel(quantile=0.9) / ahead.drop_step.sel(quantile=0.1)))

    assert width(curve) < 0.9 * width(only_loss(curve))


def test_a_known_learning_rate_holds_the_clock() -> None:
    curve, drop = model_curve(0.3)
    ahead = mm.forecast(only_loss(curve), MODEL, lr=0.01, free=["delay"], **FAST)
    assert list(ahead.parameter.values) == ["delay"]
    assert ahead.drop_step.sel(quantile=0.5).item() == pytest.approx(drop, rel=0.05)


def test_a_trained_head_is_forecast() -> None:
    task = mm.ItemLabelTask(N=4, L=16, K=64, p_C=1.0, K_c=None)
    head = mm.InductionHead(classifier="linear")
    run = mm.train_head(task, head, lr=1.0, steps=300, record_every=4, tests=(), threads=1, progress=False)
    drop = run.escape_step.item()
    seen = run[["train_loss"]].rename(train_loss="loss").sel(step=slice(0, 0.7 * drop))
    model = mm.model("nested_logit", N=4, L=16)
    held = {f"growth_{k}": 0.0 for k in model.state}
    ahead = mm.forecast(seen, model, rates={"xi": "1/(L-1)"}, prior=held, **FAST)
    assert ahead.verdict == "forecast"
    assert ahead.drop_step.sel(quantile=0.05) < drop < ahead.drop_step.sel(quantile=0.95)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_of_a_flat_curve_nothing_can_be_said(noise: float) -> None:
    rng = np.random.default_rng(0)
    curve = {"step": np.arange(100), "loss": np.log(16) + noise * rng.standard_normal(100)}
    ahead = mm.forecast(curve, MODEL, **FAST)
    assert ahead.verdict == "nothing can be said yet"
    assert np.isnan(ahead.drop_step).all()
    assert np.isnan(ahead.none_before).all()
    assert np.isnan(ahead.loss.where(ahead.step > ahead.now)).all()
    assert np.isfinite(ahead.baseline).all()


def test_a_curve_of_another_mechanism_is_refused() -> None:
    steps = np.arange(1, 200)
    curve = {"step": steps, "loss": np.where(steps < 100, np.log(16), 0.7)}  # at once, to where the model never rests
    ahead = mm.forecast(curve, MODEL, **FAST)
    assert ahead.verdict == "the model does not fit"
    assert "another mechanism" in ahead.reason
    assert np.isnan(ahead.drop_step).all()


def test_a_drop_that_was_foretold_and_did_not_come_is_held_against_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model's curve, which from the middle on is delayed more and more: every part of it fits with a drop soon."""
    curve, drop = model_curve(0.97)
    late = np.where(curve["step"] < 0.8 * drop, curve["step"], curve["step"] + 3 * (curve["step"] - 0.8 * drop))
    delayed = {"step": late, "loss": curve["loss"]}
    free = {"free": ["clock"], "prior": {"delay": 0.0}}
    ahead = mm.forecast(delayed, MODEL, **free, **FAST)
    assert ahead.verdict == "the model does not fit"
    assert "it did not" in ahead.reason or "alone" in ahead.reason
    assert np.isnan(ahead.drop_step).all()
    monkeypatch.setattr(FORECAST, "HINDSIGHT", 1e-9)  # no points there: nothing is held against it
    assert mm.forecast(delayed, MODEL, **free, **FAST).verdict == "forecast"


def test_results_do_not_depend_on_threads_and_are_saved_whole(tmp_path: Any) -> None:
    curve, _ = model_curve(0.6)
    one, two = (mm.forecast(only_loss(curve), MODEL, threads=n, samples=3000, seed=7) for n in (1, 2))
    xr.testing.assert_identical(one, two)
    mm.save(one, tmp_path / "ahead.nc")
    xr.testing.assert_equal(mm.load(tmp_path / "ahead.nc"), one)
    other = mm.forecast(only_loss(curve), MODEL, threads=1, samples=3000, seed=8)
    assert other.drop_step.values.tolist() != one.drop_step.values.tolist()


def test_a_model_of_a_users_own_with_an_event_of_its_loss() -> None:
    well = mm.GradientFlow(name="well", state={"x": 0.02}, loss="(x**2 - 1)**2/4")
    drop = float(mm.simulate(well, t_end=50.0, events={"d": mm.Event("loss", 0.1, -1)}).d)
    save = np.linspace(0, 0.75 * drop, 60)
    curve = {"step": 50 * save, "loss": mm.simulate(well, t_end=save[-1], save=save).loss.values}
    ahead = mm.forecast(curve, well, event=mm.Event("loss", 0.1, -1), free=["clock", "start"], **FAST)
    assert ahead.drop_step.sel(quantile=0.1) < 50 * drop < ahead.drop_step.sel(quantile=0.9)
    with pytest.raises(mm.InputError, match="'well' has no event"):
        mm.forecast(curve, well)


def test_what_is_drawn() -> None:
    curve, _ = model_curve(0.7)
    figure = mm.plot_forecast(mm.forecast(curve, MODEL, free=["clock", "delay"], samples=2000))
    assert [place.get_ylabel() for place in figure.axes] == ["loss", "ILA1", "probability"]
    refused = mm.forecast({"step": np.arange(50), "loss": np.full(50, np.log(16))}, MODEL, samples=2000)
    figure = mm.plot_forecast(refused)
    assert len(figure.axes) == 1
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts() if "ahead" in text.get_text()] == []
    assert "nothing can be said yet" in figure.get_suptitle().replace("\n", " ")
    with pytest.raises(mm.InputError, match="give a result of forecast"):
        mm.plot_forecast(mm.simulate(MODEL, t_end=1.0))


GOOD = {"step": np.arange(20.0), "loss": 2.7 - 0.01 * np.arange(20.0)}


@pytest.mark.parametrize(
    ("curve", "options", "words"),
    [
        ({"step": [0, 1], "loss": [1, 2]}, {}, "'loss' of the curve has 2 points; at least 8"),
        ({"step": np.arange(20) % 5, "loss": np.ones(20)}, {}, "must increase: 4 is followed by 0"),
        ({"step": np.arange(20), "loss": np.linspace(2, 3, 20)}, {}, "the loss rises from"),
        ({"step": np.arange(20), "loss": np.r_[np.ones(19), np.inf]}, {}, "'loss' of the curve is infinite at step 19"),
        ({"step": np.arange(20), "los": np.ones(20)}, {}, "unknown measure 'los'.*did you mean 'loss'"),
        ({"step": np.arange(20)}, {}, "holds nothing but steps"),
        ({"step": np.arange(20), "loss": np.ones(3)}, {}, "has 3 values for 20 steps"),
        ({"loss": np.ones(20)}, {}, "`curve` is a Dataset or a dictionary with 'step'"),
        (3, {}, "`curve` is a Dataset"),
        (GOOD, {"lr": -1.0}, "`lr` must be positive"),
        (GOOD, {"samples": 10}, "`samples` must be a whole number of at least 1000"),
        (GOOD, {"horizon": 1.0}, "`horizon` is in multiples"),
        (GOOD, {"event": "escape"}, "unknown event 'escape'; did you mean 'escape_time'"),
        (GOOD, {"prior": {"clok": 1.0}}, "unknown name 'clok' in prior; did you mean 'clock'"),
        (GOOD, {"prior": {"clock": "fast"}}, "is a number or \\(kind, a, b\\)"),
        (GOOD, {"prior": {"clock": ("normal", 1.0, 1.0)}}, "'clock' cannot be negative"),
        (GOOD, {"prior": {"clock": ("lognormal", 1.0, 0.0)}}, "width `b` of a lognormal prior must be positive"),
        (GOOD, {"prior": {"clock": ("lognorml", 1.0, 1.0)}}, "the kind of a prior must be one of"),
        (GOOD, {"prior": {"delay": ("uniform", 3.0, 1.0)}}, "from a lower to a higher"),
        (GOOD, {"prior": {"rate_xi": 0.0}}, "must be positive; got 0"),
        (GOOD, {"free": ["N"]}, "'N' is free without a prior"),
        (GOOD, {"free": ["rate"]}, "unknown name 'rate' in free"),
        (GOOD, {"free": []}, "nothing is free"),
    ],
)
def test_bad_curves_and_options(curve: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(mm.InputError, match=words):
        mm.forecast(curve, MODEL, **options)


def test_several_seeds_and_maps_are_refused() -> None:
    several = xr.Dataset({"loss": (("seed", "step"), np.ones((2, 20)))}, coords={"step": np.arange(20)})
    with pytest.raises(mm.InputError, match="one curve at a time: select a seed"):
        mm.forecast(several, MODEL)
    halving = mm.Map(name="halving", state={"x": 1.0}, update={"x": "x/2"}, observables={"loss": "x**2"})
    with pytest.raises(mm.InputError, match="is a map: a forecast needs a flow"):
        mm.forecast(GOOD, halving)


def test_the_time_left_is_drawn_to_its_median_in_logarithms() -> None:
    left = np.exp(np.linspace(-1.0, 1.0, 101))
    drop = np.concatenate([[3.0], 10 + left, [np.inf]])
    drawn = sharpened(drop, 10.0)
    assert drawn[0] == 3.0  # behind
    assert drawn[-1] == np.inf
    assert drawn[51] == pytest.approx(11.0)
    np.testing.assert_allclose(np.log(drawn[1:-1] - 10), SHARP * np.log(left), atol=1e-12)
    late = np.array([1.0, 2.0, np.inf, np.inf, np.inf])
    assert sharpened(late, 0.5).tolist() == late.tolist()  # no median to draw to
