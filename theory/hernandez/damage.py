r"""The damage of repeats by every model that applies: effective over actual parameters, :math:`x=N_\mathrm{eff}/N`."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.hernandez.effective import (
    N_PUBLISHED,
    SOURCE,
    T_PUBLISHED,
    effective_size,
    published_band,
    published_depth,
)
from theory.hernandez.histogram import Histogram
from theory.hernandez.market import several
from theory.hernandez.ridge import excess
from theory.hernandez.scaling import chinchilla_loss, data_constrained_loss
from theory.hernandez.weighted import weighted_risk

__all__ = ["SOURCE", "Case", "Damage", "every"]
SHALLOW = 0.1  # largest f at which the depth of model A is of the right size
WHOLE = 0.99  # f from which on the corpus as a whole is repeated
SMALLEST = 0.03  # f of the published scans that were not too noisy
NEAR = 2.0  # factor between T and the published one


@dataclass(frozen=True)
class Case:
    """A training: T, N, p, share of repeats, tokens seen once, repeated groups, and the constants of the models."""

    tokens: float
    parameters: float
    directions: float
    f: float
    once: float
    groups: Histogram
    al: float
    wt: float
    per_token: float

    @property
    def unique(self) -> float:
        """Distinct tokens of all."""
        return self.once + float(self.groups.distinct.sum())


@dataclass(frozen=True)
class Damage:
    """What one model says: x from ``low`` to ``high``, or why it does not apply."""

    model: str
    title: str
    low: float
    high: float
    why: str = ""

    @property
    def applies(self) -> bool:
        """Whether the model says anything here."""
        return not self.why

    def words(self) -> str:
        """Return the damage as a report shows it."""
        if self.why:
            return f"does not apply: {self.why}"
        return f"{self.low:.3g}" if self.low == self.high else f"{self.low:.3g} to {self.high:.3g}"


def every(case: Case) -> tuple[Damage, ...]:
    """Return what every model says."""
    models: tuple[tuple[str, str, Callable[[Case], tuple[float, float] | str]], ...] = (
        ("A", "A, noise of the repeated sample", noise),
        ("C", "C, capacity that memorising takes", capacity),
        ("published", "published runs at T = 1e11", published),
        ("epochs", "data-constrained scaling, whole corpus", epochs),
    )
    made = []
    for name, title, says in models:
        found = (1.0, 1.0) if case.f == 0 else says(case)
        made.append(Damage(name, title, math.nan, math.nan, found) if isinstance(found, str) else
                    Damage(name, title, *found))  # fmt: skip
    return tuple(made)


def noise(case: Case) -> tuple[float, float] | str:
    """Model A: exact weighted regression on all groups, against as many tokens that are all distinct."""
    if case.f > SHALLOW:
        return f"far too deep above f = {SHALLOW}."
    if case.unique <= case.directions:
        return f"{case.unique:.3g} distinct tokens are fewer than p = {case.directions:.3g} directions."
    counts = np.append(case.groups.distinct, case.once)
    repeated = weighted_risk(np.append(case.groups.multiplicity, 1.0), counts, p=case.directions).excess
    clean = weighted_risk([1.0], [case.tokens], p=case.directions).excess
    x = float(effective_size(max(0.0, repeated - clean), al=case.al, wt=case.wt))
    return x, x


def capacity(case: Case) -> tuple[float, float] | str:
    """Model C: groups memorised in the order of what they are worth for a parameter."""
    if case.f >= WHOLE:
        return "the whole corpus is repeated."
    shares, sizes = case.groups.tokens / case.tokens, case.per_token * case.groups.distinct / case.parameters
    x = several(shares, sizes, case.al)
    return x, x


def published(case: Case) -> tuple[float, float] | str:
    """What was seen: half of the worst ln x or more inside of the band; outside less, fading as in model A."""
    if case.groups.multiplicity.size > 1:
        return "the runs repeated one set, all of it equally often."
    low, high = N_PUBLISHED
    if not low <= case.parameters <= high:
        return f"the runs had {low:.3g} to {high:.3g} parameters."
    if not T_PUBLISHED / NEAR <= case.tokens <= T_PUBLISHED * NEAR:
        return f"the runs had {T_PUBLISHED:.0e} tokens."
    if not SMALLEST * 0.999 <= case.f <= 0.9:
        return f"the runs had f from {SMALLEST} to 0.9."
    worst, band = published_depth(case.f), published_band(case.parameters)
    r = float(case.groups.multiplicity[0])
    if band.low <= r <= band.high:
        return worst, math.sqrt(worst)
    left = float(excess(r / band.center, case.f) / excess(band.low / band.center, case.f))
    return worst ** (left / 2), 1.0


def epochs(case: Case) -> tuple[float, float] | str:
    """Whole-corpus epochs: repeats are worth less and less, and never hurt."""
    if case.f < WHOLE:
        return f"only a share f = {case.f:.3g} is repeated."
    ratio = data_constrained_loss(case.parameters, case.tokens, case.unique) / chinchilla_loss(
        case.parameters, case.tokens, "muennighoff"
    )
    x = max(1.0, float(ratio)) ** (-1 / case.al)
    return x, x
