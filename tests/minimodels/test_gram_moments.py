"""Moments of Gram matrices against sums over all matrices of a law with three values, and against samples."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import sympy as sp

from minimodels.gram_moments import HIGHEST, kappas, moment, walks


def all_matrices(N: int, d: int, high: Fraction) -> list[tuple[Fraction, np.ndarray]]:
    """Return every matrix with entries -1, 0, 1 (probability of not 0: high) with its probability."""
    chance = {0: 1 - high, 1: high / 2, -1: high / 2}
    found = []
    for entries in product(chance, repeat=N * d):
        weight = Fraction(1)
        for x in entries:
            weight *= chance[x]
        found.append((weight, np.array(entries, dtype=object).reshape(d, N)))
    return found


@pytest.mark.parametrize(("N", "d", "high"), [(2, 2, Fraction(2, 3)), (3, 2, Fraction(1, 3)), (1, 4, Fraction(3, 4))])
def test_every_moment_is_that_of_all_matrices(N: int, d: int, high: Fraction) -> None:
    """Exactly, in fractions: x = -1, 0, 1 has E x^2k = high, so kappa_2k = high^(1 - k)."""
    law = tuple(high ** (1 - k) for k in range(1, HIGHEST + 1))
    totals = [Fraction(0)] * (HIGHEST + 1)
    for weight, X in all_matrices(N, d, high):
        gram = X.dot(X.T)
        power = np.eye(d, dtype=object)
        for k in range(HIGHEST + 1):
            totals[k] += weight * np.trace(power)
            power = power.dot(gram)
    assert [moment(k, N, d, law, high) for k in range(HIGHEST + 1)] == totals


@pytest.mark.parametrize(
    ("law", "draw"),
    [
        ("uniform", lambda rng, shape: rng.uniform(-0.5, 0.5, shape)),
        ("laplace", lambda rng, shape: rng.laplace(0, 24**-0.5, shape)),
        ("rademacher", lambda rng, shape: rng.choice([-1, 1], shape) / 12**0.5),
        ("gaussian", lambda rng, shape: rng.normal(0, 12**-0.5, shape)),
    ],
)
def test_moments_of_samples(law: str, draw: object) -> None:
    rng = np.random.default_rng(3)
    for N, d in ((6, 4), (3, 5)):
        X = draw(rng, (40_000, d, N))  # type: ignore[operator]
        eigenvalues = np.linalg.eigvalsh(X @ X.transpose(0, 2, 1))
        for k in range(1, 6):
            found = (eigenvalues**k).sum(axis=1)
            error = found.std() / len(found) ** 0.5
            assert float(moment(k, N, d, kappas(law), Fraction(1, 12))) == pytest.approx(
                found.mean(), abs=4.5 * error + 1e-12
            )


def test_points_and_dimensions_change_places() -> None:
    """tr (XX')^k = tr (X'X)^k, as polynomials."""
    N, d = sp.symbols("N d")
    for k in range(1, 7):
        found = moment(k, N, d, kappas("uniform"))
        assert sp.expand(found - found.subs({N: d, d: N}, simultaneous=True)) == 0


def test_numbers_of_walks() -> None:
    """One coordinate: the walks are the set partitions of samples (Bell numbers); and in all as counted once."""
    bell = [1, 2, 5, 15, 52, 203, 877, 4140]
    for k in range(1, HIGHEST + 1):
        assert sum(n for (_, a, _), n in walks(k).items() if a == 1) == bell[k - 1]
    assert [sum(walks(k).values()) for k in range(1, 9)] == [1, 3, 12, 62, 398, 3062, 27429, 279967]
