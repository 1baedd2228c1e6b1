"""The repeated-token data: how often what is seen, what is copied, and the chain behind it."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.special import digamma

from minimodels.errors import InputError
from minimodels.tasks.repeated_tokens import RepeatedTokensTask

PLAIN = RepeatedTokensTask(V=12, T=40)


@pytest.mark.parametrize(
    ("f", "distinct", "count"), [(0.5, 4, 64), (0.1, 3, 120), (0.29, 29, 200), (1.0, 5, 30), (0.9, 9, 50)]
)
def test_every_repeated_sequence_is_seen_as_often_as_said_and_the_others_once(
    f: float, distinct: int, count: int
) -> None:
    task = RepeatedTokensTask(V=12, T=40, f=f, distinct=distinct)
    _, seen = np.unique(task.sample(2, 0, count).tokens, axis=0, return_counts=True)
    times = task.repeats(count)
    assert times.denominator == 1
    expected = [1] * round((1 - f) * count) + [int(times)] * distinct
    assert sorted(seen.tolist()) == sorted(expected)


def test_the_repeated_set_is_gone_through_again_and_again_in_new_orders() -> None:
    task = RepeatedTokensTask(V=12, T=40, f=1.0, distinct=6)
    epochs = task.sample(0, 0, 24).tokens.reshape(4, 6, 40)
    members = [{tuple(row) for row in epoch} for epoch in epochs.tolist()]
    assert len(members[0]) == 6
    assert all(one == members[0] for one in members)
    assert len({tuple(map(tuple, epoch)) for epoch in epochs.tolist()}) > 1


def test_members_of_the_repeated_set_are_those_of_its_test_and_never_fresh() -> None:
    task = RepeatedTokensTask(V=12, T=40, f=0.5, distinct=3)
    members = {tuple(row) for row in task.test_set("repeated", 1, 50).tokens.tolist()}
    seen = [tuple(row) for row in task.sample(1, 0, 40).tokens.tolist()]
    assert {row for row in seen if row in members} == members
    assert sum(row in members for row in seen) == 20
    assert not members & {tuple(row) for row in task.test_set("train", 1, 400).tokens.tolist()}
    other = {tuple(row) for row in task.test_set("repeated", 2, 50).tokens.tolist()}
    assert not members & other


def test_fresh_sequences_are_the_same_whatever_is_repeated() -> None:
    fresh, mixed = (
        PLAIN.sample(5, 0, 30).tokens,
        RepeatedTokensTask(V=12, T=40, f=0.3, distinct=1).sample(5, 0, 30).tokens,
    )
    same = (fresh == mixed).all(axis=1)
    assert same.sum() == 21


def test_what_continues_a_copy_has_been_there_behind_the_token_before_it() -> None:
    batch = PLAIN.sample(0, 0, 60)
    assert batch.copied.any()
    for x, copied in zip(batch.tokens, batch.copied, strict=True):
        pairs = {(a, b): i for i, (a, b) in reversed(list(enumerate(itertools.pairwise(x))))}
        for t in np.flatnonzero(copied):
            assert pairs[x[t - 1], x[t]] + 1 < t


@pytest.mark.parametrize(("q", "shortest", "longest"), [(0.5, 4, 12), (0.2, 5, 5), (0.0, 4, 12)])
def test_the_share_that_is_copied(q: float, shortest: int, longest: int) -> None:
    task = RepeatedTokensTask(V=12, T=400, q=q, shortest=shortest, longest=longest)
    length = (shortest + longest) / 2
    continued = task.sample(0, 0, 400).copied[:, 100:].mean(axis=1)
    expected = q * (length - 1) / length  # the first token of a copy continues nothing
    assert continued.mean() == pytest.approx(expected, abs=4 * continued.std() / 20 + 1e-12)


def test_other_tokens_follow_the_chain() -> None:
    task = RepeatedTokensTask(V=5, T=400, q=0.0, alpha=2.0)
    tokens = task.sample(3, 0, 300).tokens
    counts = np.zeros((5, 5))
    np.add.at(counts, (tokens[:, :-1], tokens[:, 1:]), 1)
    P, rows = task.transitions(), counts.sum(axis=1, keepdims=True)
    chi = float(((counts - rows * P) ** 2 / (rows * P)).sum())
    assert chi < 20 + 5 * np.sqrt(40)  # 20 degrees of freedom
    np.testing.assert_allclose(task.frequencies() @ P, task.frequencies(), atol=1e-12)
    np.testing.assert_allclose(np.bincount(tokens[:, 50:].ravel()) / tokens[:, 50:].size, task.frequencies(), atol=0.01)
    first = np.bincount(tokens[:, 0], minlength=5) / 300
    assert np.abs(first - 0.2).max() < 0.1


def test_the_chain_has_the_entropy_of_its_law_and_is_that_of_its_source() -> None:
    P = RepeatedTokensTask(V=256, alpha=0.1, T=20).transitions()
    entropy = -(P * np.log(np.maximum(P, 1e-300))).sum(axis=1).mean()
    assert entropy == pytest.approx(digamma(256 * 0.1 + 1) - digamma(1.1), rel=0.02)
    assert not np.allclose(P, RepeatedTokensTask(V=256, alpha=0.1, T=20, source=1).transitions())


def test_copies_and_blocks_are_said_again_and_again() -> None:
    task = RepeatedTokensTask()
    copies, blocks = task.test_set("copies", 0, 30), task.test_set("blocks", 0, 30)
    assert copies.tokens.shape == (30, 11 * 5)
    assert blocks.tokens.shape == (30, 4 * 16)
    for batch, length in ((copies, 5), (blocks, 16)):
        parts = batch.tokens.reshape(30, -1, length)
        assert (parts == parts[:, :1]).all()
        np.testing.assert_array_equal(batch.copied, np.tile(np.arange(batch.tokens.shape[1]) >= length, (30, 1)))
    assert all(len(set(row[:16])) == 16 for row in blocks.tokens.tolist())
    order = np.argsort(task.frequencies())
    assert not np.isin(blocks.tokens, order[[0, -1]]).any()
    longer = RepeatedTokensTask(T=128)
    assert longer.blocks == {"copies": (10, 11), "blocks": (25, 4)}
    assert list(RepeatedTokensTask(T=20).tests) == ["train", "blocks"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"f": 1.5}, "`f` must lie between 0 and 1; got 1.5"),
    ({"f": float("nan")}, "`f` must be finite"),
    ({"distinct": 0}, "`distinct` must be a whole number of at least 1; got 0"),
    ({"q": 1.0}, "`q` must be below 1"),
    ({"alpha": 0.0}, "`alpha` must be positive; got 0"),
    ({"shortest": 9, "longest": 4}, "copies have shortest <= longest < T; got shortest=9, longest=4, T=64"),
    ({"longest": 64}, "copies have shortest <= longest < T"),
    ({"V": 1}, "`V` must be a whole number of at least 2; got 1"),
]


@pytest.mark.parametrize(("options", "sentence"), BAD)
def test_bad_options(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        RepeatedTokensTask(**options)


def test_bad_calls() -> None:
    with pytest.raises(InputError, match="unknown test 'repeated'"):
        PLAIN.test_set("repeated", 0, 3)
    with pytest.raises(InputError, match="`count` must be a whole number of at least 1"):
        PLAIN.sample(0, 0, 0)
    for call in (PLAIN.sample, lambda *more: PLAIN.test_set("blocks", *more[::2])):
        with pytest.raises(InputError, match="a sample of 1e\\+15 sequences"):
            call(0, 0, 10**15)
    with pytest.raises(InputError, match="`seed` must be a whole number"):
        PLAIN.test_set("copies", "one", 3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="`T` must be the same in all stages"):
        PLAIN.check_stage(RepeatedTokensTask(V=12, T=41))
