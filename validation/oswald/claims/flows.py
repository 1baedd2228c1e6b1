"""Claims on how long a linear self-attention layer takes: flows of the population loss beside plain SGD."""

import math
from functools import partial

import numpy as np
import xarray as xr

from validation.checks import near
from validation.ledger import Context, Finding, claim
from validation.oswald import settings
from validation.trainings import NetworkTraining

of_network = partial(claim, level="network")
N = d = 10
S = settings.TASK.s
A = 1 / (S * (N + d - 0.2))
ZERO, BEST = 0.5 * S * d, 0.5 * S * d * (1 - A * N * S)


def _half_drop(training: NetworkTraining, run: xr.Dataset) -> np.ndarray:
    """Time (learning rate x steps) at which the loss of every seed is half-way from zero's to the best."""
    level = (ZERO + BEST) / 2
    found = []
    for losses in run["loss"].values:
        below = np.flatnonzero(losses < level)
        if not below.size or below[0] == 0:
            found.append(math.nan)
            continue
        i = below[0]
        share = (losses[i - 1] - level) / (losses[i - 1] - losses[i])
        found.append(float(run.step[i - 1] + share * (run.step[i] - run.step[i - 1])))
    return training.optimiser.lr * np.array(found)


def _drop(a: np.ndarray) -> np.ndarray:
    """Loss of a step."""
    return np.asarray(ZERO * (1 - 2 * a * N * S + a * a * N * S / A))


def _merged(full: bool) -> NetworkTraining:
    return settings.descended("merged", settings.TASK, 0.5, 900, merged=True, average=True, start=1e-3)


@of_network("O21", "With merged weights the step grows as a logistic curve of rate 2 sqrt(d) tau^2 s^2",
            trainings=lambda full: [_merged(full)])  # fmt: skip
def logistic(context: Context) -> Finding:
    """O21: the half drop of the loss by SGD against the closed form."""
    training = _merged(context.full)
    rate, eta, start = 2 * math.sqrt(d) * S * S, N * A, math.sqrt(d) * 1e-6
    time = np.linspace(0, 600, 60_001)
    course = eta / (1 + (eta / start - 1) * np.exp(-rate * time))
    predicted = float(np.interp(-(ZERO + BEST) / 2, -_drop(course / N), time))
    measured = _half_drop(training, context.of(training))
    return Finding([near("half drop of SGD / closed form", measured / predicted, 1.0, rel=0.02)], context.of(training))


STARTS = {False: (0.05, 0.07), True: (0.04, 0.05, 0.07)}


def _separate(full: bool) -> dict[float, NetworkTraining]:
    return {
        x: settings.descended(f"separate-{x:g}", settings.TASK, 0.3, int(1.3 * 0.72 / x**2 / 0.3), start=x)
        for x in STARTS[full]
    }


@of_network("O22", "With separate weights the escape takes .72/x_0^2: algebraic in the start, not logarithmic",
            headline=True, trainings=lambda full: list(_separate(full).values()))  # fmt: skip
def algebraic(context: Context) -> Finding:
    """O22: t = [1/r_0 - 1/r + artanh r - artanh r_0]/(2 g sqrt(d a*)), r = sqrt(a/a*)."""
    checks = []
    for x, training in _separate(context.full).items():
        g, first = S * S * N, math.sqrt(d * x**4 / A)
        r = np.linspace(first, 0.99, 200_001)
        time = (1 / first - 1 / r + np.arctanh(r) - math.atanh(first)) / (2 * g * math.sqrt(d * A))
        predicted = float(np.interp(-(ZERO + BEST) / 2, -_drop(A * r * r), time))
        measured = _half_drop(training, context.of(training))
        checks.append(near(f"half drop of SGD / closed form, x_0 = {x:g}", measured / predicted, 1.0, rel=0.03))
    return Finding(checks)
