"""Claims about the transition steps of trained networks, and how far the reduced model predicts them."""

import math

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from theory.reddy.exact_positions import exact_transition_time
from validation.comparison import compare, escape_steps, fit_clock
from validation.jobs import Job
from validation.ledger import Check, Claim, Context, Finding, between, ordered
from validation.reddy import settings
from validation.reddy.flow import EFFECTIVE, flow
from validation.reddy.settings import GRID_B, GRID_L, GRID_N, SHIFTS_WORDS, in_words


def _run(context: Context, job: Job) -> xr.Dataset:
    return context.runs[job.name]


def saturation(context: Context) -> Finding:
    """R15."""
    checks, data = [], []
    for above, equal in settings.saturated(context.full):
        N = above.task.N
        shares = []
        for job in (above, equal):
            run = _run(context, job)
            learned = run["IC_accuracy"].isel(step=-1).values > 0.9
            shares.append(float(learned.mean()))
            data.append(run[["loss", "IC_accuracy"]].expand_dims(configuration=[f"N = {N}, L = {job.task.L}"]))
        checks.append(between(f"share of seeds that learn, N = {N}, L = {4 * N}", shares[0], 1.0, 1.0, "all"))
        few = 0.0 if N == 8 else 0.5
        checks.append(
            between(f"share of seeds that learn, L = N = {N}", shares[1], 0.0, few, "none" if N == 8 else "few")
        )
    return Finding(checks, xr.concat(data, "configuration", join="outer"))


def _escapes(context: Context, jobs: list[Job]) -> np.ndarray:
    return np.array([escape_steps(_run(context, job)) for job in jobs])


def _along(what: str, values: tuple[int, ...], steps: np.ndarray, *, falls: bool = False) -> list[Check]:
    """T* for each value of a parameter, and the difference of the last and the first."""
    checks = [
        between(f"T* at {what} = {value}", each, 0.0, 1e12, "a transition")
        for value, each in zip(values, steps, strict=True)
    ]
    first, last = (steps[-1], steps[0]) if falls else (steps[0], steps[-1])
    both = np.isfinite(first).all() and np.isfinite(last).all()
    difference = float(last.mean() - first.mean()) if both else math.nan
    error = math.hypot(*(x.std(ddof=1) / math.sqrt(x.size) for x in (first, last))) if both else 0.0
    names = (
        f"T*({what} = {values[0]}) - T*({what} = {values[-1]})",
        f"T*({what} = {values[-1]}) - T*({what} = {values[0]})",
    )
    return [Check(names[0] if falls else names[1], difference, error, 0.0, math.inf, "positive"), *checks]


def with_burstiness(context: Context) -> Finding:
    """R3, by times."""
    steps = _escapes(context, settings.along_B(context.full))
    return Finding(_along("B", GRID_B, steps, falls=True), transitions(context))


def with_pairs(context: Context) -> Finding:
    """6.4, by times."""
    steps = _escapes(context, settings.along_N(context.full))
    return Finding(_along("N", GRID_N[context.full], steps), transitions(context))


def with_labels(context: Context) -> Finding:
    """R27."""
    steps = _escapes(context, settings.along_L(context.full))
    return Finding(_along("L", GRID_L[context.full], steps), transitions(context))


def _model_run(job: Job, *, effective: bool) -> xr.Dataset:
    """The mean-field model with all tokens attended, from exactly 0."""
    task = job.task
    rates = EFFECTIVE if effective else ()
    return flow(task.N, task.L, task.B, rates=rates, t_end=200.0 * task.N * (4 if effective else 1))


def transitions(context: Context) -> xr.Dataset:
    """T* of every network beside the two predictions; the clock of the unit-rate model is fitted on the reference."""
    jobs = settings.shifts(context.full)
    fixed = settings.clock(context.full)
    clock = fit_clock(_model_run(fixed, effective=False), _run(context, fixed))
    rows = []
    for job in jobs:
        curve = _run(context, job)
        rates = context.runs[f"{job.name}/rates"]["rate"].isel(step=0)
        free = compare(_model_run(job, effective=True), curve, clock="learning rate")
        fitted = compare(_model_run(job, effective=False), curve, clock=clock)
        rows.append(
            xr.Dataset(
                {
                    "network": free["escape_step"].fillna(np.inf),
                    "no_clock": free["escape_step_model"].fillna(np.inf),
                    "fitted_clock": fitted["escape_step_model"].fillna(np.inf),
                    "matrices": _from_matrices(job, rates.mean("seed")),
                    "rate": rates,
                },
                coords={name: getattr(job.task, name) for name in ("N", "L", "B")},
            )
        )
    return xr.concat(rows, "configuration").assign_attrs(clock=clock)


