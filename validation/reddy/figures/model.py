"""Figures of the report about minimal models: data in, figure and a caption that states the finding out."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from validation.drawing import subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def phase_diagram(data: xr.Dataset) -> tuple["Figure", str]:
    """Transition time over context size and labels, with the line L = N."""
    from matplotlib.colors import LogNorm

    figure, axes = subplots(figsize=(5.2, 3.8))
    time = data["escape_time"].transpose("L", "N")
    mesh = axes.pcolormesh(time.N, time.L, time, norm=LogNorm(10, 3000), shading="nearest", rasterized=True)
    levels = axes.contour(time.N, time.L, time, levels=[20, 50, 100, 200, 400], colors="w", linewidths=0.8)
    axes.clabel(levels, fontsize=7, fmt="%g")
    axes.plot(time.N, time.N, color="C1", lw=2)
    axes.annotate("$L=N$: the origin is a saddle", (9, 8.2), color="C1", rotation=24, ha="center", va="top", fontsize=8)
    axes.set(yscale="log", xlabel="context size $N$", ylabel="labels $L$", ylim=(2, 128))
    figure.colorbar(mesh, label="transition time $T^*$ (learning rate x steps)", extend="max")
    low = float(time.sel(N=8, L=8.5, method="nearest") / time.sel(N=8, L=32, method="nearest"))
    return figure, (
        f"The transition comes later with more pairs and without bound towards L = N: at N = 8 it takes {low:.1f} "
        "times as long just above the line as at L = 32. White: no transition."
    )


def survival(data: xr.Dataset) -> tuple["Figure", str]:
    """Share of random starts at L = N that have not escaped yet."""
    figure, axes = subplots(figsize=(4.8, 3.2))
    for scale in data.scale.values:
        axes.plot(data.time, data["survival"].sel(scale=scale), label=f"start scale {scale:g}")
    axes.set(
        xscale="log",
        xlabel="time (learning rate x steps)",
        ylabel="share not escaped",
        ylim=(0, 1.02),
        xlim=(100, 5000),
    )
    axes.legend()
    last = float(data["survival"].isel(scale=0, time=-1))
    half = [float(data.time[np.argmax(data["survival"].sel(scale=s).values <= 0.75)]) for s in data.scale.values]
    return figure, (
        f"At L = N = 8 a quarter of the starts has escaped by t = {half[0]:.0f} at scale {data.scale.values[0]:g} and "
        f"by {half[1]:.0f} at {data.scale.values[1]:g}; {last:.0%} of the smaller ones are censored at the end. The "
        "two steps of each curve are the induction and the anti-induction branch."
    )


def curriculum(data: xr.Dataset) -> tuple["Figure", str]:
    """Total time with a first stage over the time without."""
    figure, axes = subplots(figsize=(5.6, 3.2))
    stages = list(dict.fromkeys(data.stage.values))
    for i, rates in enumerate(dict.fromkeys(data.rates.values)):
        words = str(rates).replace("eta_xi", r"$\eta_\xi$")
        axes.bar(np.arange(len(stages)) + 0.4 * i - 0.2, data["ratio"][data.rates == rates], 0.38, label=words)
    axes.axhline(1, color="0.5", lw=0.8, ls="--")
    axes.set_xticks(range(len(stages)), stages)
    axes.set(xlabel="first stage: $N$, $L$", ylabel="time to the transition / without curriculum")
    axes.legend()
    best = data.isel(case=int(np.argmin(data["ratio"].values)))
    return figure, (
        f"Training first at (N, L) = ({best.stage.item()}) until the transition there brings the one at N = 8, L = 32 "
        f"after {float(best['ratio']):.2f} of the time without ({best.rates.item()}); fewer "
        "pairs help, fewer labels as the rates say."
    )


def landscape(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss over alpha and xi at two beta_1, for L > N and L = N, with the path of the flow."""
    figure, grid = subplots(2, 2, figsize=(7.4, 5.6), sharex=True, sharey=True)
    for row, L in zip(grid, data.L.values, strict=True):
        for axes, beta in zip(row, data.beta_1_0.values, strict=True):
            loss = data["loss"].sel(L=L, beta_1_0=beta).transpose("xi_0", "alpha_0")
            mesh = axes.contourf(loss.alpha_0, loss.xi_0, loss, levels=np.linspace(0, 6, 25), extend="max")
            axes.contour(loss.alpha_0, loss.xi_0, loss, levels=[float(np.log(L))], colors="w", linewidths=0.8)
            axes.plot(0, 0, "o", color="C1", ms=4)
            axes.set_title(rf"$L={L}$, $\beta_1={beta:g}$")
            if L > 8:
                axes.plot(data["path_alpha"], data["path_xi"], color="C1")
    for axes in grid[-1]:
        axes.set_xlabel(r"$\alpha$")
    for axes in grid[:, 0]:
        axes.set_ylabel(r"$\xi$")
    figure.colorbar(mesh, ax=grid, label="loss (nats)")
    return figure, (
        "At L > N the origin (dot) lies on a slope along xi, which the flow from it (line, all three states moving) "
        "follows first; at L = N it is a saddle, and two valleys leave it: induction and anti-induction. White: log L."
    )
