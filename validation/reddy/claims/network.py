"""Claims about the transition steps of trained networks, and how far the reduced model predicts them."""

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from minimodels.errors import InputError
from validation.checks import Check, between, difference, near, ordered, resampled, share
from validation.comparison import compare, escape, escape_steps, fit_clock
from validation.ledger import Context, Finding, claim
from validation.reddy import settings
from validation.reddy.figures import network as figures
from validation.reddy.flow import EFFECTIVE, flow
from validation.reddy.settings import GRID_B, GRID_L, GRID_N
from validation.trainings import NetworkTraining

if TYPE_CHECKING:
    from validation.reddy.transition import TransitionPrediction

of_shifts = partial(claim, level="network", trainings=settings.shifts)


def _saturated(full: bool) -> list[NetworkTraining]:
    return [training for pair in settings.saturated(full) for training in pair]


@claim("R15", "L = N, B = 1: few seeds learn within the budget; L > N: all do", level="network",
       trainings=_saturated, figure=figures.saturation)  # fmt: skip
def saturation(context: Context) -> Finding:
    """R15."""
    checks, data = [], []
    for above, equal in settings.saturated(context.full):
        N = above.last_task.N
        shares = []
        for training in (above, equal):
            run = context.of(training)
            within = run["IC_accuracy"].sel(step=run.step <= equal.steps)  # equal budgets
            shares.append(within.isel(step=-1).values > 0.9)
            data.append(
                run[["loss", "IC_accuracy"]].expand_dims(configuration=[f"N = {N}, L = {training.last_task.L}"])
            )
        where = f"within {equal.steps} steps, N = {N}"
        checks.append(share(f"share of seeds that learn {where}, L = {4 * N}", shares[0], 0.5, 1.0, "all"))
        checks.append(share(f"share of seeds that learn {where}, L = {N}", shares[1], 0.0, 0.5, "few"))
    return Finding(checks, xr.concat(data, "configuration", join="outer"))


@claim(
    "R25n",
    "At L = N, where CLA is 1 from the start, some networks learn, and later than at L = 4N",
    level="network",
    trainings=_saturated,
)
def without_slow_phase(context: Context) -> Finding:
    """R25 for the network; a seed that has not learned counts with its budget, which is less than its time."""
    checks, learned = [], []
    for above, equal in settings.saturated(context.full):
        run, N = context.of(equal), equal.last_task.N
        steps = escape_steps(run)
        learned += list(np.isfinite(steps))
        least = np.where(np.isfinite(steps), steps, equal.steps)
        checks += [
            near(f"CLA at the start, L = N = {N}", run["CLA"].isel(step=0).values, 1.0, rel=1e-4),
            difference(f"T*(L = N) - T*(L = 4N), N = {N}", least, escape_steps(context.of(above)), "later"),
        ]
    return Finding([share("share of seeds that learn at L = N", learned, 0.0, 1.0, "some", strict=True), *checks])


def _escapes(context: Context, trainings: list[NetworkTraining]) -> np.ndarray:
    return np.array([escape_steps(context.of(training)) for training in trainings])


def _along(what: str, values: tuple[int, ...], steps: np.ndarray, *, falls: bool = False) -> list[Check]:
    """T* for each value of a parameter, and the difference of the last and the first."""
    checks = [
        between(f"T* at {what} = {value}", each, 0.0, 1e12, "a transition")
        for value, each in zip(values, steps, strict=True)
    ]
    first, last = (steps[-1], steps[0]) if falls else (steps[0], steps[-1])
    ends = (values[0], values[-1]) if falls else (values[-1], values[0])
    what_differs = f"T*({what} = {ends[0]}) - T*({what} = {ends[1]})"
    return [difference(what_differs, last, first, "positive"), *checks]


@of_shifts("R3t", "More bursty contexts shift the transition to earlier steps", figure=figures.shifts)
def with_burstiness(context: Context) -> Finding:
    """R3, by times."""
    steps = _escapes(context, settings.along_B(context.full))
    return Finding(_along("B", GRID_B, steps, falls=True), transitions(context))


@of_shifts("R27p", "At L = 4N the transition comes later with more pairs", figure=figures.shifts)
def with_pairs(context: Context) -> Finding:
    """6.4, by times."""
    steps = _escapes(context, settings.along_N(context.full))
    return Finding(_along("N", GRID_N[context.full], steps), transitions(context))


@of_shifts("R27n", "At fixed N the transition comes later with more labels", figure=figures.shifts)
def with_labels(context: Context) -> Finding:
    """R27."""
    steps = _escapes(context, settings.along_L(context.full))
    return Finding(_along("L", GRID_L[context.full], steps), transitions(context))


def _model_run(training: NetworkTraining, *, effective: bool) -> xr.Dataset:
    """The mean-field model with all tokens attended, from exactly 0."""
    task = training.last_task
    rates = EFFECTIVE if effective else ()
    return flow(task.N, task.L, task.B, rates=rates, t_end=200.0 * task.N * (4 if effective else 1))


