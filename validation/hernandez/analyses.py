"""What is read off a trained language model, by seed: losses on what it has seen, on fresh and on copied tokens."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from minimodels.tasks.repeated_tokens import RepeatedTokensTask
from validation.checkpoint import load_parameters
from validation.hernandez import measures
from validation.hernandez.network import Kept, Tokens, TokenTransformer
from validation.trainings import NetworkTraining

COUNT, PART = 1024, 128  # sequences of a test, and at a time
DRAW = 1  # of the test sets; records of trainings use draw 0


@torch.no_grad()
def evaluated(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """The network at the end of its training, on more sequences than its records are of.

    =================  ===============================================================================================
    loss, by position  on fresh sequences: mean, and mean of every token of a sequence
    copied_loss        on the tokens of these that continue a copy
    repeated_loss      on the repeated set; nan where there is none
    shifted_loss       on fresh sequences of another chain, where only what is copied can be known
    copies_loss        by copy of a segment that is said 11 times, the first copy first
    prefix             prefix-matching score of every head, by layer and head
    margin, variance   of the scores before the softmax of every head, where the score above is read: that of the tokens
                       which the prefix points to, above the mean of all others, and the variance of those others
    =================  ===============================================================================================
    """
    task, network, parameters = training.last_task, training.network, load_parameters(folder)
    assert isinstance(network, TokenTransformer)

    def losses(name: str, task: RepeatedTokensTask = task) -> tuple[Tensor, Tokens]:
        samples = [task.test_set(name, seed, COUNT, draw=DRAW) for seed in training.seeds]
        batch = network.batch(task, samples, "cpu")
        parts = [network.token_losses(parameters, each) for each in batch.tokens.split(PART, dim=1)]
        return torch.cat(parts, dim=1), batch

    fresh, batch = losses("train")
    copies, _ = losses("copies")
    kept: Kept = []
    blocks = network.batch(task, [task.test_set("blocks", seed, PART, draw=DRAW) for seed in training.seeds], "cpu")
    network.token_losses(parameters, blocks.tokens, keep=kept)
    A, scores = (torch.stack([layer[i] for layer in kept], dim=1).numpy() for i in range(2))  # (S, L, n, H, T, T)
    tokens = blocks.tokens[:, None].numpy()
    margin, variance = measures.of_scores(scores, tokens)
    length, times = task.blocks["copies"]
    columns: dict[str, Any] = {
        "loss": ("seed", fresh.mean((1, 2)).numpy()),
        "by_position": (("seed", "position"), fresh.mean(1).numpy()),
        "copied_loss": ("seed", (fresh * batch.copied).sum((1, 2)).numpy() / batch.copied.sum((1, 2)).numpy()),
        "shifted_loss": ("seed", losses("train", replace(task, source=task.source + 1))[0].mean((1, 2)).numpy()),
        "copies_loss": (("seed", "copy"), copies.view(*copies.shape[:2], times, length).mean((1, 3)).numpy()),
        "prefix": (("seed", "layer", "head"), measures.prefix_matching(A, tokens)),
        "margin": (("seed", "layer", "head"), margin),
        "variance": (("seed", "layer", "head"), variance),
    }
    repeated = losses("repeated")[0].mean((1, 2)).numpy() if task.f else np.full(len(training.seeds), np.nan)
    columns["repeated_loss"] = ("seed", repeated)
    return xr.Dataset(columns, coords={"seed": list(training.seeds), "copy": np.arange(1, times + 1)})
