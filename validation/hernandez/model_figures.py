"""Figures of the solvable models and of experiments without attention: data in, drawing and a caption out."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from validation.drawing import plain_ticks, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {"A": "A, noise of the repeated sample", "C": "C, capacity market"}
REPEATS = "$r$, times each repeated token is seen"
OUTSIDE = {"loc": "upper left", "bbox_to_anchor": (1, 1)}


def over_repeats_and_size(data: xr.Dataset) -> tuple["Figure", str]:
    """Damage -ln x of both models over N and r, with the worst r, T/p with embeddings and the published band."""
    figure, panels = subplots(1, 2, figsize=(8.6, 3.9), sharex=True, sharey=True)
    top = max(float(data[name].max()) for name in NAMES)
    mesh: Any = None
    for axes, (name, title) in zip(panels, NAMES.items(), strict=True):
        mesh = axes.pcolormesh(data["N"], data["r"], data[name], cmap="Blues", vmin=0, vmax=top, rasterized=True)
        axes.plot(data["N"], data[f"worst_{name}"], color="C1", label="worst r, p = N" if name == "A" else "worst r")
        axes.plot(data["N"], data["low"], "k--", lw=1, label="published band")
        axes.plot(data["N"], data["high"], "k--", lw=1)
        if name == "A":
            axes.plot(data["size"], data["worst_p"], "o", color="C1", mfc="w", ms=4, label="T/p with embeddings")
        limits = (float(data["r"][0]), float(data["r"][-1]))
        axes.set(xscale="log", yscale="log", title=title, xlabel="$N$, parameters without embeddings", ylim=limits)
        axes.legend(loc="lower left", fontsize="small", frameon=True, framealpha=0.9)
    panels[0].set_ylabel(REPEATS)
    figure.colorbar(mesh, ax=panels, label=r"damage, $-\ln(N_\mathrm{eff}/N)$")
    found = {name: np.exp(np.interp(np.log(8e8), np.log(data["N"]), np.log(data[f"worst_{name}"]))) for name in NAMES}
    deepest = {name: float(np.exp(-data[name].max())) for name in NAMES}
    return figure, (
        f"At f = {data.attrs['f']:g} and T = {data.attrs['T']:.0e} a model of 800M is hurt most at r = "
        f"{found['A']:.0f} (A) and {found['C']:.0f} (C), down to {deepest['A']:.2f} and {deepest['C']:.2f} of its size "
        f"at any N. With embeddings T/p is {float(data['worst_p'][0]):.0f} at 1.6M and "
        f"{float(data['worst_p'][-1]):.0f} at 805M, inside of the published band."
    )


def over_repeats_and_share(data: xr.Dataset) -> tuple["Figure", str]:
    """Damage -ln x of both models over f and r, in units of the worst at each f, with the worst r."""
    figure, panels = subplots(1, 2, figsize=(8.6, 3.7), sharex=True, sharey=True)
    mesh: Any = None
    for axes, (name, title) in zip(panels, NAMES.items(), strict=True):
        mesh = axes.pcolormesh(data["f"], data["r"], data[name], cmap="Blues", vmin=0, vmax=1, rasterized=True)
        axes.plot(data["f"], data[f"worst_{name}"], color="C1", label="worst r")
        axes.contour(data["f"], data["r"], data[name], levels=[0.5], colors="k", linewidths=0.8, linestyles="--")
        axes.plot([], [], "k--", lw=0.8, label="half of the worst")
        axes.set(yscale="log", title=title, xlabel="$f$, share of repeats")
        axes.legend(loc="upper right", fontsize="small", frameon=True, framealpha=0.9)
    panels[0].set_ylabel(REPEATS)
    figure.colorbar(mesh, ax=panels, label=r"$\ln x$ over its worst at this $f$")
    ends = {name: data[f"worst_{name}"].sel(f=[0.03, 0.9], method="nearest").values for name in NAMES}
    return figure, (
        f"For N = {data.attrs['N'] / 1e6:.0f}M the worst r is {ends['A'][0]:.0f} at f = .03 and {ends['A'][1]:.0f} at "
        f".9 in model A, {ends['C'][0]:.0f} and {ends['C'][1]:.0f} in model C."
    )


def over_time(data: xr.Dataset) -> tuple["Figure", str]:
    """Excess of model A over time, a panel for each f, a line for each p/n."""
    figure, panels = subplots(1, data.sizes["f"], figsize=(8.6, 3.0), sharey=True)
    for axes, f in zip(panels, data["f"].values, strict=True):
        for k, c in enumerate(data["c"].values):
            axes.plot(data["time"], data["excess"].sel(f=f, c=c), color=f"C{k}", label=f"c = p/n = {c:g}")
        axes.set(xscale="log", title=f"f = {f:g}", xlabel="time, learning rate x steps")
    panels[0].set_ylim(0, 1.05 * float(data["excess"].max()))
    panels[0].set_ylabel(r"excess of the test error, $\sigma^2$")
    panels[-1].legend(**OUTSIDE)
    most = data["excess"].sel(f=0.9, c=2.0).values
    low = int(most[: int((np.diff(most) > 0).argmax()) + 1].argmin())
    top = low + int(most[low:].argmax())
    return figure, (
        f"At f = .9 and c = 2 the excess falls to {most[low]:.2f}, rises to {most[top]:.2f} and falls to "
        f"{most[-1]:.2f}: double descent in time. Inputs of unit variance, a start as large as the noise."
    )


def depths(data: xr.Dataset) -> tuple["Figure", str]:
    """Effective over actual size: model C over repeats, and the worst of both models and of the paper over f."""
    figure, (left, right) = subplots(1, 2, figsize=(9.2, 3.4), sharey=True)
    for k, f in enumerate(data["share"].values):
        left.plot(data["r"], data["x"].sel(share=f), color=f"C{k}", label=f"f = {f:g}")
    left.set(xscale="log", yscale="log", xlabel=REPEATS, ylabel=r"$x=N_\mathrm{eff}/N$", title="C, 800M",
             ylim=(4e-3, 1.3))  # fmt: skip
    left.legend(loc="lower left", fontsize="small")
    for al, style in zip(data["al"].values, (":", "-", "--"), strict=True):
        right.plot(data["f"], data["C"].sel(al=al), "C0", ls=style, label=rf"C, $\alpha$ = {al:g}")
    right.plot(data["f"], data["A"], "C1", label="A, $w_t$ = 2.3")
    right.plot(data["share"], data["published"], "ko", label="published")
    right.set(xlabel="$f$, share of repeats", title="at the worst r")
    right.legend(**OUTSIDE)
    pairs = [f"{float(data['x'].sel(share=f).min()):.2g} ({float(data['published'].sel(share=f)):.2g})"
             for f in data["share"].values]  # fmt: skip
    return figure, (
        f"Model C with al = .1 loses down to x = {', '.join(pairs)} at f = "
        f"{', '.join(f'{f:g}' for f in data['share'].values)} (published). Lines on the left: all of the set is "
        "memorised to the right of the cusp, part of it to the left."
    )


def over_items(data: xr.Dataset) -> tuple["Figure", str]:
    """Damage of the shared head on test and copy loss, and its score, over stored items."""
    figure, panels = subplots(1, 3, figsize=(10.4, 3.1))
    labels = {"test_loss": "test loss minus control, nats", "copy_loss_far": "copy loss minus control, nats",
              "score": "attention on the match"}  # fmt: skip
    for axes, (name, label) in zip(panels, labels.items(), strict=True):
        for k, f in enumerate(data["f"].values):
            row = data[name].sel(f=f)
            axes.plot(data["M"], row.where(row > 0), color=f"C{k}", marker=".", lw=1, label=f"f = {f:g}")
        axes.set(xscale="log", xlabel="$M$, stored items", ylabel=label)
        if name != "score":
            axes.set_yscale("log")
            axes.set_ylim(1e-4 if name == "test_loss" else 1e-3, None)
    panels[-1].axhline(float(data["control"].mean()), color="0.4", ls="--", lw=0.8, label="control")
    panels[-1].legend(**OUTSIDE)
    worst = data.max("M")
    few, many = (worst.sel(f=f) for f in (0.03, 0.5))
    return figure, (
        f"At f = .03 the loss is hurt by {float(few['test_loss']):.3f} nats at worst, copying in a ten times longer "
        f"context by {float(few['copy_loss_far']):.2f}; at f = .5 by {float(many['test_loss']):.2f} and "
        f"{float(many['copy_loss_far']):.2f}, where the head attends to the match with "
        f"{float(data['score'].sel(f=0.5).min()):.2g}. Damages below zero are left out."
    )


def regression(data: xr.Dataset) -> tuple["Figure", str]:
    """Excess and error on the repeated set of linear regression by SGD over y, beside the closed form."""
    import theory

    figure, (left, right) = subplots(1, 2, figsize=(8.2, 3.3))
    y, worst = np.geomspace(0.1, 10, 121), 0.0
    for k, f in enumerate(data["f"].values):
        made, row = theory.fresh_ridge(y, float(f)), data.sel(f=f)
        ratio = row["rep"] / (1 + row["excess"])
        for axes, line, values in ((left, made.excess, row["excess"]), (right, made.train_ratio, ratio)):
            axes.plot(y, line, color=f"C{k}", lw=1)
            axes.errorbar(row["at"], values.mean("seed"), yerr=values.std("seed", ddof=1), fmt="o", ms=4, capsize=2,
                          color=f"C{k}", label=f"f = {f:g}")  # fmt: skip
        away = row["excess"].mean("seed") / theory.fresh_ridge(row["at"].values, float(f)).excess - 1
        worst = max(worst, float(np.abs(away).max()))
    for axes, label in ((left, r"excess of the test error, $\sigma^2$"), (right, "repeated over test error")):
        axes.set(xscale="log", yscale="log", xlabel="$y = rp/T = fp/n$", ylabel=label)
        plain_ticks(axes.xaxis)
        plain_ticks(axes.yaxis)
    right.legend(**OUTSIDE)
    return figure, (
        f"Linear regression by SGD is within {100 * worst:.1f} % of V(y, f) (lines), worst at y = 1. Means and "
        f"standard deviations over {data.sizes['seed']} repeated sets."
    )


def one_hot(data: xr.Dataset) -> tuple["Figure", str]:
    """Excess of the one-hot bigram table over the size of the repeated set."""
    figure, axes = subplots(figsize=(5.8, 3.2))
    said = []
    for k, f in enumerate(data["f"].values):
        for alpha, style in zip(data["alpha"].values, ("-", "--"), strict=True):
            row = data["excess"].sel(f=f, alpha=alpha)
            axes.plot(data["n"], row, f"C{k}", ls=style, marker=".", label=f"f = {f:g}, Dirichlet {alpha:g}")
            said.append(f"{float(row.max()):.2f} nats at {int(data['n'][int(row.values.argmax())])} tokens "
                        f"(f = {f:g}, {alpha:g})")  # fmt: skip
    axes.set(
        xscale="log", yscale="log", xlabel="$n$, tokens of the repeated set", ylabel="excess of the test loss, nats"
    )
    axes.legend(**OUTSIDE)
    return figure, (
        f"A table of {data.attrs['K']} contexts is hurt most by {'; '.join(said)}: far fewer than f times its "
        f"{data.attrs['K']} x {data.attrs['K']} entries."
    )
