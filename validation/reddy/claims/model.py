"""Claims about the nested-logit model and its theory; numbers are those of the specification, sections 6.2 to 6.5."""

import math
from functools import partial

import numpy as np
import xarray as xr

import theory
from minimodels.primitives import elementary
from theory.reddy.error_map import RATES
from theory.reddy.exact_positions import exact_transition_time
from validation.checks import Check, between, near, ordered
from validation.curves import crossing, half_rise
from validation.ledger import Context, Finding, claim
from validation.reddy.figures import network as figures
from validation.reddy.flow import EFFECTIVE, bound, escape_time, flow

of_model = partial(claim, level="model")
ORIGIN = {"beta_1": 0.0, "alpha": 0.0, "xi": 0.0}
SMALL, ANTI = (0.0, 0.01, 0.01), (0.0, -0.01, -0.01)  # beta_1, alpha, xi near the saddle
EITHER = ("labels", "all")

# N, L, B: T* from exactly 0 at unit rates, labels only and all tokens (specification, 6.4)
TRANSITIONS = {
    (8, 32, 1): (49.53, 98.67),
    (8, 16, 1): (60.61, 121.32),
    (4, 32, 1): (20.06, 38.81),
    (2, 32, 1): (10.22, 18.77),
    (8, 32, 2): (25.86, 48.54),
    (4, 16, 1): (21.58, 42.14),
}


def _gradient(N: int, L: int, B: int, attend: str) -> float:
    """D loss / d xi at the origin, from the model's own loss."""
    model = bound(N, L, B, attend)
    at = {model.symbols[k]: v for k, v in {**model.values, **ORIGIN}.items()}
    return -float(elementary(model.drift["xi"]).subs(at))


@of_model("R14", "The origin is critical exactly at L = N/B: there learning needs a start off it, and is slow",
          headline=True, setting="N = 8, L = 8 and 32")  # fmt: skip
def origin(context: Context) -> Finding:
    """R14, where the origin is critical, and what that does to learning."""
    checks = [
        near("gradient of xi at 0, N = 8, L = 32, labels only", _gradient(8, 32, 1, "labels"), -0.09375, rel=1e-4),
        near("gradient of xi at 0, N = 8, L = 32, all tokens", _gradient(8, 32, 1, "all"), -0.0441176, rel=1e-4),
        between("gradient of xi at 0, N = L = 8", _gradient(8, 8, 1, "all"), -1e-12, 1e-12, 0.0),
        between("gradient of xi at 0, N = 8, L = 4, B = 2", _gradient(8, 4, 2, "all"), -1e-12, 1e-12, 0.0),
    ]
    stuck = escape_time(flow(8, 8, start=0.0, t_end=20_000.0))
    checks += [
        between("T* from 0, N = L = 8", stuck, math.inf, math.inf, "never"),
        near("T* from 0.01, N = L = 8, labels only", escape_time(flow(8, 8, 1, "labels", SMALL)), 388.5, rel=1e-3),
        near("T* from 0.01, N = L = 8, all tokens", escape_time(flow(8, 8, 1, "all", SMALL)), 818.3, rel=1e-3),
        near("T* from 0, N = 8, L = 32, all tokens", escape_time(flow(8, 32)), 98.67, rel=1e-3),
    ]
    return Finding(checks)


@claim("T6.2", "From the saddle at L = N the escape takes ln(1/x0)/lambda", level="theory", headline=True,
       setting="N = L = 4, 8, x0 = .01, both forms")  # fmt: skip
def saddle(context: Context) -> Finding:
    """6.2: (1/lambda) ln(1/x0) against the flow."""
    checks = []
    for attend in EITHER:
        for N in (4, 8):
            model = bound(N, N, 1, attend)
            start = dict(zip(model.state, SMALL, strict=True))
            predicted = theory.predict(model, init=start)["escape_from_saddle"].value
            measured = escape_time(flow(N, N, 1, attend, SMALL))
            checks.append(near(f"T* / prediction, N = L = {N}, {attend}", measured / predicted, 1.0, rel=0.1))
    return Finding(checks)


