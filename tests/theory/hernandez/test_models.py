"""Predictions about the three models of repeated data against their runs."""

import math
from typing import Any

import numpy as np
import pytest

import minimodels as mm
import theory

FINE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-12}


def refused(model: Any, name: str, words: str, **init: float) -> None:
    """Check that a result does not apply, and that its reason holds these words."""
    found = theory.predict(model, init=init)[name]
    assert not found.applies
    assert words in found.reason


@pytest.mark.parametrize(
    ("model", "options"),
    [("fresh_ridge", {"nodes": 3}), *(("capacity_market", {"form": form}) for form in ("static", "dynamic"))]
    + [("shared_head", {"memory": memory}) for memory in (True, False)],
    ids=str,
)
def test_every_step_holds(model: str, options: dict[str, Any]) -> None:
    derivation = theory.derive(model, **options)
    assert derivation.verified
    assert theory.derive(mm.model(model, **options)) is derivation
    assert all(len(r.regime.sentence) > 20 and "arXiv 2205.10487" in r.reference for r in derivation)
    assert str(theory.predict(mm.model(model, **options)))


@pytest.mark.parametrize(("f", "c"), [(0.1, 10.0), (0.5, 0.5), (0.5, 2.0), (0.9, 3.0)])
def test_the_ridge_ends_and_moves_as_predicted(f: float, c: float) -> None:
    m = mm.model("fresh_ridge", f=f, c=c, S0=2.0, sigma2=0.7)
    made = theory.predict(m)
    times = np.array([0.3, 1.0, 4.0, 20.0])
    run = mm.simulate(m, t_end=20.0, save=times, **FINE)
    np.testing.assert_allclose(made["course"].curve(times).excess, run.excess, rtol=1e-5)
    end = mm.simulate(m, t_end=60 / (1 - f), **FINE)
    rows = made.beside(end)
    assert abs(float(rows.deviation.sel(result="excess"))) < 1e-6
    assert made["worst"].values["c"] == pytest.approx(1 / f)
    low, high = made["band"].values.values()
    found = mm.sweep(m, {"c": [low / f, 1 / f, high / f]}, t_end=60 / (1 - f), keep="excess", **FINE).excess.values
    np.testing.assert_allclose(found / made["worst"].values["excess"], [0.5, 1, 0.5], rtol=1e-4)


def test_few_nodes_are_no_sum_over_all_directions() -> None:
    m = mm.model("fresh_ridge", nodes=3)
    made = theory.predict(m)["excess"]
    run = mm.simulate(m, t_end=100.0, **FINE)
    assert abs(float(run.excess[-1]) / made.value - 1) == pytest.approx(made.error, rel=1e-6)
    assert made.error > 0.05
    assert theory.predict(mm.model("fresh_ridge"))["excess"].error < 1e-12


def test_where_the_ridge_does_not_apply() -> None:
    m = mm.model("fresh_ridge", nodes=3)
    refused(m.with_values(f=1), "excess", "f is 1")
    refused(m.with_values(f=0), "worst", "nothing is repeated")
    refused(m.with_values(c=1e10), "excess", "c is 1e+10")
    refused(m, "limits", "y is 0.5")
    refused(m, "course", "alpha_1 starts at 2", alpha_1=2.0)
    refused(m.with_rates(beta_1=2.0), "course", "rate of beta_1")
    few = theory.predict(m.with_values(f=0.1, c=0.1))["limits"]
    assert few.value == pytest.approx(0.001)
    assert few.error == pytest.approx(abs(few.value / theory.fresh_ridge(0.01, 0.1).excess - 1), rel=1e-9)
    assert few.error < 0.02


@pytest.mark.parametrize("form", ["static", "dynamic"])
@pytest.mark.parametrize("r", [300, 100, 70, 55, 40])
def test_the_market_ends_as_predicted(form: str, r: float) -> None:
    m = mm.model("capacity_market", form=form, r=r)
    made = theory.predict(m)
    run = mm.simulate(m, t_end=1e4, rtol=1e-9, atol=1e-3)
    assert float(made.beside(run).difference.sel(result="effective_size")) == pytest.approx(0, abs=1e-7)
    assert float(run.phi[-1]) == pytest.approx(made["effective_size"].values["phi"], abs=1e-6)
    assert (made["incentive"].value > 0) == (float(run.m[-1]) > 0)
    if made["settling"].applies:
        times = np.array([6.0, 8.0]) * made["settling"].values["time"]
        late = mm.simulate(m, t_end=times[-1], save=times, rtol=1e-11, atol=1e-6)
        left = np.log(np.abs(late.phi.values - made["effective_size"].values["phi"]))
        assert (left[0] - left[1]) / 2 == pytest.approx(1.0, rel=2e-3)


def test_the_worst_set_of_the_market() -> None:
    m = mm.model("capacity_market")
    made = theory.predict(m)["worst_set"].values
    assert made["x_min"] == pytest.approx(0.474, abs=5e-4)
    for name, x in (("r_c", made["x_min"]), ("r_on", 1.0)):
        assert theory.predict(m.with_values(r=made[name]))["effective_size"].value == pytest.approx(x, rel=1e-9)


