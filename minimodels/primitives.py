r"""Numerically safe building blocks for losses, as SymPy functions with derivatives of their own.

===========================================  =================================================
``sigmoid(x)``                               :math:`1/(1+e^{-x})`
``softplus(x)``                              :math:`\log(1+e^{x})`
``logsumexp((w_1, a_1), ..., (w_m, a_m))``   :math:`\log\sum_i w_i e^{a_i}`
``softmax(k, (w_1, a_1), ..., (w_m, a_m))``  :math:`w_k e^{a_k}/\sum_i w_i e^{a_i}`
===========================================  =================================================

The weights are the multiplicities of identical terms (they may be real, and zero drops a term).
Kernels evaluate all four in shifted form, so that no logit of either sign overflows;
`elementary` rewrites them with plain exponentials for symbolic work.
"""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp

from minimodels.errors import InputError, shown


class sigmoid(sp.Function):
    r"""Logistic function :math:`1/(1+e^{-x})`."""

    nargs = 1

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        """Return 1/2 at zero."""
        if x.is_zero:
            return sp.Rational(1, 2)
        return None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return the derivative with respect to an argument."""
        x = self.args[0]
        return sigmoid(x) * sigmoid(-x)


class softplus(sp.Function):
    r""":math:`\log(1+e^{x})`, the integral of the logistic function."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return the derivative with respect to an argument."""
        return sigmoid(self.args[0])


class LogSumExp(sp.Function):
    """Flat form of `logsumexp`: arguments w_1, a_1, w_2, a_2, ..."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return the derivative with respect to an argument."""
        k, is_exponent = divmod(argindex - 1, 2)
        share = SoftMax(sp.Integer(k), *self.args)
        return share if is_exponent else share / self.args[2 * k]


class SoftMax(sp.Function):
    """Flat form of `softmax`: arguments k, w_1, a_1, w_2, a_2, ... with k counted from 0."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return the derivative with respect to an argument."""
        k = int(self.args[0])
        j, is_exponent = divmod(argindex - 2, 2)
        terms = self.args[1:]
        slope = self * ((1 if j == k else 0) - SoftMax(sp.Integer(j), *terms))
        return slope if is_exponent else slope / terms[2 * j]


def logsumexp(*terms: tuple[Any, Any]) -> sp.Expr:
    r"""Return :math:`\log\sum_i w_i e^{a_i}` for pairs ``(w_i, a_i)``."""
    return LogSumExp(*_flat("logsumexp", terms))


def softmax(k: int, *terms: tuple[Any, Any]) -> sp.Expr:
    r"""Return the share :math:`w_k e^{a_k}/\sum_i w_i e^{a_i}` of term ``k``, counted from 0."""
    if not isinstance(k, int) or not 0 <= k < len(terms):
        raise InputError(f"softmax takes the number of a term, from 0 to {len(terms) - 1}, first; got {shown(k)}.")
    return SoftMax(sp.Integer(k), *_flat("softmax", terms))


def _flat(name: str, terms: tuple[Any, ...]) -> list[sp.Expr]:
    flat = []
    for pair in terms:
        if not isinstance(pair, tuple) or len(pair) != 2 or any(not isinstance(x, sp.Expr | Real) for x in pair):
            raise InputError(
                f"{name} takes pairs (weight, exponent) of SymPy expressions or numbers; got {shown(pair)}."
            )
        flat += [sp.sympify(x) for x in pair]
    return flat


def elementary(expr: sp.Expr) -> sp.Expr:
    """Rewrite the four primitives with exponentials and logarithms, for symbolic manipulation."""
    made: dict[sp.Basic, sp.Basic] = {}  # what occurs again, as in gradients of nested logits, is rewritten once

    def plain(one: sp.Basic) -> sp.Basic:
        if one not in made:
            args = [plain(a) for a in one.args]
            of = ELEMENTARY.get(one.func, one.func)
            made[one] = of(*args) if of is not one.func or tuple(args) != one.args else one
        return made[one]

    return plain(expr)


def _total(terms: tuple[sp.Expr, ...]) -> sp.Expr:
    return sp.Add(*(w * sp.exp(a) for w, a in zip(terms[::2], terms[1::2], strict=True)))


ELEMENTARY: dict[type[sp.Function], Callable[..., sp.Expr]] = {
    sigmoid: lambda x: 1 / (1 + sp.exp(-x)),
    softplus: lambda x: sp.log(1 + sp.exp(x)),
    LogSumExp: lambda *terms: sp.log(_total(terms)),
    SoftMax: lambda k, *terms: terms[2 * int(k)] * sp.exp(terms[2 * int(k) + 1]) / _total(terms),
}


def _logsumexp_on_arrays(*terms: Any) -> Any:
    largest = np.max(np.broadcast_arrays(*terms[1::2]), axis=0)
    return largest + np.log(sum(w * np.exp(a - largest) for w, a in zip(terms[::2], terms[1::2], strict=True)))


# the same on NumPy's arrays, without overflow
ON_ARRAYS: dict[type[sp.Function], Callable[..., Any]] = {
    sigmoid: lambda x: np.exp(-np.logaddexp(0, -x)),
    softplus: lambda x: np.logaddexp(0, x),
    LogSumExp: _logsumexp_on_arrays,
    SoftMax: lambda k, *terms: terms[2 * k] * np.exp(terms[2 * k + 1] - _logsumexp_on_arrays(*terms)),
}
