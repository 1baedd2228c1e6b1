"""The sampler against exact probabilities, from 12 800 sequences (`close`: within 4.5 standard errors)."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy import stats

from minimodels.errors import InputError
from minimodels.streams import Stream
from minimodels.tasks.item_label import TESTS, ItemLabelTask, Sequences
from minimodels.tasks.item_label_draws import BLOCK

COUNT = 100 * BLOCK
SMALL = ItemLabelTask(N=4, L=8, K=16, D=5, N_max=6)
SKEWED = replace(SMALL, zipf=1.0, unique_labels=False, eps=0.0)
ZIPF = np.array([1 / k for k in range(1, 17)]) / sum(1 / k for k in range(1, 17))


def close(measured: float, probability: float, count: int = COUNT) -> bool:
    return abs(measured - probability) <= 4.5 * np.sqrt(probability * (1 - probability) / count)


def fits(counts: np.ndarray, probabilities: np.ndarray) -> bool:
    """Whether Pearson's chi-square lets these counts come from these probabilities; what cannot be must not occur."""
    counts, probabilities = counts.ravel(), probabilities.ravel()
    can = probabilities > 0
    distance = ((counts - probabilities * counts.sum())[can] ** 2 / (probabilities[can] * counts.sum())).sum()
    return bool(stats.chi2.sf(distance, max(can.sum() - 1, 1)) > 1e-4 and not counts[~can].any())


def table(*classes: np.ndarray, K: int = 16) -> np.ndarray:
    """How often each combination occurs."""
    return np.histogramdd(np.stack(classes, axis=1), bins=[np.arange(K + 1)] * len(classes))[0]


def found(batch: Sequences, task: ItemLabelTask, seed: int = 0) -> np.ndarray:
    """Known classes (n, N + 1) of the items, target last, from their contents without noise; -1 for novel ones."""
    means = task.embeddings(seed).means
    items = batch.content[:, 0::2]
    nearest = (items @ means.T - (means**2).sum(axis=1) / 2).argmax(axis=2)
    return np.where(np.isclose(items, means[nearest], atol=1e-5).all(axis=2), nearest, -1)


def test_a_sequence_is_a_function_of_seed_and_index_alone() -> None:
    task = replace(SMALL, p_C=0.5, p_B=0.5)
    whole = task.sample(3, 0, 3 * BLOCK)
    for start, count in ((0, 1), (100, 200), (BLOCK, BLOCK), (50, BLOCK), (250, 10), (0, 2 * BLOCK)):
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
    for other in (SMALL.sample(1, 0, 64), SMALL.sample(0, 0, 64, stream=Stream.HELD_OUT), SMALL.sample(0, 64, 64)):
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
        for other in range(slot):  # every order of the slots is as likely
            assert close((batch.labels[:, slot] == batch.labels[:, other]).mean(), (B - 1) / 3)
            assert close(batch.matches[:, [slot, other]].all(axis=1).mean(), B / 4 * (B - 1) / 3)


def test_novel_sequences_are_drawn_with_probability_p_c_and_loose_ones_with_one_minus_p_b() -> None:
    batch = replace(SMALL, p_C=0.3, p_B=0.6, K=16).sample(0, 0, COUNT)
    assert close(batch.novel.mean(), 0.3)
    old = ~batch.novel
    distinct = np.array([len(set(row)) == 4 for row in batch.labels])
    p_distinct = math.prod(1 - k / 8 for k in range(4))
    assert distinct[batch.novel].all()
    assert close(distinct[old].mean(), 0.6 + 0.4 * p_distinct, old.sum())
    in_context = 1 - (1 - 1 / 16) ** 4
    assert close(batch.matches[old].any(axis=1).mean(), 0.6 + 0.4 * in_context, old.sum())


def test_repeated_labels_occur_as_often_as_independent_draws_say() -> None:
    batch = replace(SMALL, unique_labels=False, K=8, K_c=None, p_C=0.5).sample(0, 0, COUNT)
    distinct = np.array([len(set(row)) == 4 for row in batch.labels])
    p_distinct = math.prod(1 - k / 8 for k in range(4))
    for novel in (True, False):
        assert close(distinct[batch.novel == novel].mean(), p_distinct, (batch.novel == novel).sum())


