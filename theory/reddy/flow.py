"""The flow of the nested-logit model, integrated for reference."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

from minimodels.models import model as build
from minimodels.primitives import elementary
from theory.numeric import ending

STATES = ("beta_1", "alpha", "xi")


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
