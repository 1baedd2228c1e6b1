"""The sampler against exact probabilities, from 12 800 sequences (`close`: within 4.5 standard errors)."""

from dataclasses import fields, replace

import numpy as np
import pytest

from minimodels.errors import InputError
from minimodels.sequences import BLOCK, HELD_OUT, ItemLabelTask

COUNT = 100 * BLOCK
SMALL = ItemLabelTask(N=4, L=8, K=16, D=5, N_max=6)


def close(measured: float, probability: float, count: int = COUNT) -> bool:
    return abs(measured - probability) < 4.5 * np.sqrt(probability * (1 - probability) / count)


def test_a_sequence_is_a_function_of_seed_and_index_alone() -> None:
    task = replace(SMALL, p_C=0.5, p_B=0.5)
    whole = task.sample(3, 0, 3 * BLOCK)
    for start, count in ((0, 1), (100, 200), (BLOCK, BLOCK), (250, 10)):
        part = task.sample(3, start, count)
        for f in fields(part):
            np.testing.assert_array_equal(getattr(part, f.name), getattr(whole, f.name)[start : start + count])
    whole.content[:] = 0  # what was handed out is not what is kept
    assert task.sample(3, 0, 4).content.any()
    whole = task.sample(3, 0, 3 * BLOCK)
    second = next(task.batches(3, 50, first=2))
    np.testing.assert_array_equal(second.content, whole.content[100:150])


def test_seeds_streams_and_indices_differ() -> None:
    one = SMALL.sample(0, 0, 64).content
    for other in (SMALL.sample(1, 0, 64), SMALL.sample(0, 0, 64, stream=HELD_OUT), SMALL.sample(0, 64, 64)):
        assert not np.isclose(one[:, 0], other.content[:, 0]).any(axis=1).any()
    assert not np.allclose(SMALL.embeddings(0).means, SMALL.embeddings(1).means)


@pytest.mark.parametrize("p_C", [0.0, 1.0])
@pytest.mark.parametrize("K_c", [16, None])
@pytest.mark.parametrize("B", [1, 2])
def test_a_bursty_context_holds_n_over_b_labels_b_times_each(B: int, K_c: int | None, p_C: float) -> None:
    batch = replace(SMALL, B=B, K_c=K_c, p_C=p_C).sample(0, 0, COUNT)
    counts = (batch.labels[:, :, None] == np.arange(8)).sum(axis=1)
    assert set(np.unique(counts)) == {0, B}
    assert (batch.matches.sum(axis=1) == B).all()
    assert (batch.labels[batch.matches].reshape(COUNT, B) == batch.target[:, None]).all()
    assert (batch.novel == bool(p_C)).all()
    for slot in range(4):
        assert close(batch.matches[:, slot].mean(), B / 4)
        for label in range(8):
            assert close((batch.labels[:, slot] == label).mean(), 1 / 8)


def test_novel_sequences_are_drawn_with_probability_p_c_and_loose_ones_with_one_minus_p_b() -> None:
    batch = replace(SMALL, p_C=0.3, p_B=0.6, K=16).sample(0, 0, COUNT)
    assert close(batch.novel.mean(), 0.3)
    old = ~batch.novel
    distinct = np.array([len(set(row)) == 4 for row in batch.labels])
    p_distinct = np.prod([1 - k / 8 for k in range(4)])
    assert distinct[batch.novel].all()
    assert close(distinct[old].mean(), 0.6 + 0.4 * p_distinct, old.sum())
    in_context = 1 - (1 - 1 / 16) ** 4
    assert close(batch.matches[old].any(axis=1).mean(), 0.6 + 0.4 * in_context, old.sum())


def test_independent_contexts_hold_the_target_label_as_often_as_the_exact_sum_says() -> None:
    """P(target label in the context) = .2243 at N=8, L=32, K=1024 (science file, section 4) = 1 - (1 - 1/32)^8."""
    batch = ItemLabelTask(K=1024, p_B=0.0, D=4).sample(0, 0, COUNT)
    assert close((batch.labels == batch.target[:, None]).any(axis=1).mean(), 0.2243)
    assert close(batch.matches.any(axis=1).mean(), 0.00779)


def test_repeated_labels_occur_as_often_as_independent_draws_say() -> None:
    batch = replace(SMALL, unique_labels=False, K=8, K_c=None, p_C=0.5).sample(0, 0, COUNT)
    distinct = np.array([len(set(row)) == 4 for row in batch.labels])
    p_distinct = np.prod([1 - k / 8 for k in range(4)])
    for novel in (True, False):
        assert close(distinct[batch.novel == novel].mean(), p_distinct, (batch.novel == novel).sum())


