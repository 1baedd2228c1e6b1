"""Theory of the tensor product of vectors: reductions, escape times by the number of free vectors, the plateau."""

from functools import lru_cache

from minimodels.models import tensor_product as statement
from theory.derivation import Derivation
from theory.singh import exact, free, plateau, small
from theory.singh.setting import INDUCTION, components

HERE = f"derived here from the loss of the model of {INDUCTION}"


def derive(k: int = 3, form: str = "overlaps") -> Derivation:
    """Derive the theory of ``tensor_product`` with the model's own options."""
    options = statement.build(k, form).options  # the model itself says what is wrong with an option
    return _derive(int(options["k"]), str(options["form"]))


@lru_cache
def _derive(k: int, form: str) -> Derivation:
    c = components(statement.build(k, form))
    fewer = [components(statement.build(f, form)) for f in range(1, min(k, 4) + 1)]
    made = [exact.reduction(c), *exact.conserved(c)]
    made += [exact.clamp(c)] if k > 1 else []
    made += [free.exponential(fewer[0]), *(f(fewer[1]) for f in (free.logistic,) if k > 1), free.aligned(c)]
    made += [small.escape(one) for one in fewer[1:]]
    made += [plateau.collapse(c)] if k > 1 else []
    made += [plateau.onset(fewer[2])] if k > 2 else []
    made.append(exact.stability(c))
    return Derivation.stating("tensor_product", c.model.options, made, reference=HERE)
