r"""Forward and backward pass of the induction head and its classifier, compiled; any float type.

With contents :math:`c_j`, target :math:`c_n`, overlaps :math:`g_j=c_j\cdot c_n`, :math:`G_j=\sum_{m\le j}g_m` and
:math:`E=e^{\beta_1}`, the buffers never need to be formed:

.. math::

    o_1 = g_1,\quad o_j = \frac{G_j+(E-1)g_{j-1}}{E+j-1}, \qquad
    p_j \propto e^{\alpha o_j+\beta_2[j\ \mathrm{label}]}, \qquad o=\sum_j p_j c_j, \\
    \frac{\partial o_j}{\partial\beta_1} = \frac{E\,(g_{j-1}-o_j)}{E+j-1}.

The classifier is layers :math:`h\leftarrow\mathrm{ReLU}(Wh+b)`, one scalar b each, then logits :math:`Sh`; all its
parameters lie in one vector: W of the first layer (w, i), W of the others (k - 1, w, w), b (k,), S (L, w).
"""

import math

import numpy as np
from numba import njit

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract"}}


@njit(**OPTIONS)
def first_layer(beta_1, T, dtype):  # type: ignore[no-untyped-def]
    """Attention of every token to its predecessor, and to each other token it sees: (T,), (T,)."""
    previous, others = np.zeros(T, dtype), np.ones(T, dtype)
    # exponentials of minus the size of beta_1: no overflow in either sign
    up, down = math.exp(min(0.0, beta_1)), math.exp(min(0.0, -beta_1))
    for j in range(1, T):
        previous[j] = up / (up + down * j)
        others[j] = down / (up + down * j)
    return previous, others


@njit(**OPTIONS)
def attend(X, head, labels_only, p, over, out):  # type: ignore[no-untyped-def]
    """Fill attention ``p`` (n, T), overlaps ``over`` (2, n, T): o and g, and outputs ``out`` (n, D)."""
    n, T = X.shape[:2]
    previous, others = first_layer(head[0], T, X.dtype)
    alpha = X.dtype.type(head[1])
    bias = np.full(T, -np.inf if labels_only else 0.0, X.dtype)
    bias[1::2] = head[2]
    for s in range(n):
        o, g, w = over[0, s], over[1, s], p[s]
        np.dot(X[s], X[s, T - 1], g)
        o[0] = total = g[0]
        for j in range(1, T):
            total += g[j]
            o[j] = others[j] * total + (previous[j] - others[j]) * g[j - 1]
        for j in range(T):
            w[j] = alpha * o[j] + bias[j]
        top = w.max()
        norm = 0 * top
        for j in range(T):
            w[j] = math.exp(w[j] - top)
            norm += w[j]
        for j in range(T):
            w[j] /= norm
        np.dot(w, X[s], out[s])


@njit(**OPTIONS)
def attend_back(X, head, p, over, slope, grad):  # type: ignore[no-untyped-def]
    """Fill the gradient of (beta_1, alpha, beta_2), given ``slope`` (n, D) = d loss / d out."""
    n, T = X.shape[:2]
    previous = first_layer(head[0], T, X.dtype)[0]
    rise = np.empty(T, X.dtype)
    grad[:] = 0.0
    for s in range(n):
        o, g, w = over[0, s], over[1, s], p[s]
        np.dot(X[s], slope[s], rise)
        mean = 0 * rise[0]
        for j in range(T):
            mean += w[j] * rise[j]
        by_beta_1 = by_alpha = by_beta_2 = 0 * mean
        for j in range(T):
            a = w[j] * (rise[j] - mean)
            by_alpha += a * o[j]
            by_beta_2 += a if j % 2 else 0 * a
            by_beta_1 += a * previous[j] * (g[j - 1] - o[j])  # nothing for the first token
        grad[0] += head[1] * by_beta_1
        grad[1] += by_alpha
        grad[2] += by_beta_2


@njit(**OPTIONS)
def unpack(flat, layers, inputs, width, L):  # type: ignore[no-untyped-def]
    """Views of the classifier's vector: first W, the other W, b, S."""
    a = width * inputs if layers else 0
    b = a + (layers - 1) * width * width if layers else 0
    first = flat[:a].reshape(width if layers else 0, inputs)
    others = flat[a:b].reshape(layers - 1 if layers else 0, width, width)
    return first, others, flat[b : b + layers], flat[b + layers :].reshape(L, width if layers else inputs)


@njit(**OPTIONS)
def read_in(X, out, mode, gain, z):  # type: ignore[no-untyped-def]
    """Fill the classifier's input z: mode 0 output alone, 1 sum with the target's content, 2 both beside each other."""
    n, T, D = X.shape
    for s in range(n):
        if mode == 2:
            for m in range(D):
                z[s, m] = X[s, T - 1, m]
                z[s, D + m] = gain * out[s, m]
        else:
            for m in range(D):
                z[s, m] = gain * out[s, m] + (X[s, T - 1, m] if mode == 1 else 0.0)


