r"""How a deep classifier unlearns its random logits, and how that delays the growth of the read-out gain xi.

n layers :math:`h\leftarrow\mathrm{ReLU}(Wh+b)` of width d, one scalar bias each, entries of W of variance 2/d, read out
by S of variance 1/d. With :math:`q_l=|h_l|^2/d`, pre-activations are normal with mean :math:`b_l` and variance
:math:`2q_{l-1}`, so that

.. math::

    q_l = (2q_{l-1}+b_l^2)\,\Phi(t_l) + b_l\sqrt{2q_{l-1}}\,\varphi(t_l), \qquad t_l = b_l/\sqrt{2q_{l-1}},

and a share :math:`\Phi(t_l)` of the units is active. **Unlearning.** Logits that do not depend on the label cost
:math:`\tfrac12\mathrm{Var}\,z=\tfrac12 s^2q_n`, S times s. A scalar bias moves all units at once, weights move
a unit :math:`q_{l-1}` times as fast, so the biases and s move:

.. math::

    \dot b_l = -\tfrac12 s^2\,\frac{\partial q_n}{\partial b_l} + \mathcal D\,\xi\,\frac{\partial\ln G}{\partial b_l},
    \qquad \dot s = -\frac dL\,q_n\,s .

**Signal.** Active units transmit: :math:`G=\prod_l\sqrt{2\Phi(t_l)}`, 1 without biases. The gain :math:`\xi=Gy` has the
rate :math:`\eta G^2` if :math:`\eta` is that without biases:

.. math:: \dot y = \eta\,G\,\mathcal D, \qquad \mathcal D = -\frac{\partial\mathcal L}{\partial\xi}
    = \frac{A_0\,(L-N_c)}{N_c e^{\xi A_0}+L-N_c}

with frozen attention (science file, 6.3). First the logits are unlearned: biases fall, units go silent, and xi grows at
a fraction of its rate. Then what little of xi there is raises the biases again. The stage ends when G is back at 1.
Neglected: differences between the classifier's inputs and between units, the weights (a share q of the unlearning), and
the noise of minibatches. Derived here.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp
from scipy.special import log_ndtr, ndtr

from theory.numeric import ending

LONGEST = 1e6  # in units of learning rate x steps


class Onset(NamedTuple):
    """When the first stage ends (learning rate x steps; inf if it does not), and the gain xi reached by then."""

    time: float
    xi: float


def transmitted(biases: ArrayLike, power: float) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return q of the last layer and ln G for biases (..., n) and the power q of the classifier's input."""
    b = np.asarray(biases, complex)
    q, log_G = np.full(b.shape[:-1], power, complex), np.zeros(b.shape[:-1], complex)
    for layer in range(b.shape[-1]):
        bias, width = b[..., layer], np.sqrt(2 * q)
        t = bias / width
        log_G += (math.log(2) + log_ndtr(t)) / 2
        q = (2 * q + bias**2) * ndtr(t) + bias * width * np.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
    return q, log_G


def unlearning_slopes(
    x: NDArray[np.float64], power: float, *, N_c: int, L: int, A0: float, width: int, rate: float
) -> NDArray[np.float64]:
    """Time derivatives of x = (biases, s, y)."""
    b, s, y = x[:-2], x[-2], x[-1]
    steps = 1e-30j * np.eye(b.size)  # imaginary: exact derivatives
    q, log_G = transmitted(np.concatenate([b + steps, [b]]), power)
    G = math.exp(log_G[-1].real)
    drive = A0 * (L - N_c) / (N_c * math.exp(min(G * y * A0, 500.0)) + L - N_c)
    slopes_q, slopes_G = q[:-1].imag / 1e-30, log_G[:-1].imag / 1e-30
    biases = -0.5 * s**2 * slopes_q + drive * G * y * slopes_G
    return np.concatenate([biases, [-width / L * q[-1].real * s, rate * G * drive]])


def slow_phase_onset(
    biases: ArrayLike, power: float, *, N: int, L: int, B: int, width: int, rate: float, read_out: float = 1.0
) -> Onset:
    r"""Return the end of the first stage: G back at 1, or :math:`\xi A_0` at 1 if that is earlier.

    Parameters
    ----------
    biases : sequence of float
        The initial :math:`b_l`.
    power : float
        q of the classifier's input, its mean square per unit.
    N, L, B : int
        Pairs, labels and burstiness; L > N/B.
    width : int
        d.
    rate : float
        The rate :math:`\eta` of xi without biases.
    read_out : float
        The initial s: 1 for a random read-out, 0 for one that begins at zero.
    """
    A0 = B / (2 * N + 1)
    b = np.asarray(biases, float)

    def slopes(t: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return unlearning_slopes(x, power, N_c=N // B, L=L, A0=A0, width=width, rate=rate)

    @ending
    def back(t: float, x: NDArray[np.float64]) -> float:
        return float(transmitted(x[:-2], power)[1].real)

    @ending
    def away(t: float, x: NDArray[np.float64]) -> float:
        return math.exp(back(t, x)) * float(x[-1]) * A0 - 1

    start = np.concatenate([b, [read_out, 0.0]])
    run = solve_ivp(slopes, (0, LONGEST), start, method="LSODA", rtol=1e-6, atol=1e-10, events=(back, away))
    end = run.y[:, -1]
    return Onset(float(run.t[-1]) if run.status == 1 else math.inf, math.exp(back(0.0, end)) * float(end[-1]))
