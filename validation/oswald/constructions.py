r"""Weights with which self-attention makes steps of gradient descent (von Oswald et al. 2023, specification section 3).

On :math:`\tfrac12\|Wx-y\|^2` summed over the context, one layer with

.. math:: W_K = W_Q = \mathrm{diag}(I_d, 0),\qquad W_V = \mathrm{diag}(I_d, -1),\qquad P = \mathrm{diag}(-\gamma I_d, a)

takes the step a on the Gram matrix :math:`H=\sum_i x_ix_i^\top` and transforms :math:`x_j\leftarrow(I-\gamma H)x_j` at
the same time (GD++; :math:`\gamma=0` is gradient descent). Descent from :math:`W_0\ne 0` has :math:`(W_0, -1)` as last
row of :math:`W_V` and the query token :math:`(x_q, -W_0x_q)`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from minimodels.errors import InputError, by_name, check_array, check_list, check_number, check_whole, shown
from minimodels.tasks.linear_regression import LinearRegressionTask
from validation.oswald.network import SelfAttention, Tokens

Weights = dict[str, NDArray[np.float64]]


def steps_of_descent(
    network: SelfAttention, task: LinearRegressionTask, a: float | Sequence[float],
    gamma: float | Sequence[float] = 0.0, W_0: Sequence[float] | NDArray[np.float64] | None = None,
) -> Weights:  # fmt: skip
    """Weights of one seed for steps `a`, and GD++ transforms `gamma`, one for each layer that has weights of its own.

    `W_0`, (d,), is where descent begins, zero if None; the query tokens are then (x_q, -W_0 x_q), as `from_start` makes
    them.

    Raises
    ------
    InputError
        If the network is not linear with joined pairs, there are more or fewer numbers than layers, or `W_0` comes with
        transforms: inputs that are transformed do not carry it along.
    """
    _check_pair(network, task)
    if network.softmax != "none" or network.pairs != "joined" or network.layer_norm or network.average:
        raise InputError(f"steps of descent are made by linear layers of joined pairs; got {shown(network)}.")
    if network.merged:
        raise InputError("steps of descent are made of keys, queries, values and projections: leave out `merged`.")
    d, layers = task.d, network.kept
    sizes, transforms = (_each(value, name, layers) for value, name in ((a, "a"), (gamma, "gamma")))
    start = np.zeros(d) if W_0 is None else _start(W_0, d)
    if start.any() and any(transforms):
        raise InputError("`W_0` is for steps without transforms: leave out `gamma`.")
    read = np.diag([1.0] * d + [0.0])
    shape = (layers, network.heads, d + 1, d + 1)
    out = {name: np.zeros(shape) for name in "KQVP"}
    for layer, (step, transform) in enumerate(zip(sizes, transforms, strict=True)):
        out["K"][layer, 0] = out["Q"][layer, 0] = read
        out["V"][layer, 0] = np.diag([1.0] * d + [-1.0])
        out["V"][layer, 0, -1, :-1] = start
        out["P"][layer, 0] = np.diag([-transform] * d + [step])
    return out


def from_start(tokens: Tokens, W_0: Sequence[float] | NDArray[np.float64]) -> Tokens:
    """Tokens with the queries (x_q, -W_0 x_q): before the first layer the prediction is W_0 x_q."""
    read = tokens.query[..., :-1]
    start = torch.as_tensor(_start(W_0, read.shape[-1]), dtype=read.dtype)
    return tokens._replace(query=torch.cat([read, -(read @ start)[..., None]], dim=-1))


def refactored(weights: Weights, seed: int = 0) -> Weights:
    r"""Return other factors of the same layer: :math:`W_K^\top W_Q/c` and :math:`c\,PW_V`, randomly split and mixed."""
    rng, out = np.random.default_rng(seed), {name: np.array(weights[name], float) for name in "KQVP"}
    for i in np.ndindex(out["K"].shape[:2]):
        for inner, outer in (("K", "Q"), ("V", "P")):
            turn, _ = np.linalg.qr(rng.normal(size=out[inner][i].shape))
            mix = turn * rng.uniform(0.5, 2.0, len(turn))  # invertible, far from singular
            undone = np.linalg.inv(mix)
            out[inner][i] = mix @ out[inner][i]
            out[outer][i] = undone.T @ out[outer][i] if outer == "Q" else out[outer][i] @ undone
        scale = rng.uniform(0.5, 2.0)
        out["Q"][i] /= scale
        out["P"][i] *= scale
    return out


def read_steps(weights: Any, layer: int = 0) -> tuple[float, float]:
    r"""Return the step a and the transform gamma that a layer with one head makes.

    :math:`\beta` is the mean of the first d diagonal entries of :math:`W_K^\top W_Q`;
    :math:`a=-\beta (PW_V)_{yy}` and :math:`\gamma=-\beta` times the mean diagonal of the x-block of :math:`PW_V`.
    """
    K, Q, V, P = _factors(weights, layer)
    attention, output = K.T @ Q, P @ V
    beta = float(np.diag(attention)[:-1].mean())
    return -beta * float(output[-1, -1]), -beta * float(np.diag(output)[:-1].mean())


def interpolated(weights: Any, constructed: Weights, share: float = 0.5) -> Weights:
    r"""Return weights with products :math:`W_K^\top W_Q/\beta` and :math:`\beta PW_V` between those of two layers."""
    out = {name: np.array(constructed[name], float) for name in "KQVP"}
    for layer in range(out["K"].shape[0]):
        K, Q, V, P = (np.asarray(weights[name], float)[layer, 0] for name in "KQVP")
        beta = float(np.diag(K.T @ Q)[:-1].mean())
        k, q, v, p = (constructed[name][layer, 0] for name in "KQVP")
        width = np.eye(len(k))
        out["K"][layer, 0], out["V"][layer, 0] = width, width
        out["Q"][layer, 0] = share * (k.T @ q) + (1 - share) * (K.T @ Q) / beta
        out["P"][layer, 0] = share * (p @ v) + (1 - share) * beta * (P @ V)
    return out


def _factors(weights: Any, layer: Any) -> list[NDArray[np.float64]]:
    """The factors (D, D) of a layer with one head."""
    found = by_name(weights, "`weights`", "{'K': ..., 'Q': ..., 'V': ..., 'P': ...}")
    shapes = {np.shape(found.get(name, ())) for name in "KQVP"}
    shape = shapes.pop()
    if shapes or len(shape) != 4 or shape[1] != 1 or shape[2] != shape[3]:
        raise InputError("`weights` are K, Q, V and P of one seed, each (layers, 1, D, D): of layers with one head.")
    number = check_whole(layer, "`layer`", 0, shape[0] - 1)
    each = [np.asarray(found[name], float)[number, 0] for name in "KQVP"]
    if not all(np.isfinite(w).all() for w in each):
        raise InputError("`weights` must be finite; they hold nan or infinity.")
    return each


def _start(W_0: Any, d: int) -> NDArray[np.float64]:
    found = check_array(W_0, "`W_0`", "[0.5, -1.0]")
    if found.shape != (d,):
        raise InputError(f"`W_0` has one number for each of {d} inputs; got {len(found)}.")
    return found


def _check_pair(network: Any, task: Any) -> None:
    if not isinstance(network, SelfAttention):
        raise InputError(f"`network` is a SelfAttention; got {shown(network)}.")
    if not isinstance(task, LinearRegressionTask):
        raise InputError(f"`task` is a LinearRegressionTask; got {shown(task)}.")


def _each(value: float | Sequence[float], name: str, layers: int) -> list[float]:
    if np.ndim(value) == 0 and not isinstance(value, str | dict | set):
        return [check_number(value, f"`{name}`")] * layers
    given = check_list(value, f"`{name}`", "[0.6, 0.6]")
    if len(given) != layers:
        raise InputError(f"`{name}` is one number, or one for each of {layers} layers; got {shown(value)}.")
    return [check_number(number, f"`{name}`") for number in given]
