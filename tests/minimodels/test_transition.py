"""Runs of nested_logit: transition times, invariants, the saddle and both of its branches."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import minimodels as mm
from tests.minimodels.systems import TIGHT, TRANSITION_TIMES, plain_drift

ORIGIN = {"beta_1": 0.0, "alpha": 0.0, "xi": 0.0}


@pytest.mark.parametrize(("N", "L", "B", "labels", "everything"), TRANSITION_TIMES)
def test_transition_times_from_zero(N: float, L: float, B: float, labels: float, everything: float) -> None:
    for attend, expected in (("labels", labels), ("all", everything)):
        m = mm.model("nested_logit", N=N, L=L, B=B, attend=attend)
        escape = float(mm.simulate(m, t_end=200.0, init=ORIGIN, rtol=1e-10, atol=1e-12).escape_time)
        assert escape == pytest.approx(expected, abs=0.0051)


def test_transition_time_with_beta_2_free() -> None:
    m = mm.model("nested_logit", N=8, L=32, beta_2="free")
    run = mm.simulate(m, t_end=100.0, init={**ORIGIN, "beta_2": 0.0}, rtol=1e-10, atol=1e-12)
    assert float(run.escape_time) == pytest.approx(73.17, abs=0.0051)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"attend": "exact"}, 95.98),
        ({"attend": "exact", "beta_2": "free"}, 70.41),
        ({"attend": "exact-labels"}, 46.08),
    ],
    ids=str,
)
def test_transition_times_of_the_exact_oracle(choices: dict[str, Any], expected: float) -> None:
    """The statement alone, integrated by SciPy: eight slots would take long to compile."""
    from tests.minimodels.test_nested_logit import plain

    m = mm.model("nested_logit", N=8, L=32, **choices)
    correct = plain(m, m.observables["correct"])

    def event(t: float, y: np.ndarray) -> float:
        return float(correct(*y)) - 0.5

    event.terminal = True  # type: ignore[attr-defined]
    solved = solve_ivp(
        plain_drift(m), (0, 150), np.zeros(len(m.state)), method="DOP853", events=event, rtol=1e-8, atol=1e-10
    )
    assert solved.t_events[0][0] == pytest.approx(expected, abs=0.0051)


@pytest.mark.parametrize(("eta", "labels", "everything"), [(0.3, 91.02, 180.64)])
def test_transition_times_at_slower_attention(eta: float, labels: float, everything: float) -> None:
    for attend, expected in (("labels", labels), ("all", everything)):
        m = mm.model("nested_logit", N=8, L=32, attend=attend)
        run = mm.simulate(m, t_end=250.0, init=ORIGIN, rates={"alpha": eta, "beta_1": eta}, rtol=1e-10, atol=1e-12)
        assert float(run.escape_time) == pytest.approx(expected, abs=0.0051)


@pytest.mark.parametrize("rates", [{}, {"alpha": 0.3, "beta_1": 2.0, "xi": "1/(L-1)"}], ids=["unit", "rates"])
@pytest.mark.parametrize(("attend", "B", "M"), [("labels", 1, 8), ("labels", 2, 3), ("all", 1, 20)])
def test_the_invariant_holds_along_a_run(attend: str, B: float, M: float, rates: dict[str, Any]) -> None:
    m = mm.model("nested_logit", N=8, L=32, B=B, M=M, attend=attend)
    run = mm.simulate(m, t_end=3000.0, init={"beta_1": -0.4, "alpha": 0.2, "xi": 0.5}, rates=rates, **TIGHT)
    eta = m.with_rates(**rates).rate_values()
    value = run.alpha**2 / (2 * eta["alpha"]) - (run.beta_1 + np.exp(run.beta_1) / M) / eta["beta_1"]
    assert float(run.beta_1[-1] - run.beta_1[0]) > 1
    assert abs(value - value[0]).max() < 1e-9


@pytest.mark.parametrize("attend", ["labels", "all"])
def test_the_loss_never_rises(attend: str) -> None:
    m = mm.model("nested_logit", attend=attend)
    for start in ({}, {"alpha": -2.0, "xi": 4.0}, {"beta_1": 3.0, "alpha": 5.0, "xi": -6.0}):
        run = mm.simulate(m, t_end=2000.0, init=start, rates={"beta_1": 0.2})
        assert (np.diff(run.loss) < 1e-9).all()
        assert float(run.loss[-1]) < 0.5 * float(run.loss[0])


@pytest.mark.parametrize(("attend", "up", "down"), [("labels", 388.5, 536.8), ("all", 818.3, 1568.6)])
def test_both_branches_of_the_saddle(attend: str, up: float, down: float) -> None:
    m = mm.model("nested_logit", N=8, L=8, attend=attend)
    for sign, expected in ((1, up), (-1, down)):
        start = {"beta_1": 0.0, "alpha": sign * 0.01, "xi": sign * 0.01}
        run = mm.simulate(m, t_end=2000.0, init=start, rtol=1e-10, atol=1e-13)
        assert float(run.escape_time) == pytest.approx(expected, abs=0.051)
        assert np.sign(float(run.alpha[-1])) == np.sign(float(run.xi[-1])) == sign
    assert float(mm.simulate(m, t_end=2000.0, init=ORIGIN).loss[-1]) == pytest.approx(np.log(8), rel=1e-12)


def test_more_labels_than_the_context_holds_close_the_second_branch() -> None:
    m = mm.model("nested_logit", N=8, L=12, attend="labels")
    run = mm.simulate(m, t_end=2000.0, init={"beta_1": 0.0, "alpha": -0.01, "xi": -0.01})
    assert float(run.alpha[-1]) > 0
    assert float(run.xi[-1]) > 0


@cache
def slow_run() -> Any:
    m = mm.model("nested_logit", N=8, L=32, attend="labels")
    return mm.simulate(m, t_end=400.0, init=ORIGIN, rates={"alpha": 0, "beta_1": 0}, save=[40.0, 300.0], **TIGHT)


def test_the_slow_phase_with_frozen_attention() -> None:
    run = slow_run()
    np.testing.assert_allclose(run.CLA, [0.341165, 0.741498], atol=5.1e-7)
    np.testing.assert_allclose(run.loss, [3.154832, 2.378524], atol=5.1e-7)


def test_a_rate_is_an_expression_of_the_parameters() -> None:
    m = mm.model("nested_logit", N=8, attend="labels")
    L = np.array([16.0, 32.0, 64.0])
    grid = mm.sweep(m, {"L": L}, t_end=2000.0, rates={"xi": "1/(L-1)"})
    alone = [float(mm.simulate(m.with_values(L=x), t_end=2000.0, rates={"xi": 1 / (x - 1)}).escape_time) for x in L]
    np.testing.assert_allclose(grid.escape_time, alone, rtol=1e-12)
    assert (np.diff(grid.escape_time) > 0).all()  # at unit rates it falls
    assert (np.diff(mm.sweep(m, {"L": L}, t_end=2000.0).escape_time) < 0).all()


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_scaling_all_rates_scales_time(factor: float) -> None:
    m = mm.model("nested_logit", attend="all")
    one = mm.simulate(m, t_end=300.0, save=[50.0, 100.0, 300.0], **TIGHT)
    rates = dict.fromkeys(m.state, factor)
    other = mm.simulate(m, t_end=300 / factor, save=np.array([50.0, 100.0, 300.0]) / factor, rates=rates, **TIGHT)
    assert float(other.escape_time) * factor == pytest.approx(float(one.escape_time), rel=1e-10)
    np.testing.assert_allclose(other.xi, one.xi, rtol=1e-9)


def test_real_numbers_of_pairs_interpolate() -> None:
    m = mm.model("nested_logit", attend="labels")
    grid = mm.sweep(m, {"N": np.linspace(4, 8, 17)}, t_end=300.0)
    assert (np.diff(grid.escape_time) > 0).all()
    assert (np.abs(np.diff(grid.escape_time, 2)) < 0.2).all()
