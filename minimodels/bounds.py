r"""Bounds of states: a trajectory that gets to a bound stops there, and stays as long as the drift points outwards.

.. math::

    \dot x_i = \begin{cases} 0 & x_i \text{ at a bound and } f_i \text{ points out of it},\\
    f_i & \text{else,}\end{cases}
    \qquad x_i \leftarrow \min(\max(F_i(x), \mathrm{low}_i), \mathrm{high}_i)\ \text{ for a map or a descent.}

Of a gradient flow with these box constraints, the loss still falls, and it comes to rest where the Karush-Kuhn-Tucker
conditions hold.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from minimodels.errors import InputError, shown, unknown

if TYPE_CHECKING:
    from minimodels.model import Model
    from minimodels.statement import Statement

Bound = tuple["Statement | None", "Statement | None"]
Floats = NDArray[np.float64]


def read_bounds(model: "Model", stated: Mapping[str, Any]) -> dict[str, tuple[sp.Expr | None, sp.Expr | None]]:
    """Return the bounds of states as expressions of the parameters, None where there is none."""
    found = {}
    for key, pair in stated.items():
        if key not in model.state:
            raise unknown(f"state in the bounds of {model.name!r}", key, model.state)
        if not isinstance(pair, tuple | list) or len(pair) != 2 or (pair[0] is None and pair[1] is None):
            raise InputError(
                f"the bounds of {key!r} of {model.name!r} are (low, high), one of them None if there is none;"
                f" got {shown(pair)}."
            )
        low, high = (
            None if b is None else model.parameter_expression(b, f"{side} bound of {key!r}")
            for b, side in zip(pair, ("lower", "upper"), strict=True)
        )
        if low is not None and high is not None and (high - low).is_negative:
            raise InputError(f"the bounds of {key!r} of {model.name!r} leave no room: {low} is above {high}.")
        found[key] = low, high
    return found


def limits(model: "Model") -> tuple[Floats, Floats]:
    """Return the bounds of every state at the model's parameters (n,), infinite where there is none."""
    low, high = np.full(len(model.state), -np.inf), np.full(len(model.state), np.inf)
    for key, (below, above) in model.bounds.items():
        i = model.state.index(key)
        low[i] = -np.inf if below is None else model.evaluate(below)
        high[i] = np.inf if above is None else model.evaluate(above)
        if not low[i] <= high[i]:
            raise InputError(f"the bounds of {key!r} leave no room: low={low[i]:g}, high={high[i]:g}.")
    return low, high


def check_inside(model: "Model", values: Mapping[str, float], what: str) -> None:
    """Refuse values of states beyond their bounds at the model's parameters."""
    low, high = limits(model)
    for key, value in values.items():
        i = model.state.index(key)
        slack = 1e-12 * max(1.0, abs(value))
        if not low[i] - slack <= value <= high[i] + slack:
            raise InputError(
                f"{what} of {key!r} must lie within its bounds [{low[i]:g}, {high[i]:g}]; got {key}={value:g}."
            )


def pushed(x: Floats, drift: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Tell which states are at a bound that the drift takes them out of."""
    return ((x >= high) & (drift > 0)) | ((x <= low) & (drift < 0))


def written(model: "Model") -> list[str]:
    """Return the bounds of every state as text, such as ``0 <= m <= n``."""
    return [
        f"{'' if low is None else f'{low} <= '}{key}{'' if high is None else f' <= {high}'}"
        for key, (low, high) in model.bounds.items()
    ]
