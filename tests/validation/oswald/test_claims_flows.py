"""Claims on flows beside SGD agree with runs as they say, and disagree with others."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

import theory
from validation import records
from validation.ledger import Context
from validation.oswald import settings
from validation.oswald.claims import alignment, flows, random_start
from validation.papers import claims_of
from validation.verdicts import settle

CLAIMS = claims_of("oswald")
Runs = dict[str, xr.Dataset]


@pytest.fixture(autouse=True)
def _nothing_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "read", lambda paper, claim: (None, ""))


@pytest.fixture(autouse=True)
def _flows_of_random_weights_as_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed by seed a flow that falls at once and as fast as it must: those of all weights take seconds."""
    monkeypatch.setattr(random_start, "half", lambda found: found if isinstance(found, float) else HALF(found))
    monkeypatch.setattr(random_start, "course", lambda weights, driven: random_start.escape(weights))


HALF = random_start.half


def falling(times: Any, training: Any, width: float = 0.02) -> xr.Dataset:
    """Losses that are half-way down at these times (learning rate x steps); `width` in shares of the run."""
    steps = np.linspace(0, training.steps, 4001)
    middle, drop = (flows.ZERO + flows.BEST) / 2, flows.ZERO - flows.BEST
    course = [(steps - t / training.optimiser.lr) / (width * training.steps) for t in times]
    losses = [middle - drop * (1 / (1 + np.exp(-each)) - 0.5) for each in course]
    return xr.Dataset({"loss": (("seed", "step"), np.array(losses))}, {"step": steps, "seed": list(training.seeds)})


def half_drop(training: Any) -> np.ndarray:
    """The flows' half drop for every seed."""
    x = training.network.start
    if x is None:
        return np.array([random_start.escape(weights) for weights in random_start.starts(training)])
    if training.network.merged:
        time = flows._time_of("half_drop", "merged", 600.0, **flows._alike(x))
    else:
        time = flows._time_of("half_drop", "separate", 2 / x**2, **flows._balanced(x))
    return np.full(len(training.seeds), time)


@pytest.mark.parametrize("id", ["O21", "O22", "O23", "O23f"])
@pytest.mark.parametrize(("factor", "verdict"), [(1.005, "agrees"), (1.06, "disagrees"), (0.94, "disagrees")])
def test_half_drops_are_those_of_the_flow(id: str, factor: float, verdict: str) -> None:
    full = bool(CLAIMS[id].full_only)
    runs = {t.name: falling(factor * half_drop(t), t) for t in CLAIMS[id].trainings(full)}
    outcome = settle(CLAIMS[id], Context(full, runs), "oswald")
    assert outcome.verdict == verdict, (outcome.measured, outcome.reason)


