"""Bounds of states: met where an event would be, held while the drift points outwards, left when it turns."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

import minimodels as mm
from minimodels.engine import leap
from tests.minimodels.systems import METHODS, TIGHT, states_of, stepping
from tests.minimodels.walled import corner, draining, drawn, hunters, projected, ramp, stiff, walls

FINE = {"rtol": 1e-11, "atol": 1e-13}


@pytest.mark.parametrize("method", METHODS)
def test_a_ramp_ends_at_its_bound(method: str) -> None:
    times = np.linspace(0, 3, 13)
    run = mm.simulate(ramp(), t_end=3.0, method=method, save=times, **stepping(method, 0.3))
    np.testing.assert_allclose(run.x, np.minimum(times, 1.0), rtol=1e-12)
    assert (run.x[times >= 1.25] == 1.0).all()
    assert float(run.met) == pytest.approx(1.0, abs=1e-12)
    assert int(run.status) == mm.Status.SUCCESS


def walled(times: np.ndarray) -> np.ndarray:
    """Return x of x' = cos t in [-0.6, 0.5] from 0: held until cos t changes its sign, then released."""
    lowest = brentq(lambda t: np.sin(t) - 0.5 + 0.6, np.pi / 2, 1.5 * np.pi)
    return np.select(
        [times < np.arcsin(0.5), times < np.pi / 2, times < lowest, times < 1.5 * np.pi, times < 7.0],
        [np.sin(times), np.full(len(times), 0.5), np.sin(times) - 0.5, np.full(len(times), -0.6), np.sin(times) + 0.4],
    )


@pytest.mark.parametrize("method", METHODS)
def test_both_walls_are_met_and_left_as_in_closed_form(method: str) -> None:
    times = np.linspace(0, 6.2, 63)
    run = mm.simulate(walls(), t_end=6.2, method=method, save=times, **stepping(method, 0.01, **FINE))
    np.testing.assert_allclose(run.x, walled(times), atol=2e-10)
    assert float(run.x.max()) == 0.5
    assert float(run.x.min()) == -0.6


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [walls(), corner(), hunters()], ids=lambda m: m.name)
def test_as_a_reference_with_an_event_at_every_bound(model: Any, method: str) -> None:
    times = np.linspace(0, 20, 41)
    run = mm.simulate(model, t_end=20.0, method=method, save=times, **stepping(method, 0.002, **FINE))
    np.testing.assert_allclose(states_of(run, model), projected(model, times), rtol=0, atol=1e-8)


def test_a_stiff_one_uses_the_jacobian_of_what_is_free() -> None:
    times = np.geomspace(1e-3, 100.0, 30)
    run = mm.simulate(stiff(), t_end=100.0, method="rodas4", save=times, rtol=1e-10, atol=1e-14)
    found, exact = states_of(run, stiff()), projected(stiff(), times, "Radau")
    np.testing.assert_allclose(found, exact, rtol=1e-8, atol=1e-10)
    assert found[:, 1].max() == 2e-5
    assert found[-1, 2] == 0.3
    assert int(run.steps) < 2000


@pytest.mark.parametrize("seed", range(12))
def test_tangles_of_states_that_hold_and_release_each_other(seed: int) -> None:
    """SciPy looks at its events at the ends of steps alone, and needs short ones."""
    m, times = drawn(seed), np.linspace(0, 8, 17)
    exact = projected(m, times, max_step=0.01)
    for method in METHODS:
        run = mm.simulate(m, t_end=8.0, method=method, save=times, **stepping(method, 0.002, rtol=1e-10, atol=1e-12))
        np.testing.assert_allclose(states_of(run, m), exact, rtol=0, atol=1e-8)
        coarse = mm.simulate(m, t_end=8.0, method=method, save=times, **stepping(method, 0.7, rtol=1e-2, atol=1e-2))
        assert int(coarse.steps) < 200
        assert all((coarse[k] <= m.values[f"high{i}"]).all() for i, k in enumerate("xyz"))


def test_the_order_of_rk4_survives_a_bound() -> None:
    exact = projected(hunters(), [6.0])[0]
    errors = []
    for step in (0.1, 0.05, 0.025, 0.0125):
        run = mm.simulate(hunters(), t_end=6.0, method="rk4", step=step, save=[6.0])
        errors.append(np.abs(states_of(run, hunters())[0] - exact).max())
    assert np.log2(errors[0] / errors[-1]) / 3 > 3.6


