"""Published starts of the toy models, and the numbers of the specification."""

import json
from pathlib import Path
from typing import Any

import minimodels as mm
from minimodels.model import Model
from minimodels.published import bound, published_vectors

NUMBERS: dict[str, Any] = json.loads((Path(__file__).parent / "numbers.json").read_text())


def three(
    seed: int, held: tuple[str, ...] = (), *, scale: float = 1.0, form: str = "overlaps"
) -> tuple[Model, dict[str, float]]:
    """Return the model of three vectors and a published start of it."""
    m = mm.model("tensor_product", k=3, form=form)
    return bound(m, published_vectors(m, [seed], scale=scale, clamped=held))


def four(
    seed: int, held: tuple[str, ...] = (), *, scale: float = 1.0, form: str = "overlaps"
) -> tuple[Model, dict[str, float]]:
    """Return the coopetition model and a published start of it."""
    m = mm.model("coopetition", form=form)
    return bound(m, published_vectors(m, [seed], scale=scale, clamped=held))
