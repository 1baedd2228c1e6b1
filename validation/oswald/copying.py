r"""Split pairs: the layer that copies the next token, one step of descent behind it, and the test of a trained layer.

With one-hot codes p_j of positions (content c_j, code p_j, 2N + 1 positions), one layer of a single head with

.. math:: W_K = \begin{pmatrix}0&0\\0&I\end{pmatrix},\quad W_Q = \begin{pmatrix}0&0\\0&S\end{pmatrix},\quad
    W_V = \begin{pmatrix}0&0\\I_x&-S^\top\end{pmatrix},\quad P = I,\qquad S\,p_j = p_{j+1},

has keys select the next position, so that a token's code becomes the content of the next token: (c_j, p_j) becomes
(c_j, c_{j+1}), the pair (x_j, y_j) in one token, and between two of them the spurious (y_j, x_{j+1}). The last token of
the context and the query have no next one among the keys: a linear layer leaves them, a softmax layer, which needs a
large logit, adds to them the mean of all values (von Oswald et al. 2023; specification, sections 3.4 and 5).

The copy test: gradients of the sum of the coordinates of token k after the first layer, with respect to the contents of
the tokens of the context.

============================  =======================================================================================
own, next, other              norm of the mean over tasks: of token k, of k + 1, and the mean over all but k (the next
                              among them), averaged over all k but the last, x and y alike, as in the authors' program
x_own, x_next, x_other        mean of norms, over the x alone; the next is not among the others
============================  =======================================================================================
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from minimodels.errors import InputError, check_number, shown
from minimodels.tasks.linear_regression import LinearRegressionTask
from validation.checkpoint import load_parameters, snapshot_steps
from validation.oswald import metrics
from validation.oswald.constructions import Weights
from validation.oswald.network import SelfAttention
from validation.protocols import Parameters
from validation.trainings import NetworkTraining

TESTED = 256  # tasks of the copy test
DRAWS, EACH = 4, 20_000  # of tasks whose loss is measured


def copying_layer(network: SelfAttention, task: LinearRegressionTask, *, logit: float = 50.0) -> Weights:
    """Weights of one seed whose first layer copies, in its first head; all other heads and layers do nothing.

    `logit` is that of the next token in a softmax layer, 0 being those of all others.

    Raises
    ------
    InputError
        If the network has no one-hot codes of positions, or layers that cannot copy.
    """
    if network.code != "one-hot" or network.merged or network.layer_norm or network.recurrent or network.average:
        raise InputError(
            "a layer copies split pairs with one-hot codes, without `merged`, `layer_norm`, `recurrent`, `average`; "
            f"got {shown(network)}."
        )
    d, positions, D = task.d, 2 * task.N + 1, network.width(task)
    if d > positions:
        raise InputError(f"what is copied has d={d} coordinates and must fit in the code's {positions}: raise `N`.")
    out = {name: np.zeros((network.layers, network.heads, D, D)) for name in "KQVP"}
    shift = np.eye(positions, k=-1)
    size = 1.0 if network.softmax == "none" else check_number(logit, "`logit`") * np.sqrt(D)
    out["K"][0, 0, d:, d:] = np.eye(positions)
    out["Q"][0, 0, d:, d:] = size * shift
    out["V"][0, 0, d:, d:] = -shift.T
    out["V"][0, 0, d : 2 * d, :d] = np.eye(d)
    out["P"][0, 0] = np.eye(D)
    return out


def copied_step(network: SelfAttention, task: LinearRegressionTask, a: float) -> Weights:
    """Weights of one seed, two linear layers of two heads, that copy and then make one step of descent.

    Beside the copying head a second one erases the contents of all y tokens, whose pairs are spurious. Beside the
    head that steps, from contents to the copied labels, a second one takes the query's code, which no token has
    overwritten, off its last coordinate, where the answer is read: the last token of the context has kept its code too.

    Raises
    ------
    InputError
        If the network is not of two linear layers of two heads with one-hot codes, or d is above 2N - 1.
    """
    if network.layers != 2 or network.heads != 2 or network.softmax != "none":
        raise InputError(f"copying and a step take two linear layers of two heads; got {shown(network)}.")
    d, odd = task.d, np.arange(2 * task.N + 1) % 2
    if d > 2 * task.N - 1:
        raise InputError(f"`d` is at most 2N - 1 = {2 * task.N - 1} for a step after copying; got d={d}: raise `N`.")
    out = copying_layer(network, task)
    out["K"][0, 1, d:, d:] = np.eye(len(odd))
    out["Q"][0, 1, d:, d:] = np.diag(odd)
    out["V"][0, 1, :d, :d] = np.eye(d)
    out["P"][0, 1] = -np.eye(d + len(odd))
    label, last_of_context = 2 * d - 1, -2
    out["K"][1, 0, :d, :d] = out["Q"][1, 0, :d, :d] = np.eye(d)
    out["V"][1, 0, -1, label] = -1.0
    out["P"][1, 0, -1, -1] = a
    out["K"][1, 1, -1, last_of_context] = out["Q"][1, 1, -1, -1] = 1.0
    out["V"][1, 1, -1, last_of_context] = -1.0
    out["P"][1, 1, -1, -1] = 1.0
    return out


def copy_test(
    network: SelfAttention, task: LinearRegressionTask, parameters: Parameters, *, tasks: int, seeds: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Sensitivities of the first layer, of every seed: see above."""
    if network.pairs != "split":
        raise InputError(f"the copy test is of networks with split pairs; got {shown(network)}.")
    batch = network.batch(task, [task.test_set("train", seed, tasks) for seed in seeds])
    context = batch.context.requires_grad_()
    fixed = {name: weights.detach() for name, weights in parameters.items()}
    sums = network.after(fixed, 0, context, batch.query)[0].sum(-1)
    pooled, apart = [], []
    for k in range(sums.shape[2] - 1):
        (gradient,) = torch.autograd.grad(sums[:, :, k].sum(), context, retain_graph=True)
        gradient = gradient[..., : task.d]  # (seed, task, token, coordinate)
        pooled.append(_split(gradient.mean(1).norm(dim=-1), k))
        if k % 2 == 0:
            apart.append(_split(gradient.norm(dim=-1).mean(1), k))
    (own, next, rest), (x_own, x_next, x_rest) = (np.mean(each, axis=0) for each in (pooled, apart))
    others = sums.shape[2] - 2
    return {"own": own, "next": next, "other": (rest + next) / (others + 1),
            "x_own": x_own, "x_next": x_next, "x_other": x_rest / others}  # fmt: skip


