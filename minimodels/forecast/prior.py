r"""What is unknown of a training curve, and what is believed of it before the curve is seen.

A training in steps s is a run of the model in its time t, with a delay, a clock that may speed up, rates and starting
values that are effective ones, and a loss on another scale:

.. math::

    t(s) &= \mathrm{clock}\cdot s_n\left(\frac{\max(s-\mathrm{delay},0)}{s_n}\right)^{\mathrm{drift}}, \qquad
    y(s) = \mathrm{offset}+\mathrm{scale}\cdot\mathcal L(t(s)), \\
    \dot x_i &= \eta_i\,\mathrm{rate}_i\sqrt{1+(\mathrm{growth}_i\,x_i)^2}\;f_i(x),

s_n being the last step seen. The last line is what a network does whose parameters multiply to a state of the model: of
:math:`x=uv` the rate :math:`|u|^2+|v|^2` grows as :math:`\sqrt{c^2+4x^2}`. Every unknown is a function of a standard
normal number z; inference is in z.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from minimodels.engine.kernel import Floats
from minimodels.errors import InputError, by_name, check_choice, check_names, check_number, shown, unknown
from minimodels.model import GradientFlow, Model

KINDS = ("lognormal", "normal", "uniform")
POSITIVE = ("clock", "start", "drift", "scale")  # and rates
UNSIGNED = ("delay",)  # and growths
OF_THE_LOG = ("clock", "start", "delay", "drift", "offset", "scale")
RATE, START = (1.0, 0.7), (1.0, 1.0)  # medians, and widths of the logarithm
GROWTH = (1.0, 0.8)
DRIFT = (1.0, 0.15)
CLOCK_WIDTH = 1.5
DELAY = (0.02, 2.0)  # median as a share of the steps seen, and width


@dataclass(frozen=True)
class Prior:
    """What is believed of an unknown.

    ===========  ===========================  =====================================
    kind         a                            b
    ===========  ===========================  =====================================
    lognormal    median                       standard deviation of the logarithm
    normal       mean                         standard deviation
    uniform      lowest                       highest
    ===========  ===========================  =====================================

    Raises
    ------
    InputError
        If there is no such kind, or the numbers make no distribution.

    Examples
    --------
    >>> Prior("lognormal", 1.0, 0.5).values(np.array([0.0]))
    array([1.])
    """

    kind: Literal["lognormal", "normal", "uniform"]
    a: float
    b: float

    def __post_init__(self) -> None:
        check_choice(self.kind, "the kind of a prior", KINDS)
        a, b = check_number(self.a, "`a` of a prior"), check_number(self.b, "`b` of a prior")
        if self.kind == "uniform" and not a < b:
            raise InputError(f"a uniform prior goes from a lower to a higher number; got {a:g} and {b:g}.")
        if self.kind != "uniform" and not b > 0:
            raise InputError(f"the width `b` of a {self.kind} prior must be positive; got {b:g}: hold it by a number.")
        if self.kind == "lognormal" and not a > 0:
            raise InputError(f"the median `a` of a lognormal prior must be positive; got {a:g}.")

    def values(self, z: Floats) -> Floats:
        """Return the unknown at standard normal numbers z."""
        if self.kind == "uniform":
            from scipy.special import ndtr

            return np.asarray(self.a + (self.b - self.a) * ndtr(z), np.float64)
        return self.a * np.exp(self.b * z) if self.kind == "lognormal" else self.a + self.b * z

    def positive(self) -> bool:
        """Whether it gives positive numbers only."""
        return self.kind == "lognormal" or (self.kind == "uniform" and self.a >= 0)


Belief = Prior | tuple[str, float, float] | float


def unknowns(model: Model) -> list[str]:
    """Return the names of all that may be unknown: of the log, a factor on every rate, the model's parameters."""
    of_states = (f"{what}_{name}" for what in ("rate", "growth") for name in model.state)
    return [*OF_THE_LOG, *of_states, *model.parameters]


