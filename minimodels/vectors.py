"""Starts of models that are made of vectors, `tensor_product` and `coopetition`: from a seed or from invariants."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minimodels.errors import InputError, by_name, check_memory, check_positive, check_whole, shown, unknown
from minimodels.model import Model, check_model
from minimodels.streams import Stream, generator

Floats = NDArray[np.float64]
BLOCK = 4096  # seeds that are drawn at a time


def draw_vectors(
    model: Model, seeds: int | Sequence[int], *, scale: float = 1.0, clamp: Mapping[str, int] | None = None
) -> dict[str, Floats]:
    r"""Draw truths :math:`x^*\sim\mathcal N(0,1)` and starts :math:`x\sim\mathrm{scale}\,\mathcal N(0,1)` of vectors.

    Parameters
    ----------
    model : Model
        `tensor_product` or `coopetition`, in either form; its ``d_x`` are the dimensions.
    seeds : int or sequence of int
        How many, from seed 0 on, or which. A seed has the same vectors in any company.
    scale : float
        Of the starts.
    clamp : mapping of str to int
        Vector, such as ``"3"`` or ``"c"``, -> how many of its first coordinates are held at the truth (``d_x``: all).

    Returns
    -------
    dict of str to array (P,)
        Columns for ``points`` of `sweep`: parameters ``T_x`` and, where clamped, ``C_x``, initial values of the states.

    Raises
    ------
    InputError
        For a model without vectors, dimensions that are not whole, a vector that it does not have.

    Examples
    --------
    >>> import minimodels as mm
    >>> m = mm.model("tensor_product", k=3)
    >>> times = mm.sweep(m, points=mm.draw_vectors(m, 100), steps=5000, keep="escape_time")
    >>> int(times.escape_time_censored.sum()), float(times.escape_time.median())
    (1, 454.0)
    """
    dimensions = _dimensions(model)
    scale = check_positive(scale, "`scale`")
    held = _clamped(dimensions, clamp)
    chosen = _seeds(seeds)
    blocks = [
        _columns(model, _drawn(dimensions, chosen[first : first + BLOCK], scale, held), held)
        for first in range(0, len(chosen), BLOCK)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def vectors_of(
    model: Model, seed: int, *, scale: float = 1.0, clamp: Mapping[str, int] | None = None
) -> dict[str, tuple[Floats, Floats]]:
    """Return truth and start (d,) of every vector that `draw_vectors` draws for a seed."""
    dimensions = _dimensions(model)
    drawn = _drawn(dimensions, _seeds([seed]), check_positive(scale, "`scale`"), _clamped(dimensions, clamp))
    return {name: (truth[0], start[0]) for name, (truth, start) in drawn.items()}


def place_vectors(
    model: Model, *, T: Mapping[str, ArrayLike], n: Mapping[str, ArrayLike], s: Mapping[str, ArrayLike]
) -> dict[str, Floats]:
    r"""Return the columns of `draw_vectors` for given invariants of every vector: the state in the model's form.

    Parameters
    ----------
    T, n, s : mapping of str to number or array (P,)
        Vector -> squared norm of its truth, its own, their overlap. A vector at its truth has :math:`n=s=T`.

    Raises
    ------
    InputError
        Where there is no such vector, :math:`s^2>nT`.

    Examples
    --------
    >>> import minimodels as mm
    >>> m = mm.model("tensor_product", k=1, form="components")
    >>> place_vectors(m, T={"1": 4.0}, n={"1": 10.0}, s={"1": 2.0})
    {'T_1': array([4.]), 'sigma_1_0': array([1.]), 'r_1_0': array([3.])}
    """
    names = list(_dimensions(model))
    given = {"T": T, "n": n, "s": s}
    for what, values in given.items():
        if set(by_name(values, f"`{what}`", "{'1': 20.0}")) != set(names):
            raise InputError(f"`{what}` has a number for each of {', '.join(names)}; got {shown(list(values))}.")
    try:
        arrays = [np.atleast_1d(np.asarray(values[x], dtype=np.float64)) for x in names for values in given.values()]
        arrays = list(np.broadcast_arrays(*arrays))
    except (TypeError, ValueError) as error:
        raise InputError("`T`, `n` and `s` are numbers, or arrays of one length.") from error
    columns = {f"T_{x}": truth.copy() for x, truth in zip(names, arrays[::3], strict=True)}
    for x, truth, norm, overlap in zip(names, arrays[::3], arrays[1::3], arrays[2::3], strict=True):
        if not (truth > 0).all():
            raise InputError(f"`T` of {x!r} must be positive; got {shown(T[x])}.")
        along = overlap / np.sqrt(truth)
        rest = norm - along**2
        if not (rest >= -1e-12 * norm).all():
            raise InputError(f"there is no vector {x!r} with s^2 above n T; lower its overlap or raise its norm.")
        columns |= _state(model, x, norm, overlap, along, np.sqrt(np.maximum(rest, 0.0)))
    return columns


def _dimensions(model: Model) -> dict[str, float]:
    check_model(model)
    found = {k[2:]: v for k, v in model.values.items() if k.startswith("d_") and f"C_{k[2:]}" in model.parameters}
    if not found:
        raise InputError(f"{model.name!r} is not made of vectors; take 'tensor_product' or 'coopetition'.")
    return found


def _clamped(dimensions: Mapping[str, float], clamp: Mapping[str, int] | None) -> dict[str, int]:
    found = {}
    for x, count in by_name({} if clamp is None else clamp, "`clamp`", "{'3': 20}").items():
        if x not in dimensions:
            raise unknown("vector in `clamp`", x, dimensions)
        found[x] = check_whole(count, f"the clamped coordinates of {x!r}", 0, int(dimensions[x]))
    return found


def _seeds(seeds: Any) -> NDArray[np.uint64]:
    if isinstance(seeds, int | np.integer):
        return np.arange(check_whole(seeds, "`seeds`"), dtype=np.uint64)
    try:
        chosen = [check_whole(seed, "a seed", 0, 2**64 - 1) for seed in seeds]
    except TypeError as error:
        raise InputError(f"`seeds` is how many, or a list of whole numbers; got {shown(seeds)}.") from error
    if not chosen:
        raise InputError("`seeds` is empty; give it at least one.")
    return np.array(chosen, dtype=np.uint64)


def _drawn(
    dimensions: Mapping[str, float], seeds: NDArray[np.uint64], scale: float, held: Mapping[str, int]
) -> dict[str, tuple[Floats, Floats]]:
    """Return truths and starts (P, d) of every vector."""
    for x, d in dimensions.items():
        if d != int(d):
            raise InputError(f"vectors are drawn in whole dimensions; got d_{x}={d:g}.")
    check_memory(16 * len(seeds) * sum(dimensions.values()), "the vectors of so many dimensions")
    sizes = [int(d) for d in dimensions.values()]
    numbers = np.empty((len(seeds), 2, sum(sizes)))
    for row, seed in zip(numbers, seeds.tolist(), strict=True):
        generator(seed, Stream.VECTORS).standard_normal(out=row)
    edges = np.cumsum(sizes)[:-1]
    truths, starts = np.split(numbers[:, 0], edges, axis=1), np.split(scale * numbers[:, 1], edges, axis=1)
    found = dict(zip(dimensions, zip(truths, starts, strict=True), strict=True))
    for x, count in held.items():
        found[x][1][:, :count] = found[x][0][:, :count]
    return found


def _columns(model: Model, drawn: Mapping[str, tuple[Floats, Floats]], held: Mapping[str, int]) -> dict[str, Floats]:
    columns = {f"T_{x}": (truth**2).sum(axis=1) for x, (truth, _) in drawn.items()}
    for x, (truth, start) in drawn.items():
        count = held.get(x, 0)
        free, moving = truth[:, count:], start[:, count:]
        size = np.sqrt((free**2).sum(axis=1))
        along = np.divide((free * moving).sum(axis=1), size, out=np.zeros(len(size)), where=size > 0)
        direction = np.divide(free, size[:, None], out=np.zeros(free.shape), where=size[:, None] > 0)
        rest = np.sqrt(((moving - along[:, None] * direction) ** 2).sum(axis=1))
        norm, overlap = (start**2).sum(axis=1), (start * truth).sum(axis=1)
        if count == truth.shape[1]:  # to the last bit: it does not move
            norm = overlap = columns[f"T_{x}"]
        if count:
            columns[f"C_{x}"] = columns[f"T_{x}"] if count == truth.shape[1] else (truth[:, :count] ** 2).sum(axis=1)
        columns |= _state(model, x, norm, overlap, along, rest)
    return columns


def _state(model: Model, x: str, norm: Floats, overlap: Floats, along: Floats, rest: Floats) -> dict[str, Floats]:
    if f"n_{x}" in model.state:
        return {f"n_{x}_0": norm.copy(), f"s_{x}_0": overlap.copy()}
    return {f"sigma_{x}_0": along, f"r_{x}_0": rest}
