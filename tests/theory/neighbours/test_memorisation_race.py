"""The race: closed forms against sweeps of both levels, and the law of K*."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import minimodels as mm
import theory
from minimodels.errors import InputError
from minimodels.model import Model
from theory.neighbours import runaway


def race(**choices: Any) -> Model:
    return mm.model("memorisation_race", **choices)


def acquired(model: Model, axes: dict[str, Any], t_end: float, **options: Any) -> np.ndarray:
    run = mm.sweep(
        model, axes, t_end=t_end, keep=["escape_time"], stop_at="escape_time", rtol=1e-9, atol=1e-12, **options
    )
    return run.escape_time.values


@pytest.mark.parametrize("form", ["loss", "two-variable"])
def test_every_step_holds(form: str) -> None:
    derivation = theory.derive("memorisation_race", form=form)
    assert not [(r.name, s.sentence, str(s.check)) for r in derivation for s in r.steps if not s.check.passed]
    assert derivation.names == ["reduction", "in_context_time", "acquisition"]
    assert derivation.markdown().count("*check:* holds") == sum(len(r.steps) for r in derivation)
    assert theory.predict(race(form=form))["reduction"].applies == (form == "loss")


def test_the_model_itself_has_the_theory_of_its_name() -> None:
    model = race(form="two-variable")
    assert theory.derive(model) is theory.derive("memorisation_race", **model.options)


def test_runaway_is_the_integrated_flow() -> None:
    """Closed form and invariant against LSODA at random dampings (0 among them), rates, starts of either sign."""
    rng = np.random.default_rng(0)
    for damping in (0.0, *rng.lognormal(0, 2, 6)):
        gain, logit, level = rng.normal(), rng.uniform(-3, 2), rng.uniform(2.5, 9)
        rate_w, rate_beta = rng.lognormal(0, 1, 2)

        def passed(t: float, x: np.ndarray, level: float = level) -> float:
            return float(x[1] - level)

        passed.terminal, passed.direction = True, 1.0  # type: ignore[attr-defined]
        run = solve_ivp(
            lambda t, x: [rate_w * (np.exp(x[1]) - damping * x[0]), rate_beta * x[0] * np.exp(x[1])],  # noqa: B023
            (0, 1e9), [gain, logit], method="LSODA", events=passed, rtol=1e-11, atol=1e-13,
        )  # fmt: skip
        time, end = runaway.time_to(level, gain, logit, damping, rate_w, rate_beta)
        assert time == pytest.approx(run.t_events[0][0], rel=1e-8)
        assert end == pytest.approx(run.y_events[0][0][0], rel=1e-7)
    assert math.isfinite(runaway.time_left(0.0, -300.0, 0.5))
    assert runaway.time_left(0.0, 300.0, 0.5) < 1e-100


@pytest.mark.parametrize(
    ("c2", "beta", "known"),
    [
        (0.0, 0.0, math.sqrt(math.pi / 2)),
        (0.0, -5.0, math.sqrt(math.pi / 2) * math.exp(5)),
        (1.0, -5.0, math.exp(10) / 2 + 5 + math.log(2 * math.pi) / 2),
    ],
)
def test_known_limits(c2: float, beta: float, known: float) -> None:
    made = theory.predict(race(form="two-variable", N=1e6, c2=c2), init={"beta": beta})["in_context_time"]
    assert made.values["closed_form"] / 1e6 == pytest.approx(known, rel=1e-9)
    assert made.error == 0


def test_two_variables_are_predicted_everywhere() -> None:
    """Time of acquisition, or that it never comes, at random points; any rates, start, K."""
    rng, never = np.random.default_rng(1), 0
    model = race(form="two-variable").with_rates(w=0.7, beta=1.6)
    for _ in range(40):
        values = {"N": rng.uniform(5, 500), "c2": rng.choice([0.0, rng.uniform(0, 1)]), "K": rng.lognormal(6, 2)}
        init = {"w": rng.normal(0, 0.5), "beta": rng.uniform(-2, 1), "v": rng.choice([0.0, 0.1, 0.3])}
        made = theory.predict(model.with_values(**values), init=init)["acquisition"]
        run = mm.simulate(
            model.with_values(**values), t_end=1e6, init=init, stop_at="escape_time", rtol=1e-9, atol=1e-12
        )
        if made.value > 1e6:
            never += 1
            assert np.isnan(run.escape_time)
            assert made.values["needed"] > 0.9 * made.values["available"]
        else:
            assert float(run.escape_time) == pytest.approx(made.value, rel=1e-7)
    assert 4 < never < 36


def test_the_accuracy_of_the_paper_is_reached_when_predicted() -> None:
    m = race(form="two-variable", N=300)
    run = mm.simulate(m, t_end=1e5, init={"v": 0.0}, stop_at="escape_time", rtol=1e-9)
    assert float(run.t_ICL) / 2 == pytest.approx(theory.predict(m)["in_context_time"].values["to_accuracy"], rel=1e-4)


def test_two_variables_approximate_the_loss_within_the_stated_error() -> None:
    """Error map of the reduction over N, the start and K, unlimited or not."""
    sizes, logits = np.array([30.0, 100, 1000, 1e4, 1e5]), np.array([-2.0, -1, 0, 0.5])
    for start, pairs in ((0.0, 1.0), (0.1, 1e10)):
        times = acquired(race(K=pairs), {"N": sizes, "beta_0": logits}, 1e9, init={"v": start})
        ratios, deviations = [], []
        for i, n in enumerate(sizes):
            for k, beta in enumerate(logits):
                made = theory.predict(race(N=n, K=pairs), init={"beta": beta, "v": start})["acquisition"]
                deviations.append(abs(made.value / times[i, k] - 1))
                ratios.append(deviations[-1] / made.error)
        assert max(ratios) < 1.2
        assert np.median(ratios) > 0.5  # the estimate is no mere bound
        assert max(deviations[-4:]) < 5e-4 < max(deviations[:4]) < 0.3


def test_the_threshold_in_the_number_of_pairs() -> None:
    """K* ~ N^(1/nu) e^(-beta_0/nu): bisected by sweeps, and the time at which it is measured."""
    nu, t_end = 0.7, 1e9
    stars = {}
    for n, beta in ((100.0, 0.0), (800.0, 0.0), (100.0, -1.5)):
        m = race(form="two-variable", N=n, c2=0, nu=nu)
        predicted = theory.predict(m, init={"beta": beta})["acquisition"].values["K_star"]
        pairs = predicted * np.geomspace(0.97, 1.2, 200)
        times = acquired(m, {"K": pairs}, t_end, init={"beta": beta})
        first = int(np.isfinite(times).argmax())
        assert np.isfinite(times[first:]).all()
        assert first > 0
        expected = [
            theory.predict(m.with_values(K=k), init={"beta": beta})["acquisition"].value
            for k in pairs[first - 1 : first + 1]
        ]
        assert expected[0] > t_end > expected[1]  # the finite time explains why the threshold lies above K*
        assert 1.02 < pairs[first] / predicted < 1.1
        stars[n, beta] = pairs[first]
    assert math.log(stars[800.0, 0.0] / stars[100.0, 0.0]) / math.log(8) == pytest.approx(1 / nu, abs=5e-3)
    assert math.log(stars[100.0, -1.5] / stars[100.0, 0.0]) / 1.5 == pytest.approx(1 / nu, abs=5e-3)


def test_the_threshold_of_the_loss() -> None:
    for n, beta in ((100.0, 0.0), (100.0, -2.0), (1000.0, 0.0)):
        made = [
            theory.predict(race(form=form, N=n), init={"beta": beta})["acquisition"]
            for form in ("loss", "two-variable")
        ]
        star = made[0].values["K_star"]
        assert star == pytest.approx(made[1].values["K_star"], rel=5e-3)  # c2 is 1/2 at the start of the loss
        pairs = star * np.geomspace(0.9, 1.3, 120)
        times = acquired(race(N=n), {"K": pairs}, 1e9, init={"beta": beta})
        assert pairs[np.isfinite(times).argmax()] / star == pytest.approx(1.07, abs=0.05)


def test_the_invariant_holds_for_every_damping() -> None:
    m = race(form="two-variable", N=50, c2=0.8)
    run = mm.simulate(m, t_end=1e4, init={"w": 0.2, "beta": -0.5}, stop_at="escape_time", rtol=1e-10, atol=1e-13)
    reached = run.isel(time=np.flatnonzero(np.isfinite(run.w.values)))
    left = [50 * runaway.time_left(float(w), float(b), 0.8) for w, b in zip(reached.w, reached.beta, strict=True)]
    spent = 1e4**0.7 / 3 * (10 - 1 / reached.v.values)
    assert np.ptp(np.array(left) + spent) < 1e-5 * left[0]
    assert left[-1] < left[0] / 10


def test_what_does_not_apply() -> None:
    late = theory.predict(race(), init={"beta": 6.0})["in_context_time"]
    assert "half of the attention" in late.reason
    assert "wrong labels" in theory.predict(race(), init={"v": -0.1})["acquisition"].reason
    assert "rate of w is 0" in theory.predict(race().with_rates(w=0))["acquisition"].reason
    assert theory.predict(race(K=10))["acquisition"].value == math.inf
    assert theory.predict(race(), init={"v": 0.0})["acquisition"].values["K_star"] == 0  # nothing is memorised
    assert theory.predict(race().with_rates(v=0))["acquisition"].error < 0.06
    with pytest.raises(InputError, match="one of 'loss', 'two-variable'"):
        theory.derive("memorisation_race", form="exact")


@pytest.mark.parametrize("values", [{"nu": 1e-300}, {"N": 1e300}])
def test_parameters_at_the_ends_of_floating_point_are_no_traceback(values: dict[str, float]) -> None:
    predictions = theory.predict(race(**values))
    assert any("range of floating point" in p.reason for p in predictions)
