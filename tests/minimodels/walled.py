"""Models with bounds that a user might state, and SciPy with an event at every bound as the reference."""

from functools import cache
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

import minimodels as mm
from minimodels.bounds import limits
from minimodels.model import Model
from tests.minimodels.systems import plain_drift


@cache
def ramp() -> mm.Flow:
    """Return x' = speed, x <= top."""
    return mm.Flow(
        name="ramp", state={"x": 0.0}, parameters={"speed": 1.0, "top": 1.0}, drift={"x": "speed"},
        bounds={"x": (None, "top")}, events={"met": mm.Event("x - top")},
    )  # fmt: skip


@cache
def walls() -> mm.Flow:
    """Return x' = cos t between two walls, and y' = x beside it: it meets and leaves both, again and again."""
    return mm.Flow(
        name="walls", state={"x": 0.0, "y": 0.0, "t": 0.0}, parameters={"low": -0.6, "high": 0.5},
        drift={"x": "cos(t)", "y": "x", "t": "1"}, bounds={"x": ("low", "high")},
    )  # fmt: skip


@cache
def corner() -> mm.GradientFlow:
    """Return a bowl whose lowest point lies outside: y meets its bound and leaves it before x meets its own."""
    return mm.GradientFlow(
        name="corner", state={"x": 0.0, "y": 0.0}, parameters={"c": 0.6}, loss="(x - 2)**2 + (y - 1)**2 + 0.8*x*y",
        bounds={"x": (0, 1.5), "y": (None, "c")}, rates={"x": 0.2}, events={"met": mm.Event("y - c")},
    )  # fmt: skip


@cache
def hunters() -> mm.Flow:
    """Return hunters and prey, which no more than ``room`` find food."""
    return mm.Flow(
        name="hunters", state={"x": 1.0, "y": 2.0}, parameters={"k": 0.5, "room": 1.5},
        drift={"x": "x*(1 - y)", "y": "k*y*(x - 1)"}, bounds={"x": (0, "room")},
        events={"few": mm.Event("y", 0.7, -1), "more": mm.Event("y", 1.2)},
    )  # fmt: skip


@cache
def stiff() -> mm.Flow:
    """Return Robertson's reaction with a vessel that holds no more than ``full`` of C and ``thin`` of B."""
    return mm.Flow(
        name="stiff", state={"A": 1.0, "B": 0.0, "C": 0.0}, parameters={"full": 0.3, "thin": 2e-5},
        drift={"A": "-0.04*A + 1e4*B*C", "B": "0.04*A - 1e4*B*C - 3e7*B**2", "C": "3e7*B**2"},
        bounds={"B": (0, "thin"), "C": (None, "full")},
    )  # fmt: skip


@cache
def draining() -> mm.Flow:
    """Return a vessel that drains, x = (1 - t)^2 until it is empty: beyond, the drift has no value."""
    return mm.Flow(
        name="draining", state={"x": 1.0}, drift={"x": "-2*sqrt(x)"}, bounds={"x": (0, None)},
        events={"dry": mm.Event("x", 1e-300, -1)},
    )  # fmt: skip


@cache
def tangle() -> mm.Flow:
    """Return three driven states, each pulling at the others, in a box: often all of them are held."""
    names = ("x", "y", "z")
    parameters = {f"{kind}{i}": value for i in range(3) for kind, value in (("s", 1.0), ("low", -1.0), ("high", 1.0))}
    parameters |= {f"a{i}{k}": 1.0 for i in range(3) for k in range(3)}
    pulls = [" + ".join(f"a{i}{k}*{other}" for k, other in enumerate(names)) for i in range(3)]
    return mm.Flow(
        name="tangle", state=dict.fromkeys((*names, "t"), 0.0), parameters=parameters,
        drift={n: f"sin(s{i}*t + {i}) + {pulls[i]} - {n}**3/5" for i, n in enumerate(names)} | {"t": "1"},
        bounds={n: (f"low{i}", f"high{i}") for i, n in enumerate(names)},
    )  # fmt: skip


def drawn(seed: int) -> Model:
    """Return a tangle with random pulls, paces and bounds."""
    rng = np.random.default_rng(seed)
    draws = {"a": lambda: 1.5 * rng.normal(), "s": lambda: rng.uniform(0.3, 4)}
    draws |= {"h": lambda: rng.uniform(0.1, 1), "l": lambda: -rng.uniform(0.1, 1)}
    return tangle().with_values(**{k: float(draws[k[0]]()) for k in tangle().parameters})


def projected(model: Model, times: Any, method: str = "DOP853", max_step: float = np.inf) -> np.ndarray:
    """Return SciPy's states (T, n): a piece for every set of held states, ended by an event at the bound."""
    f, n = plain_drift(model), len(model.state)
    low, high = limits(model)
    times = np.asarray(times, dtype=float)
    t, y, out = 0.0, np.array([model.init[k] for k in model.state], dtype=float), np.full((len(times), n), np.nan)
    out[times == 0] = y
    push = f(0.0, y)

    def watch(i: int, bound: float | None, side: float) -> Any:
        def level(t: float, y: np.ndarray, held: np.ndarray) -> float:
            return side * f(t, y)[i] if bound is None else y[i] - bound

        level.terminal = True  # type: ignore[attr-defined]
        level.direction = -1.0 if bound is None or bound == low[i] else 1.0  # type: ignore[attr-defined]
        return level

    def slope(t: float, y: np.ndarray, held: np.ndarray) -> np.ndarray:
        return np.where(held, 0.0, f(t, y))

    held = ((y >= high) & (push > 0)) | ((y <= low) & (push < 0))
    while t < times[-1]:
        side = np.where(y >= high, 1.0, -1.0)
        kinds = [(i, None) if held[i] else (i, b) for i in range(n) for b in ([None] if held[i] else [low[i], high[i]])]
        kinds = [(i, b) for i, b in kinds if b is None or np.isfinite(b)]
        solved = solve_ivp(
            slope, (t, times[-1]), y, method=method, rtol=1e-12, atol=1e-15, max_step=max_step, dense_output=True,
            args=(held,),
            events=[watch(i, b, side[i]) for i, b in kinds],
        )  # fmt: skip
        assert solved.success
        now = (times > t) & (times <= solved.t[-1])
        if now.any():
            out[now] = np.where(held, y, solved.sol(times[now]).T)
        t, y, held = solved.t[-1], solved.y[:, -1].copy(), held.copy()
        for (i, bound), found in zip(kinds, solved.t_events, strict=True):
            if len(found) and bound is None:
                held[i] = False
            elif len(found):
                y[i], held[i] = bound, True
    return out
