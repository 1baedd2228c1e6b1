"""Figures of the heads of the network trained as it is: data in, figure and a caption that states the finding out."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from validation.drawing import plain_ticks, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHANCE = {"color": "0.6", "lw": 0.8, "ls": ":"}


def formation(data: xr.Dataset) -> tuple["Figure", str]:
    """Induction strength of every head over training, a panel a seed."""
    columns = 3
    rows = -(-data.sizes["seed"] // columns)
    figure, panels = subplots(rows, columns, figsize=(8.0, 2.2 * rows), sharex=True, sharey=True, squeeze=False)
    for axes, seed in zip(panels.ravel(), data.seed.values, strict=False):
        for head in range(data.sizes["head"]):
            axes.plot(data.step, data["course"].sel(seed=seed).isel(head=head), lw=1)
        axes.plot(data["half"].sel(seed=seed), data["last"].sel(seed=seed) / 2, "ko", ms=3, mfc="none")
        axes.set(title=f"seed {seed}", xscale="log", xlim=(data.step[1], data.step[-1]))
        plain_ticks(axes.xaxis)
    for axes in panels[-1]:
        axes.set_xlabel("step")
    for axes in panels[:, 0]:
        axes.set_ylabel("induction strength")
    last, half = data["last"], data["half"]
    spread = ((half.max("head") - half.min("head")) / half.median("head")).mean()
    return figure, (
        f"At the end the strengths of a seed's heads run from {float(last.min('head').mean()):.2f} to "
        f"{float(last.max('head').mean()):.2f} on average. Circles: half of the last strength; from the first to the "
        f"last head that takes {100 * float(spread):.0f}% of the median time."
    )


def redundant(data: xr.Dataset) -> tuple["Figure", str]:
    """Accuracy without one head, over its strength."""
    figure, axes = subplots(figsize=(4.6, 3.2))
    strongest = data["strength"] == data["strength"].max("head")
    for k, (where, label) in enumerate(((~strongest, "other heads"), (strongest, "the strongest of a seed"))):
        axes.plot(data["strength"].where(where).values.ravel(), data["without_accuracy"].where(where).values.ravel(),
                  "o", color=f"C{k}", mfc="none", label=label)  # fmt: skip
    axes.axhline(0.99, **CHANCE)
    axes.set(xlabel="induction strength of the head", ylabel="accuracy without it")
    axes.legend(loc="lower left")
    without = data["without_accuracy"]
    return figure, (
        f"Without any one but the strongest head the accuracy is {float(without.where(~strongest).min()):.4f} or more; "
        f"without the strongest {float(without.where(strongest).min()):.4f} to "
        f"{float(without.where(strongest).max()):.4f} ({data.sizes['seed']} seeds)."
    )


def alone(data: xr.Dataset) -> tuple["Figure", str]:
    """Accuracy of a head alone over its strength: with its own attention, and with all on the right label."""
    figure, axes = subplots(figsize=(4.8, 3.2))
    names = {"alone_accuracy": "its own attention", "copying_accuracy": "attention on the right label"}
    for k, (name, label) in enumerate(names.items()):
        axes.plot(data["strength"].values.ravel(), data[name].transpose(*data["strength"].dims).values.ravel(), "o",
                  color=f"C{k}", mfc="none", label=label)  # fmt: skip
    axes.axhline(0.2, **CHANCE)
    axes.set(xlabel="induction strength of the head", ylabel="accuracy of the head alone", ylim=(0, 1.02))
    axes.legend(loc="lower right")
    weakest = data["copying_accuracy"].where(data["strength"] == data["strength"].min("head"))
    best = data["alone_accuracy"].where(data["strength"] == data["strength"].max("head"))
    return figure, (
        f"The strongest head of a seed alone has an accuracy of {float(best.mean()):.2f} on average; the weakest has "
        f"{float(weakest.mean()):.2f} even with perfect attention. Dotted: chance."
    )


def adding(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss over the number of heads, the strongest first: of all heads, and of all but the strongest."""
    figure, axes = subplots(figsize=(4.6, 3.2))
    for k, (name, along, label) in enumerate(
        (("added_loss", "number", "all heads"), ("others_loss", "other", "without the strongest"))
    ):
        loss = data[name].transpose(along, "seed")
        axes.plot(data[along], loss, color=f"C{k}", lw=0.8, alpha=0.5)
        axes.plot(data[along], loss.median("seed"), "o-", color=f"C{k}", label=f"{label}, median")
    axes.set(xlabel="heads, the strongest first", ylabel="loss", yscale="log")
    plain_ticks(axes.yaxis)
    axes.legend()
    ends = [float(data[n].median("seed").isel({a: i})) for n, a in (("added_loss", "number"), ("others_loss", "other"))
            for i in (0, -1)]  # fmt: skip
    return figure, (
        f"In the median the loss falls from {ends[0]:.2g} with the strongest head to {ends[1]:.2g} with all, and from "
        f"{ends[2]:.2g} to {ends[3]:.2g} without the strongest."
    )


