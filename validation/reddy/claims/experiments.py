"""Experiments on the nested-logit model: curricula, causal interventions, the landscape, escape from the saddle."""

import math
from functools import partial

import numpy as np
import xarray as xr
from scipy.stats import CensoredData, ecdf

from minimodels.fixed_points import FixedPoint, fixed_points
from minimodels.primitives import elementary
from minimodels.simulate import simulate
from minimodels.sweep import sweep
from validation.checks import between, near, ordered
from validation.ledger import Context, Finding, claim
from validation.reddy.figures import model as figures
from validation.reddy.flow import EFFECTIVE, bound, escape_time

of_model = partial(claim, level="model")
STATES = ("beta_1", "alpha", "xi")
ORIGIN = dict.fromkeys(STATES, 0.0)


def _escape(
    N: int,
    L: int,
    *,
    start: dict[str, float] = ORIGIN,
    rates: tuple[tuple[str, str], ...] = (),
    clamp: dict[str, float] | None = None,
) -> tuple[float, dict[str, float]]:
    """Escape time (inf if there is none, 0 from a start beyond the transition) and the state there."""
    run = simulate(
        bound(N, L), t_end=20_000.0, init=start, rates=dict(rates), clamp=clamp, stop_at="escape_time", save=[0.0]
    )
    time = 0.0 if float(run["correct"][0]) > 0.5 else escape_time(run)
    if not math.isfinite(time) or time == 0:
        return time, start
    there = simulate(bound(N, L), t_end=time, init=start, rates=dict(rates), clamp=clamp, save=[time])
    return time, {k: float(there[k][-1]) for k in STATES}


@of_model("R20m", "A curriculum that begins with fewer pairs shortens the way to the transition",
          setting="all tokens, N = 8, L = 32 after N = 2, 4, 8 and L = 16, 32, 64",
          figure=figures.curriculum)  # fmt: skip
def curriculum(context: Context) -> Finding:
    """R20: train at (N0, L0) until the transition there, then at N = 8, L = 32."""
    checks, rows = [], []
    for name, rates in (("unit rates", ()), ("eta_xi = 1/(L-1)", EFFECTIVE)):
        direct, _ = _escape(8, 32, rates=rates)
        for N0, L0 in ((2, 32), (4, 32), (4, 16), (8, 16), (8, 64)):
            first, state = _escape(N0, L0, rates=rates)
            second, _ = _escape(8, 32, start=state, rates=rates)
            ratio = (first + second) / direct
            rows.append((name, f"{N0}, {L0}", ratio))
            if N0 < 8:
                where = f"from N = {N0}, L = {L0}, {name}"
                checks.append(ordered(f"1 - T* with curriculum / without, {where}", 1 - ratio, "shorter"))
    names, stages, ratios = zip(*rows, strict=True)
    data = xr.Dataset(
        {"ratio": ("case", list(ratios))}, coords={"rates": ("case", list(names)), "stage": ("case", list(stages))}
    )
    return Finding(checks, data)


@of_model("R21m", "Each logit is needed; the attention logits of after restore the answer only together",
          setting="all tokens, N = 8, L = 32, from 0")  # fmt: skip