@pytest.mark.parametrize("eps", [0.0, 0.1, 1.0])
def test_items_of_a_class_overlap_by_one_over_one_plus_eps_squared(eps: float) -> None:
    batch = ItemLabelTask(N=2, L=2, K=400, D=400, eps=eps, N_max=2).sample(0, 0, 20 * BLOCK)
    target, items = batch.content[:, -1], batch.content[:, 0:-1:2]
    other = items[batch.matches]  # |x|^2 = 1 on average, and half the squared distance is what the overlap lacks of it
    assert np.isclose(((target - other) ** 2).sum(axis=1).mean() / 2, eps**2 / (1 + eps**2), rtol=0.01)
    assert np.isclose((target**2).sum(axis=1).mean(), 1, atol=4.5 * np.sqrt(2 / (400 * 400)))
    assert np.isclose((target * other).sum(axis=1).mean(), 1 / (1 + eps**2), atol=0.02)
    assert abs((items[~batch.matches] * target).sum(axis=1).mean()) < 4.5 / np.sqrt(400 * 400)


def test_labels_carry_no_noise_and_novel_means_are_redrawn_every_block() -> None:
    batch = replace(SMALL, p_C=1.0, eps=0.0, K_c=8).sample(0, 0, 2 * BLOCK)
    np.testing.assert_array_equal(batch.content[:, 1::2], SMALL.embeddings(0).labels[batch.labels])
    items = batch.content[:, 0:-1:2].reshape(2, -1, 5)
    assert [len(np.unique(block.round(6), axis=0)) for block in items] == [8, 8]
    assert len(np.unique(items.reshape(-1, 5).round(6), axis=0)) == 16
    assert not (found(batch, SMALL) >= 0).any()
    fresh = replace(SMALL, p_C=1.0, eps=0.0, K_c=None, B=2).sample(0, 0, BLOCK).content[:, 0::2]
    assert len(np.unique(fresh.reshape(-1, 5).round(6), axis=0)) == 2 * BLOCK  # N/B for every sequence


@pytest.mark.parametrize("K_c", [8, None])
def test_novel_means_are_normal_with_variance_one_over_d(K_c: int | None) -> None:
    batch = replace(SMALL, p_C=1.0, eps=0.0, K_c=K_c).sample(0, 0, 50 * BLOCK)
    means = [np.unique(block, axis=0) for block in batch.content[:, 0::2].reshape(50, -1, 5)]
    assert {len(block) for block in means} == {K_c or 4 * BLOCK}
    entries = np.concatenate(means).ravel() * np.sqrt(5)
    assert stats.kstest(entries, "norm").pvalue > 1e-4
    assert abs((entries**2).mean() - 1) < 4.5 * np.sqrt(2 / len(entries))


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


def test_embeddings_have_independent_entries_of_variance_one_over_d() -> None:
    emb = ItemLabelTask(N=2, L=512, K=1024, K_c=None, D=7).embeddings(1)
    for vectors in (emb.labels, emb.means):
        entries = vectors.ravel() * np.sqrt(7)
        assert abs((entries**2).mean() - 1) < 4.5 * np.sqrt(2 / len(entries))
        assert stats.kstest(entries, "norm").pvalue > 1e-4
        correlations = np.asarray(np.corrcoef(vectors))[np.triu_indices(len(vectors), 1)]
        assert np.isclose(correlations.std(), 1 / np.sqrt(6), rtol=0.05)


def test_independent_classes_follow_zipf_in_every_slot_and_pair() -> None:
    batch = replace(SKEWED, p_B=0.0).sample(0, 0, COUNT)
    classes = found(batch, SKEWED)
    np.testing.assert_array_equal(batch.labels, classes[:, :4] % 8)
    np.testing.assert_array_equal(batch.target, classes[:, 4] % 8)
    for slot in range(5):
        assert fits(table(classes[:, slot]), ZIPF)
    for pair in ((0, 1), (2, 4)):
        assert fits(table(*classes[:, pair].T), np.outer(ZIPF, ZIPF))
    for step in (1, BLOCK):  # neighbours, and the same place in the next block
        assert fits(table(classes[step:, 4], classes[:-step, 4]), np.outer(ZIPF, ZIPF))


