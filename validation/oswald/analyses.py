"""What is read off a trained self-attention network, by seed: against steps of descent, and off its training data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import theory
from minimodels.tasks.linear_regression import LinearRegressionTask
from validation.checkpoint import load_parameters
from validation.loop import stacked
from validation.oswald import metrics
from validation.oswald.constructions import interpolated, read_steps, steps_of_descent
from validation.oswald.network import SelfAttention
from validation.trainings import NetworkTraining

TASKS, SHIFTED = 10_000, 40_000  # the second for means of few large losses
DAMPINGS, REPEATS = (1.0, 0.75), (1, 2, 3, 4)
SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)  # of the inputs
SPHERE = {"law": "gaussian", "frobenius": True}  # inputs over the Frobenius norm of the context
# data that a trained network is tried on: what is changed, and the option that takes some values
SHIFTS: dict[str, tuple[dict[str, Any], str, tuple[Any, ...]]] = {
    "x_scale": ({}, "x_scale", (0.5, 1.0, 1.5, 2.0)), "tau": ({}, "tau", (0.5, 1.0, 2.0, 5.0)),
    "corrupted": ({}, "corrupted", (0, 2, 8)), "N": ({}, "N", (5, 20, 40)), "sphere": (SPHERE, "x_scale", (1.0, 3.0)),
}  # fmt: skip


def best(task: LinearRegressionTask, network: SelfAttention, kind: str) -> metrics.Predictor:
    """Descent with the best steps for as many layers."""
    found = theory.gd_optimum(
        task.N, task.d, K=network.layers, kind=kind, tied=network.recurrent, law=task.law, s=task.s, tau=task.tau
    )
    return metrics.descent(found.a, found.gamma)


def _by_seed(training: NetworkTraining, measure: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    rows = [measure(i) for i in range(len(training.seeds))]
    return {name: ("seed", [row[name] for row in rows]) for name in rows[0]}


def _products(weights: dict[str, Any], task: LinearRegressionTask, network: SelfAttention) -> xr.Dataset:
    r"""W_KQ/beta and beta W_PV of a layer, beta the mean diagonal of W_KQ on x, and those of the best step."""
    best_a = theory.gd_optimum(task.N, task.d, K=network.layers, tied=True, law=task.law, s=task.s).a[0]
    made: dict[str, Any] = {}
    for ending, one in (("", weights), ("_made", steps_of_descent(network, task, best_a))):
        K, Q, V, P = (np.asarray(one[name], float)[0, 0] for name in "KQVP")
        beta = float(np.diag(K.T @ Q)[:-1].mean())
        made |= {f"KQ{ending}": K.T @ Q / beta, f"PV{ending}": beta * P @ V}
    return xr.Dataset({name: (("row", "column"), value) for name, value in made.items()})


def beside_descent(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Loss beside that of the best descent and GD++ on the same tasks, alignment with both, steps."""
    task, network = training.last_task, training.network
    assert isinstance(network, SelfAttention)
    assert isinstance(task, LinearRegressionTask)
    end, start = load_parameters(folder), stacked(network, task, training.seeds)
    kinds = {"gd": best(task, network, "gd")}
    if network.layers == 2:
        kinds["gd_plus_plus"] = best(task, network, "gd++")

    def one(i: int) -> dict[str, Any]:
        seed = training.seeds[i]
        net = network.predictor(task, end, i)
        row: dict[str, Any] = {"loss": metrics.loss(net, task, tasks=TASKS, seed=seed)[0]}
        for kind, predictor in kinds.items():
            row[f"{kind}_loss"] = metrics.loss(predictor, task, tasks=TASKS, seed=seed)[0]
            for when, other in (("", net), ("_before", network.predictor(task, start, i))):
                found = metrics.alignment(other, predictor, task, tasks=TASKS, seed=seed)
                row |= {f"{kind}_{name}{when}": getattr(found, name) for name in ("predictions", "cosine", "weights")}
        if network.softmax == "none" and network.heads == 1 and network.kept == 1:
            weights = {name: value[i].numpy() for name, value in end.items()}
            row["a"], row["gamma"] = read_steps(weights)
            best_a = theory.gd_optimum(task.N, task.d, K=network.layers, tied=True, law=task.law, s=task.s).a[0]
            between = interpolated(weights, steps_of_descent(network, task, best_a))
            row["interpolated_loss"] = metrics.loss(
                network.predictor(task, {k: w[None] for k, w in between.items()}), task, tasks=TASKS, seed=seed
            )[0]
        return row

    out = xr.Dataset(_by_seed(training, one), coords={"seed": list(training.seeds)})
    if "gamma" in out:
        out = out.merge(_products({name: value[0].numpy() for name, value in end.items()}, task, network))
    return out


