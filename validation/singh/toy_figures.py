"""Figures of the toy models: data in, figure and a caption that states the finding out."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from validation.drawing import plain_ticks, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT = {3: "a, b, c to be learnt", 2: "a, b (c clamped)", 1: "a (b, c clamped)"}
COLOURS = {3: "C0", 2: "C1", 1: "C2"}


def toy_phases(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss over iterations with three, two and one vector to be learnt, `loss` (unlearnt, iteration), and the published
    values, `tabulated` (unlearnt, at).
    """
    figure, axes = subplots(figsize=(5.6, 3.2))
    half = {}
    for left in data["unlearnt"].values:
        course, colour = data["loss"].sel(unlearnt=left), COLOURS[int(left)]
        axes.plot(data["iteration"], course, color=colour, label=LEFT[int(left)])
        axes.plot(data["at"], data["tabulated"].sel(unlearnt=left), ".", color=colour)
        half[int(left)] = int(data["iteration"][int((course.values < 0.5).argmax())])
    axes.axhline(1, color="0.6", lw=0.8, ls="--", label="predicting zero")
    axes.set(xlabel="iteration of gradient descent", ylabel=r"loss $\mathcal{L}/\mathcal{L}_p$", ylim=(-0.05, 2.2))
    axes.legend(loc="upper right")
    flat = data["loss"].sel(unlearnt=3, iteration=slice(50, 500))
    return figure, (
        f"With nothing clamped the loss stays within {100 * float(abs(flat - 1).max()):.1f} % of that of predicting "
        f"zero from iteration 50 to 500 and is halved at {half[3]}; with c clamped at {half[2]}, with b and c at "
        f"{half[1]}. Points: published losses. Vectors start too long, hence the first fall, of which not all is shown."
    )


def toy_escape(data: xr.Dataset) -> tuple["Figure", str]:
    """Half time over the scale of the start, by descent (`descent`) and predicted (`predicted` over `at`)."""
    figure, axes = subplots(figsize=(5.6, 3.4))
    powers = {}
    for left in data["unlearnt"].values:
        colour, times = COLOURS[int(left)], data["descent"].sel(unlearnt=left)
        axes.plot(data["at"], data["predicted"].sel(unlearnt=left), color=colour, lw=1,
                  label="predicted" if left == 3 else None)  # fmt: skip
        axes.plot(data["scale"], times, "o", color=colour, mfc="none", label=LEFT[int(left)])
        small = data["scale"].values <= 0.1
        powers[int(left)] = float(np.polyfit(np.log(data["scale"].values[small]), np.log(times.values[small]), 1)[0])
    axes.set(
        xscale="log", yscale="log", xlabel=r"scale $\epsilon$ of the start", ylabel="iterations to half of the loss"
    )
    plain_ticks(axes.xaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    none = data["descent"].sel(unlearnt=3, scale=0.1, method="nearest")
    made = float(np.interp(float(none["scale"]), data["at"], data["predicted"].sel(unlearnt=3)))
    return figure, (
        f"Below .1 the half time goes as the scale to the power {powers[3]:.2f} with nothing clamped, {powers[2]:.2f} "
        f"with c and {powers[1]:.2f} with b and c clamped. Lines: the elliptic integral, the logarithm, the constant; "
        f"at a scale of .1 the first is {100 * (float(none) / made - 1):.1f} % early."
    )


def toy_strategies(data: xr.Dataset) -> tuple["Figure", str]:
    """Losses of both mechanisms and the competition over iterations, with half times and the divot among attributes."""
    figure, (above, below) = subplots(2, 1, figsize=(5.8, 5.0))
    names = {"loss_1": r"$\mathcal{L}_1$, in context", "loss_2": r"$\mathcal{L}_2$, in weights",
             "competition": r"competition $\mathcal{C}$"}  # fmt: skip
    last = min(data.sizes["iteration"] - 1, 12_000)
    for k, (name, label) in enumerate(names.items()):
        above.plot(data["iteration"][: last + 1], data[name][: last + 1], color=f"C{k}", label=label)
    above.set(ylabel="loss", ylim=(-0.01, 0.4), xlim=(0, last))
    above.legend(loc="upper left", bbox_to_anchor=(1, 1))
    low, high = (int(data.attrs[name]) for name in ("least", "most"))
    near = slice(max(0, low - 600), high + 150)
    below.plot(data["iteration"][near], data["loss_2"][near], color="C1")
    for at, word, away in ((low, "least", (-30, -16)), (high, "most", (-24, 8))):
        value = float(data["loss_2"][at])
        below.plot(at, value, "o", color="C1", mfc="none")
        below.annotate(f"{word} {value:.4g}", (at, value), textcoords="offset points", xytext=away)
    below.axvline(data.attrs["t_1"], color="0.5", lw=0.8, ls=":", label="$t_1$: mechanism 1 half learned")
    span = data["loss_2"][near]
    below.set(xlabel="iteration of gradient descent", ylabel=r"$\mathcal{L}_2$",
              ylim=(0.97 * float(span.min()), 1.02 * float(span.max())))  # fmt: skip
    below.legend(loc="lower left")
    rise = float(data["loss_2"][high] / data["loss_2"][low] - 1)
    return figure, (
        f"Mechanism 1 emerges at {data.attrs['t_1']:.0f}, has its least loss {float(data['loss_1'].min()):.3g} at "
        f"{int(data['loss_1'].values.argmin())} and is lost again, to {float(data['loss_1'][last]):.3g}, after "
        f"mechanism 2 has emerged at {data.attrs['t_2']:.0f}. When 1 emerges the loss of 2 rises by {100 * rise:.1f} "
        "%: the divot (below)."
    )
