r"""The staircase of saddles of one linear self-attention layer with separate keys and queries.

With the clock :math:`\varphi=\int v\,dt` the balanced flow (``linear_attention``, ``anisotropic-separate``) is

.. math:: \frac{d\log u_i}{d\varphi} = 2\tau^2\lambda_i^2(1-v\Gamma_iu_i), \qquad v^2=\sum_iu_i ,

so that a direction grows exactly by :math:`e^{2\tau^2\lambda_i^2\varphi}` until it is learned, and on the plateau of
the first m directions :math:`v_m=(\sum_{j\le m}1/\Gamma_j)^{1/3}`. Exit times from small equal :math:`u_i(0)=u_0`
follow: a quadrature to the first one, a wait

.. math:: \Delta t = \frac{\log(u/u_i)}{2\tau^2\lambda_i^2v_m}

on each plateau, and between two plateaus the orbit that connects them, which does not depend on the start. What is left
out falls as a power of :math:`u_0`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad, solve_ivp

from minimodels.errors import InputError, check_array, check_between, check_whole
from theory.numeric import ending
from theory.oswald.loss import LARGEST, scales

Array = NDArray[np.float64]
SMALL = 1e-5  # of its final weight: a direction that disturbs nobody yet
LARGE = 1e-2  # of its final weight: a direction that starts there has no plateau
RELAXED = 40.0  # e-folds that a plateau is waited for
ALIKE = 1e-6  # relative difference below which variances are one


@dataclass(frozen=True)
class SaddleLadder:
    """Plateaus and exits of the flow of one layer, by falling variance.

    Attributes
    ----------
    eigenvalues, gamma : tuple of float
        Variances of the inputs, from the largest, and their Gamma_i.
    plateaus : tuple of float
        Loss with none, one, ..., all directions learned.
    exits : tuple of float
        Times (learning rate x steps) at which the directions are half learned, v Gamma_i u_i = 1/2.
    merged_limit, separate_limit : tuple
        Final v and u_i with merged weights (u_i a parameter) and with separate ones (u_i = k_i q_i), from v^2 = |u|^2
        and v^2 = sum u_i.
    """

    eigenvalues: tuple[float, ...]
    gamma: tuple[float, ...]
    plateaus: tuple[float, ...]
    exits: tuple[float, ...]
    merged_limit: tuple[float, tuple[float, ...]]
    separate_limit: tuple[float, tuple[float, ...]]


def saddle_ladder(
    eigenvalues: Any, N: int, *, start: float = 1e-3, tau: float = 1.0, sigma: float = 0.0
) -> SaddleLadder:
    r"""Return the plateaus of the loss, and when they are left, as a layer learns Gaussian inputs one by one.

    .. math::

        \mathcal L_m = \frac{\tau^2}2\Big[\mathrm{tr}\Lambda-\sum_{i\le m}\frac{\lambda_i^2}{\Gamma_i}\Big], \qquad
        \Gamma_i = \Big(1+\frac1N\Big)\lambda_i+\frac{\mathrm{tr}\Lambda+\sigma^2/\tau^2}N

    Parameters
    ----------
    eigenvalues : sequence of float
        Variances of the inputs, in any order. Those that are equal are learned together.
    N : int
        Points in the context; the attention is their mean.
    start : float
        Initial keys and queries of every direction; v starts at ``start * sqrt(d)``.
    tau, sigma : float
        Standard deviations of a weight of the task and of the labels' noise.

    Raises
    ------
    InputError
        For variances that are not positive, or a start that is not small.

    Notes
    -----
    Source: the staircase is that of Zhang, Singh, Latham & Saxe 2025 (arXiv 2501.16265); exit times are derived here.

    Examples
    --------
    >>> ladder = saddle_ladder([1, 0.5, 0.25], 20)
    >>> [round(x, 6) for x in ladder.plateaus]
    [0.875, 0.43544, 0.231358, 0.142072]
    >>> round(ladder.merged_limit[0], 6)
    1.845569
    """
    found = np.sort(check_array(eigenvalues, "`eigenvalues`", "[1, 0.5, 0.25]"))[::-1]
    if not 1 <= found.size <= 64 or found[-1] < 1 / LARGEST or found[0] > LARGEST:
        raise InputError(
            f"`eigenvalues` are variances, between {1 / LARGEST:g} and {LARGEST:g}, at most 64; got {found.size} "
            f"from {found.min(initial=math.inf):g} to {found.max(initial=-math.inf):g}."
        )
    N = check_whole(N, "`N`", high=10**9)
    _, tau, sigma = scales(1.0, tau, sigma)
    gamma = (1 + 1 / N) * found + (found.sum() + (sigma / tau) ** 2) / N
    start = check_between(start, "`start`", 1e-100, LARGEST)
    u_0 = start**2
    falls = np.concatenate([[0.0], np.cumsum(found**2 / gamma)])
    final = float(np.sum(1 / gamma) ** (1 / 3)), float(np.sum(gamma**-2.0) ** 0.25)
    largest = math.sqrt(LARGE / (final[0] * gamma[0]))
    if start > largest:
        raise InputError(f"`start` must be small, at most {largest:.3g} here; got {start:g}.")
    limits = [(v, tuple((1 / (v * gamma)).tolist())) for v in final]
    return SaddleLadder(
        eigenvalues=tuple(found.tolist()),
        gamma=tuple(gamma.tolist()),
        plateaus=tuple((tau**2 / 2 * (found.sum() - falls)).tolist()),
        exits=tuple(_exits(found, gamma, u_0, tau).tolist()),
        merged_limit=limits[1],
        separate_limit=limits[0],
    )


def _exits(eigenvalues: Array, gamma: Array, u_0: float, tau: float) -> Array:
    pace = 2 * tau**2 * eigenvalues**2  # of the logarithms, in the clock
    levels = np.full(pace.size, math.log(u_0))  # logarithms of the weights that are still small
    exits, now, known = np.zeros(pace.size), 0.0, 0
    while known < pace.size:
        first = known
        known += int(np.sum(np.abs(eigenvalues[first:] / eigenvalues[first] - 1) < ALIKE))
        v = float(np.sum(1 / gamma[:first]) ** (1 / 3))
        target = math.log(SMALL / gamma[first]) - math.log(v or (known / gamma[0]) ** (1 / 3))
        target = target if first else max(target, levels[0])
        clock = (target - levels[first]) / pace[first]
        now += clock / v if first else _first_wait(pace, u_0, clock)
        levels += pace * clock
        orbit = Orbit(pace[:known], gamma[:known], first, target, v)
        left, duration, passed = orbit.run()
        if not first:  # the others slow down the start, where all are small
            with_all, _, _ = orbit.run(pace[known:], levels[known:])
            now += with_all - left
        exits[first:known] = now + left
        now += duration
        levels += pace * passed
    return exits


def _first_wait(pace: Array, u_0: float, clock: float) -> float:
    """Return the time that it takes the clock to advance from a start where all weights are small and equal."""
    time, _ = quad(lambda x: np.sum(u_0 * np.exp(pace * x)) ** -0.5, 0, clock, epsabs=0, epsrel=1e-11, limit=500)
    return float(time)


@dataclass(frozen=True)
class Orbit:
    """The way from one plateau to the next, from where the directions learned on it are still small."""

    pace: Array
    gamma: Array
    first: int
    target: float
    v: float

    def run(self, pace: Array | None = None, levels: Array | None = None) -> tuple[float, float, float]:
        """Return exit, duration and clock; with others that only grow, stop at the exit."""
        start = np.full(self.pace.size, self.target)
        if self.first:
            start[: self.first] = -np.log(self.v * self.gamma[: self.first])

        def speed(y: Array) -> float:
            others = 0.0 if pace is None or levels is None else np.exp(levels + pace * y[-1]).sum()
            return math.sqrt(np.exp(y[:-1]).sum() + others)

        def flow(t: float, y: Array) -> Array:
            v = speed(y)
            return np.append(self.pace * v * (1 - v * self.gamma * np.exp(y[:-1])), v)

        def half(t: float, y: Array) -> float:
            return speed(y) * self.gamma[-1] * math.exp(y[-2]) - 0.5

        end = float(np.sum(1 / self.gamma) ** (1 / 3))
        duration = (RELAXED - math.log(SMALL)) / self.pace[-1] / min(end, self.v or end)
        duration += 0.0 if self.first else 2 / math.sqrt(math.exp(self.target)) / self.pace[0]
        event = half if pace is None else ending(half)
        run = solve_ivp(
            flow, (0, duration), np.append(start, 0.0), method="LSODA", rtol=1e-10, atol=1e-11, events=event
        )
        return float(run.t_events[0][0]), duration, float(run.y[-1, -1])
