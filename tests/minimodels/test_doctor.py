"""`minimodels doctor` and `minimodels cache`: what is wrong is found, and only what is ours is removed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minimodels as mm
from minimodels.cli import doctor
from minimodels.engine import cache
from tests.minimodels.test_cli import HERE, main, minimodels
from tests.minimodels.test_cli_json import read


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of compiled code with a kernel, a stepper, and what a killed process left."""
    path = tmp_path / "kernels"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("MINIMODELS_CACHE_DIR", str(path))
    stepper = path / f"stepper_tsit5_{'0' * 16}"
    (stepper / "__pycache__").mkdir(parents=True)
    for file in (f"model_{'a' * 32}.o", f".{'b' * 32}.tmp", f"{stepper.name}/driver.py",
                 f"{stepper.name}/__pycache__/driver.integrate-1.py311.nbi"):  # fmt: skip
        (path / file).write_bytes(b"12345")
    return path


def test_the_cache_is_counted_and_cleared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(capsys, "cache")[1] == f"{folder}: 4 files, 0.00 MB, 1 kernels of models\n"
    found = read(capsys, "cache", "--json")
    assert (found["files"], found["bytes"], found["kernels"], found["mode"]) == (4, 20, 1, "0700")
    assert main(capsys, "cache", "--clear")[:2] == (0, f"{folder}: removed 4 files, 0.00 MB\n")
    assert [path.name for path in folder.iterdir()] == [".lock"]
    assert read(capsys, "cache", "--clear", "--json") == {
        "command": "cache", "path": str(folder), "removed": 0, "bytes": 0, "left": [],
    }  # fmt: skip


def test_what_is_not_ours_is_left(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = tmp_path / f"stepper_rk4_{'1' * 16}"
    elsewhere.mkdir()
    (elsewhere / "mine.py").write_text("mine")
    (folder / elsewhere.name).symlink_to(elsewhere)
    (tmp_path / "empty").mkdir()
    (folder / f"stepper_rk4_{'2' * 16}").symlink_to(tmp_path / "empty")
    (folder / f"model_{'c' * 32}.o").symlink_to(elsewhere / "mine.py")
    (folder / "model_mine.o").write_text("mine")
    (folder / f"stepper_tsit5_{'0' * 16}" / "notes.txt").write_text("mine")
    code, out, _ = main(capsys, "cache", "--clear")
    assert code == 0
    assert "removed 4 files" in out
    assert f"left, not ours: model_{'c' * 32}.o, model_mine.o, stepper_rk4_" in out
    assert (elsewhere / "mine.py").read_text() == "mine"
    assert [path.name for path in folder.rglob("notes.txt")] == ["notes.txt"]
    assert (folder / "model_mine.o").exists()


def test_another_folder_is_not_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    monkeypatch.setenv("MINIMODELS_CACHE_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    code, out, errors = main(capsys, "cache", "--clear")
    assert (code, out) == (2, "")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    assert "is no folder of compiled code: it holds thesis.tex and none; nothing is removed." in errors
    monkeypatch.setenv("MINIMODELS_CACHE_DIR", str(tmp_path / "gone"))
    assert read(capsys, "cache", "--clear", "--json")["removed"] == 0
    assert read(capsys, "cache", "--json")["files"] == 0
    assert not (tmp_path / "gone").exists()


def test_a_folder_that_others_may_write_to_is_not_cleared_and_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.chmod(0o722)
    code, _, errors = main(capsys, "cache", "--clear")
    assert code == 2
    assert "may be written to by others" in errors
    code, out, errors = main(capsys, "doctor")
    assert (code, errors) == (1, "")
    assert f"wrong: the kernel folder {folder} may be written to by others; run `chmod go-w`" in out
    assert "mode 0722" in out
    assert len(list(folder.iterdir())) == 3


def test_what_was_cleared_is_compiled_again(tmp_path: Path) -> None:
    """In a process of its own: this one keeps what it compiled."""
    code = (
        "import sys\nfrom minimodels.cli import main\nfrom minimodels.engine import cache\nimport minimodels as mm\n"
        "m = mm.Flow(name='m', state={'x': 1.0}, drift={'x': '-x'})\n"
        "from minimodels.compiled import Compiled\n"
        "mm.simulate(m, t_end=1.0, method='rk4', step=0.5); left = cache.clear()[2]; none = len(cache.kept())\n"
        "Compiled(m).observe(); print(len(left), none, len(cache.kept()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE,
        env=os.environ | {"MINIMODELS_CACHE_DIR": str(tmp_path / "kernels"), "PYTHONPATH": str(HERE)},
    )  # fmt: skip
    assert done.stdout.split() == ["0", "0", "1"]


def test_a_sound_installation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, errors = main(capsys, "doctor")
    assert (code, errors) == (0, ""), out
    assert out.endswith("nothing is wrong.\n")
    found = read(capsys, "doctor", "--json")
    assert found["minimodels"] == mm.__version__
    assert found["packages"] == {name: str(HERE / name) for name in ("minimodels", "theory", "validation")}
    assert found["libraries"]["numpy"].startswith("2.")
    assert found["threads"]["available"] >= 1
    assert {library["internal_api"] for library in found["blas"]} & {"openblas", "mkl", "blis", "flexiblas"}
    assert found["cache"]["path"] == str(folder)
    assert set(found["extras"]) == {"validation", "explore", "cluster", "tensorboard"}


def test_it_loads_no_torch() -> None:
    code = "import sys; from minimodels.cli import doctor; doctor.examine(); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE,
        env=os.environ | {"PYTHONPATH": str(HERE)},
    )  # fmt: skip
    assert done.stdout == "False\n"


def test_a_package_that_is_hidden_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "__init__.py").write_text("raise RuntimeError('never run')\n")
    done = minimodels("doctor", "--json", cwd=tmp_path)  # python -m: the current folder comes first
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["wrong"] == [
        f"{tmp_path / 'validation'} hides the package validation of minimodels: rename it, or take it off the path."
    ]


def test_a_package_of_another_copy_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theory").mkdir()
    for name in ("__init__.py", "derivation.py"):
        (tmp_path / "theory" / name).write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "theory", raising=False)
    assert [sentence.partition(",")[0] for sentence in doctor.packages()[1]] == [
        f"theory is imported from {tmp_path / 'theory'}"
    ]


def test_libraries_that_are_missing_or_old(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = ["numpy>=99.0", "scipy>=1.13", "no-such-library>=1", 'also-none>=2; extra == "explore"', "tyro"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: stated)
    missing, lacking = doctor.libraries()
    assert missing == {"explore": ["also-none>=2"]}
    assert lacking == ["missing or too old: numpy>=99.0, no-such-library>=1; run pip install -U minimodels."]
    assert doctor.enough("2.13.0+cpu", "2.6")
    assert doctor.enough("1.0", "1")
    assert doctor.enough("2.0rc1", "2.0")
    assert not doctor.enough("1.9.9", "1.10")


@pytest.mark.parametrize(
    ("file", "text", "share"),
    [("cpu.max", "150000 100000", 1.5), ("cpu.max", "max 100000", None), ("cpu.max", "broken", None), ("x", "", None)],
)
def test_what_a_container_grants(file: str, text: str, share: float | None, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text)
    assert doctor.granted(tmp_path) == share


def test_a_place_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MINIMODELS_CACHE_DIR", str(tmp_path / "file" / "kernels"))
    assert doctor.compiled_code()[1] == [
        f"cannot write in {tmp_path / 'file'}; set MINIMODELS_CACHE_DIR to a folder of your own."
    ]
    assert cache.kept() == []
