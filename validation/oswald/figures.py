"""Figures of the report on in-context regression: data in, figure and a caption that states the finding out."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minimodels.measure import first_time_above
from validation.drawing import plain_ticks, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def one_layer(data: xr.Dataset) -> tuple["Figure", str]:
    """The course of one layer."""
    return course(data)


def two_layers(data: xr.Dataset) -> tuple["Figure", str]:
    """The course of two layers with the same weights."""
    return course(data)


def course(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss of every seed over training, with the levels of theory (`level_<name>` among the attributes)."""
    figure, axes = subplots(figsize=(5.4, 3.2))
    for i in range(data.sizes["seed"]):
        axes.plot(data.step, data["loss"].isel(seed=i), color="C0", alpha=0.6, label="network" if i == 0 else None)
    levels = {name.removeprefix("level_"): float(v) for name, v in data.attrs.items() if name.startswith("level_")}
    for k, (name, level) in enumerate(levels.items()):
        axes.axhline(level, color=f"C{k + 1}", lw=1, ls="--", label=f"{name}, {level:.4g}")
    axes.set(xlabel="step", ylabel="loss, half the squared error")
    if max(levels.values()) > 8 * min(levels.values()):
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    last = data["loss"].isel(step=-1)
    return figure, (
        f"The last loss is {float(last.min()):.4g} to {float(last.max()):.4g} over {data.sizes['seed']} seeds, each "
        "on tests of its own; theory has "
        + ", ".join(f"{level:.4g} for {name}" for name, level in levels.items())
        + "."
    )


def shifts(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss of the trained network on data unlike its own (`over_<option>`), and of the exact theory (`exact_...`).

    The theory is drawn at more values (`curve_<option>`) where there are any.
    """
    options = [str(name).removeprefix("over_") for name in data.data_vars if str(name).startswith("over_")]
    names = {"x_scale": "factor of inputs", "tau": "factor of tasks", "corrupted": "corrupted labels", "N": "pairs",
             "sphere": "norm of the context"}  # fmt: skip
    figure, panels = subplots(1, len(options), figsize=(2.7 * len(options), 2.8))
    worst = 0.0
    for axes, option in zip(panels, options, strict=True):
        network, exact = data[f"over_{option}"], data[f"exact_{option}"]
        line = data.get(f"curve_{option}", exact)
        axes.plot(line[line.dims[0]], line, "k--", lw=1, label="theory")
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


def scales(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss over the scale of the inputs: a two-layer network, descent and GD++ on the same tasks; exact as lines."""
    figure, axes = subplots(figsize=(5.6, 3.4))
    for k, (name, label) in enumerate({"one_step": "one step", "gd": "GD", "gd_plus_plus": "GD++"}.items()):
        axes.plot(data.factor, data[f"exact_{name}"], color=f"C{k}", lw=1, ls="--", label=f"{label}, exact")
        if name in data:
            axes.plot(data.x_scale, data[name].mean("seed"), "x", color=f"C{k}", label=f"{label}, sampled")
    network = data["network"]
    middle, least, most = network.mean("seed"), network.min("seed"), network.max("seed")
    axes.errorbar(data.x_scale, middle, [middle - least, most - middle], fmt="o", color="C3", mfc="none", capsize=2,
                  label="network")  # fmt: skip
    axes.set(xlabel=r"factor $\alpha$ of the inputs", ylabel="loss, half the squared error", yscale="log")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    far = {name: float(data[name].mean("seed").sel(x_scale=2.0)) for name in ("network", "gd", "gd_plus_plus")}
    return figure, (
        f"With inputs twice as large the network loses {far['network']:.4g} on average over {data.sizes['seed']} "
        f"seeds, GD++ {far['gd_plus_plus']:.4g} and GD {far['gd']:.4g} on the same {int(data.attrs['tasks'])} tasks of "
        f"each; over all tasks GD++ loses {float(data['exact_gd_plus_plus'].sel(factor=2.0)):.4g}, for there rare "
        "tasks make the mean. Bars: from the least to the largest seed."
    )


def spectrum(data: xr.Dataset) -> tuple["Figure", str]:
    r"""The transform of eigenvalues by GD++, :math:`f(\lambda)=\lambda(1-\gamma\lambda)^2`, and their densities."""
    figure, panels = subplots(2, data.sizes["N"], figsize=(4.2 * data.sizes["N"], 4.6), sharex="col", squeeze=False)
    said = []
    for column, n in enumerate(data.N.values):
        at = data.sel(N=n)
        gamma, largest = float(at["gamma"]), float(at["largest"])
        edges = np.linspace(0, largest, data.sizes["bin"] + 1)
        curve, densities = panels[0, column], panels[1, column]
        lam = np.linspace(0, 1.05 * max(largest, 1 / gamma), 400)
        curve.plot(lam, lam, color="0.6", lw=0.8, ls=":", label=r"$\lambda$")
        curve.plot(lam, lam * (1 - gamma * lam) ** 2, label=r"$f(\lambda)=\lambda(1-\gamma\lambda)^2$")
        curve.plot(1 / (3 * gamma), 4 / (27 * gamma), "o", color="C1", label=r"$4/(27\gamma)$ at $1/(3\gamma)$")
        curve.set(title=rf"N = {n}, $\gamma$ = {gamma:.4g}", ylim=(0, 2 * 4 / (27 * gamma)), ylabel=r"$f(\lambda)$")
        for when, color in (("before", "0.75"), ("after", "C0")):
            densities.stairs(at["density"].sel(when=when), edges, color=color, fill=when == "before", label=when)
        densities.set(xlabel=r"eigenvalue $\lambda$ of $XX^\top$", ylabel="density", yscale="log")
        condition = [float(at["condition"].sel(when=when)) for when in ("before", "after")]
        said.append(f"N = {n}: from {condition[0]:.3g} to {condition[1]:.3g}")
    panels[0, 0].legend(loc="upper right")
    panels[1, 0].legend(loc="upper right")
    return figure, (
        "The transform folds large eigenvalues below its peak and leaves small ones; the largest are below its zero, "
        f"1/gamma. Median ratio of a task's largest eigenvalue to its smallest, {'; '.join(said)}."
    )