@pytest.mark.parametrize("method", METHODS)
def test_what_comes_back_within_a_step_has_met_its_bound(method: str) -> None:
    """x would be sin t, and above the bound for 0.28: steps twice as long see nothing of it at their ends."""
    m = walls().with_values(high=0.99, low=-5.0)
    options = stepping(method, 0.6, rtol=1e-3, atol=1e-3)
    run = mm.simulate(m, t_end=3.0, method=method, save=[3.0], **options)
    assert int(run.steps) < 15
    assert float(run.x[-1]) == pytest.approx(np.sin(3.0) - 0.01, abs=2e-3)


@pytest.mark.parametrize("method", METHODS)
def test_what_leaves_and_meets_its_bound_again_within_a_step(method: str) -> None:
    """The drift points inwards for |t - 1.05| < 0.1 alone: x leaves by 4/3 of 0.1^3, and is back 0.3 after it left."""
    m = mm.Flow(
        name="dip", state={"x": 1.0, "t": 0.0}, drift={"x": "(t - 1.05)**2 - 0.01", "t": "1"}, bounds={"x": (None, 1)}
    )  # fmt: skip
    run = mm.simulate(m, t_end=2.4, method=method, save=[0.9, 1.15, 1.3, 2.4], **stepping(method, 0.6))
    np.testing.assert_allclose(run.x, [1, 1 - 4e-3 / 3, 1, 1], atol=1e-5)
    assert int(run.steps) < 30


@pytest.mark.parametrize("method", METHODS)
def test_a_push_that_is_the_same_at_both_ends_and_in_the_middle_of_a_step(method: str) -> None:
    """The drift is 0.1 at t = 0, 1/2 and 1, and below 0 between the first two: its slopes alone tell."""
    drift = np.poly1d([-4, 6, -2, 0.1])
    m = mm.Flow(
        name="wave", state={"x": 1.0, "t": 0.0, "below": 0.0}, bounds={"x": (None, 1)},
        drift={"x": "0.1 - 4*t*(t - 1/2)*(t - 1)", "t": "1", "below": "1 - x"},
    )  # fmt: skip
    leaves = min(drift.roots.real)
    gone = np.polyint(drift) - np.polyint(drift)(leaves)
    back = min(r.real for r in gone.roots if r.real > leaves + 1e-3)
    run = mm.simulate(m, t_end=1.0, method=method, save=[1.0], **stepping(method, 1.0, rtol=1e-8, atol=1e-10))
    expected = np.polyint(gone)(leaves) - np.polyint(gone)(back)
    assert float(run.below[-1]) == pytest.approx(expected, rel=0.7 if method == "rk4" else 1e-6)  # 0 if unseen


@pytest.mark.parametrize("method", METHODS)
def test_where_the_drift_ends_at_the_bound(method: str) -> None:
    """Beyond 0 the square root has no value: the programs are made to stop there."""
    times = np.array([0.3, 0.7, 0.9, 1.2, 2.0])
    options = stepping(method, 0.001, rtol=1e-9, atol=1e-14)
    run = mm.simulate(draining(), t_end=2.0, method=method, save=times, **options)
    np.testing.assert_allclose(run.x, np.maximum(1 - times, 0) ** 2, atol=1e-7)
    assert float(run.x[-1]) == 0.0
    assert float(run.dry) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_decay_does_not_meet_its_limit(method: str) -> None:
    m = mm.Flow(name="decay", state={"x": 1.0}, drift={"x": "-x"}, bounds={"x": (0, None)})
    run = mm.simulate(m, t_end=30.0, method=method, save=[10.0, 30.0], **stepping(method, 0.05, rtol=1e-8, atol=1e-20))
    np.testing.assert_allclose(run.x, np.exp(-np.array([10.0, 30.0])), rtol=1e-5)