def _clock(training: NetworkTraining, curve: xr.Dataset) -> float:
    """The clock of the unit-rate model; nan where the network never transitions: only what it predicts is lost."""
    try:
        return fit_clock(_model_run(training, effective=False), curve)
    except InputError:
        return math.nan


def transitions(context: Context) -> xr.Dataset:
    """T* of every network beside the two predictions; the clock of the unit-rate model is fitted on the reference."""
    fixed = settings.clock(context.full)
    clock = _clock(fixed, context.of(fixed))
    rows = []
    for training in settings.shifts(context.full):
        curve = context.of(training)
        free = compare(_model_run(training, effective=True), curve, clock="learning rate")
        rows.append(
            xr.Dataset(
                {
                    "network": free["escape_step"].fillna(np.inf),
                    "no_clock": free["escape_step_model"].fillna(np.inf),
                    "fitted_clock": escape(_model_run(training, effective=False), "time") / clock,
                },
                coords={name: getattr(training.last_task, name) for name in ("N", "L", "B")},
            )
        )
    return xr.concat(rows, "configuration").assign_attrs(clock=clock)


def predictions(context: Context, trainings: list[NetworkTraining]) -> xr.Dataset:
    """T* of every network beside the prediction from draws of its initial parameters."""
    rows = []
    for training in trainings:
        found = _prediction(training)
        rows.append(
            xr.Dataset(
                {
                    "network": ("seed", escape_steps(context.of(training))),
                    "predicted": found.step,
                    "spread": found.spread,
                    "budget": training.steps,
                },
                coords={name: getattr(training.last_task, name) for name in ("N", "L", "B")},
            )
        )
    return xr.concat(rows, "configuration", coords="all")


def _steps(data: xr.Dataset) -> list[np.ndarray]:
    """T* of the seeds of every network; one without a transition counts with its budget, which is less."""
    return list(data["network"].where(np.isfinite(data["network"]), data["budget"]).values)


def _prediction(training: NetworkTraining) -> "TransitionPrediction":
    """From draws other than those trained."""
    from validation.optimisers import SGD
    from validation.reddy.network import AttentionOnly
    from validation.reddy.transition import predict_transition

    task, network, optimiser = training.last_task, training.network, training.optimiser
    assert isinstance(network, AttentionOnly)
    assert isinstance(optimiser, SGD)
    return predict_transition(task, network, optimiser=optimiser, seed=1 + max(training.seeds))


def _ratios(context: Context, prediction: str) -> Finding:
    data = transitions(context)
    names = [f"N = {n}, L = {labels}, B = {b}" for n, labels, b in zip(*(data[k].values for k in "NLB"), strict=True)]
    ratios = (data["network"] / data[prediction]).values
    fixed = settings.clock(context.full).last_task
    reference = f"N = {fixed.N}, L = {fixed.L}, B = {fixed.B}"
    checks = [
        between(f"network / prediction, {name}", ratio, 0.5, 2.0, 1.0)
        for name, ratio in zip(names, ratios, strict=True)
        if prediction == "no_clock" or name != reference
    ]
    return Finding(checks, data)


@of_shifts("R28n", "With the rate 1/(L-1) of xi the transition step is predicted within a factor 2, nothing fitted",
           figure=figures.shifts)  # fmt: skip
def no_clock(context: Context) -> Finding:
    """R28."""
    return _ratios(context, "no_clock")


@claim("R28e", "Draws of the initial network, nothing fitted, predict the transition step within 20%", level="network",
       trainings=settings.predicted, figure=figures.predictions)  # fmt: skip
def from_draws(context: Context) -> Finding:
    """R28 for the network: unlearning of its random logits, then the flow at the rates of its initial matrices."""
    data = predictions(context, settings.predicted(context.full))
    predicted, seeds = data["predicted"].values, _steps(data)

    def rank(*network: np.ndarray) -> float:
        return float(spearmanr([np.median(steps) for steps in network], predicted).statistic)

    def error_with_clock(*network: np.ndarray) -> float:
        """A clock fitted on every other configuration, tested on the rest, and the other way round."""
        ratio = _log_ratios(predicted, *network)
        rest = [np.abs(np.exp(ratio[1 - i :: 2] - np.median(ratio[i::2])) - 1) for i in (0, 1)]
        return float(np.median(np.concatenate(rest)))

    return Finding(
        [
            resampled("rank correlation of transition steps and predictions", rank, seeds, 0.9, math.inf, "high"),
            resampled("median relative error, nothing fitted", partial(_error, predicted), seeds, 0.0, 0.2, "small"),
            resampled("median relative error, clock fitted on the other half", error_with_clock, seeds, 0.0, 0.25,
                      "small"),
        ],
        data,
    )  # fmt: skip


def _held(full: bool) -> list[NetworkTraining]:
    return [settings.with_biases_held(training) for training in settings.predicted(full)]


