"""Made-up runs: for a claim, runs for which it must agree and runs for which it must not."""

import json
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import xarray as xr

from validation.ledger import Claim
from validation.papers import claims_of
from validation.protocols import Training

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


def ended(seeds: int = 3, **accuracies: float) -> xr.Dataset:
    """A run by its accuracies at the end; seeds differ by .001."""
    spread = 1e-3 * np.arange(seeds)
    data = {f"{k}_accuracy": (("seed", "step"), np.stack([0 * spread, v - spread], 1)) for k, v in accuracies.items()}
    return xr.Dataset(data, coords={"seed": np.arange(seeds), "step": [0, 1000]})


def by_task(claim: Claim, accuracies: Callable[[Training], Mapping[str, float]]) -> Runs:
    """Accuracies at the end of every training of a claim, as a function of the training."""
    return {training.name: ended(**accuracies(training)) for training in trainings(claim)}


def rising(at: float | list[float], *, end: float | None = None, width: float = 5.0, lr: float = 0.1) -> xr.Dataset:
    """The correct probability of every seed passes 1/2 at a step of its own, and its loss falls."""
    each = np.atleast_1d(np.asarray(at, float))
    steps = np.linspace(0, end or 2 * each[np.isfinite(each)].max(initial=100.0), 2001)
    correct = 1 / (1 + np.exp(-np.clip((steps - each[:, None]) / width, -500, 500)))
    values = {"correct": correct, "loss": 3 - 2 * correct}
    return xr.Dataset(
        {k: (("seed", "step"), v) for k, v in values.items()}, coords={"seed": np.arange(each.size), "step": steps},
        attrs={"optimiser": json.dumps({"lr": lr})},
    )  # fmt: skip


def escaped(steps: float | list[float], seeds: int = 3) -> xr.Dataset:
    """The transition steps of a head, with a spread of a thousandth."""
    each = np.asarray(steps, float) * (1 + 1e-3 * np.linspace(-1, 1, seeds)) if np.ndim(steps) == 0 else steps
    return xr.Dataset({"escape_step": ("seed", np.asarray(each, float))})
