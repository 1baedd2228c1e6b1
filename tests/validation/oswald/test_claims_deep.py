"""The claims on networks that take long agree with runs as they say, and disagree with others."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from validation import records
from validation.drawing import draw
from validation.ledger import Context
from validation.oswald import settings
from validation.oswald.claims import deep
from validation.papers import claims_of
from validation.verdicts import settle

CLAIMS = claims_of("oswald")
IDS = ("O20i", "O20", "O20c", "O29n", "O29", "O34")
SEEDS = settings.SEEDS
Runs = dict[str, xr.Dataset]


@pytest.fixture(autouse=True)
def _nothing_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "read", lambda paper, claim: (None, ""))


def near(value: float, size: float = 1e-3) -> np.ndarray:
    return value * (1 + size * np.linspace(-1, 1, len(SEEDS)))


def falling(at: float, low: float, steps: int, *, high: float = 0.4167) -> xr.Dataset:
    """Losses that are half-way down at a step."""
    step = np.arange(0, steps + 1, 100)
    loss = low + (high - low) / (1 + np.exp((step - at) / (0.02 * steps)))
    return xr.Dataset({"loss": (("seed", "step"), near(1.0)[:, None] * loss)}, {"step": step, "seed": list(SEEDS)})


def two_tokens(steps: int, *, rise: float = 8000.0, drop: float = 12_000.0, **bent: float) -> Runs:
    """A training that copies before its loss drops, but for what is bent."""
    training = settings.two_tokens(steps)
    usual = {"loss_before": 0.917, "loss": 0.2063, "loss_without": 0.4, "own": 3.162, "x_next": 3.0, "x_other": 0.1}
    usual |= bent
    snapshot = np.array([s for s in training.snapshots if s <= steps])
    up = 1 / (1 + np.exp((rise - snapshot) / 1000))
    found: dict[str, Any] = {name: ("seed", near(usual[name])) for name in ("loss_before", "loss", "loss_without")}
    found |= {name: (("seed", "snapshot"), near(usual[name])[:, None] * np.ones(len(snapshot)))
              for name in ("own", "x_other")}  # fmt: skip
    found["x_next"] = (("seed", "snapshot"), near(usual["x_next"])[:, None] * up)
    found["x_own"] = found["own"]
    copied = xr.Dataset(found, {"seed": list(SEEDS), "snapshot": snapshot})
    return {training.name: falling(drop, usual["loss"], max(steps, 200)), f"{training.name}/copied": copied}


def waves(*, network: float = 0.002, twin: float = 0.003, apart: float = 0.03, full: bool = True) -> Runs:
    out: Runs = {}
    for eta, loss in ((None, network), (deep.TWIN, twin)):
        training = settings.sine(full, eta=eta)
        answers = {
            "prediction": (("seed", "task"), np.full((6, 8), apart if eta else 0.0)), "loss": ("seed", near(loss)),
        }  # fmt: skip
        out[f"{training.name}/answers"] = xr.Dataset(answers, {"seed": list(SEEDS)})
        out[training.name] = falling(training.steps / 4, loss, training.steps, high=0.026)
    return out


def five_layers(loss: float) -> Runs:
    return {"five-layers": falling(10_000, loss, 50_000)}


def made_up(id: str) -> Iterator[tuple[str, Runs]]:
    cases: dict[str, tuple[Any, list[dict[str, Any]], list[dict[str, Any]]]] = {
        "O20i": (lambda **bent: two_tokens(deep.START, **bent), [{}], [{"loss_before": 0.4167}, {"own": 3.0}]),
        "O20": (lambda **bent: two_tokens(deep.LAST, **bent), [{}],
                [{"loss_before": 0.95}, {"own": 3.3}, {"loss": 0.22}]),
        "O20c": (lambda **bent: two_tokens(deep.LAST, **bent), [{}, {"drop": 9500.0}],
                 [{"drop": 5000.0}, {"x_other": 3.5}, {"loss_without": 0.2}]),
        "O29n": (lambda **bent: waves(full=False, **bent), [{}, {"twin": 0.02}], [{"network": 0.008}]),
        "O29": (waves, [{}], [{"network": 0.008}, {"twin": 0.008}, {"apart": 0.1}]),
        "O34": (five_layers, [{"loss": 0.015}, {"loss": 0.028}], [{"loss": 0.05}, {"loss": 0.006}]),
    }  # fmt: skip
    make, right, wrong = cases[id]
    for verdict, several in (("agrees", right), ("disagrees", wrong)):
        for bent in several:
            yield verdict, make(**bent)


@pytest.mark.parametrize("id", IDS)
def test_a_claim_agrees_with_runs_as_it_says_and_disagrees_with_others(id: str, tmp_path: Any) -> None:
    claim = CLAIMS[id]
    for number, (verdict, runs) in enumerate(made_up(id)):
        assert {training.name for training in claim.trainings(bool(claim.full_only))} <= set(runs)
        outcome = settle(claim, Context(bool(claim.full_only), runs), "oswald")
        assert outcome.verdict == verdict, (number, outcome.measured, outcome.reason)
        if number == 0 and claim.figure:
            assert outcome.data is not None
            caption = draw(claim.figure, outcome.data, tmp_path)
            assert "average" in caption


def test_a_loss_that_does_not_drop_is_no_refutation() -> None:
    outcome = settle(CLAIMS["O20c"], Context(True, two_tokens(deep.LAST, drop=1e6)), "oswald")
    assert outcome.verdict == "not converged"


def test_the_shapes_of_quick_and_full_trainings() -> None:
    """What takes hours is left out of a quick run; the quick ones are the same networks and tasks."""
    assert {id for id in IDS if CLAIMS[id].full_only} == {"O20", "O20c", "O29", "O34"}
    quick, full = (settings.sine(how) for how in (False, True))
    assert (quick.network, quick.task, quick.optimiser) == (full.network, full.task, full.optimiser)
    start, long = settings.two_tokens(deep.START), settings.two_tokens(deep.LAST)
    assert (start.network, start.task) == (long.network, long.task)
