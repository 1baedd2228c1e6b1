r"""The loss over all tasks of one linear self-attention layer, whatever its weights, and its gradient flow.

A layer of joined pairs reads, for the prediction, the last row of :math:`PW_V`, that is :math:`(b, \beta)`, and the
columns of :math:`W_K^\top W_Q` on inputs, that is :math:`M` with the row :math:`m^\top` of the label below. With
:math:`c=b+\beta w` and :math:`R=M+wm^\top`

.. math::

    \hat y = -c^\top HR\,x_q, \qquad
    \mathcal L = \frac s2\,\mathbb E\|w+R^\top Hc\|^2, \qquad
    \mathbb E[H cc^\top H] = Ns^2\big[(N+1)cc^\top+|c|^2I+(\kappa-3)\,\mathrm{diag}\,cc^\top\big],

and what is left is an average of a polynomial of :math:`w\sim N(0,I)`: with :math:`S=MM^\top`, :math:`r=Mm`,
:math:`\mu=|m|^2`

.. math::

    \mathcal L = \frac s2\Big[d + 2Ns(\beta\,\mathrm{tr}M+b\cdot m)
    + Ns^2\big((N+1)T_1+T_2+(\kappa-3)T_3\big)\Big],

    T_1 = b^\top Sb+\beta^2\mathrm{tr}S+2(d+1)\beta\,b\cdot r+\mu(|b|^2+d(d+2)\beta^2),

    T_2 = |b|^2(\mathrm{tr}S+d\mu)+4\beta\,b\cdot r+d\beta^2(\mathrm{tr}S+(d+2)\mu), \qquad
    T_3 = \sum_j\big[b_j^2(S_{jj}+\mu)+4\beta b_jr_j+\beta^2(S_{jj}+3\mu)\big].

The labels' blocks b and m have a drive of their own, :math:`b\cdot m`; the flow of the blocks that make a step of
descent, :math:`\beta` and M, is the special case of zero b and m.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from minimodels.gram_moments import kappas
from minimodels.tasks.linear_regression import LinearRegressionTask
from theory.numeric import ending

Array = NDArray[np.float64]


class Course(NamedTuple):
    """Along a gradient flow: times and losses, and at each time the last row p of P, V, K, and Q on inputs."""

    times: Array
    losses: Array
    p: Array
    V: Array
    K: Array
    Q: Array


def products(p: Array, V: Array, K: Array, Q: Array) -> tuple[Array, Array]:
    """What the prediction reads of P W_V and of W_K^T W_Q: (b, beta), and M with the row m below, (d + 1, d)."""
    return p @ V, K.T @ Q


def loss(task: LinearRegressionTask, row: Array, columns: Array) -> float:
    """Half the mean squared error over all tasks, tau = 1, of a row (b, beta) and columns M, m."""
    return loss_and_gradients(task, row, columns)[0]


def loss_and_gradients(task: LinearRegressionTask, row: Array, columns: Array) -> tuple[float, Array, Array]:
    """The loss, and its gradients with respect to the row and the columns."""
    N, d, s, excess = task.N, task.d, task.s, float(kappas(task.law)[1]) - 3
    b, beta, M, m = row[:-1], row[-1], columns[:-1], columns[-1]
    pull, r, bb, mu, each = b @ M, M @ m, b @ b, m @ m, (M**2).sum(1)
    of_beta_mu = (N + 2) * d * (d + 2) + 3 * excess * d  # coefficients of beta^2 mu, beta^2 tr S and 2 beta b.r
    of_beta_S, of_br = N + 1 + d + excess, (N + 1) * (d + 1) + 2 + 2 * excess
    square = (N + 1) * pull @ pull + bb * each.sum() + excess * b**2 @ each
    square += of_beta_S * (mu * bb + beta**2 * each.sum()) + of_beta_mu * beta**2 * mu + 2 * of_br * beta * b @ r
    value = s / 2 * (d + 2 * N * s * (beta * np.trace(M) + b @ m) + N * s**2 * square)
    by_b = (N + 1) * M @ pull + (each.sum() + excess * each + of_beta_S * mu) * b + of_br * beta * r
    by_beta = beta * (of_beta_S * each.sum() + of_beta_mu * mu) + of_br * b @ r
    by_M = (N + 1) * np.outer(b, pull) + (bb + excess * b[:, None] ** 2 + of_beta_S * beta**2) * M
    by_M = by_M + of_br * beta * np.outer(b, m)
    by_m = (of_beta_S * bb + of_beta_mu * beta**2) * m + of_br * beta * pull
    drive_row, drive_columns = np.append(m, np.trace(M)), np.vstack([beta * np.eye(d), b])
    return (
        float(value),
        N * s**2 * (drive_row + s * np.append(by_b, by_beta)),
        N * s**2 * (drive_columns + s * np.vstack([by_M, by_m])),
    )


def flow(
    task: LinearRegressionTask, weights: Mapping[str, Array], times: Array, *, driven: bool = False, end: float = 0.0
) -> Course:
    """The gradient flow of a layer from the weights K, Q, V, P of one seed, each (1, 1, D, D).

    The last row of P, the columns of Q on inputs, K and V move; the gradient of the others is zero. `driven` leaves
    out the blocks that read labels into M and inputs into the values, m and b: they begin at zero and stay there.
    The flow stops where the loss is below `end`.
    """
    K, Q, V, P = (np.array(weights[name], float)[0, 0] for name in "KQVP")
    if driven:
        K[:, -1], V[:, :-1] = 0.0, 0.0
    parts = (P[-1], V, K, Q[:, :-1])
    cuts, shapes = np.cumsum([part.size for part in parts])[:-1], [part.shape for part in parts]

    def split(y: Array) -> list[Array]:
        return [part.reshape(shape) for part, shape in zip(np.split(y, cuts), shapes, strict=True)]

    def slope(t: float, y: Array) -> Array:
        p, V, K, Q = split(y)
        _, by_row, by_columns = loss_and_gradients(task, *products(p, V, K, Q))
        slopes = V @ by_row, np.outer(p, by_row), Q @ by_columns.T, K @ by_columns
        return -np.concatenate([each.ravel() for each in slopes])

    def done(t: float, y: Array) -> float:
        return end - loss(task, *products(*split(y)))

    start = np.concatenate([part.ravel() for part in parts])
    run = solve_ivp(
        slope, (0.0, times[-1]), start, t_eval=times, events=ending(done), rtol=1e-8, atol=1e-11, method="DOP853"
    )  # fmt: skip
    each = [split(y) for y in run.y.T]
    losses = np.array([loss(task, *products(*one)) for one in each])
    return Course(run.t, losses, *(np.array(part) for part in zip(*each, strict=True)))
