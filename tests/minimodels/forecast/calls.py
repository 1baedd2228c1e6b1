"""Right calls of the forecast's public functions, to be made wrong (`tests.minimodels.generated`)."""

from collections.abc import Callable
from typing import Any

import numpy as np

import minimodels as mm

MODEL = mm.GradientFlow(
    name="well",
    state={"x": 0.1},
    loss="(x**2 - 1)**2/4",
    observables={"size": "x**2"},
    events={"e": mm.Event("x", 0.5)},
)
STEP = np.arange(30.0)
CURVE = {"step": STEP, "loss": 0.25 - 1e-4 * STEP, "size": 0.01 + 1e-4 * STEP}
SHARED: dict[str, Any] = {
    "curve": CURVE, "model": MODEL, "lr": 0.1, "rates": {"x": 1}, "init": {"x": 0.1}, "event": "e",
    "prior": {"start": ("lognormal", 1.0, 0.5)}, "free": ["start", "delay"], "samples": 1000, "seed": 1, "threads": 1,
}  # fmt: skip
AHEAD = mm.forecast(**SHARED)
CALLS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (mm.fit, SHARED),
    (mm.forecast, {**SHARED, "horizon": 2.0}),
    (mm.plot_forecast, {"result": AHEAD}),
    (mm.read_curve, {"path": "none.csv", "step": "step", "loss": "loss", "observe": {"size": "column"}}),
    (mm.Prior, {"kind": "lognormal", "a": 1.0, "b": 0.5}),
]
