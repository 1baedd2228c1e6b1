"""A paper added by files alone, in a copy of the packages: found, trained, resumed, validated and reported."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

pytest.importorskip("torch")

from minimodels.results import load
from tests.validation import toy

ROOT = Path(__file__).parents[2]
MAIN = "from minimodels.cli import main; main()"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages with one folder more."""
    house = tmp_path_factory.mktemp("house")
    for package in ("minimodels", "theory", "validation"):
        shutil.copytree(ROOT / package, house / package, ignore=shutil.ignore_patterns("__pycache__"))
    (house / "validation" / "toy").mkdir()
    (house / "validation" / "toy" / "__init__.py").write_text('PUBLIC = {"Slope": "ledger"}\n')
    shutil.copy(toy.__file__, house / "validation" / "toy" / "ledger.py")
    return house


def python(house: Path, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=house, capture_output=True, text=True, check=False, timeout=250,
        env=os.environ | {"PYTHONPATH": str(house)},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done


FOUND = """
import json, validation
from validation.papers import usual_network
from validation.verdicts import chosen
headlines, all_of_it = ([[paper, claim.id] for paper, claim in chosen(ledger)] for ledger in (None, "toy"))
network = usual_network(validation.Slope())
print(json.dumps([headlines, all_of_it, repr(network), "Slope" in dir(validation)]))
"""


def test_it_is_found_with_its_public_names_and_its_headlines(house: Path) -> None:
    headlines, every, network, public = json.loads(python(house, FOUND).stdout)
    assert [id for paper, id in headlines if paper == "toy"] == ["X1"]
    assert every == [["toy", "X1"], ["toy", "X2"]]
    assert (network, public) == ("Product(size=0.1)", True)


def test_it_is_trained_resumed_validated_and_reported(house: Path, tmp_path: Path) -> None:
    """One training is half done before; the other is made in a worker."""
    half = (
        "from dataclasses import replace; from pathlib import Path; from validation.toy.ledger import SMALLER; "
        "replace(SMALLER, steps=50).run(Path('kept/toy/size-0.01'))"
    )
    python(house, half)
    kept = house / "kept" / "toy"
    assert load(kept / "size-0.01" / "run.nc").step[-1] == 50
    done = python(house, MAIN, "validate", "toy", "--trainings", "kept")
    assert done.returncode == 0, done.stdout
    assert "toy: 2 claims: 2 agrees. See report/toy/report.md." in done.stdout
    for training in (toy.SMALL, toy.SMALLER):
        training.run(tmp_path / training.name)
        for file in ("run", "weights"):  # bitwise those of this process, uninterrupted
            one, other = (load(folder / training.name / f"{file}.nc") for folder in (kept, tmp_path))
            xr.testing.assert_equal(one, other)
    claims = json.loads((house / "report" / "toy" / "claims.json").read_text())
    assert [(claim["id"], claim["verdict"]) for claim in claims] == [("X1", "agrees"), ("X2", "agrees")]
    assert (house / "report" / "toy" / "figures" / "course.png").stat().st_size > 1000
    written = {path: path.stat().st_mtime_ns for path in (*kept.glob("*/state-*"), *kept.glob("*/weights.nc"))}
    assert len(written) == 4
    assert python(house, MAIN, "validate", "toy", "--trainings", "kept").returncode == 0
    assert written == {path: path.stat().st_mtime_ns for path in written}
