"""Predictions against numbers known from elsewhere, and what they say when they do not apply."""

import math

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy.integrate import solve_ivp

import minimodels as mm
import theory
from minimodels.errors import InputError
from minimodels.model import Model
from minimodels.models import model
from theory.numeric import function
from theory.reddy.flow import _flow, measured_time

ZERO = {"beta_1": 0.0, "alpha": 0.0, "xi": 0.0}
UNIT = {"beta_1": 1.0, "alpha": 1.0, "xi": 1.0}


def nested(**choices: object) -> theory.Predictions:
    init = choices.pop("init", None)
    return theory.predict(model("nested_logit", **choices), init=init)


@pytest.mark.parametrize(
    ("choices", "gradient"),
    [
        ({"attend": "labels"}, -0.09375),
        ({"attend": "all"}, -0.0441176),
        ({"attend": "labels", "B": 2}, -0.21875),
        ({"attend": "all", "B": 2}, -0.1029412),
        ({"attend": "labels", "L": 16}, -0.0625),
        ({"attend": "all", "L": 16}, -0.0294118),
        ({"attend": "exact", "N": 4, "L": 16}, -(1 - 4 / 16) / 9),
    ],
)
def test_gradient_at_the_origin(choices: dict[str, object], gradient: float) -> None:
    assert nested(**choices)["origin_gradient"].value == pytest.approx(gradient, abs=5e-8)


@pytest.mark.parametrize("attend", ["labels", "all", "exact"])
def test_gradient_at_the_origin_is_that_of_the_model(attend: str) -> None:
    m = model("nested_logit", attend=attend, N=4, L=7)
    slope = _evaluate(m, "xi", 0.0)
    assert theory.predict(m)["origin_gradient"].value == pytest.approx(-slope, rel=1e-12)


def _at(m: Model) -> dict[sp.Symbol, float]:
    return {m.symbols[k]: v for k, v in m.values.items()}


def _evaluate(m: Model, state: str, xi: float) -> float:
    """Drift of a state at beta_1 = alpha = 0 and the given xi."""
    rest = {m.symbols["beta_1"]: 0, m.symbols["alpha"]: 0}
    return float(function([m.symbols["xi"]], m.drift[state].subs({**rest, **_at(m)}))(xi))


@pytest.mark.parametrize(
    ("attend", "n", "rate"),
    [
        ("labels", 8, 0.0121528),
        ("all", 8, 0.00571895),
        ("exact", 2, 0.025),
        ("exact", 4, 0.0150463),
        ("exact", 8, 0.00631565),
        ("exact-labels", 2, 0.0625),
        ("exact-labels", 4, 0.0338542),
        ("exact-labels", 8, 0.0134208),
    ],
)
def test_growth_rate_at_the_saddle(attend: str, n: int, rate: float) -> None:
    made = nested(attend=attend, N=n, L=n)
    exact = attend.startswith("exact")
    names = ("saddle_exact_positions", "saddle") if exact else ("saddle", "saddle_exact_positions")
    assert made[names[0]].value == pytest.approx(rate, abs=5e-8)
    assert not made[names[1]].applies
    if exact and n == 8:
        assert made["saddle_exact_positions"].values["equivalent_M"] == pytest.approx(7.15, abs=5e-3)


def test_exact_positions_grow_at_the_predicted_rate() -> None:
    """The exact-position loss at a context size that the derivation does not look at, with noise in the items."""
    from theory.reddy.saddle import _hessian

    m = model("nested_logit", attend="exact", N=5, L=5)
    assert theory.predict(m)["saddle_exact_positions"].value == pytest.approx(
        -_hessian("exact", 5, 0, 0)[1, 2], rel=1e-12
    )
    noisy = theory.predict(m.with_values(eps=0.5))["saddle_exact_positions"].value
    assert noisy == pytest.approx(-_hessian("exact", 5, 0.5, 0)[1, 2], rel=1e-12)


