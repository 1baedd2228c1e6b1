"""Theory of a model that stands in a file of a user's own, through the functions and the command line."""

import json
from pathlib import Path

import pytest

import minimodels as mm
import theory
from tests.minimodels.test_cli import main
from tests.minimodels.test_cli_json import read
from tests.minimodels.test_own import OWN, commands_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


def test_theory_takes_files() -> None:
    assert theory.derive("own.py:chain", depth=1).options == {"depth": 1}
    assert theory.predict("own.py:well")["fixed_points"].values == {"found": 3.0}
    for options in ({"dept": 3}, {"t": 3}):
        with pytest.raises(mm.InputError, match=r"unknown option of 'own.py:chain'"):
            theory.derive("own.py:chain", **options)


def test_commands_take_them(capsys: pytest.CaptureFixture[str]) -> None:
    for words, seen in (
        (("derive", "own.py:chain", "--depth", "1"), "## chain (depth = 1)"),
        (("predict", "own.py:well", "--a", "4"), "Fixed point 3 (stable): x = 2"),
    ):
        code, out, errors = main(capsys, *words)
        assert code == 0, errors
        assert seen in out
    code, _, errors = main(capsys, "derive", "own.py:well", "--a", "2")
    assert code == 2
    assert "leave out --a" in errors


def test_the_file_that_new_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(capsys, "new", "toy_of_mine")[0] == 0
    commands = {words[0]: words for words in commands_of(Path("toy_of_mine.py").read_text())}
    code, out, errors = main(capsys, *commands["derive"])
    assert (code, errors) == (0, "")
    assert "FAILS" not in out
    code, out, errors = main(capsys, *commands["predict"])
    assert (code, errors) == (0, "")
    for kind in ("(saddle): u = 0; v = 0", "(stable): u = 0.994987; v = 0.994987"):
        assert kind in out


def test_documents_for_machines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predicted = read(capsys, "predict", "own.py:well", "--a", "4", "--rates", "x=a/2", "--json")
    assert (predicted["model"], predicted["parameters"]) == ("double_well", {"a": 4.0})
    assert (predicted["rates"], predicted["start"]) == ({"x": 2.0}, {"x": 0.1})
    by_name = {p["name"]: p for p in predicted["predictions"]}
    assert by_name["fixed_points_3"]["values"]["x"] == 2.0
    assert by_name["fixed_points_3"]["relative_error"] < 1e-9
    refused = by_name["linearisation"]
    assert (refused["applies"], refused["values"], refused["relative_error"]) == (False, {}, None)
    assert refused["relative_error_status"] == "nan"
    assert "not a fixed point" in refused["reason"]
    derived = read(capsys, "derive", "own.py:well", "--json", "--out", "well.md")
    assert (folder / "well.md").read_text().startswith("## double_well")
    assert derived["verified"] is True
    points = next(r for r in derived["results"] if r["name"] == "fixed_points")
    assert points["statement"] == "((Eq(x, 0),), (Eq(x, -sqrt(a)),), (Eq(x, sqrt(a)),))"
    assert {step["passed"] for r in derived["results"] for step in r["steps"]} == {True}
    assert json.dumps(derived)