@pytest.mark.parametrize("B", [1, 2])
def test_bursty_classes_follow_zipf_if_labels_may_repeat(B: int) -> None:
    batch = replace(SKEWED, B=B).sample(0, 0, COUNT)
    classes = found(batch, SKEWED)
    for slot in range(5):
        assert fits(table(classes[:, slot]), ZIPF)
    others = 4 // B - 1  # the other classes of the context, each the target's with chance sum_k P_k^2
    copies = batch.matches.sum(axis=1)
    assert close(copies.mean() / (4 - B) - B / (4 - B), (ZIPF**2).sum())
    alone = (ZIPF * (1 - ZIPF) ** others).sum()
    assert close((copies == B).mean(), alone)
    assert (copies % B == 0).all()


def test_distinct_labels_leave_the_class_frequencies_to_independent_sequences() -> None:
    classes = found(replace(SKEWED, unique_labels=True, p_B=0.4).sample(0, 0, COUNT), SKEWED)
    assert fits(table(classes[:, 4]), 0.4 / 16 + 0.6 * ZIPF)
    uniform = found(replace(SKEWED, unique_labels=True, zipf=0.0).sample(0, 0, COUNT), SKEWED)
    different = (np.arange(16)[:, None] - np.arange(16)) % 8 != 0
    assert fits(table(*uniform[:, :2].T), different / different.sum())


def test_without_burstiness_only_novel_classes_recur_on_purpose() -> None:
    task = replace(SKEWED, B=0, unique_labels=True, p_C=0.4)
    batch = task.sample(0, 0, COUNT)
    assert close(batch.novel.mean(), 0.4)
    classes, novel = found(batch, task), batch.novel
    assert ((classes < 0) == novel[:, None]).all()
    assert (batch.matches[novel].sum(axis=1) == 2).all()
    assert fits(table(classes[~novel, 4], classes[~novel, 0]), np.outer(ZIPF, ZIPF))
    np.testing.assert_array_equal(batch.content, replace(task, p_B=0.3).sample(0, 0, COUNT).content)


