"""Where results about the nested-logit model hold: each condition with the reason why it is not met."""

import math

from minimodels.model import Model
from theory.derivation import Init


def is_exact(model: Model) -> bool:
    """Whether the model keeps the positions of the sequence."""
    return str(model.options["attend"]).startswith("exact")


def is_saddle(model: Model) -> bool:
    """Whether the origin is a saddle: L = N/B."""
    v = model.values
    return math.isclose(v["L"] * v["B"] / v["N"] - 1, 0, abs_tol=1e-12)


def mean_field(model: Model, init: Init) -> str | None:
    """All positions are alike."""
    return "the positions of the sequence are kept, and it is derived for the mean field." if is_exact(model) else None


def exact(model: Model, init: Init) -> str | None:
    """The positions of the sequence are kept."""
    if is_exact(model):
        return None
    return "the model is the mean field (attend='all' or 'labels'); use attend='exact' or 'exact-labels'."


def fixed_beta_2(model: Model, init: Init) -> str | None:
    """The attention to labels is frozen."""
    return "beta_2 is a free state and moves the attention from the start." if "beta_2" in model.state else None


def several_labels(model: Model, init: Init) -> str | None:
    """There are labels to choose between."""
    if model.values["N"] > model.values["B"]:
        return None
    return "N = B: the context holds one label, there is nothing for the match to choose."


def at_the_saddle(model: Model, init: Init) -> str | None:
    """The origin is a saddle."""
    if is_saddle(model):
        return None
    v = model.values
    return f"L = {v['L']:g} exceeds N/B = {v['N'] / v['B']:g}, so that the origin is not a critical point."


def above_the_saddle(model: Model, init: Init) -> str | None:
    """There is a slow phase."""
    if not is_saddle(model):
        return None
    return "L = N/B: every label is in the context, the origin is a saddle and there is no slow phase."


def below_half(model: Model, init: Init) -> str | None:
    """The right label starts below the level of the transition."""
    return "r starts at 1/L, not below 1/2 (L must exceed 2)." if model.values["L"] <= 2 else None


def two_labels(model: Model, init: Init) -> str | None:
    """The two labels of the context are all there are."""
    v = model.values
    if model.options["attend"] == "labels" and v["L"] == 2 and v["N"] == 2 * v["B"]:
        return None
    return "it needs attend='labels' and L = N/B = 2; otherwise it holds to second order at the saddle only."