def _split(norms: torch.Tensor, k: int) -> NDArray[np.float64]:
    """Norms (seed, token) of token k, of the next, and the sum of all others: (3, seed)."""
    own, next = norms[:, k], norms[:, k + 1]
    return np.stack([np.asarray(each, np.float64) for each in (own, next, norms.sum(1) - own - next)])


def without_shift(parameters: Parameters, d: int) -> Parameters:
    """Parameters whose first layer's logits do not depend on how the two positions are related.

    The block of W_KQ between code and code is set to zero, in all heads.
    """
    out = {name: weights.detach().clone() for name, weights in parameters.items()}
    products = out["K"][:, 0].mT @ out["Q"][:, 0]
    products[..., d:, d:] = 0
    out["K"][:, 0], out["Q"][:, 0] = torch.eye(products.shape[-1]), products
    return out


def copied(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """The copy test at every snapshot; at the first of them, at the end, and then without the shift, the loss."""
    task, network, seeds = training.last_task, training.network, training.seeds
    assert isinstance(network, SelfAttention)
    steps = snapshot_steps(folder)
    each = [copy_test(network, task, load_parameters(folder, step), tasks=TESTED, seeds=seeds) for step in steps]
    out = xr.Dataset(
        {name: (("seed", "snapshot"), np.stack([found[name] for found in each], axis=1)) for name in each[0]},
        coords={"seed": list(seeds), "snapshot": steps},
    )
    end = load_parameters(folder)
    losses = {"loss_before": load_parameters(folder, steps[0]), "loss": end, "loss_without": without_shift(end, task.d)}
    return out.assign({name: ("seed", _losses(training, parameters)) for name, parameters in losses.items()})


def _losses(training: NetworkTraining, parameters: Parameters) -> list[float]:
    """The loss of every seed over 80 000 tasks."""
    task, found = training.last_task, []
    network = training.network
    assert isinstance(network, SelfAttention)
    for i, seed in enumerate(training.seeds):
        predictor, squares = network.predictor(task, parameters, i), []
        for draw in range(DRAWS):
            sample = task.test_set("train", seed, EACH, draw=draw)
            squares.append(float(((metrics.predicted(predictor, sample) - sample.target) ** 2).mean()))
        found.append(0.5 * float(np.mean(squares)))
    return found