@pytest.mark.parametrize("p_B", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("p_C", [0.0, 0.25, 1.0])
def test_three_kinds_of_sequences_occur_as_p_b_and_p_c_say(p_B: float, p_C: float) -> None:
    batch = replace(SMALL, p_B=p_B, p_C=p_C, B=2, eps=0.0).sample(0, 0, COUNT)
    assert close(batch.novel.mean(), p_C)
    assert ((found(batch, SMALL) < 0) == batch.novel[:, None]).all()
    copies = batch.matches.sum(axis=1)
    assert (copies[batch.novel] == 2).all()
    if p_C < 1:
        counts = np.bincount(copies[~batch.novel], minlength=5)
        loose = stats.binom.pmf(np.arange(5), 4, 1 / 16)
        assert fits(counts, p_B * (np.arange(5) == 2) + (1 - p_B) * loose)


@pytest.mark.parametrize(("p_B", "p_C"), [(0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])
def test_test_sets_are_reproducible_and_share_nothing_with_each_other_or_training(p_B: float, p_C: float) -> None:
    task = replace(SMALL, p_B=p_B, p_C=p_C)
    sets = {name: task.test_set(name, 2, 2 * BLOCK) for name in TESTS}
    for name, batch in sets.items():
        again = task.test_set(name, 2, 50)
        for f in fields(batch):
            np.testing.assert_array_equal(getattr(again, f.name), getattr(batch, f.name)[:50])
    drawn = np.concatenate([b.content[:, -1] for b in (*sets.values(), task.sample(2, 0, 20 * BLOCK))])
    assert len(np.unique(drawn, axis=0)) == len(drawn)
    other = replace(task, p_C=0.0, p_B=1.0).test_set("IW", 2, 2 * BLOCK)  # tests do not depend on the training's mix
    np.testing.assert_array_equal(other.content, sets["IW"].content)
    with pytest.raises(InputError, match="unknown test 'iw2'; did you mean 'IW'"):
        task.test_set("iw2", 0, 1)


def test_the_train_set_follows_the_law_of_training() -> None:
    task = replace(SKEWED, p_B=0.5, p_C=0.3)
    batch = task.test_set("train", 0, COUNT)
    assert close(batch.novel.mean(), 0.3)
    assert fits(table(found(batch, task)[~batch.novel, 4]), ZIPF)


@pytest.mark.parametrize("B", [0, 1, 2])
def test_ic_is_novel_and_bursty_whatever_the_training(B: int) -> None:
    batch = replace(SMALL, B=B, p_B=0.3, eps=0.0, zipf=1.0).test_set("IC", 0, COUNT)
    assert batch.novel.all()
    assert (found(batch, SMALL) < 0).all()
    assert (batch.matches.sum(axis=1) == (B or 2)).all()
    assert (batch.labels[batch.matches].reshape(COUNT, -1) == batch.target[:, None]).all()
    assert fits(table(batch.target, K=8), np.full(8, 1 / 8))


@pytest.mark.parametrize("options", [{"B": 2, "zipf": 0.0, "unique_labels": True}, {"B": 1}, {"B": 0}])
def test_ic2_shows_known_classes_with_the_next_label(options: dict) -> None:
    task = replace(SKEWED, p_C=0.5, **options)
    batch = task.test_set("IC2", 0, COUNT)
    classes = found(batch, task)
    assert (classes >= 0).all()
    assert not batch.novel.any()
    np.testing.assert_array_equal(batch.labels, (classes[:, :4] + 1) % 8)
    np.testing.assert_array_equal(batch.target, (classes[:, 4] + 1) % 8)
    np.testing.assert_array_equal(batch.content[:, 1::2], task.embeddings(0).labels[batch.labels])
    np.testing.assert_array_equal(batch.matches, classes[:, :4] == classes[:, 4:])
    assert fits(table(classes[:, 4]), task.frequencies)
    if task.unique_labels:
        assert (batch.matches.sum(axis=1) == 2).all()
    elif task.B:
        assert batch.matches.any(axis=1).all()
    else:
        assert fits(table(classes[:, 4], classes[:, 0]), np.outer(ZIPF, ZIPF))


def test_iw_is_independent_and_iw_absent_its_part_without_the_class_of_the_target() -> None:
    task = replace(SKEWED, p_C=0.5, B=2)
    iw = found(task.test_set("IW", 0, COUNT), task)
    assert fits(table(iw[:, 4], iw[:, 1]), np.outer(ZIPF, ZIPF))
    batch = task.test_set("IW_absent", 0, COUNT)
    assert not batch.matches.any()
    classes = found(batch, task)
    law = np.array([[p * q * (1 - p) ** 3 * (k != m) for m, q in enumerate(ZIPF)] for k, p in enumerate(ZIPF)])
    law /= law.sum()  # of target and any slot: the other three slots do not hold the target
    for slot in range(4):
        assert fits(table(classes[:, 4], classes[:, slot]), law)
    p_same = (law**2 / law.sum(axis=1, keepdims=True)).sum()  # two slots alike
    assert close((classes[:, 0] == classes[:, 3]).mean(), p_same)


def test_absent_targets_are_drawn_at_any_zipf_and_refused_where_there_are_none() -> None:
    steep = replace(SKEWED, zipf=20.0).test_set("IW_absent", 0, BLOCK)
    assert close((steep.target == 1).mean(), 1 / (1 + 1.5**-20), BLOCK)
    assert (steep.labels == 0).all()
    with pytest.raises(InputError, match="zipf=2000 leaves one class only, always in the context"):
        replace(SKEWED, zipf=2000.0).test_set("IW_absent", 0, 1)


@pytest.mark.parametrize(
    ("K", "zipf", "p_class", "p_label"),
    [(128, 0.0, 0.0608, 0.2243), (256, 0.0, 0.0308, 0.2243), (1024, 0.0, 0.00779, 0.2243), (1024, 1.0, 0.170, 0.3115)],
)
def test_the_class_and_the_label_of_the_target_are_in_the_context_of_iw_as_often_as_exact_sums_say(
    K: int, zipf: float, p_class: float, p_label: float
) -> None:
    """Numbers of the science file, section 4: sum_k P_k [1 - (1 - P_k)^N] over classes, and over labels."""
    task = ItemLabelTask(K=K, zipf=zipf, unique_labels=False, D=1)
    labels = task.frequencies.reshape(-1, 32).sum(axis=0)
    exact = [1 - (p * (1 - p) ** 8).sum() for p in (task.frequencies, labels)]
    np.testing.assert_allclose(exact, [p_class, p_label], atol=6e-5 if zipf == 0 else 5e-4)
    assert np.isclose(1 - task.absent.sum(), exact[0], rtol=1e-12)
    batch = task.test_set("IW", 0, COUNT)
    assert close(batch.matches.any(axis=1).mean(), exact[0])
    assert close((batch.labels == batch.target[:, None]).any(axis=1).mean(), exact[1])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"B": 3}, "`B` must divide `N` and be below it; got B=3, N=8: use 1, 2 or 4."),
        ({"B": 8}, "`B` must divide `N` and be below it; got B=8, N=8: use 1, 2 or 4."),
        ({"B": -1}, "`B` must be a whole number of at least 0; got -1: use 0 or more."),
        ({"B": 0, "N": 5}, "B = 0 needs an even `N` for the copies of novel classes; got N=5."),
        ({"zipf": -1.0}, "`zipf` must be finite and not negative; got -1.0: 0 makes all classes equally frequent."),
        ({"zipf": 1.0}, "zipf=1 would do nothing: with `unique_labels` bursty contexts do not use the class"),
        ({"zipf": 0.5, "unique_labels": False, "p_C": 1.0}, "zipf=0.5 would do nothing: with p_C = 1 every sequence"),
        ({"label_vectors": "random"}, "`label_vectors` must be one of 'gaussian', 'orthonormal'; got 'random'."),
        ({"label_vectors": "orthonormal", "D": 31}, "at most D=31 label vectors can be orthonormal; got L=32"),
        ({"N": 1}, "`N` must be a whole number of at least 2; got 1: use 2 or more."),
        ({"N": 2.5}, "`N` must be a whole number of at least 2; got 2.5: use 2 or more."),
        ({"K": 100}, "`K` must be a multiple of `L`; got K=100, L=32: use 96 or 128."),
        ({"K_c": 8}, "`K_c` must be a multiple of `L`; got K_c=8, L=32: use 32."),
        ({"L": 4, "K": 8}, "`L` must be at least N/B = 8 for distinct context labels; got L=4: raise `L`, or set"),
        ({"N_max": 7}, "`N_max` must be at least `N`; got N_max=7, N=8: use 8 or more."),
        ({"eps": float("nan")}, "`eps` must be finite and not negative; got nan: 0.1 is the paper's value."),
        ({"eps": 10**400}, "`eps` must be finite and not negative; got 1000"),
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
    with pytest.raises(InputError, match="`seed` must be below 2\\*\\*64; got 18446744073709551616"):
        SMALL.sample(2**64, 0, 4)
    with pytest.raises(InputError, match="`start` must be at most 9223372036854775807"):
        SMALL.sample(0, 2**63, 4)


