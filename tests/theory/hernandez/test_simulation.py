"""Closed forms of the wing against random matrices, on draws that nothing was fitted to."""

from itertools import pairwise

import numpy as np
import pytest

import theory
from theory.hernandez.market import several

P = 400  # directions
WITHIN = 0.01
SEED = 20_240


def fresh(f: float, n: int, draws: int) -> tuple[float, float]:
    """Return excess over the noise, and training over test error, of the flow's end on draws of n samples."""
    found, ratios = [], []
    for k in range(draws):
        rng = np.random.default_rng([SEED, k])
        x = rng.standard_normal((n, P))
        s = np.linalg.eigvalsh(x.T @ x / n).clip(0)
        h = 1 - f + f * s
        excess = f**2 / n * np.sum(s / h**2)  # the mean over the noise, as all that follows
        left = 1 - P / n + np.sum((1 - f * s / h) ** 2) / n
        found.append(excess)
        ratios.append(left / (1 + excess))
    return float(np.mean(found)), float(np.mean(ratios))


@pytest.mark.parametrize("f", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("y", [0.1, 0.5, 1.0, 2.0, 5.0])
def test_freshness_is_a_ridge(f: float, y: float) -> None:
    n = round(f * P / y)
    made = theory.fresh_ridge(f * P / n, f)
    excess, ratio = fresh(f, n, 4 if n > 100 else 16)
    assert excess == pytest.approx(made.excess, rel=WITHIN)
    assert ratio == pytest.approx(made.train_ratio, rel=2 * WITHIN)


@pytest.mark.parametrize(("f", "c"), [(0.9, 2.0), (0.5, 1.0), (0.1, 4.0)])
def test_the_course_is_that_of_the_flow(f: float, c: float) -> None:
    n, times = round(P / c), np.array([0.0, 0.5, 2.0, 8.0, 60.0])
    rng, found = np.random.default_rng(SEED), []
    for _ in range(4):
        x = rng.standard_normal((n, P))
        s = np.linalg.eigvalsh(x.T @ x / n).clip(0)
        h = 1 - f + f * s
        start = np.mean(np.exp(-2 * h * times[:, None]), axis=1)
        grown = np.sum(s * (f / h) ** 2 * (1 - np.exp(-h * times[:, None])) ** 2, axis=1) / n
        found.append(1.7 * start + 0.6 * grown)
    made = theory.fresh_ridge_course(times, f, P / n, S0=1.7, sigma2=0.6)
    assert np.mean(found, axis=0) == pytest.approx(made, rel=WITHIN)
    end = theory.fresh_ridge_course(2000.0 if f < 0.9 else 1e5, f, P / n, S0=1.7, sigma2=0.6)
    assert end == pytest.approx(0.6 * theory.fresh_ridge(f * P / n, f).excess, rel=1e-9)


SPECTRA = {
    "isotropic": np.ones(P),
    "power": np.arange(1, P + 1) ** -1.0,
    "blocks": np.repeat([4.0, 0.1], [P // 4, P - P // 4]),
}
HISTOGRAMS = {
    "two": ([1, 20], [3000, 150]),
    "three": ([1, 6, 60], [700, 200, 60]),
    "heavy": ([1, 2, 16, 128], [500, 300, 60, 20]),
}


def weighted(
    spectrum: np.ndarray, groups: tuple[list[int], list[int]], ridge: float, target: np.ndarray, draws: int
) -> np.ndarray:
    """Return excess, and error on every group, of weighted regressions; means over noise of variance 1."""
    weights = np.repeat(np.array(groups[0], dtype=float), groups[1])
    first = np.concatenate([[0], np.cumsum(groups[1])])
    found = []
    for k in range(draws):
        rng = np.random.default_rng([SEED + 1, k])
        x = rng.standard_normal((weights.size, P)) * np.sqrt(spectrum)
        inverse = np.linalg.inv(x.T @ (weights[:, None] * x) + ridge * np.eye(P))
        kernel = inverse @ (x.T * weights)  # from labels to the fit
        noise = np.sum(spectrum[:, None] * kernel**2)
        lost = -ridge * inverse @ target
        test = noise + np.sum(spectrum * lost**2)
        hat = x @ kernel
        residual = 1 - 2 * np.diag(hat) + np.sum(hat**2, axis=1) + (x @ lost) ** 2
        found.append([test, *(residual[a:b].mean() for a, b in pairwise(first))])
    return np.mean(found, axis=0)


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize(("name", "ridge"), [("two", 0.0), ("three", 0.0), ("three", 40.0), ("heavy", 5.0)])
def test_weighted_samples_of_any_spectrum(spectrum: str, name: str, ridge: float) -> None:
    values = SPECTRA[spectrum]
    target = 3 * np.cos(np.arange(P)) / np.sqrt(P)
    found = weighted(values, HISTOGRAMS[name], ridge, target, 3)
    made = theory.weighted_risk(*HISTOGRAMS[name], spectrum=values, ridge=ridge, target=target)
    assert found[0] == pytest.approx(made.excess, rel=WITHIN)
    shown = np.array(HISTOGRAMS[name][1]) >= 60  # the mean of a small group has noise of its own
    assert found[1:][shown] == pytest.approx(made.train[shown], rel=0.04)


def test_fewer_samples_than_directions_are_interpolated() -> None:
    """Weights drop out; with a least ridge the simulation has the same limit."""
    groups = ([1, 9], [200, 60])
    made = theory.weighted_risk(*groups, p=P)
    assert made.excess == pytest.approx(theory.weighted_risk([1], [260], p=P).excess, rel=1e-12)
    assert not made.train.any()
    found = weighted(np.ones(P), groups, 1e-5, np.zeros(P), 6)
    assert found[0] == pytest.approx(made.excess, rel=WITHIN)
    missed = theory.weighted_risk(*groups, p=P, target=4.0).excess - made.excess
    assert missed == pytest.approx(4 * (1 - 260 / P), rel=1e-12)


def test_inputs_of_another_covariance() -> None:
    """The recommended test: 120 directions, 40 samples, half of the tokens repeated, 60 draws."""
    p, n, f, draws = 120, 40, 0.5, 60
    spectrum = 1 / np.arange(1, p + 1)
    other = np.full(p, spectrum.mean())
    ratio = []
    for k in range(draws):
        rng = np.random.default_rng([SEED + 2, k])
        x = rng.standard_normal((n, p)) * np.sqrt(spectrum)
        kernel = np.linalg.solve((1 - f) * np.diag(spectrum) + f * x.T @ x / n, f * x.T / n)
        ratio.append([np.sum(other[:, None] * kernel**2), np.sum(spectrum[:, None] * kernel**2)])
    shifted, plain = np.mean(ratio, axis=0)
    assert plain == pytest.approx(theory.fresh_ridge(f * p / n, f).excess, rel=0.03)
    assert shifted / plain == pytest.approx(theory.shift_factor(spectrum, other), rel=0.05)


def test_a_long_stream_is_the_closed_form() -> None:
    p, tokens, f = 100.0, 1e9, 0.3
    for y in (0.01, 0.3, 1.0, 4.0):
        r = y * tokens / p
        whole = theory.weighted_risk([1, r], [(1 - f) * tokens, f * tokens / r], p=p).excess
        assert whole == pytest.approx(theory.fresh_ridge(y, f).excess, rel=1e-4)


def test_several_goods_are_shared_out_as_a_search_finds() -> None:
    rng = np.random.default_rng(SEED)
    for _ in range(20):
        shares = rng.dirichlet(np.ones(4))[:3] * rng.uniform(0.1, 0.9)
        sizes = rng.lognormal(-1, 1, 3)
        grids = np.meshgrid(*[np.linspace(0, 1, 61)] * 3, indexing="ij")
        taken = sum(u * g for u, g in zip(sizes, grids, strict=True))
        known = sum(f * g for f, g in zip(shares, grids, strict=True))
        with np.errstate(invalid="ignore", divide="ignore"):
            cost = np.where(taken < 1, np.log1p(-known) - 0.1 * np.log1p(-np.minimum(taken, 1 - 1e-12)), np.inf)
        x = several(shares, sizes, 0.1)
        at = 1 - taken.flat[int(np.argmin(cost))]
        assert x == pytest.approx(at, abs=0.5 * sizes.max() / 30)
        one = several(shares[:1], sizes[:1], 0.1)
        assert one == pytest.approx(theory.capacity_market(shares[0], 0.1).x(sizes[0]), abs=1e-12)
