"""Figures of transformers trained with repeats: data in, figure and a caption that states the finding out."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from validation.drawing import subplots
from validation.hernandez import damage
from validation.hernandez.scans import Scan, clean, scan
from validation.hernandez.settings import BATCH, SHARES
from validation.ledger import Context

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {0.1: "C0", 0.5: "C1"}
TIMES = "times that every repeated token is seen, r"


def of_scans(scans: Sequence[Scan], ratio: float) -> xr.Dataset:
    """Losses, damage and losses on the repeated set (share, seed, r), with T/p."""
    names = ("loss", "repeated_loss")
    dims = ("share", "r", "seed")
    columns: dict[str, Any] = {
        name: (dims, np.array([[cell[name].values for cell in one.cells.values()] for one in scans])) for name in names
    }
    columns["damage"] = (("share", "seed", "r"), np.array([one.damage()[1] for one in scans]))
    return xr.Dataset(columns, {"share": [one.f for one in scans], "r": list(scans[0].cells)}, {"T_over_p": ratio})


def repeats(data: xr.Dataset) -> tuple["Figure", str]:
    """Damage against the number of repeats, for every share."""
    figure, axes = subplots()
    said = []
    for f in data["share"].values:
        found = data["damage"].sel(share=f)
        colour = COLOURS[float(f)]
        axes.plot(data["r"], 100 * found.T, color=colour, alpha=0.3, lw=0.8)
        mean = found.mean("seed")
        axes.plot(data["r"], 100 * mean, "o-", color=colour, label=f"f = {f:g}")
        worst = int(data["r"].values[mean.values.argmax()])
        said.append(f"at f = {f:g} by {100 * float(mean.max()):.2g} % at r = {worst}")
    axes.axvline(data.attrs["T_over_p"], color="0.4", ls="--", lw=1, label="T/p")
    axes.axhline(0, color="0.4", lw=0.8)
    axes.set(xscale="log", xlabel=TIMES, ylabel="rise of the test loss, %")
    axes.legend()
    return figure, (
        f"The test loss is above that without repeats most {', '.join(said)}, mean of {data.sizes['seed']} seeds "
        f"(thin lines). Dashed: T/p = {data.attrs['T_over_p']:.0f}, where a fresh stream that acts as a ridge has it."
    )


def memorised(data: xr.Dataset) -> tuple["Figure", str]:
    """Losses on the repeated set and on fresh tokens."""
    figure, panels = subplots(1, data.sizes["share"], figsize=(7.2, 3.0), sharey=True)
    said = []
    for axes, f in zip(np.atleast_1d(panels), data["share"].values, strict=True):
        one = data.sel(share=f).mean("seed")
        axes.plot(data["r"], one["loss"], "o-", color="C0", label="fresh tokens")
        axes.plot(data["r"], one["repeated_loss"], "s--", color="C3", label="repeated set")
        worst = int(one["damage"].values.argmax())
        axes.axvline(data["r"][worst], color="0.4", ls=":", lw=1)
        share = float(one["repeated_loss"][worst] / one["loss"][worst])
        said.append(f"{share:.2g} at f = {f:g} (r = {int(data['r'][worst])})")
        axes.set(xscale="log", xlabel="r", title=f"f = {f:g}")
    np.atleast_1d(panels)[0].set(ylabel="loss, nats a token", ylim=(0, 1.05 * float(data["loss"].max())))
    np.atleast_1d(panels)[0].legend()
    return figure, (
        f"Loss on the repeated set over that on fresh tokens, where the damage is worst (dotted): {', '.join(said)}."
    )


def of_sizes(context: Context) -> xr.Dataset:
    """Losses of the controls by size, and those of the main scan by share and seed where they are worst."""
    sizes, losses = clean(context)
    worst = np.array([scan(context, f).read("loss") for f in SHARES])
    return xr.Dataset(
        {"clean": ("N", losses), "worst": (("share", "seed"), worst)}, {"N": sizes, "share": list(SHARES)}
    )


def effective(data: xr.Dataset) -> tuple["Figure", str]:
    """The controls' losses by size, and to which of them the worst cells come down."""
    figure, axes = subplots()
    axes.plot(data["N"], data["clean"], "o-", color="0.3", label="without repeats")
    said = []
    for f in data["share"].values:
        losses = data["worst"].sel(share=f).values
        sizes = np.exp(damage.effective(data["N"], data["clean"], losses))
        axes.plot(sizes, losses, "x", ms=8, color=COLOURS[float(f)], label=f"worst r, f = {f:g}")
        share = np.exp(np.mean(np.log(sizes))) / float(data["N"][-1])
        axes.axhline(losses.mean(), color=COLOURS[float(f)], lw=0.8, ls=":")
        said.append(f"f = {f:g}: {share:.2g}" if np.isfinite(share) else f"f = {f:g}: below the smallest")
    axes.set(xscale="log", xlabel="parameters outside embeddings, N", ylabel="test loss, nats a token")
    axes.legend()
    return figure, f"Size of the clean network that is as good, over the true size, at the worst r. {', '.join(said)}."


