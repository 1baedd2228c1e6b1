"""Measures of curves with known plateaus and crossings, and of a run."""

import numpy as np
import pytest

import minimodels as mm
from minimodels.measure import escape_time, half_rise_time, jump_width, plateaus, saddle_visits

T = np.linspace(0, 100, 1001)


def logistic_rise(middle: float, width: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(T - middle) / width))


def test_crossings() -> None:
    y = logistic_rise(40.03, 2.0)
    assert escape_time(T, y, 0.5) == pytest.approx(40.03, abs=1e-3)
    assert escape_time(T, 1 - y, 0.25, -1) == pytest.approx(40.03 + 2 * np.log(3), abs=1e-3)
    assert np.isnan(escape_time(T, y, 0.5, -1))
    assert np.isnan(escape_time(T, y, 1.5))
    twice = np.sin(T / 10)
    assert escape_time(T, twice, 0.5) == pytest.approx(10 * np.arcsin(0.5), abs=1e-2)
    assert escape_time(T, twice, 0.5, -1) == pytest.approx(10 * (np.pi - np.arcsin(0.5)), abs=1e-2)


def test_unknown_values_are_stepped_over() -> None:
    y = logistic_rise(40.0, 2.0)
    y[::7] = np.nan
    assert escape_time(T, y, 0.5) == pytest.approx(40.0, abs=1e-2)


def test_half_rise_and_width() -> None:
    y = 3 - 2 * logistic_rise(50.0, 1.0)
    assert half_rise_time(T, y) == pytest.approx(50.0, abs=1e-3)
    assert np.isnan(half_rise_time(T, np.ones_like(T)))
    rise = logistic_rise(50.0, 1.5)
    assert jump_width(T, rise) == pytest.approx(1.5 * (np.log(9) + np.log(4)), abs=1e-2)
    assert np.isnan(jump_width(T, 0.8 * rise))


def test_plateaus_of_a_staircase() -> None:
    t = np.geomspace(1, 1e6, 1201)
    y = 3 - 1 / (1 + (1e2 / t) ** 6) - 2 / (1 + (1e4 / t) ** 6)
    found = plateaus(t, y)
    assert [p.level for p in found] == pytest.approx([3, 2, 0], abs=0.02)
    assert found[1].start == pytest.approx(2e2, rel=0.5)
    assert found[1].end == pytest.approx(5e3, rel=0.5)
    assert plateaus(t, np.log(t)) == []
    assert plateaus(t, np.ones_like(t)) == []


def test_a_path_past_a_saddle_slows_down_there() -> None:
    # x' = -x, y' = y from (1, e^-10): closest to the saddle at t = 5
    t = np.linspace(0, 10, 1001)
    states = np.stack([np.exp(-t), np.exp(t - 10)], axis=1)
    np.testing.assert_allclose(saddle_visits(t, states), [5.0], atol=0.02)
    assert len(saddle_visits(t, states[:, :1])) == 0


def test_the_log_n_plateau_of_a_run_with_slow_attention() -> None:
    m = mm.model("nested_logit", N=8, L=32, attend="labels").with_rates(alpha=1e-3, beta_1=1e-3)
    run = mm.simulate(m, t_end=1e5, init=dict.fromkeys(m.state, 0.0))
    levels = [p.level for p in plateaus(run.time, run.loss, flat=0.3)]
    assert any(abs(level - np.log(8)) < 0.2 for level in levels)
    assert escape_time(run.time, run.correct, 0.5) == pytest.approx(float(run.escape_time), rel=1e-2)


@pytest.mark.parametrize(
    ("t", "y"), [([0, 1], [1]), ([0], [1]), ([1, 0], [1, 2]), ([0, 0], [1, 2]), ([[0, 1]], [[1, 2]])]
)
def test_what_is_no_curve(t: list[float], y: list[float]) -> None:
    with pytest.raises(mm.InputError, match="two equally long arrays"):
        escape_time(t, y, 0.5)
    with pytest.raises(mm.InputError, match="saddle visits need"):
        saddle_visits([0, 1], [1, 2])


@pytest.mark.parametrize("noise", [0.0, 5e-4, 2e-3, 1e-2, 5e-2, 1e-1])
@pytest.mark.parametrize("spaced", ["steps", "logarithmic"])
def test_noise_up_to_a_tenth_of_the_drop_leaves_the_plateaus_where_they_are(noise: float, spaced: str) -> None:
    t = np.arange(1.0, 20_001.0, 10.0) if spaced == "steps" else np.geomspace(1, 2e4, 600)
    drop = 1 / (1 + (t / 700) ** 6)
    for seed in range(5):
        found = plateaus(t, drop + noise * np.random.default_rng(seed).normal(size=len(t)))
        assert len(found) == 2, (noise, seed)
        high, low = found
        assert high.start == pytest.approx(1, rel=0.3)
        assert high.end == pytest.approx(440, rel=0.35)
        assert low.start == pytest.approx(1150, rel=0.3)
        assert low.end == pytest.approx(2e4, rel=0.05)
        assert [high.level, low.level] == pytest.approx([1, 0], abs=0.03)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
def test_a_steady_decline_is_no_plateau_however_noisy(noise: float) -> None:
    t = np.geomspace(1, 1e4, 2000)
    for seed in range(5):
        y = -np.log10(t) / 4 + noise * np.random.default_rng(seed).normal(size=len(t))
        assert plateaus(t, y) == []
