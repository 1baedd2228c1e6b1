"""Progress measures of a trained network, named as in the paper (positions counted from 1, label k at 2k).

========  =================================================================================================
ILA1      mean over k of p1[2k, 2k-1]: a label's attention to its item, layer 1
TILA2     p2[n, .] summed over the slots that show the correct label, layer 2
TLA2      sum over k of p2[n, 2k]: target to labels, layer 2
CLA       softmax mass on the labels that occur in the context
correct   softmax probability of the correct label
accuracy  share of sequences whose largest logit, of all L, is the correct label
loss      mean of -log(correct)
========  =================================================================================================
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from minimodels.sequences import ItemLabelTask, Sequences
from validation.network import AttentionOnly, Parameters

NAMES = ("loss", "ILA1", "TILA2", "TLA2", "CLA", "correct", "accuracy")


def to_tensors(task: ItemLabelTask, batches: Sequence[Sequences], device: str) -> tuple[Tensor, Tensor]:
    """Tokens (S, n, T, d) and targets (S, n) of one batch for every seed."""
    tokens = torch.stack([torch.from_numpy(b.tokens(task.positions)) for b in batches])
    return tokens.to(device), torch.stack([torch.from_numpy(b.target) for b in batches]).to(device)


@torch.no_grad()
def measures(
    network: AttentionOnly, parameters: Parameters, task: ItemLabelTask, batches: Sequence[Sequences]
) -> dict[str, Tensor]:
    """Every measure of the table above, one value for each seed (S,)."""
    device = str(parameters["S"].device)
    tokens, target = to_tensors(task, batches, device)
    logits, p1, p2 = network.forward(parameters, tokens)
    labels = torch.stack([torch.from_numpy(b.labels) for b in batches]).to(device)
    correct_slots = labels == target[..., None]
    log_p = torch.log_softmax(logits, dim=-1)
    in_context = torch.zeros_like(log_p).scatter_(-1, labels, 1.0)
    to_labels = p2[:, :, 1::2]
    chosen = log_p.gather(-1, target[..., None])[..., 0]
    each = {
        "loss": -chosen,
        "ILA1": p1[:, :, 1::2, 0:-1:2].diagonal(dim1=-2, dim2=-1).mean(-1),
        "TILA2": (to_labels * correct_slots).sum(-1),
        "TLA2": to_labels.sum(-1),
        "CLA": (log_p.exp() * in_context).sum(-1),
        "correct": chosen.exp(),
        "accuracy": (logits.argmax(-1) == target).to(logits.dtype),
    }
    return {name: values.mean(-1) for name, values in each.items()}
