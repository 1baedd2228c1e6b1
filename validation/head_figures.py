"""Figures of the report about the induction head: data in, figure and a caption that states the finding out."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

TESTS = {"IC": "in-context (IC)", "IC2": "swapped labels (IC2)", "IW": "in-weights (IW)"}


def _heat(axes: Axes, values: xr.DataArray, names: tuple[str, str]) -> object:
    """An image of accuracies with the numbers in it; rows and columns by name."""
    table = values.transpose(*names)
    image = axes.imshow(table, origin="lower", vmin=0, vmax=1, cmap="viridis", aspect="auto")
    for (i, j), value in np.ndenumerate(table.values):
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8, color="k" if value > 0.6 else "w")
    axes.set_xticks(range(table.sizes[names[1]]), [f"{v:g}" for v in table[names[1]].values])
    axes.set_yticks(range(table.sizes[names[0]]), [f"{v:g}" for v in table[names[0]].values])
    return image


def _grids(data: xr.Dataset, names: tuple[str, str], labels: tuple[str, str]) -> Figure:
    figure, panels = plt.subplots(1, 3, figsize=(9, 3), layout="constrained", sharey=True)
    for axes, (test, title) in zip(panels, TESTS.items(), strict=True):
        image = _heat(axes, data[test].mean("seed"), names)
        axes.set(title=title, xlabel=labels[1])
    panels[0].set_ylabel(labels[0])
    figure.colorbar(image, ax=panels, label="accuracy at the end")
    return figure


def data_grid(data: xr.Dataset) -> tuple[Figure, str]:
    """Final accuracies over K and B."""
    figure = _grids(data, ("B", "K"), ("burstiness $B$", "classes $K$"))
    bursty = data.sel(B=[b for b in data.B.values if b > 0]).mean(["B", "seed"])
    low, high = (f"{float(bursty['IC'].isel(K=i)):.2f}" for i in (0, -1))
    return figure, (
        f"Bursty sequences: IC accuracy is {low} at K = {int(data.K[0])} and {high} at K = {int(data.K[-1])}, while "
        f"IW goes from {float(bursty['IW'].isel(K=0)):.2f} to {float(bursty['IW'].isel(K=-1)):.2f}; without bursts "
        f"(B = 0) IW is {float(data['IW'].sel(B=0).mean()):.2f} in the mean."
    )


def probabilities(data: xr.Dataset) -> tuple[Figure, str]:
    """Final accuracies over p_B and p_C."""
    figure = _grids(data, ("p_C", "p_B"), ("novel, $p_C$", "bursty, $p_B$"))
    both = data[["IC", "IW"]].to_dataarray().min("variable").mean("seed")
    return figure, (
        f"The lesser of IC and IW accuracy lies between {float(both.min()):.2f} and {float(both.max()):.2f} over the "
        "grid: where it is near 1 both kinds of learning are kept."
    )


def _lines(data: xr.Dataset, name: str, label: str) -> Figure:
    figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
    for test, title in TESTS.items():
        mean, spread = data[test].mean("seed"), data[test].std("seed")
        axes.errorbar(data[name], mean, yerr=spread, marker="o", capsize=2, label=title)
    axes.set(xlabel=label, ylabel="accuracy at the end", ylim=(-0.02, 1.05))
    axes.legend()
    return figure


def noise(data: xr.Dataset) -> tuple[Figure, str]:
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


def frequencies(data: xr.Dataset) -> tuple[Figure, str]:
    """Final accuracies over the exponent of the class frequencies."""
    figure = _lines(data, "zipf", "exponent of the class frequencies (zipf)")
    both = data[["IC", "IW"]].to_dataarray().min("variable").mean("seed")
    return figure, (
        f"The lesser of IC and IW accuracy is largest, {float(both.max()):.2f}, at zipf = "
        f"{float(data.zipf[np.argmax(both.values)]):g}."
    )


def plain_ticks(axis: Axis) -> None:
    """Plain numbers along a logarithmic axis of few decades."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def head_steps(data: xr.Dataset) -> tuple[Figure, str]:
    """Transition step of the head over the prediction, against L."""
    figure, panels = plt.subplots(1, 3, figsize=(10.5, 3.4), layout="constrained", sharey=True)
    with_overlaps = data["ratio_gaussian"] * data["predicted"] / data["predicted_with_overlaps"]
    shown = {
        "random labels, theory without overlaps": data["ratio_gaussian"],
        "random labels, overlaps in the theory": with_overlaps,
        "orthonormal labels": data["ratio_orthonormal"],
    }
    pairs = sorted({(int(n), int(b)) for n, b in zip(data.N.values, data.B.values, strict=True)})
    for axes, (title, ratio) in zip(panels, shown.items(), strict=True):
        axes.axhspan(0.95, 1.05, color="0.92")
        axes.axhline(1, color="0.5", lw=0.8, ls="--")
        for i, (N, B) in enumerate(pairs):
            here = (data.N == N) & (data.B == B)
            one = ratio.where(here, drop=True)
            axes.errorbar(data.L.where(here, drop=True), one.mean("seed"), yerr=one.std("seed"), marker="o",
                          capsize=2, color=f"C{i}", label=f"{N}, {B}")  # fmt: skip
        axes.set(xscale="log", xlabel="labels $L$")
        axes.set_title(title, fontsize=9)
        plain_ticks(axes.xaxis)
    panels[0].set_ylabel("transition step / prediction")
    panels[-1].legend(title="$N$, $B$", loc="upper left", bbox_to_anchor=(1, 1))
    without, within, orthonormal = (float(abs(ratio.mean("seed") - 1).max()) for ratio in shown.values())
    return figure, (
        f"With nothing fitted the prediction is off by at most {100 * orthonormal:.1f}% where label vectors are "
        f"orthonormal, and by up to {100 * without:.1f}% where random ones overlap; with their overlaps in the theory "
        f"by {100 * within:.1f}% at most. Band: 5%; bars: standard deviation over seeds; D = 63."
    )