@pytest.mark.parametrize(("attend", "time", "measured"), [("labels", 378.9, 388.5), ("all", 805.3, 818.3)])
def test_escape_from_the_saddle(attend: str, time: float, measured: float) -> None:
    made = nested(attend=attend, N=8, L=8, init={"beta_1": 0.0})
    assert made["escape_from_saddle"].value == pytest.approx(time, abs=0.06)
    assert made["transition_time"].value == pytest.approx(measured, abs=0.06)
    assert made["escape_from_saddle"].error == pytest.approx(1 - time / measured, rel=0.02)


def test_escape_with_rates_and_unequal_start() -> None:
    m = model("nested_logit", attend="labels", N=8, L=8).with_rates(xi=0.25, alpha=4.0)
    small = {"beta_1": 0.0, "alpha": 1e-4, "xi": 0.0}
    smaller = {"beta_1": 0.0, "alpha": 1e-6, "xi": 0.0}
    times = [measured_time("labels", m.values, m.rate_values(), start) for start in (small, smaller)]
    rate = theory.predict(m, init=small)["escape_from_saddle"].values["growth_rate"]
    assert times[1] - times[0] == pytest.approx(math.log(1e2) / rate, rel=1e-4)
    assert theory.predict(m, init=small)["escape_from_saddle"].value == pytest.approx(times[0], abs=1 / rate)


def test_escape_with_exact_positions() -> None:
    m = model("nested_logit", attend="exact", N=3, L=3)
    symbols = [m.symbols[k] for k in m.state]
    at = {m.symbols[k]: v for k, v in m.values.items()}
    drift = function(symbols, [m.drift[k].subs(at) for k in m.state])
    correct = function(symbols, m.observables["correct"].subs(at))

    def half(t: float, x: np.ndarray) -> float:
        return float(correct(*x)) - 0.5

    half.terminal = True  # type: ignore[attr-defined]
    times, rates = [], []
    for start in (1e-3, 1e-4):
        run = solve_ivp(
            lambda t, x: drift(*x), (0, 1e4), [0, start, start], method="LSODA", events=half, rtol=1e-8, atol=1e-11
        )
        made = theory.predict(m, init={"beta_1": 0, "alpha": start, "xi": start})["escape_from_saddle"]
        times.append(run.t_events[0][0])
        rates.append(made.values["growth_rate"])
        assert made.value == pytest.approx(times[-1], abs=1 / rates[-1])
    assert times[1] - times[0] == pytest.approx(math.log(10) / rates[0], rel=1e-3)


def test_run_beside_its_predictions() -> None:
    init = {"beta_1": 0.01, "alpha": 0.02, "xi": 0.03}
    m = model("nested_logit", attend="labels", N=6, L=6)
    drift, correct = _flow("labels")
    values = [m.values[k] for k in ("N", "L", "B", "M")]

    def half(t: float, x: np.ndarray) -> float:
        return float(correct(*x, *values)) - 0.5

    run = solve_ivp(lambda t, x: drift(*x, *values), (0, 400), list(init.values()), events=half, rtol=1e-10, atol=1e-12)
    data = xr.Dataset({k: ("time", v) for k, v in zip(init, run.y, strict=True)}, coords={"time": run.t})
    table = theory.predict(m, init=init).beside(data.assign(escape_time=run.t_events[0][0]))
    assert set(table["result"].values) == {"invariant", "second_invariant", "escape_from_saddle", "transition_time"}
    size = abs(table["deviation"])
    assert float(size.sel(result="transition_time")) < 1e-4
    assert float(size.sel(result="escape_from_saddle")) == pytest.approx(
        theory.predict(m, init=init)["escape_from_saddle"].error, abs=1e-4
    )
    for name in ("invariant", "second_invariant"):
        assert abs(float(table["difference"].sel(result=name))) < 1e-7
        assert np.isnan(size.sel(result=name))


def test_library_runs_agree_with_the_theory() -> None:
    m = mm.model("nested_logit", attend="labels", N=8, L=32)
    run = mm.simulate(m, t_end=200.0, rtol=1e-8)
    assert abs(float(theory.predict(m).beside(run)["deviation"].sel(result="transition_time"))) < 1e-4
    frozen = mm.simulate(
        m, t_end=400.0, init={"xi": 0.0}, clamp={"alpha": 0.0, "beta_1": 0.0}, save=[40.0, 300.0], rtol=1e-8
    )
    curve = theory.predict(m)["slow_phase"].curve(frozen["time"])
    for name in ("loss", "CLA", "correct", "xi"):
        assert curve[name].values == pytest.approx(frozen[name].values, rel=1e-6)