@claim("T6.3", "The slow phase follows the closed form while the attention is frozen", level="theory",
       setting="labels only, N = 8, L = 32, beta_1 = alpha = 0", figure=figures.slow_phase)  # fmt: skip
def slow_phase(context: Context) -> Finding:
    """6.3: the closed form against the flow with frozen attention."""
    frozen = flow(8, 32, 1, "labels", clamp=(("alpha", 0.0), ("beta_1", 0.0)), t_end=300.0, points=601)
    model = bound(8, 32, 1, "labels")
    curve = theory.predict(model, init=ORIGIN)["slow_phase"].curve(frozen["time"].values)
    half = crossing(frozen["time"], frozen["CLA"], 0.5)
    checks = [
        near("CLA at t = 40", float(frozen["CLA"].sel(time=40)), 0.341165, rel=1e-5),
        near("loss at t = 300", float(frozen["loss"].sel(time=300)), 2.378524, rel=1e-5),
        near("t at CLA = 1/2", half, 112.98, rel=1e-3),
        between("largest difference of CLA", float(abs(curve["CLA"] - frozen["CLA"]).max()), -1.0, 1e-6, 0.0),
        between("largest difference of the loss", float(abs(curve["loss"] - frozen["loss"]).max()), -1.0, 1e-6, 0.0),
    ]
    free = flow(8, 32, 1, "labels", t_end=300.0, points=601)
    data = xr.concat(
        [
            d[["loss", "CLA"]].reset_coords(drop=True).expand_dims(case=[name])
            for name, d in (("attention frozen", frozen), ("closed form", curve), ("all free", free))
        ],
        "case",
    )
    return Finding(checks, data)


@of_model("T6.4", "T* takes the tabulated values", setting="six (N, L, B), both forms, from 0")
def table(context: Context) -> Finding:
    """6.4: the transition times."""
    checks = [
        near(f"T* at N = {N}, L = {L}, B = {B}, {attend}", escape_time(flow(N, L, B, attend)), expected, rel=1e-3)
        for (N, L, B), both in TRANSITIONS.items()
        for attend, expected in zip(EITHER, both, strict=True)
    ]
    return Finding(checks)


@claim("T6.4p", "The predictors of T* hold: leading order within 10% at N = 8, quadratures within 0.1%",
       level="theory", headline=True,
       setting="six (N, L, B) and a map of N, L, B and rates, both forms, from 0",
       figure=figures.predictor)  # fmt: skip
def predictor(context: Context) -> Finding:
    """6.4: the predictors against the flow, at the tabulated points and over the phase diagram."""
    checks: list[Check] = []
    for N, L, B in TRANSITIONS:
        for attend in EITHER:
            measured = escape_time(flow(N, L, B, attend))
            made = theory.predict(bound(N, L, B, attend), init=ORIGIN)
            leading, best = made["transition_time_leading"].value, made["transition_time"].value
            where = f"N = {N}, L = {L}, B = {B}, {attend}"
            if N >= 8:
                checks.append(near(f"leading order / T*, {where}", leading / measured, 1.0, rel=0.1))
            checks.append(near(f"nested quadratures / T*, {where}", best / measured, 1.0, rel=1e-3))
    rates = RATES if context.full else RATES[::9]
    errors = theory.transition_error_map(B=(1, 2), rates=rates)
    worst = theory.summarise(errors)["max"].sel(predictor="order_2")
    checks.append(between("largest relative error of the quadratures over the map", float(worst), 0.0, 0.01, "small"))
    return Finding(checks, errors)


@claim("T6.1", "alpha^2/(2 eta_alpha) - (beta_1 + e^beta_1/M)/eta_beta_1 is conserved", level="theory",
       setting="three (N, L, B) with different rates")  # fmt: skip
