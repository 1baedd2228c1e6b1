"""Why a run failed: when, at which state, and what to do, told apart by what the drift does there."""

import numpy as np
import sympy as sp

from minimodels.compiled import compiled
from minimodels.engine.ensemble import Batch
from minimodels.engine.kernel import Floats
from minimodels.engine.stepper.status import REMEDIES, WHAT, Status
from minimodels.errors import shown
from minimodels.model import Map
from minimodels.problem import Problem

JUMPS = (sp.sign, sp.Heaviside, sp.floor, sp.ceiling, sp.Mod, sp.Piecewise)
LARGE = 1e8  # times where it began


def reason(stated: Problem, batch: Batch, par: Floats, dim: str) -> str:
    """Return the sentence for the only point of a batch, which failed.

    Parameters
    ----------
    par : array (1, m)
        Its parameters and rates.
    dim : str
        What its time is called: time or step.
    """
    code, time = Status(int(batch.status[0])), float(batch.time[0])
    at = f"at {dim} {time:.6g}"
    if len(batch.state[0]) and np.isfinite(time):
        at += f", {_place(stated, batch.state[0])}"
    what, remedy = WHAT[code], REMEDIES[code]
    if code in (Status.MAX_STEPS, Status.STEP_TOO_SMALL, Status.NON_FINITE):
        what, remedy = _cause(stated, code, batch.state[0], time, int(batch.steps[0]), par)
    return f"the run of {stated.model.name!r} {what} {at}; {remedy}."


def _cause(stated: Problem, code: Status, y: Floats, time: float, steps: int, par: Floats) -> tuple[str, str]:
    """Return what happened, and what to do."""
    names, field = list(stated.model.state), list(stated.model.drift.values())
    kernel, n = compiled(stated.model).linearise(), len(y)
    ways = np.concatenate([[0.0], 10.0 ** np.arange(-14, -1)])  # ahead, to where the failed steps led
    slope = kernel.evaluate("linearise", y[None], kernel.table(par))[0]
    ahead = y + ways[:, None] * (1 + np.abs(y)) * np.sign(np.nan_to_num(slope[:n]))
    values = kernel.evaluate("linearise", ahead, kernel.table(np.repeat(par, len(ahead), axis=0)))
    drift, jacobian = values[0, :n], values[0, n:].reshape(n, n)
    start = np.array([abs(stated.init[k]) for k in names])
    rates = par[0, len(stated.model.parameters) :]
    if not np.isfinite(rates).all():
        name = names[int(np.argmin(np.isfinite(rates)))]
        return f"has no value for the rate of {name!r}, {shown(stated.model.rates[name])},", "check the parameters"
    if code == Status.MAX_STEPS:
        fast = np.abs(np.linalg.eigvals(jacobian)).max() if np.isfinite(jacobian).all() else 0.0
        if not stated.method.implicit and fast * time > 0.5 * steps:
            return f"used up `max_steps`, being stiff (rates of {fast:.3g})", "use method='rodas4'"
        for expression in field:
            if expression.has(*JUMPS):
                return "used up `max_steps`", f"no step is small enough where {shown(expression)} jumps to and fro"
        needed = f" to {1.2 * steps * stated.end / time:.2g} or so" if time > 0 else ""
        return "used up `max_steps`", f"raise it{needed}, or loosen `rtol`"
    if not np.isfinite(y).all() or (np.abs(y) > LARGE * (1 + start)).any():
        lower = "lower `lr`" if stated.method.discrete and not isinstance(stated.model, Map) else "end it before that"
        return "grew beyond all bounds", lower
    bad = np.argwhere(~np.isfinite(values[:, :n]))
    if len(bad):
        i = bad[0, 1]
        expression = f"{shown(field[i])} of {names[i]!r}"
        if time == 0:
            return f"began where {expression} has no value", "check the initial values and the parameters"
        return f"came to where {expression} has no value", "end it before that"
    if stated.method.implicit and not np.isfinite(jacobian).all():
        return "met a Jacobian without a value", "use method='tsit5'"
    worst = int(np.argmax(np.abs(drift)))
    if abs(drift[worst]) * time > 1e6 * (1 + start[worst]):
        return f"came to where {shown(field[worst])} of {names[worst]!r} grows beyond all bounds", "end it before that"
    return WHAT[code], REMEDIES[code]


def _place(stated: Problem, state: Floats) -> str:
    named = [f"{k}={v:.6g}" for k, v in zip(stated.model.state, state, strict=True)]
    return ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
