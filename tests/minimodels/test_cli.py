"""The command line, in processes of its own as far as exit codes matter."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minimodels as mm
from minimodels import cli
from minimodels.cli.entry import ACTIONS
from minimodels.cli.options import Simulate, Sweep
from minimodels.models import variants
from minimodels.problem import Options

HERE = Path(__file__).parent.parent.parent


def minimodels(*words: str, cwd: Path = HERE) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "minimodels.cli", *words], capture_output=True, text=True, timeout=200, cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(HERE), "COLUMNS": "200"},
    )  # fmt: skip


def main(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run a command in this process; return its exit status, output and errors."""
    with pytest.raises(SystemExit) as end:
        cli.main(list(words))
    text = capsys.readouterr()
    return int(end.value.code or 0), text.out, text.err


RUN = ("nested_logit", "--attend", "labels", "--t-end", "200")


def test_models(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = main(capsys, "models")
    assert code == 0
    assert "nested_logit" in out
    out = main(capsys, "models", "nested_logit", "--beta-2", "free", "--N", "5")[1]
    for words in ("option     beta_2       = free", "state      beta_2", '"exact-labels"', "N            = 5."):
        assert words in out


def test_a_run_in_a_process_of_its_own_says_and_writes_what_the_library_computes(tmp_path: Path) -> None:
    done = minimodels("simulate", *RUN, "--N", "8", "--L", "32", "--out", "run.nc", "--plot", "run.svg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    expected = mm.simulate(mm.model("nested_logit", attend="labels"), t_end=200.0)
    saved = mm.load(tmp_path / "run.nc")
    assert saved.equals(expected)
    assert f"{float(expected.escape_time):.6g}" in done.stdout
    assert "<text" in (tmp_path / "run.svg").read_text()  # text stays text


def test_what_exists_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("run.nc", "run.svg"):
        (tmp_path / name).write_text("of another hand")
    for flag, name in (("--out", "run.nc"), ("--plot", "run.svg")):
        code, _, errors = main(capsys, "simulate", *RUN, flag, name)
        assert code == 2
        assert errors.count("\n") == 1
        assert f"{name}' exists and is left as it is" in errors
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == dict.fromkeys(
        ("run.nc", "run.svg"), "of another hand"
    )


def test_options_reach_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--init", "alpha=0.2", "xi=0", "--rates", "xi=1/(L-1)", "--clamp", "beta_1=3:0:50", "--rtol", "1e-8")
    code, _, errors = main(capsys, "simulate", *RUN, "--L", "20", *words, "--out", str(tmp_path / "run.nc"))
    assert code == 0, errors
    expected = mm.simulate(
        mm.model("nested_logit", attend="labels", L=20), t_end=200.0, init={"alpha": 0.2, "xi": 0},
        rates={"xi": "1/(L-1)"}, clamp={"beta_1": (3.0, 0.0, 50.0)}, rtol=1e-8,
    )  # fmt: skip
    assert mm.load(tmp_path / "run.nc").equals(expected)


def test_descend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gd.nc"
    words = ("nested_logit", "--attend", "labels", "--lr", "0.1", "--steps", "1000", "--out", str(out))
    assert main(capsys, "descend", *words, "--plot", str(tmp_path / "gd.png"))[0] == 0
    assert mm.load(out).equals(mm.descend(mm.model("nested_logit", attend="labels"), lr=0.1, steps=1000))
    assert (tmp_path / "gd.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("axes", [("N=4,8",), ("N=4:8:3", "L=log:16:64:5")])
def test_sweep(axes: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, figure = tmp_path / "grid.nc", tmp_path / "grid.pdf"
    code, said, errors = main(capsys, "sweep", *RUN, "--axis", *axes, "--out", str(out), "--plot", str(figure))
    assert code == 0, errors
    values: dict[str, Any] = {"N": [4, 8]} if len(axes) == 1 else {"N": [4, 6, 8], "L": np.geomspace(16, 64, 5)}
    assert mm.load(out).equals(mm.sweep(mm.model("nested_logit", attend="labels"), values, t_end=200.0))
    assert figure.read_bytes().startswith(b"%PDF")
    assert "SUCCESS" in said


LATE = "Error parsing --t-end: could not convert string to float: 'late'; see `minimodels simulate --help`."
BAD = [
    ("simulate nested_logits", "did you mean 'nested_logit'"),
    ("simulat nested_logit", "did you mean 'simulate'"),
    ("simulate nested_logit --K 3", "unknown"),
    ("simulate nested_logit --attent all", "did you mean 'attend'"),
    ("simulate nested_logit --tend 5", "did you mean 't-end'"),
    ("simulate nested_logit --N 0.5", "`N` must lie in"),
    ("simulate nested_logit --N many", "must be a number"),
    ("simulate nested_logit --N 8 --L 4", "`L` must be at least N/B"),
    ("simulate nested_logit --M 0", "`M` must lie in"),
    ("simulate nested_logit --attend labels --beta-2 1", "`beta_2` needs attend='all'"),
    ("simulate nested_logit --attend labels --eps 1", "unknown parameter"),
    ("simulate nested_logit --attend some", "`attend` must be one of"),
    ("simulate nested_logit --N", "lacks a value"),
    ("simulate nested_logit 8", "did not expect"),
    ("simulate nested_logit --init alpha=nan", "must be finite"),
    ("simulate nested_logit --init alpha=x", "takes a number"),
    ("simulate nested_logit --init alpha", "name=value"),
    ("simulate nested_logit --clamp gamma=1", "unknown state"),
    ("simulate nested_logit --rates xi=1/q", "unknown symbol"),
    ("simulate nested_logit --t-end 0", "`t_end` must be positive"),
    ("simulate nested_logit --t-end -5", "`t_end` must be positive"),
    ("simulate nested_logit --t-end nan", "must be finite"),
    ("simulate nested_logit --out missing/run.nc", "does not exist"),
    ("simulate nested_logit --out run.csv", "ends in .nc"),
    ("simulate nested_logit --plot run.gif", "a figure ends in"),
    ("simulate nested_logit --plot missing/run.png", "does not exist"),
    ("simulate", "name a model first"),
    ("simulate --N 8 nested_logit", "name a model first"),
    ("simulate nested_logit --t-end late", f"minimodels: {LATE}"),
    ("simulate nested_logit --t-end", "Missing value for argument '--t-end'"),
    ("simulate nested_logit --method euler", "invalid choice 'euler'"),
    ("descend nested_logit --steps 0", "must be a whole number of at least 1"),
    ("sweep nested_logit", "at least one axis"),
    ("sweep nested_logit --axis N=", "is empty"),
    ("sweep nested_logit --axis N=4:8", "--axis takes"),
    ("sweep nested_logit --axis N=lin:4:8:3", "--axis takes"),
    ("sweep nested_logit --axis K=4,8", "unknown sweep axis 'K'"),
    ("sweep nested_logit --axis N=4 --keep escape", "did you mean 'escape_time'"),
    ("derive nested_logits", "did you mean 'nested_logit'"),
    ("derive nested_logit --N 8", "leave out --N"),
    ("derive nested_logit --formt latex", "did you mean 'format'"),
    ("predict nested_logit --N 0", "`N` must lie in"),
    ("models logit", "unknown model"),
    ("models --attend all", "name a model first"),
    ("warmup now", "did not expect 'now'"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD, ids=[words for words, _ in BAD])
def test_bad_input_is_one_sentence_and_status_2(
    words: str, sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code, out, errors = main(capsys, *words.split())
    assert code == 2
    assert sentence in errors
    assert errors.count("\n") == 1
    assert out == ""
    assert not list(tmp_path.iterdir())


def test_a_process_ends_with_status_2_and_no_traceback() -> None:
    for words, sentence in (
        (("nested_logits",), "unknown model 'nested_logits'; did you mean 'nested_logit'?"),
        (("nested_logit", "--t-end", "late"), LATE),
    ):
        done = minimodels("simulate", *words)
        assert done.returncode == 2
        assert done.stderr == f"minimodels: {sentence}\n"


@pytest.mark.parametrize(
    "words", [("simulate", *RUN), ("descend", *RUN[:3]), ("sweep", *RUN, "--axis", "N=4,8")],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_path_that_cannot_be_written(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuses_paths((*words, "--overwrite"), ("--out", "--plot"), tmp_path, capsys)


def refuses_paths(
    words: tuple[str, ...], flags: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command refuses a file as a folder and a folder as a file, and changes neither."""
    (tmp_path / "file").write_text("a regular file")
    (tmp_path / "run.nc").mkdir()
    (tmp_path / "plot.png").mkdir()
    paths = [("--out", "file/run.nc"), ("--out", "run.nc"), ("--plot", "file/plot.png"), ("--plot", "plot.png")]
    for flag, path in ((flag, path) for flag, path in paths if flag in flags):
        code, out, errors = main(capsys, *words, flag, str(tmp_path / path))
        assert code == 2
        assert "cannot write" in errors or "does not exist" in errors
        assert errors.count("\n") == 1
        assert out == ""
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "plot.png", "run.nc"]
    assert (tmp_path / "file").read_text() == "a regular file"


def test_a_failed_run_ends_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, errors = main(capsys, "simulate", *RUN, "--rates", "xi=1e300")
    assert code == 1
    assert "used up `max_steps`" in errors
    assert errors.count("\n") == 1


def test_ctrl_c_on_a_sweep_says_how_to_go_on(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "minimodels.cli", "sweep", "nested_logit", "--attend", "labels", "--axis", "N=2:16:3000",
         "L=16:100:1000", "--out", "grid.nc"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(HERE)},
    )  # fmt: skip
    shards = tmp_path / "grid.nc.shards"
    for _ in range(1200):
        if len(list(shards.glob("*.npz"))) >= 2:
            break
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "takes it up where" in errors
    assert "Traceback" not in errors
    assert len(list(shards.glob("*.npz"))) >= 2
    assert not (tmp_path / "grid.nc").exists()


def test_damaged_shards_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "grid.nc.shards").mkdir()
    code, _, errors = main(capsys, "sweep", *RUN, "--axis", "N=4,8", "--out", str(tmp_path / "grid.nc"))
    assert code == 2
    assert "parts of another sweep" in errors


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ((), ("--help",)):
        code, out, errors = main(capsys, *words)
        assert (code, errors) == (0, "")
        assert {Simulate, Sweep} < set(ACTIONS)
        for command in ACTIONS:
            assert f" {command.__name__.lower()} " in out
    assert main(capsys, "--version")[:2] == (0, f"minimodels {mm.__version__}\n")


@pytest.mark.parametrize("command", [Simulate, Sweep])
def test_commands_have_the_defaults_of_the_library(command: type) -> None:
    for option in ("method", "rtol", "atol"):
        assert getattr(command, option) == getattr(Options, option)


BOWL = '''"""A bowl."""

import sympy as sp

from minimodels.model import GradientFlow, Map

WARM = ({}, {"form": "map"})
x, a = sp.symbols("x a")


def build(form: str = "flow"):
    """Return the bowl.

    Parameters
    ----------
    form : {"flow", "map"}
        In continuous time,
        or in steps.
    """
    rest = {"name": "bowl", "state": {"x": 1.0}, "parameters": {"a": 0.5}, "options": {"form": form}}
    return GradientFlow(loss=a * x**2 / 2, **rest) if form == "flow" else Map(update={"x": a * x}, **rest)
'''


def test_a_file_is_a_model_and_warmup_compiles_all_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, kernels = tmp_path / "models", tmp_path / "kernels"
    folder.mkdir()
    (folder / "bowl.py").write_text(BOWL)
    (folder / "shared.py").write_text("A = 1  # a helper is no model\n")
    monkeypatch.setattr(sys.modules["minimodels.models"], "__path__", [str(folder)])
    monkeypatch.setenv("MINIMODELS_CACHE_DIR", str(kernels))
    assert main(capsys, "models")[1] == "bowl  A bowl.\n"
    assert (
        '= map ({"flow", "map"}). In continuous time, or in steps.'
        in main(capsys, "models", "bowl", "--form", "map")[1]
    )
    code, _, errors = main(capsys, "warmup")
    assert code == 0, errors
    assert len(list(kernels.glob("model_*"))) == 5 + 3  # a flow descends too; no implicit method for a map
    compiled = {p.name for p in kernels.rglob("*")}
    for words in (
        ("simulate", "bowl", "--t-end", "1", "--method", "rk4", "--step", "0.1", "--a", "2"),
        ("descend", "bowl", "--lr", "0.1", "--steps", "3"),
        ("descend", "bowl", "--form", "map", "--lr", "1", "--steps", "3"),
    ):
        code, out, errors = main(capsys, *words)
        assert code == 0, errors
    assert "0.125 at the end" in out  # 1 halved three times
    for form in ("flow", "map"):
        assert mm.fixed_points(mm.model("bowl", form=form))[0].state == {"x": pytest.approx(0.0, abs=1e-9)}
    assert {p.name for p in kernels.rglob("*")} == compiled


def test_warmup_compiles_the_variants_of_the_nested_logit() -> None:
    options = [m.options for m in variants() if m.name == "nested_logit"]
    assert {"attend": "all", "beta_2": "free"} in options
    assert {"attend": "all", "beta_2": "fixed"} in options
    assert {"attend": "labels", "beta_2": "fixed"} in options


def test_what_is_given_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("--N", "8", "--N", "16"), ("--init", "xi=1", "xi=2"), ("--rates", "xi=1", "xi=2")):
        code, _, errors = main(capsys, "simulate", "nested_logit", *words)
        assert code == 2
        assert "twice" in errors


def test_text_on_the_command_line_is_never_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touched = tmp_path / "touched"
    for command in ("simulate", "predict", "descend"):
        for text in (f"xi=__import__('os').system('touch {touched}')", "xi=exit()", "xi=9**9**9"):
            code, _, errors = main(capsys, command, "nested_logit", "--rates", text)
            assert code == 2, (command, text)
            assert len(errors.splitlines()) == 1
    assert not touched.exists()


WRITERS = [
    ("simulate", *RUN, "--out", "mine.nc"),
    ("simulate", *RUN, "--plot", "mine.png"),
    ("simulate", *RUN, "--plot", "mine.pdf"),
    ("descend", "nested_logit", "--attend", "labels", "--lr", "1", "--steps", "200", "--out", "mine.nc"),
    ("sweep", *RUN, "--axis", "N=2:16:30", "--out", "mine.nc"),
]


@pytest.mark.parametrize("words", WRITERS, ids=lambda words: f"{words[0]} {words[-1]}")
@pytest.mark.parametrize("room", [0, 1000])
def test_where_nothing_can_be_written_one_sentence_says_so_and_what_was_there_is_kept(
    words: tuple[str, ...], room: int, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    keeps_what_was_there(words, room, tmp_path, capsys)


def keeps_what_was_there(words: tuple[str, ...], room: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that writes to the last of its words, in the current folder, says so where there is no room."""
    assert main(capsys, *words)[0] == 0  # all that has to be compiled is there
    target = Path(words[-1]) / "claims.json" if words[0] == "validate" else Path(words[-1])
    before = target.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))  # writing beyond fails as it does on a full disk
    try:
        code, _, errors = main(capsys, *words, *(() if words[0] == "validate" else ("--overwrite",)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 2, errors
    assert errors.startswith("minimodels: cannot write ")
    assert errors.count("\n") == 1
    assert target.read_bytes() == before
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".") or path.suffix == ".tmp"]


def test_never_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    out = main(capsys, "simulate", *RUN[:3], "--t-end", "1")[1]
    assert "escape_time            none by the end\n" in out
    assert "nan" not in out
    out = main(capsys, "sweep", *RUN[:3], "--t-end", "90", "--axis", "N=4,8,16", "L=32,64")[1]
    grid = mm.sweep(mm.model("nested_logit", attend="labels"), {"N": [4, 8, 16], "L": [32, 64]}, t_end=90.0)
    first, last = float(grid.escape_time.min()), float(grid.escape_time.max())
    never = int(grid.escape_time_censored.sum())
    assert 0 < never < 6
    assert f"escape_time            {first:.6g} to {last:.6g}, none by the end at {never} points\n" in out
    assert "nan" not in out
