"""Regression tasks: their laws by moments, and what an option changes and what it leaves."""

from dataclasses import replace

import numpy as np
import pytest

from minimodels.errors import InputError
from minimodels.tasks import linear_regression
from minimodels.tasks.linear_regression import LinearRegressionTask

TASK = LinearRegressionTask(N=6, d=3)


@pytest.mark.parametrize(("law", "kurtosis"), [("uniform", 1.8), ("gaussian", 3.0), ("laplace", 6.0)])
def test_coordinates_have_the_moments_of_their_law(law: str, kurtosis: float) -> None:
    x = replace(TASK, law=law, s=0.7).sample(0, 0, 40_000).x.ravel()  # type: ignore[arg-type]
    assert abs(x.mean()) < 5 * np.sqrt(0.7 / x.size)
    assert x.var() == pytest.approx(0.7, rel=0.01)
    assert (x**4).mean() / x.var() ** 2 == pytest.approx(kurtosis, rel=0.03)


def test_exponential_inputs_are_not_centred_and_a_third_of_mixed_tasks_has_them() -> None:
    x = replace(TASK, law="exponential", s=4.0).sample(0, 0, 40_000).x
    assert x.min() > 0
    assert x.mean() == pytest.approx(2.0, rel=0.01)
    assert x.var() == pytest.approx(4.0, rel=0.02)
    mixed = replace(TASK, law="mixed", s=1.0).sample(0, 0, 30_000).x
    positive = (mixed > 0).all((1, 2))
    assert positive.mean() == pytest.approx(1 / 3, abs=0.01)
    fourth = (mixed[~positive] ** 4).mean()
    assert fourth == pytest.approx((3 + 6) / 2, rel=0.05)  # gaussian and laplace in equal parts


def test_labels_are_those_of_one_w_a_task() -> None:
    task = replace(TASK, tau=2.0)
    batch = task.sample(4, 7, 2000)
    w = np.stack([np.linalg.lstsq(x, y, rcond=None)[0] for x, y in zip(batch.x, batch.y, strict=True)])
    np.testing.assert_allclose((w * batch.query).sum(1), batch.target, atol=1e-9)
    assert w.std() == pytest.approx(2.0, rel=0.05)
    np.testing.assert_allclose(np.cov(w.T), 4 * np.eye(3), atol=0.4)


def test_options_that_scale_keep_the_draws() -> None:
    plain, wide, strong = (replace(TASK, **o).sample(1, 0, 50) for o in ({}, {"x_scale": 2.0}, {"tau": 3.0}))
    np.testing.assert_allclose(wide.x, 2 * plain.x)
    np.testing.assert_allclose(wide.target, 2 * plain.target)
    np.testing.assert_allclose(strong.y, 3 * plain.y)
    noisy = replace(TASK, sigma=0.5).sample(1, 0, 4000)
    assert (noisy.y - TASK.sample(1, 0, 4000).y).std() == pytest.approx(0.5, rel=0.03)
    np.testing.assert_array_equal(noisy.target, TASK.sample(1, 0, 4000).target)
    corrupted, plain = replace(TASK, corrupted=2).sample(1, 0, 4000), TASK.sample(1, 0, 4000)
    np.testing.assert_array_equal(corrupted.y[:, 2:], plain.y[:, 2:])
    assert corrupted.y[:, :2].std() == pytest.approx(1.0, rel=0.03)
    assert abs(np.corrcoef(corrupted.y[:, 0], plain.y[:, 0])[0, 1]) < 0.06


def test_a_spectrum_and_the_norm_of_the_context() -> None:
    x = replace(TASK, law="gaussian", spectrum=(4.0, 1.0, 0.25)).sample(0, 0, 20_000).x
    np.testing.assert_allclose(x.reshape(-1, 3).var(0), [4.0, 1.0, 0.25], rtol=0.03)
    batch = replace(TASK, frobenius=True, x_scale=3.0).sample(0, 0, 100)
    np.testing.assert_allclose(np.linalg.norm(batch.x, axis=(1, 2)), 3.0)
    plain = TASK.sample(0, 0, 100)
    norms = np.linalg.norm(plain.x, axis=(1, 2))[:, None]
    np.testing.assert_allclose(batch.query, 3 * plain.query / norms)  # by the norm of the context


def test_a_pool_is_taken_in_turn_and_tests_are_drawn_apart() -> None:
    pool = replace(TASK, pool=5)
    first, again = pool.sample(2, 3, 9), pool.sample(2, 8, 4)
    np.testing.assert_array_equal(first.x[:5], first.x[[0, 1, 2, 3, 4]])
    np.testing.assert_array_equal(first.x[5:9], first.x[:4])
    np.testing.assert_array_equal(again.x, first.x[[0, 1, 2, 3]])
    np.testing.assert_array_equal(pool.sample(2, 0, 5).x, TASK.sample(2, 0, 5).x)
    assert len(np.unique(pool.test_set("train", 2, 50).target)) == 50


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"N": 0}, "`N`"), ({"d": 2.5}, "`d`"), ({"s": 0.0}, "`s` must be positive"), ({"s": -1.0}, "`s`"),
        ({"sigma": -0.1}, "`sigma` must be not negative"), ({"law": "cauchy"}, "`law`"),
        ({"corrupted": 7}, "at most N=6 labels"), ({"spectrum": (1.0, 2.0)}, "`spectrum` is d=3 positive"),
        ({"spectrum": (1.0, 2.0, 0.0)}, "`spectrum`"), ({"spectrum": "abc"}, "`spectrum` is a list"),
        ({"spectrum": ()}, "`spectrum` is empty"), ({"N": True}, "`N`"),
        ({"s": np.nan}, "`s` must be finite"), ({"s": 1e300}, "`s` must lie between"), ({"tau": "1"}, "`tau`"),
        ({"x_scale": 1e200}, "`x_scale` must lie between"), ({"frobenius": np.array([1, 0])}, "`frobenius`"),
        ({"frobenius": 1}, "`frobenius` must be True or False"), ({"law": None}, "`law`"),
        ({"pool": 0}, "`pool`"), ({"frobenius": "yes"}, "`frobenius`"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        replace(TASK, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ((0, -1, 5), {}, "`start`"), ((0, 0, 0), {}, "`count`"), ((0, 0, 2.0), {}, "`count`"),
        ((-1, 0, 1), {}, "`seed`"), ((None, 0, 1), {}, "`seed`"),
        ((0, 0, 1), {"draw": -1}, "`draw`"), ((0, 0, 10**12), {}, "GB of memory"),
    ],
)  # fmt: skip
def test_draws_that_cannot_be_are_refused(given: tuple[object, ...], options: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        TASK.sample(*given, **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown test"):
        TASK.test_set("trian", 0, 5)


def test_draws_do_not_depend_on_how_many_are_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [replace(TASK, law="mixed", sigma=0.1, corrupted=2, pool=pool) for pool in (None, 7)]
    whole = [task.sample(3, 5, 40) for task in tasks]
    monkeypatch.setattr(linear_regression, "NUMBERS", 150)
    for task, expected in zip(tasks, whole, strict=True):
        found = task.sample(3, 5, 40)
        for name in ("x", "y", "query", "target"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
