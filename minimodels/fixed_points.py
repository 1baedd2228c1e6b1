"""Fixed points of a model at given parameters, with eigenvalues and stability."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root

from minimodels.bounds import limits, pushed
from minimodels.compiled import compiled
from minimodels.conserved import conserved_sums, written
from minimodels.errors import InputError, check_number, check_positive, check_whole, shown, unknown
from minimodels.model import Map, Model
from minimodels.problem import at_a_point

Floats = NDArray[np.float64]
Linearise = Callable[[Floats], tuple[Floats, Floats]]  # states (P, n) to drift (P, n) and Jacobian (P, n, n)

TRAJECTORIES = 24  # of the starts that are followed
STEPS = 200  # of every trajectory
FAR = 1e6  # a trajectory that leaves beyond this is not searched


@dataclass(frozen=True)
class FixedPoint:
    """A point where the drift vanishes.

    ``eigenvalues`` (n,) are those of the Jacobian, without the states that are held at a bound; the zeros (for a map:
    ones) that conserved sums cause come last and do not count for ``kind``, which is stable, saddle (some directions
    grow, some shrink), unstable, or degenerate where a zero real part (for a map: a modulus of 1) or a missing
    derivative leaves it open.
    ``loss`` is None without a loss.
    """

    state: dict[str, float]
    eigenvalues: NDArray[np.complex128]
    kind: str
    loss: float | None


class FixedPoints(list[FixedPoint]):
    """The points found, and where they were searched.

    ``box`` maps every state to (low, high), ``starts`` is the number of starts, ``conserved`` the sums that were held
    at their initial values, such as ``A + B = 1``.
    """

    def __init__(
        self, points: Iterable[FixedPoint], box: dict[str, tuple[float, float]], starts: int, conserved: list[str]
    ) -> None:
        super().__init__(points)
        self.box = box
        self.starts = starts
        self.conserved = conserved

    def __repr__(self) -> str:
        box = ", ".join(f"{k} in [{low:.4g}, {high:.4g}]" for k, (low, high) in self.box.items())
        held = f" with {', '.join(self.conserved)}" if self.conserved else ""
        count = "1 fixed point" if len(self) == 1 else f"{len(self) or 'no'} fixed points"
        lines = [f"{count}{held}, searched from {self.starts} starts: {box}"]
        lines += [f"{p.kind}: {', '.join(f'{k} = {v:.6g}' for k, v in p.state.items())}" for p in self]
        return "\n  ".join(lines)


@np.errstate(all="ignore")
def fixed_points(
    model: Model,
    *,
    box: float | Mapping[str, tuple[float, float]] | None = None,
    init: Mapping[str, float] | None = None,
    starts: int = 200,
    seed: int = 0,
    tolerance: float = 1e-10,
) -> FixedPoints:
    r"""Find the states :math:`x` with :math:`\eta_i f_i(x) = 0` (for a map :math:`F(x) = x`), or held at a bound.

    Powell's hybrid method with the generated Jacobian, from random points, the origin, the initial state, and the
    ends and the slowest places of trajectories from some of these. Sums :math:`c\cdot x` that the drift conserves
    (:math:`c\cdot\dot x = 0` at every state, recognised at random states to 1e-12) keep the value of the initial
    state, so that the points of a reaction network are those that its initial state can get to. Of a model with bounds
    the zeros of :math:`P(x+f(x))-x` are sought, P the nearest place within the bounds: at a bound the drift may point
    outwards.

    Parameters
    ----------
    box : float or mapping of state to (low, high)
        Where the random starts lie ([-box, box] in every state) and the points returned. Unless given, the starts lie
        between the bounds of a state or in [-10, 10] and, half as many again, in the box of all trajectories that stay
        below 1e6, if that is larger; points outside of it are returned too, unless a component of the drift is as
        small all around.
    init : mapping of str to float
        Initial values; the model's own where not given.
    starts : int
        Random starts.
    seed : int
        Of the random starts.
    tolerance : float
        A point counts where every component of the drift is below this, beyond what rounding of the point causes.

    Returns
    -------
    FixedPoints
        A list of different points (`FixedPoint`), sorted by state, that also has the ``box`` of all starts, or the
        one given, their number ``starts``, and the ``conserved`` sums. On a continuum of fixed points some of its
        members are found, as degenerate.

    Raises
    ------
    InputError
        For an argument that cannot be right, or parameters outside the model's domain.

    Examples
    --------
    >>> import minimodels as mm, sympy as sp
    >>> x = sp.Symbol("x")
    >>> well = mm.GradientFlow(name="double_well", state={"x": 0.1}, loss=(x**2 - 1) ** 2 / 4)
    >>> [(round(p.state["x"], 6) + 0.0, p.kind) for p in mm.fixed_points(well)]
    [(-1.0, 'stable'), (0.0, 'unstable'), (1.0, 'stable')]
    >>> reaction = mm.Flow(name="reaction", state={"A": 1, "B": 0}, drift={"A": "3*B - A", "B": "A - 3*B"})
    >>> mm.fixed_points(reaction, box=2, starts=20)
    1 fixed point with A + B = 1, searched from 45 starts: A in [-2, 2], B in [-2, 2]
      stable: A = 0.75, B = 0.25
    """
    starts, seed = check_whole(starts, "`starts`", 1, 1_000_000), check_whole(seed, "`seed`", 0, 2**64 - 1)
    tolerance = check_positive(tolerance, "`tolerance`")
    discrete = isinstance(model, Map)
    stated, par = at_a_point(model, init)
    lowest_allowed, highest_allowed = limits(model)
    low, high = _usual_box(lowest_allowed, highest_allowed) if box is None else _bounds(model, box)
    n = len(model.state)
    start = np.array([stated.init[k] for k in model.state])
    kernel, observables = compiled(model).linearise(), compiled(model).observe()
    table = kernel.table(par)

    def unbounded(points: Floats) -> tuple[Floats, Floats]:
        values = kernel.evaluate("linearise", points, table)
        return values[:, :n], values[:, n:].reshape(-1, n, n)

    def within(points: Floats) -> tuple[Floats, Floats]:
        """Return P(x + f) - x and its Jacobian, P onto the bounds: zero where the projected flow or map rests."""
        drift, jacobian = unbounded(points)
        ahead = np.clip(points + drift, lowest_allowed, highest_allowed)
        beyond = ahead != points + drift
        return (
            np.where(beyond, ahead - points, drift),
            np.where(beyond[..., None] & np.isfinite(drift)[..., None], -np.eye(n), jacobian),
        )

    linearise = within if model.bounds else unbounded

    rng = np.random.default_rng(seed)
    x = rng.uniform(low, high, (starts + 2, n))
    x[0], x[1] = 0.0, start
    near = start + 10 ** rng.uniform(-3, 4, (50 + 5 * n, 1)) * rng.normal(size=(50 + 5 * n, n))
    near = np.vstack([near, rng.uniform(low, high, near.shape)])
    sums = np.empty((0, n)) if model.bounds else conserved_sums(linearise, near)  # what is held conserves no sum
    basis = np.linalg.qr(sums.T, mode="complete")[0]
    across, along = basis[:, : len(sums)].T, basis[:, len(sums) :]

    def placed(points: Floats) -> Floats:
        """Move points to the conserved sums of the initial state, then towards it until the drift is finite."""
        points = points - (points - start) @ across.T @ across
        points = np.clip(points, lowest_allowed, highest_allowed)
        for _ in range(10):
            outside = ~np.isfinite(linearise(points)[0]).all(axis=1)
            points[outside] = points[outside] / 2 + start / 2
        return points

    x = placed(x)
    paths = _trajectories(linearise, x[:TRAJECTORIES], discrete=discrete)
    x = np.vstack([x, _slow_places(paths, linearise)])
    lowest, highest = low, high
    if box is None:
        reached = np.clip(np.vstack([x, paths.reshape(-1, n)]), lowest_allowed, highest_allowed)
        lowest, highest = np.minimum(low, reached.min(axis=0)), np.maximum(high, reached.max(axis=0))
        if (lowest < low).any() or (highest > high).any():
            x = np.vstack([x, placed(rng.uniform(lowest, highest, (-(-starts // 2), n)))])

    def on_the_leaf(point: Floats) -> tuple[Floats, Floats]:
        drift, jacobian = linearise(point[None])
        return drift[0] + across.T @ (across @ (point - start)), jacobian[0] + across.T @ across

    def counts(point: Floats) -> bool:
        drift, jacobian = linearise(point[None])
        rounding = 4 * np.finfo(float).eps * np.nan_to_num(np.abs(jacobian[0]) @ np.abs(point), posinf=0.0)
        if not (np.abs(drift[0]) < tolerance + rounding).all():
            return False
        if (np.abs(across @ (point - start)) > 1e-8 * (1 + np.abs(point).max())).any():
            return False
        if ((point >= low - 1e-6) & (point <= high + 1e-6)).all():
            return True
        if box is not None:
            return False
        shifts = np.random.default_rng(0).uniform(-0.01, 0.01, (16, n)) * (1 + np.abs(point))
        around = np.abs(linearise(point + shifts @ along @ along.T)[0])
        rises = (around > np.maximum(tolerance + rounding, 1e3 * np.abs(drift[0]))).any(axis=0)
        return bool((rises | (np.abs(along) < 1e-9).all(axis=1)).all())

    found = np.empty((0, n))
    for first in x:
        quick = root(on_the_leaf, first, jac=True, tol=1e-14, options={"maxfev": 100})
        point = quick.x
        if not counts(point) or _among(point, found):
            continue
        if not quick.success:  # it still comes closer, as to a multiple root
            closer = root(on_the_leaf, point, jac=True, tol=1e-14).x
            point = closer if counts(closer) else point
        if not _among(point, found):
            found = np.vstack([found, point])
    points = []
    for point in sorted(found, key=lambda v: v.round(6).tolist()):
        for bound in (lowest_allowed, highest_allowed):
            point = np.where(np.abs(point - bound) <= 1e-9 * (1 + np.abs(point)), bound, point)
        drift, jacobian = (values[0] for values in unbounded(point[None]))
        free = ~pushed(point, drift, lowest_allowed, highest_allowed)
        jacobian = along.T @ jacobian @ along
        jacobian = jacobian[np.ix_(free, free)] if model.bounds else jacobian
        defined = np.isfinite(jacobian).all()
        values = (np.linalg.eigvals(jacobian) if defined else np.full(len(jacobian), np.nan)).astype(np.complex128)
        growth: Floats = np.abs(1 + values) - 1 if discrete else values.real
        values = np.append(values, np.zeros(len(sums)))
        observed = observables.evaluate("observe", point[None], observables.table(par))[0]
        points.append(
            FixedPoint(
                state=dict(zip(model.state, point.tolist(), strict=True)),
                eigenvalues=1 + values if discrete else values,
                kind=_kind(growth) if free.any() else "stable",
                loss=float(observed[stated.observables.index("loss")]) if "loss" in stated.observables else None,
            )
        )
    return FixedPoints(
        points,
        box=dict(zip(model.state, zip(lowest.tolist(), highest.tolist(), strict=True), strict=True)),
        starts=len(x),
        conserved=[written(c, model.state, float(c @ start)) for c in sums],
    )


def _trajectories(linearise: Linearise, x: Floats, *, discrete: bool) -> Floats:
    """Follow the flow or the map for some steps; return the paths (STEPS, P, n) of what does not leave.

    Of a flow by Rosenbrock's method of order 2 (gamma = 1 - 1/sqrt(2), L-stable), loosely: its steps grow without
    bound where it comes to rest, so that the times of a model need not be known.
    """
    gamma, one = 1 - np.sqrt(0.5), np.eye(x.shape[1])
    paths = np.empty((STEPS, *x.shape))
    drift, jacobian = linearise(x)
    step: Floats = 0.01 * (1 + np.abs(x).max(axis=1)) / (1e-9 + np.abs(drift).max(axis=1))
    for i in range(STEPS):
        if discrete:
            new, good = x + drift, np.full(len(x), True)
        else:
            step = np.minimum(step, 1e10 / (1e-9 + np.abs(jacobian).max(axis=(1, 2))))
            h = step[:, None]
            left = one - gamma * h[:, None] * jacobian
            first = np.linalg.solve(left, drift[..., None])[..., 0]
            second = np.linalg.solve(left, (linearise(x + h * first)[0] - 2 * first)[..., None])[..., 0]
            new = x + h * (1.5 * first + 0.5 * second)
            wrong = np.abs(h * (first + second) / 2 / (1e-3 + 1e-2 * np.abs(x))).max(axis=1)
            good = wrong <= 1
            step = step * np.nan_to_num(np.clip(0.8 / np.sqrt(wrong), 0.2, 4), nan=0.2)
        drift_there, jacobian_there = linearise(new)
        good &= np.isfinite(drift_there).all(axis=1) & (np.abs(new) < 1e100).all(axis=1)
        x, drift, jacobian = x.copy(), drift.copy(), jacobian.copy()
        x[good], drift[good], jacobian[good] = new[good], drift_there[good], jacobian_there[good]
        paths[i] = x
    return paths[:, (np.abs(paths) < FAR).all(axis=(0, 2))]


def _slow_places(paths: Floats, linearise: Linearise) -> Floats:
    """Return the end of every path and, away from it, the three slowest places with faster ones before and after."""
    steps, count, n = paths.shape
    speed = np.abs(linearise(paths.reshape(-1, n))[0]).max(axis=1).reshape(steps, count)
    slow = np.full(speed.shape, np.inf)
    away = (np.abs(paths - paths[-1]) > 1e-3 * (1 + np.abs(paths[-1]))).any(axis=2)
    dips = (speed[1:-1] < speed[:-2]) & (speed[1:-1] <= speed[2:]) & away[1:-1]
    slow[1:-1][dips] = speed[1:-1][dips]
    slow[-1] = -1.0
    order = np.argsort(slow, axis=0)[:4]
    chosen = np.take_along_axis(paths, order[..., None], axis=0)
    return chosen[np.isfinite(np.take_along_axis(slow, order, axis=0))]


def _among(point: Floats, found: Floats) -> bool:
    return bool(np.isclose(point, found, atol=1e-5, rtol=1e-5).all(axis=1).any())


def _bounds(model: Model, box: float | Mapping[str, tuple[float, float]]) -> Floats:
    if isinstance(box, Mapping):
        for name in box:
            if name not in model.state:
                raise unknown(f"state of {model.name!r} in the box", str(name), model.state)
    try:
        pairs = [box[k] if isinstance(box, Mapping) else (-box, box) for k in model.state]
        bounds = [(check_number(low, "`box`"), check_number(high, "`box`")) for low, high in pairs]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"`box` is a number or (low, high) for every state; got {shown(box)}.") from error
    low, high = np.array(bounds).T
    if not ((low < high) & (high - low < np.inf)).all():
        raise InputError(f"every interval of `box` must have low < high, and a width below 1e308; got {shown(box)}.")
    return np.array([low, high])


def _usual_box(low: Floats, high: Floats) -> Floats:
    """Return the bounds of every state, and 10 to each side where there is none."""
    return np.array([
        np.where(np.isfinite(low), low, np.minimum(-10.0, high - 10)),
        np.where(np.isfinite(high), high, np.maximum(10.0, low + 10)),
    ])  # fmt: skip


def _kind(growth: Floats) -> str:
    up, down = bool((growth > 1e-8).any()), bool((growth < -1e-8).any())
    if up and down:
        return "saddle"
    if not (np.abs(growth) > 1e-8).all() or not len(growth):
        return "degenerate"
    return "unstable" if up else "stable"
