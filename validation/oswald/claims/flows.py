"""Claims on how long a linear self-attention layer takes: flows of the population loss beside plain SGD."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import xarray as xr

import minimodels as mm
import theory
from minimodels.measure import first_time_above
from validation.checks import Check, between, near, ordered
from validation.ledger import Context, Finding, claim
from validation.oswald import figures, settings
from validation.trainings import NetworkTraining

of_network = partial(claim, level="network")
of_model = partial(claim, level="model")
ZERO, BEST = (getattr(theory.gd_optimum(10, 10), name) for name in ("zero_loss", "loss"))


def time_to(fallen: float, training: NetworkTraining, run: xr.Dataset) -> np.ndarray:
    """Time (learning rate x steps) at which the loss of every seed has fallen by a share of its drop; nan if never."""
    times = training.optimiser.lr * run["step"].values
    return np.array([crossing(fallen, times, losses) for losses in run["loss"].values])


def crossing(fallen: float, times: np.ndarray, losses: np.ndarray) -> float:
    """Time at which a loss has fallen by a share of its drop; nan if it does not."""
    return first_time_above(times, -losses, -(ZERO - fallen * (ZERO - BEST)))


def _time_of(event: str, weights: str, t_end: float, **init: float) -> float:
    run = mm.simulate(mm.model("linear_attention", weights=weights), t_end=t_end, init=init, save=[t_end])
    return float(run[event])


def _beside(training: NetworkTraining, run: xr.Dataset, predicted: float, rel: float, where: str) -> Check:
    measured = time_to(0.5, training, run)
    return near(f"half drop of SGD / of the flow, {where}", measured / predicted, 1.0, rel=rel)


MERGED_STARTS = {False: (1e-3,), True: (1e-3, 3e-3, 1e-2)}


def _merged(full: bool) -> dict[float, NetworkTraining]:
    batch = 2048 if full else 1024
    return {
        u: replace(settings.descended(f"merged-{u:g}-{batch}", settings.TASK, 0.5, int(1.35 * _logistic_time(u) / 0.5),
                                      merged=True, average=True, start=u), batch=batch)
        for u in MERGED_STARTS[full]
    }  # fmt: skip


RATE = 2 * math.sqrt(settings.TASK.d) * settings.TASK.s**2
ETA = settings.TASK.N * theory.gd_optimum(10, 10).a[0]


def _logistic_time(u: float) -> float:
    """When the logistic curve is half-way."""
    return math.log(ETA / (math.sqrt(settings.TASK.d) * u**2) - 1) / RATE


def _alike(u: float) -> dict[str, float]:
    return {"u": u, "v": u * math.sqrt(settings.TASK.d)}


@of_network("O21", "With merged weights the step grows as a logistic curve of rate 2 sqrt(d) tau^2 s^2",
            trainings=lambda full: list(_merged(full).values()))  # fmt: skip
def logistic(context: Context) -> Finding:
    """O21: closed form against the flow, flow against SGD."""
    model = mm.model("linear_attention", weights="merged")
    run = mm.simulate(model, t_end=600.0, init=_alike(1e-3), rtol=1e-11, atol=1e-14)
    start = math.sqrt(settings.TASK.d) * 1e-6
    course = ETA / (1 + (ETA / start - 1) * np.exp(-RATE * run["time"]))
    away = float(abs(run["eta"] / course - 1).max())
    checks = [between("largest relative distance of flow and logistic curve", away, 0.0, 1e-6, 0.0)]
    for u, training in _merged(context.full).items():
        predicted = _time_of("half_drop", "merged", 600.0, **_alike(u))
        checks.append(_beside(training, context.of(training), predicted, 0.02, f"u_0 = {u:g}"))
    return Finding(checks)


STARTS = (0.04, 0.05, 0.07)


def _separate(full: bool) -> dict[float, NetworkTraining]:
    batch = 512 if full else 256
    return {
        x: replace(settings.descended(f"separate-{x:g}-{batch}", settings.TASK, 0.3, int(1.3 * 0.72 / x**2 / 0.3),
                                      start=x), batch=batch)
        for x in STARTS
    }  # fmt: skip


@of_network("O22", "With separate weights the escape takes .72/x_0^2: algebraic in the start, not logarithmic",
            figure=figures.escapes,
            trainings=lambda full: [*_separate(full).values(), *_merged(full).values()])  # fmt: skip
def algebraic(context: Context) -> Finding:
    """O22; its figure has the merged weights of O21 beside."""
    escape = {x: _time_of("escape_time", "separate", 2 / x**2, **_balanced(x)) for x in (0.0125, 0.025, 0.05)}
    power = np.diff(np.log(list(escape.values()))) / np.log(2)
    checks = [
        near("escape of the flow, x_0 = .05", escape[0.05], 286.4, rel=1e-3),
        near("power of x_0 from .0125 to .025", float(power[0]), -2.0, rel=0.01),
    ]
    for x, training in _separate(context.full).items():
        predicted = _time_of("half_drop", "separate", 2 / x**2, **_balanced(x))
        checks.append(_beside(training, context.of(training), predicted, 0.03, f"x_0 = {x:g}"))
    return Finding(checks, _over_starts(context))


def _over_starts(context: Context) -> xr.Dataset:
    """Times of the half drop over the start, of flows and of SGD."""
    data: dict[str, tuple[object, object]] = {}
    for name, begin, runs, ends in (
        ("separate", _balanced, _separate, (0.025, 0.1)), ("merged", _alike, _merged, (5e-4, 0.02)),
    ):  # fmt: skip
        trainings, starts = runs(context.full), np.geomspace(*ends, 15)
        times = [_time_of("half_drop", name, max(600.0, 2 / x**2), **begin(x)) for x in starts]
        measured = [time_to(0.5, training, context.of(training)) for training in trainings.values()]
        data |= {f"start_{name}": (f"point_{name}", starts), f"flow_{name}": (f"point_{name}", times)}
        data |= {f"at_{name}": (f"run_{name}", list(trainings)), f"sgd_{name}": ((f"run_{name}", "seed"), measured)}
    return xr.Dataset(data)


def _balanced(x: float) -> dict[str, float]:
    """Keys and queries x_0, values and projection sqrt(d) x_0."""
    y = x * math.sqrt(settings.TASK.d)
    return {"k": x, "q": x, "p": y, "v": y}


PLATEAUS = (0.875, 0.435440, 0.231358, 0.142072)


@of_model("O25", "With inputs of unequal variance directions are learned one after the other, on plateaus that the "
          "spectrum gives", setting="variances 1, .5, .25, N = 20; ten other spectra")  # fmt: skip
def staircase(context: Context) -> Finding:
    """O25: the ladder against its table, and against flows with spectra drawn at random."""
    ladder = theory.saddle_ladder(settings.SPECTRUM, 20)
    checks = [
        near(f"plateau with {m} learned", level, expected, rel=5e-6)
        for m, (level, expected) in enumerate(zip(ladder.plateaus, PLATEAUS, strict=True))
    ]
    v, u = ladder.merged_limit
    checks += [
        near(f"merged limit, {name}", value, expected, rel=1e-5)
        for name, value, expected in zip(("v", "u_1", "u_2", "u_3"), (v, *u), (1.845569, 0.476342, 0.884634, 1.548110),
                                         strict=True)
    ]  # fmt: skip
    exits = np.diff(np.array(ladder.exits))
    checks.append(ordered("shortest wait between exits", float(exits.min()), "one after the other"))
    levels, times, waits = zip(*(_ladder_and_flow(seed) for seed in range(10)), strict=True)
    return Finding(
        [
            *checks,
            between("plateaus of ten spectra, largest |flow / ladder - 1|", max(levels), 0.0, 0.01, 0.0),
            between("exits of ten spectra, largest |flow / ladder - 1|", max(times), 0.0, 0.01, 0.0),
            ordered("shortest wait of ten flows, by falling variance", min(waits), "the order of the variances"),
        ]
    )


def _ladder_and_flow(seed: int) -> tuple[float, float, float]:
    """Distances of plateaus and exits, and the shortest wait, for a spectrum drawn at random."""
    rng, start = np.random.default_rng(seed), 1e-4
    d, N = int(rng.integers(2, 5)), int(rng.integers(5, 41))
    variances = np.cumprod(np.append(rng.uniform(0.5, 2.0), rng.uniform(0.3, 0.7, d - 1)))
    ladder = theory.saddle_ladder(variances, N, start=start)
    run = _stairs(variances, N, start, 1.3 * max(ladder.exits))
    exits = np.array([float(run[f"exit_{i + 1}"]) for i in range(d)])
    levels = _flattest(run["time"].values, run["loss"].values, exits)[0]
    away = [float(abs(a / np.array(b) - 1).max()) for a, b in ((levels, ladder.plateaus), (exits, ladder.exits))]
    return away[0], away[1], float(np.diff(exits).min())


def _stairs(variances: Sequence[float] | np.ndarray, N: int, start: float, t_end: float) -> xr.Dataset:
    """The flow with keys and queries apart."""
    d = len(variances)
    named = {f"lambda_{i + 1}": float(variance) for i, variance in enumerate(variances)}
    model = mm.model("linear_attention", weights="anisotropic-separate", d=d, N=N, **named)
    init = dict.fromkeys(model.state, start) | {"v": start * math.sqrt(d)}
    return mm.simulate(
        model, t_end=t_end, init=init, save=np.linspace(0.0, t_end, 3001), max_steps=10**6, rtol=1e-9, atol=1e-20
    )  # fmt: skip


def _flattest(times: np.ndarray, losses: np.ndarray, exits: Sequence[float] | np.ndarray) -> tuple[np.ndarray, ...]:
    """Losses, and their times, where the loss falls most slowly before, between and after exits."""
    slope = np.gradient(losses, times)
    parts = np.searchsorted(times, [0.0, *exits, np.inf])
    best = np.array([a + np.argmax(slope[a:b]) for a, b in pairwise(parts)])
    return losses[best], times[best]


def _read_stairs(context: Context) -> xr.Dataset:
    from validation.oswald.analyses import directions

    return context.of(settings.staircase(context.full), directions)


@of_network("O25n", "SGD on inputs of unequal variance goes down the staircase: plateaus, and times and order of exits",
            headline=True, figure=figures.staircase, trainings=lambda full: [settings.staircase(full)])  # fmt: skip
def staircase_of_sgd(context: Context) -> Finding:
    """O25 for SGD with keys and queries apart and values and projection merged, the flow's parameters."""
    training, found = settings.staircase(context.full), _read_stairs(context)
    N, start = training.last_task.N, settings.STAIRS_START
    ladder = theory.saddle_ladder(settings.SPECTRUM, N, start=start)
    times, progress = found["time"].values, found["progress"].values
    run = _stairs(settings.SPECTRUM, N, start, float(times[-1]))
    _, rests = _flattest(run["time"].values, run["loss"].values, ladder.exits)
    exits = np.array([[first_time_above(times, each[:, i], 0.5) for i in range(3)] for each in progress])
    checks = []
    for m, (level, rest) in enumerate(zip(ladder.plateaus, rests, strict=True)):
        last = m == len(settings.SPECTRUM)
        at = times > 0.9 * times[-1] if last else np.argsort(abs(times - rest))[:3]  # nearest to where the flow rests
        checks.append(near(f"plateau with {m} learned", found["loss"].values[:, at].mean(1), level, rel=0.01))
    for i, exit in enumerate(ladder.exits):
        checks.append(near(f"exit {i + 1} of SGD / of the ladder", exits[:, i] / exit, 1.0, rel=0.03))
    checks.append(ordered("shortest wait of a seed", np.diff(exits, axis=1).min(1), "the order of the variances"))
    flow = run["loss"].rename(time="flow_time").drop_vars([name for name in run["loss"].coords if name != "time"])
    return Finding(
        checks,
        found[["loss", "progress"]].assign(flow=flow).assign_attrs(plateaus=ladder.plateaus, exits=ladder.exits),
    )
