"""Losses, optima and limits against samples, other minimisers, other formulas and the flow of the model."""

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

import minimodels as mm
import theory
from minimodels.gram_moments import HIGHEST, kappas, moment
from theory.oswald import spectra
from theory.oswald.moments import proportional, wishart

FORMS: list[dict[str, Any]] = [
    {"K": 1, "kind": "gd"},
    {"K": 2},
    {"K": 2, "tied": False},
    {"K": 2, "kind": "gd", "tied": False},
    {"K": 3, "kind": "gd", "law": "laplace"},
]


def wishart_1(k: int) -> int:
    """Return E x^2k of a standard normal variable, (2k - 1)!!."""
    return prod(range(1, 2 * k, 2))


def drawn(rng: np.random.Generator) -> dict[str, Any]:
    """Return random sizes and scales."""
    sizes = {"N": int(rng.integers(4, 30)), "d": int(rng.integers(3, 15))}
    return sizes | {"s": rng.lognormal(-1, 0.5), "tau": rng.lognormal(0, 0.3), "sigma": rng.uniform(0, 0.6)}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_step_holds_and_runs_show_what_is_predicted(form: dict[str, Any]) -> None:
    derivation = theory.derive("gd_plus_plus", **form)
    assert not [(r.name, s.sentence, str(s.check)) for r in derivation for s in r.steps if not s.check.passed]
    assert derivation.latex().count(r"\begin{equation}") == derivation.latex().count(r"\end{equation}")
    m = mm.model("gd_plus_plus", **form)
    rows = theory.predict(m).beside(mm.simulate(m, t_end=20_000.0, rtol=1e-10, atol=1e-14))
    minima = [x for x in rows.result.values if str(x).startswith("optimum_")]
    reached = [float(rows.deviation.sel(result=x)) for x in minima] or [float(rows.deviation.max())]
    assert min(map(abs, reached)) < 1e-7  # the flow ends in one of the minima


def test_gd_loss_is_the_loss_of_the_model() -> None:
    rng = np.random.default_rng(0)
    for form in FORMS:
        chosen = drawn(rng)
        m = mm.model("gd_plus_plus", **form, **chosen)
        state = {k: float(rng.uniform(0, 0.3)) for k in m.state}
        K, tied = m.options["K"], m.options["tied"]
        a, gamma = ([state[x] if tied else state[f"{x}_{k}"] for k in range(K) if tied or f"{x}_{k}" in state]
                    if (x if tied else f"{x}_0") in state else None for x in ("a", "gamma"))  # fmt: skip
        found = theory.gd_loss(a, gamma, law=m.options["law"], **chosen)
        run = mm.simulate(m, t_end=1e-9, init=state, save=[0.0])
        assert found == pytest.approx(float(run.loss[0]), rel=1e-10)


@pytest.mark.parametrize("frobenius", [None, 1.7])
def test_gd_loss_of_sampled_contexts(frobenius: float | None) -> None:
    """Deep GD++ with Gaussian inputs, noise and other scales, task by task; the spectrum is exact."""
    rng, N, d, tasks = np.random.default_rng(1), 9, 5, 100_000
    a, gamma, tau, sigma = [0.05, 0.08, 0.06], [0.02, 0.01], 1.2, 0.4
    x, asked = rng.normal(size=(tasks, d, N)), rng.normal(size=(tasks, d))
    factor = 0.8 if frobenius is None else frobenius / np.sqrt((x**2).sum(axis=(1, 2)))
    x, asked = (x.T * factor).T, (asked.T * factor).T
    w = rng.normal(0, tau, (tasks, d))
    y = np.einsum("tdi,td->ti", x, w) + rng.normal(0, sigma, (tasks, N))
    guess, inputs, query, left = np.zeros(tasks), x, asked, y
    for step, transform in zip(a, [*gamma, 0.0], strict=True):
        pulls = np.einsum("ti,tdi->td", left, inputs)
        guess = guess + step * np.einsum("td,td->t", pulls, query)
        gram = inputs @ inputs.transpose(0, 2, 1)
        left = left - step * np.einsum("td,tdi->ti", pulls, inputs)
        inputs, query = inputs - transform * gram @ inputs, query - transform * np.einsum("tde,te->td", gram, query)
    error = (np.einsum("td,td->t", w, asked) - guess) ** 2 / 2
    options = {"x_scale": 0.8} if frobenius is None else {"frobenius": frobenius}
    found = theory.gd_loss(a, gamma, N=N, d=d, law="gaussian", s=1.0, tau=tau, sigma=sigma, **options)
    assert found == pytest.approx(error.mean(), abs=4 * error.std() / tasks**0.5)


