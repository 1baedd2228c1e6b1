"""What gradient descent does to the states of a flow that are not its parameters: the update that a model may state."""

from typing import TYPE_CHECKING

import mpmath
import sympy as sp

from minimodels.errors import InputError
from minimodels.primitives import elementary

if TYPE_CHECKING:
    from minimodels.model import Model

LR = sp.Symbol("lr", real=True)
SMALL, DIGITS = sp.Float("1e-20", 60), 60


def check_descent(model: "Model") -> None:
    """Refuse a descent that does not begin as the flow does: with ``lr`` = 0 nothing moves, then as the drift says.

    Looked at near the initial state, at the default parameters; what has no value there is taken as it is.
    """
    if model.descent is None:
        return
    point: dict[sp.Symbol, sp.Expr] = {model.symbols[k]: sp.Float(v, DIGITS) for k, v in model.values.items()}
    for i, (k, v) in enumerate(model.init.items()):
        point[model.symbols[k]] = sp.Float(v, DIGITS) + sp.sqrt(i + 2).evalf(DIGITS) / 20
    for k, update in model.descent.items():
        still, moved, drift = (
            elementary(e).xreplace({**point, LR: lr}).evalf(DIGITS)
            for e, lr in ((update, sp.Integer(0)), (update, SMALL), (model.drift[k], SMALL))
        )
        if not all(e.is_Float or e.is_Rational for e in (still, moved, drift)):
            continue
        start, speed = point[model.symbols[k]], (moved - still) / SMALL
        if not mpmath.almosteq(mpmath.mpf(str(still)), mpmath.mpf(str(start)), 1e-12, 1e-12):
            raise InputError(f"the descent of {k!r} of {model.name!r} moves at `lr` = 0; it must be {k} there.")
        if abs(speed - drift) > 1e-9 * (1 + abs(drift)):
            raise InputError(
                f"the descent of {k!r} of {model.name!r} does not begin as its flow does: it moves by"
                f" {float(speed):.6g} lr where the drift is {float(drift):.6g}."
            )
