"""Regression tasks of sine waves: their law by moments, and the one parameter of the family."""

from dataclasses import replace

import numpy as np
import pytest

from minimodels.errors import InputError
from minimodels.tasks.sine_regression import SineRegressionTask

TASK = SineRegressionTask()


def fitted(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Amplitude and phase of the wave through the points."""
    sine, cosine = np.linalg.lstsq(np.stack([np.sin(x), np.cos(x)], axis=1), y, rcond=None)[0]
    return float(np.hypot(sine, cosine)), float(np.arctan2(cosine, sine))


def waves(task: SineRegressionTask, count: int = 4000) -> np.ndarray:
    tasks = task.sample(3, 5, count)
    return np.array([fitted(x[:, 0], y) for x, y in zip(tasks.x, tasks.y, strict=True)])


def test_every_task_is_one_wave_and_the_query_is_on_it() -> None:
    tasks, found = TASK.sample(3, 5, 4000), waves(TASK)
    np.testing.assert_allclose(found[:, 0] * np.sin(tasks.query[:, 0] + found[:, 1]), tasks.target, atol=1e-9)
    x = np.concatenate([tasks.x[..., 0], tasks.query], axis=1)
    assert -5 <= x.min() < -4.99
    assert 4.99 < x.max() <= 5
    assert abs(x.mean()) < 0.05
    assert x.var() == pytest.approx(25 / 3, rel=0.01)
    assert abs(np.corrcoef(x.T) - np.eye(11)).max() < 0.08


@pytest.mark.parametrize("one_key", [True, False])
def test_inputs_are_drawn_apart_from_the_wave(one_key: bool) -> None:
    task = replace(TASK, one_key=one_key)
    tasks = task.sample(3, 5, 4000)
    x = np.concatenate([tasks.x[..., 0], tasks.query], axis=1)
    assert abs(np.corrcoef(x.T, waves(task).T)[:11, 11:]).max() < 0.06


def test_amplitude_and_phase_share_their_draw_unless_told_otherwise() -> None:
    amplitude, phase = waves(TASK).T
    np.testing.assert_allclose(phase, np.pi * (amplitude - 0.1) / 0.4, atol=1e-8)
    apart = waves(replace(TASK, one_key=False, low=1.0, high=3.0)).T
    assert abs(np.corrcoef(apart)[0, 1]) < 0.05
    for values, low, high in ((amplitude, 0.1, 0.5), (apart[0], 1.0, 3.0), (apart[1], 0.0, np.pi)):
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high + 1e-9
        assert values.var() == pytest.approx((high - low) ** 2 / 12, rel=0.04)


def test_the_zero_predictor_has_half_the_mean_square_of_the_family() -> None:
    """Over x in (-5, 5) the mean of A^2 sin^2(x + phase)/2, by quadrature over A."""
    u, x = np.meshgrid((np.arange(2000) + 0.5) / 2000, 10 * (np.arange(2000) + 0.5) / 2000 - 5)
    exact = 0.5 * float(((0.1 + 0.4 * u) ** 2 * np.sin(x + np.pi * u) ** 2).mean())
    found = 0.5 * float((TASK.sample(0, 0, 200_000).target ** 2).mean())
    assert found == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"N": 0}, "`N`"), ({"low": -0.1}, "`low`"), ({"low": 0.5}, "a larger `high`"), ({"reach": 0.0}, "`reach`"),
        ({"one_key": 2}, "`one_key`"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(TASK, **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown test 'other'"):
        TASK.test_set("other", 0, 3)
