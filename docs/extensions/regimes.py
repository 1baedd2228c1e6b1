"""Regime maps: which results of the theory apply where, over what the model does there."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from scipy.ndimage import distance_transform_edt

import minimodels as mm
from extensions.pages import table
from minimodels.errors import InputError
from minimodels.model import Model
from minimodels.plot import plot_sweep, style
from theory.derivation import Derivation, Result

TRIED = 5  # values of a quantity alone
CELLS, SIDE = 17, 28  # along an axis: of the regimes (the default among them), and of the map below them
REACH = 8.0  # times the default, up and down
STATES = 4  # whose starts are tried

Axes = dict[str, np.ndarray]


def quantities(model: Model) -> Axes:
    """Return parameters and starts with the ranges that are scanned, within their domains."""
    found = {}
    lows = {k: (p.low, p.high) for k, p in model.parameters.items()}
    for key, value in [*model.values.items(), *((f"{k}_0", model.init[k]) for k in model.state[:STATES])]:
        low, high = lows.get(key, (0.0, math.inf))
        least, most = max(value / REACH, low), min(value * REACH, high)
        if value > 0 and least < most:
            found[key] = np.geomspace(least or value / REACH, most, TRIED)
        elif value == 0:
            found[key] = np.linspace(0.0, min(high, 1.0), TRIED)
    return found


def at(model: Model, values: Mapping[str, float]) -> tuple[Model, dict[str, float]] | None:
    """Return the model and the start at a point, None outside of the domain."""
    starts = {k: float(values[f"{k}_0"]) for k in model.state if f"{k}_0" in values}
    try:
        moved = model.with_values(**{k: float(v) for k, v in values.items() if k in model.parameters})
    except InputError:
        return None
    return moved, dict(model.init) | starts


@dataclass(frozen=True)
class Regimes:
    """Over two quantities: what a sweep finds, and the set of results that apply, by cell."""

    model: Model
    grid: xr.Dataset
    axes: Axes
    sets: np.ndarray  # index into `kinds`, -1 outside of the domain
    kinds: list[tuple[bool, ...]]
    varying: list[Result]
    always: list[Result]
    never: list[Result]

    @classmethod
    def of(cls, model: Model, derivation: Derivation, end: float) -> "Regimes | None":
        """Scan every quantity alone, choose the two that decide most, and scan these together."""
        ranges = quantities(model)
        patterns = {key: list(scan(model, list(derivation), key, ranges[key])) for key in ranges}
        kinds = {key: len(set(found)) for key, found in patterns.items()}
        chosen = sorted(kinds, key=lambda key: (-kinds[key], key not in model.parameters))[:2]
        if len(chosen) < 2:
            return None
        found = [pattern for key in chosen for pattern in patterns[key]]
        seen = list(zip(*found, strict=True))
        varying = [r for r, its in zip(derivation, seen, strict=True) if len(set(its)) > 1]
        always = [r for r, its in zip(derivation, seen, strict=True) if all(its)]
        never = [r for r, its in zip(derivation, seen, strict=True) if not any(its)]
        axes = {key: spread(ranges[key], CELLS) for key in chosen}
        sets, kinds_seen = np.full((CELLS, CELLS), -1), dict[tuple[bool, ...], int]()
        for i, x in enumerate(axes[chosen[0]]):
            for j, y in enumerate(axes[chosen[1]]):
                if place := at(model, {chosen[0]: x, chosen[1]: y}):
                    pattern = tuple(r.regime.obstacle(*place) is None for r in varying)
                    sets[i, j] = kinds_seen.setdefault(pattern, len(kinds_seen))
        grid = mm.sweep(model, {key: spread(ranges[key], SIDE) for key in chosen}, t_end=end, progress=False)
        return cls(model, grid, axes, sets, list(kinds_seen), varying, always, never)

    def draw(self) -> Any:
        """Draw the map of the first event, or of the loss, with the edges of the regimes and their letters."""
        with style():
            figure = plot_sweep(self.grid)
            ax = figure.axes[0]
            x, y = self.axes.values()
            for axis in (ax.xaxis, ax.yaxis):
                if axis.get_scale() == "log":
                    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
                    axis.set_minor_formatter(NullFormatter())
            nearest = distance_transform_edt(self.sets < 0, return_distances=False, return_indices=True)
            beyond = self.sets[tuple(nearest)]  # outside of the domain: as the nearest inside, where nothing is drawn
            for k in range(len(self.kinds)):
                its = (beyond == k).astype(float)
                if 0 < its.sum() < its.size:
                    ax.contour(x, y, its.T, levels=[0.5], colors="white", linewidths=2.4)
                    ax.contour(x, y, its.T, levels=[0.5], colors="black", linewidths=1.2)
                depth = distance_transform_edt(np.pad(self.sets == k, 1))[1:-1, 1:-1]
                i, j = np.unravel_index(depth.argmax(), depth.shape)
                how = {"boxstyle": "circle", "facecolor": "white", "edgecolor": "black", "linewidth": 0.6}
                ax.text(x[i], y[j], letter(k), ha="center", va="center", fontweight="bold", bbox=how)
        return figure

    def caption(self) -> str:
        """Say what is drawn."""
        names = " and ".join(f"`{key}`" for key in self.axes)
        text = f"Over {names}, the quantities on which it depends most which results apply: what the model does "
        text += f"(`mm.sweep`, {SIDE} times {SIDE} points)"
        edges = ", and the edges of the regimes" if len(self.kinds) > 1 else "; one regime"
        return f"{text}{edges}. All else is as above."

    def table(self) -> list[str]:
        """Return which results apply in which regime."""
        letters = [letter(k) for k in range(len(self.kinds))]
        rows = [[r.title, r.regime.sentence, *["yes"] * len(letters)] for r in self.always]
        for n, result in enumerate(self.varying):
            rows.append([result.title, result.regime.sentence, *("yes" if kind[n] else "no" for kind in self.kinds)])
        rows += [[r.title, r.regime.sentence, *["no"] * len(letters)] for r in self.never]
        return table(["result", "holds for", *letters], rows)


def scan(model: Model, results: list[Result], key: str, values: np.ndarray) -> Iterator[tuple[bool, ...]]:
    """Return which results apply at values of one quantity."""
    for value in values:
        if place := at(model, {key: value}):
            yield tuple(result.regime.obstacle(*place) is None for result in results)


def spread(values: np.ndarray, number: int) -> np.ndarray:
    """Return more values over the same range, spread alike."""
    make = np.geomspace if values[0] > 0 else np.linspace
    return make(values[0], values[-1], number)


def letter(k: int) -> str:
    """Return the name of a regime."""
    return chr(ord("A") + k)
