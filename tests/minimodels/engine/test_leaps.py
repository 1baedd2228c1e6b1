"""Maps are iterated many steps at a time: nothing may depend on where these leaps begin and end."""

from typing import Any

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
from minimodels.engine import leap
from minimodels.problem import Options, problem

x, y, r = sp.symbols("x y r")


def coupled() -> mm.Map:
    """Return two coupled logistic maps: chaos, periods, rest and escape to infinity, by the parameter."""
    return mm.Map(
        name="coupled",
        state={"x": 0.3, "y": 0.6},
        parameters={"r": 3.0},
        update={"x": r * x * (1 - x) + (y - x) / 20, "y": r * y * (1 - y) + (x - y) / 20},
        observables={"product": x * y},
        events={"up": mm.Event(x, 0.8), "down": mm.Event(y, 0.3, -1), "either": mm.Event(x - y, 0.0, 0)},
    )


RATES = np.concatenate([np.linspace(0.5, 4.4, 333), [1.0, 3.0, 4.0]])
KEPT = ["x", "y", "product", "up", "down", "either", "steps", "stop_time"]


def plainly(rate: float, steps: int) -> np.ndarray:
    """Return the orbit as NumPy computes it."""
    found = [np.array([0.3, 0.6])]
    with np.errstate(all="ignore"):
        for _ in range(steps):
            x, y = found[-1]
            found.append(np.array([rate * x * (1 - x) + (y - x) / 20, rate * y * (1 - y) + (x - y) / 20]))
    return np.array(found)


@pytest.mark.filterwarnings("ignore:.*points of .* failed")
@pytest.mark.parametrize("stop", [None, "down"])
def test_no_bit_depends_on_company_or_on_what_is_saved(stop: str | None) -> None:
    m = coupled()
    options: dict[str, Any] = {"steps": 700, "keep": KEPT, "stop_at": stop, "on_failure": "keep"}
    whole = mm.sweep(m, {"r": RATES}, threads=1, **options)
    assert whole.equals(mm.sweep(m, {"r": RATES}, threads=3, **options))
    order = np.random.default_rng(0).permutation(len(RATES))
    assert mm.sweep(m, {"r": RATES[order]}, **options).sortby("r").equals(whole.sortby("r"))
    saved = mm.sweep(m, {"r": RATES}, save=np.arange(0, 701, 7), **options)
    one_by_one = mm.sweep(m, {"r": RATES}, save=np.arange(701), **options)
    for name in ("x", "y", "product"):
        np.testing.assert_array_equal(saved[name], one_by_one[name][:, ::7])
    for name in ("up", "down", "either", "steps", "stop_time", "status"):
        np.testing.assert_array_equal(saved[name], whole[name])
        np.testing.assert_array_equal(one_by_one[name], whole[name])
    for rate in RATES[::40]:
        run = mm.descend(m.with_values(r=rate), steps=700, save=[700], stop_at=stop, on_failure="keep")
        assert int(run.steps) == int(whole.steps.sel(r=rate))
        np.testing.assert_array_equal(run.up, whole.up.sel(r=rate))


@pytest.mark.filterwarnings("ignore:.*points of .* failed")
def test_orbits_events_and_ends_are_those_of_a_loop() -> None:
    m, steps = coupled(), 60
    found = mm.sweep(m, {"r": RATES}, steps=steps, save=np.arange(steps + 1), keep=KEPT, on_failure="keep")
    for i, rate in enumerate(RATES):
        orbit = plainly(rate, steps)
        if rate < 3.4:  # else digits are lost to chaos
            np.testing.assert_allclose(found.x[i], orbit[:, 0], rtol=1e-9, atol=1e-12)
            levels = {"up": orbit[:, 0] - 0.8, "down": 0.3 - orbit[:, 1]}
            for name, level in levels.items():
                crossed = np.flatnonzero((level[:-1] < 0) & (level[1:] >= 0))
                expected = 0 if level[0] >= 0 else crossed[0] + 1 if len(crossed) else np.nan
                if len(crossed) or level[0] < 0:
                    np.testing.assert_equal(float(found[name][i]), float(crossed[0] + 1 if len(crossed) else expected))
    assert set(found.status.values.tolist()) <= {int(mm.Status.SUCCESS), int(mm.Status.NON_FINITE)}


def test_a_blow_up_ends_at_its_last_finite_state() -> None:
    m = coupled()
    run = mm.descend(m.with_values(r=4.4), steps=5000, on_failure="keep", save=[5000])
    end = int(run.stop_time)
    orbit = plainly(4.4, end + 3)
    assert int(run.status) == mm.Status.NON_FINITE
    assert np.isfinite(orbit[end]).all()
    assert not np.isfinite(orbit[end + 2]).all()


def test_a_map_that_is_too_large_is_iterated_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = mm.sweep(coupled(), {"r": np.linspace(0.5, 3.3, 40)}, steps=300, keep=KEPT)
    monkeypatch.setattr(leap, "LARGE", 0)
    m = coupled()
    stated = problem(m, 300, Options(method="map", max_steps=301), what="steps")
    assert "leap" not in stated.kernel().address
    slow = mm.sweep(m, {"r": np.linspace(0.5, 3.3, 40)}, steps=300, keep=KEPT)
    for name in KEPT:
        np.testing.assert_allclose(quick[name], slow[name], rtol=1e-9, atol=1e-12)


def test_windows_edges_and_every_crossing() -> None:
    m = coupled().with_values(r=3.6)
    clamp = {"x": [(0.2, 10, 25), (0.9, 40, 41)]}
    run = mm.descend(m, steps=100, clamp=clamp, save=np.arange(101), crossings=True)
    assert (run.x[11:26] == 0.2).all()
    level = run.x.values - 0.8
    inside = np.flatnonzero((level[:-1] < 0) & (level[1:] >= 0)) + 1
    times = run.crossing_time.values[run.crossing_event.values == "up"]
    assert set(inside) - {41} <= set(times.astype(int))
    assert (np.diff(times) > 0).all()


def test_a_map_with_constants_and_a_resting_lane() -> None:
    m = mm.Map(name="plain", state={"x": 0.0, "y": 1.0, "z": 5.0}, update={"x": "x + 1", "y": "y/2", "z": 7.0},
               events={"ten": mm.Event("x", 10.0), "never": mm.Event("3.0", 4.0)})  # fmt: skip
    run = mm.descend(m, steps=10_000, save=[0, 1, 5000, 10_000])
    assert run.x.values.tolist() == [0, 1, 5000, 10_000]
    assert run.z.values.tolist() == [5, 7, 7, 7]
    assert (int(run.ten), bool(run.never_censored), int(run.steps)) == (10, True, 10_000)
