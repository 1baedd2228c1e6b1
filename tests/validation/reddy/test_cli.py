"""`minimodels validate` on a claim of the paper."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.minimodels.test_cli import keeps_what_was_there


@pytest.mark.parametrize("room", [0, 1000])
def test_a_report_that_does_not_fit_leaves_the_one_before(
    room: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keeps_what_was_there(("validate", "--only", "T6.1", "--out", "mine"), room, tmp_path, capsys)