def invariant(context: Context) -> Finding:
    """alpha^2/(2 eta_alpha) - (beta_1 + e^beta_1/M)/eta_beta_1 along the flow."""
    checks = []
    for N, L, B, rates in ((8, 32, 1, ()), (8, 32, 2, (("alpha", 0.3), ("beta_1", 0.7))), (4, 16, 1, EFFECTIVE)):
        run = flow(N, L, B, "all", 0.01, rates=rates)
        eta = {"alpha": 1.0, "beta_1": 1.0, **{k: v for k, v in rates if k != "xi"}}
        value = run["alpha"] ** 2 / (2 * eta["alpha"]) - (run["beta_1"] + np.exp(run["beta_1"]) / N) / eta["beta_1"]
        drift = float(abs(value - value[0]).max() / abs(run["alpha"] ** 2).max())
        named = ", ".join(f"eta_{k} = {v}" for k, v in rates) or "unit rates"
        checks.append(between(f"change / alpha^2, N = {N}, L = {L}, B = {B}, {named}", drift, 0.0, 1e-6, 0.0))
    return Finding(checks)


@of_model("R1m", "In the model the jump gets sharper with N",
          setting="labels only, from 0, unit rates; N, L = 4, 16 and 8, 32")  # fmt: skip
def widths(context: Context) -> Finding:
    """R1 in the model: r from .2 to .9."""
    checks, relative = [], []
    for N, L, expected in ((4, 16, 10.3), (8, 32, 7.9)):
        run = flow(N, L, 1, "labels", t_end=200.0)
        width = crossing(run["time"], run["correct"], 0.9) - crossing(run["time"], run["correct"], 0.2)
        checks.append(near(f"time from r = .2 to .9, N = {N}, L = {L}", width, expected, rel=0.01))
        relative.append(width / escape_time(run))
    checks.append(ordered("fall of width / T* from N = 4 to 8", relative[0] - relative[1], "sharper with N"))
    return Finding(checks)


@of_model(
    "T6.4r", "Slower attention gives a longer slow phase", setting="N = 8, L = 32, eta_alpha = eta_beta_1 = 1, .3"
)
def slow_rates(context: Context) -> Finding:
    """6.4: slower beta_1 and alpha make a plateau."""
    checks = []
    for rate, times, context_labels in ((1.0, (49.53, 98.67), (0.473, 0.443)), (0.3, (91.02, 180.64), (0.549, 0.477))):
        for attend, time, cla in zip(EITHER, times, context_labels, strict=True):
            run = flow(8, 32, 1, attend, rates=(("alpha", rate), ("beta_1", rate)), t_end=400.0)
            onset = crossing(run["time"], run["correct"], 2 / 8)
            where = f"eta = {rate}, {attend}"
            checks.append(near(f"T*, {where}", escape_time(run), time, rel=1e-3))
            checks.append(near(f"CLA at r = 2/N, {where}", float(run["CLA"].interp(time=onset)), cla, rel=2e-3))
    return Finding(checks)


@of_model("T6.2b", "At L = N a second branch, anti-induction, also escapes", setting="N = 8, start alpha = xi = -.01")
def anti_induction(context: Context) -> Finding:
    """6.2: the second route at L = N."""
    checks = []
    for attend, expected in (("labels", 536.8), ("all", 1568.6)):
        run = flow(8, 8, 1, attend, ANTI, t_end=4000.0)
        checks.append(near(f"T* from alpha = xi = -.01, {attend}", escape_time(run), expected, rel=1e-3))
        last = run.isel(time=-1)
        checks.append(
            between(
                f"largest of alpha, xi at the end, {attend}",
                float(max(last["alpha"], last["xi"])),
                -math.inf,
                0.0,
                "negative",
            )
        )
    back = flow(8, 32, 1, "all", ANTI, t_end=4000.0).isel(time=-1)
    checks.append(
        ordered("smallest of alpha, xi at the end, L = 32", float(min(back["alpha"], back["xi"])), "positive")
    )
    return Finding(checks)


@of_model("R10m", "In the model CLA and TLA2 rise before ILA1, TILA2 and the correct probability",
          setting="all tokens, beta_2 free, N = 8, L = 32")  # fmt: skip