def test_corrupted_labels_of_samples() -> None:
    rng, N, d, bad, a, tau, sigma, tasks = np.random.default_rng(2), 8, 4, 3, 0.5, 1.3, 0.3, 200_000
    x, asked = rng.uniform(-0.5, 0.5, (tasks, d, N)), rng.uniform(-0.5, 0.5, (tasks, d))
    w = rng.normal(0, tau, (tasks, d))
    y = np.einsum("tdi,td->ti", x, w) + rng.normal(0, sigma, (tasks, N))
    y[:, :bad] = rng.normal(size=(tasks, bad))
    error = (np.einsum("td,td->t", w, asked) - a * np.einsum("ti,tdi,td->t", y, x, asked)) ** 2 / 2
    found = theory.gd_loss(a, N=N, d=d, tau=tau, sigma=sigma, corrupted=bad)
    assert found == pytest.approx(error.mean(), abs=4 * error.std() / tasks**0.5)


@pytest.mark.parametrize(
    ("kind", "tied", "K"), [("gd", True, 3), ("gd", False, 3), ("gd++", True, 2), ("gd++", False, 2)]
)
def test_the_optimum_is_that_of_another_minimiser(kind: str, tied: bool, K: int) -> None:
    """Nelder-Mead on `gd_loss`, from the optimum and from random places, finds nothing lower."""
    rng = np.random.default_rng(3)
    for law in ("uniform", "laplace"):
        chosen = drawn(rng)
        best = theory.gd_optimum(**chosen, K=K, kind=kind, tied=tied, law=law)
        assert best.loss == pytest.approx(theory.gd_loss(best.a, best.gamma or None, law=law, **chosen), rel=1e-9)

        def loss(y: np.ndarray, chosen: Any = chosen, law: str = law) -> float:
            steps = [y[0]] * K if tied else list(y[:K])
            transforms = None if kind == "gd" else ([y[1]] * (K - 1) if tied else list(y[K:]))
            return theory.gd_loss(steps, transforms, law=law, **chosen)

        at = [best.a[0], *best.gamma[:1]] if tied else [*best.a, *best.gamma]
        for start in (np.array(at), *(np.array(at) * rng.uniform(0.3, 2, len(at)) for _ in range(4))):
            found = minimize(
                loss, start, method="Nelder-Mead", options={"maxiter": 2000, "xatol": 1e-9, "fatol": 1e-14}
            )
            assert found.fun >= best.loss * (1 - 1e-9)


def test_noise_makes_steps_shorter_and_free_steps_stay_real_or_alike() -> None:
    for sigma in (0.0, 0.1, 0.3, 1.0, 3.0):
        best = theory.gd_optimum(10, 10, K=2, tied=False, sigma=sigma)
        plain = theory.gd_optimum(10, 10, sigma=sigma)
        assert best.loss < plain.loss
        assert plain.a[0] == pytest.approx(1 / (19.8 / 12 + sigma**2), rel=1e-9)
        assert plain.loss == pytest.approx(10 / 24 * (1 - plain.a[0] * 10 / 12), rel=1e-9)
        assert theory.bayes_risk(10, 10, sigma=sigma, spectra=5000).loss < best.loss


def test_two_formulas_of_gaussian_moments_and_the_density() -> None:
    for N, d in ((7, 4), (4, 7), (1, 1), (12, 12), (3, 30)):
        exact = spectra.gaussian(N, d)
        for k in range(HIGHEST + 1):
            walks = moment(k, N, d, kappas("gaussian"))
            assert k == 0 or wishart(k, N, d) == walks
            assert exact.trace(exact.points**k) == pytest.approx(float(walks), rel=1e-12)
        assert exact.trace(exact.points**25) == pytest.approx(float(wishart(25, N, d)), rel=1e-10)
        assert exact.trace(exact.points**36) == pytest.approx(float(wishart(36, N, d)), rel=1e-10)
    tail = spectra.gaussian(1, 1)  # of which the moments are those of a chi-square
    assert tail.trace((tail.points / 100) ** 100) == pytest.approx(float(Fraction(wishart_1(100), 100**100)), rel=1e-9)
    assert spectra.gaussian(20, 5).trace(1 / np.maximum(spectra.gaussian(20, 5).points, 1e-9)) == pytest.approx(5 / 14)


@pytest.mark.parametrize("law", ["uniform", "laplace", "rademacher"])
def test_the_rule_of_moments_integrates_them(law: str) -> None:
    for N, d in ((6, 3), (3, 6), (1, 5), (2, 1)):
        rule = spectra.exact(N, d, kappas(law), 8)
        for k in range(9):
            assert rule.trace(rule.points**k) == pytest.approx(float(moment(k, N, d, kappas(law))), rel=1e-11)


