"""How far the predicted transition times are from the integrated flow, over the whole phase diagram."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from minimodels.errors import InputError, by_name, check_between, check_list, check_numbers, shown, unknown
from theory.arguments import LARGEST, check_dataset
from theory.reddy.flow import STATES, measured_time
from theory.reddy.reduced_flow import transition_times
from theory.reddy.transition import closed_forms

NETWORK = "1/(L-1)"  # effective rate of xi in a network: label k learns only when it is in the context
PREDICTORS = ("leading", "crossover", "order_0", "order_1", "order_2")
RATES: tuple[Mapping[str, Any], ...] = tuple(
    {"beta_1": b, "alpha": a, "xi": x}
    for x in (1.0, NETWORK)
    for a, b in ((1, 1), (0.1, 0.1), (10, 10), (0.1, 10), (10, 0.1), (1, 0.01), (0.01, 1), (1, 10), (10, 1))
)
UNIT_RATES: tuple[Mapping[str, Any], ...] = ({"beta_1": 1.0, "alpha": 1.0, "xi": 1.0},)


def transition_error_map(
    *,
    N: Sequence[float] = (2, 3, 4, 6, 8, 12, 16),
    ratio: Sequence[float] = (1.02, 1.1, 1.3, 2, 4, 8, 16),
    B: Sequence[float] = (1, 2, 4),
    attend: Sequence[str] = ("labels", "all"),
    rates: Iterable[Mapping[str, Any]] = RATES,
) -> xr.Dataset:
    """Compare every predictor of T* with the integrated flow from exactly 0, M = N.

    Parameters
    ----------
    N, B : sequence of float
        Pairs and burstiness; points with B >= N are left out (nan).
    ratio : sequence of float
        L over N/B, above 1; points with L <= 2 are left out (r starts above 1/2).
    attend : sequence of {"labels", "all"}
        Forms of the model.
    rates : iterable of mapping
        Rates of beta_1, alpha and xi; numbers, or ``"1/(L-1)"``.

    Returns
    -------
    xarray.Dataset
        Dimensions attend, N, B, ratio, rates; variables ``measured``, ``predicted`` and the signed relative
        ``error``, the last two with the dimension ``predictor``. About 5 ms a point.

    See Also
    --------
    summarise : median, 95th percentile and maximum of the errors.
    """
    N, B = check_numbers(N, "`N`", 1.0, LARGEST).tolist(), check_numbers(B, "`B`", 1.0, LARGEST).tolist()
    ratio = check_numbers(ratio, "`ratio`", -LARGEST, LARGEST).tolist()
    if min(ratio, default=0) <= 1:
        raise InputError(f"`ratio` is L over N/B; got {shown(ratio)}: values above 1, at 1 nothing starts.")
    rates = [_checked(r) for r in check_list(rates, "`rates`", "[{'beta_1': 1, 'alpha': 1, 'xi': '1/(L-1)'}]")]
    attend = check_list(attend, "`attend`", "['labels', 'all']")
    for form in attend:
        if not isinstance(form, str) or form not in ("labels", "all"):
            raise InputError(f"`attend` must be 'labels' or 'all' here; got {shown(form)}.")
    shape = (len(attend), len(N), len(B), len(ratio), len(rates))
    measured = np.full(shape, np.nan)
    predicted = np.full((len(PREDICTORS), *shape), np.nan)
    for k, form in enumerate(attend):
        n, b, q, i = (g.ravel() for g in np.meshgrid(N, B, ratio, range(len(rates)), indexing="ij"))
        use = np.flatnonzero((b < n) & (n / b * q > 2))
        n, b, labels, i = n[use], b[use], (n / b * q)[use], i[use]
        values = {"N": n, "L": labels, "B": b, "M": n}
        eta = {s: np.array([_rate(rates[j][s], size) for j, size in zip(i, labels, strict=True)]) for s in STATES}
        for place, j in enumerate(use):
            point, speed = ({s: v[place] for s, v in d.items()} for d in (values, eta))
            measured[k].flat[j] = measured_time(form, point, speed)
        made = [*closed_forms(form, values, eta), *transition_times(form, values, eta, {}, order=2)]
        for row, times in zip(predicted, made, strict=True):
            row[k].flat[use] = times
    dims = ("attend", "N", "B", "ratio", "rates")
    names = [", ".join(f"{s} {r[s]}" for s in STATES) for r in rates]
    return xr.Dataset(
        {
            "measured": (dims, measured, {"long_name": "transition time of the integrated flow from 0"}),
            "predicted": (("predictor", *dims), predicted),
            "error": (("predictor", *dims), predicted / measured - 1, {"long_name": "signed relative error"}),
        },
        coords={
            "predictor": list(PREDICTORS),
            "attend": list(attend),
            "N": list(N),
            "B": list(B),
            "ratio": list(ratio),
            "rates": names,
        },
        attrs={"model": "nested_logit", "start": "0", "reference": "LSODA, rtol 1e-9, atol 1e-12, located event"},
    )


def summarise(errors: xr.Dataset) -> xr.Dataset:
    """Return median, 95th percentile, maximum of the absolute error and the number of points, per predictor."""
    check_dataset(errors, "errors", ("error", "predictor"), "as theory.transition_error_map() returns")
    size = abs(errors["error"]).stack(point=[d for d in errors["error"].dims if d != "predictor"])
    return xr.Dataset(
        {
            "median": size.median("point"),
            "p95": size.quantile(0.95, "point", skipna=True).drop_vars("quantile"),
            "max": size.max("point"),
            "points": size.count("point"),
        }
    )


def _checked(rates: Any) -> Mapping[str, Any]:
    """Return rates of the three states: positive numbers, or the one of a network."""
    given = by_name(rates, "every one of `rates`", "{'beta_1': 1, 'alpha': 1, 'xi': '1/(L-1)'}")
    for name in given:
        if name not in STATES:
            raise unknown("state in rates", name, STATES)
    for name in STATES:
        if name not in given:
            raise InputError(f"rates lack {name!r}; give {', '.join(STATES)}.")
        if isinstance(given[name], str) and given[name] == NETWORK:
            continue
        if isinstance(given[name], str):
            raise InputError(f"rates[{name!r}] is a positive number or {NETWORK!r}; got {shown(given[name])}.")
        check_between(given[name], f"rates[{name!r}]", 1e-6, LARGEST)
    return given


def _rate(rate: Any, labels: float) -> float:
    return 1 / (labels - 1) if rate == NETWORK else float(rate)
