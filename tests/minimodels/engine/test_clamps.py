"""Clamps and rates of single states."""

import numpy as np
import pytest

import minimodels as mm
from tests.minimodels.systems import TIGHT, double_well, logistic, oscillator, two_factors


def test_a_clamped_state_stays_and_the_others_follow_it() -> None:
    m = two_factors()
    run = mm.simulate(m, t_end=10.0, clamp={"b": 0.7}, save=np.linspace(0, 10, 11), **TIGHT)
    assert (run.b == 0.7).all()
    limit = 2 / 0.7
    np.testing.assert_allclose(run.a, limit + (0.01 - limit) * np.exp(-0.49 * run.time), rtol=1e-10)


def test_a_window_holds_and_then_releases() -> None:
    m = double_well()
    times = np.array([0.0, 1.0, 3.0, 4.0, 6.0, 10.0])
    run = mm.simulate(m, t_end=10.0, clamp={"x": (0.2, 0.0, 4.0)}, save=times, **TIGHT)

    def free(x: float, t: float) -> float:
        return float(np.sqrt(1 / (1 + (1 / x**2 - 1) * np.exp(-2 * t))))

    # at its edge the window still holds
    np.testing.assert_allclose(run.x[:4], 0.2, rtol=0)
    np.testing.assert_allclose(run.x[4:], [free(0.2, 2.0), free(0.2, 6.0)], rtol=1e-10)
    late = mm.simulate(m, t_end=10.0, clamp={"x": (0.2, 4.0, 6.0)}, save=[3.0, 5.0, 6.0, 10.0], **TIGHT)
    np.testing.assert_allclose(late.x, [free(0.1, 3.0), 0.2, 0.2, free(0.2, 4.0)], rtol=1e-10)


def test_two_windows_overlap() -> None:
    m = oscillator()
    run = mm.simulate(
        m, t_end=4.0, clamp={"x": (1.0, 0.0, 2.0), "v": (0.5, 1.0, 3.0)}, save=[0.5, 1.5, 2.5, 4.0], **TIGHT
    )
    np.testing.assert_allclose(run.x[:3], [1.0, 1.0, 1.25], rtol=1e-11)
    np.testing.assert_allclose(run.v[:3], [1 - 0.5, 0.5, 0.5], rtol=1e-11)
    x, v = 1.5, 0.5
    np.testing.assert_allclose(run.x[3], x * np.cos(1) + v * np.sin(1), rtol=1e-10)


def test_an_event_is_located_after_a_release() -> None:
    run = mm.simulate(oscillator(), t_end=6.0, clamp={"x": (0.0, 0.0, 2.0)}, **TIGHT)
    assert float(run.up) == pytest.approx(2 + np.arcsin(0.5), abs=1e-8)


def test_a_stop_inside_a_window_is_the_end() -> None:
    run = mm.simulate(oscillator(), t_end=6.0, clamp={"v": (1.0, 0.0, 2.0)}, stop_at="up", save=[0.1, 5.0])
    assert float(run.stop_time) == pytest.approx(0.5, rel=1e-6)
    assert int(run.status) == mm.Status.EVENT
    assert np.isnan(run.x[1])


def test_a_clamp_of_a_map_is_in_steps() -> None:
    run = mm.descend(logistic(), steps=6, save=np.arange(7), clamp={"x": (0.3, 0, 3)})
    x = [0.3] * 4
    for _ in range(3):
        x.append(3.9 * x[-1] * (1 - x[-1]))
    np.testing.assert_allclose(run.x, x, rtol=1e-13)


def test_rates_scale_single_states() -> None:
    run = mm.simulate(two_factors(), t_end=5.0, rates={"a": "s/4"}, save=np.linspace(0, 5, 6), **TIGHT)
    np.testing.assert_allclose(2 * run.a**2 - run.b**2, 2e-4 - 0.09, rtol=1e-10)
    frozen = mm.simulate(two_factors(), t_end=5.0, rates={"a": 0})
    assert (frozen.a == 0.01).all()
    assert float(frozen.b[-1]) > 0.3


def test_a_swept_rate_is_the_rate() -> None:
    grid = mm.sweep(two_factors(), {"rate_a": [0.0, 0.5, 1.0]}, t_end=3.0, keep=["a", "b"])
    for i, rate in enumerate((0.0, 0.5, 1.0)):
        run = mm.simulate(two_factors(), t_end=3.0, rates={"a": rate}, save=[3.0])
        assert float(grid.a[i]) == pytest.approx(float(run.a[0]), rel=1e-14)
        assert float(grid.b[i]) == pytest.approx(float(run.b[0]), rel=1e-14)
