"""Every claim on the toy models is what the models make of it, and the other way round with wrong ones."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
import xarray as xr

import minimodels as mm
import theory
from validation import records
from validation.ledger import Context, collected
from validation.singh import toy_figures
from validation.singh.claims import cooperation, escape, strategies, vectors
from validation.singh.toys import divot, toy_courses
from validation.verdicts import settle

MODULES = (vectors, escape, strategies, cooperation)
CLAIMS = {one.id: one for module in MODULES for one in collected(vars(module))}
REFUTED = {"S7c", "S17b"}  # by the models themselves
Wrong = tuple[Any, str, Callable[[Any], Any]]  # where, a function there, and what is made of its result


@pytest.fixture(autouse=True)
def _nothing_recorded_and_few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "read", lambda paper, claim: (None, ""))
    monkeypatch.setattr(escape, "DRAWS", 80)
    monkeypatch.setattr(strategies, "DRAWS", 24)
    monkeypatch.setattr(vectors, "DRAWS", 40)


def verdict(id: str) -> str:
    outcome = settle(CLAIMS[id], Context(False), "singh")
    assert outcome.verdict == "disagrees" or not outcome.why, outcome.why
    assert not outcome.reason
    return outcome.verdict


def runs(**changed: Callable[[xr.DataArray], Any]) -> Wrong:
    """Sweeps with some of their results changed."""
    return mm, "sweep", lambda found: found.assign({k: f(found[k]) for k, f in changed.items() if k in found})


def said(factor: float) -> Wrong:
    """Predictions with all their numbers multiplied."""

    def one(prediction: Any) -> Any:
        values = {name: factor * value for name, value in prediction.values.items()}
        return SimpleNamespace(values=values, value=next(iter(values.values()), np.nan), curve=prediction.curve)

    return theory, "predict", lambda found: {prediction.name: one(prediction) for prediction in found}


def accounts(ratio: float, order: int = 1) -> Wrong:
    """Divots of this size, in units of both predictions, or in the opposite order."""
    size = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    wobble = 1 + 0.01 * np.array([1, -1, 1, -1, 1, -1])
    made = {"rise": ratio * wobble * size[::order], "growth": size, "at_rest": size}
    return strategies, "_accounts", lambda found: xr.Dataset({name: ("divot", v) for name, v in made.items()})


def times(factor: float) -> Callable[[Any], Any]:
    return lambda value: factor * value


def later(value: Any) -> Any:
    return value + 1


def at_once(value: Any) -> Any:
    return 0 * value


WRONG: dict[str, list[Wrong]] = {  # of every claim, so that each of its checks notices one
    "S1": [runs(loss=times(1.0001)), runs(below_2=later), runs(loss=lambda loss: loss + 1e-14)],
    "S2": [runs(n_1=lambda n: n**1.1)],
    "S3": [runs(loss=lambda loss: loss**1.001), (escape, "predicted", lambda found: {"ratio": 0.96}),
           runs(escape_time=later)],
    "S4": [runs(sigma_1=times(1.001)), (escape, "predicted", lambda found: {"rate": 1.1 * found["rate"]})],
    "S5": [runs(escape_time=times(1.001)), runs(u=times(1.001)), runs(below_5=lambda time: 1 / time), said(1.001)],
    "S6": [runs(escape_time=times(1.001)), said(1.001)],
    "S7": [runs(escape_time=later), (theory, "tensor_escape_time", times(1.01)), runs(escape_time=times(1.02)),
           (escape, "predicted", lambda found: {"steps_small_start": 1.1 * found["steps_small_start"]})],
    "S7b": [runs(escape_time=lambda time: time * time["n_1_0"] ** -0.1)],
    "S8": [(theory, "tensor_escape_time", times(1.02)), runs(escape_time=lambda time: 1 / time)],
    "S9": [runs(loss=times(1.1)), runs(escape_time=later),
           runs(loss=lambda loss: 0 * loss + loss["T_1"] * loss["T_2"] * loss["T_3"] / 16000)],
    "S10": [runs(escape_time=later), runs(escape_time=at_once)],
    "S10b": [runs(escape_time=later), runs(escape_time=at_once)],
    "S10c": [runs(escape_time=at_once)],
    "S11": [runs(progress_1=times(1.001)), runs(progress_2=times(1.001)), runs(loss=lambda loss: loss**60)],
    "S12": [said(1.1), runs(loss=lambda loss: -loss), runs(loss=lambda loss: 0 * loss + 1 / (1 + loss["step"]))],
    "S13": [runs(stop=later), runs(loss_2=times(1.001)), runs(stop_censored=at_once)],
    "S14": [runs(n_b=lambda n: n**1.1), runs(n_a=times(2.0))],
    "S15": [runs(t_1=later), runs(loss_1=times(-1.0)), runs(t_2=times(0.1))],
    "S16": [runs(loss_1=times(1.1)), runs(loss_2=times(1.01)), runs(stop_perfect=later), runs(stop_censored=at_once)],
    "S17": [runs(loss_2=lambda loss: loss**2)],
    "S17c": [accounts(1.5), accounts(0.5, -1)],
    "S17d": [runs(loss_2=lambda loss: 0 * loss - loss["step"])],
    "S18": [runs(t_1=later), runs(t_2=later), runs(t_1=lambda time: 0 * time + 100)],
    "S19": [runs(t_1=later), runs(t_1=times(-1.0))],
    "S19b": [runs(t_1=times(-1.0))],
    "S19c": [(theory, "cooperation_map", lambda found: 1 / found), runs(t_1=lambda time: 0 * time + 100)],
    "S20": [said(1.001), runs(loss_2=times(1.01))],
    "S21": [said(1.01), said(1.05)],
    "S22": [said(1.001), runs(n_a=lambda n: n * (1 + 1e-5 * (n["step"] - n["step"].min()))), runs(n_d=times(1.00001))],
    # those that are refuted, made up so that they are right
    "S7c": [(theory, "tensor_escape_time", times(1.02))],
    "S17b": [accounts(0.5)],
}  # fmt: skip


@pytest.mark.parametrize("id", CLAIMS)
def test_a_claim_is_what_the_models_make_of_it(id: str) -> None:
    assert verdict(id) == ("disagrees" if id in REFUTED else "agrees")


@pytest.mark.parametrize("id", CLAIMS)
def test_each_check_of_a_claim_notices_a_wrong_model(id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if id == "S7c":
        monkeypatch.setattr(escape, "SCALES", (0.03, 0.02, 0.01))
    checks: dict[str, bool] = {}
    for number, (where, name, change) in enumerate(WRONG[id]):
        right = getattr(where, name)
        with monkeypatch.context() as patch:
            patch.setattr(where, name, lambda *given, r=right, c=change, **options: c(r(*given, **options)))
            outcome = settle(CLAIMS[id], Context(False), "singh")
        assert outcome.verdict == "disagrees", (number, outcome.reason, outcome.measured)
        checks |= {
            check.what: checks.get(check.what, False) or check.verdict == "disagrees" for check in outcome.checks
        }
    assert not [what for what, noticed in checks.items() if not noticed]


def test_predictions_of_small_enough_starts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escape, "SCALES", (0.03, 0.02, 0.01))
    assert verdict("S7c") == "agrees"


def test_a_divot_that_is_the_growth_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, change = accounts(1.0)
    monkeypatch.setattr(where, name, change)
    assert verdict("S17b") == "agrees"


def test_no_claim_is_left_out() -> None:
    assert set(CLAIMS) == set(WRONG)
    assert {int(re.sub(r"\D", "", id)) for id in CLAIMS} == set(range(1, 23))


def test_a_divot_is_the_largest_rise_above_what_was_least() -> None:
    loss = np.full(4000, 1.0)
    loss[1900:2000] = np.linspace(1, 0.8, 100)
    loss[2000:2100] = np.linspace(0.8, 0.9, 100)
    loss[2100:] = 0.7
    assert divot(loss, 2050) == (1999, 2099)
    assert divot(loss[::10], 2050, 10) == (200, 209)
    assert divot(loss, 50) == (0, 0)


def test_toy_courses_have_the_published_losses_at_every_number_of_vectors_to_be_learnt() -> None:
    courses = toy_courses()
    assert courses["unlearnt"].values.tolist() == [3, 2, 1]
    there = courses["loss"].sel(iteration=courses["at"].values).values
    np.testing.assert_allclose(there, courses["tabulated"], rtol=1e-5, atol=1e-14)


def test_figures_say_what_was_found() -> None:
    with matplotlib.rc_context({"backend": "agg"}):
        _, said = toy_figures.toy_phases(toy_courses())
        assert "halved at 744; with c clamped at 116, with b and c at 33" in said
        _, said = toy_figures.toy_strategies(CLAIMS["S15"].measure(Context(False)).data)
        assert "emerges at 4667" in said
        assert "rises by 3.6 %" in said
        _, said = toy_figures.toy_escape(CLAIMS["S7"].measure(Context(False)).data)
        assert "power -1.01 with nothing clamped" in said
        from matplotlib import pyplot

        pyplot.close("all")
