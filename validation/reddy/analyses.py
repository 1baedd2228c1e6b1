"""What is read off a trained network, in the process of its training: one dataset each, by seed."""

from pathlib import Path

import numpy as np
import torch
import xarray as xr

from minimodels.results import load
from validation.checkpoint import load_parameters, snapshot_steps
from validation.comparison import escape_steps
from validation.loop import stacked
from validation.protocols import Parameters
from validation.reddy.attention import attention_maps
from validation.reddy.effective_rates import effective_rates
from validation.reddy.evaluation import evaluate, label_gains
from validation.reddy.network import AttentionOnly
from validation.trainings import NetworkTraining

BEFORE = 0.9  # of the transition step: R9 looks at 28 000 steps, its jump is at about 31 000
KNOCKED_OUT = {
    "p1 uniform": {"p1": "uniform"}, "p1 zero": {"p1": "zero"}, "p2 uniform": {"p2": "uniform"},
    "p2 zero": {"p2": "zero"},
}  # fmt: skip
PATCHED = {"p1": ("p1",), "p2": ("p2",), "p1 and p2": ("p1", "p2")}


def _network(training: NetworkTraining) -> AttentionOnly:
    assert isinstance(training.network, AttentionOnly)
    return training.network


def _seed(parameters: Parameters, number: int) -> Parameters:
    return {name: t[number : number + 1] for name, t in parameters.items()}


def _before_and_after(folder: Path, number: int) -> tuple[Parameters, Parameters]:
    """Parameters of one seed at the last snapshot before 0.9 of its transition step, and at the end."""
    run = load(folder / "run.nc")
    transition = escape_steps(run)[number]
    end = min(transition, float(run.step[-1]))
    steps = [s for s in snapshot_steps(folder) if s <= BEFORE * end] or snapshot_steps(folder)[:1]
    return _seed(load_parameters(folder, max(steps)), number), _seed(load_parameters(folder), number)


def interventions(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """IC accuracy and correct probability: after with a head knocked out, before with patterns of after."""
    task, network, seeds = training.last_task, _network(training), training.seeds
    rows: dict[str, list[dict[str, float]]] = {}
    for number, seed in enumerate(seeds):
        before, after = _before_and_after(folder, number)
        sequences = task.test_set("IC", seed, 1024)

        def keep(
            case: str, parameters: Parameters, sequences: object = sequences, seed: int = seed, **how: object
        ) -> None:
            found = evaluate(network, parameters, task, sequences, **how)
            rows.setdefault(case, []).append({k: float(v[0]) for k, v in found.items()})

        keep("before", before)
        keep("after", after)
        for name, clamp in KNOCKED_OUT.items():
            keep(f"after, {name}", after, clamp=clamp)
        for name, places in PATCHED.items():
            keep(f"before, {name} of after", before, patch=dict.fromkeys(places, after))
    names = list(rows["after"][0])
    values = np.array([[[row[n] for row in each] for each in rows.values()] for n in names])
    return xr.Dataset(
        {n: (("case", "seed"), v) for n, v in zip(names, values, strict=True)},
        coords={"case": list(rows), "seed": list(seeds)},
    )


def maps(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Mean attention of the first seed before and after."""
    task = training.last_task
    sequences = task.test_set("IC", training.seeds[0], 512)
    each = [attention_maps(_network(training), p, task, sequences) for p in _before_and_after(folder, 0)]
    return xr.concat(each, xr.DataArray(["before", "after"], dims="when", name="when"))


def gains(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Gain of every label at the end."""
    task, network, seeds = training.last_task, _network(training), training.seeds
    sequences = [task.test_set("train", seed, 512) for seed in seeds]
    labels = np.stack([task.embeddings(seed).labels for seed in seeds])
    values = label_gains(network, load_parameters(folder), task, sequences, labels)
    return xr.Dataset({"gain": (("seed", "label"), values)}, coords={"seed": list(seeds)})


@torch.no_grad()
def activity(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Share of units of every classifier layer that are active, at the start and at every snapshot."""
    task, network, seeds = training.last_task, _network(training), training.seeds
    batch = network.batch(task, [task.test_set("train", seed, 256) for seed in seeds])
    steps = [0, *snapshot_steps(folder)]
    shares = []
    for step in steps:
        parameters = load_parameters(folder, step) if step else stacked(network, task, seeds)
        heads = network.attend(parameters, batch.tokens)
        layers = network.hidden(parameters, heads.stream + heads.written)[1:]
        shares.append([(h > 0).double().mean((1, 2)).numpy() for h in layers])
    return xr.Dataset(
        {"active": (("step", "layer", "seed"), np.array(shares))},
        coords={"step": steps, "layer": np.arange(1, network.layers + 1), "seed": list(seeds)},
    )


def rates(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Values and effective rates of beta_1, alpha and xi at the start and at every snapshot."""
    task, network, seeds = training.last_task, _network(training), training.seeds
    steps = [0, *snapshot_steps(folder)]
    values = np.full((2, 3, len(seeds), len(steps)), np.nan)
    for j, step in enumerate(steps):
        together = load_parameters(folder, step) if step else stacked(network, task, seeds)
        for i, seed in enumerate(seeds):
            found = effective_rates(task, network, _seed(together, i), seed=seed)
            values[:, :, i, j] = np.array(list(found.values())).T
    dims = ("parameter", "seed", "step")
    return xr.Dataset(
        {"value": (dims, values[0]), "rate": (dims, values[1])},
        coords={"parameter": list(found), "seed": list(seeds), "step": steps},
    )
