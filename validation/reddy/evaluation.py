"""Measures of a trained network with heads knocked out or activations taken from another network, and its gains."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from minimodels.clamp import active
from minimodels.errors import InputError, by_name, shown, unknown
from minimodels.tasks.item_label import ItemLabelTask, Sequences
from validation.protocols import Parameters
from validation.reddy.arguments import check_trained
from validation.reddy.attention import batch_for
from validation.reddy.network import AttentionOnly
from validation.reddy.patterns import fixed_patterns
from validation.training import clamps

PLACES = ("p1", "p2", "head1", "head2")
EXAMPLE = "{'p1': load_parameters('runs/first', 500)}"


@torch.no_grad()
def evaluate(
    network: AttentionOnly,
    parameters: Parameters,
    task: ItemLabelTask,
    sequences: Sequences | Sequence[Sequences],
    *,
    clamp: Mapping[str, str] | None = None,
    patch: Mapping[str, Parameters] | None = None,
) -> dict[str, np.ndarray]:
    """Every measure of `validation.reddy.measures` on these sequences, with interventions on the two heads.

    Parameters
    ----------
    network, parameters, task
        As trained; parameters of one seed or more side by side, e.g. from `load_parameters`.
    sequences : Sequences, or one for each seed
        For example ``task.test_set("IC", seed, 1000)``; embeddings belong to a seed.
    clamp : mapping, optional
        Patterns of `validation.reddy.patterns` to set, such as ``{"p1": "uniform"}`` for a knock-out.
    patch : mapping, optional
        Parameters of another network, such as a later snapshot, for "p1" or "p2" (the attention pattern of this head)
        or "head1" or "head2" (all that the head writes, pattern and values). They are those of a full run of the
        other network on the same sequences; everything else is computed with `parameters`. (The weights of a head,
        which then reads the stream of this network, are moved by joining parameters:
        ``evaluate(network, before | {k: after[k] for k in ("Q2", "K2")}, ...)``.)

    Returns
    -------
    dict of str to array (seeds,)
        The measures; those of attention are of the patterns as set.

    Raises
    ------
    InputError
        An unknown pattern or place, a head that is both clamped and patched, batches that do not fit the seeds.
    """
    parameters = check_trained(network, parameters, task)
    for head, pattern in by_name({} if clamp is None else clamp, "`clamp`", "{'p1': 'uniform'}").items():
        if not isinstance(pattern, str):
            raise InputError(f"clamp[{head!r}] must be a pattern here, there are no steps; got {shown(pattern)}.")
    batch = batch_for(parameters, task, sequences)
    fixed = fixed_patterns(active(clamps(network, clamp), 0), batch)
    used = {place: place for place in fixed}
    for place, other in by_name({} if patch is None else patch, "`patch`", EXAMPLE).items():
        if place not in PLACES:
            raise unknown("place to patch", place, PLACES)
        head = "p" + place[-1]
        if head in used:
            raise InputError(f"{place!r} and {used[head]!r} set the same head: give one of them.")
        used[head] = place
        check_trained(network, other, task, f"patch[{place!r}]")
        if len(other["S"]) != len(parameters["S"]):
            raise InputError(f"patch[{place!r}] is of {len(other['S'])} seeds, `parameters` of {len(parameters['S'])}.")
        run = network.attend(other, batch.tokens)
        fixed[head] = run.p1 if head == "p1" else run.p2
        if place == "head1":
            parameters = parameters | {"V1": other["V1"]}
        elif place == "head2":
            fixed["written"] = run.written
    return {name: values.cpu().numpy() for name, values in network.measured(parameters, batch, fixed).items()}


def label_gains(
    network: AttentionOnly, parameters: Parameters, task: ItemLabelTask, sequences: Sequences | Sequence[Sequences],
    labels: np.ndarray,
) -> np.ndarray:  # fmt: skip
    r"""Gain of every label: how much attention to it raises its logit above the mean of the others.

    .. math:: \xi_l = \Big\langle \partial_t z_l - \tfrac{1}{L-1}\sum_{k\ne l}\partial_t z_k \Big\rangle ,

    where t multiplies the content of label l, read by the values of layer 2 and added to what this head writes. For a
    linear read-out it is that of `mm.train_head`.

    Parameters
    ----------
    network, parameters, task, sequences
        As for `evaluate`.
    labels : array (seeds, L, D)
        The label vectors of every seed (`task.embeddings(seed).labels`).

    Returns
    -------
    array (seeds, L)
    """
    batch = batch_for(parameters, task, sequences)
    written = network.attend(parameters, batch.tokens).written.detach().requires_grad_()
    mean_logits = network.forward(parameters, batch.tokens, {"written": written})[0].mean(dim=1)
    slopes = [torch.autograd.grad(z.sum(), written, retain_graph=True)[0].sum(dim=1) for z in mean_logits.T]
    vectors = torch.from_numpy(labels).to(written) @ parameters["V2"][:, :, task.positions :].mT
    overlap = (torch.stack(slopes, dim=1) @ vectors.mT).detach().cpu().numpy()  # of logit k with label l
    own = np.diagonal(overlap, axis1=1, axis2=2)
    return np.asarray(own - (overlap.sum(axis=1) - own) / (task.L - 1))
