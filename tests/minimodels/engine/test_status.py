"""How runs end, and that a bad point of a sweep harms no other."""

import numpy as np
import pytest

import minimodels as mm
from minimodels.engine.stepper.status import REMEDIES, WHAT
from tests.minimodels.systems import blow_up, double_well, lotka_volterra, oscillator


def test_a_blow_up_in_finite_time_ends_with_its_reason() -> None:
    with pytest.raises(mm.RunFailed, match=r"gr[eo]w.* at time (0\.99\d*|1), x=.*; end it before that"):
        mm.simulate(blow_up(), t_end=2.0)
    kept = mm.simulate(blow_up(), t_end=2.0, on_failure="keep", save=[0.5, 1.5])
    assert int(kept.status) in (mm.Status.STEP_TOO_SMALL, mm.Status.NON_FINITE)
    assert float(kept.stop_time) == pytest.approx(1.0, abs=1e-4)
    assert float(kept.x[0]) == pytest.approx(2.0, rel=1e-4)
    assert np.isnan(float(kept.x[1]))


def test_too_many_steps() -> None:
    run = mm.simulate(lotka_volterra(), t_end=1000.0, max_steps=50, on_failure="keep")
    assert int(run.status) == mm.Status.MAX_STEPS
    assert int(run.steps) == 50
    assert 0 < float(run.stop_time) < 1000
    with pytest.raises(mm.RunFailed, match=r"used up `max_steps` at time [\d.]+, .*; raise it to .* or so"):
        mm.simulate(lotka_volterra(), t_end=1000.0, max_steps=50)


def test_infinities_at_the_start_and_on_the_way() -> None:
    run = mm.simulate(blow_up(), t_end=1.0, init={"x": 1e200}, on_failure="keep")
    assert int(run.status) == mm.Status.NON_FINITE
    assert float(run.stop_time) == 0
    with pytest.raises(mm.RunFailed, match="infinity or nan"):
        mm.simulate(blow_up(), t_end=5.0, method="rk4", step=0.5, init={"x": 1e30})


def test_a_run_that_comes_to_rest() -> None:
    run = mm.simulate(double_well(), t_end=1e6, steady=1e-4)
    assert int(run.status) == mm.Status.STEADY
    assert float(run.stop_time) < 100
    assert float(run.x[-1]) == pytest.approx(1.0, abs=1e-4)  # what came to rest stays where it is
    assert not run.x.isnull().any()


def test_exactly_at_rest_it_stays_for_all_times() -> None:
    run = mm.simulate(double_well(), t_end=100.0, init={"x": 0.0})
    assert (run.x == 0).all()
    assert (run.loss == 0.25).all()


def test_a_point_outside_the_domain() -> None:
    grid = mm.sweep(blow_up(), {"g": [-1.0, 0.0, 1.0]}, t_end=0.5, keep=["x"])
    assert grid.status.values.tolist() == [mm.Status.OUT_OF_DOMAIN, mm.Status.SUCCESS, mm.Status.SUCCESS]
    assert np.isnan(grid.x[0])
    assert float(grid.x[1]) == pytest.approx(2.0, rel=1e-5)
    assert float(grid.x[2]) == pytest.approx(np.tan(0.5 + np.pi / 4), rel=1e-5)


def test_a_poisoned_point_leaves_the_others_bitwise_as_they_were() -> None:
    x_0 = np.linspace(0.1, 0.7, 100)
    clean = mm.sweep(blow_up(), {"x_0": x_0}, t_end=1.2, keep=["x", "steps"])
    poisoned = x_0.copy()
    poisoned[[0, 17, 40, 99]] = [1e200, 3.0, 1e9, 1e155]
    with pytest.warns(RuntimeWarning, match="4 points of 100 failed.*initial values"):
        grid = mm.sweep(blow_up(), {"x_0": poisoned}, t_end=1.2, keep=["x", "steps"])
    bad = poisoned != x_0
    assert (grid.status[bad] >= mm.Status.MAX_STEPS).all()
    assert (grid.status[~bad] == mm.Status.SUCCESS).all()
    for name in ("x", "steps"):
        assert np.array_equal(grid[name].values[~bad], clean[name].values[~bad])
    np.testing.assert_allclose(clean.x, x_0 / (1 - 1.2 * x_0), rtol=1e-4)