def causes(context: Context) -> Finding:
    """R21: each state held at 0, or at its final value from the start; and states of after patched into before.

    "Before" is at 0.9 T*, as R9's 28 000 steps are of its jump at about 31 000; "after" is at 4 T*.
    """
    model = bound(8, 32)
    base, _ = _escape(8, 32)
    run = simulate(model, t_end=4 * base, init=ORIGIN, save=[0.9 * base, 4 * base])
    before, after = ({k: float(run[k][i]) for k in STATES} for i in (0, 1))
    checks = []
    for key in STATES:
        given = _escape(8, 32, clamp={key: after[key]})[0]
        never = _escape(8, 32, clamp={key: 0.0})[0]
        checks.append(ordered(f"1 - T* with {key} given / without", 1 - given / base, "sooner"))
        what = f"T* with {key} held at 0 / without"
        # beta_1 = 0 still leaves 1/(1+M) of the attention on the item: the match can be learned, later
        checks.append(ordered(f"{what} - 1", never / base - 1, "later") if key == "beta_1" else
                      between(what, never, math.inf, math.inf, "never"))  # fmt: skip
    correct = {}
    for patched in ((), ("beta_1",), ("alpha",), ("beta_1", "alpha"), STATES):
        state = before | {k: after[k] for k in patched}
        there = simulate(model, t_end=1e-9, init=state, save=[0.0])
        correct[patched] = float(there["correct"][0])
    alone = max(correct[("beta_1",)], correct[("alpha",)])
    checks += [
        between("correct probability before, with either attention logit of after", alone, 0.0, 0.5, "not restored"),
        ordered("gain of both over the sum of either",
                correct[("beta_1", "alpha")] - correct[("beta_1",)] - correct[("alpha",)] + correct[()],
                "more than the sum"),
        between("correct probability before, with both attention logits of after", correct[("beta_1", "alpha")],
                0.5, 1.0, "restored"),
    ]  # fmt: skip
    return Finding(checks)


@of_model("R24", "At the origin only xi has a slope; at L = N it vanishes and leaves a saddle in (alpha, xi)",
          setting="all tokens, N = 8, L = 8 and 32", figure=figures.landscape)  # fmt: skip
def landscape(context: Context) -> Finding:
    """R24: loss over alpha and xi, where only xi moves at first, and the saddle that replaces the slope at L = N."""
    values = np.linspace(-4, 10, 71), np.linspace(-4, 14, 73)
    maps, checks = [], []
    for L in (32, 8):
        grid = sweep(
            bound(8, L),
            {"beta_1_0": [0.0, 3.0], "alpha_0": values[0], "xi_0": values[1]},
            t_end=1e-9,
            keep=["loss"],
            progress=False,
        )
        maps.append(grid[["loss"]].expand_dims(L=[L]))
        slope = _slope(L)
        if L > 8:
            checks.append(ordered(f"steepness along xi at the origin, L = {L}", abs(slope["xi"]), "positive"))
        else:
            checks.append(between(f"steepness along xi at the origin, L = {L}", abs(slope["xi"]), 0.0, 1e-12, 0.0))
        still = max(abs(slope["alpha"]), abs(slope["beta_1"]))
        checks.append(between(f"steepness along alpha and beta_1 at the origin, L = {L}", still, 0.0, 1e-12, 0.0))
    origin = _origin(fixed_points(bound(8, 8)))
    largest, smallest = origin.eigenvalues.real.max(), origin.eigenvalues.real.min()
    expected = 7 / (8 * 9 * 17)  # p(0) A0 (N_c - 1)/N_c at N = M = 8, all tokens (6.2)
    checks += [
        near("growing eigenvalue at the origin, L = N = 8", float(largest), expected, rel=1e-6),
        near("shrinking over growing eigenvalue there", float(smallest / largest), -1.0, rel=1e-6),
    ]
    free = bound(8, 32, beta_2="free")
    faster = simulate(free, t_end=400.0, init=dict.fromkeys(free.state, 0.0), save=[0.0])
    checks.append(near("T* with beta_2 free (three parameters), from 0", escape_time(faster), 73.17, rel=1e-3))
    path = simulate(bound(8, 32), t_end=300.0, init=ORIGIN, save=np.linspace(0, 300, 301))
    data = xr.concat(maps, "L").assign({f"path_{k}": path[k] for k in STATES})
    return Finding(checks, data)


def _slope(L: int) -> dict[str, float]:
    """The gradient of the loss at the origin, from the model's own expression."""
    model = bound(8, L)
    at = {model.symbols[k]: v for k, v in {**model.values, **ORIGIN}.items()}
    return {k: -float(elementary(model.drift[k]).subs(at)) for k in STATES}