def shifted(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Losses of a network on data unlike its own: `over_<name>` for the names of SHIFTS."""
    task, network, end = training.last_task, training.network, load_parameters(folder)
    assert isinstance(network, SelfAttention)
    nets = {seed: network.predictor(task, end, i) for i, seed in enumerate(training.seeds)}
    out = xr.Dataset(coords={"seed": list(nets)} | {name: list(values) for name, (_, _, values) in SHIFTS.items()})
    for name, (changes, option, values) in SHIFTS.items():
        other = replace(task, **changes)
        curves = [metrics.losses_over(net, other, option, values, tasks=SHIFTED, seed=seed)["loss"]
                  for seed, net in nets.items()]  # fmt: skip
        out[f"over_{name}"] = (("seed", name), np.stack(curves))
    return out


def repeats(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Losses of a one-layer network taken several times, damped, and the share of the tasks where that diverges."""
    task, network, seeds = training.last_task, training.network, training.seeds
    assert isinstance(network, SelfAttention)
    assert isinstance(task, LinearRegressionTask)
    end = load_parameters(folder)
    losses, shares = np.empty((len(seeds), len(DAMPINGS), len(REPEATS))), np.empty((len(seeds), len(DAMPINGS)))
    for i, seed in enumerate(seeds):
        layer = network.predictor(task, end, i)
        taken = update_of_labels(layer, task.test_set("train", seed, TASKS).x)
        largest = np.linalg.eigvals(taken).real.max(1)
        for j, damping in enumerate(DAMPINGS):
            shares[i, j] = (damping * largest > 2).mean()  # overshoots by more every time
            for k, times in enumerate(REPEATS):
                again = metrics.repeated(layer, times, damping)
                losses[i, j, k] = metrics.loss(again, task, tasks=TASKS, seed=seed)[0]
    return xr.Dataset(
        {"loss": (("seed", "damping", "times"), losses), "divergent": (("seed", "damping"), shares)},
        {"seed": list(seeds), "damping": list(DAMPINGS), "times": list(REPEATS)},
    )


def update_of_labels(layer: metrics.Predictor, x: metrics.Array) -> metrics.Array:
    """What one update takes off the labels of the context, as a matrix of them, (n, N, N): the part linear in y."""
    n, N, _ = x.shape
    out = np.empty((n, N, N))
    for i in range(N):
        one = np.zeros((n, N))
        one[:, i] = 1
        for j in range(N):
            out[:, j, i] = (np.asarray(layer(x, one, x[:, j])) - np.asarray(layer(x, -one, x[:, j]))) / 2
    return out


def scaled(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Losses over the scale of the inputs on the same tasks: the network's, those of the best descent and GD++."""
    task, network = training.last_task, training.network
    assert isinstance(network, SelfAttention)
    assert isinstance(task, LinearRegressionTask)
    end, fixed = load_parameters(folder), {"gd": best(task, network, "gd"), "gd_plus_plus": best(task, network, "gd++")}
    found: dict[str, list[xr.DataArray]] = {"network": [], "gd": [], "gd_plus_plus": []}
    for i, seed in enumerate(training.seeds):
        for name, predictor in {"network": network.predictor(task, end, i), **fixed}.items():
            curve = metrics.losses_over(predictor, task, "x_scale", SCALES, tasks=TASKS, seed=seed)
            found[name].append(curve["loss"])
    curves = {name: (("seed", "x_scale"), np.stack(each)) for name, each in found.items()}
    return xr.Dataset(curves, {"seed": list(training.seeds), "x_scale": list(SCALES)}, {"tasks": TASKS})


def unseen(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """After training on a fixed set of tasks: loss, and alignment with the best step, on fresh ones."""
    task, network = training.last_task, training.network
    assert isinstance(network, SelfAttention)
    assert isinstance(task, LinearRegressionTask)
    end, step = load_parameters(folder), best(task, network, "gd")

    def one(i: int) -> dict[str, Any]:
        seed, net = training.seeds[i], network.predictor(task, end, i)
        seen = task.sample(seed, 0, min(task.pool or TASKS, TASKS))
        return {
            "seen_loss": float(0.5 * ((metrics.predicted(net, seen) - seen.target) ** 2).mean()),
            "loss": metrics.loss(net, task, tasks=TASKS, seed=seed)[0],
            "gd_loss": metrics.loss(step, task, tasks=TASKS, seed=seed)[0],
            "cosine": metrics.alignment(net, step, task, tasks=2000, seed=seed).cosine,
        }

    return xr.Dataset(_by_seed(training, one), coords={"seed": list(training.seeds)})


def directions(training: NetworkTraining, folder: Path) -> xr.Dataset:
    r"""How far each direction of the inputs is learned, :math:`v\Gamma_iu_i`, and the loss, at every snapshot.

    The loss is the exact one of v and u_i, the diagonal of the keys' and queries' product, and what all other weights
    add to it on sampled tasks: the difference has little noise.
    """
    task, network = training.last_task, training.network
    assert isinstance(network, SelfAttention)
    assert isinstance(task, LinearRegressionTask)
    gamma, variances = np.array(theory.saddle_ladder(task.spectrum, task.N).gamma), np.array(task.spectrum)
    steps, shape = list(training.snapshots), (len(training.seeds), len(training.snapshots))
    progress, losses = np.empty((*shape, task.d)), np.empty(shape)
    for i, seed in enumerate(training.seeds):
        tests = task.test_set("train", seed, 4000)
        pull = np.einsum("ni,nid->nd", tests.y, tests.x) * tests.query / task.N
        for k, step in enumerate(steps):
            weights = load_parameters(folder, step)
            KQ, PV = (product[i, 0].numpy() for product in network.products(weights, 0))
            learned = -PV[-1, -1] * np.diag(KQ)[:-1]
            progress[i, k] = gamma * learned
            exact = 0.5 * (variances - 2 * variances**2 * learned + gamma * (variances * learned) ** 2).sum()
            whole, diagonal = metrics.predicted(network.predictor(task, weights, i), tests), pull @ learned
            losses[i, k] = exact + 0.5 * ((whole - tests.target) ** 2 - (diagonal - tests.target) ** 2).mean()
    return xr.Dataset(
        {"progress": (("seed", "time", "direction"), progress), "loss": (("seed", "time"), losses)},
        coords={"seed": list(training.seeds), "time": training.optimiser.lr * np.array(steps)},
    )