def test_where_the_market_does_not_apply() -> None:
    m = mm.model("capacity_market", form="dynamic", r=70)
    refused(m, "effective_size", "more than is best", m=1e8)
    with pytest.raises(mm.InputError, match="the start of 'm' must lie within its bounds"):
        theory.predict(m, init={"m": -1.0})
    refused(m.with_values(kappa=0), "effective_size", "kappa is 0")
    refused(m.with_values(b=30), "incentive", "room", m=1e8)
    refused(m.with_values(r=300), "settling", "u is 0.175")
    refused(m.with_rates(m=0), "effective_size", "rate of m is 0")
    free = theory.predict(m.with_values(b=0))["effective_size"].values
    assert (free["x"], free["phi"]) == (1.0, 1.0)


@pytest.mark.parametrize("f", [0.0, 0.03, 0.1, 0.5, 0.9])
def test_copying_without_a_memory_begins_and_ends_as_predicted(f: float) -> None:
    m = mm.model("shared_head", memory=False, f=f)
    made = theory.predict(m)
    run = mm.simulate(m, t_end=5000.0, **FINE)
    for name in ("escape_time", "rest"):
        deviation = abs(float(made.beside(run).deviation.sel(result=name)))
        assert deviation <= made[name].error + 1e-6
    ends = made["rest"].values
    assert ends["beta"] == 5.5
    assert float(run.beta[-1]) == pytest.approx(5.5, abs=1e-12)
    for name in ("copy_loss_far", "score", "score_far", "w"):
        assert float(run[name][-1]) == pytest.approx(ends[name], rel=made["rest"].error + 1e-6)
    before = mm.simulate(m, t_end=150.0, **FINE)
    at = {k: float(before[k][-1]) for k in m.state}
    moved = theory.predict(m, init=at)["invariant"].value - made["invariant"].value
    assert moved == pytest.approx(0, abs=1e-8 if f == 0 else 0.05)
    if f == 0.03:  # shared/science, 5.4: the control of the copy evaluation
        assert ends["copy_loss_far"] == pytest.approx(2.01, abs=5e-3)
        assert ends["score_far"] == pytest.approx(0.34, abs=5e-3)


def test_a_bound_that_is_not_met() -> None:
    m = mm.model("shared_head", memory=False, f=0.0, beta_max=9.0)
    run = mm.simulate(m, t_end=5000.0, **FINE)
    ends = theory.predict(m)["rest"].values
    assert ends["beta"] < 8
    for name in ("beta", "w", "copy_loss", "copy_loss_far", "score"):
        assert float(run[name][-1]) == pytest.approx(ends[name], rel=1e-5)
    assert set(theory.predict(m.with_values(f=0.1))["rest"].values) == {"copy_loss", "z"}


@pytest.mark.parametrize("f", [0.03, 0.3, 0.5])
def test_a_memory_without_crosstalk_delays_copying_by_no_more_than_predicted(f: float) -> None:
    """The science's example: at f = .5 and M = 1 from 190 to 375 in steps of a descent."""
    for M in (1.0, 10.0):
        m = mm.model("shared_head", f=f, M=M, d=1e12, beta_max=1e3)
        times = theory.predict(m)["delay"].values
        found = float(mm.simulate(m, t_end=2000.0, **FINE).escape_time)
        assert times["earliest"] < found < times["latest"]
    assert times["latest"] / times["earliest"] == pytest.approx(1 / (1 - f), rel=1e-3)


@pytest.mark.parametrize(("f", "M", "forms"), [(0.3, 29.0, False), (0.5, 40.0, False), (0.1, 10.0, True)])
def test_copying_forms_while_the_memory_key_is_below_the_critical_one(f: float, M: float, forms: bool) -> None:
    m = mm.model("shared_head", f=f, M=M)
    critical = theory.predict(m)["crosstalk"].value
    run = mm.simulate(m, t_end=600.0)
    assert (float(run.gamma[-1]) < critical) == forms
    assert (float(run.score[-1]) > 0.5) == forms
    there = mm.evaluate(m.with_values(M0=1e9), {"beta": 5.5, "gamma": critical})
    assert there["score"] == pytest.approx(0.5, abs=1e-6)


def test_where_the_head_does_not_apply() -> None:
    m = mm.model("shared_head", memory=False)
    refused(m, "escape_time", "beta starts at 4", beta=4.0)
    refused(m, "escape_time", "w does not start above 0", w=0.0)
    refused(m, "escape_time", "v starts at 3", v=3.0)
    refused(m, "pull", "gamma starts at 3", gamma=3.0)
    refused(m, "rest", "pays no more", w=400.0)
    refused(m.with_values(beta_max=3), "escape_time", "beta_max is below")
    refused(m.with_values(q=0.001), "escape_time", "stops growing")
    refused(m.with_values(q=1), "rest", "f or q is 1")
    refused(m.with_rates(w=0), "rest", "rate of w is 0")
    stored = mm.model("shared_head")
    refused(stored.with_values(f=1), "delay", "no fresh contexts")
    refused(stored.with_values(beta_max=11), "crosstalk", "no crosstalk takes away")
    refused(stored.with_values(beta_max=3), "crosstalk", "whatever is stored")
    assert math.isnan(theory.predict(stored)["delay"].error)
