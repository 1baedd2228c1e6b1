"""Published starts of the toy models, and the numbers of the specification."""

import json
from pathlib import Path
from typing import Any

import minimodels as mm
from minimodels.model import Model
from tests.minimodels.toys import FOUR, THREE, clamped, only, table

NUMBERS: dict[str, Any] = json.loads((Path(__file__).parent / "numbers.json").read_text())
CONDITIONS = [(), ("3",), ("2", "3")]


def three(
    seed: int, held: tuple[str, ...] = (), *, scale: float = 1.0, form: str = "overlaps"
) -> tuple[Model, dict[str, float]]:
    """Return the model of three vectors and a published start of it."""
    m = mm.model("tensor_product", k=3, form=form)
    return only(m, clamped(table(m, [THREE[seed][:3]], scale=scale), *held))


def four(
    seed: int, held: tuple[str, ...] = (), *, scale: float = 1.0, form: str = "overlaps"
) -> tuple[Model, dict[str, float]]:
    """Return the coopetition model and a published start of it."""
    m = mm.model("coopetition", form=form)
    return only(m, clamped(table(m, [FOUR[seed][:3]], scale=scale), *held))
