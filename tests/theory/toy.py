"""A wing with one law: of a reaction x -> y at the rate a, half is left after log(2)/a, and x + y stays the same.

What the wings share is tested with it, whichever wings there are.
"""

import math
import sys
from types import ModuleType

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
from minimodels.model import Model
from theory import wings
from theory.checks import identity
from theory.derivation import Derivation, Init, Regime, Result, Step, number
from theory.emergence import Law, powers
from theory.vocabulary import equal, invariant, label, measured_escape, needs_rates

REACTION = mm.Flow(
    name="reaction_1",
    state={"x": 1.0, "y": 0.0},
    parameters={"a": 2.0},
    drift={"x": "-a*x", "y": "a*x"},
    events={"escape_time": mm.Event("x", 0.5, -1)},
    options={"order": "first"},
)
x, y, a = (REACTION.symbols[k] for k in ("x", "y", "a"))
t, k, eta_x = sp.Symbol("t", positive=True), sp.Symbol("k", positive=True), sp.Symbol("eta_x", positive=True)
WHERE = {k: a * eta_x}
LAWS = (
    Law(
        "race", "memorisation_race", "N", 1, powers(1e2, 1e4), choices={"form": "two-variable"}, init={"v": 0.0},
    ),
)  # fmt: skip


def draw(rng: np.random.Generator) -> dict[str, float]:
    return {name: rng.lognormal(0, 0.5) for name in ("x", "y", "a", "t", "k", "eta_x")}


def derive(model: Model) -> Derivation:
    """Half-life and sum, whatever the model is said to be: only the name and the options of it are looked at."""
    left = sp.exp(-k * t)
    decay = Step(
        "The solution of $\\dot x=-kx$ & its slope, at 100% of _k_.",
        equal(label("x(t)"), left),
        identity(sp.diff(left, t), -k * left, draw),
    )
    change = identity(sp.Add(*REACTION.drift.values()), sp.S(0), draw)
    stays = Step("What x loses, y gains.", equal(label("C"), x + y), change)

    def from_one(model: Model, init: Init) -> str | None:
        return None if init["x"] == 1 else f"x starts at {init['x']:g}, not at 1."

    def value(model: Model, init: Init) -> dict[str, float]:
        rate = number(model, k, WHERE)
        return {"half_life": math.log(2) / rate, "rate": rate}

    def curve(model: Model, times: np.ndarray) -> dict[str, np.ndarray]:
        return {"x": np.exp(-number(model, k, WHERE) * times)}

    half_life = Result(
        name="half_life",
        title="Half of it is left",
        statement=equal(label("T_{1/2}"), sp.log(2) / k),
        steps=(decay,),
        regime=Regime("from x = 1, at a positive rate", needs_rates("x"), from_one),
        evaluate=value,
        error=lambda model, init, values: 1e-6,
        curve=curve,
        measure=measured_escape,
    )
    whole = invariant(
        "whole", "The whole stays", equal(label("C"), x + y), (stays,), Regime("always"),
        lambda model, init: {"C": init["x"] + init["y"]},
    )  # fmt: skip
    return Derivation.stating(model.name, model.options, (half_life, whole), reference="made up here", where=WHERE)


def alone(monkeypatch: pytest.MonkeyPatch, *files: str) -> None:
    """Let this be the only wing there is, with these of its files: it derives what it says of every model."""
    found: dict[str, list[ModuleType]] = {file: [sys.modules[__name__]] for file in files}
    monkeypatch.setattr(wings, "modules", lambda name: found.get(name, []))
    monkeypatch.setattr(wings, "derivations", dict)
    monkeypatch.setattr(wings, "public", dict)
