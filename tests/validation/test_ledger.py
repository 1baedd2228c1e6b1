"""Verdicts follow from numbers: every one of the four can come out, and a claim that is false is found to be."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from minimodels.errors import InputError
from minimodels.results import load
from validation import claims, report
from validation.ledger import Check, Claim, Context, Finding, between, near, ordered, verdict_of
from validation.reddy import CLAIMS
from validation.verdicts import settle


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [
        (1.0, 0.0, "agrees"),
        (1.09, 0.0, "agrees"),
        (1.11, 0.0, "disagrees"),
        (1.05, 0.02, "agrees"),
        (1.05, 0.03, "inconclusive"),
        (1.15, 0.03, "inconclusive"),
        (1.15, 0.02, "disagrees"),
        (math.nan, 0.0, "inconclusive"),
        (math.inf, 0.0, "disagrees"),
    ],
)
def test_a_check_compares_two_standard_errors_either_side_with_the_interval(
    value: float, error: float, verdict: str
) -> None:
    assert Check("x", value, error, 0.9, 1.1, 1.0).verdict == verdict


def test_an_infinity_agrees_only_where_it_is_allowed() -> None:
    assert between("T*", math.inf, math.inf, math.inf, "never").verdict == "agrees"
    assert between("T*", 20.0, math.inf, math.inf, "never").verdict == "disagrees"
    assert between("T*", [3.0, math.inf], 0.0, 1e12, "a transition").verdict == "disagrees"


def test_values_over_seeds_give_their_mean_and_standard_error() -> None:
    check = near("x", [1.0, 2.0, 3.0, 4.0], 2.5, rel=0.1)
    assert check.value == 2.5
    assert math.isclose(check.error, np.std([1, 2, 3, 4], ddof=1) / 2)
    assert (check.low, check.high) == (2.25, 2.75)
    assert check.verdict == "inconclusive"
    assert ordered("x", [0.5, 0.6, 0.7], "positive").verdict == "agrees"
    assert ordered("x", [-0.5, -0.6, -0.7], "positive").verdict == "disagrees"
    assert ordered("x", [-0.5, 0.6, 0.2], "positive").verdict == "inconclusive"


def test_a_claim_agrees_if_all_its_checks_do_and_disagrees_if_one_does() -> None:
    good, bad, open_ = (Check("x", v, e, 0, 1, 0) for v, e in ((0.5, 0.0), (2.0, 0.0), (1.0, 0.3)))
    assert verdict_of([good, good]) == "agrees"
    assert verdict_of([good, open_]) == "inconclusive"
    assert verdict_of([good, open_, bad]) == "disagrees"
    assert verdict_of([]) == "inconclusive"


def claim(id: str) -> Claim:
    return next(c for c in CLAIMS if c.id == id)


def test_the_ledger_has_every_line_of_the_specification_once() -> None:
    ids = [c.id for c in CLAIMS]
    assert len(set(ids)) == len(ids)
    lines = {int("".join(ch for ch in i[1:] if ch.isdigit())) for i in ids if i.startswith("R")}
    assert lines == set(range(1, 29))
    for c in CLAIMS:
        assert set(c.setting) == {"quick", "full"}, c.id


def test_claims_about_the_model_agree_with_the_specification() -> None:
    for outcome in claims(only=["R14", "R25", "S6.2", "S6.3", "S6.4", "S6.4p", "S6.1"], progress=False):
        assert outcome.verdict == "agrees", outcome
        assert outcome.recorded is None
        assert outcome.seconds > 0


def test_a_model_with_a_wrong_drift_is_found_to_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    from validation.reddy import model

    right = model.flow
    monkeypatch.setattr(model, "flow", lambda *a, **k: right(*a, **{**k, "rates": (("alpha", 1.1),)}))
    outcome = settle(claim("S6.4"), Context(False, {}))
    assert outcome.verdict == "disagrees"
    assert settle(claim("S6.1"), Context(False, {})).verdict == "disagrees"


def network(transition: float, *, plateau: float, before: float = 600.0, seeds: int = 4) -> xr.Dataset:
    """A made-up run, N = 4, L = 16: CLA rises at `before`, the rest at `transition`."""
    step = np.arange(0, 3001, 20.0)
    shift = np.arange(seeds)[:, None] * 10.0

    def rise(at: float, width: float) -> np.ndarray:
        return 1 / (1 + np.exp(-(step - at - shift) / width))

    slow, fast = rise(before, 60.0), rise(transition, 20.0)
    loss = math.log(16) + (plateau - math.log(16)) * slow - plateau * fast
    values = {
        "CLA": 0.25 + 0.75 * slow, "TLA2": 0.45 + 0.5 * slow, "ILA1": 0.25 + 0.6 * fast, "TILA2": 0.1 + 0.8 * fast,
        "IC_accuracy": 0.06 + 0.9 * fast, "loss": loss,
    }  # fmt: skip
    values["correct"] = values["CLA"] / 4 * (1 - fast) + fast
    values["IC_correct"] = values["correct"]
    coords = {"seed": np.arange(seeds), "step": step.astype(int)}
    attrs = {"task": json.dumps({"N": 4, "L": 16, "B": 1}), "optimiser": json.dumps({"lr": 0.1})}
    return xr.Dataset({k: (("seed", "step"), v) for k, v in values.items()}, coords=coords, attrs=attrs)


def verdict(id: str, **runs: xr.Dataset) -> str:
    every = {f"quick-{k}": v for k, v in runs.items()} | {f"quick-{k}/rates": rates() for k in runs}
    return settle(claim(id), Context(False, every)).verdict


def rates(seeds: int = 4) -> xr.Dataset:
    """The effective rates of a made-up run, at its start."""
    values = np.broadcast_to(np.array([0.9, 0.16, 0.07])[:, None, None], (3, seeds, 1))
    coords = {"parameter": ["beta_1", "alpha", "xi"], "step": [0]}
    return xr.Dataset({"rate": (("parameter", "seed", "step"), values)}, coords=coords)


def with_name(run: xr.Dataset, N: int, L: int, B: int) -> dict[str, xr.Dataset]:
    return {f"N{N}-L{L}-B{B}": run}


def test_the_course_of_a_run_decides_the_claims_about_it() -> None:
    good = network(1800.0, plateau=math.log(4))
    for id in ("R1a", "R1b", "R10", "R11a", "R11b"):
        assert verdict(id, **with_name(good, 4, 16, 1)) == "agrees", id
    high = network(1800.0, plateau=1.9)
    assert verdict("R1b", **with_name(high, 4, 16, 1)) == "disagrees"
    late = network(1800.0, plateau=math.log(4), before=2400.0)
    assert verdict("R10", **with_name(late, 4, 16, 1)) == "disagrees"
    never = good.sel(step=slice(0, 1500))
    assert verdict("R1a", **with_name(never, 4, 16, 1)) == "disagrees"
    informed = good.assign(correct=good["correct"] * 1.5)
    assert verdict("R11a", **with_name(informed, 4, 16, 1)) == "disagrees"


def test_shifts_are_judged_by_their_sign_and_their_spread() -> None:
    early, late = network(1000.0, plateau=1.4), network(2000.0, plateau=1.4)
    other = {**with_name(late, 3, 6, 1), **with_name(late, 3, 48, 1), **with_name(early, 3, 12, 1)}
    assert verdict("R3t", **other, **with_name(late, 4, 16, 1), **with_name(early, 4, 16, 2)) == "agrees"
    assert verdict("R3t", **other, **with_name(early, 4, 16, 1), **with_name(late, 4, 16, 2)) == "disagrees"
    assert verdict("R3t", **other, **with_name(late, 4, 16, 1), **with_name(late, 4, 16, 2)) == "inconclusive"
    assert verdict("R27p", **other, **with_name(late, 4, 16, 1), **with_name(early, 4, 16, 2)) == "agrees"


def test_seeds_must_transition_as_much_later_as_their_slow_phase_begins() -> None:
    good = network(1800.0, plateau=1.4)
    keys = ((4, 16, 1), (4, 16, 2), (3, 6, 1), (3, 12, 1), (3, 48, 1))

    def judged(run: xr.Dataset) -> str:
        return verdict("R1d", **{k: v for key in keys for k, v in with_name(run, *key).items()})

    assert judged(good) == "agrees"
    assert (
        judged(good.assign(CLA=good["CLA"].isel(seed=slice(None, None, -1)).assign_coords(seed=good.seed)))
        == "disagrees"
    )


def test_the_slow_phase_must_wait_for_the_classifier() -> None:
    step = np.arange(0, 3001, 100)

    def judged(lowest: float, begins: float) -> str:
        share = np.where((step > 0) & (step < 400), lowest, 0.6) - 1e-6 * step
        last = np.broadcast_to(share[:, None, None], (len(step), 3, 4))
        active = xr.Dataset({"active": (("step", "layer", "seed"), last)}, {"step": step, "seed": np.arange(4)})
        run = network(1800.0, plateau=1.4, before=begins)
        runs = {"quick-N4-L16-B1": run, "quick-N4-L16-B1/activity": active}
        return settle(claim("R1c"), Context(False, runs)).verdict

    assert judged(0.1, 700.0) == "agrees"
    assert judged(0.1, 200.0) == "disagrees"  # CLA rises while most units are off
    assert judged(0.55, 700.0) == "disagrees"  # nothing is switched off


def test_gains_of_the_network_must_rise_with_the_frequency_of_labels() -> None:
    def judged(sign: float) -> str:
        runs = {}
        for job in claim("R23n").trainings(True):
            gain = np.stack([sign * np.log(job.task.label_frequencies)] * 3)
            gain += np.random.default_rng(0).normal(0, 0.1, gain.shape)
            runs[f"{job.name}/gains"] = xr.Dataset({"gain": (("seed", "label"), gain)})
        return settle(claim("R23n"), Context(True, runs)).verdict

    assert judged(1.0) == "agrees"
    assert judged(-1.0) == "disagrees"


def test_learning_at_l_equal_n_is_counted() -> None:
    learns, fails = network(1000.0, plateau=1.4), network(9000.0, plateau=1.4)
    above = with_name(learns, 3, 12, 1)
    assert verdict("R15", **above, **with_name(fails, 3, 3, 1)) == "agrees"
    assert verdict("R15", **above, **with_name(learns, 3, 3, 1)) == "disagrees"
    assert verdict("R15", **with_name(fails, 3, 12, 1), **with_name(fails, 3, 3, 1)) == "disagrees"


def test_a_failed_training_leaves_its_claims_not_run_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("validation.records.FOLDER", tmp_path)  # no record that could speak for it
    outcome = settle(claim("R1a"), Context(False, {}, {"quick-N4-L16-B1": "RunFailed: lower `lr`."}))
    assert outcome.verdict == "not run"
    assert outcome.reason == "the training quick-N4-L16-B1 failed: RunFailed: lower `lr`."
    assert outcome.recorded is None


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="unknown ledger 'redy'; did you mean 'reddy'"):
        claims("redy")
    with pytest.raises(InputError, match="unknown claim 'R99'"):
        claims(only=["R99"])
    with pytest.raises(InputError, match="`workers` must be at least 1; got 0"):
        claims(workers=0)


def test_a_report_holds_table_figures_data_and_claims(tmp_path: Path) -> None:
    good = network(1800.0, plateau=1.9)
    context = Context(False, {"quick-N4-L16-B1": good}, failures={"quick-N4-L16-B1-after-N2": "no room"})
    outcomes = [settle(claim(id), context) for id in ("R1a", "R1b", "R20", "R11a", "S6.3", "S6.4p")]
    path = report.write(outcomes, tmp_path / "report")
    records = json.loads((tmp_path / "report" / "claims.json").read_text())
    assert [r["id"] for r in records] == ["R1a", "R1b", "R20", "R11a", "S6.3", "S6.4p"]
    assert [r["verdict"] for r in records][:3] == ["agrees", "disagrees", "not run"]
    for r in records:
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
    text = path.read_text()
    for name in ("course", "slow_phase", "predictor"):
        for ending in ("png", "svg"):
            assert (tmp_path / "report" / "figures" / f"{name}.{ending}").stat().st_size > 1000
        assert f"figures/{name}.png" in text
        assert f"data/{name}.nc" in text
    np.testing.assert_array_equal(load(tmp_path / "report" / "data" / "course.nc")["loss"], good["loss"])
    table = report.table(outcomes)
    assert "6 claims: 4 agrees, 1 disagrees, 1 not run." in table
    assert "1.38629" in table


def test_a_report_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another folder for the report"):
        report.write([], tmp_path / "file")


def test_findings_without_data_draw_nothing(tmp_path: Path) -> None:
    odd = replace(claim("S6.4"), measure=lambda context: Finding([near("x", 2.0, 1.0, rel=0.1)]))
    report.write([settle(odd, Context(False, {}))], tmp_path)
    assert not list((tmp_path / "figures").iterdir())
    assert json.loads((tmp_path / "claims.json").read_text())[0]["verdict"] == "disagrees"


def test_a_full_run_is_kept_and_speaks_where_the_quick_one_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from validation import records

    monkeypatch.setattr(records, "FOLDER", tmp_path)
    slow = replace(claim("S6.4"), full_only="takes hours")
    never = replace(slow, measure=lambda context: Finding([between("T*", math.inf, 0.0, 10.0, "soon")]))
    assert settle(slow, Context(False, {})).verdict == "not run"
    records.write("reddy", [settle(never, Context(True, {}))])
    outcome = settle(slow, Context(False, {}))
    assert (outcome.verdict, outcome.measured["T*"], outcome.reason) == ("disagrees", math.inf, "takes hours")
    assert outcome.recorded
    assert json.loads(json.dumps(outcome.record(), allow_nan=False))["recorded"] == outcome.recorded
    assert "(recorded" in report.table([outcome])
    # measured now: the record stands beside
    both = settle(claim("S6.4"), Context(False, {}))
    assert (both.verdict, both.recorded) == ("agrees", None)
    assert "disagrees, T* inf" in both.beside
    # the setting has changed: the record no longer speaks for the claim
    other = replace(slow, setting={"quick": "q", "full": "something else"})
    assert settle(other, Context(False, {})).verdict == "not run"
    # a verdict typed into the file is not believed
    path = tmp_path / "reddy" / "S6.4.json"
    path.write_text(path.read_text().replace('"verdict": "disagrees"', '"verdict": "agrees"'))
    assert settle(slow, Context(False, {})).verdict == "disagrees"


def test_only_full_runs_are_recorded() -> None:
    with pytest.raises(InputError, match="`record` keeps full runs"):
        claims(record=True)
