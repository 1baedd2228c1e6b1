r"""The three models on the axes of the paper: damage over repeats r and size N, course in time, the shared head.

Model A has the damage :math:`V` at :math:`y=rp/T`, model C the effective size :math:`x` at :math:`u=bfT/(rN)`; the
shared head (B) is descended on the grid of stored items that its numbers are stated on.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import minimodels as mm
import theory
from theory.hernandez.effective import AL, T_PUBLISHED
from theory.hernandez.market import PER_TOKEN

Array = NDArray[np.float64]
T = T_PUBLISHED
WIDTHS = np.array([128, 192, 256, 384, 512, 640, 768, 1024])  # of the published control sizes
SIZES = 12 * (WIDTHS / 16) * WIDTHS**2  # non-embedding parameters of d/16 layers
VOCABULARY = 50304
SHARES = (0.03, 0.1, 0.2, 0.5, 0.9)  # f over which the published band is averaged
SETTLED = 20.0  # relaxation times of the slowest direction
RESTED = 2000.0  # of the market, in units of its slope
ITEMS = np.logspace(0, 3.5, 25)  # stored items of the shared head
EULER: dict[str, Any] = {"lr": 0.25, "steps": 2400}
FAR = 10  # factor of the context that copying is evaluated in


def noise(f: float, y: Array) -> Array:
    """Return V at the end of the training of model A, by its flow."""
    m = mm.model("fresh_ridge", f=f)
    found = mm.sweep(m, {"c": np.asarray(y) / f}, t_end=SETTLED / (1 - f), keep="excess", progress=False)
    return np.asarray(found["excess"].values)


def noise_courses(f: float, c: Array, times: Array) -> Array:
    """Return the excess of model A over time, one row for each p/n, with a start as large as the noise."""
    m = mm.model("fresh_ridge", f=f)
    found = mm.sweep(m, {"c": c}, t_end=float(times[-1]), save=times, keep="excess", progress=False)
    return np.asarray(found["excess"].values)


def fine_tuned(f: float, c: float, during: float, after: float) -> Array:
    """Return the excess of model A at the end of a training with repeats, and after as long as given on fresh data."""
    end = during + after
    m = mm.model("fresh_ridge", f=f, c=c)
    run = mm.simulate(m, t_end=end, save=[during, end], schedule={"f": [(0.0, during, end)]}, rtol=1e-9, atol=1e-14)
    return np.asarray(run["excess"].values)


def market(f: float, r: Array, *, N: float = 8e8, al: float = AL, tokens: float = T) -> Array:
    """Return x = N_eff/N of model C at rest, by its flow."""
    m = mm.model("capacity_market", f=f, N=N, al=al, T=tokens)
    return np.asarray(mm.sweep(m, {"r": r}, t_end=RESTED, keep="x", progress=False)["x"].values)


def market_courses(f: float, r: Array, times: Array) -> Array:
    """Return the test loss of model C, memorising without forgetting, over time."""
    m = mm.model("capacity_market", form="dynamic", f=f)
    found = mm.sweep(m, {"r": r}, t_end=float(times[-1]), save=times, keep="test_loss", progress=False)
    return np.asarray(found["test_loss"].values)


def excess(f: float, y: Any) -> Any:
    """Return V of model A in closed form."""
    return theory.fresh_ridge(y, f).excess


def effective(f: float, r: Any, p: Any) -> Any:
    """Return x of model A with p directions at T of the paper."""
    return theory.effective_size(excess(f, np.asarray(r * p / T)))


def capacity(f: float, r: Any, N: Any, *, al: float = AL) -> Any:
    """Return x of model C in closed form at T of the paper."""
    return theory.capacity_market(f, al).x(np.asarray(PER_TOKEN * f * T / (r * N)))


@lru_cache
def heads(f: float, d: float = 200.0, beta_max: float = 5.5) -> tuple[xr.Dataset, xr.Dataset]:
    """Return the shared head at the end of its training: the control, and over the number of stored items."""
    keep = [
        "beta",
        "w",
        "gamma",
        "v",
        "test_loss",
        "rep_loss",
        "copy_loss",
        "copy_loss_far",
        "score_far",
        "escape_time",
    ]
    how: dict[str, Any] = {**EULER, "keep": keep, "progress": False}
    values = {"d": d, "beta_max": beta_max}
    control = mm.sweep(mm.model("shared_head", memory=False, **values), {"f": [f]}, **how).isel(f=0)
    return control, mm.sweep(mm.model("shared_head", f=f, **values), {"M": ITEMS}, **how)


def onset_delay(f: float, d: float = 200.0, beta_max: float = 5.5) -> float:
    """Return the onset of copying with one stored item over that of the control."""
    control, grid = heads(f, d, beta_max)
    return float(grid["escape_time"][0] / control["escape_time"])


def copies(state: xr.Dataset, number: Array, *, M: float = 0.0, d: float = 200.0) -> Array:
    """Return the loss of a copied token behind so many earlier copies, in a context ten times as long.

    Each copy is a key of the strength beta; M = 0 is the control. Written out from the equations of ``shared_head``.
    """
    V, L, M0 = 64, 48 * FAR, 300.0
    beta, w, gamma, v = (float(state[name]) for name in ("beta", "w", "gamma", "v"))
    rest = L * np.exp(min(M * gamma**2 / d, 12) / 2)
    match, stored, chi = number * np.exp(beta), np.exp(gamma), -np.expm1(-M / M0)
    plain = np.log1p((V - 1) * np.exp(-w * match / (match + rest)))
    total = match + stored + rest
    met = np.log1p((V - 2) * np.exp(-w * match / total) + np.exp((v * stored - w * match) / total))
    return np.asarray((1 - chi) * plain + chi * met)
