"""Predictions about the flows of one layer against runs, from random starts, with random parameters and rates."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

import minimodels as mm
import theory
from minimodels.model import Model
from minimodels.models.linear_attention import WEIGHTS
from tests.theory.oswald.reference import NUMBERS, printed

NAMES = {
    "merged": ["invariant", "logistic", "escape_time", "end"],
    "separate": ["invariant", "invariant_pv", "invariant_pk", "escape_time"],
    "onset": ["invariant", "invariant_A", "invariant_B", "escape_time"],
    "saturation": ["invariant", "fall"],
    "anisotropic-merged": ["invariant", "limit", "growth"],
    "anisotropic-separate": ["invariant", "invariant_k_1", "invariant_k_2", "invariant_k_3", "limit", "ladder"],
}


def layer(weights: str, **choices: Any) -> Model:
    return mm.model("linear_attention", weights=weights, **choices)


def drawn(weights: str, rng: np.random.Generator) -> Model:
    """Return a model with random parameters."""
    chosen = {"N": rng.uniform(2, 40), "d": rng.uniform(2, 20), "s": rng.lognormal(-1, 0.5), "kappa": rng.uniform(1, 4)}
    chosen |= {"tau": rng.lognormal(0, 0.3), "sigma": rng.uniform(0, 1), "norm": rng.uniform(1, 20)}
    return layer(weights, **chosen)


def escape(m: Model, **init: float) -> float:
    run = mm.simulate(m, t_end=1e9, init=init, stop_at="escape_time", save=[0.0], rtol=1e-10, atol=1e-14)
    return float(run.escape_time)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_every_step_holds(weights: str) -> None:
    derivation = theory.derive("linear_attention", weights=weights)
    assert not [(r.name, s.sentence, str(s.check)) for r in derivation for s in r.steps if not s.check.passed]
    assert derivation.names == NAMES[weights]
    assert derivation.latex().count(r"\begin{equation}") == derivation.latex().count(r"\end{equation}")
    assert theory.derive(layer(weights)) is theory.derive("linear_attention", weights=weights)


@pytest.mark.parametrize("weights", [w for w in WEIGHTS if w != "onset"])
def test_what_is_conserved_and_where_it_ends(weights: str) -> None:
    m = layer(weights)
    run = mm.simulate(m, t_end=5000.0, rtol=1e-11, atol=1e-15)
    rows = theory.predict(m).beside(run)
    for name in rows.result.values:
        row = rows.sel(result=name)
        if str(name).startswith("invariant"):
            assert abs(float(row.difference)) < 1e-9, name
        else:
            assert abs(float(row.deviation)) < 1e-5, name


def test_the_tables_of_merged_and_separate_weights() -> None:
    stated, made = NUMBERS["merged"], theory.predict(layer("merged"))
    for name in ("r", "escape_time"):
        assert made["logistic"].values[name] == pytest.approx(stated[name], abs=printed(stated[name]))
    assert made["escape_time"].value == pytest.approx(made["logistic"].value, rel=1e-12)
    stated, found = NUMBERS["separate"], theory.predict(layer("separate"))["escape_time"].values
    assert found["escape_time"] == pytest.approx(stated["escape_time"], abs=0.051)
    assert found["early"] * 0.05**2 == pytest.approx(stated["law"], abs=5e-4)
    small = theory.predict(layer("separate"), init={"k": 1e-3, "q": 1e-3, "p": 1e-3 * 10**0.5, "v": 1e-3 * 10**0.5})
    assert small["escape_time"].value * 1e-6 == pytest.approx(stated["law"], rel=1e-5)


def test_the_logistic_is_the_flow() -> None:
    m = layer("merged")
    times = np.linspace(0, 600, 61)
    run = mm.simulate(m, t_end=600.0, save=times, rtol=1e-12, atol=1e-15)
    curve = theory.predict(m)["logistic"].curve(times)
    assert curve.a.values == pytest.approx(run.a.values, rel=1e-8)
    assert curve.eta.values == pytest.approx(run.eta.values, rel=1e-8)
    lone = m.with_rates(u=1)  # scalar parameters
    made = theory.predict(lone, init={"u": 1e-3, "v": 1e-3})
    assert made["logistic"].values["r"] == pytest.approx(2 * 10 / 12**2, rel=1e-12)
    assert made["logistic"].value == pytest.approx(escape(lone, u=1e-3, v=1e-3), rel=1e-8)


def test_merged_weights_escape_from_anywhere() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        m = drawn("merged", rng).with_rates(u=rng.lognormal(-1, 1), v=rng.lognormal(0, 1))
        init = {"u": rng.normal(0, 1e-2), "v": abs(rng.normal(0, 1e-2))}
        made = theory.predict(m, init=init)
        assert not made["logistic"].applies
        assert made["escape_time"].value == pytest.approx(escape(m, **init), rel=1e-7)


def test_separate_weights_escape() -> None:
    rng = np.random.default_rng(1)
    for _ in range(15):
        low, high, x = rng.lognormal(-2, 1), rng.lognormal(0, 0.5), rng.uniform(0.01, 0.1)
        m = drawn("separate", rng).with_rates(k=low, q=low, p=high, v=high)
        init = {"k": x, "q": x} | dict.fromkeys(("p", "v"), x * (high / low) ** 0.5)
        assert theory.predict(m, init=init)["escape_time"].value == pytest.approx(escape(m, **init), rel=1e-7)
    assert not theory.predict(layer("separate"), init={"k": 0.06})["escape_time"].applies


def test_random_starts_escape() -> None:
    rng = np.random.default_rng(2)
    for _ in range(15):
        m = drawn("onset", rng)
        size = 10 ** rng.uniform(-4, -1)
        A, B = size * rng.uniform(0.01, 1, 2)
        init = {"A": A, "B": B, "S1": 2 * A + size * rng.uniform(0, 3), "S2": 2 * B + size * rng.uniform(0, 9)}
        made = theory.predict(m, init=init)["escape_time"]
        if made.applies:
            assert made.value == pytest.approx(escape(m, **init), rel=1e-6)
    balanced = {"A": 1e-3, "B": 2e-3, "S1": 2e-3, "S2": 4e-3}
    m = layer("onset")
    assert theory.predict(m, init=balanced)["escape_time"].value == pytest.approx(escape(m, **balanced), rel=1e-6)
    assert "A is -0.001" in theory.predict(m, init={"A": -1e-3})["escape_time"].reason


@pytest.mark.parametrize("start", [1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize(
    ("variances", "N"), [([1, 0.5, 0.25], 20), ([1, 0.7, 0.2, 0.1], 10), ([1, 1, 0.3], 8), ([2.0], 5)]
)
def test_the_exits_of_the_staircase_are_those_of_the_flow(variances: list[float], N: int, start: float) -> None:
    d = len(variances)
    ladder = theory.saddle_ladder(variances, N, start=start, tau=1.2, sigma=0.4)
    named = {f"lambda_{i + 1}": x for i, x in enumerate(variances)}
    m = layer("anisotropic-separate", d=d, N=N, tau=1.2, sigma=0.4, **named)
    init = dict.fromkeys(m.state, start) | {"v": start * d**0.5}
    run = mm.simulate(m, t_end=2 * ladder.exits[-1] + 100, init=init, rtol=1e-10, atol=1e-30, max_steps=10**6)
    exits = [float(run[f"exit_{i + 1}"]) for i in range(d)]
    assert np.array(ladder.exits) == pytest.approx(np.array(exits), rel=3 * start**2 + 2e-6)
    assert float(run.loss[-1]) == pytest.approx(ladder.plateaus[-1], rel=1e-6)
    v, u = ladder.separate_limit
    assert float(run.v[-1]) == pytest.approx(v, rel=1e-4)
    assert [float(run[f"k_{i + 1}"][-1]) ** 2 for i in range(d)] == pytest.approx(list(u), rel=1e-3)


def test_the_loss_rests_on_the_plateaus() -> None:
    """Between exits far apart the loss stays, to a part in a thousand, at the stated one."""
    ladder = theory.saddle_ladder([1, 0.25, 0.06], 50, start=1e-5)
    named = {"lambda_1": 1, "lambda_2": 0.25, "lambda_3": 0.06}
    m = layer("anisotropic-separate", N=50, **named)
    init = dict.fromkeys(m.state, 1e-5) | {"v": 1e-5 * 3**0.5}
    between = [0.5 * (a + b) for a, b in zip((0.0, *ladder.exits), ladder.exits, strict=False)]
    run = mm.simulate(m, t_end=ladder.exits[-1], init=init, save=between, rtol=1e-10, atol=1e-30, max_steps=10**6)
    assert run.loss.values == pytest.approx(np.array(ladder.plateaus[:3]), rel=1e-3)


@pytest.mark.parametrize("seed", range(10))
def test_spectra_drawn_at_random_have_their_plateaus_in_order(seed: int) -> None:
    """Plateaus, where the loss falls most slowly between exits, to one percent; exits by falling variance."""
    rng, start = np.random.default_rng(100 + seed), 1e-4
    d, N = int(rng.integers(2, 6)), int(rng.integers(5, 60))
    variances = np.cumprod(np.append(rng.uniform(0.5, 2.0), rng.uniform(0.3, 0.7, d - 1)))
    order = rng.permutation(d)
    ladder = theory.saddle_ladder(variances[order], N, start=start)
    m = layer("anisotropic-separate", d=d, N=N, **{f"lambda_{i + 1}": v for i, v in enumerate(variances[order])})
    init = dict.fromkeys(m.state, start) | {"v": start * d**0.5}
    times = np.linspace(0, 1.3 * ladder.exits[-1], 3001)
    run = mm.simulate(m, t_end=times[-1], init=init, save=times, rtol=1e-9, atol=1e-20, max_steps=10**6)
    exits = np.array([float(run[f"exit_{i + 1}"]) for i in range(d)])
    assert (np.argsort(exits) == np.argsort(-variances[order])).all()
    slope, cuts = np.gradient(run.loss.values, times), np.searchsorted(times, [0.0, *np.sort(exits), np.inf])
    rests = [run.loss.values[a + np.argmax(slope[a:b])] for a, b in itertools.pairwise(cuts)]
    assert rests == pytest.approx(list(ladder.plateaus), rel=0.01)


def test_equal_variances_are_one_step() -> None:
    """The staircase of equal variances has one exit and the loss of the best single step, 6.1."""
    ladder = theory.saddle_ladder([0.3] * 4, 12)
    assert len(set(ladder.exits)) == 1
    best = theory.gd_optimum(12, 4, law="gaussian", s=0.3)
    assert ladder.plateaus[-1] == pytest.approx(best.loss, rel=1e-12)
    assert ladder.plateaus[0] == pytest.approx(best.zero_loss, rel=1e-12)
    assert not math.isnan(ladder.exits[0])