@pytest.mark.parametrize("status", list(mm.Status))
def test_every_status_has_words_and_every_failure_a_remedy(status: mm.Status) -> None:
    assert WHAT[status]
    assert not status.failed or REMEDIES[status]
    assert status.failed == (status >= mm.Status.MAX_STEPS)


def test_a_step_longer_than_the_run() -> None:
    run = mm.simulate(oscillator(), t_end=1e-12)
    assert int(run.status) == mm.Status.SUCCESS
    assert float(run.x[-1]) == pytest.approx(1e-12, rel=1e-9)


LONG = {"t_end": 1e7, "max_steps": 10_000}
NINE = {f"x{i}": "x0**2" for i in range(9)}
FAILURES: list[tuple[dict[str, str], dict[str, float], dict[str, float], str]] = [
    (
        {"x": "x**2", "y": "-y"},
        {"x": 1.0, "y": 0.0},
        {},
        r"m' grew beyond all bounds at time 1, x=\d.*e\+\d+, y=0",
    ),
    ({"x": "x"}, {"x": 1.0}, LONG, r"grew beyond all bounds at time 70\d"),
    ({"x": "exp(x)"}, {"x": 1.0}, {}, r"came to where exp\(x\) of 'x' grows beyond all bounds at time 0.36788, x=3\d"),
    ({"x": "-1/x"}, {"x": 1.0}, {}, r"-1/x of 'x' grows beyond all bounds at time 0.5, x=\d.*e-08"),
    ({"x": "-1", "c": "sqrt(x)"}, {"x": 1.0, "c": 2.0}, {}, r"to where sqrt\(x\) of 'c' has no value at time 1, x="),
    ({"x": "-1", "c": "1 + log(x)"}, {"x": 1.0, "c": 2.0}, {}, r"where log\(x\) \+ 1 of 'c' has no value at time 1"),
    ({"x": "sqrt(x)"}, {"x": -1.0}, {}, r"began where sqrt\(x\) of 'x' has no value at time 0, x=-1; check the init"),
    ({"x": "sin(x)/x"}, {"x": 0.0}, {}, r"began where sin\(x\)/x of 'x' has no value at time 0, x=0; check"),
    ({"x": "1 - 1e6*x"}, {"x": 1.0}, LONG, r"being stiff \(rates of 1e\+06\) at time .*; use method='rodas4'"),
    ({"x": "v", "v": "-x"}, {"x": 1.0, "v": 0.0}, LONG, r"used up `max_steps` at time .*; raise it to 6.\de\+07 or so"),
    ({"x": "-sign(x)"}, {"x": 1.0}, LONG, r"no step is small enough where -sign\(x\) jumps"),
    (NINE, dict.fromkeys(NINE, 1.0), {}, r"x3=.* and 5 more; end it"),
]


@pytest.mark.parametrize(("drift", "state", "options", "sentence"), FAILURES, ids=[row[3] for row in FAILURES])
def test_the_sentence_tells_kinds_of_failure_apart(
    drift: dict[str, str], state: dict[str, float], options: dict[str, float], sentence: str
) -> None:
    with pytest.raises(mm.RunFailed, match=sentence):
        mm.simulate(mm.Flow(name="m", state=state, drift=drift), **({"t_end": 10.0} | options))  # type: ignore[arg-type]


def test_a_descent_that_diverges_is_told_to_go_slower() -> None:
    bowl = mm.GradientFlow(name="bowl", state={"x": 1.0}, loss="x**2")
    with pytest.raises(mm.RunFailed, match=r"'bowl' grew beyond all bounds at step \d+, x=-?\d.*; lower `lr`"):
        mm.descend(bowl, lr=3.0, steps=10_000)
    square = mm.Map(name="square", state={"x": 3.0}, update={"x": "x**2"})
    with pytest.raises(mm.RunFailed, match=r"grew beyond all bounds at step \d+, .*; end it before that"):
        mm.descend(square, steps=1000)
