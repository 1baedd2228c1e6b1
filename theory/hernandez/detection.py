r"""The ratio test during a training: loss on repeated tokens over loss on fresh ones.

In model A the squared errors have the ratio :math:`1/(1+\tau)^2` at the end, with
:math:`(1-f)\tau^2-(y-1)\tau-y=0`, so that a ratio tells y:

.. math:: \tau=\rho^{-1/2}-1, \qquad y=\frac{\tau+(1-f)\tau^2}{1+\tau},

and at the worst point y = 1 it is :math:`1/(1+(1-f)^{-1/2})^2`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minimodels.errors import InputError
from theory.hernandez.arguments import Array, check_above, check_share, check_values, plain
from theory.hernandez.ridge import edges, peak_ratio, worst

LARGEST = 1e100  # tau of a repeated loss of 0
WINDOWS = 10  # parts of a training over which losses are compared
RISE = 1e-3  # relative fall of the fresh loss over a part below which it is flat
FALL = 0.05  # relative fall of the repeated loss over a part that counts


@dataclass(frozen=True)
class RepeatTest:
    """What the losses on repeated and on fresh tokens say.

    Attributes
    ----------
    ratio : float or array
        Loss on the repeated tokens over that on fresh ones.
    peak_ratio : float
        The ratio of squared errors at the worst point.
    y : float or array
        The y of a linear model trained to its end with this ratio; 1 is the worst.
    stage : str
        Of the last ratio: "before the peak", "at the peak" (between the half-maximum edges) or "past the peak".
    signature : bool
        Whether somewhere the fresh loss flattens or rises while the repeated one falls; False of a single pair.
    regime, uncertain : str
        Where it holds, and what is not known of it.
    """

    ratio: Any
    peak_ratio: float
    y: Any
    stage: str
    signature: bool
    regime: str = "squared errors, model A, trained to the end; the fresh sample is as large and never trained on"
    uncertain: str = "losses in nats are no squared errors: the ratio tells the side of the peak, not y"


def detect_repeats(loss_repeated: Any, loss_fresh: Any, f: float) -> RepeatTest:
    r"""Tell from the losses on a repeated and on a fresh sample where a training lies relative to the worst point.

    .. math:: \rho=\frac{L_\mathrm{rep}}{L_\mathrm{fresh}}, \qquad \rho^*=\frac1{(1+(1-f)^{-1/2})^2}, \qquad
              y=\frac{\tau+(1-f)\tau^2}{1+\tau}, \quad \tau=\rho^{-1/2}-1

    Parameters
    ----------
    loss_repeated, loss_fresh : float or array_like
        Losses on the repeated tokens and on an equally large fresh sample; or both logged along a training, in order.
    f : float
        Share of the training tokens that are repeats.

    Raises
    ------
    InputError
        For losses of unequal length, a negative one, or a fresh loss of 0.

    Notes
    -----
    Derived for this library from model A; that the damage peaks where the repeated set's loss collapses is seen in
    Hernandez et al. 2022 (arXiv 2205.10487).

    Examples
    --------
    >>> detect_repeats(0.24, 1.0, 0.1).stage
    'at the peak'
    >>> test = detect_repeats([2.0, 1.5, 0.6, 0.02], [2.0, 1.6, 1.62, 1.7], 0.5)
    >>> test.stage, test.signature
    ('past the peak', True)
    """
    repeated, fresh, share = check_values(loss_repeated, "`loss_repeated`"), _fresh(loss_fresh), check_share(f)
    if repeated.shape != fresh.shape or repeated.ndim > 1:
        raise InputError(
            f"`loss_repeated` and `loss_fresh` are two numbers or two lists of one length; got {repeated.size} and "
            f"{fresh.size}."
        )
    with np.errstate(all="ignore"):
        ratio = repeated / fresh
        tau = np.clip(ratio**-0.5 - 1, 0.0, LARGEST)
    y = np.where(tau == LARGEST, np.inf, tau * (1 + (1 - share) * tau) / (1 + tau))
    low, high = edges(worst(share) / 2, share)
    last = float(np.ravel(y)[-1])
    stage = "before the peak" if last < low else "past the peak" if last > high else "at the peak"
    return RepeatTest(plain(ratio), peak_ratio(share), plain(y), stage, _signature(repeated, fresh))


def _fresh(loss: Any) -> Array:
    found = check_values(loss, "`loss_fresh`")
    check_above(float(found.min()), "`loss_fresh`")
    return found


def _signature(repeated: Array, fresh: Array) -> bool:
    if repeated.ndim == 0 or repeated.size < 2:
        return False
    apart = max(1, repeated.size // WINDOWS)
    still = fresh[apart:] > (1 - RISE) * fresh[:-apart]
    falls = repeated[apart:] < (1 - FALL) * repeated[:-apart]
    return bool((still & falls).any())