def usual(model: Model, *, clock: float, steps: float, lr: float | None) -> dict[str, Prior | float]:
    """Return what is believed unless told otherwise.

    ``clock`` is where its prior is centred, ``steps`` the last step seen.
    """
    return {
        "clock": Prior("lognormal", clock, CLOCK_WIDTH) if lr is None else lr,
        "start": Prior("lognormal", *START) if any(model.init.values()) else 1.0,
        "delay": Prior("lognormal", DELAY[0] * steps, DELAY[1]),
        "drift": Prior("lognormal", *DRIFT),
        "offset": 0.0,
        "scale": 1.0,
        **{f"rate_{name}": Prior("lognormal", *RATE) for name in model.state},
        # the states of a flow need not be parameters that are learnt
        **{
            f"growth_{name}": Prior("lognormal", *GROWTH) if isinstance(model, GradientFlow) else 0.0
            for name in model.state
        },
    }


def beliefs(
    model: Model, usually: Mapping[str, Prior | float], prior: Any, free: Any
) -> tuple[dict[str, Prior], dict[str, float]]:
    """Return the priors of what is free, and the values of what is held.

    ``prior`` changes what is believed, a number holds; of ``free``, if given, nothing else is free.
    """
    names = unknowns(model)
    believed: dict[str, Prior | float] = dict(usually)
    for name, given in by_name({} if prior is None else prior, "`prior`", "{'clock': ('lognormal', 0.1, 0.5)}").items():
        if name not in names:
            raise unknown("name in prior", name, names)
        believed[name] = _belief(name, given)
    if free is not None:
        wanted = check_names([free] if isinstance(free, str) else free, "`free`")
        for name in wanted:
            if name not in names:
                raise unknown("name in free", name, names)
            if not isinstance(believed.get(name), Prior):
                raise InputError(
                    f"{name!r} is free without a prior: give one, as prior={{{name!r}: ('lognormal', 1, 0.5)}}."
                )
        believed = {k: v if k in wanted or not isinstance(v, Prior) else _middle(k, v) for k, v in believed.items()}
    found = {k: v for k, v in believed.items() if isinstance(v, Prior)}
    if not found:
        raise InputError("nothing is free: leave at least one unknown, as free=['clock'].")
    return found, {k: float(v) for k, v in believed.items() if not isinstance(v, Prior)}


def _belief(name: str, given: Any) -> Prior | float:
    """Return a prior or a number, right for an unknown of this name."""
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 3:
        given = Prior(*given)
    positive = name in POSITIVE or name.startswith("rate_")
    if isinstance(given, Prior):
        if (positive or name in UNSIGNED or name.startswith("growth_")) and not given.positive():
            raise InputError(
                f"{name!r} cannot be negative: give it a lognormal prior, or a uniform one from 0 or more."
            )
        return given
    try:
        number = check_number(given, f"prior[{name!r}]")
    except InputError as error:
        raise InputError(
            f"prior[{name!r}] is a number or (kind, a, b), as ('lognormal', 1.0, 0.5); got {shown(given)}."
        ) from error
    if (positive and number <= 0) or (number < 0 and (name in UNSIGNED or name.startswith("growth_"))):
        raise InputError(f"prior[{name!r}] must be positive; got {number:g}.")
    return number


def _middle(name: str, prior: Prior) -> float:
    """Return what an unknown is held at that is not free: nothing happens to the log, or else the prior's middle."""
    neutral = {"start": 1.0, "delay": 0.0, "drift": 1.0, "offset": 0.0, "scale": 1.0}
    if name in neutral or name.startswith("growth_"):
        return neutral.get(name, 0.0)
    return float(prior.values(np.zeros(1))[0])


def draws_to_values(priors: Mapping[str, Prior], held: Mapping[str, float], z: Floats) -> dict[str, Floats]:
    """Return every unknown (n,) at standard normal draws z (n, d)."""
    free = {name: prior.values(z[:, i]) for i, (name, prior) in enumerate(priors.items())}
    return free | {name: np.full(len(z), value) for name, value in held.items()}


def highest(prior: Prior | None, held: float) -> float:
    """Return the largest value an unknown takes in practice: 3.5 standard deviations up."""
    return held if prior is None else float(prior.values(np.array([3.5]))[0]) if math.isfinite(prior.b) else held
