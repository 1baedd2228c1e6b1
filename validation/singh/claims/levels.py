"""The toy model's vectors beside the network's parts, three, two and one left."""

import numpy as np
import xarray as xr

from validation.checks import Check, between, resampled
from validation.ledger import Context, Finding, claim
from validation.singh import figures, settings
from validation.singh.claims.clamped import level
from validation.singh.claims.correlated import runs_of
from validation.singh.falls import Times, fall
from validation.singh.levels import TENTH, Fit, fitted, residual, toy

LEFT = {"none": 3, "layer-0": 2, "copy": 2, "match": 1, "layer-0+copy": 1}  # of what
FACTOR = 1.5


@claim("S40m", "Three vectors with one start and one clock have the times and shapes of three, two and one parts left",
       level="network", trainings=lambda full: list(settings.six_correlated(full).values()), figure=figures.levels,
       exploratory=True)  # fmt: skip
def levels(context: Context) -> Finding:
    """Exemplars are correlated. Fitted to none and match; residuals have a clock of each's own."""
    runs = runs_of(context)
    tenths = {part: fall(runs[part], TENTH * level(part)) for part in LEFT}
    middle = {part: float(np.median(times)) for part, times in tenths.items()}
    fit = fitted(middle["none"], middle["match"])
    checks: list[Check] = []
    for part in ("layer-0", "copy", "layer-0+copy"):
        predicted = fit.clock * toy(LEFT[part], fit.start).tenth
        checks.append(_ratio(f"{part}: time to a tenth, network / toy", tenths[part], predicted))
    curves, apart = {}, {}
    for part, left in LEFT.items():
        mean = (runs[part]["loss"] / level(part)).median("seed")
        steps, losses = mean["step"].values.astype(float), mean.values
        own = middle[part] / toy(left, fit.start).tenth
        apart[part] = residual(left, fit.start, steps, losses, own)
        checks.append(between(f"{part}: root mean square of network - toy, own clock", apart[part], 0.0, 0.1, "small"))
        curves[part] = mean.drop_vars("seed", errors="ignore")
    return Finding(checks, _drawn(curves, fit, middle).assign(apart=("part", list(apart.values()))), _why(fit, tenths))


def _ratio(what: str, times: Times, predicted: float) -> Check:
    return resampled(what, lambda each: float(np.median(each)) / predicted, [times], 1 / FACTOR, FACTOR, "1")


def _why(fit: Fit, tenths: dict[str, Times]) -> str:
    two = [float(np.median(tenths[part])) / (fit.clock * toy(2, fit.start).tenth) for part in ("layer-0", "copy")]
    return (
        f"Start {fit.start:.3f} of the truth, {fit.clock:.4g} steps per unit of time; two parts left take "
        f"{two[0]:.2f} (layer-0) and {two[1]:.2f} (copy) of the toy's time."
    )


def _drawn(curves: dict[str, xr.DataArray], fit: Fit, middle: dict[str, float]) -> xr.Dataset:
    """Losses over their levels, the network's and the toy's at the same steps, by part."""
    data = xr.Dataset(attrs={"start": fit.start, "clock": fit.clock})
    each, toys = [], []
    for part, curve in curves.items():
        course = toy(LEFT[part], fit.start)
        end = course.time[-1] * fit.clock
        steps = curve["step"].values
        each.append(curve)
        toys.append(xr.DataArray(np.where(steps <= end, np.interp(steps / fit.clock, course.time, course.loss), 0.0),
                                 {"step": steps}, ["step"]))  # fmt: skip
    parts = xr.DataArray(list(curves), dims="part", name="part")
    data["network"] = xr.concat(each, parts, join="outer")
    data["toy"] = xr.concat(toys, parts, join="outer")
    return data.assign(left=("part", [LEFT[part] for part in curves]),
                       tenth=("part", [middle[part] for part in curves]),
                       toy_tenth=("part", [fit.clock * toy(LEFT[p], fit.start).tenth for p in curves]))  # fmt: skip
