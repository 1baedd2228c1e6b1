"""What is taken along from the explorer: figure, data, and lines of Python."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minimodels as mm
from minimodels.explore import curves, export, map
from minimodels.explore.state import from_link
from minimodels.explore.subject import Subject
from tests.minimodels.explore.test_state import labels, valley

EXPORTED = [
    {},
    {"L": "20", "init.xi": "0.3", "rate.xi": "1/(L-1)", "clamp.beta_1": "2:0:10", "time": "linear", "end": "3000"},
    {"method": "descent", "lr": "0.05", "end": "1000"},
    {"method": "rodas4", "rtol": "1e-8"},
]


@pytest.mark.parametrize("settings", EXPORTED)
def test_the_lines_reproduce_the_numbers(settings: dict[str, str]) -> None:
    state = labels(**settings)
    there: dict[str, Any] = {}
    exec(export.lines(state), there)
    run = export.run(state)
    for name in ("xi", "loss", "correct"):
        np.testing.assert_array_equal(there["run"][name], run[name])
    assert np.isfinite(run.escape_time)
    assert there["run"].escape_time == run.escape_time
    assert curves.trace(state).values["loss"][-1] == pytest.approx(float(run.loss[-1]), rel=1e-12)
    found = next(d for d in map.diagrams(state, np.zeros(1, np.uint8)) if isinstance(d, map.Diagram))
    np.testing.assert_allclose(there["grid"].escape_time.values[::8, ::8].T, found.values, rtol=1e-9)


def test_the_lines_of_ones_own_model_need_the_model() -> None:
    state = from_link(Subject.of(valley()), "a=2")
    there: dict[str, Any] = {"m": valley()}
    exec(export.lines(state), there)
    np.testing.assert_array_equal(there["run"].x, export.run(state).x)


def test_the_lines_of_a_file_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text(
        "import minimodels as mm\n"
        "def wells(power: int = 2):\n"
        "    return mm.GradientFlow(name='wells', state={'x': 0.1, 'y': 0.2}, parameters={'a': 1.0, 'b': 2.0},\n"
        "        loss=f'a*(x**{power} - 1)**2/4 + b*y**2')\n"
    )
    monkeypatch.chdir(tmp_path)
    subject = Subject.of(mm.model("own.py:wells", power=4), name="own.py:wells", choices={"power": 4})
    state = from_link(subject, "").changed(a="3")
    assert state.subject.chosen == {"power": 4}
    there: dict[str, Any] = {}
    exec(export.lines(state), there)
    np.testing.assert_array_equal(there["run"].x, export.run(state).x)
    assert state.restructured(power="2").model.loss != state.model.loss


def test_exports_are_what_they_are_called(tmp_path: Path) -> None:
    state = labels(L="20")
    (tmp_path / "run.nc").write_bytes(export.exported("data.nc", state))
    assert mm.load(tmp_path / "run.nc").escape_time == export.run(state).escape_time
    assert b"<svg" in export.exported("figure.svg", state)
    assert export.exported("figure.pdf", state).startswith(b"%PDF")