def _from_matrices(job: Job, rates: xr.DataArray) -> float:
    """Transition step predicted with exact positions, overlaps at dimension D and the rates of the initial matrices.

    The rates are means over seeds: that of xi is estimated from two halves of a sample, and may be negative for one.
    """
    task = job.task
    eta = {str(name): float(rates.sel(parameter=name)) for name in rates.parameter.values}
    if min(eta.values()) <= 0:
        return math.nan
    return exact_transition_time(task.N, task.L, task.B, eps=task.eps, D=task.D, rates=eta) / job.lr


def _ratios(context: Context, prediction: str) -> Finding:
    data = transitions(context)
    names = [f"N = {n}, L = {labels}, B = {b}" for n, labels, b in zip(*(data[k].values for k in "NLB"), strict=True)]
    ratios = (data["network"] / data[prediction]).values
    fixed = settings.clock(context.full).task
    reference = f"N = {fixed.N}, L = {fixed.L}, B = {fixed.B}"
    checks = [
        between(f"network / prediction, {name}", ratio, 0.5, 2.0, 1.0)
        for name, ratio in zip(names, ratios, strict=True)
        if prediction == "no_clock" or name != reference
    ]
    return Finding(checks, data)


def no_clock(context: Context) -> Finding:
    """R28."""
    return _ratios(context, "no_clock")


def matrices(context: Context) -> Finding:
    """R28 for the network: effective rates from its initial matrices, exact positions, nothing fitted."""
    data = transitions(context)
    measured = data["network"].median("seed").values  # inf where most seeds have no transition
    predicted = data["matrices"].values
    ratio = np.log(measured / predicted)
    rank = spearmanr(measured, predicted).statistic
    # a clock fitted on every other configuration, tested on the rest, and the other way round
    rest = [np.abs(np.exp(ratio[1 - i :: 2] - np.median(ratio[i::2])) - 1) for i in (0, 1)]
    return Finding(
        [
            between("rank correlation of transition steps and predictions", float(rank), 0.7, math.inf, "high"),
            between("median relative error, nothing fitted", float(np.median(np.abs(np.exp(ratio) - 1))), 0.0, 0.5,
                    "within a factor 2"),
            between("median relative error, clock fitted on the other half", float(np.median(np.concatenate(rest))),
                    0.0, 0.25, "smaller"),
        ],
        data,
    )  # fmt: skip


def initial_rates(context: Context) -> Finding:
    """6.5: the rates of alpha and beta_1 at initialisation, from sizes alone."""
    checks = []
    for job in settings.shifts(context.full):
        task, sigma2 = job.task, 1 / job.task.D
        width = task.width * sigma2
        expected = {
            "alpha": 3 * width**2 / task.D,
            "beta_1": 2 * width / task.N * (1 + np.mean(1 / (2 * np.arange(1, task.N + 1) - 1))),
        }
        rates = context.runs[f"{job.name}/rates"]["rate"].isel(step=0)
        for name, value in expected.items():
            what = f"rate of {name} / its mean over draws, N = {task.N}, L = {task.L}, B = {task.B}"
            checks.append(between(what, rates.sel(parameter=name).values / value, 0.75, 1.25, 1.0))
    return Finding(checks)


