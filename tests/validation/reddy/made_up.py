"""Made-up runs: for a claim, runs for which it must agree and runs for which it must not."""

import json
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from validation.ledger import Claim
from validation.papers import claims_of
from validation.protocols import Training
from validation.reddy.settings import SEEDS

Runs = dict[str, xr.Dataset]
Cases = Iterator[tuple[str, Runs]]  # the verdict that is due, and the runs

MADE_UP: dict[str, Callable[[Claim], Cases]] = {}  # by the id of the claim


def of(*ids: str) -> Callable[[Callable[[Claim], Cases]], Callable[[Claim], Cases]]:
    """Register the runs of these claims."""

    def keep(made: Callable[[Claim], Cases]) -> Callable[[Claim], Cases]:
        for id in ids:
            assert id in claims_of("reddy")
            assert id not in MADE_UP
            MADE_UP[id] = made
        return made

    return keep


def trainings(claim: Claim) -> list[Training]:
    """The quick trainings of a claim, or the full ones where it has no other."""
    return list(claim.trainings(bool(claim.full_only)))


def ended(**accuracies: float) -> xr.Dataset:
    """A run by its accuracies at the end; seeds differ by .001."""
    spread = 1e-3 * np.array(SEEDS)
    data = {f"{k}_accuracy": (("seed", "step"), np.stack([0 * spread, v - spread], 1)) for k, v in accuracies.items()}
    return xr.Dataset(data, coords={"seed": list(SEEDS), "step": [0, 1000]})


def by_task(claim: Claim, accuracies: Callable[[Training], Mapping[str, float]]) -> Runs:
    """Accuracies at the end of every training of a claim, as a function of the training."""
    return {training.name: ended(**accuracies(training)) for training in trainings(claim)}


def near(value: float) -> NDArray[np.float64]:
    """One value for each seed, within a hundredth."""
    return value * (1 + 0.01 * np.linspace(-1, 1, len(SEEDS)))


def rising(at: ArrayLike, *, end: float | None = None, width: float = 5.0, lr: float = 0.1) -> xr.Dataset:
    """The correct probability of every seed passes 1/2 at a step of its own, and its loss falls."""
    each = np.asarray(at, float)
    steps = np.linspace(0, end or 2 * each[np.isfinite(each)].max(initial=100.0), 2001)
    correct = 1 / (1 + np.exp(-np.clip((steps - each[:, None]) / width, -500, 500)))
    values = {"correct": correct, "loss": 3 - 2 * correct}
    return xr.Dataset(
        {k: (("seed", "step"), v) for k, v in values.items()}, coords={"seed": np.arange(each.size), "step": steps},
        attrs={"optimiser": json.dumps({"lr": lr})},
    )  # fmt: skip


def escaped(steps: ArrayLike) -> xr.Dataset:
    """The transition step of every seed of a head."""
    return xr.Dataset({"escape_step": ("seed", np.asarray(steps, float))})


def but_one(values: NDArray[np.float64], other: float = math.nan) -> NDArray[np.float64]:
    """The values, with another for the last seed."""
    return np.append(values[:-1], other)


def network(
    transition: float, *, plateau: float, before: float = 600.0, apart: float = 10.0, start: float = 0.25
) -> xr.Dataset:
    """A made-up run, N = 4, L = 16: CLA rises at `before`, the rest at `transition`."""
    step = np.arange(0, 3001, 20.0)
    shift = np.array(SEEDS)[:, None] * apart

    def rise(at: float, width: float) -> np.ndarray:
        return 1 / (1 + np.exp(-(step - at - shift) / width))

    slow, fast = rise(before, 60.0), rise(transition, 20.0)
    loss = math.log(16) + (plateau - math.log(16)) * slow - plateau * fast
    values = {
        "CLA": start + (1 - start) * slow, "TLA2": 0.45 + 0.5 * slow, "ILA1": 0.25 + 0.6 * fast,
        "TILA2": 0.1 + 0.8 * fast, "IC_accuracy": 0.06 + 0.9 * fast, "loss": loss,
    }  # fmt: skip
    values["correct"] = values["CLA"] / 4 * (1 - fast) + fast
    values["IC_correct"] = values["correct"]
    coords = {"seed": list(SEEDS), "step": step.astype(int)}
    attrs = {"task": json.dumps({"N": 4, "L": 16, "B": 1}), "optimiser": json.dumps({"lr": 0.1})}
    return xr.Dataset({k: (("seed", "step"), v) for k, v in values.items()}, coords=coords, attrs=attrs)
