"""Figures of what the data decide: data in, figure and a caption that states the finding out."""

from functools import cache, wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from validation.drawing import subplots
from validation.ledger import Figure as Draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TESTS = {"IC": "in-context (IC)", "IC2": "swapped labels (IC2)", "IW": "in-weights (IW)"}


def _heat(axes: Any, values: xr.DataArray, names: tuple[str, str]) -> Any:
    """An image of accuracies with the numbers in it; rows and columns by name."""
    table = values.transpose(*names)
    image = axes.imshow(table, origin="lower", vmin=0, vmax=1, cmap="viridis", aspect="auto")
    for (i, j), value in np.ndenumerate(table.values):
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8, color="k" if value > 0.6 else "w")
    axes.set_xticks(range(table.sizes[names[1]]), [f"{v:g}" for v in table[names[1]].values])
    axes.set_yticks(range(table.sizes[names[0]]), [f"{v:g}" for v in table[names[0]].values])
    return image


def _grids(data: xr.Dataset, names: tuple[str, str], labels: tuple[str, str]) -> "Figure":
    figure, columns = subplots(1, 3, figsize=(9, 3), sharey=True)
    for axes, (test, title) in zip(columns, TESTS.items(), strict=True):
        image = _heat(axes, data[test].mean("seed"), names)
        axes.set(title=title, xlabel=labels[1])
    columns[0].set_ylabel(labels[0])
    figure.colorbar(image, ax=columns, label="accuracy at the end")
    return figure


def data_grid(data: xr.Dataset) -> tuple["Figure", str]:
    """Final accuracies over K and B."""
    figure = _grids(data, ("B", "K"), ("burstiness $B$", "classes $K$"))
    bursty = data.sel(B=[b for b in data.B.values if b > 0]).mean(["B", "seed"])
    low, high = (f"{float(bursty['IC'].isel(K=i)):.2f}" for i in (0, -1))
    return figure, (
        f"Bursty sequences: IC accuracy is {low} at K = {int(data.K[0])} and {high} at K = {int(data.K[-1])}, while "
        f"IW goes from {float(bursty['IW'].isel(K=0)):.2f} to {float(bursty['IW'].isel(K=-1)):.2f}; without bursts "
        f"(B = 0) IW is {float(data['IW'].sel(B=0).mean()):.2f} in the mean."
    )


def probabilities(data: xr.Dataset) -> tuple["Figure", str]:
    """Final accuracies over p_B and p_C."""
    figure = _grids(data, ("p_C", "p_B"), ("novel, $p_C$", "bursty, $p_B$"))
    both = data[["IC", "IW"]].to_dataarray().min("variable").mean("seed")
    return figure, (
        f"The lesser of IC and IW accuracy lies between {float(both.min()):.2f} and {float(both.max()):.2f} over the "
        "grid: where it is near 1 both kinds of learning are kept."
    )


def _lines(data: xr.Dataset, name: str, label: str) -> "Figure":
    figure, axes = subplots(figsize=(5, 3.2))
    for test, title in TESTS.items():
        mean, spread = data[test].mean("seed"), data[test].std("seed")
        axes.errorbar(data[name], mean, yerr=spread, marker="o", capsize=2, label=title)
    axes.set(xlabel=label, ylabel="accuracy at the end", ylim=(-0.02, 1.05))
    axes.legend()
    return figure


def noise(data: xr.Dataset) -> tuple["Figure", str]:
    """Final accuracies over the within-class noise."""
    figure = _lines(data, "eps", r"within-class noise $\epsilon$")
    figure.axes[0].set_xscale("symlog", linthresh=0.1)  # values double from .1 on
    figure.axes[0].set_xticks(data.eps, [f"{eps:g}" for eps in data.eps.values])
    figure.axes[0].minorticks_off()
    figure.axes[0].set_xlim(-0.03, 1.2 * float(data.eps.max()))
    best = data["IC"].mean("seed")
    return figure, (
        f"IC accuracy is largest, {float(best.max()):.2f}, at eps = {float(data.eps[np.argmax(best.values)]):g}; items "
        "of a class overlap by 1/(1 + eps^2)."
    )


def frequencies(data: xr.Dataset) -> tuple["Figure", str]:
    """Final accuracies over the exponent of the class frequencies."""
    figure = _lines(data, "zipf", "exponent of the class frequencies (zipf)")
    both = data[["IC", "IW"]].to_dataarray().min("variable").mean("seed")
    return figure, (
        f"The lesser of IC and IW accuracy is largest, {float(both.max()):.2f}, at zipf = "
        f"{float(data.zipf[np.argmax(both.values)]):g}."
    )


@cache
def of_head(draw: Draw) -> Draw:
    """The same figure for the head, under a name of its own."""

    @wraps(draw)
    def drawn(data: xr.Dataset) -> tuple["Figure", str]:
        figure: tuple[Figure, str] = draw(data)
        return figure

    drawn.__name__ = f"{draw.__name__}_head"
    return drawn
