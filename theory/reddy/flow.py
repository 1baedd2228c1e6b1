"""The flow of the nested-logit model, integrated for reference; transition times that are stated are put beside it."""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

from minimodels.models import model as build
from minimodels.primitives import elementary
from theory.checks import converges
from theory.derivation import Check
from theory.numeric import ending

STATES = ("beta_1", "alpha", "xi")
CONTEXTS = (1e2, 1e4)  # sizes at which a law for large contexts is put beside the flow, and how many points of each
DRAWN = 3


@lru_cache
def _flow(attend: str) -> tuple[Any, Any]:
    m = build("nested_logit", attend=attend)
    at_rest = {m.symbols["beta_2"]: sp.S(0)} if "beta_2" in m.symbols else {}
    arguments = [m.symbols[k] for k in (*STATES, "N", "L", "B", "M")]
    plain = [elementary(e).subs(at_rest) for e in (*(m.drift[k] for k in STATES), m.observables["correct"])]
    drift = sp.lambdify(arguments, plain[:3], "math", cse=True)
    correct = sp.lambdify(arguments, plain[3], "math", cse=True)
    return drift, correct


def measured_time(
    attend: str, values: Mapping[str, float], rates: Mapping[str, float], init: Mapping[str, float] | None = None
) -> float:
    """Return T* by integrating the model's flow (LSODA at rtol 1e-9, located event), from 0 unless told otherwise."""
    drift, correct = _flow(attend)
    parameters = [float(values[k]) for k in ("N", "L", "B", "M")]
    eta = [float(rates[k]) for k in STATES]
    start = [float((init or {}).get(k, 0.0)) for k in STATES]

    def rhs(t: float, x: np.ndarray) -> list[float]:
        return [e * v for e, v in zip(eta, drift(*map(float, x), *parameters), strict=True)]

    @ending
    def half(t: float, x: np.ndarray) -> float:
        return float(correct(*map(float, x), *parameters)) - 0.5

    run = solve_ivp(rhs, (0, 1e9), start, method="LSODA", rtol=1e-9, atol=1e-12, events=half)
    return float(run.t_events[0][0]) if len(run.t_events[0]) else float("nan")


@lru_cache
def _large_contexts(attend: str) -> list[list[tuple[dict[str, float], float]]]:
    """Return random points at every size, with the transition time of each from 0: parameters and rates are drawn."""
    rng, drawn = np.random.default_rng(0), []
    for _ in range(DRAWN):
        drawn.append((rng.uniform(1, 4), rng.uniform(2, 8), rng.uniform(0.5, 2), rng.lognormal(0, 0.7, 3)))
    made = []
    for size in CONTEXTS:
        row = []
        for copies, labels, competing, eta in drawn:
            values = {"N": size, "L": labels * size / copies, "B": copies, "M": competing * size}
            rates = dict(zip(STATES, map(float, eta), strict=True))
            point = {**values, "beta_2": 0.0, **{f"eta_{k}": v for k, v in rates.items()}}
            row.append((point, measured_time(attend, values, rates)))
        made.append(row)
    return made


def against_the_flow(attend: str, time: Callable[[Mapping[str, float]], float], factor: float) -> Check:
    """Check that a transition time tends to that of the integrated flow as the context grows, at random rates."""
    errors = [max(abs(time(p) / t - 1) for p, t in row) for row in _large_contexts(attend)]
    errors = [e if math.isfinite(e) else math.nan for e in errors]
    sizes = ", ".join(f"{size:.0e}" for size in CONTEXTS)
    return converges(errors, factor, f"integrated flow at {DRAWN} random rates and parameters, N = {sizes}")
