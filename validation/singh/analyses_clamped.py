"""What is read off trainings under clamps: progress measures, and what a trained first layer is worth to another."""

from pathlib import Path

import numpy as np
import torch
import xarray as xr

from validation.checkpoint import load_parameters, snapshot_steps
from validation.singh.applied import subcircuits
from validation.singh.grafts import Frozen, GraftIn
from validation.singh.network import Transformer
from validation.singh.settings import ACTIVE, LEARNT, PREVIOUS
from validation.trainings import NetworkTraining

PROGRESS = ("step-1", "match")  # clamps that make a measure of progress
DONORS = {"own": 0, "another": 1, "a third": 2}  # how many seeds further the one is whose layer is grafted in
SEQUENCES = 1000


@torch.no_grad()
def progress(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Losses at every snapshot under clamps that the training did not have, and under its own ("none")."""
    task, steps = training.last_task, snapshot_steps(folder)
    parts = subcircuits(ACTIVE, PREVIOUS)
    network = Transformer(manipulations=tuple((part, parts[part]) for part in ("none", *PROGRESS)))
    tests = network.batch(task, [task.test_set("train", seed, SEQUENCES) for seed in training.seeds])
    found = [
        [network.losses(load_parameters(folder, step), tests, {"manipulation": part})["loss"].numpy() for step in steps]
        for part in ("none", *PROGRESS)
    ]
    return xr.Dataset(
        {"loss": (("part", "step", "seed"), np.array(found, float))},
        {"part": ["none", *PROGRESS], "step": steps, "seed": list(training.seeds)},
    )


def grafted(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Losses of fresh networks whose first layer is, from the start, the trained one of a seed.

    A network of the donor's own initial parameters, or of those of other seeds; data are those of the donor.
    """
    from validation.training import train

    each, seeds = {}, training.seeds
    for donor, further in DONORS.items():
        graft = GraftIn(Frozen(training.network, str(folder.resolve())), 0)
        run = train(
            training.last_task, Transformer(manipulations=(("graft", (graft,)),)), optimiser=training.optimiser,
            steps=2 * training.steps, seed=tuple(np.roll(seeds, -further).tolist()), data_seed=seeds,
            batch=training.batch, held_out=training.held_out, record_every=training.record_every // 5 or 1, tests=(),
            stop_below=LEARNT, clamp={"manipulation": "graft"}, out=folder / f"graft-{further}", progress=False,
        )  # fmt: skip
        each[donor] = run["loss"].assign_coords(seed=list(seeds))
    return xr.concat(each.values(), xr.DataArray(list(each), dims="donor", name="donor"), join="outer").to_dataset()