def _origin(points: list[FixedPoint]) -> FixedPoint:
    return min(points, key=lambda point: max(abs(v) for v in point.state.values()))


@of_model("R14p", "T* is finite wherever L > N and grows without bound towards L = N", headline=True,
          setting="all tokens, from 0, N = 2..16, L = 2..128", figure=figures.phase_diagram)  # fmt: skip
def phase_diagram(context: Context) -> Finding:
    """T* over (N, L): finite above the line L = N, without bound towards it."""
    side = 120 if context.full else 60
    axes = {"N": np.linspace(2, 16, side), "L": np.geomspace(2, 128, side)}
    grid = sweep(bound(8, 32), axes, t_end=20_000.0, init=ORIGIN, keep=["escape_time"], progress=False)
    time = grid["escape_time"]
    inside = (time.L > 1.02 * time.N) & (time.L > 2)  # at L = 2 the start has correct probability 1/2
    finite = float(time.notnull().where(inside).mean())
    near_line = [_escape(8, L)[0] for L in (8.01, 8.1, 9, 16)]  # type: ignore[arg-type]
    checks = [
        between("share of (N, L) above L = N that transition", finite, 1.0, 1.0, "all"),
        ordered("T*(L = 8.01) / T*(L = 9) - 1, N = 8", near_line[0] / near_line[2] - 1, "diverges"),
        ordered("smallest fall of T* along L = 8.01, 8.1, 9, 16", float(-np.diff(near_line).max()), "T* falls"),
        between("T* from 0 at L = N = 8", _escape(8, 8)[0], math.inf, math.inf, "never"),
    ]
    return Finding(checks, grid)


@of_model("R15m", "At L = N the escape time depends on the start as ln(1/x0)/lambda",
          setting="all tokens, N = L = 8, 200 random starts of scale .01 and .1", figure=figures.survival)  # fmt: skip
def survival(context: Context) -> Finding:
    """R15 in the model: escape times over random starts at L = N, censored at the end of the run."""
    starts, horizon = (400, 20_000.0) if context.full else (200, 20_000.0)
    rng = np.random.default_rng(0)
    scales = (0.01, 0.1)
    curves, quartiles, shares = [], [], []
    for scale in scales:
        runs = [
            _escape_from(dict(zip(STATES, scale * row, strict=True)), horizon) for row in rng.normal(size=(starts, 3))
        ]
        times, induction = np.array(runs).T
        escaped = np.isfinite(times)
        kept = ecdf(CensoredData.right_censored(np.where(escaped, times, horizon), ~escaped)).sf
        curves.append((kept.quantiles, kept.probabilities))
        quartiles.append(float(np.quantile(np.where(escaped, times, horizon), 0.25)))
        shares.append(float(induction.mean()))
    grid = np.geomspace(100, horizon, 200)
    data = xr.Dataset(
        {"survival": (("scale", "time"), [np.interp(grid, q, p, left=1.0) for q, p in curves])},
        coords={"scale": list(scales), "time": grid},
    )
    rate = _origin(fixed_points(bound(8, 8))).eigenvalues.real.max()
    shift = (quartiles[0] - quartiles[1]) * rate / math.log(10)
    checks = [
        near("first quartile of the escape time, scale .01 minus .1, times lambda / ln 10", shift, 1.0, rel=0.1),
        between("share of starts that take the induction branch (the rest: anti-induction)", shares[0], 0.4, 0.6, 0.5),
    ]
    return Finding(checks, data)


def _escape_from(start: dict[str, float], horizon: float) -> tuple[float, bool]:
    """Escape time, and whether it is by attending to the correct label (alpha > 0)."""
    run = simulate(bound(8, 8), t_end=horizon, init=start, save=[horizon])
    return escape_time(run), float(run["alpha"][-1]) > 0
