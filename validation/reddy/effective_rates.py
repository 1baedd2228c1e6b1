r"""Effective rates of the network's order parameters: what the unit rates of the minimal model become in matrices.

Under gradient flow :math:`\dot\theta=-\nabla_\theta\mathcal L`, an order parameter :math:`\phi(\theta)` through which
alone the loss depends on :math:`\theta` obeys

.. math:: \dot\phi = -\eta_\phi\,\partial\mathcal L/\partial\phi, \qquad \eta_\phi = |\nabla_\theta\phi|^2 .

The three of the network, counterparts of the logits of the nested-logit model (c: content dimensions, p: positions):

.. math::

    \beta_1 &= \frac1N\sum_k\Big[G_{2k-1,2k}-\tfrac1{2k-1}\sum_{j\le 2k,\,j\ne 2k-1}G_{j,2k}\Big],
               \quad G=K_{1,p}^\top Q_{1,p},\\
    \alpha  &= \frac1D\,\mathrm{tr}\,V_{1,c}^\top K_2^\top Q_{2,c}, \\
    \xi     &= \frac{2N+1}{B}\,\big\langle \bar z_\mathrm{context} - \bar z_\mathrm{other}\big\rangle
               \quad\text{with uniform attention in layer 2,}

the last the mean difference of the logits of labels that are in the context and that are not, for each unit of
attention. At initialisation, with entries of variance :math:`\sigma^2=1/D` and width d, the means over draws are

.. math:: \eta_\alpha = \frac{3(d\sigma^2)^2}{D}, \qquad
          \eta_{\beta_1} = \frac{2d\sigma^2}{N}\Big(1+\frac1N\sum_{k=1}^N\frac1{2k-1}\Big);

for a linear read-out :math:`\eta_\xi=1/(L-1)`.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from minimodels.errors import InputError, check_whole
from minimodels.streams import Stream
from minimodels.tasks.item_label import ItemLabelTask
from validation.protocols import Parameters
from validation.reddy.arguments import check_trained
from validation.reddy.batch import Batch
from validation.reddy.network import AttentionOnly


def previous_token_logit(parameters: Parameters, task: ItemLabelTask) -> Tensor:
    """beta_1 of one set of parameters (a first axis of length 1), for sequences that begin at position 0."""
    positions = slice(0, task.positions)
    G = parameters["K1"][0, :, positions].T @ parameters["Q1"][0, :, positions]  # key, query
    each = []
    for label in range(1, task.length, 2):
        others = [j for j in range(label + 1) if j != label - 1]
        each.append(G[label - 1, label] - G[others, label].mean())
    return torch.stack(each).mean()


def match_logit(parameters: Parameters, task: ItemLabelTask) -> Tensor:
    """Return alpha of one set of parameters."""
    content = slice(task.positions, None)
    buffered, query = parameters["V1"][0, :, content], parameters["Q2"][0, :, content]
    return ((parameters["K2"][0] @ buffered) * query).sum() / task.D


def read_out_gain(parameters: Parameters, task: ItemLabelTask, network: AttentionOnly, batch: Batch) -> Tensor:
    """Return xi of one set of parameters on a batch."""
    uniform = torch.full(batch.tokens.shape[:3], 1 / task.length)
    logits = network.forward(parameters, batch.tokens, {"p2": uniform})[0]
    inside = torch.zeros_like(logits).scatter_(-1, batch.labels, 1.0)
    seen = (logits * inside).sum(-1) / inside.sum(-1)
    unseen = (logits * (1 - inside)).sum(-1) / (1 - inside).sum(-1)
    return task.length / task.B * (seen - unseen).mean()


def effective_rates(
    task: ItemLabelTask, network: AttentionOnly, parameters: Parameters, *, seed: int = 0, sequences: int = 1024
) -> dict[str, tuple[float, float]]:
    r"""Values and rates :math:`|\nabla_\theta\phi|^2` of beta_1, alpha and xi.

    Parameters
    ----------
    task, network : as trained; L > N/B and no position shift (`N_max` = N).
    parameters : of one seed, with a first axis of length 1 (`AttentionOnly.stacked`, `load_parameters`).
    seed : int
        Of the sequences that xi is averaged over: two independent halves, whose gradients are multiplied, so that the
        noise of either does not count as rate.
    sequences : int
        In each half.

    Returns
    -------
    dict
        Name -> (value, rate), in units of the learning rate x steps.

    Raises
    ------
    InputError
        If every label is in every context, or sequences are shifted.
    """
    parameters = check_trained(network, parameters, task)
    if len(parameters["S"]) != 1:
        raise InputError(f"rates are of one seed; got parameters of {len(parameters['S'])}: give one at a time.")
    seed, sequences = check_whole(seed, "`seed`", low=0), check_whole(sequences, "`sequences`", high=2**31)
    if task.N_c >= task.L:
        raise InputError(f"xi needs labels outside the context: L > N/B; got L={task.L}, N/B={task.N_c}.")
    if task.N_max != task.N:
        raise InputError(f"beta_1 is read off fixed positions: N_max must be N; got N_max={task.N_max}, N={task.N}.")
    device = parameters["S"].device
    halves = [
        Batch.of(task, [task.sample(seed, half * sequences, sequences, stream=Stream.RATES)], device) for half in (0, 1)
    ]
    functions: dict[str, list[Callable[[Parameters], Tensor]]] = {
        "beta_1": [lambda p: previous_token_logit(p, task)] * 2,
        "alpha": [lambda p: match_logit(p, task)] * 2,
        "xi": [partial(read_out_gain, task=task, network=network, batch=batch) for batch in halves],
    }
    found = {}
    for name, both in functions.items():
        (first, slope), (second, other) = (_gradient(function, parameters) for function in both)
        found[name] = ((first + second) / 2, sum(float((slope[k] * other[k]).sum()) for k in slope))
    return found


def _gradient(function: Callable[[Parameters], Tensor], parameters: Parameters) -> tuple[float, Parameters]:
    leaves = {name: t.detach().clone().requires_grad_() for name, t in parameters.items()}
    value = function(leaves)
    slopes = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
    return value.item(), {
        name: torch.zeros_like(t) if g is None else g for (name, t), g in zip(leaves.items(), slopes, strict=True)
    }
