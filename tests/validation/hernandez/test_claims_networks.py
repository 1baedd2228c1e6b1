"""Claims on trained networks, on made-up worlds in which they must agree and in which they must disagree."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import xarray as xr

torch = pytest.importorskip("torch")

from tests.validation.hernandez.made import World, ridge  # noqa: E402
from validation.checks import verdict_of  # noqa: E402
from validation.hernandez import settings  # noqa: E402
from validation.hernandez.ledger import LEDGER  # noqa: E402
from validation.ledger import Context  # noqa: E402

CLAIMS = {claim.id: claim for claim in LEDGER.claims}
CENTER = math.log(115)  # T/p of the main scan
HEIGHT = {0.1: 0.06, 0.5: 0.23, 0.9: 0.4}
RIDGE = ridge(lambda f: CENTER, HEIGHT.__getitem__)
MARKET = ridge(lambda f: CENTER - (0.5 if f == 0.1 else -0.6), HEIGHT.__getitem__)
FEW = World(RIDGE)


def rising(f: float, r: float) -> float:
    return 0.02 * math.log(r)


def at_worst(high: float, otherwise: float) -> Any:
    """A value near the worst number of repeats and elsewhere."""
    return lambda f, r: high if 30 < r < 500 else otherwise


def two(low: float, high: float) -> Any:
    """A value by the share."""
    return lambda f, r: low if f == 0.1 else high


# worlds in which a claim agrees, and in which it disagrees
WORLDS: dict[str, tuple[World, World]] = {
    "H1": (FEW, World(rising)),
    "H2": (FEW, World(ridge(lambda f: CENTER + (1.2 if f == 0.5 else 0), HEIGHT.__getitem__))),
    "H2c": (World(MARKET), FEW),
    "H3": (World(ridge(lambda f: CENTER, HEIGHT.__getitem__, width=1.35)),
           World(ridge(lambda f: CENTER, HEIGHT.__getitem__, width=0.5))),
    "H6": (FEW, World(ridge(lambda f: CENTER - 2, HEIGHT.__getitem__))),
    "H7": (FEW, FEW.but(repeated=lambda f, r: 0.9)),
    "H8": (FEW, World(ridge(lambda f: CENTER, lambda f: 0.01))),
    "H8c": (World(ridge(lambda f: CENTER, lambda f: -0.1 * math.log(0.1 * (1 - f) / (0.1 + f * 0.9)))),
            World(ridge(lambda f: CENTER, lambda f: 0.005))),
    "H11": (FEW.but(copies=at_worst(0.1, 0.0)), FEW.but(copies=at_worst(-0.04, 0.0))),
    "H12": (FEW.but(prefix=two(0.6, 0.05)), FEW.but(prefix=two(0.6, 0.6))),
    "H13": (FEW.but(fall=at_worst(0.05, 0.9)), FEW),
    "H15": (FEW, World(rising)),
    "H16": (FEW, FEW.but(dropped=0.5)),
    "H17": (FEW.but(variance=at_worst(2.0, 1.0), margin=at_worst(4.0, 3.0)), FEW.but(variance=at_worst(0.5, 1.0))),
    "H18": (FEW.but(shifted=at_worst(0.03, 0.0)), FEW.but(shifted=at_worst(-0.05, 0.0))),
}  # fmt: skip


@pytest.mark.parametrize("id", sorted(WORLDS))
def test_a_claim_agrees_in_one_world_and_disagrees_in_another(id: str) -> None:
    claim = CLAIMS[id]
    for world, expected in zip(WORLDS[id], ("agrees", "disagrees"), strict=True):
        context = world.context(claim.trainings(True))
        finding = claim.measure(context)
        assert verdict_of(finding.checks) == expected, [(c.what, c.value, c.verdict) for c in finding.checks]
        if claim.figure and finding.data is not None:
            figure, caption = claim.figure(finding.data)
            assert caption
            assert "nan" not in caption
            figure.clf()


def moved(id: str, star: Any) -> str:
    """The verdict on scans whose worst number of repeats is a function of the training."""
    claim = CLAIMS[id]
    runs = {}
    for training in claim.trainings(True):
        world = World(ridge(partial(lambda center, f: center, star(training)), HEIGHT.__getitem__))
        runs[f"{training.name}/evaluated"] = world.evaluated(training)
    return verdict_of(claim.measure(Context(True, runs)).checks)


def size(training: Any, which: str) -> float:
    return float(training.network.sizes(training.task)[which])


def test_scans_over_sizes() -> None:
    assert moved("H4", lambda t: 4 - 0.53 * math.log(size(t, "N") / 8192)) == "agrees"
    assert moved("H4", lambda t: 4.0) == "disagrees"
    assert moved("H4r", lambda t: 4 - math.log(size(t, "p") / 14560)) == "agrees"
    assert moved("H4r", lambda t: 4.0) == "disagrees"


def test_scans_over_tokens() -> None:
    long = settings.SEQUENCES[True] // settings.BATCH
    assert moved("H5", lambda t: 3.5 + math.log(t.steps / long)) == "agrees"
    assert moved("H5", lambda t: 4.0) == "disagrees"


def test_scans_over_vocabularies() -> None:
    assert moved("H20", lambda t: 4.5 - math.log(size(t, "p") / 45504)) == "agrees"
    assert moved("H20", lambda t: 4.5) == "disagrees"


def test_a_second_source() -> None:
    assert moved("H22", lambda t: 4.5) == "agrees"
    assert moved("H22", lambda t: 3.0 if t.task.source else 5.0) == "disagrees"


def test_a_dip_over_sizes() -> None:
    assert moved("H9", lambda t: math.log(256) + 1.5 * math.log(size(t, "N") / 16384)) == "agrees"
    assert moved("H9", lambda t: math.log(256) + 1.5 * math.log(size(t, "N") / 1024)) == "disagrees"


def recovered(worst: float) -> str:
    claim = CLAIMS["H19"]
    runs = {}
    for name, training in settings.recoveries(True).items():
        loss = (worst if name == "worst" else 2.0) + 0.001 * np.arange(4)
        runs[f"{training.name}/evaluated"] = xr.Dataset({"loss": ("seed", loss)})
    return verdict_of(claim.measure(Context(True, runs)).checks)


def test_recovery() -> None:
    assert recovered(2.1) == "agrees"
    assert recovered(1.9) == "disagrees"


def run(columns: dict[str, np.ndarray]) -> xr.Dataset:
    steps = next(iter(columns.values())).size
    scatter = 1 + 0.001 * np.arange(4)[:, None]
    return xr.Dataset({name: (("seed", "step"), scatter * value) for name, value in columns.items()},
                      {"step": 100 * np.arange(steps), "seed": np.arange(4)})  # fmt: skip


@pytest.mark.parametrize(("rise", "expected"), [(1.3, "agrees"), (1.0, "disagrees")])
def test_the_course_in_time(rise: float, expected: str) -> None:
    falling = np.linspace(4.0, 3.0, 30)
    turning = np.concatenate(
        [falling[:10], falling[10:] * np.concatenate([np.linspace(1, rise, 10), np.linspace(rise, 0.9, 10)])]
    )
    most = {t.name: run({"loss": turning}) for t in settings.most(True).values()}
    half = {t.name: run({"loss": falling}) for t in settings.scan(True, 0.5).values()}
    finding = CLAIMS["H10"].measure(Context(True, most | half))
    assert verdict_of(finding.checks) == expected
    assert CLAIMS["H10"].figure
    assert finding.data is not None
    figure, caption = CLAIMS["H10"].figure(finding.data)
    assert "nan" not in caption
    figure.clf()


@pytest.mark.parametrize(("delay", "expected"), [(1.5, "agrees"), (4.0, "disagrees")])
def test_the_onset_of_prefix_matching(delay: float, expected: str) -> None:
    step = np.arange(40.0)
    runs = {}
    for training in CLAIMS["H14"].trainings(True):
        onset = 8 * (delay if training.task.f else 1.0)  # type: ignore[attr-defined]
        score = 0.8 / (1 + np.exp(-(step - onset)))
        runs[training.name] = run({"blocks_prefix_1.0": score, "blocks_prefix_0.0": 0.01 * score, "loss": 3 - score})
    assert verdict_of(CLAIMS["H14"].measure(Context(True, runs)).checks) == expected
