r"""Moments of Gram matrices :math:`H=\sum_{i\le N}x_ix_i^\top` of symmetric, independent, alike coordinates.

With the variance :math:`s` of a coordinate and its standardised moments :math:`\kappa_{2j}=E[x^{2j}]/s^j`,

.. math::

    \frac{E\,\mathrm{tr}\,H^k}{s^k}
    = \sum_{\text{walks}} (d)_{\#\text{coordinates}}\,(N)_{\#\text{samples}} \prod_{\text{edges}} \kappa_{m} ,

over the closed walks of :math:`2k` steps between coordinates and samples, named in the order of their first visit,
that take every edge an even number of times :math:`m`; :math:`(n)_p` is the falling factorial. (The walks are the
pairs of set partitions whose blocks meet evenly.) They are counted once for every law, size and dimension.
"""

from fractions import Fraction
from functools import cache
from math import factorial, prod
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from minimodels.errors import check_choice

HIGHEST = 8  # exponent up to which walks are counted: 279 967 of them, in half a second
LAWS = {
    "uniform": lambda j: Fraction(3**j, 2 * j + 1),
    "gaussian": lambda j: Fraction(prod(range(1, 2 * j, 2))),
    "laplace": lambda j: Fraction(factorial(2 * j), 2**j),
    "rademacher": lambda j: Fraction(1),
}
Kappas: TypeAlias = tuple[Any, ...]  # kappa_2 = 1, kappa_4, kappa_6, ...


def kappas(law: str) -> Kappas:
    """Return the standardised even moments of a law, from kappa_2 = 1 to kappa_16."""
    return tuple(LAWS[check_choice(law, "`law`", LAWS)](j) for j in range(1, HIGHEST + 1))


@cache
def walks(k: int) -> dict[tuple[tuple[int, ...], int, int], int]:
    """Return how many walks there are by the halved uses of their edges, their coordinates and samples."""
    uses = np.zeros((1, k, k), np.int8)  # of every edge, by coordinate and sample
    now, seen, odd = np.zeros((2, 1), np.int8), np.array([[1], [0]], np.int8), np.zeros(1, np.int8)
    for left in range(2 * k - 1, -1, -1):
        side = left % 2  # to a sample, to a coordinate, ...; in the end to the first one
        ways = zip(*(_step(uses, now, seen, odd, side, to, left) for to in range(k if left else 1)), strict=True)
        uses, now, seen, odd = (np.concatenate(parts, axis) for parts, axis in zip(ways, (0, 1, 1, 0), strict=True))
    digits = (*((uses == 2 * j).sum((1, 2)) for j in range(1, k + 1)), *seen.astype(np.int64))
    shape = (k + 1,) * len(digits)
    found, counts = np.unique(np.ravel_multi_index(digits, shape), return_counts=True)
    rows = np.stack(np.unravel_index(found, shape), 1).tolist()
    return {(tuple(row[:-2]), row[-2], row[-1]): n for row, n in zip(rows, counts.tolist(), strict=True)}


def _step(
    uses: np.ndarray, now: np.ndarray, seen: np.ndarray, odd: np.ndarray, side: int, to: int, left: int
) -> tuple[np.ndarray, ...]:
    """Return the walks that can take a step to this place and still even out in the steps that are left."""
    edge = (now[0], to) if side else (to, now[1])
    after = odd + 1 - 2 * (uses[np.arange(odd.size), *edge] % 2)
    able = np.flatnonzero((to <= seen[side]) & (after <= left))
    uses, now, seen = uses[able], now[:, able], seen[:, able]
    now[side] = to
    uses[np.arange(able.size), now[0], now[1]] += 1
    seen[side] = np.maximum(seen[side], to + 1)
    return uses, now, seen, after[able]


def terms(k: int, law: Kappas) -> dict[tuple[int, int], Any]:
    """Return the coefficients of (d)_a (N)_b in E tr H^k / s^k by (a, b)."""
    made: dict[tuple[int, int], Any] = {}
    for (edges, a, b), count in walks(k).items():
        weight = prod((kappa**n for kappa, n in zip(law, edges, strict=False) if n), start=Fraction(count))
        made[a, b] = made.get((a, b), 0) + weight
    return made


def falling(n: Any, p: int) -> Any:
    """Return n (n - 1) ... (n - p + 1)."""
    return prod((n - j for j in range(p)), start=1)


def moment(k: int, N: Any, d: Any, law: Kappas, s: Any = 1) -> Any:
    """Return E tr H^k exactly, of numbers or of symbols; k is at most `HIGHEST`, k = 0 is d."""
    if k == 0:
        return d
    by_samples: dict[int, Any] = {}
    for (a, b), weight in terms(k, law).items():
        by_samples[b] = by_samples.get(b, 0) + _of_kind(weight, N, d) * falling(d, a)
    return s**k * sum(falling(N, b) * part for b, part in by_samples.items())


def _of_kind(weight: Any, *numbers: Any) -> Any:
    symbolic = isinstance(weight, Fraction) and any(isinstance(n, sp.Basic) for n in numbers)
    return sp.Rational(weight.numerator, weight.denominator) if symbolic else weight
