"""Figures of trainings under clamps: data in, figure and a caption that states the finding out."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from validation.drawing import plain_ticks, subplots
from validation.singh.falls import GUESS, fall

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH = 32
SEEN = "thousand sequences seen"
COLOURS = {"none": "C6", "step-1": "C4", "layer-0": "C2", "copy": "C1", "match": "C0", "layer-0+copy": "C3"}
LEFT = {"none": "A, B, C", "step-1": "rest of A, B, C", "layer-0": "B, C", "copy": "A, B", "match": "C",
        "layer-0+copy": "B"}  # fmt: skip


def thousands(step: Any) -> Any:
    """Steps in thousands of sequences."""
    return BATCH * np.asarray(step, float) / 1000


def course(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss of every seed of the network as it is."""
    figure, axes = subplots()
    for i in range(data.sizes["seed"]):
        axes.plot(thousands(data.step), data["loss"].isel(seed=i), color="C0", alpha=0.6, lw=1)
    axes.axhline(GUESS, color="0.4", lw=1, ls="--", label="ln 2")
    half = thousands(fall(data))
    axes.set(xlabel=SEEN, ylabel="loss", ylim=(0, None), xlim=(0, 2.5 * np.nanmax(half)))
    axes.legend()
    return figure, (
        f"Each line is a seed. Half of ln 2 is passed at {np.nanmin(half):.3g} to {np.nanmax(half):.3g} thousand "
        f"sequences, half-way at {np.nanmedian(half):.3g}."
    )


def six(data: xr.Dataset) -> tuple["Figure", str]:
    """Losses under each of the paper's clamps."""
    figure, axes = subplots(figsize=(6.4, 3.6))
    said = []
    for part in data["part"].values:
        run = _finite(data.sel(part=part)).isel(step=slice(1, None))  # zero has no place on the axis
        times = thousands(run.step)
        axes.plot(times, run["loss"].T, color=COLOURS[part], alpha=0.25, lw=0.7)
        axes.plot(times, run["loss"].median("seed"), color=COLOURS[part], label=f"{part} ({LEFT[part]} left)")
        said.append(f"{part} {np.nanmedian(thousands(fall(run))):.3g}")
    axes.axhline(GUESS, color="0.4", lw=1, ls="--")
    axes.annotate("ln 2", (1, GUESS), xycoords=("axes fraction", "data"), va="bottom", ha="right", color="0.4")
    first = float(thousands(data["step"].values[1]))
    axes.set(xscale="log", xlim=(first, None), ylim=(0, None), xlabel=SEEN, ylabel="loss")
    plain_ticks(axes.xaxis)
    axes.legend(title="clamped", loc="upper left", bbox_to_anchor=(1, 1))
    return figure, (
        f"Medians over {data.sizes['seed']} seeds pass half of ln 2 at (thousand sequences): {', '.join(said)}. "
        "Thin lines are seeds."
    )


def shapes(data: xr.Dataset) -> tuple["Figure", str]:
    """Median losses over their levels, by the time to half of it: one, two and three parts left."""
    figure, panels = subplots(1, 3, figsize=(9.6, 3.0), sharey=True)
    groups = {"one left": ("match", "layer-0+copy"), "two left": ("copy", "layer-0"), "three": ("step-1", "none")}
    said = []
    for axes, (title, parts) in zip(panels, groups.items(), strict=True):
        for part in parts:
            run = _finite(data.sel(part=part))
            level = float(data["level"].sel(part=part))
            middle = np.nanmedian(fall(run, level / 2))
            for i in range(data.sizes["seed"]):
                axes.plot(run.step / middle, run["loss"].isel(seed=i) / level, color=COLOURS[part], alpha=0.3, lw=0.7)
            axes.plot(run.step / middle, run["loss"].median("seed") / level, color=COLOURS[part], label=part)
            nine, one = (np.nanmedian(fall(run, share * level)) for share in (0.9, 0.1))
            said.append(f"{part} {nine / (one - nine):.2g}")
        axes.plot(np.linspace(0, 3, 100), 0.5 ** np.linspace(0, 3, 100), color="0.5", ls=":", label="exponential")
        axes.set(title=title, xlim=(0, 3), ylim=(0, 1.35), xlabel="time / time at half of the level")
        axes.legend()
    panels[0].set_ylabel("loss / level")
    return figure, (
        "The level is ln 2, guessing in the context, or ln K for match and layer-0. Time that the loss stays above "
        f"nine tenths of it, over the time from there to a tenth, of medians: {', '.join(said)}; exponential: 0.05."
    )


