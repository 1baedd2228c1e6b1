"""The figures of a report, one function each: data in, figure and a caption that states the finding out."""

import math
from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from validation.comparison import escape_steps


def course(run: xr.Dataset) -> tuple[Figure, str]:
    """Loss of every seed, and the progress measures of the first."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    seeds = run.sizes["seed"]
    first, N_c = run.isel(seed=0), _context_labels(run)
    L = _task(run)["L"]
    for i in range(seeds):
        left.plot(run.step, run["loss"].isel(seed=i), color="C0", alpha=1 if i == 0 else 0.4)
    for level, name in ((math.log(L), "log $L$"), (math.log(N_c), "log $N_c$")):
        left.axhline(level, color="0.5", lw=0.8, ls="--")
        left.annotate(name, (run.step[-1], level), ha="right", va="bottom")
    left.set(xlabel="step", ylabel="held-out loss (nats)", title="every seed")
    for name in ("CLA", "TLA2", "ILA1", "TILA2", "IC_accuracy"):
        right.plot(first.step, first[name], label=name.replace("_", " "))
    right.set(xlabel="step", ylabel="progress measure", title=f"seed {int(first.seed)}", ylim=(0, 1.02))
    right.legend(loc="upper left", bbox_to_anchor=(1, 1))
    times = escape_steps(run)
    learned = np.isfinite(times)
    middle = f"median step {np.median(times[learned]):.0f}" if learned.any() else "no transition"
    return figure, f"{learned.sum()} of {seeds} seeds pass correct probability 1/2 ({middle})."


def shifts(data: xr.Dataset) -> tuple[Figure, str]:
    """Transition steps of the networks against the two predictions."""
    figure, axes = plt.subplots(figsize=(4.5, 4), layout="constrained")
    network = data["network"].where(np.isfinite(data["network"]))
    mean = network.mean("seed")
    for name, marker, label in (
        ("no_clock", "o", r"$\eta_\xi=1/(L-1)$, no clock"),
        ("fitted_clock", "s", "unit rates, fitted clock"),
    ):
        axes.errorbar(data[name], mean, yerr=network.std("seed"), fmt=marker, label=label, capsize=2)
    for i in range(data.sizes["configuration"]):
        words = ", ".join(f"{k}={int(data[k][i])}" for k in "NLB")
        axes.annotate(
            words, (float(data["no_clock"][i]), float(mean[i])), xytext=(4, 4), textcoords="offset points", fontsize=7
        )
    both = [
        float(min(data["no_clock"].min(), data["fitted_clock"].min(), mean.min())),
        float(max(data["no_clock"].max(), mean.max())),
    ]
    axes.plot(both, both, color="0.5", lw=0.8, ls="--")
    axes.set(xscale="log", yscale="log", xlabel="predicted transition (steps)", ylabel="network (steps)")
    axes.margins(x=0.35)
    figure.legend(loc="outside upper center", ncols=2)
    spread = [float(np.exp(np.log(mean / data[k]).std())) for k in ("no_clock", "fitted_clock")]
    return figure, (
        f"Network / prediction scatters by a factor {spread[0]:.2f} over the configurations without a clock and "
        f"{spread[1]:.2f} with one fitted; bars: standard deviation over seeds."
    )


def saturation(data: xr.Dataset) -> tuple[Figure, str]:
    """Loss with and without free labels."""
    figure, axes = plt.subplots(figsize=(4.5, 3.2), layout="constrained")
    words = []
    for i, name in enumerate(data["configuration"].values):
        one = data.isel(configuration=i).dropna("step", how="all")
        for s in range(one.sizes["seed"]):
            axes.plot(one.step, one["loss"].isel(seed=s), color=f"C{i}", alpha=0.7, label=str(name) if s == 0 else None)
        words.append(f"{name}: {int((one['IC_accuracy'].isel(step=-1) > 0.9).sum())} of {one.sizes['seed']}")
    axes.set(xlabel="step", ylabel="held-out loss (nats)")
    axes.legend()
    return figure, "Seeds that learn in context: " + "; ".join(words) + "."


def overlay(data: xr.Dataset) -> tuple[Figure, str]:
    """The network's course beside the model's, both in steps."""
    figure, panels = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharex=True)
    styles = (("no_clock", r"model, $\eta_\xi=1/(L-1)$, no clock"), ("fitted_clock", "model, unit rates, fitted clock"))
    for axes, name, label in zip(panels, ("loss", "correct"), ("loss (nats)", "correct probability"), strict=True):
        for i in range(data.sizes["seed"]):
            axes.plot(
                data.step,
                data[f"{name}_network"].isel(case=0, seed=i),
                color="0.6",
                lw=0.8,
                label="network" if i == 0 else None,
            )
        for i, (case, words) in enumerate(styles):
            axes.plot(data.step, data[f"{name}_model"].sel(case=case), color=f"C{i}", label=words)
        axes.set(xlabel="step", ylabel=label)
    panels[0].legend()
    free = data.sel(case="no_clock")
    return figure, (
        f"Without a clock the model predicts step {float(free['escape_step_model']):.0f}; the network takes "
        f"{float(free['escape_ratio'].mean()):.2f} times that (mean over seeds)."
    )


def slow_phase(data: xr.Dataset) -> tuple[Figure, str]:
    """The closed form of the slow phase against the flow."""
    figure, panels = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharex=True)
    styles = {"attention frozen": "-", "closed form": ":", "all free": "-"}
    for axes, name, label in zip(panels, ("loss", "CLA"), ("loss (nats)", "CLA"), strict=True):
        for case, style in styles.items():
            axes.plot(data.time, data[name].sel(case=case), ls=style, lw=3 if style == ":" else 1.5, label=case)
        axes.set(xlabel="time (learning rate x steps)", ylabel=label)
    panels[0].legend()
    error = float(abs(data["loss"].sel(case="closed form") - data["loss"].sel(case="attention frozen")).max())
    return figure, f"With frozen attention the closed form is exact (largest difference of the loss {error:.1e})."


def predictor(data: xr.Dataset) -> tuple[Figure, str]:
    """Predicted transition times over measured ones."""
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    places = np.arange(data.sizes["configuration"])
    for name, marker in (("leading", "o"), ("quadratures", "s")):
        axes.plot(data[name] / data["flow"], places, marker, label=name)
    axes.set_yticks(places, data["configuration"].values)
    axes.axvline(1, color="0.5", lw=0.8, ls="--")
    axes.set(xlabel="predicted / simulated transition time")
    axes.legend()
    worst = {k: float(abs(data[k] / data["flow"] - 1).max()) for k in ("leading", "quadratures")}
    return figure, f"Largest error: {worst['leading']:.1%} at leading order, {worst['quadratures']:.2%} by quadratures."


def _task(run: xr.Dataset) -> dict[str, int]:
    import json

    return dict(json.loads(run.attrs["task"]))


def _context_labels(run: xr.Dataset) -> int:
    task = _task(run)
    return int(task["N"] // task["B"])


FIGURES: dict[str, Callable[[xr.Dataset], tuple[Figure, str]]] = {
    f.__name__: f for f in (course, shifts, saturation, overlay, slow_phase, predictor)
}