def account(context: Context) -> Finding:
    """6.5: d alpha/dt and d xi/dt along a run against rate x slope of the reduced loss, and the drift of beta_1."""
    job = settings.reference(False)[0]
    course = context.runs[f"{job.name}/rates"]
    value = course["value"]
    start, grown = {}, {}
    for name in ("alpha", "xi"):
        rate = course["rate"].sel(parameter=name)
        start[name], grown[name] = rate.isel(step=0).values, rate.max("step").values
    return Finding(
        [
            ordered("lowest beta_1 along the run minus its start, times -1",
                    -(value.sel(parameter="beta_1").min("step") - value.sel(parameter="beta_1").isel(step=0)).values,
                    "falls first: a term the reduced model lacks"),
            ordered("log10 of largest / first rate of xi", np.log10(grown["xi"] / start["xi"]), "grows"),
            ordered("log10 of largest / first rate of alpha", np.log10(grown["alpha"] / start["alpha"]), "grows"),
            ordered("log10 growth of the rate of xi minus that of alpha",
                    np.log10(grown["xi"] / start["xi"]) - np.log10(grown["alpha"] / start["alpha"]), "xi far more"),
        ],
        course,
    )  # fmt: skip


def overlay(context: Context) -> Finding:
    """The reference beside the model: effective rates without a clock, unit rates with a fitted one."""
    job = settings.clock(context.full)
    curve = _run(context, job)
    cases = {"no_clock": (True, "learning rate"), "fitted_clock": (False, "fit")}
    data = xr.concat(
        [
            compare(_model_run(job, effective=effective), curve, clock=clock).expand_dims(case=[case])
            for case, (effective, clock) in cases.items()
        ],
        "case",
        join="outer",
        combine_attrs="drop_conflicts",
    )
    rms = (data["correct_residual"] ** 2).mean("step") ** 0.5
    checks = [
        between(f"rms residual of the correct probability, {case}", rms.sel(case=case).values, 0.0, 0.1, 0.0)
        for case in cases
    ]
    return Finding(checks, data)


def fitted_clock(context: Context) -> Finding:
    """One clock for all."""
    return _ratios(context, "fitted_clock")


_FIXED = in_words("N = 4, L = 16, B = 1")

CLAIMS = (
    Claim("R3t", "More bursty contexts shift the transition to earlier steps", "network",
          in_words("N = 4, L = 16, B = 1, 2"), with_burstiness,
          settings.shifts, "shifts"),
    Claim("R15", "L = N, B = 1: few seeds learn within the budget; L > N: all do", "network",
          in_words("N = 3; L = 12 with 4 500 steps, L = 3 with 2 700", "N = 3, 4, 6; L = N (3 600 N steps), 4N"),
          saturation,
          lambda full: [job for pair in settings.saturated(full) for job in pair], "saturation"),
    Claim("R27n", "At fixed N the transition comes later with more labels", "network",
          in_words("N = 3, L = 6, 12, 48", "N = 3, L = 6, 12, 24, 48"), with_labels, settings.shifts, "shifts"),
    Claim("R27p", "At L = 4N the transition comes later with more pairs", "network",
          in_words("N = 3, 4", "N = 3, 4, 6, 8"), with_pairs, settings.shifts, "shifts"),
    Claim("R28n", "With the rate 1/(L-1) of xi the transition step is predicted within a factor 2, nothing fitted",
          "network", SHIFTS_WORDS, no_clock, settings.shifts, "shifts"),
    Claim("R28o", "On the reference the correct probability follows the model's course within .1", "network",
          _FIXED, overlay, lambda full: [settings.clock(full)], "overlay"),
    Claim("R28c", "With unit rates and a clock fitted on the reference, the others are predicted within a factor 2",
          "network", SHIFTS_WORDS, fitted_clock, settings.shifts, "shifts"),
    Claim("R28e", "Effective rates of the initial matrices, exact positions and overlaps predict the transition step",
          "network", SHIFTS_WORDS, matrices, settings.shifts, "matrices"),
    Claim("R28i", "At initialisation the rates are 3 (d/D)^2/D (alpha) and 2d/(ND) (1 + <1/(2k - 1)>) (beta_1)",
          "network", SHIFTS_WORDS, initial_rates, settings.shifts),
    Claim("R28r", "The rates grow along the run, that of xi by orders of magnitude, and beta_1 falls before it rises",
          "network", _FIXED, account, lambda full: settings.reference(False), "course_of_rates"),
)  # fmt: skip
