"""Progress measures of a trained network, named as in the paper (positions counted from 1, label k at 2k).

==================  =======================================================================================
ILA1                mean over k of p1[2k, 2k-1]: a label's attention to its item, layer 1
TILA2               p2[n, .] summed over the slots that show the correct label, layer 2
TLA2                sum over k of p2[n, 2k]: target to labels, layer 2
CLA                 softmax mass on the labels that occur in the context
CLA_argmax          share of sequences whose largest logit is a label that occurs in the context
match_attention     p2[n, .] summed over the items of the target's class
induction_strength  mean p2[n, .] on the correct labels minus mean on the other labels
correct             softmax probability of the correct label
accuracy            share of sequences whose largest logit, of all L, is the correct label
loss                mean of -log(correct)
==================  =======================================================================================
"""

import torch
from torch import Tensor

from validation.reddy.batch import Batch

NAMES = (
    *("loss", "ILA1", "TILA2", "TLA2", "CLA", "CLA_argmax"),
    *("match_attention", "induction_strength", "correct", "accuracy"),
)


def measures(logits: Tensor, p1: Tensor, p2: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Every measure of the table above, one value for each seed (S,).

    Logits are (S, n, L), attention p1 (S, n, T, T) and the last row of p2 (S, n, T), of any network that shows them.
    """
    correct_slots = batch.labels == batch.target[..., None]
    log_p = torch.log_softmax(logits, dim=-1)
    in_context = torch.zeros_like(log_p).scatter_(-1, batch.labels, 1.0)
    to_labels, to_items = p2[:, :, 1::2], p2[:, :, :-1:2]
    to_correct = (to_labels * correct_slots).sum(-1)
    number = correct_slots.sum(-1)
    others = (correct_slots.shape[-1] - number).clamp(min=1)
    chosen = log_p.gather(-1, batch.target[..., None])[..., 0]
    guess = logits.argmax(-1, keepdim=True)
    each = {
        "loss": -chosen,
        "ILA1": p1[:, :, 1::2, 0:-1:2].diagonal(dim1=-2, dim2=-1).mean(-1),
        "TILA2": to_correct,
        "TLA2": to_labels.sum(-1),
        "CLA": (log_p.exp() * in_context).sum(-1),
        "CLA_argmax": in_context.gather(-1, guess)[..., 0],
        "match_attention": (to_items * batch.matches).sum(-1),
        "induction_strength": to_correct / number.clamp(min=1) - (to_labels.sum(-1) - to_correct) / others,
        "correct": chosen.exp(),
        "accuracy": (guess[..., 0] == batch.target).to(logits.dtype),
    }
    return {name: each[name].mean(-1) for name in NAMES}
