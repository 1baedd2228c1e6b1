"""The command: a log in, lines or JSON out, one sentence for what is wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minimodels as mm
from minimodels import cli

FAST = ["--attend", "labels", "--N", "4", "--L", "16", "--samples", "3000", "--free", "clock", "delay"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: Any) -> Path:
    """The loss of the model up to three quarters of its drop, ten steps a unit of time."""
    model = mm.model("nested_logit", N=4, L=16, attend="labels")
    save = np.linspace(0, 0.75 * float(mm.simulate(model, t_end=500.0).escape_time), 60)
    run = mm.simulate(model, t_end=save[-1], save=save)
    path: Path = tmp_path_factory.mktemp("log") / "log.csv"
    rows = [f"{10 * t},{loss}" for t, loss in zip(save, run.loss.values, strict=True)]
    path.write_text("\n".join(["it,train loss", *rows]) + "\n")
    return path


def called(capsys: Any, *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(["forecast", *words])
    said = capsys.readouterr()
    return int(str(end.value.code)), said.out, said.err


def test_a_log_is_forecast_saved_and_drawn(log: Path, tmp_path: Path, capsys: Any) -> None:
    columns = ["--step", "it", "--loss", "train loss"]
    out, plot = tmp_path / "ahead.nc", tmp_path / "ahead.png"
    status, said, _ = called(capsys, str(log), *columns, *FAST, "--out", str(out), "--plot", str(plot))
    assert status == 0
    for words in ("forecast: the drop comes between", "step of the drop", "baseline, power law", "not determined"):
        assert words in said
    assert plot.stat().st_size > 10_000
    status, said, _ = called(capsys, str(log), *columns, *FAST, "--json")
    found = json.loads(said)
    assert (status, found["command"], found["verdict"]) == (0, "forecast", "forecast")
    assert found["data_vars"]["drop_step"]["data"] == mm.load(out).drop_step.values.tolist()


def test_priors_and_events_in_words(log: Path, capsys: Any) -> None:
    columns = ["--step", "it", "--loss", "train loss", *FAST[:-3], "--event", "loss<1.0"]
    status, said, _ = called(capsys, str(log), *columns, "--prior", "clock=lognormal:0.1:0.2", "drift=1")
    assert status == 0
    assert "drift" not in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--step", "itt", "--loss", "train loss"], "unknown column 'itt' in 'log.csv'; did you mean 'it'"),
        (["--step", "it"], "unknown column 'loss' in 'log.csv'; did you mean 'train loss'"),
        (
            ["--step", "it", "--loss", "train loss", "--prior", "clock=normal:1"],
            "--prior clock takes a number or kind:a:b",
        ),
        (["--step", "it", "--loss", "train loss", "--observe", "korrect=it"], "unknown measure 'korrect'"),
        (["--step", "it", "--loss", "none"], "name a column to read"),
        (["--model", "nested_logits"], "did you mean 'nested_logit'"),
        (["--NN", "3"], "did you mean 'N'"),
    ],
)
def test_bad_words(log: Path, capsys: Any, words: list[str], sentence: str) -> None:
    status, said, wrong = called(capsys, str(log), *FAST, *words)
    assert (status, said) == (2, "")
    assert sentence in wrong
    assert wrong.count("\n") == 1


def test_a_log_is_asked_for(capsys: Any) -> None:
    status, _, wrong = called(capsys)
    assert status == 2
    assert wrong.count("\n") == 1
