"""The flow in a plane of two states: its field, nullclines, and the fixed points of the model with their kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minimodels.bounds import limits
from minimodels.compiled import compiled
from minimodels.explore.curves import Curves
from minimodels.explore.state import State
from minimodels.fixed_points import FixedPoint, fixed_points

ARROWS = 17  # along either side
FINE = 61  # points that the nullclines are drawn through
STARTS = 40  # random ones of the search for fixed points: it is repeated with every setting
LISTED = 12

Floats = NDArray[np.float64]
Line = tuple[Floats, Floats]


@dataclass(frozen=True)
class Field:
    """The flow in a plane.

    Attributes
    ----------
    x, y : str
        States along the axes.
    box : (x0, x1, y0, y1)
        What is shown.
    arrows : (P, 4)
        Tails and tips, all of one length on the screen; none where the flow rests or has no value.
    speed : (P,)
        Logarithm of the speed between the slowest and the fastest arrow, from 0 to 1.
    nullclines : mapping of state to lines
        Where the state does not move.
    held : mapping of str to float
        Values of all other states.
    """

    x: str
    y: str
    box: tuple[float, float, float, float]
    arrows: Floats
    speed: Floats
    nullclines: dict[str, list[Line]]
    held: dict[str, float]


def place(state: State, curves: Curves) -> dict[str, float]:
    """Return the states of a run at the place that the slice goes through."""
    when = {"start": 0.0, "end": state.end}.get(state.at, curves.events.get(state.at, np.nan))
    if not np.isfinite(when):
        when = 0.0
    return {
        k: float(np.interp(when, curves.time, np.nan_to_num(v, nan=state.start[k])))
        for k, v in curves.values.items()
        if k in state.model.state
    }


def field(state: State, curves: Curves) -> Field:
    """Return the flow around a run, in the plane of two of its states."""
    import contourpy

    assert state.slice is not None
    m, (first, second) = state.model, state.slice
    at = place(state, curves)
    low, high = limits(m)
    sides = []
    for name in (first, second):
        i, values = m.state.index(name), curves.values[name]
        seen = values[np.isfinite(values)]
        a, b = (float(seen.min()), float(seen.max())) if len(seen) else (at[name], at[name])
        room = 0.25 * (b - a) or 0.5 * (abs(a) or 1.0)
        sides.append((max(a - room, float(low[i])), min(b + room, float(high[i]))))
    (x0, x1), (y0, y1) = sides
    x1, y1 = x1 if x1 > x0 else x0 + 1.0, y1 if y1 > y0 else y0 + 1.0

    def drift(xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
        grid = np.meshgrid(xs, ys)
        y = np.tile([at[k] for k in m.state], (grid[0].size, 1))
        for name, values in zip((first, second), grid, strict=True):
            y[:, m.state.index(name)] = values.ravel()
        kernel = compiled(m).move(discrete=state.discrete)
        _, par, _ = state.problem.points({}, 1)
        found = kernel.evaluate("move", y, kernel.table(par))
        return tuple(found[:, m.state.index(k)].reshape(grid[0].shape) for k in (first, second))  # type: ignore[return-value]

    xs, ys = (np.linspace(a, b, ARROWS + 2)[1:-1] for a, b in ((x0, x1), (y0, y1)))
    u, v = drift(xs, ys)
    dx, dy = u / (x1 - x0), v / (y1 - y0)
    size = np.hypot(dx, dy)
    good = np.isfinite(size) & (size > 0)
    grid_x, grid_y = np.meshgrid(xs, ys)
    reach = 0.4 / ARROWS
    with np.errstate(all="ignore"):
        half_x, half_y = reach * dx / size * (x1 - x0), reach * dy / size * (y1 - y0)
        log = np.log(size[good])
    arrows = np.stack([grid_x - half_x, grid_y - half_y, grid_x + half_x, grid_y + half_y], axis=-1)[good]
    speed = (log - log.min()) / (np.ptp(log) or 1.0) if len(log) else log
    fx, fy = np.linspace(x0, x1, FINE), np.linspace(y0, y1, FINE)
    lines = {}
    for name, values in zip((first, second), drift(fx, fy), strict=True):
        z = np.ma.masked_invalid(values)
        found: Any = contourpy.contour_generator(fx, fy, z).lines(0.0) if z.count() else []
        lines[name] = [(line[:, 0], line[:, 1]) for line in found]
    held = {k: v for k, v in at.items() if k not in (first, second)}
    return Field(first, second, (x0, x1, y0, y1), arrows, speed, lines, held)


def rests(state: State) -> list[FixedPoint]:
    """Return the fixed points of the model, those of a definite kind first, then by loss."""
    found = fixed_points(state.model, init=state.init, starts=STARTS)
    ranked = {"stable": 0, "saddle": 1, "unstable": 2, "degenerate": 3}
    return sorted(found, key=lambda p: (ranked[p.kind], p.loss if p.loss is not None else 0.0))


def counted(points: list[FixedPoint]) -> Mapping[str, int]:
    """Return how many fixed points there are of each kind."""
    kinds = [p.kind for p in points]
    return {k: kinds.count(k) for k in dict.fromkeys(kinds)}
