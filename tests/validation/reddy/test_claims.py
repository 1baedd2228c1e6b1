"""The claims of the paper: that none is missing, what they say, and their report and records."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from minimodels.results import load
from tests.validation.reddy.made_up import network
from validation import records, reddy, report
from validation.ledger import Claim, Context, Outcome
from validation.papers import claims_of
from validation.verdicts import settle as settle_of


def settle(claim: Claim, context: Context) -> Outcome:
    return settle_of(claim, context, "reddy")


def claim(id: str) -> Claim:
    return claims_of("reddy")[id]


def test_the_ledger_has_every_line_of_the_specification_once() -> None:
    every = list(claims_of("reddy").values())
    ids = [c.id for c in every]
    assert ids.index("R2h") < ids.index("R3") < ids.index("R10") < ids.index("T6.1")
    lines = {int("".join(ch for ch in i[1:] if ch.isdigit())) for i in ids if i.startswith("R")}
    assert lines == set(range(1, 29))
    for c in every:
        assert c.words(c.trainings(False)), c.id
        assert c.words(c.trainings(True)), c.id


def test_why_the_plateau_is_missed_is_said_of_the_seeds_that_have_one() -> None:
    from validation.reddy.claims.course import _slow_phase, _unfinished

    run = network(1800.0, plateau=1.9)
    stuck = run.copy(deep=True)
    stuck["correct"][0] = 0.2  # no transition, so no place before it
    steps = _slow_phase(stuck)[0]
    assert np.isnan(steps[0])
    CLA = np.mean([np.interp(steps[i], run.step, run["CLA"][i]) for i in (1, 2, 3)])
    assert f"CLA is {CLA:.2f}, and a random choice" in _unfinished(stuck, 4)
    assert f"log(N_c/CLA) = {math.log(4 / CLA):.2f} at least" in _unfinished(stuck, 4)
    stuck["correct"][:] = 0.2
    assert _unfinished(stuck, 4) == ""


def test_a_report_holds_table_figures_data_and_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_path", lambda paper, id: tmp_path / f"{id}.json")  # nothing is recorded
    good = network(1800.0, plateau=1.9)
    context = Context(False, {"quick-N4-L16-B1": good}, failures={"quick-N4-L16-B1-after-N2": "no room"})
    outcomes = [settle(claim(id), context) for id in ("R1a", "R1b", "R20", "R11a", "T6.3", "T6.4p")]
    path = report.write(outcomes, tmp_path / "report")
    folder = tmp_path / "report" / "reddy"
    claims = json.loads((folder / "claims.json").read_text())
    assert claims == json.loads((tmp_path / "report" / "claims.json").read_text())
    assert [r["id"] for r in claims] == ["R1a", "R1b", "R20", "R11a", "T6.3", "T6.4p"]
    assert [r["verdict"] for r in claims][:3] == ["agrees", "disagrees", "not run"]
    for r in claims:
        keys = {
            "id",
            "statement",
            "level",
            "setting",
            "measured",
            "expected",
            "tolerance",
            "verdict",
            "recorded",
            "seconds",
        }
        assert keys <= set(r)
        assert r["recorded"] is None
        assert set(r["measured"]) == set(r["expected"]) == set(r["tolerance"])
    text = (path.parent / "reddy" / "report.md").read_text()
    for name in ("course", "slow_phase", "predictor"):
        for ending in ("png", "svg"):
            assert (folder / "figures" / f"{name}.{ending}").stat().st_size > 1000
        assert f"figures/{name}.png" in text
        assert f"data/{name}.nc" in text
    np.testing.assert_array_equal(load(folder / "data" / "course.nc")["loss"], good["loss"])
    table = report.table(outcomes)
    assert "6 claims: 4 agrees, 1 disagrees, 1 not run." in text
    assert "| [reddy](reddy/report.md) | 4 | 1 | 0 | 0 | 1 |" in path.read_text()
    assert "expected 1.38629" in table
    assert all(" ".join(outcome.statement.split()[:4]) in table for outcome in outcomes)


def test_claims_that_need_no_network_are_checked_and_reported_without_torch(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'safetensors'):\n"
        "            raise ModuleNotFoundError('No module named ' + name, name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from minimodels.cli import main; "
        f"main(['validate', '--only', 'R1m', 'R1a', 'R4', 'R20h', '--out', {str(tmp_path / 'report')!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert "No module" not in done.stderr
    claims = json.loads((tmp_path / "report" / "claims.json").read_text())
    by_id = {c["id"]: c for c in claims}
    assert list(by_id) == ["R1a", "R1m", "R4", "R20h"]
    assert by_id["R1m"]["verdict"] == by_id["R20h"]["verdict"] == "agrees"  # the head's training needs no torch
    for id in ("R1a", "R4"):
        assert by_id[id]["verdict"] == "not run"
        assert "torch is needed to train networks: pip install 'minimodels[validation]'" in by_id[id]["reason"]


def test_the_records_that_are_kept_speak_for_their_claims() -> None:
    """One that is stale is made anew, or removed."""
    names = {path.stem for path in (Path(reddy.__file__).parent / "records").glob("*.json")}
    assert names <= set(claims_of("reddy"))
    found = {name: records.read("reddy", claim(name)) for name in names}
    assert len(found) > 30
    assert not {name: stale for name, (record, stale) in found.items() if record is None}
    assert {record.setting for record, _ in found.values()} >= {claim("R26").words(claim("R26").trainings(True))}
