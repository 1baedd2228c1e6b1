"""Figures of the report on in-context regression: data in, figure and a caption that states the finding out."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from validation.drawing import plain_ticks, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def course(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss of every seed over training, with the levels of theory (`level_<name>` among the attributes)."""
    figure, axes = subplots(figsize=(5.4, 3.2))
    for i in range(data.sizes["seed"]):
        axes.plot(data.step, data["loss"].isel(seed=i), color="C0", alpha=0.6, label="network" if i == 0 else None)
    levels = {name.removeprefix("level_"): float(v) for name, v in data.attrs.items() if name.startswith("level_")}
    for k, (name, level) in enumerate(levels.items()):
        axes.axhline(level, color=f"C{k + 1}", lw=1, ls="--", label=f"{name}, {level:.4g}")
    axes.set(xlabel="step", ylabel="loss, half the squared error", yscale="log")
    plain_ticks(axes.yaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    last = data["loss"].isel(step=-1)
    return figure, (
        f"The last loss is {float(last.min()):.4g} to {float(last.max()):.4g} over {data.sizes['seed']} seeds; theory "
        "has " + ", ".join(f"{level:.4g} for {name}" for name, level in levels.items()) + "."
    )


def shifts(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss of the trained network on data unlike its own (`over_<option>`), and of the exact theory (`exact_...`)."""
    options = [str(name).removeprefix("over_") for name in data.data_vars if str(name).startswith("over_")]
    names = {"x_scale": "factor of inputs", "tau": "factor of tasks", "corrupted": "corrupted labels", "N": "pairs"}
    figure, panels = subplots(1, len(options), figsize=(2.7 * len(options), 2.8))
    worst = 0.0
    for axes, option in zip(panels, options, strict=True):
        network, exact = data[f"over_{option}"], data[f"exact_{option}"]
        axes.plot(data[option], exact, "k--", lw=1, label="theory")
        axes.errorbar(data[option], network.mean("seed"), yerr=network.std("seed"), fmt="o", capsize=2, label="network")
        axes.set(xlabel=names.get(option, option), yscale="log")
        plain_ticks(axes.yaxis)
        worst = max(worst, float(abs(network.mean("seed") / exact - 1).max()))
    panels[0].set_ylabel("loss")
    panels[0].legend()
    return (
        figure,
        f"Mean over seeds and theory differ by {100 * worst:.1f}% at most; bars: standard deviation over seeds.",
    )


def weights(data: xr.Dataset) -> tuple["Figure", str]:
    """The products of a trained layer, scaled, beside those of the construction."""
    figure, panels = subplots(1, 4, figsize=(10.5, 2.8))
    shown = {"KQ": r"$W_{KQ}/\beta$", "KQ_made": "constructed", "PV": r"$\beta W_{PV}$", "PV_made": "constructed"}
    for axes, (name, title) in zip(panels, shown.items(), strict=True):
        size = float(abs(data[name.removesuffix("_made") + "_made"]).max())
        mesh = axes.imshow(data[name], cmap="RdBu_r", vmin=-size, vmax=size)
        axes.set(title=title, xticks=[], yticks=[])
        if name.endswith("_made"):
            figure.colorbar(mesh, ax=axes, shrink=0.8)
    apart = {
        n: float(np.linalg.norm(data[n] - data[f"{n}_made"]) / np.linalg.norm(data[f"{n}_made"])) for n in ("KQ", "PV")
    }
    return figure, (
        f"Relative distance of the first seed's products from the construction: {apart['KQ']:.2f} for keys and "
        f"queries, "
        f"{apart['PV']:.2f} for values and projection (only its last row is read)."
    )


def staircase(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss of a flow with inputs of unequal variance, with the predicted plateaus and exits."""
    figure, axes = subplots(figsize=(5.4, 3.2))
    axes.plot(data.time, data["loss"])
    for level in data.attrs["plateaus"]:
        axes.axhline(level, color="0.6", lw=0.8, ls="--")
    for exit in data.attrs["exits"]:
        axes.axvline(exit, color="C1", lw=0.8, ls=":")
    axes.set(xlabel="time (learning rate x steps)", ylabel="loss")
    each = ", ".join(f"{float(exit):.4g}" for exit in data.attrs["exits"])
    return figure, f"Dashed: predicted plateaus; dotted: predicted exits, at {each}."


def escapes(data: xr.Dataset) -> tuple["Figure", str]:
    """Time of the half drop over the start: merged and separate weights, flows and SGD."""
    figure, axes = subplots(figsize=(4.6, 3.2))
    for k, name in enumerate(("separate", "merged")):
        if f"flow_{name}" in data:
            axes.plot(data[f"start_{name}"], data[f"flow_{name}"], color=f"C{k}", label=f"{name} weights, flow")
            if f"sgd_{name}" in data:
                measured = data[f"sgd_{name}"]
                axes.plot(data[f"at_{name}"], measured, "o", color=f"C{k}", label="SGD")
    axes.set(xscale="log", yscale="log", xlabel="size of the start", ylabel="time to half of the drop")
    axes.legend()
    slope = float(np.polyfit(np.log(data["start_separate"]), np.log(data["flow_separate"]), 1)[0])
    return (
        figure,
        f"With separate weights the time falls as the start to the power {slope:.2f}, with merged ones as a logarithm.",
    )


def copying(data: xr.Dataset) -> tuple["Figure", str]:
    """Sensitivities of the first layer at the x of pairs in two tokens, and the loss, over training."""
    figure, (above, below) = subplots(2, 1, figsize=(5.4, 4.6), sharex=True)
    names = {"x_own": "itself", "x_next": "the next", "x_other": "any other"}
    for k, (name, word) in enumerate(names.items()):
        for i in range(data.sizes["seed"]):
            label = word if i == 0 else None
            above.plot(data.snapshot, data[name].isel(seed=i), color=f"C{k}", alpha=0.6, label=label)
    for i in range(data.sizes["seed"]):
        below.plot(data.step, data["course"].isel(seed=i), color="C3", alpha=0.6)
    above.set(ylabel="sensitivity of a token to")
    above.legend(loc="upper left", bbox_to_anchor=(1, 1))
    below.set(xlabel="step", ylabel="loss")
    last = {word: float(data[name].isel(snapshot=-1).mean()) for name, word in names.items()}
    return figure, (
        "At the end a token of x is sensitive to "
        + ", to ".join(f"{word} by {value:.3g}" for word, value in last.items())
        + f"; the last loss is {float(data['course'].isel(step=-1).mean()):.4g} on average."
    )


def twins(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss of every seed over training: a network, and its twin of one step of descent (`loss_<name>`)."""
    figure, axes = subplots(figsize=(4.6, 3.2))
    names = {name: str(name).removeprefix("loss_") for name in data.data_vars}
    for k, (name, word) in enumerate(names.items()):
        for i in range(data.sizes["seed"]):
            axes.plot(data.step, data[name].isel(seed=i), color=f"C{k}", alpha=0.6, label=word if i == 0 else None)
    axes.set(xlabel="step", ylabel="loss, half the squared error", yscale="log")
    plain_ticks(axes.yaxis)
    axes.legend()
    last = [f"{float(data[name].isel(step=-1).mean()):.2g} of the {word}" for name, word in names.items()]
    return figure, f"The last losses are {' and '.join(last)}, on average."
