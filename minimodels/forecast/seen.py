"""The seen part of a training curve: checked, averaged in bins, with its noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minimodels.engine.kernel import Floats
from minimodels.errors import InputError, check_array, shown, unknown
from minimodels.model import GradientFlow, Model

BINS = 28  # equally wide in the square root of the step: early ones are short
FEWEST = 8  # points that say anything
LONGEST_TRANSIENT = 0.5  # of the steps seen
APART = 0.25  # of the seen range: a loss that ends so much above its lowest has risen


@dataclass(frozen=True)
class Seen:
    """One measure in bins: mean step and value (K,), points in each, noise of a point, range of the means."""

    name: str
    step: Floats
    value: Floats
    points: Floats
    noise: float

    @property
    def size(self) -> float:
        """Range of the means; not less than what noise alone makes of it, nor a thousandth of the values."""
        noise = 3 * self.noise / float(np.sqrt(np.median(self.points)))
        return max(float(np.ptp(self.value)), noise, 1e-3 * float(np.abs(self.value).max()), 1e-12)


def observed(curve: Any, model: Model, until: float = np.inf) -> dict[str, tuple[Floats, Floats]]:
    """Return what a curve tells of the model up to a step: (steps, values) of its loss and its observables.

    Raises
    ------
    InputError
        If it is no curve, tells nothing of the model, its steps do not increase, a value is infinite or there are
        fewer than eight.
    """
    step, columns = _columns(curve)
    a_run = bool(getattr(curve, "attrs", {}).get("format"))  # of a training here, which records more than is needed
    known = [*(["loss"] if model.loss is not None else []), *model.observables]
    found = {name: values for name, values in columns.items() if name in known}
    if not columns:
        raise InputError("the curve holds nothing but steps; name a column of it, as loss or a progress measure.")
    others = [name for name in columns if name not in known]
    if others and not (a_run and found):
        raise unknown(f"measure in a curve for {model.name!r}", others[0], known)
    if len(step) and not (np.isfinite(step).all() and step[0] >= 0):
        raise InputError("the steps of the curve must be finite and not negative.")
    back = np.flatnonzero(np.diff(step) <= 0)
    if len(back):
        i = int(back[0])
        raise InputError(f"the steps of the curve must increase: {step[i]:g} is followed by {step[i + 1]:g}.")
    out = {}
    for name, values in found.items():
        if np.isinf(values).any():
            at = step[np.flatnonzero(np.isinf(values))[0]]
            raise InputError(f"{name!r} of the curve is infinite at step {at:g}: give the part before it.")
        there = np.isfinite(values) & (step <= until)
        if there.sum() < FEWEST:
            raise InputError(f"{name!r} of the curve has {there.sum()} points; at least {FEWEST} are needed.")
        out[name] = step[there], values[there]
    return out


def _columns(curve: Any) -> tuple[Floats, dict[str, Floats]]:
    """Return the steps and the columns of a dataset, a table or a dictionary."""
    import xarray as xr

    if isinstance(curve, xr.Dataset):
        if "step" not in curve.coords:
            raise InputError("a curve has the dimension 'step', as read_curve and train_head return it.")
        several = [str(d) for d in curve.dims if d != "step" and any(curve[v].dims == (d, "step") for v in curve)]
        if several:
            raise InputError(f"one curve at a time: select a {several[0]}, as in curve.isel({several[0]}=0).")
        names = [k for k, v in curve.data_vars.items() if v.dims == ("step",) and v.dtype.kind in "fiu"]
        return curve["step"].values.astype(float), {str(k): curve[k].values.astype(float) for k in names}
    if hasattr(curve, "columns"):  # of pandas
        curve = dict(curve.items())
    if not isinstance(curve, Mapping) or "step" not in curve:
        raise InputError(f"`curve` is a Dataset or a dictionary with 'step' and 'loss'; got {shown(curve)}.")
    step = check_array(curve["step"], "the steps of the curve", "[0, 10, 20]")
    columns = {}
    for name, given in curve.items():
        if name == "step":
            continue
        try:
            values = np.asarray(given, np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name!r} of the curve must be a list of numbers; got {shown(given)}.") from error
        if values.shape != step.shape:
            raise InputError(f"{name!r} of the curve has {values.size} values for {step.size} steps.")
        columns[str(name)] = values
    return step, columns


def bins(name: str, step: Floats, value: Floats, until: float) -> Seen:
    """Average a measure in bins of the square root of the step; noise from second differences."""
    noise = 1.4826 * float(np.median(np.abs(np.diff(value, 2)))) / np.sqrt(6) if len(value) > 3 else 0.0
    x = np.sqrt(step / until)
    cell = np.minimum((x * BINS).astype(int), BINS - 1)
    members = np.bincount(cell, minlength=BINS).astype(np.float64)
    some = members > 0
    weights = np.maximum(members, 1)
    mean_step = (np.bincount(cell, step, minlength=BINS) / weights)[some]
    return Seen(name, mean_step, (np.bincount(cell, value, minlength=BINS) / weights)[some], members[some], noise)


def after_the_transient(step: Floats, loss: Floats, start: float) -> tuple[Floats, Floats]:
    """Leave out what is before a loss that begins above the model's has come down to it.

    A network's random read-out is unlearned first, which no model of the mechanism has.
    """
    above = loss > 1.02 * start
    if not above[0] or above.all():
        return step, loss
    first = int(np.flatnonzero(~above)[0])
    return (step[first:], loss[first:]) if step[first] < LONGEST_TRANSIENT * step[-1] else (step, loss)


def check_falls(seen: Seen, model: Model) -> None:
    """Refuse a loss that rises, if that of the model cannot."""
    low, last = int(np.argmin(seen.value)), seen.value[-1]
    rise = last - seen.value[low]
    if isinstance(model, GradientFlow) and rise > APART * seen.size + 4 * seen.noise / np.sqrt(seen.points[-1]):
        raise InputError(
            f"the loss rises from {seen.value[low]:.4g} at step {seen.step[low]:.0f} to {last:.4g} at step "
            f"{seen.step[-1]:.0f}, and a gradient flow's never does: give the part before, or another measure."
        )
