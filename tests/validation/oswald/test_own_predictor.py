"""A user's own predictor, five lines of NumPy, through the metrics: results that are known in another way."""

import inspect
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch")

import minimodels as mm
import theory
import validation

Array = np.ndarray
TASK = mm.LinearRegressionTask()


def ridge(x: Array, y: Array, query: Array, penalty: float = 1e-12) -> Array:
    gram, pull = np.einsum("nid,nie->nde", x, x), np.einsum("nid,ni->nd", x, y)
    w = np.linalg.solve(gram + penalty * np.eye(x.shape[2]), pull[..., None])[..., 0]
    return np.asarray((w * query).sum(1))


def neighbours(x: Array, y: Array, query: Array, k: int = 1) -> Array:
    nearest = np.argsort(((x - query[:, None]) ** 2).sum(2), axis=1)[:, :k]
    return np.asarray(np.take_along_axis(y, nearest, axis=1).mean(1))


def nearest_of_one(x: Array, y: Array, query: Array) -> float:
    """For one context (N, d), (N,) and query (d,)."""
    return float(y[np.argmin(((x - query) ** 2).sum(1))])


def one_by_one(xs: Array, ys: Array, queries: Array) -> list[float]:
    return [nearest_of_one(x, y, query) for x, y, query in zip(xs, ys, queries, strict=True)]


def close(predictor: Callable[..., object], task: mm.LinearRegressionTask, expected: float) -> None:
    mean, error = validation.loss(predictor, task)
    assert abs(mean - expected) < 4 * error + 1e-9


@pytest.mark.parametrize("sigma", [0.2, 0.5, 1.0])
def test_ridge_with_the_ratio_of_noise_to_signal_is_bayes(sigma: float) -> None:
    task = mm.LinearRegressionTask(sigma=sigma, tau=1.5)
    risk = theory.bayes_risk(10, 10, sigma=sigma, tau=1.5).loss
    close(partial(ridge, penalty=sigma**2 / 1.5**2), task, risk)
    for penalty in (0.1, 10.0):
        assert validation.loss(partial(ridge, penalty=penalty * sigma**2 / 1.5**2), task)[0] > 1.02 * risk


def test_least_squares_are_exact_with_enough_points_and_lose_what_is_not_seen_with_fewer() -> None:
    """Noiseless: s tau^2 max(d - N, 0)/2."""
    few = validation.losses_over(ridge, TASK, "N", [2, 5, 8, 20], tasks=20_000)
    expected = np.array([8, 5, 2, 0]) / 24
    assert (abs(few["loss"] - expected) < 4 * few["error"] + 1e-6).all()


def test_implicit_weights_of_least_squares_are_the_task() -> None:
    """The cosine of one step's weights a H w with w is .731: specification, section 5."""
    step = validation.descent(theory.gd_optimum(10, 10).a)
    found = validation.alignment(partial(ridge, penalty=1e-9), step, TASK)
    assert found.cosine == pytest.approx(0.731, abs=0.005)
    tasks = TASK.test_set("train", 0, 50)
    w = np.stack([np.linalg.solve(x, y) for x, y in zip(tasks.x, tasks.y, strict=True)])
    np.testing.assert_allclose(validation.implicit_weights(partial(ridge, penalty=0.0), tasks), w, rtol=1e-4)


def test_the_mean_label_has_the_loss_of_a_centred_guess() -> None:
    r"""All N neighbours: E (w.(x_q - mean x))^2/2 = s d tau^2 (1 + 1/N)/2."""
    for n in (4, 10):
        task = mm.LinearRegressionTask(N=n, d=3, tau=2.0)
        close(partial(neighbours, k=n), task, 3 / 12 * 4 * (1 + 1 / n) / 2)


def test_one_neighbour_loses_half_the_squared_distance_to_it_and_has_no_slope() -> None:
    """E (w.(x_q - x))^2/2 = tau^2 E |x_q - x|^2/2 over independent draws."""
    rng = np.random.default_rng(5)
    x, query = rng.uniform(-0.5, 0.5, (40_000, 10, 3)), rng.uniform(-0.5, 0.5, (40_000, 1, 3))
    least = ((x - query) ** 2).sum(2).min(1)
    mean, error = validation.loss(neighbours, mm.LinearRegressionTask(d=3), tasks=40_000)
    assert abs(mean - least.mean() / 2) < 4 * error + 4 * least.std() / 400
    slopes = validation.implicit_weights(neighbours, mm.LinearRegressionTask(N=3, d=3).test_set("train", 0, 500))
    assert (slopes == 0).all(1).mean() > 0.95  # all but where the difference reaches across to another neighbour


def test_a_function_of_one_task_goes_through_a_list() -> None:
    task = mm.LinearRegressionTask(N=5, d=2)
    assert validation.loss(one_by_one, task, tasks=300) == validation.loss(neighbours, task, tasks=300)
    curves = [validation.losses_over(f, task, "tau", [1.0, 2.0], tasks=300) for f in (one_by_one, neighbours)]
    assert curves[0].identical(curves[1])


def test_predictors_are_short() -> None:
    """What a user writes is five lines at most."""
    assert all(len(inspect.getsource(f).splitlines()) <= 5 for f in (ridge, neighbours, nearest_of_one, one_by_one))
