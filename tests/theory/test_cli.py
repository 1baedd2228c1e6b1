"""`minimodels derive` and `minimodels predict`, whichever wings there are."""

from pathlib import Path

import pytest

from tests.minimodels.test_cli import keeps_what_was_there, main, refuses_paths

pytestmark = pytest.mark.usefixtures("toy_wing")


def test_derive_and_predict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = main(capsys, "derive", "single_location", "--format", "latex", "--out", str(tmp_path / "d.tex"))
    assert (code, out) == (0, "")
    assert r"\section*{single\_location (repetition = none)}" in (tmp_path / "d.tex").read_text()
    code, out, errors = main(capsys, "derive", "single_location", "--repetition", "sample")
    assert (code, errors) == (0, "")
    assert out.startswith("## single_location (repetition = sample)\n")


def test_without_the_wing_of_repeats_one_sentence_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ("--tokens", "1e11", "--parameters", "197e6", "--fraction", ".03", "--times", "50")
    code, out, errors = main(capsys, "repeats", *sizes)
    assert (code, out) == (2, "")
    assert errors == (
        "minimodels: no wing of `theory` tells what repeats cost here: install minimodels with all of its wings.\n"
    )


def test_a_derivation_does_not_overwrite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "theory.tex"
    target.write_text("mine")
    code, _, errors = main(capsys, "derive", "single_location", "--out", str(target))
    assert (code, target.read_text()) == (2, "mine")
    assert "--overwrite" in errors
    assert main(capsys, "derive", "single_location", "--out", str(target), "--overwrite")[0] == 0
    assert target.read_text() != "mine"


def test_a_path_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuses_paths(("derive", "single_location"), ("--out",), tmp_path, capsys)


@pytest.mark.parametrize("room", [0, 100])
def test_where_nothing_can_be_written_one_sentence_says_so_and_what_was_there_is_kept(
    room: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keeps_what_was_there(("derive", "single_location", "--out", "mine.md"), room, tmp_path, capsys)
