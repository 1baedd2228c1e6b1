"""Exemplar-label sequences: how often everything occurs, what is never shown, and what is the same to the last bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from minimodels.errors import InputError
from minimodels.tasks.exemplar_label import ExemplarLabelTask, ExemplarSequences

SMALL = ExemplarLabelTask(C=6, D=4, unseen=3)
FIXED = ExemplarLabelTask(labels="fixed", K=7, C=7, D=4, exemplars=3, w=0.5, query="another")
MANY = 40_000


def equally_often(values: Any, cells: int) -> bool:
    """Whether all cells are as frequent, at one in ten thousand."""
    count = np.unique(np.asarray(values), return_counts=True, axis=0)[1]
    assert len(count) == cells
    return bool(chisquare(count).pvalue > 1e-4)


def rows(*columns: np.ndarray) -> np.ndarray:
    return np.column_stack(columns)


def test_the_paper_has_78400_sequences_and_all_are_as_likely() -> None:
    task = ExemplarLabelTask()
    assert 50 * 49 * len(task.label_sets(0)[0]) * 2 * 2 == 78_400
    batch = SMALL.sample(1, 0, MANY)
    assert equally_often(rows(batch.classes, batch.labels), 6 * 5 * 16 * 2)


@pytest.mark.parametrize(("K", "held"), [(5, 2), (10, 9), (15, 21)])
def test_label_pairs_are_held_out_and_every_label_is_in_training(K: int, held: int) -> None:
    task = replace(SMALL, K=K)
    for seed in range(20):
        shown, hidden = task.label_sets(seed)
        assert (len(hidden), len(shown)) == (held, K * (K - 1) // 2 - held)
        assert len(np.unique(np.concatenate([shown, hidden]), axis=0)) == K * (K - 1) // 2
        assert len(np.unique(shown)) == K
    batch, test = task.sample(3, 0, MANY), task.test_set("labels", 3, MANY)
    shown, hidden = (set(map(tuple, pairs.tolist())) for pairs in task.label_sets(3))
    assert set(map(tuple, np.sort(batch.labels, axis=1).tolist())) == shown
    assert set(map(tuple, np.sort(test.labels, axis=1).tolist())) == hidden
    assert equally_often(test.labels, 2 * held)
    different = {task.label_sets(seed)[1].tobytes() for seed in range(20)}
    assert len(different) > 5


def test_the_vectors_of_classes_are_those_for_any_number_of_labels_and_classes() -> None:
    vectors = SMALL.vectors(0)
    np.testing.assert_array_equal(replace(SMALL, K=10).vectors(0), vectors)
    np.testing.assert_array_equal(replace(SMALL, C=4).vectors(0)[:4], vectors[:4])
    np.testing.assert_array_equal(replace(SMALL, C=4).vectors(0)[-3:], vectors[-3:])
    assert not np.array_equal(SMALL.vectors(1), vectors)


def test_query_copies_are_the_same_to_the_last_bit_or_drawn_anew() -> None:
    def copies(task: ExemplarLabelTask, batch: ExemplarSequences) -> np.ndarray:
        own = batch.classes[:, :-1] == batch.classes[:, -1:]
        assert (own.sum(1) == task.B).all()
        return np.array([[np.array_equal(b.exemplars[s, j], b.exemplars[s, -1]) for j in np.flatnonzero(own[s])]
                         for b in [batch] for s in range(len(batch))])  # fmt: skip

    for task in (SMALL, replace(SMALL, w=0.3, exemplars=20), replace(SMALL, w=0.3, exemplars=None, P=4, B=2)):
        assert copies(task, task.sample(0, 0, 200)).all()
    twenty = replace(SMALL, w=0.3, exemplars=20, query="another")
    assert np.isclose(copies(twenty, twenty.sample(0, 0, 20_000)).mean(), 1 / 20, atol=0.008)
    fresh = replace(SMALL, w=0.3, exemplars=None, query="another")
    assert not copies(fresh, fresh.sample(0, 0, 200)).any()


def test_exemplars_are_those_of_their_class_with_the_stated_law() -> None:
    task = ExemplarLabelTask(C=60, D=256, r=0.6, w=0.25, exemplars=None, query="another")
    vectors = task.vectors(2)
    cos = np.corrcoef(vectors[:60])
    assert np.isclose(cos[np.triu_indices(60, 1)].mean(), 0.6, atol=0.06)
    batch = task.sample(2, 0, 200)
    noise = (batch.exemplars - np.sqrt(0.75) * vectors[batch.classes]) / 0.5
    assert kstest(noise.ravel()[::7], "norm").pvalue > 1e-4
    assert kstest(((vectors[:60] - np.sqrt(0.6) * vectors.mean(0)) / np.sqrt(0.4)).ravel(), "norm").statistic < 0.1
    plain = ExemplarLabelTask(D=512).sample(0, 0, 500)
    np.testing.assert_array_equal(plain.exemplars, ExemplarLabelTask(D=512).vectors(0)[plain.classes])
    assert np.isclose(np.linalg.norm(plain.exemplars, axis=-1).mean(), 22.6, atol=0.3)
    clipped = replace(task, clip=True).sample(2, 0, 200)
    np.testing.assert_array_equal(clipped.exemplars, np.maximum(batch.exemplars, 0))


def test_a_number_of_exemplars_is_that_number_and_the_test_shows_others() -> None:
    task = replace(SMALL, w=0.5, exemplars=3)
    seen, other = task.sample(0, 0, 5000), task.test_set("exemplars", 0, 500)

    def known(batch: ExemplarSequences) -> set[bytes]:
        return {item.tobytes() for item in batch.exemplars.reshape(-1, 4)}

    assert len(known(seen)) == 6 * 3
    assert not known(seen) & known(other)
    assert known(task.test_set("train", 0, 5000)) == known(seen)
    one = replace(SMALL, w=0.5).test_set("exemplars", 0, 500)
    assert len(known(one)) == 1000
    assert not known(one) & known(replace(SMALL, w=0.5).sample(0, 0, 5000))
    assert "exemplars" not in SMALL.tests
    assert "exemplars" not in replace(SMALL, w=0.5, exemplars=None).tests


def test_unseen_classes_are_never_in_training() -> None:
    batch, test = SMALL.sample(0, 0, MANY), SMALL.test_set("classes", 0, MANY)
    assert set(np.unique(batch.classes)) == set(range(6))
    assert set(np.unique(test.classes)) == {6, 7, 8}
    assert equally_often(rows(test.classes, test.labels), 3 * 2 * 16 * 2)
    np.testing.assert_array_equal(test.exemplars, SMALL.vectors(0)[test.classes])


def places(batch: ExemplarSequences) -> np.ndarray:
    """Which pair shows the label that is asked for, -1: none."""
    shown = batch.labels == batch.target[:, None]
    assert (shown.sum(1) <= 1).all()
    return np.where(shown.any(1), shown.argmax(1), -1)


def test_the_evaluators_of_fixed_labels_are_what_they_are_called() -> None:
    train = FIXED.sample(0, 0, MANY)
    np.testing.assert_array_equal(train.labels, train.classes[:, :2])
    np.testing.assert_array_equal(train.target, train.classes[:, 2])
    assert equally_often(rows(train.classes), 7 * 6 * 2)

    icl = FIXED.test_set("ICL", 0, MANY)
    assert equally_often(rows(icl.classes, icl.labels), 7 * 6 * 2 * 2)
    np.testing.assert_array_equal(np.sort(icl.labels, 1), np.broadcast_to([0, 1], (MANY, 2)))
    np.testing.assert_array_equal(icl.classes[np.arange(MANY), places(icl)], icl.classes[:, 2])

    flip = FIXED.test_set("Flip", 0, MANY)
    np.testing.assert_array_equal(flip.labels, flip.classes[:, [1, 0]])
    np.testing.assert_array_equal(flip.classes[np.arange(MANY), places(flip)], flip.classes[:, 2])
    assert equally_often(rows(flip.classes), 7 * 6 * 2)

    ciwl = FIXED.test_set("CIWL", 0, MANY)
    assert (ciwl.classes[:, :2] != ciwl.classes[:, 2:]).all()
    np.testing.assert_array_equal(ciwl.target, ciwl.classes[:, 2])
    there, other = places(ciwl), 1 - places(ciwl)
    np.testing.assert_array_equal(ciwl.labels[np.arange(MANY), other], ciwl.classes[np.arange(MANY), other])
    assert equally_often(rows(ciwl.classes, there), 7 * 6 * 5 * 2)

    iwl = FIXED.test_set("IWL", 0, MANY)
    assert (places(iwl) == -1).all()
    np.testing.assert_array_equal(iwl.labels, iwl.classes[:, :2])
    assert equally_often(rows(iwl.classes), 7 * 6 * 5)

    planted = replace(FIXED, labels="planted").sample(0, 0, MANY)
    assert equally_often(rows(planted.classes, places(planted)), 7 * 6 * 5 * 2)
    assert FIXED.usual_tests == ("ICL", "Flip", "CIWL", "IWL", "exemplars")


def test_a_context_of_several_copies_has_them_in_any_order() -> None:
    task = replace(SMALL, P=4, B=2, K=4)
    batch = task.sample(0, 0, MANY)
    first = batch.classes[:, :4] == batch.classes[:, 4:]
    assert (first.sum(1) == 2).all()
    assert equally_often(first, 6)
    for b in range(50):
        assert len({*zip(batch.classes[b, :4].tolist(), batch.labels[b].tolist(), strict=True)}) == 2
    three = replace(SMALL, P=3, K=5, held_out=0.2)
    assert [len(sets) for sets in three.label_sets(0)] == [8, 2]
    assert equally_often(three.sample(0, 0, MANY).labels, 8 * 6)
    free = replace(SMALL, held_out=0.0)
    assert equally_often(free.sample(0, 0, MANY).labels, 20)
    assert "labels" not in free.tests


def test_a_sequence_is_a_function_of_its_seed_and_its_number() -> None:
    for task in (replace(SMALL, w=0.3, exemplars=None, query="another"), FIXED):
        whole, part = task.sample(5, 0, 20), task.sample(5, 7, 4)
        for name in ("exemplars", "labels", "target", "classes"):
            np.testing.assert_array_equal(getattr(whole, name)[7:11], getattr(part, name))
        sets = [task.test_set(name, 5, 20).exemplars for name in task.tests]
        sets += [whole.exemplars, task.test_set("train", 5, 20, draw=1).exemplars, task.sample(6, 0, 20).exemplars]
        assert len({each.tobytes() for each in sets}) == len(sets)
    assert len(whole) == 20


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"P": 1}, "`P` must be a whole number of at least 2; got 1"),
        ({"B": 2}, "`B` must divide `P` and be below it; got B=2, P=2"),
        ({"C": 1}, "`C` must be a whole number of at least 2"),
        ({"P": 3, "C": 2}, "`C` must be at least 3, the classes of a sequence; got C=2"),
        ({"labels": "fixed"}, "labels='fixed' has one label a class: K = C; got K=5, C=50"),
        ({"labels": "other"}, "`labels` must be one of 'relabelled', 'fixed', 'planted'"),
        ({"labels": "planted", "K": 2, "C": 2}, "`C` must be at least 3, the classes of a sequence; got C=2"),
        ({"P": 6}, "`K` must be at least P/B = 6, the labels of a context; got K=5"),
        ({"K": 1000}, r"2 of K=1000 labels have 499500 combinations, more than the 200000"),
        ({"held_out": 0.9}, r"held_out=0.9 leaves too few of the 10 combinations"),
        ({"held_out": 1.5}, "`held_out` must lie between 0 and 1"),
        ({"exemplars": 20}, "at w = 0 all exemplars of a class are one"),
        ({"query": "another"}, "at w = 0 all exemplars of a class are one"),
        ({"unseen": 1}, "`unseen` is 0 or at least P/B = 2; got unseen=1"),
        ({"r": -0.1}, "`r` must lie between 0 and 1"),
        ({"clip": "yes"}, "`clip` must be True or False"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        ExemplarLabelTask(**options)


def test_what_a_task_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="unknown test 'Flip'"):
        SMALL.test_set("Flip", 0, 4)
    with pytest.raises(InputError, match="`D` must be the same in all stages"):
        SMALL.check_stage(replace(SMALL, D=5))
    with pytest.raises(InputError, match="has no combinations of labels that are held out"):
        FIXED.label_sets(0)
    SMALL.check_stage(replace(SMALL, C=9))