def test_slow_phase_numbers() -> None:
    made = nested(attend="labels")
    curve = made["slow_phase"].curve([0, 40, 300])
    assert curve["CLA"].values == pytest.approx([0.25, 0.341165, 0.741498], abs=5e-7)
    assert curve["loss"].values == pytest.approx([math.log(32), 3.154832, 2.378524], abs=5e-7)
    assert made["half_time"].value == pytest.approx(112.98, abs=5e-3)
    assert nested(attend="all")["half_time"].value == pytest.approx(510.17, abs=5e-3)
    assert made["plateaus"].values == pytest.approx(
        {"first": math.log(32), "second": math.log(8), "accuracy": 1 / 8}, rel=1e-12
    )


def test_slow_phase_does_not_overflow() -> None:
    late = nested(attend="labels")["slow_phase"].curve([1e3, 1e6, 1e12])
    assert np.all(np.isfinite(late["xi"]))
    assert late["CLA"].values[-1] == pytest.approx(1)
    assert late["loss"].values[-1] == pytest.approx(math.log(8), abs=1e-9)


@pytest.mark.parametrize("attend", ["labels", "all", "exact"])
def test_slow_phase_is_the_clamped_flow(attend: str) -> None:
    m = model("nested_logit", attend=attend, N=4, L=10).with_rates(xi=0.3)
    at = {m.symbols["beta_1"]: 0, m.symbols["alpha"]: 0, **_at(m)}
    drift = function([m.symbols["xi"]], m.drift["xi"].subs(at))
    on_context = function([m.symbols["xi"]], m.observables["CLA"].subs(at))
    times = np.array([5.0, 50.0, 500.0])
    run = solve_ivp(lambda t, x: 0.3 * drift(x), (0, 500), [0.0], t_eval=times, rtol=1e-10, atol=1e-12)
    curve = theory.predict(m)["slow_phase"].curve(times)
    assert curve["xi"].values == pytest.approx(run.y[0], rel=1e-7)
    assert curve["CLA"].values == pytest.approx([float(on_context(x)) for x in run.y[0]], rel=1e-7)


def test_leading_order_numbers() -> None:
    labels, every = nested(attend="labels", init=ZERO), nested(attend="all", init=ZERO)
    assert labels["transition_time_leading"].value == pytest.approx(48.1, abs=0.05)
    assert every["transition_time_leading"].value == pytest.approx(98.0, abs=0.05)
    assert labels["transition_time_leading"].error == pytest.approx(1 - 48.0775 / 49.53, rel=0.02)
    assert labels["transition_time"].error < 1e-3


@pytest.mark.parametrize(("size", "names"), [(32, ["invariant"]), (8, ["invariant", "second_invariant"])])
def test_invariants_are_conserved(size: float, names: list[str]) -> None:
    rates = {"beta_1": 0.3, "alpha": 2.0, "xi": 0.5}
    m = model("nested_logit", attend="all", N=8, L=size).with_rates(**rates)
    drift, _ = _flow("all")
    values = [m.values[k] for k in ("N", "L", "B", "M")]
    start = [0.2, 0.3, 0.4]

    def flow(t: float, x: np.ndarray) -> list[float]:
        return [rate * slope for rate, slope in zip(rates.values(), drift(*x, *values), strict=True)]

    end = solve_ivp(flow, (0, 300), start, rtol=1e-11, atol=1e-12).y[:, -1]
    assert np.linalg.norm(end - start) > 1
    for name in names:
        before, after = (
            theory.predict(m, init=dict(zip(rates, map(float, state), strict=True)))[name].value
            for state in (start, end)
        )
        assert after == pytest.approx(before, abs=1e-7)
    assert theory.predict(m)["second_invariant"].applies == (size == 8)


