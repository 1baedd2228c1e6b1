"""Logs of other programs, right and wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minimodels as mm


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_csv_with_other_separators_and_names(tmp_path: Path) -> None:
    log = written(tmp_path, "log.csv", "it; train/loss; acc\n0; 3.5; 0.1\n10; 3.25;\n20; 3; 0.3\n")
    curve = mm.read_curve(log, step="it", loss="train/loss", observe={"correct": "acc"})
    assert curve.step.values.tolist() == [0, 10, 20]
    assert curve.loss.values.tolist() == [3.5, 3.25, 3]
    np.testing.assert_array_equal(curve.correct, [0.1, np.nan, 0.3])


def test_json_lines_with_measures_at_steps_of_their_own(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"step": 0, "loss": 3.5},
        {"step": 0, "acc": 0.1},
        {"step": 5, "acc": 0.2},
        {"note": 1},
    ]
    log = written(tmp_path, "log.jsonl", "\n".join(map(json.dumps, [*rows, {"step": 10, "loss": 3}])) + "\n")
    curve = mm.read_curve(log, observe={"correct": "acc"})
    np.testing.assert_array_equal(curve.loss, [3.5, np.nan, 3])
    np.testing.assert_array_equal(curve.correct, [0.1, 0.2, np.nan])


def test_tensorboard_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is an extra")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(tmp_path))
    for step in range(3):
        value = Summary.Value(tag="train/loss", simple_value=3 - 0.5 * step)
        writer.add_event(Event(step=10 * step, summary=Summary(value=[value])))
    writer.close()
    curve = mm.read_curve(tmp_path, loss="train/loss")
    assert curve.step.values.tolist() == [0, 10, 20]
    assert curve.loss.values.tolist() == [3, 2.5, 2]
    with pytest.raises(mm.InputError, match=r"unknown tag 'train/los'.*did you mean 'train/loss'"):
        mm.read_curve(tmp_path, loss="train/los")


@pytest.mark.parametrize(
    ("name", "text", "options", "words"),
    [
        ("log.csv", "step,loss\n0,1\n", {"loss": "los"}, "unknown column 'los' in 'log.csv'; did you mean 'loss'"),
        ("log.csv", "step,loss\n0,1\n", {"step": "stpe"}, "unknown column 'stpe' in 'log.csv'; did you mean 'step'"),
        ("log.csv", "step,loss\n0,1\n5,2\n5,3\n", {}, "steps of 'loss' in 'log.csv' must increase: 5 is followed by 5"),
        ("log.csv", "step,loss\n0,1\n5,nan\n", {}, "'loss' in 'log.csv' is nan at step 5: the training diverged"),
        ("log.csv", "step,loss\n0,1\n5,low\n", {}, "line 3 of 'log.csv': 'loss' is no number, 'low'"),
        ("log.csv", "step,loss\n0,1\n,2\n", {}, "line 3 of 'log.csv' has no 'step'"),
        ("log.csv", "step,loss\n", {}, "'log.csv' is empty"),
        ("log.csv", "", {}, "'log.csv' is empty"),
        ("log.csv", "step,loss,acc\n0,1,\n", {"observe": {"correct": "acc"}}, "the column 'acc' of 'log.csv' is empty"),
        ("log.jsonl", '{"step": 0}\n{', {}, "line 2 of 'log.jsonl' is not JSON"),
        ("log.jsonl", "[1, 2]", {}, "line 1 of 'log.jsonl' is not an object"),
        ("log.parquet", "x", {}, "a log is CSV"),
        ("log.csv", "step,loss\n0,1\n", {"loss": None}, "name a column to read"),
        ("log.csv", "step,loss\n0,1\n", {"observe": {"correct": 3}}, "the column of 'correct' is a name; got 3"),
    ],
)
def test_bad_logs(tmp_path: Path, name: str, text: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(mm.InputError, match=words):
        mm.read_curve(written(tmp_path, name, text), **options)


def test_logs_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(mm.InputError, match="there is no file"):
        mm.read_curve(tmp_path / "none.csv")
    pytest.importorskip("tensorboard", reason="TensorBoard is an extra")
    with pytest.raises(mm.InputError, match="holds no TensorBoard events"):
        mm.read_curve(tmp_path)
