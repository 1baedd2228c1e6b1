"""Prefix matching and scores, against loops over tokens as they are defined."""

import numpy as np
import pytest

from validation.hernandez.measures import of_scores, prefix_matching

rng = np.random.default_rng(0)
TOKENS = rng.integers(6, size=(2, 3, 14))
SCORES = rng.normal(size=(2, 3, 4, 14, 14))


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores) * np.tri(scores.shape[-1])
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def literal(rows: np.ndarray, tokens: np.ndarray, read: str) -> float:
    """One head, over sequences (n, T, T), (n, T): column j of a row is token j - 1, column 0 a first one."""
    found = []
    for A, x in zip(rows, tokens, strict=True):
        for t in range(1, len(x)):  # the row that predicts token t; the last token it sees is t - 1
            columns = [j + 2 for j in range(t - 1) if x[j] == x[t - 1]]
            others = [c for c in range(t + 1) if c not in columns]
            if columns:
                margin = A[t, columns].mean() - A[t, others].mean()
                found.append({"sum": A[t, columns].sum(), "margin": margin, "variance": A[t, others].var()}[read])
    return float(np.mean(found))


def test_prefix_matching_is_the_attention_to_what_followed_earlier_occurrences() -> None:
    A = softmax(SCORES)
    found = prefix_matching(A, TOKENS)
    expected = [[literal(A[s, :, h], TOKENS[s], "sum") for h in range(4)] for s in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_margin_and_variance_of_scores() -> None:
    for found, read in zip(of_scores(SCORES, TOKENS), ("margin", "variance"), strict=True):
        expected = [[literal(SCORES[s, :, h], TOKENS[s], read) for h in range(4)] for s in range(2)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_perfect_induction_head_scores_one_and_a_previous_token_head_nothing() -> None:
    block = rng.permutation(9)[None]
    tokens = np.tile(block, 4)[None]  # (1, 1, 36)
    T = tokens.shape[-1]
    induction, previous = np.zeros((2, 1, 1, 1, T, T))
    for t in range(T):
        previous[..., t, max(t - 1, 0)] = 1
        induction[..., t, t - 9 + 1 if t > 9 else 0] = 1
    assert prefix_matching(induction, tokens) == pytest.approx(1)
    assert prefix_matching(previous, tokens) == 0


def test_without_an_earlier_occurrence_there_is_no_score() -> None:
    tokens = np.arange(8)[None, None]
    assert prefix_matching(np.full((1, 1, 2, 8, 8), 0.125), tokens).tolist() == [[0.0, 0.0]]
