"""Fixed points of a model at given parameters, with eigenvalues and stability."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root

from minimodels.compiled import compiled
from minimodels.engine.stepper.status import PENDING
from minimodels.errors import InputError, unknown
from minimodels.model import Map, Model
from minimodels.problem import problem


@dataclass(frozen=True)
class FixedPoint:
    """A point where the drift vanishes.

    ``kind`` is stable, saddle (some directions grow, some shrink), unstable, or degenerate where a zero real
    part (for a map: a modulus of 1) leaves it open. ``loss`` is None without a loss.
    """

    state: dict[str, float]
    eigenvalues: NDArray[np.complex128]
    kind: str
    loss: float | None


def fixed_points(
    model: Model,
    *,
    box: float | Mapping[str, tuple[float, float]] = 10.0,
    starts: int = 200,
    seed: int = 0,
    tolerance: float = 1e-10,
) -> list[FixedPoint]:
    """Find fixed points by Powell's hybrid method from many starts, with the generated Jacobian.

    Parameters
    ----------
    box : float or mapping of state to (low, high)
        Where the starts lie: [-box, box] in every state unless given.
    starts : int
        Random starts, besides the origin and the model's own initial state.
    tolerance : float
        A point counts where every component of the drift is below this.

    Returns
    -------
    list of FixedPoint
        Different points, sorted by state. On a continuum of fixed points some of its members are found, as
        degenerate.

    Examples
    --------
    >>> import minimodels as mm, sympy as sp
    >>> x = sp.Symbol("x")
    >>> well = mm.GradientFlow(name="double_well", state={"x": 0.1}, loss=(x**2 - 1) ** 2 / 4)
    >>> [(round(p.state["x"], 6) + 0.0, p.kind) for p in mm.fixed_points(well)]
    [(-1.0, 'stable'), (0.0, 'unstable'), (1.0, 'stable')]
    """
    if starts < 1:
        raise InputError(f"`starts` must be at least 1; got {starts}.")
    stated = problem(model, end=1.0, method="map" if isinstance(model, Map) else "tsit5")
    n = len(model.state)
    low, high = _bounds(model, box)
    _, par, status = stated.points({}, starts + 2)
    if (status != PENDING).any():
        raise InputError("the model's parameters lie outside its domain.")
    x = np.random.default_rng(seed).uniform(low, high, (starts + 2, n))
    x[0], x[1] = 0.0, [model.init[k] for k in model.state]
    kernel, observables = compiled(model).linearise(), compiled(model).observe()
    table = kernel.table(par[:1])

    def linearise(point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        values = kernel.evaluate("linearise", point[None], table)[0]
        return values[:n], values[n:].reshape(n, n)

    found: list[NDArray[np.float64]] = []
    for start in x:
        solution = root(linearise, start, jac=True, tol=1e-14).x
        near = ((solution >= low - 1e-6) & (solution <= high + 1e-6)).all()
        if not near or not (np.abs(linearise(solution)[0]) < tolerance).all():
            continue
        if not any(np.allclose(solution, other, atol=1e-5, rtol=1e-5) for other in found):
            found.append(solution)
    points = []
    for solution in sorted(found, key=lambda v: v.round(6).tolist()):
        values = np.linalg.eigvals(linearise(solution)[1]).astype(np.complex128)
        growth: NDArray[np.float64] = np.abs(1 + values) - 1 if isinstance(model, Map) else values.real
        observed = observables.evaluate("observe", solution[None], observables.table(par[:1]))[0]
        points.append(
            FixedPoint(
                state=dict(zip(model.state, solution.tolist(), strict=True)),
                eigenvalues=1 + values if isinstance(model, Map) else values,
                kind=_kind(growth),
                loss=float(observed[0]) if stated.observables[:1] == ["loss"] else None,
            )
        )
    return points


def _bounds(model: Model, box: float | Mapping[str, tuple[float, float]]) -> NDArray[np.float64]:
    if isinstance(box, Mapping):
        for name in box:
            if name not in model.state:
                raise unknown(f"state of {model.name!r} in the box", name, model.state)
    try:
        bounds = [box[k] if isinstance(box, Mapping) else (-box, box) for k in model.state]
        low, high = np.array(bounds, dtype=np.float64).T
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"`box` is a number or (low, high) for every state; got {box!r}.") from error
    if not (np.isfinite(low) & np.isfinite(high) & (low < high)).all():
        raise InputError(f"every interval of `box` must be finite with low < high; got {box!r}.")
    return np.array([low, high])


def _kind(growth: NDArray[np.float64]) -> str:
    up, down = bool((growth > 1e-8).any()), bool((growth < -1e-8).any())
    if up and down:
        return "saddle"
    if not (np.abs(growth) > 1e-8).all():
        return "degenerate"
    return "unstable" if up else "stable"
