"""The unknowns of a training curve, given a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minimodels.engine.kernel import Floats
from minimodels.errors import InputError, by_name, check_positive, check_whole
from minimodels.forecast.drop import Drop, Own, check_flow, own_course
from minimodels.forecast.plan import Plan
from minimodels.forecast.prior import Belief, beliefs, draws_to_values, usual
from minimodels.forecast.sampler import Weighted, importance_sample
from minimodels.forecast.seen import after_the_transient, bins, check_falls, observed
from minimodels.model import Event, Model, Statement
from minimodels.results import FORMAT, versions
from minimodels.streams import Stream, generator

if TYPE_CHECKING:
    import xarray as xr

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
RESAMPLED = 2000  # trajectories of equal weight that numbers and bands are taken from
PAST = 60  # steps of the seen part that a fit is told at
AHEAD = 2.0  # the drop is believed to come at this multiple of the steps seen, within a wide prior
DETERMINED = 0.5  # posterior over prior width below which the data determine an unknown
BROAD = 4.0  # of the drop's step, 90 % over 10 % quantile: more is nothing
FEW = 50.0  # effective trajectories
TEMPERED = 0.1  # power of the likelihood: with less, what was seen has hardly been used
MISFIT = 1.3  # root mean square deviation of the best trajectory, in units of what is expected


@dataclass(frozen=True)
class Posterior:
    """A plan carried out: weighted draws, and those of equal weight."""

    plan: Plan
    own: Own
    draws: Weighted
    z: Floats

    @property
    def rng(self) -> np.random.Generator:
        """Draws that are none of those of the sampling."""
        return np.random.Generator(np.random.Philox(len(self.z)))


def posterior(
    curve: Any, model: Model, *, lr: float | None, rates: Mapping[str, Statement] | None,
    init: Mapping[str, float] | None, event: str | Event | None, prior: Mapping[str, Belief] | None,
    free: Sequence[str] | None, horizon: float, samples: int, seed: int, threads: int | None, until: float = np.inf,
) -> Posterior:  # fmt: skip
    """Check what is asked and sample it, of the curve up to a step; the arguments are those of `fit` and `forecast`."""
    model = check_flow(model)
    if rates is not None:
        model = model.with_rates(**by_name(rates, "`rates`", "{'x': 0.1}"))
    seen = observed(curve, model, until)
    lr = None if lr is None else check_positive(lr, "`lr`")
    samples = check_whole(samples, "`samples`", 1000, 10**7)
    seed = check_whole(seed, "`seed`", 0, 2**63 - 1)
    threads = None if threads is None else check_whole(threads, "`threads`", high=4096)
    drop = Drop.of(model, event)
    own = own_course(model, init, drop)
    now = max(float(step[-1]) for step, _ in seen.values())
    if not now > 0:
        raise InputError("the last step of the curve is 0; there must be steps to learn from.")
    if "loss" in seen:
        seen["loss"] = after_the_transient(*seen["loss"], own.start["loss"])
    binned = [bins(name, step, value, now) for name, (step, value) in seen.items()]
    for one in binned:
        if one.name == "loss":
            check_falls(one, model)
    clock = (own.time if np.isfinite(own.time) else 100.0) / (AHEAD * now)
    priors, held = beliefs(model, usual(model, clock=clock, steps=now, lr=lr), prior, free)
    plan = Plan(
        model=model, init={} if init is None else init, drop=drop, priors=priors, held=held, seen=binned, now=now,
        horizon=horizon * now, threads=threads,
    )  # fmt: skip
    rng = generator(seed, Stream.FORECAST)
    draws = importance_sample(plan.log_likelihood, len(priors), samples, rng)
    return Posterior(plan, own, draws, draws.resampled(RESAMPLED, rng))


def fit(
    curve: Any,
    model: Model,
    *,
    lr: float | None = None,
    rates: Mapping[str, Statement] | None = None,
    init: Mapping[str, float] | None = None,
    event: str | Event | None = None,
    prior: Mapping[str, Belief] | None = None,
    free: Sequence[str] | None = None,
    samples: int = 100_000,
    seed: int = 0,
    threads: int | None = None,
) -> "xr.Dataset":
    r"""Find what a training curve says of the unknowns of a model.

    With the model's time t(s) and loss as `minimodels.forecast.prior` states them, and the curve's bin means
    :math:`y_k`, the likelihood is Gaussian,

    .. math:: y_k - y(s_k) \sim N\left(0,\; \frac{\sigma^2}{n_k}\delta_{kl}
        + (m R)^2 e^{-|\sqrt{s_k}-\sqrt{s_l}|/(\ell\sqrt{s_n})} + o^2 y_0^2\right),

    :math:`\sigma` being the noise of the curve (from its second differences), R its range, m = 5 % what a model is
    allowed to be wrong by, and o = 1 % of the largest loss an error of its level. A hundred thousand trajectories are
    weighted by it (`minimodels.forecast.sampler`).

    Parameters
    ----------
    curve : xarray.Dataset, mapping or DataFrame
        Up to now: ``step``, and the model's ``loss`` or observables by their names, from `read_curve` for instance.
        Each observable there enters like the loss.
    model : GradientFlow or Flow
        With its parameters.
    lr : float
        Learning rate, if it is known that time is learning rate x steps: the clock is held at it.
    rates, init : mapping
        As of `simulate`: what the effective rates and initial values are believed to be around.
    event : str or Event
        What the drop is; the model's first event unless given.
    prior : mapping of str to Prior, (kind, a, b) or number
        Changes what is believed of an unknown; a number holds it. Unless told otherwise (s_n the last step):

        ==============  ============================================  =========================================
        ``clock``       lognormal, drop at 2 s_n in the middle, 1.5   model time per step
        ``rate_<x>``    lognormal, 1, 0.7                             factor on the stated rate of a state
        ``start``       lognormal, 1, 1                               factor on all initial values
        ``delay``       lognormal, 0.02 s_n, 2                        steps before the model's start
        ``drift``       lognormal, 1, 0.15                            exponent of the clock: above 1 it speeds up
        ``growth_<x>``  lognormal, 1, 0.8; held at 0 for a Flow       how the rate grows with the state
        ``offset``      held at 0                                     added to the loss
        ``scale``       held at 1                                     factor on the loss
        a parameter     held as stated                                of the model, by its name
        ==============  ============================================  =========================================

    free : sequence of str
        The only unknowns; the others are held: delay 0, offset 0, the rest 1 or at the middle of their prior.
    samples : int
        Trajectories at most.
    seed, threads : int
        Of the draws; processors to use, all unless given. Results do not depend on the threads.

    Returns
    -------
    xarray.Dataset
        Per ``parameter`` (unknown): ``prior`` and ``posterior`` quantiles, ``width_ratio`` (posterior over prior
        standard deviation, on the scale of the prior), ``determined`` (is it below one half). ``draw`` (parameter,
        sample): draws of equal weight. On ``step``: every measure's fitted quantiles, and ``<measure>_seen``. Scalars:
        ``ess``, ``misfit`` (root mean square deviation of the best trajectory, 1 being expected).

    Raises
    ------
    InputError
        For a curve or an option that cannot be.

    Examples
    --------
    >>> import minimodels as mm
    >>> m = mm.model("nested_logit", N=8, L=32, attend="labels")
    >>> run = mm.simulate(m, t_end=44.0, save=np.linspace(0, 44, 45))
    >>> curve = {"step": 100 * run.time.values, "loss": run.loss.values}
    >>> found = mm.fit(curve, m, free=["clock"], samples=2000)
    >>> round(found.posterior.sel(parameter="clock", quantile=0.5).item(), 3)
    0.01
    """
    found = posterior(
        curve, model, lr=lr, rates=rates, init=init, event=event, prior=prior, free=free, horizon=1.0, samples=samples,
        seed=seed, threads=threads,
    )  # fmt: skip
    steps = np.linspace(0, 1, PAST) ** 2 * found.plan.now
    plan = found.plan
    paths = plan.paths(found.z, [np.concatenate([steps, s.step]) for s in plan.seen], beyond=False)
    values = {s.name: paths.measures[s.name] for s in plan.seen}
    measures = {s.name: plan.corrected(s, values[s.name][:, PAST:], values[s.name][:, :PAST]) for s in plan.seen}
    return told(found, steps, measures, title="fit of a training curve")


def told(found: Posterior, steps: Floats, measures: Mapping[str, Floats], *, title: str) -> "xr.Dataset":
    """Put a posterior into a dataset, with the quantiles of every measure (P, K) at steps (K,)."""
    import xarray as xr

    plan = found.plan
    believed = generator(0, Stream.FORECAST).standard_normal((RESAMPLED, len(plan.priors)))
    before, after = (draws_to_values(plan.priors, {}, z) for z in (believed, found.z))
    ratio = found.z.std(0)
    variables: dict[str, Any] = {
        "prior": (("parameter", "quantile"), [np.quantile(before[k], QUANTILES) for k in plan.priors]),
        "posterior": (("parameter", "quantile"), [np.quantile(after[k], QUANTILES) for k in plan.priors]),
        "width_ratio": ("parameter", ratio),
        "determined": ("parameter", ratio < DETERMINED),
        "draw": (("parameter", "sample"), [after[k] for k in plan.priors]),
        "ess": found.draws.ess,
        "misfit": misfit(found),
    }
    for seen in plan.seen:
        variables[seen.name] = (("step", "quantile"), np.quantile(measures[seen.name], QUANTILES, axis=0).T)
        here = np.interp(steps, seen.step, seen.value, left=np.nan, right=np.nan)
        variables[f"{seen.name}_seen"] = ("step", here)
    return xr.Dataset(
        variables,
        coords={"parameter": list(plan.priors), "quantile": list(QUANTILES), "step": steps},
        attrs={
            "format": FORMAT,
            "title": title,
            "model": plan.model.name,
            "now": plan.now,
            "drop": plan.drop.name,
            "trajectories": len(found.draws.z),
            "power": found.draws.power,
            "versions": versions(),
        },
    )


def misfit(found: Posterior) -> float:
    """Root mean square deviation of the best trajectories, in units of what is expected."""
    count = sum(len(s.step) for s in found.plan.seen)
    best = found.plan.log_likelihood(found.z[:: RESAMPLED // 200]).max()
    return float(np.sqrt(max(-2 * best, 0) / count)) if np.isfinite(best) else float("inf")
