"""Figures of the report on in-context regression: data in, figure and a caption that states the finding out."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minimodels.measure import first_time_above
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
    """Loss of SGD and of the flow with inputs of unequal variance, and what is learned of each direction.

    `loss` (seed, time), `flow` (flow_time) and `progress` (seed, time, direction), with the predicted `plateaus` and
    `exits` among the attributes.
    """
    figure, (above, below) = subplots(2, 1, figsize=(5.6, 4.8), sharex=True)
    above.plot(
        data.time, data["loss"].T, color="C0", lw=1, alpha=0.6, label=["SGD"] + [None] * (data.sizes["seed"] - 1)
    )
    above.plot(data.flow_time, data["flow"], "k--", lw=1, label="flow")
    for k, level in enumerate(data.attrs["plateaus"]):
        above.axhline(level, color="0.6", lw=0.8, label=None if k else "predicted plateaus")
    each = data["progress"].mean("seed")
    for i in range(data.sizes["direction"]):
        below.plot(data.time, each.isel(direction=i), color=f"C{i + 1}", label=f"direction {i + 1}")
    for axes in (above, below):
        for k, exit in enumerate(data.attrs["exits"]):
            axes.axvline(
                exit, color="0.3", lw=0.8, ls=":", label="predicted exits" if k == 0 and axes is above else None
            )
    above.set(ylabel="loss, half the squared error", ylim=(0, None))
    below.set(xlabel="time (learning rate x steps)", ylabel=r"share learned, $v\,\Gamma_i u_i$", ylim=(-0.05, 1.15))
    for axes in (above, below):
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    past = [first_time_above(data.time, each.isel(direction=i), 0.5) for i in range(data.sizes["direction"])]
    ratios = np.array(past) / np.array(data.attrs["exits"])
    return figure, (
        f"SGD learns directions half-way at {', '.join(f'{x:.3g}' for x in past)}: within "
        f"{100 * abs(ratios - 1).max():.1f}% of the predicted exits. Means of {data.sizes['seed']} seeds below."
    )


def escapes(data: xr.Dataset) -> tuple["Figure", str]:
    """Time of the half drop over the start: merged and separate weights, flows and SGD (`sgd_<weights>`, by seed)."""
    figure, axes = subplots(figsize=(5.6, 3.4))
    worst = 0.0
    for k, name in enumerate(("separate", "merged")):
        axes.plot(data[f"start_{name}"], data[f"flow_{name}"], color=f"C{k}", label=f"{name} weights, flow")
        measured = data[f"sgd_{name}"].mean("seed")
        axes.plot(data[f"at_{name}"], measured, "o", color=f"C{k}", mfc="none", label=f"{name} weights, SGD")
        flow = np.exp(
            np.interp(np.log(data[f"at_{name}"]), np.log(data[f"start_{name}"]), np.log(data[f"flow_{name}"]))
        )
        worst = max(worst, float(abs(measured / flow - 1).max()))
    axes.set(xscale="log", yscale="log", xlabel=r"size of the start, $x_0$ or $u_0$", ylabel="time to half of the drop")
    plain_ticks(axes.yaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    slope = float(np.polyfit(np.log(data["start_separate"]), np.log(data["flow_separate"]), 1)[0])
    return figure, (
        f"With separate weights the time goes as the start to the power {slope:.2f}, with merged ones as its log; "
        f"SGD and flow differ by {100 * worst:.1f}% at most (means over seeds)."
    )
