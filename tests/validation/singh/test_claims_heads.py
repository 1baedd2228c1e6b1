"""Claims on heads and layers of the natural training agree with runs as they say, and disagree with others."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from validation import records
from validation.drawing import draw
from validation.ledger import Context
from validation.papers import claims_of
from validation.singh import settings
from validation.singh.claims.layers import share_of_many
from validation.singh.claims.one_head import learning_times
from validation.verdicts import settle

CLAIMS = claims_of("singh")
SEEDS, H, S = list(settings.SEEDS), 8, len(settings.SEEDS)
NATURAL = settings.natural(False)
Runs = dict[str, xr.Dataset]
HALF, GUESS = math.log(2) / 2, math.log(2)
ORDER = np.array([3, 1, 2, 7, 5, 0, 4, 6])  # of the heads by strength, as published


@pytest.fixture(autouse=True)
def _nothing_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "read", lambda paper, claim: (None, ""))


def by_seed(values: Any, size: float = 0.01) -> np.ndarray:
    """Values (...) of every seed, (seed, ...), a little more or less."""
    each = np.asarray(values, float)
    return each * (1 + size * np.linspace(-1, 1, S)).reshape(-1, *[1] * each.ndim)


def ranked(low: float, high: float) -> np.ndarray:
    """From `high` for the strongest head to `low` for the weakest, by head."""
    out = np.empty(H)
    out[ORDER] = np.linspace(high, low, H)
    return out


PUBLISHED: dict[str, Any] = {
    "strength": [0.418, 0.736, 0.708, 0.845, 0.289, 0.553, 0.104, 0.570],
    "alone_accuracy": [0.403, 0.765, 0.752, 0.980, 0.428, 0.646, 0.292, 0.588],
    "alone_loss": 2 * (1 - np.array([0.403, 0.765, 0.752, 0.980, 0.428, 0.646, 0.292, 0.588])),
    "copying_accuracy": [0.500, 0.828, 0.827, 0.9993, 0.621, 0.764, 0.285, 0.707],
    "copying_fixed": [0.5, 0.862, 0.8, np.nan, 0.6, 0.7, 0.3, 0.7],
    "fixed": [0.241, 0.648, 0.717, np.nan, 0.330, 0.564, 0.166, 0.461],
    "without_accuracy": [0.999, 0.998, 0.999, 0.99, 0.999, 0.999, 0.999, 0.999],
    "added_loss": [0.117, 0.044, 0.010, 0.005, 0.003, 0.002, 0.0015, 0.0015],
    "others_loss": [0.655, 0.146, 0.088, 0.056, 0.038, 0.032, 0.031],
}  # fmt: skip


def heads(**bent: Any) -> xr.Dataset:
    """Heads one by one as published, but for what is bent."""
    dims = {"added_loss": "number", "others_loss": "other"}
    found = {}
    for name, values in (PUBLISHED | bent).items():
        scatter = 1e-4 if "accuracy" in name else 0.01
        found[name] = (("seed", dims.get(name, "head")), by_seed(values, scatter))
    found["copying_fixed"][1][0] = np.nan  # there were no mistakes
    found["copying_mistakes"] = ("seed", np.arange(S) * 10.0)
    coords = {"seed": SEEDS, "head": range(H), "number": range(1, H + 1), "other": range(1, H)}
    return xr.Dataset(found, coords)


def course(half: float = 400.0, late: float = 1.2, unseen: float = 1.2, **last: float) -> xr.Dataset:
    """Losses and strengths over training; held-out labels and unseen classes are later, at another last loss."""
    step = np.arange(0, NATURAL.steps + 1, NATURAL.record_every)
    published = np.array(PUBLISHED["strength"])
    ends = {"loss": 0.006, "labels_loss": 0.03, "classes_loss": 0.126} | {k: v for k, v in last.items() if "loss" in k}
    found: dict[str, Any] = {}
    for name, delay in (("loss", 1.0), ("labels_loss", late), ("classes_loss", unseen)):
        at = np.array([0, 0.3 * half, 0.6 * half, delay * half, 2.5 * half])
        losses = [1.97, 0.8, GUESS, max(HALF, ends[name]), ends[name]]
        found[name] = (("seed", "step"), np.array([np.interp(step / s, at, losses) for s in by_seed(1.0)]))
        found[name][1][:, -1] = by_seed(ends[name])
    for h in range(H):
        middle = half * (1 + last.get("apart", 0.04) * h)
        rise = 1 / (1 + np.exp(-(step - middle) / 30))
        found[f"induction_1.{h}"] = (("seed", "step"), by_seed(published[h] * rise))
    return xr.Dataset(found, {"step": step, "seed": SEEDS})


def paths(early: float = 0.17, plateau: float = 0.1, end: float = 0.0, last: tuple[float, float] = (0.4, 1.9),
          lost: float = 0.001) -> xr.Dataset:  # fmt: skip
    """What layers do: at a third of the step of ln 2, at it, and at the end."""
    at = 240.0  # of `course`
    steps = [0, 12, round(at / 3), round(at), NATURAL.steps]
    found = {
        "loss": [2.0, 1.0, 0.8, GUESS, 0.006],
        "direct_loss": np.array([2.0, 1.1, 0.8 + early, GUESS + plateau, 0.006 + end]),
        "last_loss": np.array([2.0, 1.2, 1.1, GUESS + last[0], 0.006 + last[1]]),
        "accuracy": [0.2, 0.3, 0.4, 0.5, 0.999], "direct_accuracy": [0.2, 0.3, 0.4, 0.5, 0.999 - lost],
    }  # fmt: skip
    data = {name: (("seed", "snapshot"), by_seed(v, 1e-4)) for name, v in found.items()}
    return xr.Dataset(data, {"seed": SEEDS, "snapshot": steps})


def feeding(keys: Any = None, first_k: Any = None, first_v: Any = None, **bent: float) -> xr.Dataset:
    """Heads 0 to 2 of layer 0 attend to the previous token and feed all of layer 1 by keys, the others by values."""
    rng = np.random.default_rng(0)
    usual = {"previous_A": 0.9985, "previous_v": 0.7, "previous_vq": 0.7, "previous_vk": 0.99, "rest_A": 0.34,
             "rest_v": 0.993, "rest_vq": 0.99, "rest_vk": 0.99} | bent  # fmt: skip
    found: dict[str, Any] = {name: ("seed", by_seed(value, 1e-3)) for name, value in usual.items()}
    by_keys = np.zeros((H, H)) if keys is None else np.asarray(keys, float)
    if keys is None:
        by_keys[:3] = 0.2
    by_keys = by_keys + rng.uniform(0, 1e-3, (S, H, H))
    by_values = rng.uniform(0, 0.2, (S, H, H))
    first = rng.normal(0.125, 0.01, (S, 3, H, H))
    for c, told, effects in ((1, first_k, by_keys), (2, first_v, by_values)):
        if told is not None:
            first[:, c] = 0.125 + told * effects + rng.normal(0, 1e-3, (S, H, H))
    pairs = ("seed", "writer", "reader")
    found |= {"by_keys": (pairs, by_keys), "by_values": (pairs, by_values)}
    found["previous"] = (("seed", "head"), by_seed([0.8, 0.7, 0.6, 0.2, 0.1, 0.0, 0.0, -0.1]))
    found["first_scores"] = (("seed", "channel", "writer", "reader"), first)
    return xr.Dataset(found, {"seed": SEEDS, "channel": list("qkv")})


def unseen(within: float = 0.3, across: float = 1.2) -> xr.Dataset:
    values = {"loss": 1.0, "within": within, "across": across, "share": 0.1}
    return xr.Dataset({name: ("seed", by_seed(value)) for name, value in values.items()}, {"seed": SEEDS})


def all_runs(**changed: xr.Dataset) -> Runs:
    """Everything of the natural training as published, but for what is changed."""
    usual = {"run": course(), "single_heads": heads(), "paths": paths(), "feeding": feeding(), "unseen": unseen()}
    found = usual | changed
    return {NATURAL.name: found.pop("run")} | {f"{NATURAL.name}/{name}": each for name, each in found.items()}


ONE_WRITER = np.r_[np.full((1, H), 0.2), np.zeros((H - 1, H))]
ONE_READER = np.c_[np.full((H, 1), 0.2), np.zeros((H, H - 1))]
REVERSED = ranked(0.9, 0.2)
OTHERWISE: dict[str, list[Callable[[], Runs]]] = {
    "S25": [lambda: all_runs(run=course(labels_loss=0.4)), lambda: all_runs(run=course(late=0.9)),
            lambda: all_runs(run=course(labels_loss=0.005))],
    "S25b": [lambda: all_runs(run=course(classes_loss=0.95)), lambda: all_runs(run=course(unseen=0.9)),
             lambda: all_runs(run=course(classes_loss=0.02))],
    "S25c": [lambda: all_runs(unseen=unseen(within=0.9)), lambda: all_runs(unseen=unseen(across=0.5))],
    "S27": [lambda: all_runs(paths=paths(lost=0.05))],
    "S28": [lambda: all_runs(paths=paths(early=0.0, plateau=0.1)), lambda: all_runs(paths=paths(plateau=0.0)),
            lambda: all_runs(paths=paths(end=0.1)), lambda: all_runs(paths=paths(plateau=0.25)),
            lambda: all_runs(paths=paths(last=(0.0, 1.9))), lambda: all_runs(paths=paths(last=(0.4, 0.7)))],
    "S29": [lambda: all_runs(single_heads=heads(strength=[0.1, 0.1, 0.1, 0.9, 0.05, 0.2, 0.1, 0.1])),
            lambda: all_runs(single_heads=heads(strength=[0.7, 0.68, 0.72, 0.8, 0.66, 0.7, 0.74, 0.76])),
            lambda: all_runs(single_heads=heads(strength=[0.9, 0.92, 0.94, 0.96, 0.3, 0.32, 0.31, 0.33]))],
    "S29b": [lambda: all_runs(run=course(apart=0.15))],
    "S30": [lambda: all_runs(single_heads=heads(without_accuracy=[1, 0.97, 1, 0.99, 1, 1, 1, 1]))],
    "S31": [lambda: all_runs(single_heads=heads(alone_accuracy=REVERSED))],
    "S32": [lambda: all_runs(single_heads=heads(added_loss=[0.1, 0.05, 0.06, 0.03, 0.04, 0.01, 0.012, 0.01])),
            lambda: all_runs(single_heads=heads(added_loss=0.1 * 0.95 ** np.arange(8)))],
    "S32b": [lambda: all_runs(single_heads=heads(others_loss=[0.6, 0.3, 0.4, 0.2, 0.25, 0.1, 0.1])),
             lambda: all_runs(single_heads=heads(others_loss=0.6 * 0.95 ** np.arange(7)))],
    "S33": [lambda: all_runs(single_heads=heads(fixed=np.array(PUBLISHED["alone_accuracy"]) + 0.02)),
            lambda: all_runs(single_heads=heads(fixed=0.3 * REVERSED))],
    "S33b": [lambda: all_runs(single_heads=heads(copying_fixed=np.full(H, 0.4)))],
    "S49": [lambda: all_runs(single_heads=heads(copying_accuracy=ranked(0.79, 1.0))),
            lambda: all_runs(single_heads=heads(copying_accuracy=ranked(0.6, 0.7))),
            lambda: all_runs(single_heads=heads(copying_accuracy=REVERSED))],
    "S50": [lambda: all_runs(single_heads=heads(alone_accuracy=REVERSED)),
            lambda: all_runs(single_heads=heads(alone_loss=ranked(0.1, 2.0)))],
    "S37": [lambda: all_runs(feeding=feeding(previous_v=0.95)), lambda: all_runs(feeding=feeding(previous_A=0.85)),
            lambda: all_runs(feeding=feeding(previous_vk=0.6)), lambda: all_runs(feeding=feeding(rest_A=0.95)),
            lambda: all_runs(feeding=feeding(rest_v=0.8))],
    "S38": [lambda: all_runs(feeding=feeding(keys=ONE_READER)), lambda: all_runs(feeding=feeding(keys=ONE_WRITER)),
            lambda: all_runs(feeding=feeding(first_k=0.1)), lambda: all_runs(feeding=feeding(first_v=0.1)),
            lambda: all_runs(feeding=feeding(first_v=-0.1))],
}  # fmt: skip


def at_half(time: float, steps: int, seeds: list[int]) -> xr.Dataset:
    """Losses that pass 0.4 ln 2 at a step; beyond the end, never."""
    step = np.arange(0, steps + 1, 10)
    level = 0.4 * math.log(2)
    loss = np.array([np.where(step < time * s, 0.7, level / 2) for s in np.linspace(0.97, 1.03, len(seeds))])
    return xr.Dataset({"loss": (("seed", "step"), loss)}, {"step": step, "seed": seeds})


ALONE = [379, 474, 396, 310, 334, 615, 571, 425]  # thousand sequences; all together take 273


def trained_alone(times: list[float], full: bool = True, **bent: Any) -> Runs:
    """Learning times of heads alone (of the active one, if quick) in steps, one a thousand sequences."""
    training = settings.natural(full)
    out = {training.name: at_half(273, 1500, SEEDS), f"{training.name}/single_heads": heads(**bent)}
    for head, alone in settings.single(full).items():
        out[alone.name] = at_half(times[head], 4000, list(alone.seeds))
    return out


def paired(best: float, others: float) -> Runs:
    """Learning times of pairs with the active head; head 0 is the strongest."""
    strength = ranked(0.1, 0.8)[[3, 1, 2, 0, 4, 5, 6, 7]]
    training = settings.natural(True)
    out = {training.name: at_half(273, 1500, SEEDS), f"{training.name}/single_heads": heads(strength=strength)}
    for head, pair in settings.beside().items():
        out[pair.name] = at_half(best if head == 0 else others, 4000, SEEDS)
    return out


NEVER = 9e9
AS_STRONG = [1 / x for x in ranked(1e-3, 1e-2)]  # the stronger, the sooner
AT_RANDOM = [0.5, 0.2, 0.9, 0.4, 0.8, 0.1, 0.6, 0.3]
TRAINED_ALONE: dict[str, list[tuple[str, Callable[[], Runs]]]] = {
    "S34": [("agrees", lambda: trained_alone(ALONE, False)), ("disagrees", lambda: trained_alone([NEVER] * H, False)),
            ("disagrees", lambda: trained_alone([273] * H, False))],
    "S35": [("agrees", lambda: trained_alone(ALONE)), ("disagrees", lambda: trained_alone(AS_STRONG))],
    "S36": [("agrees", lambda: paired(280, NEVER)), ("disagrees", lambda: paired(400, 273)),
            ("disagrees", lambda: paired(180, 273))],
    "S50b": [("agrees", lambda: trained_alone(ALONE)),
             ("disagrees", lambda: trained_alone(AS_STRONG, alone_accuracy=AT_RANDOM))],
}  # fmt: skip
IDS = [*OTHERWISE, *TRAINED_ALONE]  # of the claims with made-up runs here


def test_records_can_be_made_of_every_claim() -> None:
    made = {id: records.fingerprint(CLAIMS[id])[0] for id in IDS}
    assert len(set(made.values())) == len(IDS)


@pytest.mark.parametrize("id", list(OTHERWISE))
def test_a_claim_agrees_with_a_training_as_published(id: str) -> None:
    outcome = settle(CLAIMS[id], Context(False, all_runs()), "singh")
    assert outcome.verdict == "agrees", (outcome.measured, outcome.reason)


@pytest.mark.parametrize(("id", "number"), [(id, i) for id, each in OTHERWISE.items() for i in range(len(each))])
def test_a_claim_disagrees_with_another_training(id: str, number: int) -> None:
    # they are in the order of the checks
    outcome = settle(CLAIMS[id], Context(False, OTHERWISE[id][number]()), "singh")
    assert outcome.verdict == "disagrees", (outcome.measured, outcome.reason)
    assert outcome.checks[min(number, len(outcome.checks) - 1)].verdict == "disagrees"


@pytest.mark.parametrize(("id", "number"), [(id, i) for id, each in TRAINED_ALONE.items() for i in range(len(each))])
def test_claims_on_one_head_follow_from_learning_times(id: str, number: int) -> None:
    verdict, runs = TRAINED_ALONE[id][number]
    outcome = settle(CLAIMS[id], Context(bool(CLAIMS[id].full_only), runs()), "singh")
    assert outcome.verdict == verdict, (outcome.measured, outcome.reason)


def test_unseen_classes_that_are_not_answered_say_why() -> None:
    outcome = settle(CLAIMS["S25b"], Context(False, all_runs(run=course(classes_loss=0.95))), "singh")
    assert outcome.why == (
        "Of the squared length of an unseen vector 0.10 lies within the span of the trained ones; its part there, made "
        "as long as the whole, has a loss of 0.3, the rest of 1.2."
    )


def test_a_head_that_never_learns_is_later_than_all_that_do() -> None:
    assert learning_times(at_half(NEVER, 100, [0, 1])) == [math.inf, math.inf]
    assert learning_times(at_half(50, 100, [0, 1])) == [50, 60]


def test_effects_are_spread_over_as_many_as_there_are_equal_ones() -> None:
    np.testing.assert_allclose(share_of_many(np.array([[1, 1, 1, 0], [0, -5, 2, 0], [2, 1, 0, 0]])), [3, 1, 9 / 5])


DRAWN = {claim.figure: id for id in reversed(IDS) if (claim := CLAIMS[id]).figure}


@pytest.mark.parametrize("id", list(DRAWN.values()))
def test_a_figure_can_be_drawn_and_says_what_it_shows(id: str, tmp_path: Path) -> None:
    claim = CLAIMS[id]
    runs = all_runs() if id in OTHERWISE else TRAINED_ALONE[id][0][1]()
    found = claim.measure(Context(bool(claim.full_only), runs))
    assert claim.figure
    assert found.data is not None
    caption = draw(claim.figure, found.data, tmp_path)
    assert caption[-1] == "."
    assert "nan" not in caption