def of_courses(most: Mapping[int, xr.Dataset], half: Mapping[int, xr.Dataset]) -> xr.Dataset:
    """Test losses (cell, seed, step) of both shares."""
    runs = {f"{f:g}, {r}": run[["loss"]] for f, runs in ((0.9, most), (0.5, half)) for r, run in runs.items()}
    return xr.concat(list(runs.values()), xr.DataArray(list(runs), dims="cell", name="cell"), join="outer")


def courses(data: xr.Dataset) -> tuple["Figure", str]:
    """Test losses in time, at two shares."""
    from matplotlib import colormaps

    figure, panels = subplots(1, 2, figsize=(9.6, 3.4), sharey=True)
    cells = [str(name).split(", ") for name in data["cell"].values]
    numbers = sorted({int(r) for _, r in cells})
    said, lines, colours = list[str](), dict[int, Any](), colormaps["viridis_r"]
    for axes, share in zip(panels, ("0.9", "0.5"), strict=True):
        rises = {}
        for r in [int(r) for f, r in cells if f == share]:
            mean = data["loss"].sel(cell=f"{share}, {r}").mean("seed").dropna("step")
            rises[r] = damage.turns(mean.values)
            colour = colours(numbers.index(r) / max(len(numbers) - 1, 1))
            (lines[r],) = axes.plot(BATCH * mean.step / 1000, mean, color=colour, lw=1.2)
        top = max(rises, key=lambda r: rises[r][0])
        turn = max(rises, key=lambda r: min(rises[r]))
        said.append(
            f"at f = {share} by {100 * rises[top][0]:.2g} % (r = {top}), and where it falls again by "
            f"{100 * rises[turn][0]:.2g} % before it falls by {100 * rises[turn][1]:.2g} % (r = {turn})"
        )
        axes.set(title=f"f = {share}", xlabel="thousand sequences seen")
    panels[1].legend(
        [lines[r] for r in numbers], [str(r) for r in numbers], title="r", loc="upper left", bbox_to_anchor=(1, 1)
    )
    panels[0].set_ylabel("test loss, nats a token")
    return figure, f"Mean of seeds: the test loss rises above its least value before {'; '.join(said)}."


def of_copying(scans: Sequence[Scan]) -> xr.Dataset:
    """Losses by copy, and largest prefix-matching score of a head, of the control (r = 0) and every cell."""
    runs = {(0.0, 0): scans[0].clean} | {(one.f, r): cell for one in scans for r, cell in one.cells.items()}
    return xr.Dataset(
        {
            "copies_loss": (("cell", "seed", "copy"), np.array([run["copies_loss"].values for run in runs.values()])),
            "prefix": (("cell", "seed"), np.array([run["prefix"].max(("layer", "head")) for run in runs.values()])),
            "f": ("cell", [f for f, _ in runs]),
            "r": ("cell", [r for _, r in runs]),
        },
        {"copy": scans[0].clean["copy"].values},
    )  # fmt: skip


def copying(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss on the copies of a segment, and prefix-matching score, by the number of repeats."""
    figure, (left, right) = subplots(1, 2, figsize=(9.0, 3.4))
    clean = data.isel(cell=0)
    left.plot(data["copy"], clean["copies_loss"].mean("seed"), "o-", color="0.3", label="without repeats")
    said = [f"without repeats {float(clean['prefix'].mean()):.2g}"]
    right.axhline(clean["prefix"].mean(), color="0.3", lw=1, label="without repeats")
    for f in np.unique(data["f"].values[1:]):
        one = data.isel(cell=np.flatnonzero(data["f"].values == f)[data["r"].values[data["f"].values == f] > 0])
        score = one["prefix"].mean("seed")
        least = int(score.values.argmin())
        right.plot(one["r"], one["prefix"], color=COLOURS[float(f)], alpha=0.3, lw=0.8)
        right.plot(one["r"], score, "o-", color=COLOURS[float(f)], label=f"f = {f:g}")
        left.plot(data["copy"], one["copies_loss"].isel(cell=least).mean("seed"), "o-", color=COLOURS[float(f)],
                  label=f"f = {f:g}, r = {int(one['r'][least])}")  # fmt: skip
        said.append(f"at f = {f:g} as low as {float(score.min()):.2g} (r = {int(one['r'][least])})")
    left.set(xlabel="copy of a segment", ylabel="loss, nats a token", ylim=(0, None))
    right.set(xscale="log", xlabel=TIMES, ylabel="largest prefix-matching score", ylim=(0, None))
    for axes in (left, right):
        axes.legend()
    return figure, (
        f"The largest prefix-matching score of a head is {', '.join(said)}; left, the loss by copy in these cells."
    )
