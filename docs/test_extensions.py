"""What the generated pages are made with: formulas, tables of claims."""

import json
from pathlib import Path
from typing import Any

import pytest
from extensions import papers
from extensions.mathml import in_lines, mathml
from sphinx.errors import ExtensionError

from validation.papers import ledger
from validation.records import read


def test_formulas_become_mathml_or_an_error() -> None:
    """An index of an accented letter stands beside it; what is not known ends the build."""
    assert "<munder" not in mathml(r"\dot x_i = \Big(\dots\Big)", block=False)
    with pytest.raises(ExtensionError, match="cannot be written as MathML"):
        mathml(r"\nocommand{x}", block=True)


def test_several_equations_stand_below_each_other() -> None:
    """Those of a long tuple, but for what is in brackets of its own."""
    inner = r"f = \left(1, \  2\right)" + "+ x" * 50
    assert in_lines(rf"\left( {inner}, \  g = 2\right)").count(r"\\") == 1
    assert in_lines(r"\left( a = 1, \  b = 2\right)").startswith(r"\left( a")


def test_a_report_stands_before_a_record_and_a_record_before_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim that a report did not run is taken from its record; without one the page says how to run it."""
    claims = ledger("reddy").claims
    kept = next(claim for claim in claims if read("reddy", claim)[0])
    bare = next(claim for claim in claims if read("reddy", claim) == (None, ""))
    told: dict[str, Any] = {
        "measured": {"x": 1.5},
        "expected": {"x": 2.0},
        "tolerance": {"x": "1 to 3"},
        "setting": "s",
    }
    report = [{"id": kept.id, "verdict": "agrees", **told}, {"id": bare.id, "verdict": "not run", **told}]
    (tmp_path / "claims.json").write_text(json.dumps(report))
    monkeypatch.setenv("MINIMODELS_REPORT", str(tmp_path))
    found, source = papers.report()
    assert "2 claims" in source
    cells = papers.row(kept, papers.entry("reddy", kept, found))
    assert "{.verdict .agrees}" in cells[0]
    assert "x: **1.5**; expected 2 [1 to 3]{.small}" in cells[2]
    record = papers.entry("reddy", kept, {})
    assert record["recorded"]
    assert record["measured"]
    assert papers.entry("reddy", bare, found)["verdict"] == "not run"
    assert f"--only {bare.id}" in papers.row(bare, papers.entry("reddy", bare, found))[1]
