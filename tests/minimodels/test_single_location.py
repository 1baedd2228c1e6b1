"""The single-location model against a regression that is really computed, input by input."""

from typing import Any

import numpy as np
import pytest

import minimodels as mm
from tests.minimodels.systems import at

T, D, COPIES, SIGMA, P = 7, 5, 2, 0.7, 0.3


def regression(matrix: np.ndarray, Delta: Any, target: np.ndarray, relevant: np.ndarray, others: np.ndarray) -> Any:
    """Return the attended contents, the residual and the loss (per output) of every sample."""
    logits = np.array([Delta] * COPIES + [0.0] * (T - COPIES))
    attention = np.exp(logits) / np.exp(logits).sum()
    tokens = np.concatenate([np.repeat(relevant[:, None], COPIES, axis=1), others], axis=1)
    attended = np.einsum("t,std->sd", attention, tokens)
    residual = relevant @ target.T - attended @ matrix.T
    return attended, residual, (residual**2).sum(axis=1) / (2 * D)


@pytest.mark.parametrize("repetition", ["none", "sample"])
def test_loss_and_gradient_are_those_of_the_regression(repetition: str) -> None:
    """Monte Carlo over inputs: the loss, its gradient in the whole matrix, and in the logit."""
    rng, samples = np.random.default_rng(1), 200_000
    target = np.linalg.qr(rng.normal(size=(D, D)))[0]  # |W_*|^2 = d, and 1 along every direction
    repeated = rng.normal(size=D)
    repeated *= np.sqrt(D) / np.linalg.norm(repeated)
    relevant = rng.normal(size=(samples, D))
    gains, Delta = {"w": 1.3}, 0.9
    if repetition == "sample":
        relevant[rng.random(samples) < P] = repeated
        gains = {"w_1": 0.6, "w": 1.3}
    others = SIGMA * rng.normal(size=(samples, T - COPIES, D))
    along = np.outer(repeated, repeated) / D
    parts = {"w": target / np.sqrt(D)}  # derivative of the matrix with respect to each gain
    if repetition == "sample":
        parts = {"w_1": target @ along, "w": target @ (np.eye(D) - along) / np.sqrt(D - 1)}
    matrix = sum(gains[k] * parts[k] for k in gains)
    attended, residual, losses = regression(matrix, Delta, target, relevant, others)

    chosen = {"p": P} if repetition == "sample" else {}
    m = mm.model("single_location", repetition=repetition, T=T, d=D, B=COPIES, sigma=SIGMA, **chosen)
    found = at(m, np.array([[*gains.values(), Delta]]))
    assert found["loss"][0] == pytest.approx(losses.mean(), abs=4 * losses.std() / np.sqrt(samples))

    gradient = -residual.T @ attended / samples / D
    left = gradient.copy()
    for name, part in parts.items():
        slopes = -np.einsum("si,ij,sj->s", residual, part, attended) / D
        assert -found[f"d_{name}"][0] == pytest.approx(slopes.mean(), abs=4 * slopes.std() / np.sqrt(samples))
        left -= part * (gradient * part).sum() / (part**2).sum()
    assert np.abs(left).max() < 6 * np.sqrt(2 * losses.mean() / D / samples)  # the flow stays in the gains
    step = regression(matrix, Delta + 1e-30j, target, relevant[:50_000], others[:50_000])[2].imag / 1e-30
    assert -found["d_Delta"][0] == pytest.approx(step.mean(), abs=4 * step.std() / np.sqrt(len(step)))
    assert found["attention"][0] == pytest.approx(COPIES * np.exp(Delta) / (COPIES * np.exp(Delta) + T - COPIES))


@pytest.mark.parametrize(("T", "d", "factor"), [(64, 16, 1.332), (1024, 256, 1.259)])
def test_the_plateau_has_the_known_length(T: float, d: float, factor: float) -> None:
    run = mm.simulate(mm.model("single_location", T=T, d=d), t_end=2 * T * d**0.5, rtol=1e-9, save=[0.5 * T * d**0.5])
    assert float(run.escape_time) / (T * d**0.5) == pytest.approx(factor, abs=5e-4)
    assert float(run.loss[0]) > 0.49  # still on the plateau


def test_copies_shorten_the_context() -> None:
    many = mm.model("single_location", T=600, B=3)
    few = mm.model("single_location", T=200)
    state = np.array([[0.7, 1.1], [3.0, 4.0]])
    for name, values in at(many, state).items():
        assert values == pytest.approx(at(few, state)[name], rel=1e-13), name


def test_without_repeats_both_forms_are_one() -> None:
    """At p = 0 the gain along the repeated content is its share of one gain."""
    d = 10.0
    one = at(mm.model("single_location", d=d, sigma=0.5), np.array([[1.2, 0.8]]))
    shares = np.array([[1.2 / d**0.5, 1.2 * 0.9**0.5, 0.8]])
    two = at(mm.model("single_location", repetition="sample", d=d, sigma=0.5, p=0), shares)
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-13)
    assert two["d_Delta"] == pytest.approx(one["d_Delta"], rel=1e-12)
    assert two["d_w_1"] * d**0.5 == pytest.approx(one["d_w"], rel=1e-12)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"repetition": "batch"}, "one of 'none', 'sample'"),
        ({"T": 4, "B": 4}, "`B` must be below `T`; got B=4, T=4"),
        ({"p": 0.5}, "unknown parameter"),
        ({"repetition": "sample", "p": 1.5}, "`p` must lie in"),
    ],
)
def test_choices_that_cannot_be_are_refused(choices: dict[str, Any], sentence: str) -> None:
    with pytest.raises(mm.InputError, match=sentence):
        mm.model("single_location", **choices)
