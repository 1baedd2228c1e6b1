"""Claims on how long a linear self-attention layer takes: flows of the population loss beside plain SGD."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr

import minimodels as mm
import theory
from validation.checks import Check, between, near, ordered
from validation.ledger import Context, Finding, claim
from validation.oswald import settings
from validation.trainings import NetworkTraining

of_network = partial(claim, level="network")
of_model = partial(claim, level="model")
ZERO, BEST = (getattr(theory.gd_optimum(10, 10), name) for name in ("zero_loss", "loss"))


def _time_to(level: float, training: NetworkTraining, run: xr.Dataset) -> np.ndarray:
    """Time (learning rate x steps) at which the loss of every seed first falls below a level; nan if it does not."""
    found = []
    for losses in run["loss"].values:
        below = np.flatnonzero(losses < level)
        i = below[0] if below.size else 0
        share = (losses[i - 1] - level) / (losses[i - 1] - losses[i]) if i else math.nan
        found.append(float(run.step[i - 1] + share * (run.step[i] - run.step[i - 1])))
    return training.optimiser.lr * np.array(found)


def _time_of(event: str, weights: str, t_end: float, **init: float) -> float:
    run = mm.simulate(mm.model("linear_attention", weights=weights), t_end=t_end, init=init, save=[t_end])
    return float(run[event])


def _beside(training: NetworkTraining, run: xr.Dataset, predicted: float, rel: float, where: str) -> Check:
    measured = _time_to((ZERO + BEST) / 2, training, run)
    return near(f"half drop of SGD / of the flow, {where}", measured / predicted, 1.0, rel=rel)


def _merged(full: bool) -> NetworkTraining:
    return settings.descended("merged", settings.TASK, 0.5, 900, merged=True, average=True, start=1e-3)


@of_network("O21", "With merged weights the step grows as a logistic curve of rate 2 sqrt(d) tau^2 s^2",
            trainings=lambda full: [_merged(full)])  # fmt: skip
def logistic(context: Context) -> Finding:
    """O21: closed form against the flow, flow against SGD."""
    training, d = _merged(context.full), settings.TASK.d
    model = mm.model("linear_attention", weights="merged")
    run = mm.simulate(model, t_end=600.0, init={"u": 1e-3, "v": 1e-3 * math.sqrt(d)}, rtol=1e-11, atol=1e-14)
    rate, best, start = 2 * math.sqrt(d) * settings.TASK.s**2, 6.0606060606, math.sqrt(d) * 1e-6
    course = best / (1 + (best / start - 1) * np.exp(-rate * run["time"]))
    away = float(abs(run["eta"] / course - 1).max())
    return Finding(
        [
            between("largest relative distance of flow and logistic curve", away, 0.0, 1e-6, 0.0),
            _beside(training, context.of(training), float(run["half_drop"]), 0.02, "u_0 = .001"),
        ],
        context.of(training),
    )


STARTS = {False: (0.05, 0.07), True: (0.04, 0.05, 0.07)}


def _separate(full: bool) -> dict[float, NetworkTraining]:
    return {
        x: settings.descended(f"separate-{x:g}", settings.TASK, 0.3, int(1.3 * 0.72 / x**2 / 0.3), start=x)
        for x in STARTS[full]
    }


@of_network("O22", "With separate weights the escape takes .72/x_0^2: algebraic in the start, not logarithmic",
            headline=True, trainings=lambda full: list(_separate(full).values()))  # fmt: skip
def algebraic(context: Context) -> Finding:
    """O22."""
    escape = {x: _time_of("escape_time", "separate", 2 / x**2, **_balanced(x)) for x in (0.0125, 0.025, 0.05)}
    power = np.diff(np.log(list(escape.values()))) / np.log(2)
    checks = [
        near("escape of the flow, x_0 = .05", escape[0.05], 286.4, rel=1e-3),
        near("power of x_0 from .0125 to .025", float(power[0]), -2.0, rel=0.01),
    ]
    for x, training in _separate(context.full).items():
        predicted = _time_of("half_drop", "separate", 2 / x**2, **_balanced(x))
        checks.append(_beside(training, context.of(training), predicted, 0.03, f"x_0 = {x:g}"))
    return Finding(checks)


def _balanced(x: float) -> dict[str, float]:
    """Keys and queries x_0, values and projection sqrt(d) x_0."""
    y = x * math.sqrt(settings.TASK.d)
    return {"k": x, "q": x, "p": y, "v": y}


def _random(full: bool) -> NetworkTraining:
    """From the authors' initialisation."""
    plain = settings.descended("random", settings.TASK, 0.5, 9800)
    return replace(plain, record_every=4, batch=128, held_out=1024)


@of_network("O23", "From random weights the escape follows from four numbers of the start", headline=True,
            trainings=lambda full: [_random(full)])  # fmt: skip
def from_random_weights(context: Context) -> Finding:
    """O23: the onset flow's escape against the half drop of SGD, seed by seed."""
    training, onset = _random(context.full), mm.model("linear_attention", weights="onset")
    run, ratios = context.of(training), []
    measured = _time_to((ZERO + BEST) / 2, training, run)
    for seed, time in zip(training.seeds, measured, strict=True):
        init = _four_numbers(training.network.initial(training.last_task, seed))
        flow = mm.simulate(onset, t_end=8000.0, init=init, stop_at="escape_time", save=[0.0])
        ratios.append(time / float(flow["escape_time"]))
    return Finding([near("half drop of SGD / escape of the onset flow", ratios, 1.0, rel=0.03)], run)


def _four_numbers(weights: dict[str, np.ndarray]) -> dict[str, float]:
    """A = p.v, B = tr K_x^T Q_x and the squared norms, on the branch A > 0 (A < 0 is it with K and -Q)."""
    K, Q, V, P = (weights[name][0, 0] for name in "KQVP")
    p, v, K_x, Q_x = -P[-1], V[:, -1], K[:, :-1], Q[:, :-1]
    A, B = float(p @ v), float((K_x * Q_x).sum())
    return {"A": abs(A), "B": math.copysign(1.0, A) * B, "S1": float(p @ p + v @ v),
            "S2": float((K_x**2).sum() + (Q_x**2).sum())}  # fmt: skip


SPECTRUM = (1.0, 0.5, 0.25)
PLATEAUS = (0.875, 0.435440, 0.231358, 0.142072)


@of_model("O25", "With inputs of unequal variance directions are learned one after the other, on plateaus that the "
          "spectrum gives", setting="variances 1, .5, .25, N = 20")  # fmt: skip
def staircase(context: Context) -> Finding:
    """O25: the ladder against its table, and exits against the flow."""
    ladder = theory.saddle_ladder(SPECTRUM, 20)
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
    return Finding(checks)
