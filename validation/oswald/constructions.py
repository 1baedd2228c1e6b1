r"""Weights with which self-attention makes steps of gradient descent (von Oswald et al. 2023, specification section 3).

On :math:`\tfrac12\|Wx-y\|^2` summed over the context, one layer with

.. math:: W_K = W_Q = \mathrm{diag}(I_d, 0),\qquad W_V = \mathrm{diag}(I_d, -1),\qquad P = \mathrm{diag}(-\gamma I_d, a)

takes the step a on the Gram matrix :math:`H=\sum_i x_ix_i^\top` and transforms :math:`x_j\leftarrow(I-\gamma H)x_j` at
the same time (GD++; :math:`\gamma=0` is gradient descent).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError, check_number, shown
from minimodels.tasks.linear_regression import LinearRegressionTask
from validation.oswald.network import SelfAttention

Weights = dict[str, NDArray[np.float64]]


def steps_of_descent(
    network: SelfAttention, task: LinearRegressionTask, a: float | Sequence[float], gamma: float | Sequence[float] = 0.0
) -> Weights:
    """Weights of one seed for steps `a`, and GD++ transforms `gamma`, one for each layer that has weights of its own.

    Raises
    ------
    InputError
        If the network is not linear with joined pairs, or there are more or fewer numbers than layers.
    """
    if network.softmax != "none" or network.pairs != "joined" or network.layer_norm:
        raise InputError(f"steps of descent are made by linear layers of joined pairs; got {shown(network)}.")
    d, layers = task.d, network.kept
    sizes, transforms = (_each(value, name, layers) for value, name in ((a, "a"), (gamma, "gamma")))
    read = np.diag([1.0] * d + [0.0])
    shape = (layers, network.heads, d + 1, d + 1)
    out = {name: np.zeros(shape) for name in "KQVP"}
    for layer, (step, transform) in enumerate(zip(sizes, transforms, strict=True)):
        out["K"][layer, 0] = out["Q"][layer, 0] = read
        out["V"][layer, 0] = np.diag([1.0] * d + [-1.0])
        out["P"][layer, 0] = np.diag([-transform] * d + [step])
    return out


def read_steps(weights: Any, layer: int = 0) -> tuple[float, float]:
    r"""Return the step a and the transform gamma that a layer with one head makes.

    :math:`\beta` is the mean of the first d diagonal entries of :math:`W_K^\top W_Q`;
    :math:`a=-\beta (PW_V)_{yy}` and :math:`\gamma=-\beta` times the mean diagonal of the x-block of :math:`PW_V`.
    """
    K, Q, V, P = (np.asarray(weights[name], float)[layer, 0] for name in "KQVP")
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


def _each(value: float | Sequence[float], name: str, layers: int) -> list[float]:
    given = [value] * layers if isinstance(value, int | float) else list(value)
    if len(given) != layers:
        raise InputError(f"`{name}` is one number, or one for each of {layers} layers; got {shown(value)}.")
    return [check_number(number, f"`{name}`") for number in given]
