"""Maps of a sweep over two axes: cells on the scale that is drawn, and what has no number told apart."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minimodels.engine.kernel import Floats
from minimodels.engine.stepper.status import Status

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

MISSING: dict[str, dict[str, Any]] = {
    "outside the domain": {"facecolor": "white", "edgecolor": "0.6", "hatch": "////"},
    "none by the end": {"facecolor": "0.85"},
    "failed": {"facecolor": "#D55E00"},
    "interrupted": {"facecolor": "black"},
    "no value": {"facecolor": "#CC79A7"},
}


def is_log(values: Floats) -> bool:
    """Return whether increasing values are spread evenly in their logarithm rather than evenly."""

    def skew(v: Floats) -> float:
        return abs(np.median(v) - (v[0] + v[-1]) / 2) / (v[-1] - v[0])

    positive = values[values > 0]
    if values[0] < 0 or len(positive) < 3 or positive[0] == positive[-1]:
        return False
    return bool(skew(np.log(positive)) < skew(values) - 1e-6)


def cell_edges(values: Floats) -> Floats:
    """Return the edges of the cells around increasing values: half-way, on the scale that they are drawn on."""
    if values[0] == values[-1]:
        return values[0] + np.linspace(-0.5, 0.5, len(values) + 1) * (abs(values[0]) or 1.0)
    if is_log(values):
        inner = _middle(np.log(values[values > 0]))
        return np.concatenate([values[values == 0], np.exp(inner)])
    return _middle(values)


def _middle(v: Floats) -> Floats:
    return np.concatenate([[1.5 * v[0] - 0.5 * v[1]], (v[1:] + v[:-1]) / 2, [1.5 * v[-1] - 0.5 * v[-2]]])


def missing_numbers(grid: "xr.Dataset", name: str, dims: Sequence[str], values: Floats) -> dict[str, NDArray[np.bool_]]:
    """Return why there is no number, for every reason of `MISSING` that occurs: where it holds."""

    def over(variable: "xr.DataArray") -> NDArray[Any]:
        return variable.broadcast_like(grid[name]).transpose(*dims).values

    status = over(grid["status"]) if "status" in grid else np.zeros(values.shape)
    never = over(grid[f"{name}_censored"]) if f"{name}_censored" in grid else np.zeros(values.shape, dtype=bool)
    reasons = {
        "outside the domain": status == Status.OUT_OF_DOMAIN,
        "interrupted": status == Status.INTERRUPTED,
        "failed": status >= Status.MAX_STEPS,
        "none by the end": never,
        "no value": np.ones(values.shape, dtype=bool),
    }
    left, found = ~np.isfinite(values), {}
    for reason, holds in reasons.items():
        if (left & holds).any():
            found[reason] = left & holds
            left = left & ~holds
    return found


def draw_map(ax: "Axes", x: Floats, y: Floats, values: Floats, missing: Mapping[str, Any], about: str) -> None:
    """Draw values (x, y) in colour, and where there are none, the reason."""
    from matplotlib.colors import ListedColormap, LogNorm
    from matplotlib.ticker import LogFormatter

    numbers = np.ma.masked_invalid(values.T)
    if numbers.count():
        spread = numbers.min() > 0 and numbers.max() > 20 * numbers.min()
        mesh = ax.pcolormesh(x, y, numbers, norm=LogNorm() if spread else None, rasterized=True)
        bar = ax.figure.colorbar(mesh, ax=ax, label=about)
        if spread and numbers.min() >= 1 and numbers.max() < 1e4:
            bar.ax.yaxis.set_major_formatter(LogFormatter())
            bar.ax.yaxis.set_minor_formatter(LogFormatter())
    for reason, mask in missing.items():
        look = MISSING[reason]
        if "hatch" in look:
            ax.patch.set(**look, linewidth=0)
        else:
            where = np.ma.masked_equal(mask.T.astype(float), 0)
            ax.pcolormesh(x, y, where, cmap=ListedColormap([look["facecolor"]]), rasterized=True)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))


def explain_missing(
    ax: "Axes", missing: Mapping[str, NDArray[np.bool_]], t_end: float | None, *, outside: bool
) -> None:
    """Say what the marks stand for, below a figure of our own, else in the corner with the fewest numbers."""
    from matplotlib.patches import Patch

    end = "the end" if t_end is None else f"time {t_end:g}"
    patches = [Patch(**MISSING[reason], label=reason.replace("the end", end)) for reason in missing]
    if patches and outside:
        ax.figure.legend(handles=patches, loc="outside lower left", ncols=3, fontsize="small")
    elif patches:
        blank, corner = np.any(list(missing.values()), axis=0), "best"
        if blank.ndim == 2:
            half, middle = -(-blank.shape[0] // 2), -(-blank.shape[1] // 2)
            parts = {
                "lower left": blank[:half, :middle], "lower right": blank[-half:, :middle],
                "upper left": blank[:half, -middle:], "upper right": blank[-half:, -middle:],
            }  # fmt: skip
            corner = max(parts, key=lambda k: parts[k].mean())
        ax.legend(handles=patches, loc=corner, frameon=True, framealpha=1, fontsize="small")
