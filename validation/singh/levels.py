r"""Vectors of the toy model beside parts of the network: three, two, one left, in one clock.

Three aligned vectors of equal length w in units of the truth, k of them free, have

.. math:: w' = w^{k-1}(1-w^k), \qquad L/L_p=(1-w^k)^2,

in the model's own units. Two numbers are fitted to the network: the start :math:`w_0`, so that the times to a tenth of
the plateau with three left and with one have the network's ratio, and the clock, so that they have its size.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

import minimodels as mm
from minimodels.measure import first_time_above

Floats = NDArray[np.float64]
TENTH = 0.1  # of the level of knowing nothing
LR, STEPS = 0.02, 20_000  # of the descent that stands for the flow
SMALLEST, LARGEST = 0.005, 0.4  # starts; the ratio of the times falls with them


class Course(NamedTuple):
    """Times in the model's units, losses over that of predicting zero, and the time to a tenth."""

    time: Floats
    loss: Floats
    tenth: float


class Fit(NamedTuple):
    """The start w_0 of every vector, and steps of the network per unit of the model's time."""

    start: float
    clock: float


@lru_cache(maxsize=64)
def toy(left: int, start: float) -> Course:
    """The loss with so many of three vectors left, the others clamped to the truth."""
    vectors = (1, 2, 3)
    model = mm.model("tensor_product", k=3, form="components", **{f"{x}_{i}": 1.0 for i in vectors for x in "dT"})
    begin = {f"sigma_{i}": start for i in vectors} | {f"r_{i}": 0.0 for i in vectors}
    held = {name: value for i in vectors[left:] for name, value in ((f"sigma_{i}", 1.0), (f"r_{i}", 0.0))}
    run = mm.descend(model, lr=LR, steps=STEPS, init=begin, clamp=held, save=np.arange(0, STEPS + 1, 2))
    time, loss = LR * run["step"].values, 2 * run["loss"].values
    return Course(time, loss, first_time_above(time, -loss, -TENTH))


def fitted(three: float, one: float) -> Fit:
    """Start and clock from the network's times to a tenth, with three parts left and with one."""

    def excess(start: float) -> float:
        return toy(3, start).tenth / toy(1, start).tenth - three / one

    ends = excess(SMALLEST), excess(LARGEST)
    if ends[0] * ends[1] > 0:  # none does: the nearest
        start = SMALLEST if abs(ends[0]) < abs(ends[1]) else LARGEST
    else:
        start = float(brentq(excess, SMALLEST, LARGEST, xtol=1e-4))
    return Fit(start, three / toy(3, start).tenth)


def residual(left: int, start: float, steps: Floats, loss: Floats, clock: float) -> float:
    """Root mean square of network minus toy, from the start to twice the network's time to a tenth."""
    course = toy(left, start)
    until = 2 * first_time_above(steps, -loss, -TENTH)
    shown = (steps <= until) & np.isfinite(loss)
    there = np.interp(steps[shown] / clock, course.time, course.loss)
    return float(np.sqrt(np.mean((loss[shown] - there) ** 2)))