@njit(**OPTIONS)
def classify(flat, layers, width, L, z, hidden):  # type: ignore[no-untyped-def]
    """Return logits (n, L); fill the layers' outputs ``hidden`` (k, n, w)."""
    first, others, b, S = unpack(flat, layers, z.shape[1], width, L)
    for k in range(layers):
        h = hidden[k]
        np.dot(hidden[k - 1] if k else z, others[k - 1].T if k else first.T, h)
        for s in range(h.shape[0]):
            for m in range(width):
                x = h[s, m] + b[k]
                h[s, m] = 0 * b[k] if x <= 0 else x  # a nan stays
    return np.dot(hidden[layers - 1] if layers else z, S.T)


@njit(**OPTIONS)
def classify_back(flat, layers, width, L, z, hidden, slope, grad, D):  # type: ignore[no-untyped-def]
    """Fill ``grad`` of the classifier, given ``slope`` (n, L) of the logits; return that of the last D inputs."""
    first, others, _, S = unpack(flat, layers, z.shape[1], width, L)
    d_first, d_others, d_b, d_S = unpack(grad, layers, z.shape[1], width, L)
    np.dot(slope.T, hidden[layers - 1] if layers else z, d_S)
    if layers == 0:
        return np.dot(slope, np.ascontiguousarray(S[:, S.shape[1] - D :]))
    back = np.dot(slope, S)
    for k in range(layers - 1, -1, -1):
        sums = np.zeros(width, back.dtype)
        for s in range(back.shape[0]):
            for m in range(width):
                back[s, m] = back[s, m] if hidden[k, s, m] > 0.0 else 0.0
                sums[m] += back[s, m]
        d_b[k] = sums.sum()
        np.dot(back.T, hidden[k - 1] if k else z, d_others[k - 1] if k else d_first)
        if k:
            back = np.dot(back, others[k - 1])
    return np.dot(back, np.ascontiguousarray(first[:, first.shape[1] - D :]))


@njit(**OPTIONS)
def surprise(logits, target, slope):  # type: ignore[no-untyped-def]
    """Return mean loss and mean correct probability; fill ``slope`` (n, L) of the loss by the logits."""
    n, L = logits.shape
    loss = correct = 0.0
    for s in range(n):
        top = logits[s].max()
        total = 0.0
        for k in range(L):
            e = math.exp(logits[s, k] - top)
            slope[s, k] = e
            total += e
        y = target[s]
        chosen = slope[s, y] / total
        loss += math.log(total) - (logits[s, y] - top)
        correct += chosen
        for k in range(L):
            slope[s, k] = slope[s, k] / (total * n)
        slope[s, y] -= 1.0 / n
    return loss / n, correct / n


@njit(**OPTIONS)
def loss_and_gradients(  # type: ignore[no-untyped-def]
    X, target, head, flat, layers, width, L, mode, gain, labels_only, head_grad, grad
):
    """Return mean loss and mean correct probability; fill the gradients of the head (3,) and the classifier."""
    n, T, D = X.shape
    p = np.empty((n, T), X.dtype)
    over = np.empty((2, n, T), X.dtype)
    out = np.empty((n, D), X.dtype)
    attend(X, head, labels_only, p, over, out)
    z = np.empty((n, 2 * D if mode == 2 else D), X.dtype)
    read_in(X, out, mode, gain, z)
    hidden = np.empty((layers, n, width), X.dtype)
    logits = classify(flat, layers, width, L, z, hidden)
    slope = np.empty((n, L), X.dtype)
    loss, correct = surprise(logits, target, slope)
    back = classify_back(flat, layers, width, L, z, hidden, slope, grad, D)
    attend_back(X, head, p, over, back, head_grad)
    head_grad *= gain
    return loss, correct


@njit(**OPTIONS)
def respond(X, head, flat, layers, width, L, mode, gain, labels_only):  # type: ignore[no-untyped-def]
    """Return logits (n, L) and attention (n, T)."""
    n, T, D = X.shape
    p = np.empty((n, T), X.dtype)
    out = np.empty((n, D), X.dtype)
    attend(X, head, labels_only, p, np.empty((2, n, T), X.dtype), out)
    z = np.empty((n, 2 * D if mode == 2 else D), X.dtype)
    read_in(X, out, mode, gain, z)
    return classify(flat, layers, width, L, z, np.empty((layers, n, width), X.dtype)), p


@njit(**OPTIONS)
def descend_sgd(x, grad, rate, keep):  # type: ignore[no-untyped-def]
    """One step x <- keep x - rate grad."""
    for i in range(x.size):
        x[i] = keep * x[i] - rate * grad[i]


@njit(**OPTIONS)
def descend_adam(x, grad, mean, square, step, rate, keep):  # type: ignore[no-untyped-def]
    """One step of Adam (0.9, 0.999, 1e-8), number ``step`` counted from 1, after x <- keep x."""
    first, second = 1.0 - 0.9**step, 1.0 - 0.999**step
    for i in range(x.size):
        mean[i] = 0.9 * mean[i] + 0.1 * grad[i]
        square[i] = 0.999 * square[i] + 0.001 * grad[i] * grad[i]
        x[i] = keep * x[i] - rate * (mean[i] / first) / (math.sqrt(square[i] / second) + 1e-8)
