"""When the drop of a training curve comes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minimodels.engine.kernel import Floats
from minimodels.errors import InputError, check_number
from minimodels.forecast.baseline import NAMES, baselines, crossing
from minimodels.forecast.fit import BROAD, FEW, MISFIT, PAST, QUANTILES, TEMPERED, Posterior, misfit, posterior, told
from minimodels.forecast.plan import MODEL_ERROR
from minimodels.forecast.prior import Belief
from minimodels.model import Event, Model, Statement

if TYPE_CHECKING:
    import xarray as xr

FUTURE = 120  # steps of the band ahead
# How much of the spread of the time left, in logarithms, is kept: bands of 80 % of the trajectories hold the drops of
# trained networks more often than that, and with this in 79 %, judged crosswise (docs/forecast.md)
SHARP = 0.77
HINDSIGHT = 0.75  # of the steps seen: what was to come after those must not be behind already
VERDICTS = ("forecast", "nothing can be said yet", "the model does not fit", "the drop is behind")


def forecast(
    curve: Any,
    model: Model,
    *,
    lr: float | None = None,
    rates: Mapping[str, Statement] | None = None,
    init: Mapping[str, float] | None = None,
    event: str | Event | None = None,
    prior: Mapping[str, Belief] | None = None,
    free: Sequence[str] | None = None,
    horizon: float = 10.0,
    samples: int = 100_000,
    seed: int = 0,
    threads: int | None = None,
) -> "xr.Dataset":
    """Forecast a training curve and the step of its drop, from its part up to now.

    Trajectories of the model are weighted by how well they fit what was seen, as by `fit`. A forecast from the first
    three quarters of it must not have failed: if the model does not fit these, or the drop was to come by now, there is
    none.

    Parameters
    ----------
    horizon : float
        How far to look, in multiples of the last step.
    curve, model, lr, rates, init, event, prior, free, samples, seed, threads
        As of `fit`.

    Returns
    -------
    xarray.Dataset
        What `fit` returns, on steps up to the horizon, and

        =================  =============================================================================================
        attribute          ``verdict``: "forecast", "nothing can be said yet", "the model does not fit" or "the drop is
                           behind"; ``reason``: a sentence. Unless it is "forecast", the three below are nan
        the measures       (step, quantile): predictive band, noise included, after the last step seen
        ``drop_step``      (quantile) of the step of the drop; nan and ``drop_step_censored`` where beyond the horizon.
                           The steps that are left are those of the trajectories, drawn to their median as calibrated on
                           trained networks: :math:`m(x/m)^{0.77}`
        ``none_before``    (step) probability that no drop comes up to there, likewise
        ``baseline``       (which, step): power law and slope of the last third, through the loss, or else the first
                           measure; ``baseline_step`` (which), with ``_censored``: where they reach its level at the
                           model's drop. They are there whatever the verdict
        =================  =============================================================================================

    Raises
    ------
    InputError
        For a curve or an option that cannot be.

    Examples
    --------
    >>> import minimodels as mm
    >>> m = mm.model("nested_logit", N=8, L=32, attend="labels")
    >>> run = mm.simulate(m, t_end=35.0, save=np.linspace(0, 35, 36))         # the drop is at 49
    >>> curve = {"step": 100 * run.time.values, "loss": run.loss.values}
    >>> ahead = mm.forecast(curve, m, samples=10_000)
    >>> low, high = ahead.drop_step.sel(quantile=[0.1, 0.9]).values
    >>> ahead.verdict, bool(low < 4900 < high)
    ('forecast', True)
    """
    horizon = check_number(horizon, "`horizon`")
    if not 1 < horizon <= 1000:
        raise InputError(f"`horizon` is in multiples of the last step, above 1 and at most 1000; got {horizon:g}.")
    asked: dict[str, Any] = {
        "lr": lr, "rates": rates, "init": init, "event": event, "prior": prior, "free": free, "samples": samples,
        "seed": seed, "threads": threads,
    }  # fmt: skip
    found = posterior(curve, model, **asked, horizon=horizon)
    plan, now = found.plan, found.plan.now
    past = np.linspace(0, 1, PAST) ** 2 * now
    future = np.geomspace(1, horizon, FUTURE + 1)[1:] * now
    steps = np.concatenate([past, future])
    rng = found.rng
    paths = plan.paths(found.z, [np.concatenate([steps, s.step]) for s in plan.seen], beyond=True)
    drop = paths.drop
    measures = {}
    for seen in plan.seen:
        sd = np.hypot(seen.noise, MODEL_ERROR * seen.size)
        values = paths.measures[seen.name]
        measures[seen.name] = plan.corrected(seen, values[:, len(steps) :], values[:, : len(steps)])
        measures[seen.name][:, PAST:] += sd * rng.standard_normal(len(drop))[:, None]
    ds = told(found, steps, measures, title="forecast of a training curve")
    verdict, reason = judge(found, drop, float(ds["misfit"]))
    if verdict == "forecast" and (why := hindsight(curve, model, now, asked)):
        verdict, reason = "the model does not fit", why
    drop = sharpened(drop, now)
    late = drop_quantiles(drop)
    if verdict == "forecast":
        low, high = (late[QUANTILES.index(q)] for q in (0.1, 0.9))
        reason = f"the drop comes between steps {low:.4g} and {high:.4g} with a probability of 80 %."
    ds["drop_step"] = "quantile", np.where(np.isfinite(late), late, np.nan)
    ds["drop_step_censored"] = "quantile", np.isinf(late)
    ds["none_before"] = "step", (drop[:, None] > steps).mean(0)
    if verdict != "forecast":
        for name in ("drop_step", "none_before"):
            ds[name] = ds[name] * np.nan
        ds["drop_step_censored"] = ds["drop_step_censored"] & False
        for seen in plan.seen:
            ds[seen.name] = ds[seen.name].where(ds["step"] <= now)
    about = plan.seen[0]
    lines = baselines(about, now)
    level = found.own.at_drop.get(about.name, np.nan)
    reached = np.array([crossing(lines[k], level, now, plan.horizon) for k in NAMES])
    ds = ds.assign_coords(which=list(NAMES))
    ds["baseline"] = ("which", "step"), np.array([lines[k](steps) for k in NAMES])
    ds["baseline_step"] = "which", np.where(np.isfinite(reached), reached, np.nan)
    ds["baseline_step_censored"] = "which", np.isinf(reached)
    return ds.assign_attrs(verdict=verdict, reason=reason, baseline_of=about.name, horizon=plan.horizon)


def sharpened(drop: Floats, now: float) -> Floats:
    """Draw what is left from now on to its median, in logarithms; what lies behind or beyond stays."""
    left = drop - now
    middle = np.quantile(left, 0.5, method="inverted_cdf")
    if not 0 < middle < np.inf:
        return drop
    ahead = (left > 0) & np.isfinite(left)
    return np.where(ahead, now + middle * (np.where(ahead, left, middle) / middle) ** SHARP, drop)


def drop_quantiles(drop: Floats) -> Floats:
    """Quantiles of steps that may be infinite, without interpolation between those."""
    return np.quantile(drop, QUANTILES, method="inverted_cdf")


def hindsight(curve: Any, model: Model, now: float, asked: Mapping[str, Any]) -> str:
    """Say what is wrong with what the first three quarters of the seen part foretell, if something is."""
    try:
        found = posterior(curve, model, **asked, horizon=2 / HINDSIGHT, until=HINDSIGHT * now)
    except InputError:  # they are too few points, or rise
        return ""
    drop = found.plan.paths(found.z, [s.step for s in found.plan.seen], beyond=True).drop
    verdict, reason = judge(found, drop, misfit(found))
    high = float(np.quantile(drop, 0.9, method="inverted_cdf"))
    if verdict == "the model does not fit":
        return f"up to step {found.plan.now:g} alone, {reason}"
    if verdict == "forecast" and high <= now:
        return (
            f"by what was seen up to step {found.plan.now:g} the drop was to come before step {high:.4g} (90 %), and "
            "it did not: the curve is of another mechanism, or what is held is wrong."
        )
    return ""


def judge(found: Posterior, drop: Floats, misfit: float) -> tuple[str, str]:
    """Say whether something can be said of the drop, as the trajectories have it, and why not."""
    plan, draws = found.plan, found.draws
    low, high = np.quantile(drop, [0.1, 0.9], method="inverted_cdf")
    if not misfit < MISFIT:
        return VERDICTS[2], (
            f"the best trajectory is off by {misfit:.1f} times what one of a model that fits would be: the curve is of "
            "another mechanism, or what is held is wrong."
        )
    if draws.ess < FEW or draws.power < TEMPERED:
        return VERDICTS[1], (
            f"only {draws.ess:.0f} effective of {len(draws.z)} trajectories fit what was seen (likelihood to the power "
            f"{draws.power:.2g}): ask for more `samples`, or say more by `prior`."
        )
    if low <= plan.now >= high:
        return VERDICTS[3], f"trajectories that fit have dropped before the last step, {plan.now:g}: look at the curve."
    if np.isinf(high) and np.isinf(low):
        return VERDICTS[1], f"no drop up to step {plan.horizon:g} fits what was seen; look further by `horizon`."
    if np.isinf(high) or high > BROAD * max(low, plan.now):
        until = "beyond the horizon" if np.isinf(high) else f"{high:.3g}"
        return VERDICTS[1], (
            f"the drop may come anywhere from step {low:.3g} to {until} (80 %): what was seen up to step {plan.now:g} "
            "does not determine it."
        )
    return VERDICTS[0], ""
