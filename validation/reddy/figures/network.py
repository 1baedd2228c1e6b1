"""Figures of the report about networks beside the model: data in, figure and a caption that states the finding out."""

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from validation.comparison import escape_steps
from validation.drawing import plain_ticks, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def course(run: xr.Dataset) -> tuple["Figure", str]:
    """Loss of every seed, and the progress measures of the first."""
    figure, (left, right) = subplots(1, 2, figsize=(9, 3.2))
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


def activity(data: xr.Dataset) -> tuple["Figure", str]:
    """Active share of the classifier's last layer, and CLA, of every seed."""
    figure, (left, right) = subplots(1, 2, figsize=(8.4, 3.2), sharex=True)
    for i, seed in enumerate(data.seed.values):
        one = data.sel(seed=seed)
        left.plot(one.step, one["active"], color=f"C{i}", label=f"seed {seed}")
        right.plot(one.step, one["CLA"], color=f"C{i}")
    left.set(xlabel="step", ylabel="share of active units, last layer", yscale="log")
    left.locator_params(axis="x", nbins=4)
    plain_ticks(left.yaxis)
    right.set(xlabel="step", ylabel="CLA", ylim=(0, 1.02))
    left.legend()
    least = data["active"].min("step")
    each = ", ".join(
        f"{float(v):.2g} (step {int(at)})" for v, at in zip(least, data["active"].idxmin("step"), strict=True)
    )
    few = data["active"] < 0.5 * data["active"].sel(step=0)
    gained = float((data["CLA"] - data["CLA"].sel(step=0)).where(few).max())
    last = data["CLA"].isel(step=-1)
    return figure, (
        f"The share of active units in the classifier's last layer falls to {each}, seed by seed. While it is below "
        f"half of that at the start, CLA gains {gained:.2g} at most; it ends at {float(last.min()):.2g} to "
        f"{float(last.max()):.2g}."
    )


def initialisation(data: xr.Dataset) -> tuple["Figure", str]:
    """Active share of the last layer and correct probability of every seed, with biases free and held at 0."""
    figure, panels = subplots(2, 2, figsize=(8.4, 5), sharex=True, sharey="row")
    least = {}
    for j, kind in enumerate(data.biases.values):
        one = data.sel(biases=kind).dropna("step", how="all")
        for i in range(one.sizes["seed"]):
            panels[0][j].plot(one.step, one["active"].isel(seed=i), color=f"C{i}")
            panels[1][j].plot(one.step, one["correct"].isel(seed=i), color=f"C{i}")
        panels[0][j].set(title=f"biases {kind}")
        panels[1][j].set(xlabel="step", ylim=(0, 1.02))
        left = (one["active"] / one["active"].isel(step=0)).min("step")
        least[str(kind)] = f"{float(left.min()):.2f} to {float(left.max()):.2f} with biases {kind}"
    panels[0][0].set(ylabel="share of active units,\nlast layer")
    panels[0][0].locator_params(axis="x", nbins=4)
    panels[1][0].set(ylabel="correct probability")
    return figure, f"Smallest share of active units over that at the start, seed by seed: {'; '.join(least.values())}."


def shifts(data: xr.Dataset) -> tuple["Figure", str]:
    """Transition steps of the networks against the two predictions, one panel each."""
    figure, panels = subplots(1, 2, figsize=(8.5, 3.8), sharex=True, sharey=True)
    network = data["network"].where(np.isfinite(data["network"]))
    mean, spread = network.mean("seed"), network.std("seed")
    titles = {"no_clock": r"nothing fitted, $\eta_\xi=1/(L-1)$", "fitted_clock": "unit rates, one clock fitted"}
    every = np.concatenate([mean, *(data[name] for name in titles)])
    both = [0.8 * np.nanmin(every), 1.3 * np.nanmax(every)]
    scatter = []
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        axes.plot(both, both, color="0.5", lw=0.8, ls="--")
        for i in range(data.sizes["configuration"]):
            color, words = _colour_and_name(data, i)
            axes.errorbar(data[name][i], mean[i], yerr=spread[i], fmt="o", label=words, color=color, capsize=2)
        axes.set(xscale="log", yscale="log", xlim=both, ylim=both, title=title, xlabel="predicted transition (steps)")
        for axis in (axes.xaxis, axes.yaxis):
            plain_ticks(axis)
        scatter.append(float(np.exp(np.log(mean / data[name]).std())))
    panels[0].set_ylabel("network (steps)")
    panels[1].legend(title="$N$, $L$, $B$", loc="upper left", bbox_to_anchor=(1, 1), fontsize="x-small", ncols=2)
    fitted = f"{scatter[1]:.2f} with one fitted" if np.isfinite(scatter[1]) else "none could be fitted"
    return figure, (
        f"Network / prediction scatters by a factor {scatter[0]:.2f} over the configurations without a clock and "
        f"{fitted}; bars: standard deviation over the seeds with a transition."
    )


