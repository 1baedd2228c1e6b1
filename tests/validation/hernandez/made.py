"""Made-up results of trainings: what a scan would have left if its damage were a given function."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from validation.hernandez.scans import tokens_a_parameter
from validation.ledger import Context

SEEDS = 4
Bump = Callable[[float, float], float]  # of f and r


def ridge(center: Callable[[float], float], height: Callable[[float], float], width: float = 1.2) -> Bump:
    """A bump in ln r."""

    def value(f: float, r: float) -> float:
        return height(f) / math.cosh((math.log(r) - center(f)) / width)

    return value


@dataclass(frozen=True)
class World:
    """What a network is like: its damage, and everything else, by f and r; widths by the elasticity `al`."""

    bump: Bump
    al: float = 0.1
    repeated: Callable[[float, float], float] = lambda f, r: 0.2 if r >= 64 else 0.95
    copies: Bump = lambda f, r: 0.0  # damage of copying, on top
    prefix: Callable[[float, float], float] = lambda f, r: 0.8
    fall: Callable[[float, float], float] = lambda f, r: 1.0
    variance: Callable[[float, float], float] = lambda f, r: 1.0
    margin: Callable[[float, float], float] = lambda f, r: 3.0
    shifted: Bump = lambda f, r: 0.0  # damage on another chain, on top
    dropped: float = 0.005  # damage of training on fewer tokens

    def evaluated(self, training: Any) -> xr.Dataset:
        """What an analysis would find."""
        rng = np.random.default_rng(abs(hash(training.name)) % 2**32)
        task: Any = training.task
        N = training.network.sizes(task)["N"]
        f, r = task.f, float(task.repeats(training.steps * training.batch)) if task.f else 0.0
        damaged = self.bump(f, r) if r else self.dropped * (training.name.split("-")[1] != "f0")
        noise = 0.0005 * rng.standard_normal(SEEDS)
        loss = 3.0 * (N / 32768) ** -self.al * np.exp(damaged + noise)
        more = {name: np.exp(getattr(self, name)(f, r) if r else 0.0) for name in ("copies", "shifted")}
        fall = self.fall(f, r) if r else 1.0
        copy = np.concatenate([[3.0], np.linspace(2.0, 2.0 - fall, 10)])
        variance, margin, prefix = (
            (getattr(self, name)(f, r) if r else getattr(World(self.bump), name)(0.0, 1.0)) * np.exp(10 * noise)
            for name in ("variance", "margin", "prefix")
        )
        heads = {name: (("seed", "layer", "head"), value[:, None, None] * np.array([[[0.1, 1.0]]]))
                 for name, value in (("variance", variance), ("margin", margin), ("prefix", prefix))}  # fmt: skip
        return xr.Dataset(
            {
                "loss": ("seed", loss),
                "repeated_loss": ("seed", loss * self.repeated(f, r) if r else np.full(SEEDS, np.nan)),
                "shifted_loss": ("seed", 2 * loss * more["shifted"]),
                "copies_loss": (("seed", "copy"), loss[:, None] / 3 * copy * more["copies"]),
                **heads,
            },
            {"seed": np.arange(SEEDS), "copy": np.arange(1, 12)},
        )  # fmt: skip

    def context(self, *groups: Sequence[Any]) -> Context:
        """A full run of these trainings."""
        made = {f"{t.name}/evaluated": self.evaluated(t) for group in groups for t in group}
        return Context(True, made)

    def but(self, **changes: Any) -> "World":
        """Another world."""
        return replace(self, **changes)


def expected_center(context: Context) -> float:
    """Where a ridge has its worst, ln T/p."""
    return math.log(tokens_a_parameter(context))
