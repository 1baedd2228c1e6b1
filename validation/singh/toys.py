"""The toy models behind the claims: their published starts and draws of our own, descended."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import minimodels as mm
from minimodels.model import Model
from minimodels.published import CLAMPS, LOSSES, STEPS, ZERO_LOSS, published_vectors
from minimodels.vectors import vectors_of

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[np.float64]]
N = 20**3  # entries of the tensor of three vectors
STOP = {"stop": mm.Event("loss", 1e-6, -1), "stop_perfect": mm.Event("loss", 1e-3, -1)}  # where the authors stop
WINDOW = 600  # iterations before and after mechanism 1 is half learned in which a divot is looked for
three, four = partial(mm.model, "tensor_product"), partial(mm.model, "coopetition")


def descended(model: Model, columns: Columns, steps: int, **options: Any) -> xr.Dataset:
    """Descend from every row of columns at the learning rate 1."""
    return mm.sweep(model, points=columns, steps=steps, progress=False, **options)


def flown(model: Model, columns: Columns, t_end: float, **options: Any) -> xr.Dataset:
    """Follow the flow from every row of columns, nearly to rounding."""
    close = {"rtol": 1e-11, "atol": 1e-13, "max_steps": 10**6} | options
    return mm.sweep(model, points=columns, t_end=t_end, progress=False, **close)


def halved(columns: Columns, steps: int) -> Floats:
    """Iterations at which the loss of three vectors is halved; nan where that is later."""
    found = descended(three(), columns, steps, keep="escape_time", stop_at="escape_time")
    return np.asarray(found["escape_time"].values)


def whole_tensors(model: Model, seed: int, steps: int) -> dict[str, Floats]:
    """Loss, squared norms and overlaps of three whole vectors that descend by the gradient of the whole tensor."""
    drawn = vectors_of(model, seed).values()
    truths, vectors = ([pair[k] for pair in drawn] for k in (0, 1))
    truth = np.einsum("i,j,k->ijk", *truths)
    found: dict[str, list[float]] = {}
    for _ in range(steps + 1):
        gap = np.einsum("i,j,k->ijk", *vectors) - truth
        found.setdefault("loss", []).append(float((gap**2).mean() / 2))
        for i in range(3):
            found.setdefault(f"n_{i + 1}", []).append(float(vectors[i] @ vectors[i]))
            found.setdefault(f"s_{i + 1}", []).append(float(vectors[i] @ truths[i]))
        one, two, last = vectors
        slopes = (gap @ last @ two, np.einsum("ijk,i,k->j", gap, one, last), np.einsum("ijk,i,j->k", gap, one, two))
        vectors = [vector - slope / gap.size for vector, slope in zip(vectors, slopes, strict=True)]
    return {name: np.array(values) for name, values in found.items()}


def zero_loss(columns: Columns | xr.Dataset, names: Sequence[str], size: int) -> Floats:
    """Loss of predicting zero, of every row: half the squared norm of the truth by its entries."""
    return np.prod([np.asarray(columns[f"T_{x}"]) for x in names], axis=0) / (2 * size)


def toy_courses(steps: int = 1000) -> xr.Dataset:
    """Losses of three vectors with none, one and two of them clamped to the truth: the published start, seed 1.

    Returns
    -------
    xarray.Dataset
        ``loss`` in units of that of predicting zero over ``unlearnt``, the number of vectors that are left to be learnt
        (3, 2, 1), and ``iteration``; ``tabulated``, the published losses, over ``unlearnt`` and ``at``.
    """
    rows = []
    for clamped in CLAMPS:
        columns = published_vectors(three(), [1], clamped=clamped)
        rows.append(descended(three(), columns, steps, save=np.arange(steps + 1), keep="loss")["loss"].values[0])
    table = np.array(list(LOSSES.values())).T / ZERO_LOSS
    return xr.Dataset(
        {"loss": (("unlearnt", "iteration"), np.array(rows) / ZERO_LOSS), "tabulated": (("unlearnt", "at"), table)},
        {"unlearnt": [3 - len(clamped) for clamped in CLAMPS], "iteration": np.arange(steps + 1), "at": list(LOSSES)},
    )


def strategies(columns: Columns, keep: Sequence[str], *, form: str = "overlaps", every: int = 1) -> xr.Dataset:
    """Descend the coopetition model as long as the authors do, every so many iterations kept."""
    keep, save = [*keep, "t_1", "t_2", *STOP], np.arange(0, STEPS + 1, every)
    return descended(four(form=form), columns, STEPS, save=save, keep=keep, events=STOP)


def divot(loss: Floats, half: float, every: int = 1) -> tuple[int, int]:
    """Where the loss of mechanism 2 is least and largest around the half time of mechanism 1, among those kept.

    They are the places of the largest rise above the running minimum.
    """
    first = max(0, (int(half) - WINDOW) // every)
    window = loss[first : (int(half) + WINDOW) // every + 1]
    top = int((window - np.minimum.accumulate(window)).argmax())
    return first + int(window[: top + 1].argmin()), first + top
