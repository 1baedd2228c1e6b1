r"""A minimal model beside a trained network.

A model runs in time, a network in steps: time = clock x step. Without a fit the clock is the learning rate (gradient
flow: time is learning rate x steps), and the model must bring the effective rates of its parameters, such as
:math:`\eta_\xi = 1/(L-1)`. A fitted clock is the one that makes the escape times of one configuration coincide; it is
then carried to others as a number.
"""

import json
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr

from minimodels.errors import InputError, shown
from theory.arguments import check_dataset
from validation.curves import crossing, half_rise, plateau

MEASURES = ("loss", "correct", "CLA", "ILA1", "TILA2", "TLA2")  # of model, head and network alike


LARGEST = 1e12  # of a clock, model time per step


def fit_clock(run: xr.Dataset, curve: xr.Dataset) -> float:
    """Model time per step that makes the escape times coincide (median over the seeds that escape)."""
    check_curves(run, curve)
    model, steps = escape(run, "time"), escape_steps(curve)
    network = float(np.median(steps[np.isfinite(steps)])) if np.isfinite(steps).any() else float("inf")
    for name, value in (("model", model), ("network", network)):
        if not np.isfinite(value):
            raise InputError(f"the {name} never exceeds correct = 1/2, so no clock can be fitted: run it for longer.")
    return model / network


def check_curves(run: Any, curve: Any) -> None:
    """Refuse what is not a run of a model and a training curve."""
    for name, data, axis in (("run", run, "time"), ("curve", curve, "step")):
        source = "as mm.simulate returns" if name == "run" else "as validation.train returns"
        check_dataset(data, name, (), source)
        if axis not in data.dims or "correct" not in data:
            raise InputError(f"`{name}` must have the dimension {axis!r} and the variable 'correct', {source}.")


def learning_rate(curve: xr.Dataset) -> float:
    """Return the learning rate that a training curve records."""
    try:
        rate = float(json.loads(curve.attrs["optimiser"])["lr"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            "`curve` records no optimiser with a learning rate `lr`: give `clock` as a number, or 'fit'."
        ) from error
    if not 0 < rate < LARGEST:
        raise InputError(f"the learning rate that `curve` records must be positive; got {rate:g}.")
    return rate


def escape(run: xr.Dataset, axis: str) -> float:
    """First time or step with correct probability above one half; inf if there is none."""
    return crossing(run[axis], run["correct"], 0.5)


def escape_steps(curve: xr.Dataset) -> np.ndarray:
    """Escape step of every seed, inf where the network did not escape."""
    return np.array([escape(one, "step") for one in _seeds(curve)])


def _seeds(curve: xr.Dataset) -> list[xr.Dataset]:
    return [curve.isel(seed=i) for i in range(curve.sizes["seed"])] if "seed" in curve.dims else [curve]


def compare(run: xr.Dataset, curve: xr.Dataset, *, clock: float | str = "fit") -> xr.Dataset:
    r"""Translate a model's time to steps and report where model and network differ.

    Parameters
    ----------
    run : xarray.Dataset
        From `minimodels.simulate`: dimension `time`, with `loss` and `correct` at least.
    curve : xarray.Dataset
        From `validation.train`: dimension `step`, and `seed` if several were trained.
    clock : float or "fit" or "learning rate"
        Model time per step: a number (a clock fitted elsewhere), fitted here, or the learning rate of the run.

    Returns
    -------
    xarray.Dataset
        On `step`: `<measure>_network`, `<measure>_model` (at time clock x step; nan beyond the model's end) and
        `<measure>_residual` = network - model, for every progress measure both have. Per seed: `escape_step` (nan if
        there is none; `escape_step_censored` says so), `escape_ratio` = network / model, `plateau_network`,
        `half_rise_network` (by `measure`, in steps).
        Of the model, in steps: `escape_step_model`, `plateau_model`, `half_rise_model`. Scalar: `clock`.

    Raises
    ------
    InputError
        If either lacks a transition to fit a clock on, or the clock is not positive.
    """
    check_curves(run, curve)
    for name, data in (("run", run), ("curve", curve)):
        if "loss" not in data:
            raise InputError(f"`{name}` must have the variable 'loss'.")
    if isinstance(clock, str) and clock == "fit":
        rate = fit_clock(run, curve)
    elif isinstance(clock, str) and clock == "learning rate":
        rate = learning_rate(curve)
    elif isinstance(clock, str | bool) or not isinstance(clock, Real) or not 0 < clock < LARGEST:
        raise InputError(f"`clock` must be a positive number, 'fit' or 'learning rate'; got {shown(clock)}.")
    else:
        rate = float(clock)

    out = xr.Dataset(attrs={"clock": "model time per step", "clock_from": str(clock)})
    shared = [name for name in MEASURES if name in run and name in curve]
    time = run["time"].values / rate
    for name in shared:
        at_steps = np.interp(curve["step"], time, run[name].values, right=np.nan)
        out[f"{name}_network"] = curve[name]
        out[f"{name}_model"] = ("step", at_steps)
        out[f"{name}_residual"] = curve[name] - out[f"{name}_model"]
    seeds = _seeds(curve)
    steps = curve["step"].values
    per_seed = ("seed",) if "seed" in curve.dims else ()
    model_escape = escape(run, "time") / rate

    def by_seed(values: list[float]) -> tuple[tuple[str, ...], np.ndarray]:
        return per_seed, np.array(values if per_seed else values[0])

    escapes = escape_steps(curve)
    out["clock"] = rate
    never = np.isinf(escapes)
    out["escape_step"] = by_seed(list(np.where(never, np.nan, escapes)))
    out["escape_step_censored"] = by_seed(list(never))
    out["escape_step_model"] = np.nan if np.isinf(model_escape) else model_escape
    out["escape_step_model_censored"] = np.isinf(model_escape)
    out["escape_ratio"] = out["escape_step"] / out["escape_step_model"]
    if "CLA" in shared:
        levels = [
            plateau(steps, s["loss"], half_rise(steps, s["CLA"]), t)[1] for s, t in zip(seeds, escapes, strict=True)
        ]
        out["plateau_network"] = by_seed(levels)
        out["plateau_model"] = plateau(time, run["loss"], half_rise(time, run["CLA"]), model_escape)[1]
    rising = [name for name in shared if name != "loss"]
    out = out.assign_coords(measure=rising)
    halves = np.array([[half_rise(steps, s[n]) for n in rising] for s in seeds])
    out["half_rise_network"] = (*per_seed, "measure"), halves if per_seed else halves[0]
    out["half_rise_model"] = "measure", np.array([half_rise(time, run[name]) for name in rising])
    return out