@pytest.mark.parametrize("eps", [0.0, 0.1, 1.0])
def test_items_of_a_class_overlap_by_one_over_one_plus_eps_squared(eps: float) -> None:
    batch = ItemLabelTask(N=2, L=2, K=400, D=400, eps=eps, N_max=2).sample(0, 0, 20 * BLOCK)
    target, items = batch.content[:, -1], batch.content[:, 0:-1:2]
    overlap = np.einsum("nd,nkd->nk", target, items)
    assert np.isclose(overlap[batch.matches].mean(), 1 / (1 + eps**2), atol=0.02)
    assert abs(overlap[~batch.matches].mean()) < 0.02
    assert np.isclose((target**2).sum(axis=1).mean(), 1, atol=0.02)


def test_labels_carry_no_noise_and_novel_means_are_redrawn_every_block() -> None:
    batch = replace(SMALL, p_C=1.0, eps=0.0, K_c=8).sample(0, 0, 2 * BLOCK)
    np.testing.assert_array_equal(batch.content[:, 1::2], SMALL.embeddings(0).labels[batch.labels])
    items = batch.content[:, 0:-1:2].reshape(2, -1, 5)
    assert [len(np.unique(block.round(6), axis=0)) for block in items] == [8, 8]
    assert len(np.unique(items.reshape(-1, 5).round(6), axis=0)) == 16


def test_tokens_are_one_hot_positions_with_a_uniform_shift_then_content() -> None:
    batch = SMALL.sample(0, 0, COUNT)
    tokens = batch.tokens(SMALL.positions)
    assert tokens.shape == (COUNT, 9, SMALL.width) == (COUNT, 9, 13 + 5)
    np.testing.assert_array_equal(tokens[:, :, 13:], batch.content)
    positions = tokens[:, :, :13].argmax(axis=2)
    assert (tokens[:, :, :13].sum(axis=2) == 1).all()
    assert (np.diff(positions, axis=1) == 1).all()
    for shift in range(5):  # 2 (N_max - N) + 1 = 5 values
        assert close((positions[:, 0] == shift).mean(), 1 / 5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"B": 3}, "`B` must divide `N` and be below it; got B=3, N=8: use 1, 2 or 4."),
        ({"B": 8}, "`B` must divide `N` and be below it; got B=8, N=8: use 1, 2 or 4."),
        ({"B": -1}, "`B` must be a whole number of at least 0; got -1: use 0 or more."),
        ({"B": 0, "N": 5}, "B = 0 needs an even `N` for the copies of novel classes; got N=5."),
        ({"zipf": -1.0}, "`zipf` must be finite and not negative; got -1.0: 0 makes all classes equally frequent."),
        ({"zipf": 1.0}, "zipf=1 would do nothing: with `unique_labels` bursty contexts do not use the class frequencies;"),
        ({"N": 1}, "`N` must be a whole number of at least 2; got 1: use 2 or more."),
        ({"N": 2.5}, "`N` must be a whole number of at least 2; got 2.5: use 2 or more."),
        ({"K": 100}, "`K` must be a multiple of `L`; got K=100, L=32: use 96 or 128."),
        ({"K_c": 8}, "`K_c` must be a multiple of `L`; got K_c=8, L=32: use 32."),
        ({"L": 4, "K": 8}, "`L` must be at least N/B = 8 for distinct context labels; got L=4: raise `L`, or set"),
        ({"N_max": 7}, "`N_max` must be at least `N`; got N_max=7, N=8: use 8 or more."),
        ({"eps": float("nan")}, "`eps` must be finite and not negative; got nan: 0.1 is the paper's value."),
        ({"p_B": 1.5}, "`p_B` must be a probability; got 1.5: use a value in [0, 1]."),
        ({"p_C": -0.1}, "`p_C` must be a probability; got -0.1: use a value in [0, 1]."),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_sentence(options: dict, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        ItemLabelTask(**options)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_ranges_are_refused() -> None:
    with pytest.raises(InputError, match="`count` must be a whole number of at least 1; got 0"):
        SMALL.sample(0, 0, 0)
    with pytest.raises(InputError, match="`seed` must be a whole number of at least 0; got -1"):
        SMALL.sample(-1, 0, 4)
