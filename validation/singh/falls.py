"""When losses fall: times of every seed, in steps, and checks of how times of different trainings are related."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from minimodels.measure import first_time_above
from validation.checks import Check, resampled
from validation.singh.settings import LEARNT

Times = NDArray[np.float64]
GUESS = math.log(2)  # the loss of guessing among the two labels of the context
HALF = GUESS / 2


def fall(run: xr.Dataset, level: float = HALF, measure: str = "loss") -> Times:
    """The step at which the loss of every seed is first below a level; nan if it never is."""
    losses = run[measure].transpose("seed", "step").values
    return np.array([first_time_above(run["step"].values, -each, -level) for each in losses])


def loss_at(run: xr.Dataset, steps: Times) -> Times:
    """The loss of every seed at a step of its own; after the end, the last one of a seed that has learnt."""
    losses = run["loss"].transpose("seed", "step").values
    return np.array(
        [
            np.interp(at, run["step"].values, each, right=each[-1] if each[-1] < LEARNT else np.nan)
            for at, each in zip(steps, losses, strict=True)
        ]
    )


def medians(
    what: str, later: Any, sooner: Any, published: float, low: float = 1.0, high: float = math.inf, *,
    strict: bool = True,
) -> Check:  # fmt: skip
    """The ratio of the medians of two groups of seeds, resampled each by itself."""

    def ratio(a: Times, b: Times) -> float:
        return float(np.median(a) / np.median(b))

    return resampled(what, ratio, [later, sooner], low, high, f"{published:.2g}", strict=strict)


def median(
    what: str, values: Any, published: float, low: float, high: float = math.inf, *, strict: bool = False
) -> Check:  # fmt: skip
    """The median over seeds."""
    return resampled(what, lambda each: float(np.median(each)), [values], low, high, f"{published:.2g}", strict=strict)


def together(runs: Mapping[Any, xr.Dataset], dim: str, *names: str) -> xr.Dataset:
    """Runs side by side along a new dimension, on all their steps; nan where one has none."""
    each = [run[list(names or ("loss",))] for run in runs.values()]
    return xr.concat(each, xr.DataArray(list(runs), dims=dim, name=dim), join="outer")
