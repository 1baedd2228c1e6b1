r"""The Marchenko-Pastur law: eigenvalues of :math:`X^\top X/n` of n Gaussian inputs in :math:`p=cn` dimensions.

.. math::

    dMP_c(s) = \frac{\sqrt{(s_+-s)(s-s_-)}}{2\pi cs}\,ds, \qquad s_\pm=(1\pm\sqrt c)^2,

the part without the atom at 0, whose mass per dimension is :math:`(1-1/c)_+`. With
:math:`s=1+c+2\sqrt c\cos\vartheta` the midpoint rule in :math:`\vartheta` converges faster than any power.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def bulk(c: float, size: int = 4000) -> tuple[Array, Array]:
    """Return points and weights of the continuous part; the weights sum to min(1, 1/c)."""
    angle = (np.arange(size) + 0.5) * np.pi / size
    points = 1 + c + 2 * math.sqrt(c) * np.cos(angle)
    return points, 2 * np.sin(angle) ** 2 / points / size


def atom(c: float) -> float:
    """Return the mass at 0."""
    return max(0.0, 1 - 1 / c)
