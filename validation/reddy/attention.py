"""Maps of learnt attention."""

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr

from minimodels.tasks.item_label import ItemLabelTask, Sequences
from validation.protocols import Parameters
from validation.reddy.arguments import check_sequences, check_trained
from validation.reddy.batch import Batch
from validation.reddy.network import AttentionOnly


@torch.no_grad()
def attention_maps(
    network: AttentionOnly,
    parameters: Parameters,
    task: ItemLabelTask,
    sequences: Sequences | Sequence[Sequences],
) -> xr.Dataset:
    r"""Mean attention over sequences: :math:`\langle p^1_{ij}\rangle` and the last row :math:`\langle p^2_{nj}\rangle`.

    Parameters
    ----------
    network, parameters, task
        As trained; parameters of one seed or more, e.g. from `load_parameters`.
    sequences : Sequences, or one for each seed
        For example ``task.test_set("IC", seed, 512)``; one sequence gives the maps of that sequence.

    Returns
    -------
    xarray.Dataset
        Dimensions `seed_number` (position in `parameters`), `query`, `key` (tokens "x1", "l1", ..., "xq") and `slot`.
        `p1` (query, key), `p2` (key), and `p2_by_slot` (slot, key): `p2` over the sequences with an item of the
        target's class in this slot (NaN without any), so that an induction head shows as a line.

    Raises
    ------
    InputError
        If the number of batches is not that of the seeds.
    """
    parameters = check_trained(network, parameters, task)
    batch = batch_for(parameters, task, sequences)
    heads = network.attend(parameters, batch.tokens)
    there = batch.matches.to(heads.p2.dtype).mT  # (S, N, n)
    by_slot = (there @ heads.p2) / there.sum(-1, keepdim=True)  # 0/0 where there is none
    tokens = [f"{kind}{k}" for k in range(1, task.N + 1) for kind in "xl"] + ["xq"]
    return xr.Dataset(
        {
            "p1": (("seed_number", "query", "key"), heads.p1.mean(1).cpu().numpy()),
            "p2": (("seed_number", "key"), heads.p2.mean(1).cpu().numpy()),
            "p2_by_slot": (("seed_number", "slot", "key"), by_slot.cpu().numpy()),
        },
        coords={"query": tokens, "key": tokens, "slot": np.arange(1, task.N + 1)},
        attrs={"title": "mean attention of both heads", "sequences": batch.tokens.shape[1]},
    )


def batch_for(parameters: Parameters, task: ItemLabelTask, sequences: Sequences | Sequence[Sequences]) -> Batch:
    """Return the batch of every seed of the parameters, on their device."""
    each = check_sequences(sequences, task, len(parameters["S"]))
    return Batch.of(task, each, parameters["S"].device)