def test_drives_on_the_plateau() -> None:
    m = model("nested_logit", attend="labels", N=8, L=32)
    values = theory.predict(m)["plateau_drives"].values
    assert values["drive_xi"] == pytest.approx(_evaluate(m, "xi", 1e-7), rel=1e-6)
    assert values["drive_alpha_per_xi"] == pytest.approx(_evaluate(m, "alpha", 1e-7) / 1e-7, rel=1e-6)


def test_anti_induction_branch() -> None:
    for attend, time in (("labels", 536.8), ("all", 1568.6)):
        made = nested(attend=attend, N=8, L=8, init={"beta_1": 0, "alpha": -0.01, "xi": -0.01})
        assert made["anti_induction"].applies
        assert made["anti_induction"].values["end_loss"] == 0
        assert made["anti_induction"].values["escape_time"] == pytest.approx(time, abs=0.06)
    above = nested(attend="labels", N=8, L=9, init={"alpha": -0.01, "xi": -0.01})["anti_induction"]
    assert not above.applies
    assert "returns" in above.reason
    assert "alpha < 0" in nested(N=8, L=8)["anti_induction"].reason


def test_sign_symmetry_is_exact_only_for_two_labels() -> None:
    assert nested(attend="labels", N=4, L=2, B=2)["sign_symmetry"].applies
    assert not nested(attend="labels", N=8, L=8)["sign_symmetry"].applies
    up, down = (
        measured_time("labels", {"N": 8, "L": 8, "B": 1, "M": 8}, UNIT, {"alpha": s, "xi": s}) for s in (0.01, -0.01)
    )
    assert down > 1.2 * up


def test_reasons() -> None:
    slow, at_saddle = nested(), nested(N=8, L=8)
    assert "exceeds N/B" in slow["saddle"].reason
    assert "no slow phase" in at_saddle["slow_phase"].reason
    assert "not below 1/2" in nested(N=8, L=16)["half_time"].reason
    assert "forever" in nested(N=8, L=8, init=ZERO)["transition_time"].reason
    assert "forever" in nested(N=8, L=8, init=ZERO)["escape_from_saddle"].reason
    assert "opposite signs" in nested(init={"alpha": 0.1, "xi": -0.1})["transition_time"].reason
    assert "beta_2" in nested(beta_2="free")["slow_phase"].reason
    assert nested(beta_2="free")["invariant"].applies
    assert "positions" in nested(attend="exact", N=4, L=16)["transition_time"].reason
    one = model("nested_logit", attend="labels", N=4, B=4, L=16)
    assert "one label" in theory.predict(one)["transition_time"].reason
    assert "one label" in nested(N=1, L=1)["escape_from_saddle"].reason
    held = theory.predict(model("nested_logit").with_rates(alpha=0))
    for name in ("transition_time", "transition_time_leading", "invariant"):
        assert held[name].reason == "the rate of alpha is 0; it needs a positive rate."
    assert held["slow_phase"].applies
    for prediction in slow:
        assert prediction.applies == (prediction.reason == "") == bool(prediction.values)
        assert math.isnan(prediction.value) == (not prediction.applies)


def test_text_of_predictions() -> None:
    made = nested(attend="labels")
    text, table = str(made), made.markdown()
    assert "does not apply because L = 32 exceeds N/B = 8" in text
    assert "half_time = 112.978" in text
    assert ".." not in text
    assert table.count("\n|") == len(made) + 2
    assert all(p.title in table for p in made)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: nested(init={"alfa": 1.0}), "did you mean 'alpha'"),
        (lambda: nested(init={"alpha": math.nan}), "finite"),
        (lambda: nested()["slow_fase"], "did you mean 'slow_phase'"),
        (lambda: nested()["half_time"].curve([1.0]), "numbers only"),
        (lambda: nested(N=8, L=8)["slow_phase"].curve([1.0]), "does not apply"),
        (lambda: theory.predict(8), "`model` is a GradientFlow, a Flow or a Map"),
        (lambda: theory.transition_time(model("nested_logit", attend="exact", N=4)), "attend='labels' or 'all'"),
        (lambda: theory.transition_time(model("nested_logit"), init={"alpha": -1, "xi": 1}), "same sign"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
