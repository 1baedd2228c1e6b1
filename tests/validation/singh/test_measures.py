"""Measures of made-up attention, logits and weights with known answers."""

import numpy as np
import pytest

from minimodels.errors import InputError
from validation.singh import measures


def test_induction_strength_is_the_difference_of_means_over_right_and_wrong_labels() -> None:
    labels, target = np.array([[3, 1, 3], [0, 2, 4]]), np.array([3, 4])
    attention = np.array(  # (n, H, T)
        [
            [[0.1, 0.2, 0.0, 0.3, 0.1, 0.2, 0.1], [0, 0, 0, 1, 0, 0, 0]],
            [[0.0, 0.2, 0.0, 0.1, 0.0, 0.7, 0.0], [0, 0, 0, 0, 0, 1, 0]],
        ]
    )
    expected = [(0.2 - 0.3 + 0.7 - 0.15) / 2, (-1 + 1) / 2]
    np.testing.assert_allclose(measures.induction_strength(attention, labels, target), expected)
    seeds = measures.induction_strength(attention[None], labels[None], target[None])
    np.testing.assert_allclose(seeds, [expected])
    flipped = measures.induction_strength(attention[1:], labels[1:], np.array([0]))
    np.testing.assert_allclose(flipped, [0.2 - 0.4, -0.5])


@pytest.mark.parametrize("P", [2, 3])
def test_a_head_of_strength_s_has_the_stated_induction_strength(P: int) -> None:
    for s in (0.0, 1 / P, 0.6, 1.0):
        attention = np.zeros((1, 1, 2 * P + 1))
        attention[..., 1::2] = (1 - s) / (P - 1)
        attention[..., 1] = s
        found = measures.induction_strength(attention, np.arange(P)[None], np.array([0]))[0]
        assert np.isclose(found, measures.head_strength(s, P=P))
    assert measures.head_strength(1.0) == 1
    assert measures.head_strength(0.0) == -1
    assert np.isclose(measures.head_strength(1 / P, P=P), 0)


def test_previous_token_strength_raw_and_corrected_for_chance() -> None:
    T = 5
    uniform = np.tril(np.ones((T, T))) / np.arange(1, T + 1)[:, None]
    perfect, itself = np.eye(T, k=-1), np.eye(T)
    attention = np.stack([uniform, perfect, itself])[None]  # one sequence, three heads
    raw = measures.previous_token_strength(attention)
    np.testing.assert_allclose(raw, [np.mean([1 / 2, 1 / 3, 1 / 4, 1 / 5]), 1, 0])
    np.testing.assert_allclose(
        measures.previous_token_strength(attention, corrected=True),
        [0, 1, -np.mean([1, 1 / 2, 1 / 3, 1 / 4])],
        atol=1e-15,
    )
    labels = measures.previous_token_strength(attention, labels_only=True)
    np.testing.assert_allclose(labels, [np.mean([1 / 2, 1 / 4]), 1, 0])
    both = measures.previous_token_strength(attention, corrected=True, labels_only=True)
    np.testing.assert_allclose(both, [0, 1, -np.mean([1, 1 / 3])], atol=1e-15)


def test_readings_of_logits() -> None:
    logits = np.log([[0.5, 0.2, 0.2, 0.1], [0.1, 0.3, 0.4, 0.2]]) + np.array([[3.0], [-700.0]])
    labels, target = np.array([[2, 3], [1, 3]]), np.array([2, 3])
    found = measures.readings(logits, labels, target)
    expected = {
        "loss": -np.log(0.2),
        "accuracy": 0,
        "probability": 0.2,
        "context_loss": -(np.log(2 / 3) + np.log(2 / 5)) / 2,
        "context_accuracy": 0.5,
        "context_mass": (0.3 + 0.5) / 2,
    }
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-12, err_msg=name)
    repeated = measures.readings(logits[:1], np.array([[0, 0]]), np.array([0]))
    assert (repeated["context_loss"], repeated["accuracy"]) == (0, 1)
    np.testing.assert_allclose(repeated["context_mass"], 0.5)
    absent = measures.readings(logits[:1], np.array([[2, 3]]), np.array([0]))
    assert (absent["accuracy"], absent["context_accuracy"], absent["context_loss"]) == (1, 0, np.inf)


def test_learning_time_is_the_first_evaluation_below_a_share_of_guessing() -> None:
    level = 0.4 * np.log(2)
    assert measures.learning_time([0, 5, 10, 15], [2, 0.7, level - 1e-9, 0.5]) == (10, False)
    assert measures.learning_time([0, 5, 10], [2, 0.7, level]) == (10, True)
    assert measures.learning_time([0, 5], [2, 0.5], P=4) == (5, False)
    assert measures.learning_time([0, 5], [2, 0.5], P=2) == (5, True)
    with pytest.raises(InputError, match="`times` and `losses` must be equally long; got 1 and 2"):
        measures.learning_time([0], [1, 2])


def test_composition_scores_of_heads_that_write_where_others_read() -> None:
    d, e = 6, 2
    writes = np.zeros((2, e, d))
    reads = np.zeros((3, d, e))
    writes[0, [0, 1], [0, 1]] = writes[1, [0, 1], [2, 3]] = 5.0  # into two planes
    reads[0, [0, 1], [0, 1]] = reads[1, [2, 3], [1, 0]] = 0.1  # out of the first, out of the second
    reads[2, [0, 3], [0, 1]] = 1.0  # half and half
    expected = np.array([[2**0.5 / 2, 0, 0.5], [0, 2**0.5 / 2, 0.5]])
    np.testing.assert_allclose(measures.composition_scores(writes, reads), expected, atol=1e-12)
    several = measures.composition_scores(np.stack([writes, 3 * writes]), np.stack([reads, -reads]))
    np.testing.assert_allclose(several, [expected, expected], atol=1e-12)


def test_redundancy_is_the_share_of_mistakes_that_another_head_does_not_make() -> None:
    right, other = np.array([1, 1, 0, 0, 0], bool), np.array([0, 0, 1, 1, 0], bool)
    assert measures.redundancy(right, other) == 2 / 3
    assert np.isnan(measures.redundancy(np.ones(3, bool), np.zeros(3, bool)))
    assert measures.layer_contribution([1.5, 0.2], [0.5, 0.2]).tolist() == [1.0, 0.0]
