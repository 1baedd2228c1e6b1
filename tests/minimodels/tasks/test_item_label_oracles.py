"""The scores of pure strategies: closed numbers, and the strategies themselves played on drawn sequences."""

from dataclasses import replace

import numpy as np
import pytest

from minimodels.tasks.item_label import ItemLabelTask, Sequences
from minimodels.tasks.item_label_draws import BLOCK
from minimodels.tasks.item_label_oracles import STRATEGIES, oracles

COUNT = 150 * BLOCK
NAN = float("nan")


@pytest.mark.parametrize(("B", "loss"), [(1, 2.079), (2, 1.386), (4, 0.693)])
def test_the_table_of_the_paper_setting(B: int, loss: float) -> None:
    """Science file, section 4; without a match the guess is worth 96/(32 * 127) at K=128."""
    table = oracles(ItemLabelTask(B=B))
    assert list(table.strategy.values) == list(STRATEGIES)
    recall = 0.0608 + (1 - 0.0608) * 96 / (32 * 127)
    expected = {
        "bursty_loss": [3.466, loss, 0, 0],
        "IC": [1 / 32, B / 8, 1, 1 / 32],
        "IC2": [1 / 32, B / 8, 1, 0],
        "IW": [1 / 32, 1 / 32, recall, 1],
        "IW_absent": [1 / 32, 96 / (32 * 127), 96 / (32 * 127), 1],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(table[name], values, atol=5e-4, equal_nan=True, err_msg=name)


def test_what_has_no_value_is_nan() -> None:
    assert oracles(ItemLabelTask(p_C=0.5)).bursty_loss.isnull().values.tolist() == [False, False, False, True]
    for none in (ItemLabelTask(B=0), ItemLabelTask(p_B=0.0)):
        assert oracles(none).bursty_loss.isnull().all()
    alone = oracles(ItemLabelTask(unique_labels=False, zipf=2000.0))  # all but the first class underflow to never
    assert alone.IW_absent.isnull().all()
    np.testing.assert_array_equal(alone.IW, [1 / 32, 1, 1, 1])


def played(batch: Sequences, L: int) -> dict[str, np.ndarray]:
    """What each strategy gives the right label, its rule carried out on the slots of every sequence."""
    hits = batch.labels == batch.target[:, None]
    read = batch.matches | ~batch.matches.any(axis=1, keepdims=True)  # all slots where none matches
    return {
        "uniform": np.full(len(batch), 1 / L),
        "random context label": hits.mean(axis=1),
        "perfect in-context": (hits & read).sum(axis=1) / read.sum(axis=1),
    }


def within(samples: np.ndarray, expected: float) -> bool:
    return bool(abs(samples.mean() - expected) <= 4.5 * samples.std() / np.sqrt(len(samples)) + 1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"B": 2},
        {"B": 1, "p_B": 0.5, "zipf": 1.0},
        {"B": 1, "p_C": 0.4, "p_B": 0.5, "zipf": 1.5, "unique_labels": False},
        {"B": 2, "p_C": 0.4, "zipf": 0.7, "unique_labels": False, "K_c": None},
        {"B": 0, "p_C": 0.4, "zipf": 1.0},
        {"B": 0, "p_C": 0.4, "zipf": 3.0, "unique_labels": False},
    ],
)
def test_strategies_carried_out_on_drawn_sequences_score_as_computed(options: dict) -> None:
    task = ItemLabelTask(**({"N": 4, "L": 8, "K": 16, "D": 1, "N_max": 4, "K_c": 16} | options))
    table = oracles(task)
    for name in ("IC", "IC2", "IW", "IW_absent"):
        for strategy, chance in played(task.test_set(name, 0, COUNT), 8).items():
            assert within(chance, table[name].sel(strategy=strategy).item()), (name, strategy)
    share = task.p_C / (task.p_C + (1 - task.p_C) * task.p_B * (task.B > 0))  # of the bursty sequences
    zipf = 0.0 if task.unique_labels or share == 1 else task.zipf
    bursty = replace(task, B=task.copies, p_B=1.0, p_C=share, zipf=zipf).sample(0, 0, COUNT)
    for strategy, chance in played(bursty, 8).items():
        assert within(-np.log(chance), table.bursty_loss.sel(strategy=strategy).item()), strategy


def test_in_weights_learning_by_the_nearest_class_mean_scores_as_computed() -> None:
    task = ItemLabelTask(N=4, L=8, K=16, N_max=4, B=2)
    table = oracles(task).sel(strategy="perfect in-weights")
    for name in ("IC", "IC2", "IW", "IW_absent"):
        batch = task.test_set(name, 0, COUNT)
        nearest = (batch.content[:, -1] @ task.embeddings(0).means.T).argmax(axis=1)
        assert within(nearest % 8 == batch.target, table[name].item()), name
