"""The nested-logit model as the claims use it."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from minimodels.model import Model
from minimodels.models import model as build
from minimodels.simulate import simulate

EFFECTIVE = (("xi", "1/(L-1)"),)  # the rate of a linear read-out: science of the ledger, derived for R27


def bound(N: int, L: int, B: int = 1, attend: str = "all", **options: Any) -> Model:
    """The model with these parameters."""
    return build("nested_logit", N=N, L=L, B=B, attend=attend, **options)


@lru_cache(maxsize=128)
def flow(
    N: int,
    L: int,
    B: int = 1,
    attend: str = "all",
    start: float | tuple[float, float, float] = 0.0,
    rates: tuple[tuple[str, Any], ...] = (),
    clamp: tuple[tuple[str, float], ...] = (),
    t_end: float = 1000.0,
    options: tuple[tuple[str, Any], ...] = (),
    points: int = 2001,
) -> xr.Dataset:
    """Gradient flow from `start` (every state, or beta_1, alpha and xi), saved at equal intervals."""
    model = bound(N, L, B, attend, **dict(options))
    values = start if isinstance(start, tuple) else (start,) * len(model.state)
    return simulate(
        model,
        t_end=t_end,
        init=dict(zip(model.state, values, strict=True)),
        rates=dict(rates) or None,
        clamp=dict(clamp) or None,
        save=np.linspace(0, t_end, points),
        rtol=1e-8,
        atol=1e-11,
    )


def escape_time(run: xr.Dataset) -> float:
    """First time with correct probability 1/2 as located by the integrator; inf if there is none."""
    return math.inf if bool(run["escape_time_censored"]) else float(run["escape_time"])
