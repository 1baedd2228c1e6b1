"""Verdicts follow from numbers: every one of the four can come out; records speak only for what they were made with."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from minimodels.errors import InputError
from tests.validation import toy
from validation import claims, papers, records, report
from validation.checks import between, near
from validation.ledger import Claim, Context, Finding, collected
from validation.verdicts import settle

X1, X2 = toy.LEDGER.claims


@pytest.fixture(autouse=True)
def toy_paper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(papers, "ledgers", lambda: {"toy": toy.LEDGER})
    monkeypatch.setattr(records, "_path", lambda paper, id: tmp_path / "records" / f"{id}.json")


def runs(u: float, steps: tuple[float, float] = (20.0, 60.0)) -> dict[str, xr.Dataset]:
    """Made-up runs of three seeds: u v at the end, escape steps from larger and from smaller weights."""
    spread = np.array([-0.1, 0.0, 0.1])
    found = {}
    for training, step in zip((toy.SMALL, toy.SMALLER), steps, strict=True):
        share = np.stack([np.zeros(3), np.full(3, u)], axis=1)
        variables = {"share": (("seed", "step"), share), "escape_step": ("seed", step + spread)}
        run = xr.Dataset(variables, {"step": [0, 150]})
        weights = xr.Dataset({"u": ("seed", u + 0.1 * spread), "v": ("seed", np.ones(3))})
        found |= {training.name: run, f"{training.name}/weights": weights}
    return found


def test_claims_are_in_the_order_of_their_ids() -> None:
    made = {id: replace(X1, id=id) for id in ("R10", "R2h", "R2", "S1", "R2b", "T6.10", "T6.2")}
    assert [c.id for c in collected(made)] == ["R2", "R2b", "R2h", "R10", "S1", "T6.2", "T6.10"]


def test_two_claims_with_one_id_are_not_one() -> None:
    again = {"here": X1, "imported there": X1}
    assert collected(again) == (X1,)
    with pytest.raises(RuntimeError, match=f"two claims have the id {X1.id}: '.*' and 'Another'"):
        collected(again | {"another": replace(X1, statement="Another")})


@pytest.mark.parametrize(
    ("id", "found", "verdict"),
    [
        ("X1", runs(1.0), "agrees"), ("X1", runs(0.2), "disagrees"), ("X1", runs(0.9), "inconclusive"),
        ("X1", runs(math.nan), "not converged"),
        ("X2", runs(1.0), "agrees"), ("X2", runs(1.0, (60.0, 20.0)), "disagrees"),
    ],
)  # fmt: skip
def test_made_up_runs_of_the_toy_decide_its_claims(id: str, found: dict[str, xr.Dataset], verdict: str) -> None:
    outcome = settle(papers.claims_of("toy")[id], Context(False, found), "toy")
    assert outcome.verdict == verdict
    assert bool(outcome.why) == (verdict in ("inconclusive", "not converged"))
    sizes = {"X1": "Product(size=0.1), SGD(lr=0.1)", "X2": "network = Product(size=0.1), Product(size=0.01)"}
    assert outcome.setting.startswith(sizes[id])


def test_a_claim_says_why_only_where_it_does_not_agree() -> None:
    for value, said in ((1.0, ""), (2.0, "It is twice as large.")):
        measure = lambda context, v=value: Finding([near("x", v, 1.0, rel=0.1)], why="It is twice as large.")  # noqa: E731
        outcome = settle(replace(X1, measure=measure), Context(False, runs(1.0)), "toy")
        assert outcome.why == said
        assert (said in report.table([outcome])) == bool(said) or not said


def test_a_failed_training_leaves_its_claims_not_run_with_the_reason() -> None:
    outcome = settle(X1, Context(False, {}, {"size-0.1": "RunFailed: lower `lr`."}), "toy")
    assert outcome.verdict == "not run"
    assert outcome.reason == "the training size-0.1 failed: RunFailed: lower `lr`."
    assert outcome.recorded is None


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="unknown ledger 'tyo'; did you mean 'toy'"):
        claims("tyo")
    with pytest.raises(InputError, match="unknown claim 'X99'"):
        claims(only=["X99"])
    with pytest.raises(InputError, match="`workers` must be at least 1; got 0"):
        claims(workers=0)


def test_without_a_name_the_headlines_of_every_paper_are_run() -> None:
    other = replace(toy.LEDGER, claims=[replace(X1, id="Y1"), replace(X2, id="Y2")])
    papers.ledgers = lambda: {"toy": toy.LEDGER, "other": other}  # taken back by the fixture
    from validation.verdicts import chosen

    assert [(p, c.id) for p, c in chosen()] == [("toy", "X1"), ("other", "Y1")]
    assert [(p, c.id) for p, c in chosen("other")] == [("other", "Y1"), ("other", "Y2")]
    assert [(p, c.id) for p, c in chosen("other", headlines=True)] == [("other", "Y1")]
    assert len(chosen(headlines=False)) == 4
    assert [(p, c.id) for p, c in chosen(only=["Y2", "X2"])] == [("toy", "X2"), ("other", "Y2")]


def test_two_trainings_of_one_name_or_two_claims_of_one_id_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    from validation.verdicts import needed

    other = replace(X2, trainings=lambda full: [replace(toy.SMALL, steps=7)])
    with pytest.raises(RuntimeError, match=r"two trainings of toy have the name 'size-0\.1'"):
        needed([("toy", X1), ("toy", other)], False)
    assert len(needed([("toy", X1), ("another", other)], False)) == 2
    monkeypatch.undo()
    monkeypatch.setattr(papers, "papers", lambda: ("one", "two"))
    monkeypatch.setattr(papers, "import_module", lambda name: toy)
    with pytest.raises(RuntimeError, match="the claim X1 is in the ledgers of one and of two"):
        papers.ledgers()


def test_a_report_holds_table_figures_data_and_claims(tmp_path: Path) -> None:
    outcomes = [settle(claim, Context(False, runs(0.2)), "toy") for claim in (X1, X2)]
    index = report.write(outcomes, tmp_path / "report")
    folder = tmp_path / "report" / "toy"
    kept = json.loads((folder / "claims.json").read_text())
    assert [r["verdict"] for r in kept] == ["disagrees", "agrees"]
    for entry, outcome in zip(kept, outcomes, strict=True):
        assert entry["measured"] == pytest.approx(outcome.measured)
        assert entry["expected"] == outcome.expected
        assert len(entry["measured"]) == len(outcome.checks) > 0
    lost = replace(outcomes[0], measured={"slope": math.nan}, expected={"slope": "steep"}).record()
    assert (lost["measured"], lost["expected"]) == ({"slope": "nan"}, {"slope": "steep"})
    for name in ("figures/course.png", "figures/course.svg", "data/course.nc"):
        assert (folder / name).stat().st_size > 1000
    assert "At the end 0.20 of the slope is learnt." in (folder / "report.md").read_text()
    assert "| [toy](toy/report.md) | 1 | 1 | 0 | 0 | 0 |" in index.read_text()


def test_a_report_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another folder for the report"):
        report.write([], tmp_path / "file")


def test_findings_without_data_draw_nothing(tmp_path: Path) -> None:
    odd = replace(X1, measure=lambda context: Finding([near("x", 2.0, 1.0, rel=0.1)]))
    report.write([settle(odd, Context(False, runs(1.0)), "toy")], tmp_path)
    assert sorted(path.name for path in (tmp_path / "toy").iterdir()) == ["claims.json", "report.md"]
    assert "## Figures" not in (tmp_path / "toy" / "report.md").read_text()
    assert json.loads((tmp_path / "claims.json").read_text())[0]["verdict"] == "disagrees"


def kept(claim: Claim, verdict: str = "disagrees") -> None:
    """Record a made-up full run of a claim, whose quick run has less."""
    outcome = settle(claim, Context(True, runs(0.2 if verdict == "disagrees" else 1.0)), "toy")
    assert outcome.verdict == verdict
    records.write("toy", [replace(claim, full_only="takes hours")], [outcome])


def test_a_full_run_is_kept_and_speaks_where_the_quick_one_cannot(tmp_path: Path) -> None:
    slow = replace(X1, full_only="takes hours")
    assert settle(slow, Context(False, {}), "toy").verdict == "not run"
    kept(slow)
    outcome = settle(slow, Context(False, {}), "toy")
    assert (outcome.verdict, outcome.reason) == ("disagrees", "takes hours")
    assert outcome.measured["u v"] == pytest.approx(0.2)
    assert outcome.recorded
    assert json.loads(json.dumps(outcome.record(), allow_nan=False))["recorded"] == outcome.recorded
    assert "(recorded" in report.table([outcome])
    # measured now too: the stronger evidence stands first
    both = settle(slow, Context(False, runs(1.0)), "toy")
    assert (both.verdict, both.recorded, both.measured) == ("disagrees", outcome.recorded, outcome.measured)
    both = settle(
        replace(X1, trainings=lambda full: X1.trainings(full)[: 1 if full else 0]), Context(False, runs(1.0)), "toy"
    )
    assert both.verdict == "disagrees"
    assert both.beside == "quick run: agrees, u v 1"
    # a verdict typed into the file is not believed
    path = tmp_path / "records" / "X1.json"
    path.write_text(path.read_text().replace('"verdict": "disagrees"', '"verdict": "agrees"'))
    assert settle(slow, Context(False, {}), "toy").verdict == "disagrees"


def other_measure(context: Context) -> Finding:
    found = context.of(toy.SMALL, toy.weights)
    return Finding([between("u v", (found["u"] * found["v"]).values, 0.8, 1.2, 1.0)], context.of(toy.SMALL))


@pytest.mark.parametrize(
    "changed",
    [
        replace(X1, trainings=lambda full: [replace(toy.SMALL, steps=151)]),
        replace(X1, trainings=lambda full: [replace(toy.SMALL, task=toy.Slope(a=2.0))]),
        replace(X1, measure=other_measure),
    ],
    ids=["steps", "task", "bounds"],
)
def test_a_record_is_stale_when_trainings_or_measurement_have_changed(changed: Claim) -> None:
    kept(X1, "agrees")
    same = replace(X1, full_only="takes hours", statement="said otherwise")
    assert settle(same, Context(False, {}), "toy").verdict == "agrees"
    outcome = settle(replace(changed, full_only="takes hours"), Context(False, {}), "toy")
    assert (outcome.verdict, outcome.measured, outcome.recorded) == ("not run", {}, None)
    assert "takes hours; the record of" in outcome.reason
    assert "is stale: minimodels validate toy --full --only X1 --record makes it anew" in outcome.reason


def test_a_record_notices_code_and_constants_further_down(monkeypatch: pytest.MonkeyPatch) -> None:
    from validation import checks

    before = records.fingerprint(X1)[0]
    monkeypatch.setattr(checks, "_mean", lambda *values: checks.Check("x", 1.0, 0.0, 1.0, 1.0, 0.0, 2.0, 1.0))
    assert records.fingerprint(X1)[0] != before
    monkeypatch.undo()
    assert records.fingerprint(X1)[0] == before
    monkeypatch.setattr(toy, "SMALL", replace(toy.SMALL, seeds=(7,)))  # a constant that the function names
    assert records.fingerprint(X1)[0] != before


def test_a_record_outlives_a_new_option_and_not_another_default(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(**options: float) -> Claim:
        """A claim about a network of one name, at different times."""
        kinds = {"__annotations__": {name: type(value) for name, value in options.items()}, "__module__": toy.__name__}
        made = dataclass(frozen=True)(type("Network", (toy.Product,), {**options, **kinds}))
        monkeypatch.setattr(toy, "Network", made, raising=False)
        training = replace(toy.SMALL, network=made())
        return replace(X1, trainings=lambda full: [training], full_only="takes hours")

    kept(version(), "agrees")
    assert settle(version(), Context(False, {}), "toy").verdict == "agrees"
    assert settle(version(more=0), Context(False, {}), "toy").verdict == "agrees"
    for options in ({"size": 0.2}, {"more": 0, "size": 0.2}):
        outcome = settle(version(**options), Context(False, {}), "toy")
        assert outcome.verdict == "not run"
        assert "is stale" in outcome.reason


def test_only_full_runs_are_recorded() -> None:
    with pytest.raises(InputError, match="`record` keeps full runs"):
        claims(record=True)


def test_progress_is_shown_if_asked_for_and_not_in_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for progress, shown in ((True, True), (None, False), (False, False)):
        claims("toy", only=["X1"], out=tmp_path, progress=progress)
        assert ("2/2" in capsys.readouterr().err) == shown


def test_a_full_run_of_the_quick_trainings_is_no_stronger_evidence(tmp_path: Path) -> None:
    assert not X1.fuller
    outcome = settle(X1, Context(True, runs(1.0)), "toy")
    assert records.write("toy", [X1], [outcome]) == []
    longer = replace(X1, trainings=lambda full: [replace(toy.SMALL, steps=300 if full else 150)])
    assert longer.fuller
    assert records.write("toy", [longer], [outcome]) == [tmp_path / "records" / "X1.json"]


def test_a_record_says_the_versions_that_its_trainings_ran_with(tmp_path: Path) -> None:
    found = runs(1.0)
    for name, torch_version in (("size-0.1", "1.2"), ("size-0.01", "1.3")):
        found[name].attrs["versions"] = json.dumps({"torch": torch_version, "odd": "7"})
    assert Context(True, found).versions([toy.SMALL, toy.SMALLER]) == {"torch": "1.2, 1.3", "odd": "7"}
    slow = replace(X1, full_only="takes hours")
    records.write("toy", [slow], [settle(slow, Context(True, found), "toy")])
    said = json.loads((tmp_path / "records" / "X1.json").read_text())["versions"]
    assert (said["torch"], said["odd"]) == ("1.2", "7")
    assert said["minimodels"]


def test_one_measurement_counts_once_and_exploratory_claims_apart() -> None:
    context = Context(False, runs(1.0))
    again, seen = replace(X1, id="X3", same_as="X1"), replace(X1, id="X4", exploratory=True)
    outcomes = [settle(claim, context, "toy") for claim in (X1, X2, again, seen)]
    assert report.summary(outcomes) == "3 claims: 2 agrees; exploratory: 1 agrees."
    assert report.summary(outcomes[2:3]) == "1 claim: 1 agrees."  # alone it counts
