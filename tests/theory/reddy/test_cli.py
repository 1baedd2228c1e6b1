"""`minimodels derive` and `minimodels predict` of the nested logits."""

from pathlib import Path

import pytest

from tests.minimodels.test_cli import keeps_what_was_there, main, refuses_paths

LOGITS = ("derive", "nested_logit", "--attend", "labels")


def test_derive_and_predict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = main(capsys, "derive", "nested_logit", "--format", "latex", "--out", str(tmp_path / "d.tex"))
    assert code == 0
    assert out == ""
    assert "\\beta_{1}" in (tmp_path / "d.tex").read_text()
    code, out, errors = main(capsys, "predict", "nested_logit", "--attend", "labels", "--N", "8", "--L", "8")
    assert code == 0, errors
    assert "0.0121528" in out


def test_a_path_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuses_paths(LOGITS, ("--out",), tmp_path, capsys)


@pytest.mark.parametrize("room", [0, 1000])
def test_where_nothing_can_be_written_one_sentence_says_so_and_what_was_there_is_kept(
    room: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keeps_what_was_there((*LOGITS, "--out", "mine.md"), room, tmp_path, capsys)