def course_correlated(data: xr.Dataset) -> tuple["Figure", str]:
    """As `course`, with correlated exemplars."""
    return course(data)


def six_correlated(data: xr.Dataset) -> tuple["Figure", str]:
    """As `six`, with correlated exemplars."""
    return six(data)


def shapes_correlated(data: xr.Dataset) -> tuple["Figure", str]:
    """As `shapes`, with correlated exemplars."""
    return shapes(data)


def progress(data: xr.Dataset) -> tuple["Figure", str]:
    """Clamps put on afterwards, at snapshots of a training without them, beside trainings under them."""
    figure, axes = subplots(figsize=(6.4, 3.4))
    axes.plot(thousands(data.step), data["loss"].sel(part="none").median("seed"), color=COLOURS["none"], label="none")
    said = []
    for part in ("step-1", "match"):
        later, trained = data["loss"].sel(part=part), data["trained"].sel(clamp=part)
        axes.plot(thousands(data.step), later.median("seed"), color=COLOURS[part], label=f"{part}, put on afterwards")
        during = trained.rename(trained_step="step").to_dataset(name="loss").dropna("step", how="all")
        axes.plot(thousands(during.step), during["loss"].median("seed"), color=COLOURS[part], ls="--",
                  label=f"{part}, in training")  # fmt: skip
        times = [np.nanmedian(thousands(fall(run))) for run in (later.to_dataset(name="loss"), during)]
        said.append(f"{part} {times[0]:.3g} against {times[1]:.3g}")
    axes.axhline(GUESS, color="0.4", lw=1, ls=":")
    axes.set(xlabel=SEEN, ylabel="loss, median over seeds", ylim=(0, None))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure, (
        "Half of ln 2 is passed with the clamp put on afterwards, against training under it (thousand sequences, "
        f"medians): {'; '.join(said)}. A progress measure is not the course of training under the same clamp."
    )


def grafts(data: xr.Dataset) -> tuple["Figure", str]:
    """Networks whose first layer is a trained, frozen one, from the start."""
    figure, axes = subplots()
    said = []
    for k, name in enumerate(data["donor"].values):
        run = _finite(data.sel(donor=name))
        label = {"without": "no graft", "own": "own seed's layer"}.get(name, f"{name} seed's layer")
        axes.plot(thousands(run.step), run["loss"].T, color=f"C{k}", alpha=0.3, lw=0.7)
        axes.plot(thousands(run.step), run["loss"].median("seed"), color=f"C{k}", label=label)
        said.append(f"{label} {np.nanmedian(thousands(fall(run))):.3g}")
    axes.axhline(GUESS, color="0.4", lw=1, ls="--")
    last = np.nanmax([np.nanmax(thousands(fall(_finite(data.sel(donor=d))))) for d in data["donor"].values])
    axes.set(xlabel=SEEN, ylabel="loss", ylim=(0, None), xlim=(0, 1.5 * last))
    axes.legend()
    return figure, f"Half of ln 2 is passed at (thousand sequences, medians): {', '.join(said)}."