def test_limits_of_large_contexts() -> None:
    for c in (0.1, 0.5, 1.0, 3.0):
        for k in range(7):
            limit = spectra.marchenko_pastur(c)
            assert limit.trace(limit.points**k) == pytest.approx(float(proportional(k, Fraction(c))), rel=1e-10)
        for K in (1, 2, 5):
            best = theory.proportional_optimum(c, K=K, tied=False)
            assert best.loss == pytest.approx(theory.proportional_loss(c, K), rel=1e-9)
        far = theory.gd_optimum(2000, round(2000 * c), K=2, tied=False)
        assert far.loss / far.zero_loss == pytest.approx(theory.proportional_loss(c, 2), rel=5e-3)
    assert theory.proportional_loss(4.0, 40) == pytest.approx(theory.proportional_loss(4.0), rel=1e-9)


def test_bayes_is_ridge_regression() -> None:
    rng, N, d, tau, sigma, tasks = np.random.default_rng(4), 8, 6, 1.2, 0.3, 60_000
    x = rng.normal(size=(tasks, d, N))
    w = rng.normal(0, tau, (tasks, d))
    y = np.einsum("tdi,td->ti", x, w) + rng.normal(0, sigma, (tasks, N))
    ridge = np.linalg.solve(
        x @ x.transpose(0, 2, 1) + (sigma / tau) ** 2 * np.eye(d), np.einsum("tdi,ti->td", x, y)[..., None]
    )
    risk = ((w - ridge[..., 0]) ** 2).sum(axis=1) / 2
    exact = theory.bayes_risk(N, d, law="gaussian", s=1.0, tau=tau, sigma=sigma)
    assert exact.error == 0
    assert exact.loss == pytest.approx(risk.mean(), abs=4 * risk.std() / tasks**0.5)
    guess = theory.bayes_risk(N, d, law="laplace", s=1.0, sigma=1e-6, spectra=100)
    assert theory.bayes_risk(N, 12, law="laplace", s=1.0).loss == 2.0
    assert guess.loss < 1e-6
    alike = theory.bayes_risk(2, 2, law="rademacher", s=1.0)  # two equal or opposite columns in half of all contexts
    assert alike.loss == pytest.approx(0.25, abs=5 * alike.error)


def test_two_heads_of_a_literal_softmax() -> None:
    """Small logits, a matrix that is no multiple of the identity, correlated Gaussian inputs."""
    rng, N, d, eps, tasks = np.random.default_rng(5), 6, 3, 1e-3, 200_000
    mix = rng.normal(size=(d, d)) * 0.6
    cov = mix @ mix.T
    x, w = rng.normal(size=(tasks, N + 1, d)) @ mix.T, rng.normal(size=(tasks, d))
    B = rng.normal(size=(d, d)) * 0.1
    logits = eps * np.einsum("tia,ab,tb->ti", x[:, :N], B, x[:, N])
    heads = [np.exp(sign * logits) / np.exp(sign * logits).sum(axis=1, keepdims=True) for sign in (1, -1)]
    y = np.einsum("tid,td->ti", x, w)
    guess = N / (2 * eps) * ((heads[0] - heads[1]) * y[:, :N]).sum(axis=1)
    error = (y[:, N] - guess) ** 2 / 2
    found = theory.two_head_loss(B, N=N, law="gaussian", s=cov)
    assert found == pytest.approx(error.mean(), abs=4 * error.std() / tasks**0.5)
    best = theory.two_head_optimum(N, d, law="gaussian", s=cov)
    assert best.loss == pytest.approx(theory.two_head_loss(best.B, N=N, law="gaussian", s=cov), rel=1e-12)
    for _ in range(20):
        other = best.B + 0.05 * rng.normal(size=(d, d))
        assert theory.two_head_loss(other, N=N, law="gaussian", s=cov) > best.loss
    for law in ("uniform", "laplace"):
        alike = theory.two_head_optimum(N, d, law=law).B
        assert alike == pytest.approx(alike[0, 0] * np.eye(d), abs=1e-12)


def test_deep_stacks_with_gaussian_inputs_are_exact_and_better_with_every_layer_of_their_own() -> None:
    losses = []
    for K in (1, 2, 3, 4):
        best = theory.gd_optimum(20, 5, K=K, kind="gd++", tied=False, law="gaussian", s=1.0)
        assert best.loss == pytest.approx(
            theory.gd_loss(best.a, best.gamma or None, N=20, d=5, law="gaussian", s=1.0), rel=1e-6
        )
        assert best.error == 0
        losses.append(best.loss)
    assert losses[1] < losses[0] / 10
    assert losses[2] < losses[1] / 10
    assert losses[3] < losses[2] / 10


def test_minima_of_samples_are_judged_by_fresh_ones() -> None:
    best = theory.gd_optimum(10, 10, K=3, kind="gd++", tied=False, spectra=4000)
    assert best.loss < 0.07  # the lowest of the fit is ten times as high over fresh spectra
    assert best.minima[0].loss == best.fitted
    again = theory.gd_optimum(10, 10, K=3, kind="gd++", tied=False, spectra=4000)
    assert again == best
