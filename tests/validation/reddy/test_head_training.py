"""The induction head's training as claims ask for it."""

from dataclasses import replace
from pathlib import Path

import pytest

from minimodels.errors import InputError
from minimodels.induction_head.head import InductionHead
from minimodels.results import load
from minimodels.tasks.item_label import ItemLabelTask
from validation.reddy.trainings import HeadTraining
from validation.spelled import read, spell

TRAINING = HeadTraining(
    name="head", task=ItemLabelTask(N=2, L=8, K=8, D=15, N_max=2, p_C=1.0, K_c=None),
    head=InductionHead(classifier="linear", init={"alpha": 0.1}), lr=1.0, steps=40, seeds=(0, 1), record_every=20,
    held_out=32, tests=(),
)  # fmt: skip


def test_a_training_of_the_head_is_not_run_twice_and_not_written_over(tmp_path: Path) -> None:
    for _ in range(2):
        read(spell(TRAINING)).run(tmp_path)
        assert load(tmp_path / "run.nc").sizes["seed"] == 2
    kept = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match="holds a training with other options: choose another folder"):
        replace(TRAINING, lr=0.5).run(tmp_path)
    assert kept == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}


def test_longer_trainings_of_deeper_heads_cost_more() -> None:
    assert replace(TRAINING, steps=80).cost == 2 * TRAINING.cost
    assert replace(TRAINING, head=InductionHead()).cost > TRAINING.cost