def sgd(data: xr.Dataset) -> tuple[Figure, str]:
    """Transition of SGD over that of gradient flow, against the learning rate."""
    figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
    for batch in data.batch.values:
        one = data["ratio"].sel(batch=batch)
        axes.errorbar(data.lr, one.mean("seed"), yerr=one.std("seed"), marker="o", capsize=2, label=f"batch {batch}")
    axes.axhspan(0.95, 1.05, color="0.92")
    axes.axhline(1, color="0.5", lw=0.8, ls="--")
    axes.set(xscale="log", xlabel="learning rate", ylabel="step x learning rate / gradient flow")
    axes.legend()
    mean = data["ratio"].mean("seed")
    inside = abs(mean - 1) < 0.05
    largest = {int(b): float(data.lr.where(inside.sel(batch=b)).max()) for b in data.batch.values}
    words = ", ".join(f"{lr:g} at batch {b}" for b, lr in largest.items())
    return figure, f"Gradient flow gives the transition within 5% up to a learning rate of {words} (of those tried)."


def gains(data: xr.Dataset) -> tuple[Figure, str]:
    """Gain of every label under unequal frequencies: over the steps, and against the frequency at three times."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    one, frequency = data.isel(seed=0).dropna("step"), data["frequency"].values
    one = one.sel(step=one.step > 0)
    colours = ScalarMappable(LogNorm(frequency.min(), frequency.max()), "viridis")
    for label in np.argsort(frequency):
        course = one["xi_label"].isel(label=label)
        left.loglog(one.step, course.where(course > 0), color=colours.to_rgba(frequency[label]), lw=1)
    jump = float(one["escape_step"])
    left.axvline(jump, color="0.5", lw=0.8, ls="--")
    left.set(xlabel="step", ylabel=r"gain $\xi_l$", title="dashed: transition")
    figure.colorbar(colours, ax=left, label=r"frequency $\pi_l$")
    at = {"before the transition": jump / 4, "at the transition": jump, "at the end": float(one.step[-1])}
    for i, (when, step) in enumerate(at.items()):
        xi = data["xi_label"].interp(step=step).mean("seed").values
        right.loglog(frequency, xi, "o", ms=4, color=f"C{i}", label=f"{when}, step {step:.0f}")
    right.loglog(np.sort(frequency), data["rate"].values[np.argsort(frequency)] * jump / 4, "k:", lw=1,
                 label=f"derived rate x {jump / 4:.0f}")  # fmt: skip
    right.set(xlabel=r"frequency of the label $\pi_l$", ylabel=r"gain $\xi_l$, mean over seeds", ylim=(None, 400))
    right.legend(loc="upper left", fontsize=8)
    plain_ticks(right.xaxis)
    spread = [xi.max() / xi.min() for xi in (data["xi_label"].interp(step=s).mean("seed").values for s in at.values())]
    return figure, (
        "The gains of frequent labels lead: the largest is {:.0f} times the smallest well before the transition, "
        "{:.1f} times at it and {:.1f} times at the end.".format(*spread)
    )


HEAD_FIGURES: dict[str, Callable[[xr.Dataset], tuple[Figure, str]]] = {f.__name__: f for f in (head_steps, sgd, gains)}
# the same for the network, and with the suffix h of its claims for the head
HEAD_FIGURES |= {f.__name__ + x: f for f in (data_grid, probabilities, noise, frequencies) for x in ("", "h")}