def order(context: Context) -> Finding:
    """R10 in the model with beta_2 free: half-rise times."""
    run = flow(8, 32, 1, "all", t_end=150.0, options=(("beta_2", "free"),))
    halves = {name: half_rise(run["time"], run[name]) for name in ("CLA", "TLA2", "ILA1", "TILA2", "correct")}
    first, rest = max(halves["CLA"], halves["TLA2"]), min(halves["ILA1"], halves["TILA2"], halves["correct"])
    slow = flow(8, 32, 1, "all", t_end=600.0, options=(("beta_2", "free"),), rates=(("alpha", 0.1), ("beta_1", 0.1)))
    lead = half_rise(slow["time"], slow["TILA2"]) - half_rise(slow["time"], slow["CLA"])
    return Finding(
        [ordered("lead of CLA and TLA2 over the jump", rest - first, "before the jump")],
        why="At unit rates alpha and beta_1 grow as fast as xi, so the jump begins within the slow phase; with both "
        f"ten times slower CLA leads TILA2 by {lead:.0f}.",
    )


@of_model("R3m", "In the model T* falls with B", setting="all tokens, N = 8, L = 32, B = 1, 2, 4")
def with_burstiness(context: Context) -> Finding:
    """R3 in the model."""
    times = [escape_time(flow(8, 32, B)) for B in (1, 2, 4)]
    return Finding(
        [
            ordered(f"T*(B = {a}) - T*(B = {b})", s - t, "positive")
            for a, b, s, t in zip((1, 2), (2, 4), times, times[1:], strict=False)
        ]
    )


@of_model("R27m", "T* falls with L at unit rates and grows with the rate 1/(L-1) of xi", headline=True,
          setting="all tokens, N = 4, L = 8..64")  # fmt: skip
def with_labels(context: Context) -> Finding:
    """R27 in the model: the sign of the dependence on L."""
    checks = []
    for name, rates, sign in (("unit rates", (), -1), ("eta_xi = 1/(L-1)", EFFECTIVE, 1)):
        times = [escape_time(flow(4, L, rates=rates, t_end=4000.0)) for L in (8, 16, 32, 64)]
        steps = sign * np.diff(times)
        words = "grows" if sign > 0 else "falls"
        checks.append(
            ordered(f"smallest change of T* along L = 8..64 times {sign:+d}, {name}", float(steps.min()), f"T* {words}")
        )
    return Finding(checks)


@of_model("R28m", "With exact positions and the rate 1/(L-1), T* takes its two tabulated values, near those of trained "
          "heads", setting="N = 4, L = 16 and N = 8, L = 32, eps = .1")  # fmt: skip
def exact_positions(context: Context) -> Finding:
    """R28 for the model: exact positions, eps = .1, rate 1/(L-1); predictions, and steps of heads (specification)."""
    checks = []
    for N, L, predicted, head in ((4, 16, 236.8, 240.0), (8, 32, 655.3, 658.0)):
        time = exact_transition_time(N, L, eps=0.1)
        checks.append(near(f"T* at N = {N}, L = {L}", time, predicted, rel=1e-3))
        checks.append(near(f"T* at N = {N}, L = {L} against the head's", time, head, rel=0.03))
    return Finding(checks)


@of_model("R25", "A high CLA from the start (L = N) allows in-context learning, but does not speed it up",
          setting="all tokens, N = 8, start .01, L = 8 and 16")  # fmt: skip
def without_slow_phase(context: Context) -> Finding:
    """R25: CLA = 1 from the start is possible, but slower."""
    at, above = (flow(8, L, 1, "all", SMALL) for L in (8, 16))
    final = float(at["correct"][-1])
    return Finding(
        [
            near("CLA at the start, L = N", float(at["CLA"][0]), 1.0, rel=1e-9),
            between("correct probability at the end, L = N", final, 0.9, 1.0, "learned"),
            ordered("T*(L = N) - T*(L = 2N)", escape_time(at) - escape_time(above), "slower"),
        ]
    )
