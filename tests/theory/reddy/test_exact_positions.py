"""Exact positions against attention read token by token; overlaps of label vectors against vectors that are drawn."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

import theory
from minimodels.errors import InputError
from tests.minimodels.mechanism import exact
from theory.reddy.exact_positions import _attention, _contexts, _norms, exact_transition_time, loss_and_correct


@pytest.mark.parametrize(("N", "B"), [(2, 1), (4, 1), (4, 2), (6, 2)])
def test_without_overlaps_it_is_attention_read_token_by_token(N: int, B: int) -> None:
    rng = np.random.default_rng(N + B)
    for _ in range(2):
        x = rng.normal(0, 2, 3)
        literal = exact(*x, N=N, L=9, B=B, eps=0.3)
        loss, correct = loss_and_correct(x, _contexts(N, B), 9, 0.3, np.inf)
        assert loss == pytest.approx(literal["loss"], rel=1e-12)
        assert correct == pytest.approx(literal["correct"], rel=1e-12)


def test_times_of_the_specification() -> None:
    assert exact_transition_time(8, 32, eps=0.1) == pytest.approx(655.3, abs=0.06)
    assert exact_transition_time(4, 16, eps=0.1) == pytest.approx(236.8, abs=0.06)
    unit = dict.fromkeys(("beta_1", "alpha", "xi"), 1.0)
    assert exact_transition_time(8, 32, rates=unit) == pytest.approx(95.98, abs=0.01)


def drawn_logits(rng: np.random.Generator, gain: float, p: np.ndarray, L: int, D: int, draws: int) -> np.ndarray:
    """Logits (draws, L) of the read-out gain x label vectors; labels 0, 1, ... in slots 0, 1, ..."""
    labels = rng.standard_normal((draws, L, D)) / np.sqrt(D)
    items = rng.standard_normal((draws, (p.size + 1) // 2, D)) / np.sqrt(D)
    output = np.einsum("j,njd->nd", p[1::2], labels[:, : p.size // 2]) + np.einsum("j,njd->nd", p[0::2], items)
    return np.asarray(gain * np.einsum("nkd,nd->nk", labels, output))


@pytest.mark.parametrize("gain", [1.0, 4.0])
@pytest.mark.parametrize("alpha", [0.0, 5.0])
def test_the_loss_with_overlaps_is_that_of_drawn_vectors(gain: float, alpha: float) -> None:
    N, L, D = 4, 64, 128
    contexts = _contexts(N, 1)
    attention = _attention(4.0, alpha, contexts[0], 0.0)
    rng = np.random.default_rng(0)
    losses = []
    for p, target in zip(attention, contexts[0].argmax(axis=1), strict=True):
        z = drawn_logits(rng, gain, p, L, D, 3000)
        noise = z[:, target] - gain * p[2 * target + 1]  # of mean 0: taken out by regression
        normaliser = np.log(np.exp(z).sum(axis=1))
        part = np.polyfit(noise, normaliser, 1)[0]
        losses.append(normaliser - part * noise - gain * p[2 * target + 1])
    error = np.sqrt(np.var(losses, axis=1).mean() / np.size(losses))
    nodes = np.full(_norms(D)[0].size, gain)
    found, without = (
        loss_and_correct(np.array([4.0, alpha, *a]), contexts, L, 0.0, dim)[0]
        for a, dim in ((nodes, D), ([gain], np.inf))
    )
    assert found == pytest.approx(np.mean(losses), abs=4 * error + 0.05 * abs(found - without))
    if alpha and gain > 1:
        assert abs(found - without) > 5 * error  # what is tested can be seen


def drawn_read_out_time(L: int, D: int, draws: int) -> tuple[float, float]:
    """Time until the mean correct probability is 1/2 for a read-out whose head is ready; mean and error.

    N = 8: the head attends to the label alone, but half to the item if that is the first token, which can only attend
    to itself.
    """
    times = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        labels, kappa, right = rng.standard_normal((L, D)) / np.sqrt(D), np.zeros((L, D)), [1 / L]
        while right[-1] < 0.5:
            items = rng.standard_normal((L, D)) / np.sqrt(D)
            output, target = np.concatenate([labels, (labels + items) / 2]), np.tile(np.eye(L), (2, 1))
            weight = np.repeat([7 / 8, 1 / 8], L)[:, None] / L
            p = softmax(output @ kappa.T, axis=1)
            right.append((weight * p * target).sum())
            kappa += (weight * (target - p)).T @ output
        times.append(len(right) - 2 - (right[-1] - 0.5) / (right[-1] - right[-2]))
    return float(np.mean(times)), float(np.std(times, ddof=1) / np.sqrt(draws))


@pytest.mark.parametrize(("L", "D"), [(32, 63), (64, 128), (96, 63)])
def test_overlaps_delay_a_read_out_as_derived(L: int, D: int) -> None:
    measured, error = drawn_read_out_time(L, D, 12)
    ready = {"init": {"beta_1": 40.0, "alpha": 60.0}, "rates": {"beta_1": 0.0, "alpha": 0.0}}
    found, without = (exact_transition_time(8, L, D=dim, **ready) for dim in (D, np.inf))
    delay = measured / without - 1
    assert delay > 0.04
    assert found / without - 1 == pytest.approx(delay, abs=0.15 * delay + 3 * error / without)


def test_large_dimensions_approach_no_overlaps_as_1_over_d() -> None:
    excess = [exact_transition_time(4, 32, D=D) / exact_transition_time(4, 32) - 1 for D in (250, 500, 1000)]
    assert excess[0] / excess[1] == pytest.approx(2, rel=0.03)
    assert excess[1] / excess[2] == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize("D", [20, 63, 1000])
def test_norms_have_mean_and_variance_of_chi_squared(D: int) -> None:
    norms, weights = _norms(D)
    assert norms @ weights == pytest.approx(1, rel=1e-12)
    assert (norms - 1) ** 2 @ weights == pytest.approx(2 / D, rel=0.01)
    assert norms.min() > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"N": 4.5, "L": 16}, "integers N >= 2"),
        ({"N": 4, "L": 3}, "at least N/B"),
        ({"N": 4, "L": 16, "D": 0}, "must exceed 1"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        theory.exact_transition_time(**arguments)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rates": {"eta_xi": 0.1}}, "unknown name 'eta_xi' in rates"),
        ({"rates": {"beta1": 0.1}}, "did you mean 'beta_1'"),
        ({"rates": {"xi": -0.1}}, "negative"),
        ({"rates": [0.1]}, "dictionary"),
        ({"init": {"x": 5}}, "unknown name 'x' in init"),
        ({"init": {"xi": "5"}}, "number"),
        ({"eps": -5}, "negative"),
        ({"D": 1}, "exceed 1"),
        ({"D": 2}, "too large for this theory"),
        ({"D": 6}, "too large for this theory"),
    ],
)
def test_what_lies_outside_the_theory_is_refused_not_answered(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        exact_transition_time(4, 16, **options)


def test_overlaps_that_the_theory_covers_delay_the_transition() -> None:
    times = [exact_transition_time(4, 16, D=D) for D in (16, 31, 63, math.inf)]
    assert times == sorted(times, reverse=True)
