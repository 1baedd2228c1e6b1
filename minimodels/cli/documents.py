"""What a command answers for machines: one JSON document on standard output.

A number that is not finite is null, and beside it, under the same key with ``_status``, stands why: ``nan``, ``inf``,
``-inf``; in results also ``censored`` (an event that did not come by the end) or the status of the point that failed.
Results are laid out so that ``xarray.Dataset.from_dict`` reads them.
"""

import json
import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from minimodels.model import Model

MOST = 1_000_000  # numbers of a variable that are written out


def write(command: str, document: Mapping[str, Any]) -> None:
    """Write a command's answer, the one line that standard output gets."""
    whole = plain({"command": command, **document})
    sys.stdout.write(json.dumps(whole, allow_nan=False, ensure_ascii=False) + "\n")


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, inner in value.items():
            found[str(key)] = plain(inner)
            if f"{key}_status" not in value and (words := statuses(inner)) is not None:
                found[f"{key}_status"] = words
        return found
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def statuses(value: Any) -> Any:
    """Return why numbers are null, in the shape that they have; None where all are finite."""
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind != "f" or np.isfinite(value).all():
            return None
        value = value.tolist()
    if isinstance(value, float):
        return None if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        inner = [statuses(part) for part in value]
        return [word or "ok" for word in inner] if any(inner) else None
    return None


def results(ds: "xr.Dataset") -> dict[str, Any]:
    """Return a dataset as a document: sizes, coordinates, variables and settings, and how its points ended."""
    from minimodels.engine.stepper.status import REMEDIES, WHAT, Status

    variables = {str(name): variable(ds, str(name)) for name in ds.data_vars}
    coords = {str(name): variable(ds, str(name)) for name in ds.coords}
    ended = []
    for code in Status if "status" in ds else ():
        if count := int((ds["status"] == code).sum()):
            remedy = {"remedy": REMEDIES[code]} if code in REMEDIES else {}
            ended.append({"status": code.name, "points": count, "meaning": WHAT[code], **remedy})
    attrs = {name: _read(value) for name, value in ds.attrs.items()}
    return {"ended": ended, "dims": dict(ds.sizes), "attrs": attrs, "coords": coords, "data_vars": variables}


def variable(ds: "xr.Dataset", name: str) -> dict[str, Any]:
    """Return a variable of a dataset; one that is too long to write out tells its range only."""
    array = ds[name]
    values = array.values
    found: dict[str, Any] = {"dims": list(array.dims), "attrs": dict(array.attrs)}
    if values.dtype.kind == "f" and values.ndim:
        known = values[np.isfinite(values)]
        found |= {"least": known.min(), "greatest": known.max()} if known.size else {"least": None, "greatest": None}
    if values.size > MOST:
        return found | {"data": None, "data_status": f"{values.size} numbers, left out; --out FILE.nc keeps them"}
    found["data"] = values
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        found["data_status"] = _why(ds, name).tolist()
    return found


def _why(ds: "xr.Dataset", name: str) -> Any:
    """Return why numbers of a variable are not finite, in its shape."""
    from minimodels.engine.stepper.status import Status

    array = ds[name]
    words = np.where(np.isfinite(array.values), "ok", array.values.astype(str)).astype(object)
    why = array.copy(data=words)
    if f"{name}_censored" in ds:
        why = why.where(~ds[f"{name}_censored"].astype(bool), "censored")
    if "status" in ds and set(ds["status"].dims) <= set(array.dims):
        for code in (code for code in Status if code.failed):
            why = why.where((ds["status"] != code) | (why == "ok"), code.name)
    return why.transpose(*array.dims).values


def _read(value: Any) -> Any:
    """Return a setting, read if it is JSON itself."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def statement(model: "Model") -> dict[str, Any]:
    """Return what a model states, its formulas as text."""
    from minimodels.bounds import limits

    low, high = limits(model)
    states = {
        k: {"start": s.init, "meaning": s.meaning, "rate": str(model.rates[k]), "low": low[i], "high": high[i]}
        for i, (k, s) in enumerate(model.state_info.items())
    }
    values, defaults = model.values, {k: float(e) if e.is_number else str(e) for k, e in model.defaults.items()}
    parameters = {
        k: {"value": values[k], "default": defaults[k], "low": p.low, "high": p.high, "meaning": p.meaning}
        for k, p in model.parameters.items()
    }
    drift = None if model.loss is not None else {k: str(v) for k, v in model.drift.items()}
    events = {k: {"expr": str(e.expr), "level": e.level, "direction": e.direction} for k, e in model.events.items()}
    return {
        "model": model.name,
        "kind": model.kind,
        "source": model.source,
        "options": dict(model.options),
        "states": states,
        "parameters": parameters,
        "loss": None if model.loss is None else str(model.loss),
        "drift": drift,
        "descent": None if model.descent is None else {k: str(v) for k, v in model.descent.items()},
        "observables": {k: str(v) for k, v in model.observables.items()},
        "events": events,
        "constraints": [str(c.expr) for c in model.constraints],
    }
