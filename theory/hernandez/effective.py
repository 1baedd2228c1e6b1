r"""Effective size, and what was published about it (Hernandez et al. 2022, arXiv 2205.10487).

A loss that is :math:`1+w_tV` times as large as without repeats is that of a model of
:math:`x=(1+w_tV)^{-1/\alpha}` times the parameters. The band of repeats that hurt is where :math:`\ln x` is beyond half
of its worst value; the publication fits its edges by powers of N at :math:`T=10^{11}`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.hernandez.arguments import check_above, check_share, check_values, plain
from theory.hernandez.market import check_exponent
from theory.hernandez.ridge import edges, worst

SOURCE = "Hernandez et al. 2022 (arXiv 2205.10487)"
WT = 2.3  # from V to relative loss, fitted to the dip of 0.55 at r = 1,220, f = 0.1 (ibid., section 3)
AL = 0.1  # local exponent of the loss in N, with which WT was fitted
T_PUBLISHED = 1e11  # tokens of every run (ibid.)
N_PUBLISHED = (1.57e6, 805e6)  # sizes of the runs (ibid.)
LEFT, RIGHT = (4.2e6, -0.56), (5.1e7, -0.50)  # half-effect edges r = k N^a (ibid.)
DEPTHS = {0.03: 1 / 1.15, 0.1: 0.5, 0.5: 0.1, 0.9: 1 / 73}  # worst x = N_eff/N by f (ibid.); 0.43 to 0.5 at f = 0.1


@dataclass(frozen=True)
class PublishedBand:
    """Repeats between which the published damage is at least half of its worst, in terms of ln x.

    Attributes
    ----------
    low, high : float
        Edges in r.
    center : float
        Their geometric mean.
    regime, uncertain : str
        Where it holds, and what is not known of it.
    """

    low: float
    high: float
    center: float
    regime: str = "T = 1e11 tokens, text, N from 1.57M to 805M, mean over f = 0.03 to 0.9"
    uncertain: str = "one grid step of a scan with about six points, a factor 2 to 3; single curves are noisy"


def published_band(N: float) -> PublishedBand:
    r"""Return the published half-effect edges, :math:`r=4.2\cdot10^6N^{-0.56}` and :math:`5.1\cdot10^7N^{-0.50}`.

    Parameters
    ----------
    N : float
        Non-embedding parameters.

    Notes
    -----
    Source: Hernandez et al. 2022 (arXiv 2205.10487), at T = 1e11.

    Examples
    --------
    >>> band = published_band(800e6)
    >>> round(band.low), round(band.high)
    (43, 1803)
    """
    size = check_above(N, "`N`")
    low, high = (k * size**a for k, a in (LEFT, RIGHT))
    return PublishedBand(low, high, math.sqrt(low * high))


def effective_size(V: Any, *, al: float = AL, wt: float = WT) -> Any:
    r"""Return the effective over the actual parameters of a model whose squared error has an excess.

    .. math:: x=(1+w_tV)^{-1/\alpha}

    Parameters
    ----------
    V : float or array_like
        Excess of the test error by repeats, in units of the label noise.
    al : float
        -d ln L/d ln N without repeats.
    wt : float
        Relative loss for a unit of V; 2.3 is one fitted amplitude.

    Notes
    -----
    Holds for f <= 0.1: several times too deep at f = 0.5.

    Examples
    --------
    >>> from theory import fresh_ridge
    >>> round(effective_size(fresh_ridge(1.0, 0.03).excess), 2)
    0.84
    """
    found, slope, weight = check_values(V, "`V`"), check_exponent(al), check_above(wt, "`wt`")
    return plain((1 + weight * found) ** (-1 / slope))


def effective_edges(f: float, wt: float = WT) -> tuple[float, float]:
    """Return the y between which ln x of model A is beyond half of its worst."""
    share, weight = check_share(f), check_above(wt, "`wt`")
    height = math.log1p(weight * worst(share)) / 2
    return edges(math.expm1(height) / weight, share)


def published_depth(f: float) -> float:
    """Return the worst published x at a share, between those published by a line in ln x over the log odds of f."""
    odds = [math.log(k / (1 - k)) for k in DEPTHS]
    at = math.log(f / (1 - f))
    if at < odds[0]:  # below, the damage of a small share is in proportion to it
        return math.exp(math.log(DEPTHS[0.03]) * f / 0.03)
    return float(np.exp(np.interp(at, odds, [math.log(x) for x in DEPTHS.values()])))
