"""Predictions about the coopetition model against the specification and against runs."""

import math

import numpy as np
import pytest

import minimodels as mm
import theory
from tests.theory.singh.reference import NUMBERS, four

AT_TRUTH = {f"{x}_{v}": 20.0 for x in "ns" for v in "bc"}


@pytest.mark.parametrize("form", ["overlaps", "components"])
def test_every_step_holds(form: str) -> None:
    derivation = theory.derive("coopetition", form=form)
    assert not [(r.name, s.sentence, str(s.check)) for r in derivation for s in r.steps if not s.check.passed]
    assert derivation.latex().count(r"\begin{equation}") == derivation.latex().count(r"\end{equation}")


def test_both_forms_predict_alike() -> None:
    made = [
        theory.predict(m, init=init) for m, init in (four(7, scale=0.1, form=f) for f in ("overlaps", "components"))
    ]
    for one, two in zip(*made, strict=True):
        assert (one.name, one.applies) == (two.name, two.applies)
        for key, value in one.values.items():
            assert two.values[key] == pytest.approx(value, rel=1e-7), (one.name, key)


def test_mechanism_1_is_lost_as_predicted() -> None:
    m, init = four(7)
    assert "not learned" in theory.predict(m, init=init)["decay"].reason
    run = mm.descend(m, steps=9001, init=init, save=[9000, 9001])
    state = {k: float(run[k][0]) for k in m.state}
    made = theory.predict(m, init=state)["decay"]
    stated = NUMBERS["decay"]
    assert state["n_d"] == pytest.approx(stated["n_d"], abs=1e-3)
    assert made.values["ratio"] == pytest.approx(stated["ratio"], abs=1e-6)
    assert float(run.n_a[1] / run.n_a[0]) == pytest.approx(made.values["ratio"], rel=1e-6)
    assert "kept" in theory.predict(m.with_values(cost=0), init=state)["decay"].reason


def test_the_rate_ratio_is_eight_times_that_of_the_weights() -> None:
    m = mm.model("coopetition", C_b=20, C_c=20)
    made = theory.predict(m, init=AT_TRUTH)
    rates, losses = made["rates"].values, made["reduction"].values
    weights = losses["loss_2"] / (losses["loss_1"] + 0.1)
    assert rates["ratio"] == pytest.approx(8 * weights, rel=1e-12)
    assert "not at their truths" in theory.predict(m.with_values(C_b=0, C_c=0))["rates"].reason


def test_nothing_rests_where_both_mechanisms_are() -> None:
    m, init = four(7)
    made = theory.predict(m, init=init)["exclusion"].values
    assert (made["mechanism_1_may_stay"], made["mechanism_2_may_stay"]) == (0, 1)
    made = theory.predict(m.with_values(mu_1=0), init=init)["exclusion"].values
    assert (made["mechanism_1_may_stay"], made["mechanism_2_may_stay"]) == (1, 1)
    made = theory.predict(m.with_values(cost=0), init=init)
    assert "both mechanisms stay" in made["exclusion"].reason
    assert made["invariant_a_d_b"].applies


@pytest.mark.parametrize("cost", [0.1, 0.3])
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_with_perfect_shared_parts_mechanism_1_stays_below_a_threshold(cost: float, factor: float) -> None:
    m = mm.model("coopetition", C_b=20, C_c=20, cost=cost, form="components")
    init = {"sigma_b": 0.0, "r_b": 0.0, "sigma_c": 0.0, "r_c": 0.0, "r_a": 0.0, "r_d": 0.0}
    init |= {"sigma_a": 0.01, "sigma_d": 0.01}
    bound = theory.predict(m, init=init)["coexistence"].value
    at = m.with_values(mu_1=factor * bound)
    made = theory.predict(at, init=init)["coexistence"].values
    run = mm.simulate(at, t_end=3e5, init=init, save=[3e5], method="rodas4")
    u, v = float(run.sigma_a[-1]) / 20**0.5, float(run.sigma_d[-1]) / 160**0.5
    assert made["mechanism_1_stays"] == (factor < 1)
    if factor < 1:
        assert (u, v) == (pytest.approx(made["u"], abs=1e-4), pytest.approx(made["v"], abs=1e-4))
    else:
        assert (u, v) == (pytest.approx(0, abs=1e-3), pytest.approx(1, abs=1e-3))


