"""Trajectories of a model as training curves, and how well they fit what was seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from minimodels.engine.kernel import Floats
from minimodels.forecast.drop import Drop
from minimodels.forecast.growth import grown
from minimodels.forecast.prior import Prior, draws_to_values, highest
from minimodels.forecast.seen import Seen
from minimodels.model import Model
from minimodels.part import solve
from minimodels.pool import run_parts
from minimodels.problem import Options, Problem, problem

GRID = 96  # saved times of the seen part, equally far apart in their square root
CHUNK = 2048
MODEL_ERROR = 0.05  # standard deviation of what the model is wrong by, as a share of the seen range
TOGETHER = 0.15  # over which stretch of sqrt(step / last step) it is wrong in the same direction
LEVEL = 0.01  # standard deviation of a constant error of the loss, as a share of its largest value
MAX_STEPS = 20_000  # of a trajectory


@dataclass(frozen=True)
class Paths:
    """Trajectories in steps: measures (P, K) by name, the step of the drop (P,), inf if none comes."""

    measures: Mapping[str, Floats]
    drop: Floats


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A model, what is unknown of it, what was seen, and how far to look."""

    model: Model
    init: Mapping[str, float]
    drop: Drop
    priors: Mapping[str, Prior]
    held: Mapping[str, float]
    seen: Sequence[Seen]
    now: float
    horizon: float
    threads: int | None

    @cached_property
    def end(self) -> float:
        """Time of the flow, in steps of the present speed, that reaches the horizon for nearly every drift."""
        drift = highest(self.priors.get("drift"), self.held.get("drift", 1.0))
        return self.now * (self.horizon / self.now) ** max(drift, 1.0)

    def stated(self, save: Floats) -> Problem:
        """The flow over a number of steps, with saved times."""
        options = Options(
            init=self.init, save=save, events=self.drop.watched, max_steps=MAX_STEPS, rtol=1e-5, atol=1e-8
        )
        grows = any(name.startswith("growth_") for name in (*self.priors, *(k for k, v in self.held.items() if v)))
        return problem(grown(self.model) if grows else self.model, self.end, options)

    def paths(self, z: Floats, steps: Sequence[Floats], *, beyond: bool) -> Paths:
        """Trajectories of draws z (P, d): of every measure at its steps (K,) or (P, K), and the step of the drop.

        ``beyond`` says whether some steps are later than now.
        """
        grid = np.linspace(0, 1, GRID + 1) ** 2 * self.now
        if beyond:
            later = np.geomspace(1, self.end / self.now, 4 * GRID)[1:] * self.now
            grid = np.concatenate([grid, np.minimum(later, self.end)])
        stated = self.stated(grid)
        keep = [*(s.name for s in self.seen), self.drop.name]
        measures = [np.full((len(z), x.shape[-1]), np.nan) for x in steps]
        drop = np.full(len(z), np.nan)

        def task(part: slice) -> tuple[object, ...]:
            return self, stated, z[part], [x[part] if x.ndim == 2 else x for x in steps], keep

        def done(part: slice, found: tuple[list[Floats], Floats]) -> None:
            for array, values in zip(measures, found[0], strict=True):
                array[part] = values
            drop[part] = found[1]

        stated.kernel()
        parts = [slice(a, min(a + CHUNK, len(z)), 1) for a in range(0, len(z), CHUNK)]
        run_parts(_paths, task, parts, threads=self.threads, on_done=done, whole=True)
        return Paths({s.name: m for s, m in zip(self.seen, measures, strict=True)}, drop)

    def log_likelihood(self, z: Floats) -> Floats:
        """Logarithm of the probability of what was seen, given draws z; minus infinity where a trajectory failed."""
        paths = self.paths(z, [s.step for s in self.seen], beyond=False)
        total = np.zeros(len(z))
        for s, factor in zip(self.seen, self.factors, strict=True):
            apart = solve_triangular(factor, (paths.measures[s.name] - s.value).T, lower=True, check_finite=False)
            total -= 0.5 * (apart**2).sum(0)
        return np.where(np.isfinite(total) & ~np.isnan(paths.drop), total, -np.inf)

    @cached_property
    def factors(self) -> list[Floats]:
        """Cholesky factors of the covariance of what is between model and log: noise, and the model's error."""
        found = []
        for s in self.seen:
            x = np.sqrt(s.step / self.now)
            alike = np.exp(-np.abs(x[:, None] - x) / TOGETHER)
            noise = np.diag(s.noise**2 / s.points + (1e-3 * s.size) ** 2)
            found.append(cholesky((MODEL_ERROR * s.size) ** 2 * alike + noise + level_variance(s), lower=True))
        return found

    def corrected(self, s: Seen, at_seen: Floats, values: Floats) -> Floats:
        """Measures (P, K) without the error of the level that a trajectory has where it was seen (P, k)."""
        if not level_variance(s):
            return values
        weight = cho_solve((self.factors[self.seen.index(s)], True), np.full(len(s.step), level_variance(s)))
        return values + ((s.value - at_seen) @ weight)[:, None]


def level_variance(seen: Seen) -> float:
    """Variance of the constant error: a loss may have another floor than the model's, a progress measure not."""
    return (LEVEL * float(np.abs(seen.value).max())) ** 2 if seen.name == "loss" else 0.0


def _paths(
    plan: Plan, stated: Problem, z: Floats, steps: Sequence[Floats], keep: Sequence[str],
    interrupt: NDArray[np.uint8] | None = None,
) -> tuple[list[Floats], Floats]:  # fmt: skip
    """Some trajectories, in any thread."""
    model, now = stated.model, plan.now
    u = draws_to_values(plan.priors, plan.held, z)
    given: dict[str, Floats] = {name: u[name] for name in model.parameters if name in u}
    given |= {f"{k}_0": value * u["start"] for k, value in stated.init.items()}
    rates = stated.points(given, len(z))[1][:, len(model.parameters) :]
    for i, name in enumerate(model.state):
        given[f"rate_{name}"] = rates[:, i] * u["clock"] * u.get(f"rate_{name}", np.ones(1))
    run = solve(stated, given, len(z), keep, "nan", interrupt)
    drop = now * (run[plan.drop.name] / now) ** (1 / u["drift"]) + u["delay"]
    drop = np.where(run[f"{plan.drop.name}_censored"] | (drop > plan.horizon), np.inf, drop)
    measures = []
    for name, at in zip(keep, steps, strict=False):
        when = now * (np.maximum(at - u["delay"][:, None], 0) / now) ** u["drift"][:, None]
        values = _between(stated.save, run[name], when)
        if name == "loss":
            values = u["offset"][:, None] + u["scale"][:, None] * values
        measures.append(values)
    return measures, drop


def _between(grid: Floats, values: Floats, at: Floats) -> Floats:
    """Interpolate rows (P, G) on one grid at places (P, K)."""
    right = np.clip(np.searchsorted(grid, at), 1, len(grid) - 1)
    share = np.clip((at - grid[right - 1]) / (grid[right] - grid[right - 1]), 0, 1)
    rows = np.arange(len(values))[:, None]
    return values[rows, right - 1] * (1 - share) + values[rows, right] * share
