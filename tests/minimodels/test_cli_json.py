"""`--json`: one document on standard output, its numbers those of the library, and a reason beside every null."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import minimodels as mm
from minimodels.cli import documents
from tests.minimodels.test_cli import RUN, main

NESTED = {"attend": "labels"}


def read(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run a command and read its document; nothing else is on standard output."""
    code, out, errors = main(capsys, *words)
    assert code == 0, errors
    assert out.endswith("}\n")
    assert out.count("\n") == 1

    def no_number(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    found = json.loads(out, parse_constant=no_number)
    assert found["command"] == words[0]
    return found


def test_a_run_is_read_back_whole(capsys: pytest.CaptureFixture[str]) -> None:
    found = read(capsys, "simulate", *RUN, "--json")
    expected = mm.simulate(mm.model("nested_logit", attend="labels"), t_end=200.0)
    again = xr.Dataset.from_dict(found)
    assert dict(again.sizes) == dict(expected.sizes)
    for name in expected.variables:
        np.testing.assert_array_equal(again[name].values, expected[name].values)
    assert found["data_vars"]["escape_time"]["data"] == expected.escape_time.item()
    assert found["attrs"]["parameters"] == {"N": 8.0, "L": 32.0, "B": 1.0, "M": 8.0}
    assert found["attrs"]["options"]["attend"] == "labels"
    assert found["ended"] == [{"status": "SUCCESS", "points": 1, "meaning": "reached the end time"}]


def test_what_did_not_happen_is_null_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    found = read(capsys, "simulate", *RUN[:3], "--t-end", "1", "--json")["data_vars"]
    assert (found["escape_time"]["data"], found["escape_time"]["data_status"]) == (None, "censored")
    assert found["escape_time_censored"]["data"] is True
    assert "data_status" not in found["stop_time"]
    found = read(capsys, "descend", *RUN[:3], "--steps", "10", "--json")["data_vars"]
    assert (found["escape_time"]["data"], found["escape_time"]["data_status"]) == (None, "censored")


def test_points_that_failed_say_how(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    blow = tmp_path / "blow.py"
    blow.write_text(
        "import minimodels as mm\nprint('hello')\n"
        "m = mm.Flow(name='blow_up', state={'x': 1.0}, parameters={'a': 1.0}, drift={'x': 'a*x**2'},\n"
        "            events={'late': mm.Event('x', 1.4)})\n"
    )
    out = tmp_path / "grid.nc"
    words = ("--axis", "a=-1,0.1,1", "--t-end", "3", "--keep", "x", "late", "--json", "--out", str(out))
    found = read(capsys, "sweep", str(blow), *words)
    x, late = found["data_vars"]["x"], found["data_vars"]["late"]
    assert x["data_status"] == ["ok", "ok", found["ended"][1]["status"]]
    assert x["data"][2] is None
    assert (x["least"], x["greatest"]) == (x["data"][0], x["data"][1])
    assert late["data_status"][0] == "censored"
    assert [row["points"] for row in found["ended"]] == [2, 1]
    assert found["ended"][1]["remedy"]
    np.testing.assert_array_equal(mm.load(out).x[:2], x["data"][:2])


def test_what_is_too_long_tells_its_range(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST", 5)
    words = ("sweep", *RUN[:3], "--t-end", "90", "--axis", "N=4,8,16", "L=32,64", "--json")
    found = read(capsys, *words)["data_vars"]["escape_time"]
    grid = mm.sweep(mm.model("nested_logit", attend="labels"), {"N": [4, 8, 16], "L": [32, 64]}, t_end=90.0)
    assert found["data"] is None
    assert found["data_status"] == "6 numbers, left out; --out FILE.nc keeps them"
    assert found["least"] == float(grid.escape_time.min())
    assert found["greatest"] == float(grid.escape_time.max())


def test_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert read(capsys, "models", "--json")["models"] == mm.models()
    found = read(capsys, "models", "nested_logit", "--attend", "labels", "--N", "5", "--json")
    assert found["parameters"]["M"] == {
        "value": 5.0, "default": "N", "low": 1e-9, "high": None, "high_status": "inf",
        "meaning": "keys competing with the previous token in layer 1",
    }  # fmt: skip
    assert found["states"]["xi"]["start"] == 0.01
    assert found["events"]["escape_time"]["level"] == 0.5
    m = mm.model("nested_logit", attend="labels")
    assert m.expression(found["observables"]["ILA1"], "ILA1") == m.observables["ILA1"]


def test_bad_input_leaves_standard_output_empty(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("models", "simulate", "descend", "sweep", "predict", "derive"):
        code, out, errors = main(capsys, command, "nested_logits", "--json")
        assert (code, out) == (2, "")
        assert "did you mean 'nested_logit'" in errors


def test_a_reason_stands_beside_every_null() -> None:
    nan, inf = float("nan"), float("inf")
    stated = {"a": nan, "b": [1.0, -inf], "c": np.array([[1.0, nan]]), "d": {"e": inf}, "f": 2.0, "g": "nan", "h": None}
    assert documents.plain(stated) == {
        "a": None, "a_status": "nan", "b": [1.0, None], "b_status": ["ok", "-inf"],
        "c": [[1.0, None]], "c_status": [["ok", "nan"]], "d": {"e": None, "e_status": "inf"}, "f": 2.0, "g": "nan",
        "h": None,
    }  # fmt: skip