def test_orthonormal_label_vectors_leave_the_class_means_as_they_are() -> None:
    plain, orthonormal = (replace(SMALL, D=9, label_vectors=v).embeddings(0) for v in ("gaussian", "orthonormal"))
    np.testing.assert_allclose(orthonormal.labels @ orthonormal.labels.T, np.eye(SMALL.L), atol=1e-6)
    np.testing.assert_array_equal(orthonormal.means, plain.means)


def test_a_sample_that_does_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(InputError, match=r"a sample of 9e\+15 sequences would take .* GB"):
        SMALL.sample(0, 0, 9 * 10**15)


def test_draws_by_number_share_embeddings_and_nothing_else() -> None:
    first, other = (SMALL.test_set("IC", 3, 64, draw=draw) for draw in (0, 1))
    assert np.array_equal(first.content, SMALL.test_set("IC", 3, 64).content)
    assert (first.content != other.content).mean() > 0.8
    labels = SMALL.embeddings(3).labels
    for drawn in (first, other):  # labels are shown by the vectors of the seed
        assert np.array_equal(drawn.content[:, 1::2], labels[drawn.labels])


def test_sequences_of_a_seed_stay_what_they_are() -> None:
    """Trainings and their records name seeds."""
    mixed = replace(SMALL, p_C=0.4, p_B=0.5).sample(1, 5, 6)
    assert mixed.labels.tolist() == [[0, 4, 7, 3], [6, 2, 4, 5], [3, 6, 7, 6], [3, 7, 6, 0], [7, 7, 5, 6], [4, 0, 1, 4]]
    assert mixed.target.tolist() == [4, 4, 0, 3, 1, 7]
    assert mixed.shift.tolist() == [0, 1, 1, 2, 2, 3]
    assert mixed.novel.tolist() == [True] + 5 * [False]
    assert np.argwhere(mixed.matches).tolist() == [[0, 1], [1, 2]]
    np.testing.assert_allclose(mixed.content[0, 0], [-0.260710, -0.269269, 0.592255, 0.0726537, -0.863583], rtol=1e-5)