def test_a_fall_of_another_width_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Widths in time: a logistic of scale c takes 2 log 3 c from a quarter to three quarters."""
    training = CLAIMS["O24n"].trainings(True)[0]
    times, half = np.linspace(0, 200, 2001), (flows.ZERO + flows.BEST) / 2
    losses = half - (flows.ZERO - flows.BEST) * (1 / (1 + np.exp(-(times - 100) / 5)) - 0.5)
    monkeypatch.setattr(random_start, "course", lambda weights, driven: random_start.population.Course(
        times, losses, *[np.zeros(0)] * 4))  # fmt: skip
    monkeypatch.setattr(random_start, "fall", lambda start: (losses, losses))
    for verdict, scale in (("agrees", 5.05), ("disagrees", 6.0), ("disagrees", 4.2)):
        width = scale / training.optimiser.lr / training.steps
        runs = {training.name: falling(np.linspace(480, 520, 6), training, width)}
        assert settle(CLAIMS["O24n"], Context(True, runs), "oswald").verdict == verdict, scale


MODELS: dict[str, list[tuple[str, str, Callable[..., Any]]]] = {
    "O23m": [
        ("agrees", "half", lambda found: found),
        ("disagrees", "half", lambda found: 1.01 * found),
    ],
    "O23a": [("agrees", "half", lambda found: found), ("disagrees", "half", lambda found: 0.98 * found)],
    "O24": [
        ("agrees", "fall", lambda start: (np.full(9, 0.3), np.full(9, 0.3004))),
        ("disagrees", "fall", lambda start: (np.full(9, 0.3), np.full(9, 0.301))),
    ],
    "O24a": [
        ("agrees", "fall", lambda start: (np.full(9, 0.3), np.full(9, 0.3004))),
        ("disagrees", "fall", lambda start: (np.full(9, 0.3), np.full(9, 0.301))),
    ],
}


@pytest.mark.parametrize(("id", "number"), [(id, i) for id, several in MODELS.items() for i in range(len(several))])
def test_flows_of_random_weights_may_be_others(id: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, name, function = MODELS[id][number]
    monkeypatch.setattr(random_start, "_course", lambda seed, driven: random_start.escape(random_start.drawn(seed)))
    monkeypatch.setattr(random_start, name, function)
    assert settle(CLAIMS[id], Context(False), "oswald").verdict == verdict


@pytest.mark.parametrize(("level", "verdict"), [(0.3957, "agrees"), (0.39, "disagrees")])
def test_the_plateau_of_the_labels_blocks_may_be_elsewhere(
    level: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = np.linspace(0, 100, 501)
    losses = np.interp(times, [0, 20, 25, 60, 61, 100], [flows.ZERO, flows.ZERO, level + 1e-5, level, 0.21, flows.BEST])
    found = random_start.population.Course(times, losses, *[np.zeros(0)] * 4)
    monkeypatch.setattr(random_start, "_course", lambda seed, driven: found)
    assert settle(CLAIMS["O27p"], Context(False), "oswald").verdict == verdict


def stairs(times: float = 1.0, level: float = 1.0, order: tuple[int, ...] = (0, 1, 2)) -> xr.Dataset:
    """What the analysis finds of SGD that follows the ladder, but for what is bent."""
    training = settings.staircase(False)
    ladder = theory.saddle_ladder(settings.SPECTRUM, 20, start=settings.STAIRS_START)
    at = training.optimiser.lr * np.array(training.snapshots)
    exits, rng = np.array(ladder.exits) * times, np.random.default_rng(0)
    one = 1 / (1 + np.exp(-(at[:, None] - exits[list(order)]) / 0.6))
    losses = ladder.plateaus[0] + np.diff(ladder.plateaus) @ (at >= exits[:, None])
    shape = (len(training.seeds), 1)
    return xr.Dataset(
        {"progress": (("seed", "time", "direction"), np.stack([one] * len(training.seeds))),
         "loss": (("seed", "time"), level * losses * (1 + 1e-3 * rng.normal(size=shape)))},
        {"time": at, "seed": list(training.seeds)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "bent"),
    [
        ("agrees", {}),
        ("disagrees", {"times": 1.05}),
        ("disagrees", {"level": 1.03}),
        ("disagrees", {"order": (0, 2, 1)}),
    ],
)
def test_sgd_may_go_down_other_stairs(verdict: str, bent: dict[str, Any]) -> None:
    training = settings.staircase(False)
    runs = {training.name: xr.Dataset(), f"{training.name}/directions": stairs(**bent)}
    outcome = settle(CLAIMS["O25n"], Context(False, runs), "oswald")
    assert outcome.verdict == verdict, outcome.measured


def sets(**bent: float) -> Runs:
    usual = {"cosine_128": 0.4, "loss_128": 2.0, "cosine_2048": 0.97, "loss_2048": 1.06} | bent
    spread = 1 + 1e-3 * np.linspace(-1, 1, 6)
    return {
        f"{training.name}/unseen": xr.Dataset(
            {"cosine": ("seed", usual[f"cosine_{tasks}"] * spread), "gd_loss": ("seed", np.full(6, 0.2062)),
             "loss": ("seed", 0.2062 * usual[f"loss_{tasks}"] * spread)}
        )
        for tasks, training in settings.pooled(False).items()
    }  # fmt: skip


def of_heads() -> Iterator[tuple[str, Runs]]:
    one, two = settings.heads(False).values()
    even = np.linspace(-1, 1, 10)
    for verdict, middle, a, b in (
        ("agrees", 1.0, 0.3, 0.05), ("disagrees", 1.0, 0.1, 0.1), ("agrees", 1.4, 0.6, 0.05),
        ("not converged", 1.4, 0.3, 0.6),
    ):  # fmt: skip
        yield verdict, {t.name: falling(middle * (1 + size * even), t, 0.01) for t, size in ((one, a), (two, b))}


def test_fixed_sets_and_heads_may_do_otherwise() -> None:
    def verdict(id: str, runs: Runs) -> str:
        return settle(CLAIMS[id], Context(False, runs), "oswald").verdict

    assert verdict("O26", sets()) == "agrees"
    for bent in ({"cosine_128": 0.96}, {"loss_128": 1.01}, {"cosine_2048": 0.93}, {"loss_2048": 1.2}):
        assert verdict("O26", sets(**bent)) == "disagrees", bent
    for expected, runs in of_heads():
        assert verdict("O27", runs) == expected


def test_two_heads_that_wait_for_the_later_one_are_no_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settle(CLAIMS["O27m"], Context(False), "oswald").verdict == "agrees"
    times = np.random.default_rng(0).uniform(1.0, 2.0, 600)
    times[200:] = np.repeat(np.random.default_rng(1).uniform(2.0, 6.0, 200), 2)
    monkeypatch.setattr(alignment, "drawn", lambda seed: seed)
    monkeypatch.setattr(alignment, "escape", lambda seed: times[seed])
    assert settle(CLAIMS["O27m"], Context(False), "oswald").verdict == "disagrees"
