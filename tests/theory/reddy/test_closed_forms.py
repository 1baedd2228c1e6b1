"""The closed forms of the transition time against the model's own drift, integrated by SciPy where each term counts."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import theory
from minimodels.models import model
from minimodels.primitives import elementary
from theory.reddy.transition import closed_forms

NAMES = ("beta_1", "alpha", "xi")
Rates = tuple[float, float, float]


@cache
def flow(attend: str) -> Callable[..., list[float]]:
    """Drift and correct probability as functions of the states and N, L, B, M."""
    m = model("nested_logit", attend=attend)
    given = [elementary(m.drift[k]) for k in NAMES] + [elementary(m.observables["correct"])]
    fixed = {symbol: 0.0 for name, symbol in m.symbols.items() if name == "beta_2"}
    arguments = [m.symbols[k] for k in (*NAMES, "N", "L", "B", "M")]
    return sp.lambdify(arguments, [e.subs(fixed) for e in given], "numpy", cse=True)


def integrated(attend: str, values: dict[str, float], rates: Rates) -> float:
    sizes = [values[k] for k in "NLBM"]

    def half(t: float, x: np.ndarray) -> float:
        return float(flow(attend)(*x, *sizes)[3]) - 0.5

    half.terminal = True  # type: ignore[attr-defined]
    run = solve_ivp(
        lambda t, x: np.array(rates) * np.array(flow(attend)(*x, *sizes)[:3]), (0, 1e10), np.zeros(3), method="LSODA",
        rtol=1e-9, atol=1e-13, events=half,
    )  # fmt: skip
    return float(run.t_events[0][0])


def predicted(attend: str, values: dict[str, float], rates: Rates) -> np.ndarray:
    """Leading order and crossover."""
    return closed_forms(attend, values, dict(zip(NAMES, rates, strict=True)))


@pytest.mark.parametrize("attend", ["labels", "all"])
@pytest.mark.parametrize(
    ("N", "ratio", "B", "rates"),
    [
        (16.0, 1.5, 1.0, (1.0, 1.0, 1.0)),  # c = 2: the exponential, CLA fills up before the jump
        (16.0, 1.5, 1.0, (100.0, 1.0, 1e-3)),  # c = 2, u of order 1: every term
        (8.0, 20.0, 1.0, (100.0, 1.0, 1e-3)),  # c = 0.05: the linear one too
        (16.0, 3.0, 2.0, (30.0, 2.0, 5e-3)),
    ],
)
def test_the_leading_order_after_a_long_plateau(attend: str, N: float, ratio: float, B: float, rates: Rates) -> None:
    values = {"N": N, "L": N / B * ratio, "B": B, "M": 1e6}
    measured = integrated(attend, values, rates)
    assert predicted(attend, values, rates)[0] == pytest.approx(measured, rel=0.012 if attend == "all" else 1e-3)


@pytest.mark.parametrize(
    ("attend", "N", "above"),
    [("labels", 8.0, 1e-7), ("labels", 8.0, 1e-6), ("labels", 8.0, 1e-5), ("all", 8.0, 1e-6), ("labels", 3.0, 1e-7)],
)
def test_the_crossover_from_the_saddle_to_the_plateau(attend: str, N: float, above: float) -> None:
    """M = 1e6, and L just above N: feedback is strong at first, weak at last, and CLA stays low throughout."""
    for rates in ((1.0, 1.0, 0.01), (0.1, 1.0, 1e-3)):
        values = {"N": N, "L": N * (1 + above), "B": 1.0, "M": 1e6}
        measured = integrated(attend, values, rates)
        leading, crossover = predicted(attend, values, rates)
        assert crossover == pytest.approx(measured, rel=0.05)
        assert leading > 1.01 * measured  # feedback counts
    if above < 1e-6:
        assert leading > 1.5 * measured


def test_a_model_is_told_the_same_times() -> None:
    values, rates = {"N": 8.0, "L": 8.00001, "B": 1.0, "M": 1e6}, (1.0, 1.0, 0.01)
    m = model("nested_logit", attend="labels", **values).with_rates(**dict(zip(NAMES, rates, strict=True)))
    found = theory.predict(m, init=dict.fromkeys(NAMES, 0.0))
    leading, crossover = predicted("labels", values, rates)
    assert found["transition_time_leading"].value == pytest.approx(float(leading), rel=1e-9)
    assert found["transition_time_crossover"].value == pytest.approx(float(crossover), rel=1e-9)