def test_states_that_meet_their_bounds_at_once_and_one_after_the_other() -> None:
    m = mm.Flow(
        name="two", state={"x": 0.0, "y": 0.0, "z": 0.0}, parameters={"late": 0.0},
        drift={"x": "1", "y": "1", "z": "y"}, bounds={"x": (None, 1), "y": (None, "1 + late")},
    )  # fmt: skip
    for late in (0.0, 1e-14, 1e-10, 1e-3):
        run = mm.simulate(m.with_values(late=late), t_end=2.0, save=[2.0], **TIGHT)
        assert float(run.x[-1]) == 1.0
        assert float(run.y[-1]) == 1 + late
        assert float(run.z[-1]) == pytest.approx((1 + late) ** 2 / 2 + (1 + late) * (1 - late), rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_start_at_the_bound(method: str) -> None:
    outwards = mm.simulate(ramp(), t_end=2.0, init={"x": 1.0}, method=method, **stepping(method, 0.1))
    assert (outwards.x == 1.0).all()
    inwards = mm.simulate(
        ramp().with_values(speed=-1.0), t_end=2.0, init={"x": 1.0}, method=method, save=[0.5, 2.0],
        **stepping(method, 0.1),
    )  # fmt: skip
    np.testing.assert_allclose(inwards.x, [0.5, -1.0], rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_events_at_the_bound(method: str) -> None:
    options = stepping(method, 0.01, **FINE)
    watched = {
        "met": mm.Event("x", 0.5),
        "left": mm.Event("x", 0.5, -1),
        "beyond": mm.Event("x", 0.500001),
        "before": mm.Event("x", 0.499999),
    }
    run = mm.simulate(walls(), t_end=3.0, events=watched, method=method, crossings=True, **options)
    assert float(run.met) == pytest.approx(np.arcsin(0.5), abs=1e-9)
    assert np.isnan(run.beyond)
    assert bool(run.beyond_censored)
    assert float(run.before) == pytest.approx(np.arcsin(0.499999), abs=1e-9)
    names = run.crossing_event.values.tolist()
    assert names[:2] == ["before", "met"]
    assert float(run.x_at_crossing[1]) == pytest.approx(0.5, abs=1e-11)
    assert float(run.x_at_crossing.max()) == 0.5
    stopped = mm.simulate(walls(), t_end=3.0, events=watched, stop_at="met", method=method, save=[0.1, 3.0], **options)
    assert int(stopped.status) == mm.Status.EVENT
    assert float(stopped.stop_time) == float(stopped.met)
    later = mm.simulate(hunters(), t_end=20.0, method=method, **options)
    reference = projected(hunters(), np.linspace(0, 20, 20001))
    fewer = np.flatnonzero((reference[:-1, 1] > 0.7) & (reference[1:, 1] <= 0.7))[0]
    assert float(later.few) == pytest.approx(fewer * 1e-3, abs=1e-3)


def test_a_flow_that_rests_at_its_bound_ends_there() -> None:
    run = mm.simulate(ramp(), t_end=1e6, save=[0.5, 1e6])
    assert int(run.steps) < 50
    assert int(run.status) == mm.Status.SUCCESS
    assert mm.simulate(ramp(), t_end=1e6, steady=1e-9).status == mm.Status.STEADY


def test_the_loss_never_rises_and_ends_at_the_conditions_of_karush_kuhn_and_tucker() -> None:
    run = mm.simulate(corner(), t_end=40.0, **FINE)
    assert (np.diff(run.loss) <= 1e-15).all()
    x, y = float(run.x[-1]), float(run.y[-1])
    assert float(run.y.max()) == 0.6  # from where it comes back
    assert x == 1.5
    assert 2 * (x - 2) + 0.8 * y < 0
    assert y == pytest.approx(1 - 0.4 * x, abs=1e-9)


def descended(lr: float, steps: int) -> np.ndarray:
    """Return projected gradient descent of `corner`, literally."""
    x, y, out = 0.0, 0.0, [(0.0, 0.0)]
    for _ in range(steps):
        dx, dy = 2 * (x - 2) + 0.8 * y, 2 * (y - 1) + 0.8 * x
        x, y = min(max(x - 0.2 * lr * dx, 0.0), 1.5), min(y - lr * dy, 0.6)
        out.append((x, y))
    return np.array(out)


@pytest.mark.parametrize("large", [leap.LARGE, 0])
def test_a_descent_is_projected(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leap, "LARGE", large)
    m = mm.GradientFlow(
        name="step_by_step", state={"x": 0.0, "y": 0.0}, loss="(x - 2)**2 + (y - 1)**2 + 0.8*x*y",
        bounds={"x": (0, 1.5), "y": (None, 0.6)}, rates={"x": 0.2}, events={"met": mm.Event("y", 0.6)},
    )  # fmt: skip
    for lr in (0.02, 0.3, 0.9):
        run = mm.descend(m, lr=lr, steps=60, save=np.arange(61))
        expected = descended(lr, 60)
        np.testing.assert_allclose(states_of(run, m), expected, rtol=1e-12, atol=1e-14)
        assert float(run.met) == np.flatnonzero(expected[:, 1] == 0.6)[0]
        assert float(run.y.max()) == 0.6


def test_a_map_is_projected_and_nan_is_no_bound() -> None:
    double = mm.Map(name="double", state={"x": 0.3}, update={"x": "2*x"}, bounds={"x": (-1, 1)})
    run = mm.descend(double, steps=4, save=np.arange(5))
    assert run.x.values.tolist() == [0.3, 0.6, 1.0, 1.0, 1.0]
    lost = mm.Map(name="lost", state={"x": 0.3}, update={"x": "log(x - 0.2) - 5"}, bounds={"x": (-10, 1)})
    assert int(mm.descend(lost, steps=4, on_failure="keep").status) == mm.Status.NON_FINITE


def test_an_exact_descent_is_projected() -> None:
    square = mm.Flow(
        name="square", state={"u": 1.0}, drift={"u": "-2*u"}, descent={"u": "(1 - lr)**2*u"}, bounds={"u": (0.2, None)}
    )  # fmt: skip
    assert mm.descend(square, lr=0.5, steps=3, save=np.arange(4)).u.values.tolist() == [1.0, 0.25, 0.2, 0.2]


@pytest.mark.parametrize("method", METHODS)
def test_company_threads_and_saved_times_change_no_bit(method: str) -> None:
    axes = {"high": np.linspace(0.1, 1.2, 23), "low": np.linspace(-1.1, -0.05, 7)}
    options: dict[str, Any] = {"t_end": 8.0, "save": [1.0, 8.0], "method": method, **stepping(method, 0.05)}
    one, two = (mm.sweep(walls(), axes, threads=k, **options) for k in (1, 2))
    assert one.identical(two)
    alone = mm.simulate(walls().with_values(high=axes["high"][11], low=axes["low"][3]), **options)
    for name in ("x", "y"):
        assert (alone[name].values == one[name].values[11, 3]).all()


def test_an_ensemble_with_bounds_resumes(tmp_path: Any) -> None:
    axes = {"top": np.linspace(0.5, 3.0, 9), "x_0": [0.0, 0.25, 1.0, 2.0]}
    whole = mm.sweep(ramp(), axes, t_end=2.0, keep=["x", "met"])
    part = mm.sweep(ramp(), {"top": axes["top"][:4], "x_0": axes["x_0"]}, t_end=2.0, keep=["x", "met"])
    saved = mm.sweep(ramp(), axes, t_end=2.0, keep=["x", "met"], extend=part, out=tmp_path / "grid.nc")
    assert saved.drop_attrs().identical(whole.drop_attrs())
    beyond = whole.x_0.values[None, :] > whole.top.values[:, None]
    assert ((whole.status == mm.Status.OUT_OF_DOMAIN).values == beyond).all()
    exact = np.minimum(whole.x_0 + 2.0, whole.top).transpose("top", "x_0")
    np.testing.assert_allclose(whole.x.values[~beyond], exact.values[~beyond], rtol=1e-13)


def test_a_bound_that_is_scheduled_takes_the_state_along() -> None:
    run = mm.simulate(ramp(), t_end=4.0, schedule={"top": [(0.5, 2.0, 3.0)]}, save=[1.5, 2.0, 2.5, 3.2, 4.0])
    np.testing.assert_allclose(run.x, [1.0, 1.0, 0.5, 0.7, 1.0], rtol=1e-12)


def test_a_clamp_holds_within_bounds() -> None:
    run = mm.simulate(ramp(), t_end=2.0, clamp={"x": (0.25, 0.0, 1.0)}, save=[1.0, 1.5, 2.0])
    np.testing.assert_allclose(run.x, [0.25, 0.75, 1.0], rtol=1e-12)
    with pytest.raises(mm.InputError, match=r"the clamp of 'x' must lie within its bounds \[-inf, 1\]; got x=2"):
        mm.simulate(ramp(), t_end=2.0, clamp={"x": (2.0, 1.0, 1.5)})
