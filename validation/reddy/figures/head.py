"""Figures of the report about the induction head: data in, figure and a caption that states the finding out."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from validation.drawing import plain_ticks, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def head_steps(data: xr.Dataset) -> tuple["Figure", str]:
    """Transition step of the head over the prediction, against L."""
    figure, columns = subplots(1, 3, figsize=(10.5, 3.4), sharey=True)
    with_overlaps = data["ratio_gaussian"] * data["predicted"] / data["predicted_with_overlaps"]
    shown = {
        "random labels, theory without overlaps": data["ratio_gaussian"],
        "random labels, overlaps in the theory": with_overlaps,
        "orthonormal labels": data["ratio_orthonormal"],
    }
    pairs = sorted({(int(n), int(b)) for n, b in zip(data.N.values, data.B.values, strict=True)})
    for axes, (title, ratio) in zip(columns, shown.items(), strict=True):
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
    columns[0].set_ylabel("transition step / prediction")
    columns[-1].legend(title="$N$, $B$", loc="upper left", bbox_to_anchor=(1, 1))
    without, within, orthonormal = (float(abs(ratio.mean("seed") - 1).max()) for ratio in shown.values())
    return figure, (
        f"With nothing fitted the prediction is off by at most {100 * orthonormal:.1f}% where label vectors are "
        f"orthonormal, and by up to {100 * without:.1f}% where random ones overlap; with their overlaps in the theory "
        f"by {100 * within:.1f}% at most. Band: 5%; bars: standard deviation over seeds; D = 63."
    )


def sgd(data: xr.Dataset) -> tuple["Figure", str]:
    """Transition of SGD over that of gradient flow, against the learning rate."""
    figure, axes = subplots(figsize=(5, 3.2))
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


def gains(data: xr.Dataset) -> tuple["Figure", str]:
    """Gain of every label under unequal frequencies: over the steps, and against the frequency at three times."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    figure, (left, right) = subplots(1, 2, figsize=(8.4, 3.4))
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


def measures_over_time(data: xr.Dataset) -> tuple["Figure", str]:
    """Progress measures of head and network, time counted in jumps of the seed."""
    names = list(data.data_vars)
    figure, panels = subplots(1, len(names), figsize=(2.4 * len(names), 2.8), sharey=True, sharex=True)
    gaps = {}
    for axes, name in zip(panels, names, strict=True):
        for i, who in enumerate(data.who.values):
            one = data[name].sel(who=who)
            axes.plot(data.time, one.T, color=f"C{i}", lw=0.6, alpha=0.4)
            axes.plot(data.time, one.mean("seed"), color=f"C{i}", label=str(who))
        axes.set(xlabel="time / jump", ylim=(0, 1.02), title=name)
        gap = (data[name].sel(who="network") - data[name].sel(who="head")).mean("seed")
        gaps[name] = f"{name} {float((gap**2).mean() ** 0.5):.2f}"
    panels[-1].legend(loc="lower right")
    seeds = ", ".join(
        f"{int(data[names[0]].sel(who=who).notnull().any('time').sum())} seeds of the {who}" for who in data.who.values
    )
    return figure, (f"Means over {seeds}, with every seed thin; rms distance of the means: {', '.join(gaps.values())}.")