@claim("R28p", "With biases held at 0 nothing is unlearned first, and the transition step is predicted within 10%",
       level="network", trainings=_held, figure=figures.predictions_held)  # fmt: skip
def with_biases_held(context: Context) -> Finding:
    """R28 for the network without the first stage."""
    data = predictions(context, _held(context.full))
    error = partial(_error, data["predicted"].values)
    return Finding(
        [resampled("median relative error, nothing fitted", error, _steps(data), 0.0, 0.1, "small")],
        data,
    )


def _log_ratios(predicted: np.ndarray, *network: np.ndarray) -> np.ndarray:
    return np.log(np.array([np.median(steps) for steps in network]) / predicted)


def _error(predicted: np.ndarray, *network: np.ndarray) -> float:
    return float(np.median(np.abs(np.exp(_log_ratios(predicted, *network)) - 1)))


@of_shifts("R28i", "At initialisation the rates are 3 (d/D)^2/D (alpha) and 2d/(ND) (1 + <1/(2k - 1)>) (beta_1)")
def initial_rates(context: Context) -> Finding:
    """6.5: the rates of alpha and beta_1 at initialisation, from sizes alone."""
    from validation.reddy.analyses import rates as of_rates

    checks = []
    for training in settings.shifts(context.full):
        task, sigma2 = training.last_task, 1 / training.last_task.D
        width = task.width * sigma2
        expected = {
            "alpha": 3 * width**2 / task.D,
            "beta_1": 2 * width / task.N * (1 + np.mean(1 / (2 * np.arange(1, task.N + 1) - 1))),
        }
        rates = context.of(training, of_rates)["rate"].isel(step=0)
        for name, value in expected.items():
            what = f"rate of {name} / its mean over draws, N = {task.N}, L = {task.L}, B = {task.B}"
            checks.append(between(what, rates.sel(parameter=name).values / value, 0.75, 1.25, 1.0))
    return Finding(checks)


@claim("R28r", "The rates grow along the run, that of xi by orders of magnitude, and beta_1 falls before it rises",
       level="network", trainings=lambda full: settings.reference(False), figure=figures.course_of_rates)  # fmt: skip
def account(context: Context) -> Finding:
    """6.5: d alpha/dt and d xi/dt along a run against rate x slope of the reduced loss, and the drift of beta_1."""
    from validation.reddy.analyses import rates as of_rates

    course = context.of(settings.reference(False)[0], of_rates)
    beta_1, rate = course["value"].sel(parameter="beta_1"), course["rate"]
    start, after, end = beta_1.isel(step=0), beta_1.isel(step=slice(1, None)), beta_1.isel(step=-1)
    grown = rate.isel(step=-1) / rate.isel(step=0)
    alpha, xi = (np.log10(grown.sel(parameter=name).values) for name in ("alpha", "xi"))
    return Finding(
        [
            ordered("beta_1 at the start minus the lowest after it", (start - after.min("step")).values,
                    "falls first, by .1 at least: a term the reduced model lacks", margin=0.1),
            ordered("beta_1 at the end minus at the start", (end - start).values, "rises"),
            ordered("log10 of last / first rate of xi", xi, "orders of magnitude", margin=2.0),
            ordered("log10 of last / first rate of alpha", alpha, "grows"),
            ordered("log10 growth of the rate of xi minus that of alpha", xi - alpha, "xi far more"),
        ],
        course,
    )  # fmt: skip


@claim("R28o", "On the reference the correct probability follows the model's course within .1",
       level="network", trainings=lambda full: [settings.clock(full)], figure=figures.overlay)  # fmt: skip
def overlay(context: Context) -> Finding:
    """The reference beside the model: effective rates without a clock, unit rates with a fitted one."""
    training = settings.clock(context.full)
    curve = context.of(training)
    cases: dict[str, tuple[bool, float | str]] = {
        "no_clock": (True, "learning rate"), "fitted_clock": (False, _clock(training, curve)),
    }  # fmt: skip
    data = xr.concat(
        [
            compare(_model_run(training, effective=effective), curve, clock=clock).expand_dims(case=[case])
            for case, (effective, clock) in cases.items()
            if not (isinstance(clock, float) and math.isnan(clock))
        ],
        "case",
        join="outer",
        combine_attrs="drop_conflicts",
    )
    rms = ((data["correct_residual"] ** 2).mean("step") ** 0.5).reindex(case=list(cases))
    checks = [
        between(f"rms residual of the correct probability, {case}", rms.sel(case=case).values, 0.0, 0.1, 0.0)
        for case in cases
    ]
    return Finding(checks, data)


@of_shifts("R28c", "With unit rates and a clock fitted on the reference, the others are predicted within a factor 2",
           figure=figures.shifts)  # fmt: skip
def fitted_clock(context: Context) -> Finding:
    """One clock for all."""
    return _ratios(context, "fitted_clock")
