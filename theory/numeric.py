"""Model expressions as NumPy functions that do not overflow, and the flow integrated for reference."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.special import expit

from minimodels.model import GradientFlow
from minimodels.models import model
from minimodels.primitives import elementary

STATES = ("beta_1", "alpha", "xi")


def _shifted(terms: Sequence[Any]) -> tuple[list[Any], Any]:
    weights, exponents = terms[::2], terms[1::2]
    top = reduce(np.maximum, exponents)
    return [w * np.exp(a - top) for w, a in zip(weights, exponents, strict=True)], top


def _logsumexp(*terms: Any) -> Any:
    parts, top = _shifted(terms)
    return top + np.log(sum(parts))


def _softmax(k: int, *terms: Any) -> Any:
    parts, _ = _shifted(terms)
    return parts[int(k)] / sum(parts)


def _softplus(x: Any) -> Any:
    return np.logaddexp(0.0, x)


def nested_logit(**choices: Any) -> GradientFlow:
    """Return the nested-logit model with its options and parameters."""
    made = model("nested_logit", **choices)
    assert isinstance(made, GradientFlow)
    return made


PRIMITIVES = {"sigmoid": expit, "softplus": _softplus, "LogSumExp": _logsumexp, "SoftMax": _softmax}


def function(arguments: Sequence[sp.Symbol], expressions: Any) -> Callable[..., Any]:
    """Return ``expressions`` as a vectorised function of ``arguments``."""
    made: Callable[..., Any] = sp.lambdify(list(arguments), expressions, [PRIMITIVES, "numpy"], cse=True)
    return made


@lru_cache
def _flow(attend: str) -> tuple[Any, Any]:
    m = nested_logit(attend=attend)
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

    def half(t: float, x: np.ndarray) -> float:
        return float(correct(*map(float, x), *parameters)) - 0.5

    half.terminal, half.direction = True, 1.0  # type: ignore[attr-defined]
    run = solve_ivp(rhs, (0, 1e9), start, method="LSODA", rtol=1e-9, atol=1e-12, events=half)
    return float(run.t_events[0][0]) if len(run.t_events[0]) else float("nan")
