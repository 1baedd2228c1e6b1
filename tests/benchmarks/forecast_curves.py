"""The trainings that `tests.benchmarks.forecasts` forecasts, kept in a folder: a set to tune on, a set held out.

No configuration (N, L, B) and no seed is in both sets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import xarray as xr
from tqdm import tqdm

import minimodels as mm

Kind = Literal["linear", "deep", "network"]
TUNING = {
    "linear": [(3, 12, 1), (5, 20, 1), (6, 48, 1), (6, 24, 2)],
    "deep": [(3, 12, 1), (5, 20, 1), (6, 48, 1), (6, 24, 2)],
    "network": [(3, 12, 1), (5, 15, 1), (3, 24, 1)],
}
HELD_OUT = {
    "linear": [(4, 16, 1), (4, 32, 1), (7, 28, 1), (8, 16, 1), (8, 32, 1), (8, 32, 2), (8, 64, 1), (10, 40, 1)],
    "deep": [(4, 16, 1), (4, 32, 1), (7, 28, 1), (8, 16, 1), (8, 32, 1), (8, 32, 2), (8, 64, 1), (10, 40, 1)],
    "network": [(4, 16, 1), (4, 32, 1), (5, 20, 1), (5, 40, 1), (6, 12, 1)],
}
SEEDS = {"tuning": (0, 1), "held out": (11, 12)}
FLAT = [(6, 6, 1), (8, 8, 1), (10, 10, 1)]  # L = N: the start is a saddle, and no drop comes in these steps


@dataclass(frozen=True)
class Case:
    """One trained network."""

    kind: Kind
    N: int
    L: int
    B: int
    seed: int
    part: str

    @property
    def name(self) -> str:
        return f"{self.kind}-N{self.N}-L{self.L}-B{self.B}-s{self.seed}"

    def model(self) -> mm.GradientFlow:
        """The minimal model with the parameters of the task."""
        found = mm.model("nested_logit", N=self.N, L=self.L, B=self.B)
        assert isinstance(found, mm.GradientFlow)
        return found

    def train(self) -> xr.Dataset:
        head = {"N": self.N, "L": self.L, "B": self.B, "p_C": 1.0}
        if self.kind == "network":
            import validation
            from validation.reddy.network import AttentionOnly

            task = mm.ItemLabelTask(**head, K=self.L, D=31, N_max=self.N, K_c=None)  # type: ignore[arg-type]
            return validation.train(
                task, AttentionOnly(), optimiser=validation.SGD(lr=0.1), steps=8000, seed=self.seed, record_every=20,
                held_out=512, tests=(), stop_above=0.9,
            )  # fmt: skip
        task = mm.ItemLabelTask(**head, K=4 * self.L, K_c=None)  # type: ignore[arg-type]
        linear = self.kind == "linear"
        return mm.train_head(
            task, mm.InductionHead(classifier="linear") if linear else mm.InductionHead(gain=17.0),
            lr=1.0 if linear else 0.05,
            steps=1500 if self.L == self.N else 20_000, seed=self.seed, record_every=5, tests=(),
            stop_above=0.9, threads=1, progress=False,
        )  # fmt: skip


def cases() -> list[Case]:
    """All networks that drop."""
    every = []
    for part, groups in (("tuning", TUNING), ("held out", HELD_OUT)):
        for kind, keys in groups.items():
            every += [Case(kind, *key, seed, part) for key in keys for seed in SEEDS[part]]  # type: ignore[arg-type]
    return every


def flat_cases() -> list[Case]:
    """Networks that do not."""
    return [Case("linear", *key, seed, "control") for key in FLAT for seed in (21, 22)]


def trained(wanted: list[Case], folder: Path) -> Iterator[tuple[Case, xr.Dataset]]:
    """Give every case with its training curve, trained unless the folder holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in tqdm(wanted, desc="trainings", disable=None):
        path = folder / f"{case.name}.nc"
        if not path.exists():
            mm.save(case.train(), path)
        yield case, mm.load(path)


if __name__ == "__main__":
    import sys

    for _ in trained([*flat_cases(), *cases()], Path(sys.argv[1])):
        pass
