r"""Moments of the context's Gram matrix: by walks for any law, by partitions for Gaussian inputs.

For Gaussian inputs (real Wishart matrices; Jack polynomials of parameter 2)

.. math::

    \frac{E\,\mathrm{tr}\,H^k}{s^k} = \sum_{\mu\vdash k} \frac{2k\,\theta_\mu}{j_\mu}
    \prod_{(r,c)\in\mu} (d+2c-r)(N+2c-r), \qquad \theta_\mu = \prod_{(r,c)\ne(0,0)} (2c-r), \quad
    j_\mu = \prod (2\,\mathrm{arm}+\mathrm{leg}+1)(2\,\mathrm{arm}+2+\mathrm{leg}) .

Source: the sum over partitions is that of A. T. James (1964), written with Jack's parameter; checked here against the
count of walks (`minimodels.gram_moments`).
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from math import factorial, prod
from typing import Any

import sympy as sp

from minimodels.errors import InputError, check_between, check_whole, shown
from minimodels.gram_moments import HIGHEST, LAWS, Kappas, kappas, moment

HIGHEST_GAUSSIAN = 40  # 37 338 partitions
LARGEST_SIZE = 10**9
MOMENT = ("a standardised moment of `law`", 1.0, 1e12)


def moments(k: int, N: Any, d: Any, *, law: str | Sequence[Any] = "uniform", s: Any = 1 / 12) -> Any:
    r"""Return :math:`m_k=E\,\mathrm{tr}\,H^k` of :math:`H=\sum_{i\le N}x_ix_i^\top`, exactly.

    .. math:: m_1 = Nds, \qquad m_2 = Nds^2(N+d+\kappa-2), \qquad \dots

    Parameters
    ----------
    k : int
        Exponent, up to 8; with Gaussian coordinates up to 40.
    N, d : int or sympy.Expr
        Points and dimension. Of symbols the moment is a polynomial.
    law : {"uniform", "gaussian", "laplace", "rademacher"} or sequence
        Law of the independent, symmetric coordinates; or its standardised moments E x^4/s^2, E x^6/s^3, ..., as far as
        exponent k needs them, up to E x^2k.
    s : float or sympy.Expr
        Variance of a coordinate.

    Returns
    -------
    float or sympy.Expr
        An expression if `N`, `d`, `s` or a moment of the law is one.

    Raises
    ------
    InputError
        For an exponent, a size or a law that cannot be.

    Examples
    --------
    >>> round(moments(2, 10, 10), 6)
    13.75
    >>> import sympy as sp
    >>> N, d = sp.symbols("N d")
    >>> sp.factor(moments(2, N, d, law="gaussian", s=1))
    N*d*(N + d + 1)
    """
    gaussian = isinstance(law, str) and law == "gaussian"
    k = check_whole(k, "`k`", high=HIGHEST_GAUSSIAN if gaussian else HIGHEST)
    standard = standardised(law, k)
    symbolic = any(isinstance(x, sp.Basic) for x in (N, d, s, *standard))
    N, d = _size(N, "`N`"), _size(d, "`d`")
    s = _finite(s, "`s`") if isinstance(s, sp.Basic) else Fraction(_variance(s))
    value = wishart(k, N, d) * s**k if k > HIGHEST else moment(k, N, d, standard, s)
    try:
        return sp.sympify(value) if symbolic else float(value)
    except OverflowError as error:
        raise InputError("this moment is beyond floating point; use smaller numbers, or a symbol for one.") from error


def _size(value: Any, what: str) -> Any:
    return _finite(value, what) if isinstance(value, sp.Basic) else check_whole(value, what, high=LARGEST_SIZE)


def _variance(s: Any) -> float:
    return check_between(s, "`s`, the variance of a coordinate,", 1e-100, 1e100)


def _finite(value: Any, what: str) -> Any:
    if not isinstance(value, sp.Expr) or value.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I):
        raise InputError(f"{what} is a number or a formula of SymPy, real and finite; got {shown(value)}.")
    return value


def standardised(law: str | Sequence[Any], k: int) -> Kappas:
    """Return the standardised even moments of a law from kappa_2 = 1 to kappa_2k."""
    if isinstance(law, str):
        return kappas(law)
    if not isinstance(law, Sequence) or len(law) < k - 1:
        raise InputError(
            f"`law` is one of {', '.join(map(repr, LAWS))} or the {k - 1} standardised moments E x^4/s^2, ... that the "
            f"exponent {k} needs; got {shown(law)}."
        )
    given = [_finite(x, "`law`") if isinstance(x, sp.Basic) else check_between(x, *MOMENT) for x in law]
    found = (Fraction(1), *(x if isinstance(x, sp.Basic) else Fraction(x) for x in given))
    for low, middle, high in zip(found, found[1:], found[2:], strict=False):
        if not isinstance(low * middle * high, sp.Basic) and middle**2 > low * high * (1 + Fraction(1, 10**12)):
            raise InputError(
                f"no law has the standardised moments {shown(law)}: they must grow by ever larger factors."
            )
    return found


def partitions(k: int, largest: int | None = None) -> Iterator[tuple[int, ...]]:
    """Yield the partitions of k, parts in falling order."""
    if k == 0:
        yield ()
    for first in range(min(k, largest or k), 0, -1):
        for rest in partitions(k - first, first):
            yield (first, *rest)


@cache
def _weights(k: int) -> dict[tuple[int, ...], Fraction]:
    """Return 2k theta/j of every partition of k where it is not zero."""
    made = {}
    for parts in partitions(k):
        if len(parts) > 2 and parts[2] > 1:  # theta has the factor of box (2, 1), which is zero
            continue
        columns = [sum(part > c for part in parts) for c in range(parts[0])]
        boxes = [(r, c) for r, part in enumerate(parts) for c in range(part)]
        hooks = [(parts[r] - c - 1, columns[c] - r - 1) for r, c in boxes]
        j = prod((2 * arm + leg + 1) * (2 * arm + 2 + leg) for arm, leg in hooks)
        made[parts] = Fraction(2 * k * prod(2 * c - r for r, c in boxes[1:]), j)
    return made


def wishart(k: int, N: Any, d: Any) -> Any:
    """Return E tr H^k of Gaussian inputs of variance 1, of numbers or symbols."""
    total = 0
    for parts, weight in _weights(k).items():
        shifts = [2 * c - r for r, part in enumerate(parts) for c in range(part)]
        number = weight if not isinstance(N * d, sp.Basic) else sp.Rational(weight.numerator, weight.denominator)
        total += number * prod((d + x) * (N + x) for x in shifts)
    return total


def proportional(k: int, c: Any) -> Any:
    r"""Return :math:`\lim m_k/(d(Ns)^k)=\sum_j\binom kj\binom k{j-1}c^{j-1}/k` at d = cN (Marchenko-Pastur)."""
    binomial = [factorial(k) // (factorial(j) * factorial(k - j)) for j in range(k + 1)]
    return sum(binomial[j] * binomial[j - 1] * c ** (j - 1) for j in range(1, k + 1)) / k if k else 1
