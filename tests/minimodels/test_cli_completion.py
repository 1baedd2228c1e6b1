"""Completion in the shells themselves: the printed script is sourced and asked."""

import shutil
import subprocess
from pathlib import Path

import pytest

import minimodels as mm
from minimodels.cli.completion import SHELLS, bash, known
from minimodels.cli.entry import ACTIONS
from tests.minimodels.test_cli import main

TRY = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_minimodels
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "minimodels.bash"
    path.write_text(bash(known(["reddy", "singh"])))
    return path


def complete(script: Path, cwd: Path, *words: str) -> list[str]:
    if not shutil.which("bash"):
        pytest.skip("there is no bash")
    done = subprocess.run(
        ["bash", "--norc", "-uc", TRY, "bash", str(script), "minimodels", *words], capture_output=True, text=True,
        check=True, cwd=cwd,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


COMMANDS = [command.__name__.lower() for command in ACTIONS]
NESTED = ["--attend", "--beta-2", "--N", "--L", "--B", "--M"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("",), [*COMMANDS, "--help", "--version"]),
        (("si",), ["simulate"]),
        (("simulate", "nes"), ["nested_logit"]),
        (("simulate", "o"), ["of_mine", "own.py"]),
        (("simulate", "nested_logit", "--at"), ["--atol", "--attend"]),
        (("simulate", "nested_logit", "--attend", ""), ["all", "labels", "exact", "exact-labels"]),
        (("simulate", "nested_logit", "--attend", "labels", "--be"), ["--beta-2"]),
        (("simulate", "nested_logit", "--method", "ro"), ["rodas4"]),
        (("simulate", "nested_logit", "--t-end", ""), []),
        (("simulate", "nested_logit", "--out", "not"), ["notes.txt"]),
        (("sweep", "nested_logit", "--ov"), ["--overwrite"]),
        (("predict", "nested_logit", "--json", "--"), ["--help", "--rates", "--json", *NESTED]),
        (("models", "single_location", "--r"), ["--repetition"]),
        (("validate", "r"), ["reddy"]),
        (("validate", "reddy", "--f"), ["--full"]),
        (("validate", "reddy", "--N"), []),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("new", ""), []),
    ],
    ids=str,
)
def test_bash_completes(words: tuple[str, ...], expected: list[str], script: Path, tmp_path: Path) -> None:
    for name in ("own.py", "notes.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "of_mine").mkdir()
    assert complete(script, tmp_path, *words) == expected


def test_every_model_is_known_with_its_parameters() -> None:
    found = known([]).models
    assert list(found) == list(mm.models())
    for name, options in found.items():
        names = [option.name.replace("-", "_") for option in options]
        assert set(mm.model(name).parameters) | set(mm.model(name).options) == set(names)
        assert len(names) == len(set(names))
    assert found["tensor_product"][1].choices == ("overlaps", "components")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_reads_its_script(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, errors = main(capsys, "completion", shell)
    assert (code, errors) == (0, "")
    assert "nested_logit" in out
    assert main(capsys, "completion", shell)[1] == out
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    (tmp_path / "script").write_text(out)
    done = subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, errors = main(capsys, "completion", "tcsh")
    assert (code, out) == (2, "")
    assert "invalid choice 'tcsh'" in errors
