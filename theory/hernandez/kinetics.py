r"""Memorisation kinetics: whether a copying circuit forms before memorisation takes away what drives it.

The key strength b and the value strength w of the circuit are driven by what memorisation leaves, I(t):

.. math::

    \dot w=\frac{I\,e^b}N, \qquad \dot b=\frac{I\,w\,e^b}N \qquad\Rightarrow\qquad b-b_0=\frac{w^2}2, \qquad
    \int I\,dt = Ne^{-b_0}\int_0^\infty e^{-w^2/2}dw = Ne^{-b_0}\sqrt{\pi/2}

is what the circuit needs. K items to memorise leave :math:`\int I\,dt\propto K^\nu`, so that it needs K above
:math:`K^*\propto(Ne^{-b_0})^{1/\nu}`. In a mixture with fresh data :math:`I\ge(1-f)I_\mathrm{fresh}` never vanishes:
the circuit always forms, delayed by at most :math:`1/(1-f)`.
"""

import math
from dataclasses import dataclass

from minimodels.errors import check_between
from theory.hernandez.arguments import check_share

NU = 0.7  # exponent of the drive in K, measured (Nguyen & Reddy, arXiv 2412.00104)


@dataclass(frozen=True)
class MemorisationKinetics:
    """What a copying circuit needs, and how repeats delay it.

    Attributes
    ----------
    drive : float
        The integral of what memorisation leaves over the training, above which the circuit forms.
    K_star : float
        Items to memorise above which it forms when nothing is fresh, for a drive of K^nu.
    delay : float
        Largest factor by which a repeated share f delays it: 1/(1-f).
    regime, uncertain : str
        Where it holds, and what is not known of it.
    """

    drive: float
    K_star: float
    delay: float
    regime: str = "the circuit starts at w = 0, e^b far below N; memorising and in-context circuits are independent"
    uncertain: str = (
        "the factor of the drive K^nu, 1 here; kinetics alone cannot explain damage at f = 0.03 to 0.1, where the "
        "delay is below 1.12"
    )


def memorisation_kinetics(N: float, f: float = 0.0, *, b_0: float = 0.0, nu: float = NU) -> MemorisationKinetics:
    r"""Return the drive that a copying circuit needs and the delay by repeats.

    .. math:: \int I\,dt > Ne^{-b_0}\sqrt{\pi/2}, \qquad K^*=\big(Ne^{-b_0}\sqrt{\pi/2}\big)^{1/\nu}, \qquad
              \text{delay}\le\frac1{1-f}

    Parameters
    ----------
    N : float
        Places in the context that attention is spread over.
    f : float
        Share of the training tokens that are repeats.
    b_0 : float
        Initial key strength.
    nu : float
        Exponent of the drive that K items leave, K^nu.

    Notes
    -----
    The laws are those of Nguyen & Reddy (arXiv 2412.00104); the equations are a reconstruction. The model
    ``memorisation_race`` simulates them.

    Examples
    --------
    >>> made = memorisation_kinetics(100, 0.5)
    >>> round(made.drive, 2), round(made.K_star), made.delay
    (125.33, 994, 2.0)
    """
    places, share = check_between(N, "`N`", 1.0, 1e12), check_share(f)
    start, power = check_between(b_0, "`b_0`", -20.0, 20.0), check_between(nu, "`nu`", 0.2, 5.0)
    drive = places * math.exp(-start) * math.sqrt(math.pi / 2)
    return MemorisationKinetics(drive, drive ** (1 / power), 1 / (1 - share))
