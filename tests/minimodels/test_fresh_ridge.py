"""Freshness as ridge against random matrices, whose flow is followed in full, and against its closed forms."""

import numpy as np
import pytest
from scipy.integrate import quad

import minimodels as mm


def excess_of_draws(f: float, c: float, times: np.ndarray, p: int, draws: int) -> np.ndarray:
    """Return the excess over time of p parameters and p/c samples, in the mean over starts and noise of each draw."""
    found, n = [], round(p / c)
    for seed in range(draws):
        X = np.random.default_rng(seed).normal(size=(n, p))
        values, vectors = np.linalg.eigh((1 - f) * np.eye(p) + f * X.T @ X / n)
        pull = f / n * X @ vectors  # of a unit of noise in each sample
        decay = np.exp(-np.outer(times, values))
        noise = ((1 - decay) / values) ** 2 @ (pull**2).sum(axis=0)
        found.append((decay**2).mean(axis=1) + noise)
    return np.mean(found, axis=0)


@pytest.mark.parametrize(("f", "c"), [(0.1, 2.0), (0.5, 0.5), (0.5, 1.0), (0.9, 2.0), (0.9, 5.0)])
def test_the_flow_of_whole_matrices(f: float, c: float) -> None:
    times = np.array([0.1, 0.5, 1.0, 3.0, 10.0, 40.0])
    run = mm.simulate(mm.model("fresh_ridge", f=f, c=c), t_end=40.0, save=times)
    np.testing.assert_allclose(run.excess, excess_of_draws(f, c, times, 400, 6), rtol=0.01)


def test_a_literal_flow_with_its_noise() -> None:
    """Gradient steps on fresh samples in the mean and on fixed ones with noise, of one draw after the other."""
    f, c, p, lr, steps = 0.9, 2.0, 100, 0.01, 400
    n, found = 50, []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        X, noise, error = rng.normal(size=(n, p)), rng.normal(size=n), rng.normal(size=p) / p**0.5
        for _ in range(steps):
            error = error - lr * ((1 - f) * error + f * X.T @ (X @ error - noise) / n)
        found.append((error**2).sum())
    run = mm.descend(mm.model("fresh_ridge", f=f, c=c), lr=lr, steps=steps)
    assert float(run.excess[-1]) == pytest.approx(np.mean(found), abs=3 * np.std(found) / 200**0.5)


def course(t: float, f: float, c: float) -> float:
    """Return E(t) - sigma^2 for S0 = sigma^2 = 1 by adaptive quadrature over the law of Marchenko and Pastur."""
    low, high = (1 - c**0.5) ** 2, (1 + c**0.5) ** 2

    def over(g: object) -> float:
        def turned(a: float) -> float:
            s = (high + low) / 2 + (high - low) / 2 * np.cos(a)
            density = np.sqrt((high - s) * (s - low)) / (2 * np.pi * c * s)
            return density * g(s) * (high - low) / 2 * np.sin(a)  # type: ignore[operator, no-any-return]

        return float(quad(turned, 0, np.pi, epsabs=1e-13, limit=500)[0])

    bias = over(lambda s: np.exp(-2 * (1 - f + f * s) * t)) + max(0, 1 - 1 / c) * np.exp(-2 * (1 - f) * t)
    noise = over(lambda s: s * (f / (1 - f + f * s) * (1 - np.exp(-(1 - f + f * s) * t))) ** 2)
    return float(bias + c * noise)


@pytest.mark.parametrize("f", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("c", [0.3, 0.9, 0.999, 1.05, 2.0, 10.0])
def test_the_nodes_stand_for_all_eigenvalues(f: float, c: float) -> None:
    times = np.array([0.1, 1.0, 3.0, 20.0, 200.0])
    run = mm.simulate(mm.model("fresh_ridge", f=f, c=c), t_end=200.0, save=times, rtol=1e-9)
    np.testing.assert_allclose(run.excess, [course(t, f, c) for t in times], rtol=2e-5)


@pytest.mark.parametrize("f", [0.03, 0.1, 0.5, 0.9])
def test_the_end_is_the_closed_form_in_y(f: float) -> None:
    """V = ((1 - 4fy/(1+y)^2)^(-1/2) - 1)/2 with y = f c, largest at y = 1, the same at y and 1/y."""
    y = np.array([0.05, 0.5, 0.8, 1.0, 1.25, 2.0, 20.0])
    V = mm.sweep(mm.model("fresh_ridge", f=f), {"c": y / f}, t_end=600.0, keep="excess", rtol=1e-10).excess.values
    np.testing.assert_allclose(V, ((1 - 4 * f * y / (1 + y) ** 2) ** -0.5 - 1) / 2, rtol=1e-4)
    assert V.argmax() == 3
    np.testing.assert_allclose(V, V[::-1], rtol=1e-4)


def test_double_descent_in_time_at_ninety_percent_repeats() -> None:
    """f = .9: down, up, down at c = 2; at c = 1 it rises from .543 to 1.062 and stays; hardly a rise from c = 10 on."""
    times = np.geomspace(0.01, 400, 1500)

    def turns(f: float, c: float) -> tuple[float, float, float]:
        e = mm.simulate(mm.model("fresh_ridge", f=f, c=c), t_end=400.0, save=times, rtol=1e-9).excess.values
        first = int(np.argmax(np.diff(e) > 1e-9)) if (np.diff(e) > 1e-9).any() else len(e) - 1
        return float(e[first]), float(e[first:].max()), float(e[-1])

    lowest, highest, end = turns(0.9, 2.0)
    assert lowest < 0.9 * highest
    assert end < 0.9 * highest
    assert turns(0.9, 1.0) == pytest.approx((0.543, 1.062, 1.062), abs=6e-4)
    for c, rise in ((3.0, 0.037), (5.0, 0.010), (10.0, 0.003)):
        lowest, highest, _ = turns(0.9, c)
        assert highest / lowest - 1 == pytest.approx(rise, abs=0.0011)
    for c in (0.5, 1.0, 2.0):
        lowest, highest, _ = turns(0.5, c)
        assert highest / lowest - 1 < 0.05
        lowest, highest, _ = turns(0.1, c)
        assert highest / lowest - 1 < 0.0035
    lowest, highest, _ = turns(0.5, 3.0)
    assert highest / lowest - 1 < 1e-3