def predictions(data: xr.Dataset) -> tuple["Figure", str]:
    """Transition steps of the networks against the prediction from draws, with its spread."""
    figure, axes = subplots(figsize=(5.6, 3.8))
    network = data["network"].where(np.isfinite(data["network"]))
    both = [
        0.8 * float(min(data["predicted"].min(), network.min())),
        1.25 * float(max(data["predicted"].max(), network.max())),
    ]
    axes.plot(both, both, color="0.5", lw=0.8, ls="--")
    for i in range(data.sizes["configuration"]):
        color, words = _colour_and_name(data, i)
        predicted = np.full(network.sizes["seed"], float(data["predicted"][i]))
        axes.plot(predicted, network[i], "o", label=words, color=color)
        low, high = float(data["predicted"][i]) * np.exp([-float(data["spread"][i]), float(data["spread"][i])])
        axes.plot([low, high], [float(network[i].median())] * 2, color=color, lw=0.8)
    axes.set(xscale="log", yscale="log", xlim=both, ylim=both, ylabel="network (steps)",
             xlabel="predicted from initial draws (steps)")  # fmt: skip
    axes.legend(title="$N$, $L$, $B$", loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", ncols=2)
    for axis in (axes.xaxis, axes.yaxis):
        plain_ticks(axis)
    least = data["network"].where(np.isfinite(data["network"]), data["budget"])  # later than the budget
    ratio = (least.median("seed") / data["predicted"]).values
    never = int((~np.isfinite(data["network"])).sum())
    return figure, (
        f"With nothing fitted, network (median over seeds) / prediction lies between {np.nanmin(ratio):.2f} and "
        f"{np.nanmax(ratio):.2f}; each point is a seed, lines are the spread over draws, and {never} of "
        f"{data['network'].size} seeds had no transition."
    )


def predictions_held(data: xr.Dataset) -> tuple["Figure", str]:
    """The same with biases held at 0."""
    return predictions(data)


def _colour_and_name(data: xr.Dataset, i: int) -> tuple[tuple[float, ...], str]:
    """Of one configuration, however many there are."""
    words = f"{int(data.N[i])}, {int(data.L[i])}, {int(data.B[i])}"
    from matplotlib import colormaps

    return colormaps["viridis"](i / data.sizes["configuration"]), words


def maps(data: xr.Dataset) -> tuple["Figure", str]:
    """Attention of both layers before and after the jump."""
    from matplotlib.ticker import MaxNLocator

    figure, panels = subplots(1, 4, figsize=(11, 3))
    for k, when in enumerate(data.when.values):
        one = data.sel(when=when).isel(seed_number=0)
        image = panels[k].imshow(one["p1"], vmin=0, vmax=1, cmap="viridis")
        panels[k].set(title=f"layer 1, {when}", xlabel="key", ylabel="query" if k == 0 else "")
        panels[2 + k].imshow(one["p2_by_slot"], vmin=0, vmax=1, cmap="viridis", aspect="auto")
        panels[2 + k].set(title=f"layer 2, {when}", xlabel="key", ylabel="slot of the match" if k == 0 else "")
    for axes in panels:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
    figure.colorbar(image, ax=panels, label="mean attention")
    after = data.sel(when="after").isel(seed_number=0)
    N = after.sizes["slot"]
    to_label = float(np.mean([after["p2_by_slot"].sel(slot=s, key=f"l{s}") for s in range(1, N + 1)]))
    to_item = float(np.mean([after["p1"].sel(query=f"l{s}", key=f"x{s}") for s in range(1, N + 1)]))
    return figure, (
        f"After the jump a label attends to its item by {to_item:.2f} on average, and the target to the label of its "
        f"match by {to_label:.2f}, whatever the slot."
    )


def course_of_rates(data: xr.Dataset) -> tuple["Figure", str]:
    """Order parameters of the network and their effective rates along a run."""
    figure, (left, right) = subplots(1, 2, figsize=(8.4, 3.2), sharex=True)
    names = {"beta_1": r"$\beta_1$", "alpha": r"$\alpha$", "xi": r"$\xi/10$"}
    for i, (name, words) in enumerate(names.items()):
        value = data["value"].sel(parameter=name) / (10 if name == "xi" else 1)
        left.plot(data.step, value.mean("seed"), color=f"C{i}", label=words)
        right.plot(data.step, data["rate"].sel(parameter=name).mean("seed"), color=f"C{i}", label=words.split("/")[0])
    left.set(xlabel="step", ylabel="value")
    right.set(xlabel="step", ylabel=r"effective rate $|\nabla_\theta\phi|^2$", yscale="log")
    left.legend()
    grown = {
        k: float((data["rate"].sel(parameter=k).isel(step=-1) / data["rate"].sel(parameter=k).isel(step=0)).mean())
        for k in names
    }
    return figure, (
        f"Along the run the rate of xi grows {grown['xi']:.0f}-fold, that of alpha {grown['alpha']:.1f}-fold and that "
        f"of beta_1 {grown['beta_1']:.1f}-fold; beta_1 falls at first, which the reduced model does not."
    )


def saturation(data: xr.Dataset) -> tuple["Figure", str]:
    """Loss with and without free labels."""
    figure, axes = subplots(figsize=(4.5, 3.2))
    words = []
    for i, name in enumerate(data["configuration"].values):
        one = data.isel(configuration=i).dropna("step", how="all")
        for s in range(one.sizes["seed"]):
            axes.plot(one.step, one["loss"].isel(seed=s), color=f"C{i}", alpha=0.7, label=str(name) if s == 0 else None)
        words.append(f"{name}: {int((one['IC_accuracy'].isel(step=-1) > 0.9).sum())} of {one.sizes['seed']}")
    axes.set(xlabel="step", ylabel="held-out loss (nats)")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure, "Seeds that learn in context: " + "; ".join(words) + "."


def overlay(data: xr.Dataset) -> tuple["Figure", str]:
    """The network's course beside the model's, both in steps."""
    figure, panels = subplots(1, 2, figsize=(8, 3.2), sharex=True)
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
        for i, (case, words) in enumerate(style for style in styles if style[0] in data.case):
            axes.plot(data.step, data[f"{name}_model"].sel(case=case), color=f"C{i}", label=words)
        axes.set(xlabel="step", ylabel=label)
    panels[0].legend()
    free = data.sel(case="no_clock")
    return figure, (
        f"Without a clock the model predicts step {float(free['escape_step_model']):.0f}; the network takes "
        f"{float(free['escape_ratio'].mean()):.2f} times that (mean over seeds)."
    )


def slow_phase(data: xr.Dataset) -> tuple["Figure", str]:
    """The closed form of the slow phase against the flow."""
    figure, panels = subplots(1, 2, figsize=(8, 3.2), sharex=True)
    styles = {"attention frozen": "-", "closed form": ":", "all free": "-"}
    for axes, name, label in zip(panels, ("loss", "CLA"), ("loss (nats)", "CLA"), strict=True):
        for case, style in styles.items():
            axes.plot(data.time, data[name].sel(case=case), ls=style, lw=3 if style == ":" else 1.5, label=case)
        axes.set(xlabel="time (learning rate x steps)", ylabel=label)
    panels[0].legend()
    error = float(abs(data["loss"].sel(case="closed form") - data["loss"].sel(case="attention frozen")).max())
    return figure, f"With frozen attention the closed form is exact (largest difference of the loss {error:.1e})."


def predictor(data: xr.Dataset) -> tuple["Figure", str]:
    """Largest error of two predicted transition times over (N, L), whatever the other parameters."""
    from matplotlib.colors import LogNorm

    figure, panels = subplots(1, 2, figsize=(8, 3.4), sharey=True)
    worst = abs(data["error"]).max(["attend", "B", "rates"])
    names = {"leading": "leading order", "order_2": "nested quadratures"}
    for axes, (name, title) in zip(panels, names.items(), strict=True):
        percent = 100 * worst.sel(predictor=name).transpose("ratio", "N")
        mesh = axes.imshow(percent, origin="lower", norm=LogNorm(1e-4, 1e3), cmap="viridis", aspect="auto")
        for (i, j), value in np.ndenumerate(percent.values):
            if np.isfinite(value):
                dark = value < 1
                text = f"{value:.0f}" if value >= 10 else f"{value:.1g}"
                axes.text(j, i, text, ha="center", va="center", fontsize=7, color="w" if dark else "k")
        axes.set(title=title, xlabel="context size $N$")
        axes.set_xticks(range(percent.sizes["N"]), [f"{n:g}" for n in percent.N.values])
    panels[0].set_ylabel(r"labels over context labels, $L B/N$")
    panels[0].set_yticks(range(data.sizes["ratio"]), [f"{r:g}" for r in data.ratio.values])
    figure.colorbar(mesh, ax=panels, label="largest error of $T^*$ (%)")
    most = {k: 100 * float(worst.sel(predictor=k).max()) for k in names}
    return figure, (
        f"The leading order is off by up to {most['leading']:.0f}%; the quadratures stay within "
        f"{most['order_2']:.2g}% everywhere. Largest error over burstiness, rates and both forms of the attention."
    )


def _task(run: xr.Dataset) -> dict[str, int]:
    return dict(json.loads(run.attrs["task"]))


def _context_labels(run: xr.Dataset) -> int:
    task = _task(run)
    return int(task["N"] // task["B"])