def labels(data: xr.Dataset) -> tuple["Figure", str]:
    """Time at half of ln 2 over the number of labels, for copying alone and for matching alone."""
    figure, axes = subplots(figsize=(4.4, 3.2))
    said = []
    for part in ("match", "layer-0+copy"):
        times = thousands(data[part])
        axes.plot(data["K"], times, "o", color=COLOURS[part], alpha=0.35, ms=4)
        axes.plot(data["K"], np.nanmedian(times, axis=1), color=COLOURS[part], label=f"{part} ({LEFT[part]} left)")
        ratio = np.nanmedian(times[-1]) / np.nanmedian(times[0])
        said.append(f"{part} x {ratio:.2f}")
    axes.set(xlabel="labels K", ylabel=f"{SEEN} at half of ln 2", ylim=(0, None), xticks=data["K"].values)
    axes.legend()
    few, many = (int(data["K"][i]) for i in (0, -1))
    return figure, f"From {few} to {many} labels the median times change by {' and '.join(said)}."


def strengths(data: xr.Dataset) -> tuple["Figure", str]:
    """Losses, of training and on held-out pairs of labels, with the active head's strength set."""
    figure, panels = subplots(1, 2, figsize=(7.6, 3.2), sharex=True)
    said = []
    for k, size in enumerate(data["strength"].values):
        run = _finite(data.sel(strength=size))
        for axes, name in zip(panels, ("loss", "labels_loss"), strict=True):
            axes.plot(thousands(run.step), run[name].median("seed"), color=f"C{k}", label=f"{size:g}")
        last = float(run["labels_loss"].isel(step=-1).median())
        said.append(f"{size:g}: {np.nanmedian(thousands(fall(run))):.3g}, {last:.2g}")
    for axes, title in zip(panels, ("training pairs of labels", "held-out pairs of labels"), strict=True):
        axes.axhline(GUESS, color="0.4", lw=1, ls="--")
        axes.set(title=title, xlabel=SEEN, ylabel="loss, median over seeds", ylim=(0, None))
    panels[1].legend(title="strength", loc="upper left", bbox_to_anchor=(1, 1))
    return figure, (
        f"By strength, thousand sequences at half of ln 2 and last loss on held-out pairs, medians: {'; '.join(said)}."
    )


def levels(data: xr.Dataset) -> tuple["Figure", str]:
    """Three levels: the toy's vectors and the network's parts, three, two and one left, on one clock."""
    figure, panels = subplots(1, 2, figsize=(8.6, 3.4), sharey=True)
    end = 1.4 * float(data["tenth"].max())
    names = {3: "three left", 2: "two left", 1: "one left"}
    tints = {3: "C6", 2: "C2", 1: "C0"}
    for part in data["part"].values:
        left = int(data["left"].sel(part=part))
        steps = data.step.where(data["network"].sel(part=part).notnull(), drop=True)
        style = "-" if part in ("none", "layer-0", "match") else "--"
        panels[1].plot(thousands(steps), data["network"].sel(part=part, step=steps), color=tints[left], ls=style,
                       label=f"{part} ({LEFT[part]})")  # fmt: skip
        if style == "-":
            panels[0].plot(thousands(steps), data["toy"].sel(part=part, step=steps), color=tints[left],
                           label=names[left])  # fmt: skip
    for axes, title in zip(panels, ("toy: three vectors, some clamped", "network: parts left to learn"), strict=True):
        axes.set(title=title, xlabel=f"{SEEN} (toy: fitted clock)", xlim=(0, float(thousands(end))), ylim=(0, 1.6))
        axes.legend()
    panels[0].set_ylabel("loss / level of knowing nothing")
    pairs = [
        f"{part} {float(thousands(data['tenth'].sel(part=part))):.3g} against "
        f"{float(thousands(data['toy_tenth'].sel(part=part))):.3g}"
        for part in data["part"].values
    ]
    apart = [f"{part} {float(data['apart'].sel(part=part)):.2g}" for part in data["part"].values]
    return figure, (
        f"One start, {data.attrs['start']:.3g} of the truth, and one clock, fitted to none and match; thousand "
        f"sequences to a tenth of the level, network against toy: {', '.join(pairs)}. Root mean square of "
        f"network minus toy, with a clock of its own each: {', '.join(apart)}. The toy begins at its level or "
        "below, the network above."
    )


def _finite(run: xr.Dataset) -> xr.Dataset:
    """A run on its own steps."""
    return run.dropna("step", how="all", subset=["loss"])
