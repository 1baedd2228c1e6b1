"""Experiments without attention against direct solutions, numeric minimisation and Monte Carlo."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

import theory
from validation.hernandez import without_attention
from validation.hernandez.repeated_samples import drawn_excess, worst_size
from validation.hernandez.softmax_regression import divergences, minimum
from validation.hernandez.without_attention import bigrams, control, descended, regression, table

F = 0.5


def drawn(n: int, p: int, outputs: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    return rng.standard_normal((n, p)), rng.standard_normal((n, outputs))


def ridge(x: np.ndarray, noise: np.ndarray, f: float) -> np.ndarray:
    """The least of (1-f) |theta|^2 + f |noise - x theta|^2/n, by the normal equations."""
    return np.linalg.solve((1 - f) * np.eye(x.shape[1]) + f * x.T @ x / len(x), f * x.T @ noise / len(x))


def test_sgd_ends_at_the_ridge_solution() -> None:
    """Two runs of another stream differ from it by their own noise only, which falls as one over the steps."""
    x, noise = drawn(8, 12)
    truth = np.random.default_rng(1).standard_normal((12, 3))
    far = []
    for steps in (2000, 32_000):
        ends = [descended(x, x @ truth + noise, truth, F, steps, np.random.default_rng(k)) - truth for k in (1, 2)]
        far.append(np.mean([(end - ridge(x, noise, F)) ** 2 for end in ends]))
    assert far[1] == pytest.approx(far[0] / 16, rel=0.5)
    assert np.sqrt(far[1]) < 0.02 * np.abs(ridge(x, noise, F)).max()


@pytest.mark.parametrize(("n", "p"), [(8, 12), (30, 12)])
def test_what_is_subtracted_has_the_mean_that_is_added(n: int, p: int) -> None:
    x, noise = drawn(n, p, 20_000)
    here, mean = control(x, noise, F)
    solved = ridge(x, noise, F)
    assert here == pytest.approx([(solved**2).sum(0).mean(), ((noise - x @ solved) ** 2).mean()])
    assert here == pytest.approx(mean, rel=0.02)


def test_an_experiment_is_a_function_of_its_seed_and_near_the_closed_form() -> None:
    first, again, other = (regression(F, 60, 60, seed=seed, steps=300) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).all()
    made = theory.fresh_ridge(F, F)
    assert first[0] == pytest.approx(made.excess, rel=0.2)
    assert first[2] > first[0]  # a single run has noise of its own
    assert first[1] / (1 + first[0]) == pytest.approx(made.train_ratio, rel=0.1)


def test_the_table_is_the_least_of_the_loss_of_the_mixture() -> None:
    rng = np.random.default_rng(0)
    P, counts = rng.dirichlet(np.ones(4), size=3), rng.integers(0, 4, size=(3, 4)).astype(float)

    def loss(logits: np.ndarray) -> float:
        logs = log_softmax(logits.reshape(3, 4), axis=1)
        return -float((1 - F) * (P * logs).sum(1).mean() + F * (counts * logs).sum() / counts.sum())

    found = softmax(minimize(loss, np.zeros(12), options={"gtol": 1e-9}).x.reshape(3, 4), axis=1)
    np.testing.assert_allclose(table(counts, P, F), found, atol=1e-5)
    assert table(counts, P, F).sum(1) == pytest.approx(np.ones(3))


def test_bigrams_are_hurt_as_a_sampled_repeated_set_does() -> None:
    """One context: the excess is the mean over multinomial counts, here drawn token by token."""
    found = bigrams(0.3, 1.0, np.array([5.0]), K=6, draws=4000)[:, 0]
    rng, each = np.random.default_rng(7), []
    for _ in range(4000):
        P, counts = rng.dirichlet(np.ones(6), size=6), np.zeros((6, 6))
        for context in rng.integers(6, size=5):
            counts[context, rng.choice(6, p=P[context])] += 1
        each.append((P * np.log(P / table(counts, P, 0.3))).sum(1).mean())
    error = np.hypot(np.std(found), np.std(each)) / np.sqrt(4000)
    assert abs(found.mean() - np.mean(each)) < 4 * error
    assert (found > 0).all()


def test_softmax_regression_finds_its_teacher_in_an_unlimited_stream() -> None:
    rng = np.random.default_rng(2)
    x, teacher = rng.standard_normal((400, 5)), rng.standard_normal((5, 3))
    found = minimum(x, softmax(x @ teacher, axis=1), np.full(400, 1 / 400), 0 * teacher)
    np.testing.assert_allclose(
        found - found.mean(1, keepdims=True), teacher - teacher.mean(1, keepdims=True), atol=1e-3
    )
    few, many = divergences(3, 0, np.array([24.0, 6000.0]))
    assert many < 0.1 * few
    assert many == pytest.approx(F**2 * 24 * (3 - 1) / (2 * 6000), rel=0.5)  # as many parameters, f of their noise


@pytest.mark.parametrize("time", [0.7, 30.0])
def test_the_flow_on_a_drawn_set_is_that_of_its_equation(time: float) -> None:
    """The noise of the labels put in unit by unit, along the differential equation itself."""
    from minimodels.streams import generator
    from validation.hernandez.repeated_samples import STREAM

    spectrum, n = 1 / np.arange(1, 7.0), 4
    x = generator(3, STREAM).standard_normal((n, 6)) * np.sqrt(spectrum)
    pull = (1 - F) * np.diag(spectrum) + F * x.T @ x / n
    ends = [
        solve_ivp(lambda t, d, s=sample: F * s / n - pull @ d, (0, time), np.zeros(6), rtol=1e-9, atol=1e-12).y[:, -1]
        for sample in x
    ]
    flat = np.ones(6)
    found = drawn_excess(spectrum, n, F, 3, time=time, evaluation=flat)
    assert found == pytest.approx([sum(weights @ end**2 for end in ends) for weights in (spectrum, flat)], rel=1e-6)


def test_drawn_sets_have_the_excess_of_the_closed_form() -> None:
    each = [drawn_excess(1 / np.arange(1, 121.0), 60, F, seed)[0] for seed in range(20)]
    assert np.mean(each) == pytest.approx(theory.fresh_ridge(1.0, F).excess, rel=0.02)
    sizes = np.round(2.0 ** np.arange(3, 8, 0.5))
    assert worst_size(100, sizes, f=F, power=0.0, time=1e6, draws=6).mean() == pytest.approx(50, rel=0.1)  # f p


def test_streams_are_apart() -> None:
    from validation.hernandez import repeated_samples, softmax_regression

    numbers = {repeated_samples.STREAM, without_attention.STREAM, without_attention.BIGRAMS, softmax_regression.STREAM}
    assert len(numbers) == 4