def generalisation(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss over training on sequences as in training, on held-out pairs of labels, on unseen classes."""
    figure, axes = subplots(figsize=(5.4, 3.2))
    names = {"loss": "as in training", "labels_loss": "held-out pairs of labels", "classes_loss": "unseen classes"}
    for k, (name, label) in enumerate(names.items()):
        curves = data[name].transpose("step", "seed")
        axes.plot(data.step, curves, color=f"C{k}", lw=0.7, alpha=0.4)
        axes.plot(data.step, curves.median("seed"), color=f"C{k}", label=label)
    axes.axhline(np.log(2), **CHANCE)
    axes.set(xlabel="step", ylabel="loss", yscale="log", xlim=(0, None))
    plain_ticks(axes.yaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    last = [float(data[name].isel(step=-1).median()) for name in names]
    said = ", ".join(f"{v:.2g} ({label})" for v, label in zip(last, names.values(), strict=True))
    return figure, f"Median last losses: {said}. Dotted: ln 2, guessing among the context's labels. Thin: seeds."


def contributions(data: xr.Dataset) -> tuple["Figure", str]:
    """By how much the loss rises without the direct path of layer 0, and without layer 1, over training."""
    figure, panels = subplots(1, 2, figsize=(7.6, 2.9))
    names = {"direct": "layer 0, directly", "last": "layer 1"}
    for k, (axes, (name, title)) in enumerate(zip(panels, names.items(), strict=True)):
        curves = data[name].transpose("snapshot", "seed").isel(snapshot=slice(1, None))
        axes.plot(curves.snapshot, curves, color=f"C{k}", lw=0.7, alpha=0.5)
        axes.plot(curves.snapshot, curves.median("seed"), "o-", ms=3, color=f"C{k}")
        axes.axhline(0, **CHANCE)
        for when in ("early", "plateau"):
            axes.axvline(float(data["at"].sel(when=when).median()), color="0.3", lw=0.8, ls="--")
        axes.set(title=title, xlabel="step", ylabel="rise of the loss without", xscale="log")
        plain_ticks(axes.xaxis)
    at = {name: [float(data[f"{name}_at"].sel(when=w).median()) for w in ("early", "plateau", "end")] for name in names}
    return figure, (
        "Median rise of the loss early, on the plateau and at the end: "
        + "; ".join(f"{names[n]} {', '.join(f'{v:.2g}' for v in values)}" for n, values in at.items())
        + ". Dashed: median steps of early and plateau."
    )


def routes(data: xr.Dataset) -> tuple["Figure", str]:
    """Accuracy with heads of layer 0 zeroed: three that attend to the previous token, or the others."""
    figure, axes = subplots(figsize=(6.4, 3.0))
    held = {"A": "values", "v": "keys, queries", "vq": "keys", "vk": "queries"}
    groups = {"previous": "previous-token heads zeroed", "rest": "the others zeroed"}
    for k, (group, label) in enumerate(groups.items()):
        for i, word in enumerate(held):
            each = data[f"{group}_{word}"].values
            x = i + 0.4 * k
            axes.bar(x, each.mean(), 0.38, color=f"C{k}", alpha=0.5, label=None if i else label)
            axes.plot(np.full(each.size, x), each, "k.", ms=3)
    axes.set(xticks=np.arange(len(held)) + 0.2, xticklabels=held.values(), ylabel="accuracy", ylim=(0, 1.02),
             xlabel="what of layer 1 misses them")  # fmt: skip
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    mean = {name: float(data[name].mean()) for name in ("previous_A", "previous_v", "rest_A", "rest_v")}
    return figure, (
        f"With the three previous-token heads zeroed the accuracy is {mean['previous_A']:.2f} where only values miss "
        f"them, {mean['previous_v']:.2f} where keys and queries do; with the others zeroed {mean['rest_A']:.2f} and "
        f"{mean['rest_v']:.2f}. Points: seeds."
    )


def wiring(data: xr.Dataset) -> tuple["Figure", str]:
    """Effects of heads of layer 0 on heads of layer 1 in the first seed, and first composition scores beside them."""
    figure, panels = subplots(1, 3, figsize=(10.2, 2.9))
    first = data.isel(seed=0)
    titles = {"by_keys": "strength lost, through keys", "by_values": "loss alone gained, through values"}
    for axes, (name, title) in zip(panels[:2], titles.items(), strict=True):
        size = float(abs(first[name]).max())
        mesh = axes.imshow(first[name].transpose("writer", "reader"), cmap="RdBu_r", vmin=-size, vmax=size)
        axes.set(title=title, xlabel="head of layer 1", ylabel="head of layer 0")
        figure.colorbar(mesh, ax=axes, shrink=0.8)
    for k, (channel, name) in enumerate((("k", "by_keys"), ("v", "by_values"))):
        scores = data["first_scores"].sel(channel=channel).transpose("seed", "writer", "reader").values.ravel()
        effects = data[name].transpose("seed", "writer", "reader").values.ravel()
        panels[2].plot(scores, effects, ".", ms=3, color=f"C{k}", label={"k": "keys", "v": "values"}[channel])
    panels[2].set(xlabel="composition score at the beginning", ylabel="effect at the end")
    panels[2].legend(loc="upper left", bbox_to_anchor=(1, 1))
    r = [float(np.corrcoef(data["first_scores"].sel(channel=c).transpose("seed", "writer", "reader").values.ravel(),
                           data[n].transpose("seed", "writer", "reader").values.ravel())[0, 1])
         for c, n in (("k", "by_keys"), ("v", "by_values"))]  # fmt: skip
    return figure, (
        f"Left and middle: the first seed. Right: all seeds; correlation {r[0]:.2f} for keys and {r[1]:.2f} for values."
    )


def alone_times(data: xr.Dataset) -> tuple["Figure", str]:
    """Learning time of every head alone over its strength in the network of all, in units of the time of all."""
    figure, axes = subplots(figsize=(4.8, 3.2))
    ratio = (data["alone"] / data["together"]).transpose(*data["strength"].dims)
    never = np.isinf(ratio.values)
    top = 1.15 * float(ratio.values[~never].max())
    axes.plot(data["strength"].values.ravel(), np.where(never, np.nan, ratio.values).ravel(), "o", mfc="none")
    axes.plot(data["strength"].values[never], np.full(never.sum(), top), "^", color="C1", label="not within the run")
    axes.axhline(1, **CHANCE)
    axes.set(xlabel="induction strength in the network of all", ylabel="learning time alone / of all")
    if never.any():
        axes.legend()
    return figure, (
        f"{int((~never).sum())} of {never.size} heads learn alone, in the median after "
        f"{float(np.median(ratio.values)):.2f} times the time of all together."
    )
