"""Theory of the flows of one linear self-attention layer: invariants, escape times, limits, the staircase."""

from functools import lru_cache

import sympy as sp

from minimodels.models import linear_attention as statement
from theory.derivation import Derivation, Result
from theory.oswald import directions, one_step, random_weights
from theory.oswald.setting import HERE


def derive(weights: str = "merged", d: int = 0) -> Derivation:
    """Derive the theory of ``linear_attention`` with the model's own options."""
    options = statement.build(weights, d).options  # the model itself says what is wrong with an option
    return _derive(tuple(options.items()))


@lru_cache
def _derive(options: tuple[tuple[str, object], ...]) -> Derivation:
    m = statement.build(**dict(options))  # type: ignore[arg-type]
    weights, where = str(m.options["weights"]), dict[sp.Symbol, sp.Expr]()
    made: list[Result]
    if weights == "merged":
        where = one_step.WHERE
        made = [one_step.stays(m, "invariant", one_step.v, one_step.u), one_step.logistic(m)]
        made += [one_step.merged_escape(m), one_step.merged_end(m)]
    elif weights == "separate":
        where = one_step.WHERE
        pairs = {"invariant": (one_step.k, one_step.q), "invariant_pv": (one_step.p, one_step.v)}
        pairs["invariant_pk"] = one_step.p, one_step.k
        made = [one_step.stays(m, name, *pair) for name, pair in pairs.items()] + [one_step.separate_escape(m)]
    elif weights == "onset":
        where, made = random_weights.WHERE, [*random_weights.invariants(m), random_weights.onset_escape(m)]
    elif weights == "saturation":
        where, made = random_weights.WHERE, [random_weights.fall_invariant(m), random_weights.fall(m)]
    else:
        where = directions.Directions(m).where
        last = directions.growth(m) if weights.endswith("merged") else directions.ladder(m)
        made = [*directions.invariants(m), directions.limit(m), last]
    return Derivation.stating("linear_attention", m.options, made, reference=HERE, where=where)
