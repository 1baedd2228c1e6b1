r"""The capacity market: what memorising a repeated set costs in effective parameters (model C), in closed form.

Of n repeated tokens m are memorised at b parameters each, :math:`\varphi=m/n`, :math:`u=bn/N`. The loss of a model of
effective size :math:`N-bm` is paid on all tokens but the memorised ones,

.. math:: J = (1-f\varphi)\,A\,(N-bm)^{-\alpha} ,

and at its least :math:`x=N_\mathrm{eff}/N` is

.. math::

    x = 1-u \ (u\le u_c), \qquad \frac{\alpha(u-f)}{f(1-\alpha)} \ (u_c\le u\le f/\alpha), \qquad 1 \ (u\ge f/\alpha);
    \qquad u_c=\frac f{\alpha+f(1-\alpha)}, \qquad x_\mathrm{min}=\frac{\alpha(1-f)}{\alpha+f(1-\alpha)} .
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minimodels.errors import InputError, check_number
from theory.hernandez.arguments import Array, check_share, check_values, plain

PER_TOKEN = 4.2  # parameters a memorised token: b for which r_c = 100 at 800M, f = 0.1, al = 0.1 (arXiv 2205.10487)


@dataclass(frozen=True)
class CapacityMarket:
    """What memorising a set of repeated tokens costs, by its size in units of the model.

    Attributes
    ----------
    f, al : float
        Share of the repeats, and -d ln L/d ln N of the loss without them.
    x_min : float
        Effective over actual parameters at the worst size of the set.
    u_c : float
        Parameters that the worst set takes to memorise, over those there are.
    u_on : float
        Size from which on nothing is memorised.
    regime, uncertain : str
        Where it holds, and what is not known of it.
    """

    f: float
    al: float
    x_min: float
    u_c: float
    u_on: float
    regime: str = "capacity is shared out at once and for the best, the loss is a power of the size, b is one number"
    uncertain: str = "b and the local exponent; too deep at f = 0.03, too narrow to the right, with a cusp"

    def x(self, u: Any) -> Any:
        """Return effective over actual parameters for a set that would take the share u of them."""
        size = check_values(u, "`u`")
        with np.errstate(all="ignore"):
            part = self.al * (size - self.f) / (self.f * (1 - self.al))
        return plain(np.where(size <= self.u_c, 1 - size, np.where(size < self.u_on, part, 1.0)))

    def memorised(self, u: Any) -> Any:
        """Return the memorised share of the set."""
        size = check_values(u, "`u`")
        with np.errstate(divide="ignore", invalid="ignore"):
            part = (1 - self.x(size)) / size
        return plain(np.where(size <= self.u_c, 1.0, part))


def capacity_market(f: float, al: float) -> CapacityMarket:
    r"""Return the closed form of model C.

    .. math:: x_\mathrm{min}=\frac{\alpha(1-f)}{\alpha+f(1-\alpha)}, \qquad u_c=\frac f{\alpha+f(1-\alpha)}

    Parameters
    ----------
    f : float
        Share of the training tokens that are repeats, above 0 and below 1.
    al : float
        :math:`\alpha=-d\ln L/d\ln N` of the loss of models without repeats, above 0 and below 1. It is local: the
        exponent of a reducible loss (0.34) is not it.

    Raises
    ------
    InputError
        For a share or an exponent outside (0, 1).

    Notes
    -----
    Derived for this library; the closed form of the argument of Hernandez et al. 2022 (arXiv 2205.10487) that
    memorising pays. b, N and T cancel in ``x_min``.

    Examples
    --------
    >>> made = capacity_market(0.1, 0.1)
    >>> round(made.x_min, 3), round(made.u_c, 3)
    (0.474, 0.526)
    >>> made.x([0.1, 0.6, 2.0]).round(3).tolist()
    [0.9, 0.556, 1.0]
    """
    share, slope = check_share(f), check_exponent(al)
    if share == 0:
        raise InputError("`f` is the share of the repeats, above 0; without repeats there is nothing to memorise.")
    whole = slope + share * (1 - slope)
    return CapacityMarket(share, slope, slope * (1 - share) / whole, share / whole, share / slope)


def check_exponent(al: Any) -> float:
    """Return the local exponent of the loss, or say what is wrong."""
    slope = check_number(al, "`al`")
    if not 0 < slope < 1:
        raise InputError(f"`al` is the exponent of the loss in the parameters, between 0 and 1; got {slope:g}.")
    return slope


def several(shares: Array, sizes: Array, al: float) -> float:
    """Return x for groups of repeats, those that are worth most for a parameter first.

    What a parameter is worth falls from group to group and the loss has one minimum within each: the first group that
    is not worth all of its parameters is the last.
    """
    worth = np.argsort(-shares / sizes, kind="stable")
    f, u = shares[worth], sizes[worth]
    done_f, done_u = np.cumsum(f) - f, np.cumsum(u) - u
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (f * (1 - done_u) - al * u * (1 - done_f)) / (f * u * (1 - al))
    stops = np.flatnonzero(~(part >= 1))
    if not stops.size:
        return float(1 - u.sum())
    last = stops[0]
    return float(1 - done_u[last] - u[last] * max(0.0, part[last]))
