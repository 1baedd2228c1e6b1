"""Attention patterns that are set instead of learnt, in training and afterwards, and maps of the learnt ones.

=========  ========  ===========================================================================================
head       pattern   attention of token i
=========  ========  ===========================================================================================
p1 or p2   uniform   1/i to every visible token, itself included
p1 or p2   zero      none: the head writes nothing
p1         previous  all to token i - 1 (a label to its item); the first token to itself
p2         labels    1/N to every label (the last token's)
p2         match     equal shares to the labels of the items of its class; uniform if there is none (the last token's)
=========  ========  ===========================================================================================
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from minimodels.errors import InputError, by_name, shown, unknown
from minimodels.tasks.item_label import ItemLabelTask, Sequences
from validation.arguments import check_sequences, check_trained
from validation.measures import Batch
from validation.network import AttentionOnly, Parameters

Clamp = str | Sequence[str | float]  # a pattern, or (pattern, first step, step of release)
Window = tuple[str, float, float]

PATTERNS = {"p1": ("uniform", "zero", "previous"), "p2": ("uniform", "zero", "labels", "match")}


def windows(clamp: Mapping[str, Clamp] | None) -> dict[str, Window]:
    """Check clamps and return pattern, first step and step of release of each."""
    out: dict[str, Window] = {}
    for head, given in by_name({} if clamp is None else clamp, "`clamp`", "{'p1': 'uniform'}").items():
        if head not in PATTERNS:
            raise unknown("attention pattern to clamp", head, PATTERNS)
        try:
            pattern, start, end = (given, 0, np.inf) if isinstance(given, str) else given
            window = (str(pattern), float(start), float(end))
        except (TypeError, ValueError):
            window = ("", 0.0, 0.0)
        if not window[1] < window[2]:
            raise InputError(
                f"clamp[{head!r}] must be a pattern or (pattern, start, end) with start < end in steps; got "
                f"{shown(given)}."
            )
        if window[0] not in PATTERNS[head]:
            raise unknown(f"pattern for clamp[{head!r}]", window[0], PATTERNS[head])
        out[head] = window
    return out


def active(held: Mapping[str, Window], step: int) -> dict[str, str]:
    """Return the patterns that hold in update `step`, counted from 0."""
    return {head: pattern for head, (pattern, start, end) in held.items() if start <= step < end}


def fixed_patterns(names: Mapping[str, str], batch: Batch) -> dict[str, Tensor]:
    """Return the attention of every named pattern: p1 (T, T), the last row of p2 (S, n, T)."""
    return {head: (_layer_1 if head == "p1" else _layer_2)(name, batch) for head, name in names.items()}


def _layer_1(name: str, batch: Batch) -> Tensor:
    length = batch.tokens.shape[2]
    ones = batch.tokens.new_ones(length, length)
    if name == "previous":
        out = ones.tril(-1).triu(-1)
        out[0, 0] = 1
        return out
    return (0.0 if name == "zero" else 1.0) * ones.tril() / ones.tril().sum(-1, keepdim=True)


def _layer_2(name: str, batch: Batch) -> Tensor:
    seeds, n, length = batch.tokens.shape[:3]
    out = batch.tokens.new_zeros(seeds, n, length)
    if name == "zero":
        return out
    if name != "uniform":
        out[:, :, 1::2] = 1.0 if name == "labels" else batch.matches.to(out)
    total = out.sum(-1, keepdim=True)
    return torch.where(total > 0, out / total, 1 / length)


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