@pytest.mark.parametrize("seed", [0, 4, 7])
def test_small_starts_escape_together_and_alone_as_predicted(seed: int) -> None:
    m, init = four(seed, scale=0.003)
    made = theory.predict(m, init=init)["cooperation"].values
    times = {}
    for name, at in (("escape", m), ("alone", m.with_values(share_2=0))):
        run = mm.simulate(at, t_end=1e8, init=init, rtol=1e-9, atol=1e-14, stop_at="t_1", save=[0.0])
        times[name] = float(run.t_1)
        assert made[name] == pytest.approx(times[name], rel=0.05), name
    assert (made["speed_up"] > 1) == (times["alone"] > times["escape"])


def test_the_gradient_of_mechanism_2_changes_the_loss_of_mechanism_1() -> None:
    for seed in (0, 4, 7):
        m, init = four(seed)
        slopes = []
        for share in (0.0, 1.0):
            run = mm.simulate(m.with_values(share_2=share), t_end=1e-4, init=init, save=[0, 1e-4], rtol=1e-12)
            slopes.append(float(run.loss_1[1] - run.loss_1[0]) / 1e-4)
        assert theory.predict(m, init=init)["transfer"].value == pytest.approx(slopes[1] - slopes[0], rel=1e-3)


def test_the_map_of_cooperation() -> None:
    found = theory.cooperation_map(np.linspace(-4, 4, 33), [0.1, 0.42, 1.0])
    gain = found.speed_up
    assert (gain.sel(sigma_d=slice(0, None)) > 1).all()  # every drive is added to
    assert (gain.sel(sigma_d=slice(None, -2)) < 1).all()
    assert (gain.diff("sigma_d") > -1e-12).all()
    against = theory.cooperation_map([-2.0, -0.5, 0.0, 2.0], [0.42], sigma=(-0.3, 0.5, 0.8)).speed_up.values.ravel()
    assert (against > 1).tolist() == [True, False, True, True]  # far on, another vector passes through zero, sooner
    assert math.isinf(theory.cooperation_map([0.0], [0.0], sigma=(-1, 1, 1)).together.item())


def test_with_d_at_rest_mechanism_2_gets_worse_by_what_is_predicted() -> None:
    for seed in (0, 3, 5):
        m, init = four(seed, form="components")
        run = mm.descend(m, steps=9000, init=init, save=np.arange(9001))
        state = {k: float(run[k][int(run.t_1) - 60]) for k in m.state}
        made = theory.predict(m, init=state)["divot"]
        alone = m.with_values(share_2=0, cost=0)
        at_rest = mm.simulate(alone, t_end=3e4, init=state, rates={"sigma_d": 0, "r_d": 0}, save=[0.0, 3e4], rtol=1e-10)
        assert made.value == pytest.approx(float(at_rest.loss_2[1] - at_rest.loss_2[0]), rel=1e-6)
        assert made.values["z"] == pytest.approx(float(at_rest.n_a[1] - at_rest.n_a[0]), rel=1e-6)
        seen = mm.descend(m, steps=1000, init=state, save=np.arange(1001))
        beside = theory.predict(m, init=state).beside(seen).sel(result="divot")
        losses = seen.loss_2.values
        assert float(beside.measured) == (losses - np.minimum.accumulate(losses)).max()
        assert 0 < float(beside.measured) < float(beside.predicted) < made.values["unaligned"]


def test_the_divot_is_over_once_mechanism_1_is_there() -> None:
    m, init = four(7)
    assert theory.predict(m, init=init)["divot"].reason
    run = mm.descend(m, steps=5000, init=init, save=[4600, 5000])
    before, after = ({k: float(run[k][i]) for k in m.state} for i in (0, 1))
    assert theory.predict(m, init=before)["divot"].applies
    assert "has emerged" in theory.predict(m, init=after)["divot"].reason
