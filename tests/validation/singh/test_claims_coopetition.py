"""Claims on competing strategies agree with runs as the papers have them, and disagree where one thing is otherwise."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from validation import records
from validation.drawing import draw
from validation.ledger import Claim, Context
from validation.papers import claims_of
from validation.singh import coopetition as settings
from validation.singh.claims import competing, competing_small, transient
from validation.verdicts import settle

MODULES = (competing, competing_small, transient)
IDS = [made.id for module in MODULES for made in vars(module).values() if isinstance(made, Claim)]
CLAIMS = claims_of("singh")
SEEDS = list(settings.SEEDS)
Points = list[tuple[float, float]]  # millions of sequences, values; linear between them
NAMES = {test: f"{test}_context_accuracy" for test in ("ICL", "Flip", "CIWL")} | {"same": "context_accuracy"}


@pytest.fixture(autouse=True)
def _nothing_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "read", lambda paper, claim: (None, ""))


def run(length: float, **curves: Points) -> xr.Dataset:
    """A training so many million sequences long, whose measures go through points."""
    at = {length * k / 200 for k in range(201)} | {t for points in curves.values() for t, _ in points if t <= length}
    step = np.unique(np.round(np.array(sorted(at)) * 1e6 / settings.BATCH).astype(int))
    millions = step * settings.BATCH / 1e6
    scatter = 1 + 1e-3 * np.linspace(-1, 1, len(SEEDS))[:, None]
    data = {
        NAMES.get(name, name): (("seed", "step"), scatter * np.interp(millions, *np.transpose(points)))
        for name, points in curves.items()
    }
    return xr.Dataset(data, {"seed": SEEDS, "step": step})


def always(value: float) -> Points:
    return [(0, value)]


STANDARD: dict[str, Points] = {
    "ICL": [(0, 0.5), (2, 0.5), (3.45, 0.6), (4.3, 0.77), (7.8, 0.89), (20, 0.6), (64, 0.5)],
    "Flip": [(0, 0.5), (2, 0.3), (3.4, 0.6), (4.3, 0.71), (6.3, 0.5), (20, 0.033), (30, 0.02), (64, 0.0146)],
    "CIWL": [(0, 0.5), (4.3, 0.57), (10, 0.88), (20, 0.97), (64, 0.9874)],
    "same": [(0, 0.5), (10, 0.95), (64, 0.9862)],
    "CIWL_loss": [(0, 9.5), (3.5, 8.0), (4, 8.6), (5, 8.0), (64, 0.1)],
}
NO_ICL: dict[str, Points] = {"ICL": always(0.5), "Flip": [(0, 0.5), (20, 0.02)], "CIWL": [(0, 0.5), (15, 0.95)]}
ICL: dict[str, Points] = {"ICL": [(0, 0.5), (3, 0.98)], "Flip": [(0, 0.5), (2.5, 0.7), (4, 0.9)], "CIWL": always(0.6)}
DEEP: dict[str, Points] = {
    "ICL": [(0, 0.5), (50, 0.95), (400, 0.6)], "Flip": [(0, 0.5), (50, 0.95), (400, 0.78)],
    "train_loss": [(0, 7.0), (50, 0.1), (400, 0.01)],
}  # fmt: skip
KEPT = DEEP | {"ICL": [(0, 0.5), (50, 0.95)], "Flip": [(0, 0.5), (50, 0.9)]}
SMALL = {name: [(t / 480, value) for t, value in points] for name, points in ICL.items()}  # 1300 steps for 20 million
SMALL_NO_ICL = {name: [(t / 480, value) for t, value in points] for name, points in NO_ICL.items()}

WORLD: dict[str, tuple[float, dict[str, Points]]] = {
    "coopetition": (64, STANDARD),
    "coopetition-320": (320, {"accuracy": always(0.9946), "CIWL_accuracy": always(0.9948),
                              "Flip_accuracy": always(0.0054), "ICL": always(0.466), "IWL_accuracy": always(8e-4)}),
    "icl-only": (64, {"loss": [(0, 9.5), (20, 1.0), (64, 0.77)]}),
    "ciwl-only": (32, NO_ICL),
    **{f"start-{at}": (15 + at, {"Flip": [(0, 0.5), (at, 0.3), (at + 3, top), (15 + at, 0.02)]})
       for at, top in ((4, 0.89), (5, 0.88), (6, 0.76), (7, 0.44), (8, 0.3), (10, 0.3))},
    "positions-sinusoidal": (20, NO_ICL), "positions-rotary": (20, NO_ICL),
    "classes-12800-5": (30, {"Flip": [(0, 0.5), (30, 0.13)], "ICL": always(0.8)}),
    "classes-1600-20": (20, {"ICL": [(0, 0.5), (5, 0.62)], "IWL_accuracy": always(1e-3)}),
    "classes-1600-5": (100, {"ICL": [(0, 0.5), (5, 0.55)], "IWL_accuracy": [(0, 0.0), (100, 0.05)]}),
    "match-query": (20, ICL),
    "layer-0-forbidden": (20, NO_ICL),
    "layer-0-fewer": (20, {"Flip": [(0, 0.5), (2, 0.3), (5, 0.76), (20, 0.1)]}),
    "one-layer": (20, NO_ICL | {"CIWL": [(0, 0.5), (5.5, 0.9), (20, 0.98)]}
                  | {f"induction_0.{h}": [(0, 0.0), (20, 0.55 + 0.01 * h)] for h in range(8)}),
    **dict.fromkeys(("deep-12", "deep-24", "deep-l2-attention"), (400, DEEP)),
    **dict.fromkeys(("deep-match-query", "deep-l2", "deep-l2-mlp"), (400, KEPT)),
    **dict.fromkeys(("deep-wide", "deep-12800"), (400, DEEP | {"ICL": [(0, 0.5), (50, 0.95), (400, 0.8)]})),
    "deep-l2-strong": (400, {"ICL": always(0.5)}),
    "small-same": (0.0416, SMALL),
    **dict.fromkeys(("small-another", "small-one-layer", "small-forbidden", "small-rotary", "small-sinusoidal"),
                    (0.0416, SMALL_NO_ICL)),
}  # fmt: skip

HEADS = np.linspace(-0.02, 0.02, 8)
PATHS = {"all": 0.9874, "routing alone": 0.9848, "not queries": 0.954, "not keys": 0.575, "not values": 0.586,
         "none of them": 0.553, "embedding alone": 0.624, "not embedding": 0.967}  # fmt: skip
ACCURACIES = {"other": 0.1, "alike": 0.5, "right": 0.9}
COURSE: dict[str, Points] = {
    "own": [(0, 0.5), (2, 0.5), (4, 0.77), (8, 0.6), (20, 0.541), (64, 0.5)],
    "late": [(0, 0.506), (2, 0.518), (4, 0.745), (8, 0.561), (20, 0.541), (64, 0.5)],
    "strength": [(0, 0.0), (4, 0.3), (5, 0.31), (20, -0.53)],
    "self": [(0, 0.3), (4, 0.4), (20, 0.92)], "previous": [(0, 0.3), (4, 0.5), (20, 0.05)],
}  # fmt: skip
BEFORE: Points = [(0, 9.5), (5, 0.3), (20, 0.1)]
AGES = {9.75: 0.7, 9.8: 0.2, 20: 0.1, 31.5: 0.2, 32: 0.7}


def jitter(values: Any) -> np.ndarray:
    """Values by seed, the seeds first."""
    scatter = 1 + 1e-3 * np.linspace(-1, 1, len(SEEDS))
    return np.multiply.outer(scatter, np.asarray(values, float))


def read_off(bent: dict[str, Any]) -> dict[str, xr.Dataset]:
    """What the analyses find."""
    kept, points = np.array(settings.SNAPSHOTS), COURSE | {k: v for k, v in bent.items() if k in COURSE}
    course: dict[str, Any] = {}
    for name, curve in points.items():
        values = jitter(np.interp(kept, *np.transpose(curve)))
        heads = name in ("strength", "self", "previous")
        course[name] = (("seed", "snapshot", "head")[: 2 + heads], values[..., None] + HEADS if heads else values)
    paths = PATHS | {k: v for k, v in bent.items() if k in PATHS}
    accuracies = ACCURACIES | {k: v for k, v in bent.items() if k in ACCURACIES}
    by = np.interp(np.linspace(-1, 1, 5), (-1, 0, 1), list(accuracies.values()))
    ages = AGES | {k: v for k, v in bent.items() if k in AGES}
    before = run(20, loss=bent.get("before", BEFORE))
    young = run(5, loss=[(0, 9.5), (4, 1.0)])
    forbidden = xr.Dataset({name: ("seed", jitter(value)) for name, value in {"forbidden": 0.7, "blind": 0.2}.items()})
    return {
        **dict.fromkeys(("small-forbidden/blind", "layer-0-forbidden/blind"), forbidden),
        "coopetition/course": xr.Dataset(course, {"seed": SEEDS, "snapshot": [settings.steps(at) for at in kept]}),
        "coopetition/routes": xr.Dataset({"accuracy": (("seed", "path"), jitter(list(paths.values())))},
                                         {"seed": SEEDS, "path": list(paths)}),
        "coopetition/copiers": xr.Dataset({"accuracy": (("seed", "head", "difference"),
                                                        jitter(np.tile(by, (8, 1))))}, {"seed": SEEDS}),
        "coopetition/before_late": before.expand_dims(age=[settings.LATE]),
        "ciwl-only/before_ciwl": xr.concat([young * loss for loss in ages.values()],
                                           xr.DataArray(list(ages), dims="age", name="age")),
    }  # fmt: skip


@cache
def as_it_is() -> dict[str, xr.Dataset]:
    return {name: run(length, **curves) for name, (length, curves) in WORLD.items()} | read_off({})


def otherwise(changed: dict[str, Any]) -> dict[str, xr.Dataset]:
    """All runs, some curves changed: RUN/CURVE, or what analyses find by its name."""
    runs = dict(as_it_is())
    curves: dict[str, dict[str, Points]] = {}
    for name in [name for name in changed if "/" in str(name)]:
        which, curve = name.split("/")
        curves.setdefault(which, dict(WORLD[which][1]))[curve] = changed[name]
    if not curves:
        runs |= read_off(changed)
    return runs | {which: run(WORLD[which][0], **bent) for which, bent in curves.items()}


FADES: Points = [(0, 0.5), (50, 0.95), (400, 0.6)]
STAYS: Points = [(0, 0.5), (50, 0.95)]
LEARNT: Points = [(0, 0.5), (3, 0.9)]
LEARNT_SMALL: Points = [(0, 0.5), (0.02, 0.9)]
NOT: Points = [(0, 0.5)]

BENDS: dict[str, list[dict[Any, Any]]] = {
    "S52": [{"coopetition/Flip": [(0, 0.45), (20, 0.03)]}, {"coopetition/Flip": LEARNT}, {"coopetition/ICL": NOT},
            {"coopetition/ICL": LEARNT}, {"coopetition/CIWL": always(0.6)}],
    "S53": [{"coopetition/same": always(0.9)}, {"coopetition/CIWL": always(0.9)}, {"coopetition/Flip": always(0.1)}],
    "S53b": [{"coopetition-320/accuracy": always(0.9)}, {"coopetition-320/CIWL_accuracy": always(0.9)},
             {"coopetition-320/Flip_accuracy": always(0.1)}, {"coopetition-320/ICL": always(0.8)},
             {"coopetition-320/IWL_accuracy": always(0.1)}],
    "S54": [{"routing alone": 0.9}, {"not queries": 0.7}, {"not keys": 0.95}, {"not values": 0.95}],
    "S55": [{"embedding alone": 0.5}, {"embedding alone": 0.9}, {"not embedding": 0.6}],
    "S56": [{"other": 0.4}, {"alike": 0.8}, {"right": 0.6}],
    "S57": [{"strength": [(0, 0.0), (20, -0.53)]}, {"strength": [(0, 0.0), (4, 0.3)]}],
    "S58": [{"late": always(0.54)}, {"late": [(0, 0.5), (4, 0.6), (20, 0.541)]},
            {"own": [(0, 0.5), (4, 0.77)], "late": [(0, 0.5), (4, 0.77)]}],
    "S59": [{"self": always(0.9)}, {"self": [(0, 0.3), (20, 0.6)]}, {"previous": always(0.3)}],
    "S60": [{"icl-only/loss": [(0, 9.5), (20, 0.1)]}, {"before": [(0, 9.5), (5, 1.0), (20, 0.1)]},
            {"before": [(0, 9.5), (5, 0.4)]}],
    "S61": [{age: 0.7 if helped < 0.5 else 0.1} for age, helped in AGES.items()],
    "S62": [{f"start-{at}/Flip": [(0, 0.5), (at, 0.3), (at + 3, 0.4 if at < 7 else 0.8)]} for at in settings.STARTS],
    "S63": [{"coopetition/CIWL_loss": [(0, 9.5), (64, 0.1)]}],
    "S64": [{"match-query/Flip": [(0, 0.5), (2.5, 0.7), (4, 0.9), (20, 0.3)]},
            {"match-query/Flip": [(0, 0.5), (5, 0.3), (7, 0.9)]}, {"coopetition/Flip": [(0, 0.5), (4, 0.71)]}],
    "S65": [{f"positions-{kind}/{curve}": points} for kind in ("rotary", "sinusoidal")
            for curve, points in (("ICL", LEARNT), ("CIWL", NOT))],
    "S66": [{"classes-12800-5/Flip": [(0, 0.5), (30, 0.02)]}, {"classes-1600-20/ICL": LEARNT},
            {"classes-1600-5/ICL": LEARNT}, {"classes-1600-5/IWL_accuracy": always(0.001)},
            {"classes-1600-20/IWL_accuracy": always(0.05)}],
    "S67": [{"layer-0-forbidden/Flip": LEARNT}, {"layer-0-fewer/Flip": always(0.4)}, {"layer-0-fewer/Flip": LEARNT}],
    "S68": [{"one-layer/ICL": LEARNT}, {"one-layer/CIWL": NOT}, {"one-layer/Flip": always(0.3)},
            {"one-layer/CIWL": [(0, 0.5), (15, 0.9)]},
            {f"one-layer/induction_0.{h}": always(0.0) for h in range(8)}],
    "S64s": [{"small-same/Flip": [(0, 0.5), (0.03, 0.6)]}, {"small-same/Flip": [(0, 0.5), (0.02, 1.0), (0.0416, 0.8)]},
             {"small-another/Flip": LEARNT_SMALL}],
    "S65s": [{"small-rotary/ICL": LEARNT_SMALL}, {"small-rotary/CIWL": NOT}, {"small-same/ICL": NOT}],
    "S65t": [{"small-sinusoidal/ICL": LEARNT_SMALL}],
    "S67s": [{"small-forbidden/Flip": LEARNT_SMALL}, {"small-same/Flip": NOT}, {"small-forbidden/CIWL": NOT}],
    "S68s": [{"small-one-layer/ICL": LEARNT_SMALL}, {"small-one-layer/CIWL": NOT}, {"small-one-layer/Flip": NOT},
             {"small-same/CIWL": LEARNT_SMALL}],
    "S69": [{"deep-12/ICL": NOT}, {"deep-24/ICL": STAYS}, {"deep-24/train_loss": [(0, 7.0), (50, 0.1), (400, 0.2)]}],
    "S64b": [{"deep-match-query/Flip": always(0.5)}, {"deep-match-query/Flip": FADES}, {"deep-12/Flip": STAYS}],
    "S70": [{"deep-wide/ICL": FADES}, {"deep-12800/ICL": [(0, 0.5), (50, 0.95), (400, 0.5)]}],
    "S71": [{"deep-12/ICL": STAYS}, {"deep-l2-attention/ICL": STAYS}, {"deep-l2/ICL": FADES},
            {"deep-l2-mlp/ICL": FADES}, {"deep-l2-strong/ICL": STAYS}],
}  # fmt: skip


def measured(id: str, changed: dict[Any, Any]) -> Any:
    claim = CLAIMS[id]
    full, runs = bool(claim.full_only), otherwise(changed)
    trainings = claim.trainings(full)
    wanted = {f"{one.name}/{analysis.__name__}" for one in trainings for analysis in one.analyses}
    assert {one.name for one in trainings} | wanted <= set(runs)
    return settle(claim, Context(full, runs), "singh")


def test_every_claim_has_runs_that_it_disagrees_with() -> None:
    assert set(BENDS) == set(IDS)
    assert {f"S{number}" for number in range(52, 72)} <= set(IDS)


@pytest.mark.parametrize("id", IDS)
def test_a_claim_agrees_with_runs_as_the_papers_have_them(id: str, tmp_path: Any) -> None:
    outcome = measured(id, {})
    assert outcome.verdict == "agrees", (outcome.measured, outcome.reason)
    if outcome.figure:
        assert "another of its class" in draw(outcome.figure, outcome.data, tmp_path)


@pytest.mark.parametrize(("id", "number"), [(id, i) for id, several in BENDS.items() for i in range(len(several))])
def test_a_claim_disagrees_where_one_thing_is_otherwise(id: str, number: int) -> None:
    outcome = measured(id, BENDS[id][number])
    assert outcome.verdict == "disagrees", (outcome.measured, outcome.reason)


def test_one_seed_refutes_what_never_is_and_the_reason_says_how_many() -> None:
    runs = otherwise({"small-sinusoidal/ICL": LEARNT_SMALL})
    one, none = runs["small-sinusoidal"].isel(seed=[0]), as_it_is()["small-sinusoidal"].isel(seed=[1, 2])
    runs["small-sinusoidal"] = xr.concat([one, none], "seed", join="inner")
    outcome = settle(CLAIMS["S65t"], Context(False, runs), "singh")
    assert outcome.verdict == "disagrees"
    assert outcome.why.startswith("1 of 3 seeds come to ICL = .7, the first after 10 thousand sequences")


@pytest.mark.parametrize(("id", "changed"), [("S64", {"coopetition/Flip": NOT}), ("S67", {"coopetition/Flip": NOT})])
def test_an_emergence_that_did_not_come_within_the_run_is_no_time(id: str, changed: dict[str, Points]) -> None:
    checks = CLAIMS[id].measure(Context(True, otherwise(changed))).checks
    assert [check.verdict for check in checks if "log of the time" in check.what] == ["not converged"]


def test_what_takes_days_is_left_out_of_a_quick_run_and_says_what_it_takes() -> None:
    for id in IDS:
        claim, outcome = CLAIMS[id], settle(CLAIMS[id], Context(False, dict(as_it_is())), "singh")
        assert bool(claim.full_only) != claim.exploratory == id.endswith(("s", "t"))
        if claim.full_only:
            assert outcome.verdict == "not run"
            assert "million sequences of every seed, about" in outcome.reason
    assert settings.hours(64) == "64 million sequences of every seed, about 18 hours on one core: use the full settings"
    assert "about 64 days" in settings.hours(1200, 12)


def test_trainings_are_those_of_the_papers() -> None:
    standard, deep = settings.standard(), settings.deep_usual()
    assert standard.steps == 2_000_000
    assert (standard.optimiser.lr, standard.batch, deep.optimiser.lr) == (1e-5, 32, 3e-4)  # type: ignore[attr-defined]
    sizes = [sum(p.size for p in one.network.initial(one.task, 0).values()) for one in (standard, deep)]
    assert sizes == [1_719_232, 836_096]
    starts = settings.started()
    assert [(run.later[0][0] * 32, run.task.labels, run.last_task.labels) for run in starts.values()] == [
        (at * 10**6, "planted", "fixed") for at in starts
    ]
    assert all(run.snapshots[-1] <= run.steps for run in (standard, settings.ciwl_alone()))
