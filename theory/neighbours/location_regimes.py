"""Where results about the single-location model hold: each condition with the reason why it is not met."""

import math

from minimodels.model import Model
from theory.derivation import Init, number
from theory.neighbours.location_setting import REST


def silent_others(model: Model, init: Init) -> str | None:
    """Give the reason why a result for sigma = 0 does not hold."""
    size = model.values["sigma"]
    return f"sigma = {size:g}: the contents of the other tokens damp w; derived for sigma = 0." if size else None


def not_yet(model: Model, init: Init) -> str | None:
    """Give the reason why there is no plateau: the attention is there already."""
    share = 1 / (1 + number(model, REST, {}) * math.exp(-init["Delta"]))
    return f"the relevant token has the attention {share:.3g} at the start." if share >= 0.5 else None


def one_direction(model: Model) -> bool:
    """Whether all gains are learnt at one pace."""
    return model.values.get("p", 0) in (0, 1)


def too_short(model: Model, init: Init) -> str | None:
    """Give the reason why the attention does not get to 1/2 by this route."""
    half, limit = gain_at_half(model, init), 2 * math.sqrt(model.values["d"] if model.values.get("p", 0) == 0 else 1)
    return f"at a = 1/2 the gain would be {half:.3g}, but aw cannot exceed {limit / 2:.3g}." if half >= limit else None


def gain_at_half(model: Model, init: Init) -> float:
    """Return the gain at a = 1/2, from the invariant."""
    competing, rate = number(model, REST, {}), model.rate_values()
    way = math.log(competing) + 1 - init["Delta"] - math.exp(init["Delta"]) / competing
    return math.sqrt(init["w"] ** 2 + 2 * rate["w"] / rate["Delta"] * way)
