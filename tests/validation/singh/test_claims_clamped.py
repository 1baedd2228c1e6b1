"""Claims on trainings under clamps agree with runs as they say, and disagree with others."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from validation import records
from validation.drawing import draw
from validation.ledger import Claim, Context
from validation.papers import claims_of
from validation.singh import settings
from validation.singh.claims import clamped, levels
from validation.singh.falls import GUESS, HALF, fall
from validation.singh.levels import TENTH, fitted, residual, toy
from validation.trainings import NetworkTraining
from validation.verdicts import settle

CLAIMS = claims_of("singh")
Runs = dict[str, xr.Dataset]
Points = list[tuple[float, float]]  # step and loss


@pytest.fixture(autouse=True)
def _nothing_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "read", lambda paper, claim: (None, ""))


def around(value: float, seeds: int, size: float = 0.01) -> np.ndarray:
    return value * (1 + size * np.linspace(-1, 1, seeds))


def run(training: NetworkTraining, points: Points, *, spread: float = 0.01, **measures: float) -> xr.Dataset:
    """Losses straight between points, sooner or later by seed; of other measures, the last value."""
    at, losses = np.array([p[0] for p in points]), np.array([p[1] for p in points])
    n, step = len(training.seeds), np.linspace(0, training.steps, 3001)
    each = np.array([np.interp(step / late, at, losses) for late in around(1.0, n, spread)])
    other = {name: (("seed", "step"), np.repeat(around(v, n, 1e-5)[:, None], 3001, 1)) for name, v in measures.items()}
    return xr.Dataset({"loss": (("seed", "step"), each), **other}, {"step": step, "seed": list(training.seeds)})


def until(half: float, *, start: float = 0.9) -> Points:
    """A loss that is half of ln 2 at a time."""
    return [(0, start), (half, HALF), (2 * half, 0.02)]


def waiting(level: float, wait: float, fall: float = 100.0) -> Points:
    """A loss that waits so long, in units of its fall, at a level."""
    return [(0, level), (wait * fall, 0.9 * level), ((1 + wait) * fall, 0.1 * level), (1.2 * (1 + wait) * fall, 0.0)]


def six(points: dict[str, Points]) -> Runs:
    both = (settings.six, settings.six_correlated)
    return {training.name: run(training, points[part]) for of in both for part, training in of(False).items()}


def halves(**bent: float) -> Runs:
    """Half times as published, 1.5 steps a thousand sequences, but for what is bent."""
    times = {part: 1.5 * time for part, time in clamped.HALVES.items()} | {
        k.replace("_", "-"): v for k, v in bent.items()
    }
    return six({part: until(times.get(part.replace("+", "-"), times[part])) for part in clamped.HALVES})


def shaped(part: str = "", wait: float = 0.0) -> Runs:
    waits = clamped.WAITS | ({part: wait} if part else {})
    return six({name: waiting(clamped.level(name), waits[name]) for name in waits})


def natural(
    half: float = 400.0, start: float = 1.97, plateau: float = 0.7, spread: float = 0.25, **bent: float
) -> Runs:
    trainings = (settings.course(False), settings.natural_correlated(False))
    early, late = bent.get("early", 0.19), bent.get("late", 0.038)
    points = [(0, start), (early * half, 0.8), (0.35 * half, plateau + 0.03), (0.6 * half, plateau), (half, HALF),
              (1.6 * half, late), (1e5, late)]  # fmt: skip
    accuracy = bent.get("accuracy", 0.999)
    return {training.name: run(training, points, spread=spread, accuracy=accuracy) for training in trainings}


def grafted(own: float = 35.0, start: float = 0.67, other: float = 320.0) -> Runs:
    training = settings.course(False)
    each = {"own": until(own, start=start), "another": until(other), "a third": until(1.05 * other)}
    found = [run(training, points) for points in each.values()]
    donors = xr.DataArray(list(each), dims="donor", name="donor")
    return natural(spread=0.1) | {f"{training.name}/grafted": xr.concat(found, donors)}


def measured(later: float = 320.0, at_clamp: float = 0.6, at_guess: float = 0.41, step: float = 460.0,
             trained: float = 0.14) -> Runs:  # fmt: skip
    """Training under a clamp, and the clamp put on afterwards: half times 45 and `later`."""
    runs = halves()
    settings_of = settings.six(False)
    none, match = settings_of["none"], settings_of["match"]
    under = [(0, 1.95), (45, HALF), (45 * 50 / 29, trained), (200, 0.0), (1500, 0.0)]
    after = [(0, 1.95), (45 * 50 / 29, at_clamp), (250, at_guess), (later, HALF - 1e-3), (700, 0.0)]
    own: Points = [(0, 1.95), (100, 0.75), (250, GUESS - 1e-4), (440, HALF), (800, 0.0)]
    previous: Points = [(0, 1.95), (100, 0.8), (step, HALF), (1.6 * step, 0.0)]
    each = {"none": own, "step-1": previous, "match": after}
    found = xr.concat([run(none, points) for points in each.values()],
                      xr.DataArray(list(each), dims="part", name="part"))  # fmt: skip
    return runs | {match.name: run(match, under), f"{none.name}/progress": found}


def begun(**bent: float) -> Runs:
    """Losses at the start."""
    found = {}
    for part, training in settings.starts(False).items():
        usual = 0.82 if "copy" in part else 1.96
        found[training.name] = run(training, [(0, bent.get(part.replace("-", "_").replace("+", "_"), usual))])
    return found


def numbered(of: Callable[[bool], dict[tuple[str, int], NetworkTraining]], full: bool, level: float,
             times: dict[str, dict[int, float]]) -> Runs:  # fmt: skip
    """Half times, or times at another level, by part and number of classes or labels."""
    found = {}
    for (part, number), training in of(full).items():
        if part in times:
            time = times[part][number]
            found[training.name] = run(training, [(0, 2.0), (time, level), (2 * time, 0.0)])
    return found


def heads(**bent: float) -> Runs:
    times = {"none": 440.0, "one": 300.0, "another": 350.0, "three": 250.0, "all": 790.0} | bent
    return {training.name: run(training, until(times[which])) for which, training in settings.previous(False).items()}


def strong(zero: float = 400.0, plus: float = 80.0, minus: float = 120.0, failing: float = 1.0,
           passing: float = 0.1) -> Runs:  # fmt: skip
    times, held_out = {-1.0: minus, 0.0: zero, 1.0: plus}, {-1.0: failing, 0.0: 0.1, 1.0: passing}
    found = {training.name: run(training, until(times[size]), labels_loss=held_out[size])
             for size, training in settings.strengths(False).items()}  # fmt: skip
    training = settings.natural(False)
    return found | {training.name: run(training, until(400.0))}


def beside_toy(part: str = "", late: float = 1.0, bent: float = 1.0) -> Runs:
    """Losses as the toy has them, but for one that is later, or falls by another power."""
    start, clock = 0.2, 60.0
    found = {}
    for name, training in settings.six_correlated(False).items():
        left = levels.LEFT.get(name, 3)
        course = toy(left, start)
        steps = np.linspace(0, training.steps, 3001)
        changed = name == part
        losses = np.interp(steps / clock / (late if changed else 1), course.time, course.loss) ** (
            bent if changed else 1
        )
        points = list(zip(steps, clamped.level(name) * losses, strict=True))
        found[training.name] = run(training, points, spread=0.02)
    return found


MATCHING, COPYING = "layer-0+copy", "match"
C_TIMES: dict[str, dict[int, float]] = {MATCHING: {50: 75, 100: 100, 200: 145}, COPYING: {50: 90, 100: 91, 200: 92}}
C_BOTH: dict[str, dict[int, float]] = {
    "layer-0": {50: 300, 100: 350, 200: 400},
    "none": {50: 1e3, 100: 1.2e3, 200: 2e3},
}
K_TIMES: dict[str, dict[int, float]] = {MATCHING: {5: 40, 10: 40, 15: 41}, COPYING: {5: 60, 10: 140, 15: 200}}
K_BOTH: dict[str, dict[int, float]] = {"layer-0": {5: 300, 10: 450, 15: 600}, "none": {5: 1e3, 10: 3e3, 15: 4e3}}


def changed(times: dict[str, dict[int, float]], part: str, number: int, time: float) -> dict[str, dict[int, float]]:
    return times | {part: times[part] | {number: time}}


def reversals(seeds: int) -> Runs:
    """So many of eight seeds take longer with 10 labels than with 15."""
    found = {}
    for (part, K), training in settings.labels(True).items():
        if part == "none" and K > 5:
            times = [1500.0 if K == 10 and i < seeds else {10: 1000.0, 15: 1200.0}[K] for i in range(8)]
            each = [run(training, until(t)).isel(seed=[i]) for i, t in enumerate(times)]
            found[training.name] = xr.concat(each, "seed")
    return found


Case = tuple[str, Runs]


def made_up(id: str) -> Iterator[Case]:
    classes, labels = settings.classes, settings.labels
    cases: dict[str, tuple[Callable[[], Runs], list[Callable[[], Runs]]]] = {
        "S23": (natural, [lambda: natural(start=1.6), lambda: natural(early=0.34), lambda: natural(plateau=0.5),
                          lambda: natural(late=0.2)]),
        "S24": (lambda: natural(spread=0.45), [lambda: natural(spread=0.02)]),
        "S26": (natural, [lambda: natural(accuracy=0.99)]),
        "S45": (grafted, [lambda: grafted(own=150), lambda: grafted(start=1.9), lambda: grafted(other=60),
                          lambda: grafted(other=120)]),
        "S51": (begun, [lambda: begun(none=1.6), lambda: begun(copy=0.69), lambda: begun(layer_0_copy=1.0)]),
        "S46": (heads, [lambda: heads(another=450), lambda: heads(three=320), lambda: heads(all=400)]),
        "S47": (measured, [lambda: measured(later=80, at_clamp=0.3, at_guess=0.3), lambda: measured(trained=0.3),
                           lambda: measured(at_clamp=0.3), lambda: measured(at_guess=0.68),
                           lambda: measured(step=800)]),
        "S48": (strong, [lambda: strong(zero=700), lambda: strong(plus=450), lambda: strong(minus=450),
                         lambda: strong(failing=0.1), lambda: strong(passing=1.0)]),
        "S44": (lambda: reversals(3), [lambda: reversals(8), lambda: reversals(0)]),
        "S42": (lambda: numbered(classes, False, 0.1, C_TIMES),
                [lambda: numbered(classes, False, 0.1, changed(C_TIMES, MATCHING, 200, 70)),
                 lambda: numbered(classes, False, 0.1, changed(C_TIMES, COPYING, 200, 120))]),
        "S42b": (lambda: numbered(classes, True, HALF, C_BOTH),
                 [lambda: numbered(classes, True, HALF, changed(C_BOTH, "none", 200, 200)),
                  lambda: numbered(classes, True, HALF, changed(C_BOTH, "layer-0", 200, 200))]),
        "S43": (lambda: numbered(labels, False, HALF, K_TIMES),
                [lambda: numbered(labels, False, HALF, changed(K_TIMES, COPYING, 10, 50)),
                 lambda: numbered(labels, False, HALF, changed(K_TIMES, MATCHING, 15, 60))]),
        "S43b": (lambda: numbered(labels, True, HALF, K_BOTH),
                 [lambda: numbered(labels, True, HALF, changed(K_BOTH, "layer-0", 10, 200))]),
        "S43c": (lambda: numbered(labels, True, HALF, K_BOTH),
                 [lambda: numbered(labels, True, HALF, changed(K_BOTH, "none", 15, 2000))]),
        "S40m": (beside_toy, [lambda: beside_toy("layer-0", late=1.8), lambda: beside_toy("copy", late=0.5),
                              lambda: beside_toy("copy", bent=0.3)]),
        "S41": (shaped, [lambda: shaped("match", 0.4), lambda: shaped("layer-0+copy", 0.5), lambda: shaped("copy", 0.1),
                         lambda: shaped("layer-0", 1.0), lambda: shaped("none", 0.4), lambda: shaped("step-1", 0.1)]),
    }  # fmt: skip
    in_order = (halves, [lambda: halves(match=30), lambda: halves(copy=40), lambda: halves(layer_0=45),
                         lambda: halves(step_1=100), lambda: halves(none=250)])  # fmt: skip
    cases |= {"S39": in_order, "S40": in_order, "S39r": in_order, "S40r": in_order}
    cases |= {f"{like}r": cases[like] for like in ("S23", "S24", "S41")}
    right, wrong = cases[id]
    yield "agrees", right()
    for bent in wrong:
        yield "disagrees", bent()


IDS = ("S23", "S24", "S26", "S39", "S40", "S40m", "S41", "S42", "S42b", "S43", "S43b", "S43c", "S44", "S45", "S46",
       "S47", "S48", "S51", "S23r", "S24r", "S39r", "S40r", "S41r")  # fmt: skip


@pytest.mark.parametrize("id", IDS)
def test_a_claim_agrees_with_runs_as_it_says_and_disagrees_with_others(id: str, tmp_path: Path) -> None:
    claim, drawn = CLAIMS[id], False
    full = bool(claim.full_only)
    for number, (verdict, runs) in enumerate(made_up(id)):
        assert {training.name for training in claim.trainings(full)} <= set(runs)
        outcome = settle(claim, Context(full, runs), "singh")
        assert outcome.verdict == verdict, (number, outcome.measured, outcome.tolerance, outcome.reason)
        if number == 0 and claim.figure:
            assert outcome.data is not None
            drawn = bool(draw(claim.figure, outcome.data, tmp_path))
    assert drawn == bool(claim.figure)


def test_a_run_that_does_not_learn_is_no_refutation() -> None:
    runs = halves()
    training = settings.six(False)["none"]
    runs[training.name] = run(training, [(0, 1.9), (100, 0.69), (1e5, 0.69)])
    assert settle(CLAIMS["S39"], Context(False, runs), "singh").verdict == "not converged"


def test_times_are_where_losses_fall() -> None:
    training = settings.natural(False)
    found = fall(run(training, until(200.0), spread=0.0))
    np.testing.assert_allclose(found, 200.0, atol=0.5)
    never = fall(run(training, [(0, 1.0), (1e5, 0.5)]))
    assert np.isnan(never).all()


@pytest.mark.parametrize(("start", "clock"), [(0.1, 3.0), (0.25, 40.0)])
def test_the_clock_and_the_start_are_those_a_network_that_is_the_toy_was_made_with(start: float, clock: float) -> None:
    fit = fitted(clock * toy(3, start).tenth, clock * toy(1, start).tenth)
    assert fit.start == pytest.approx(start, rel=2e-3)
    assert fit.clock == pytest.approx(clock, rel=5e-3)
    for left in (1, 2, 3):
        course = toy(left, start)
        assert residual(left, start, clock * course.time, course.loss, clock) == pytest.approx(0, abs=1e-12)
        assert residual(left, start, clock * course.time, course.loss, 2 * clock) > 0.1


@pytest.mark.parametrize("start", [0.1, 0.3])
def test_the_toys_times_to_a_tenth_are_those_of_the_flow(start: float) -> None:
    """Separation of variables: t = int dw / (w^(k-1) (1 - w^k)), to w^k = 1 - sqrt(1/10)."""
    for left in (1, 2, 3):
        w = np.linspace(start, (1 - np.sqrt(TENTH)) ** (1 / left), 200_001)
        exact = np.trapezoid(1 / (w ** (left - 1) * (1 - w**left)), w)
        assert toy(left, start).tenth == pytest.approx(exact, rel=0.02)


def test_what_needs_hours_is_left_out_of_a_quick_run() -> None:
    assert {id for id in IDS if CLAIMS[id].full_only} == {"S42b", "S43b", "S43c", "S44"}
    quick, full = (settings.six(how) for how in (False, True))
    for part in quick:
        one, other = quick[part], full[part]
        assert (one.network, one.task, one.batch, one.seeds) == (other.network, other.task, other.batch, other.seeds)
        assert one.steps * one.optimiser.lr == pytest.approx(other.steps * other.optimiser.lr)


def test_claims_that_share_a_training_share_its_settings() -> None:
    for full in (False, True):
        found: dict[str, Any] = {}
        for claim in (CLAIMS[id] for id in IDS):
            for training in claim.trainings(full):
                assert found.setdefault(training.name, training) == training


def test_every_claim_here_has_made_up_runs() -> None:
    modules = {"natural", "clamped", "correlated", "levels", "variants"}
    there = {id for id, c in CLAIMS.items() if isinstance(c, Claim) and c.measure.__module__.split(".")[-1] in modules}
    assert there == set(IDS)
