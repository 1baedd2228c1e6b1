r"""The transition time of the nested-logit flow by nested quadratures.

The flow conserves :math:`\alpha^2/2\eta_\alpha-(\beta_1+e^{\beta_1}/M)/\eta_{\beta_1}`, so :math:`\beta_1` is a
function of :math:`\alpha` (Lambert W); and :math:`\alpha` is monotone as long as :math:`\xi` keeps its sign, so it
can replace time. With :math:`y=\xi^2/2` what remains is one scalar equation and one integral:

.. math:: \frac{dy}{d\alpha}=F(\alpha,y)=\frac{\xi\,\dot\xi}{\dot\alpha},\qquad
          T^*=\int_{\alpha_0}^{\alpha^*}\frac{d\alpha}{\dot\alpha},\qquad r(\alpha^*,\xi(\alpha^*))=\tfrac12 .

:math:`F` is smooth at :math:`\xi=0`, where it is the sum of the slow-phase drive :math:`a(\alpha)` and the
induction drive :math:`b(\alpha)`. Order 0 lets the first saturate as in the closed form of the slow phase and takes
the second as it is: with :math:`u=\xi A_0` and :math:`c=N_c/(L-N_c)`

.. math:: y_0=\frac{u^2}{2A_0^2}+\int b\,d\alpha,\qquad
          \frac{u^2}{2}+c\,[e^u(u-1)+1]=A_0^2(1+c)\int a\,d\alpha .

It contains the leading order (b = 0) and is exact at the saddle (a = 0). Order k + 1 solves the equation linearised
about order k, which is a quadrature too:

.. math:: y_{k+1}(\alpha)=\tfrac{\xi_0^2}{2}e^{-D(\alpha)}
          +\int_{\alpha_0}^{\alpha}e^{D(a)-D(\alpha)}\,[F+\kappa y_k]\,da,
          \quad \kappa=-\frac{\partial F}{\partial y}(a,y_k),\quad D=\int\kappa\,da .

The functions are taken from the model's own drift and observables, nothing is retyped.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from scipy.special import wrightomega
from sympy.codegen.cfunctions import expm1

from minimodels.errors import InputError, check_whole, numbers_by_name
from minimodels.model import Model, check_model
from minimodels.models import model as build
from theory.arguments import LARGEST
from theory.derivation import is_built_in
from theory.numeric import function

STRETCH = 5  # alpha = alpha_0 + A z^5: resolves alpha ~ sqrt(t) and exponential starts near z = 0
SEARCH_NODES = 160
FAR = 60.0
ROOT_STEPS = 40
NODES = 1200
Function = Callable[..., Any]
u, c = sp.symbols("u c", positive=True)
RELATION = u**2 / 2 + c * (sp.exp(u) * (u - 1) + 1)  # u = xi A_0 of the slow phase, as an integral over its growth


@dataclass(frozen=True)
class ReducedFlow:
    """The drift of one form of the model as functions of (beta_1, alpha, xi, N, L, B, M, beta_2)."""

    alpha: Function
    xi: Function
    slope: Function
    slope_at_zero: Function
    slow_share: Function
    curvature: Function
    correct: Function
    attention: Function


@lru_cache
def reduced_flow(attend: str) -> ReducedFlow:
    """Return the reduced flow of ``attend="labels"`` or ``"all"``."""
    m = build("nested_logit", attend=attend)
    s = {**m.symbols, "beta_2": m.symbols.get("beta_2", sp.Symbol("beta_2", real=True))}
    arguments = [s[k] for k in ("beta_1", "alpha", "xi", "N", "L", "B", "M", "beta_2")]
    alpha, xi = m.drift["alpha"], m.drift["xi"]
    slope = s["xi"] * xi / alpha
    at_zero = xi.xreplace({s["xi"]: sp.S(0)}) / sp.diff(alpha, s["xi"]).xreplace({s["xi"]: sp.S(0)})
    q_c, tla, on_context = (m.observables[k] for k in ("TILA2", "TLA2", "CLA"))
    q_o = (tla - q_c) / (s["N"] / s["B"] - 1)
    slow = (1 - on_context) * q_o
    slow_share = (slow / xi).xreplace({s["xi"]: sp.S(0)})
    curvature = sp.diff(slope, s["xi"]) / s["xi"]
    correct = m.observables["correct"]
    expressions = (alpha, xi, slope, at_zero, slow_share, curvature, correct, q_c)
    made = (function(arguments, e) for e in expressions)
    return ReducedFlow(*made)


def previous_token_logit(start: Any, gain: Any, competing: Any) -> Any:
    """Return beta_1 where beta_1 + e^beta_1/M has grown by ``gain``: eta_beta_1 (alpha^2 - alpha_0^2) / 2 eta_alpha"""
    level = start + np.exp(start) / competing + gain
    return level - np.real(wrightomega(level - np.log(competing)))  # e^beta_1/M = W(e^level/M)


@lru_cache
def _relation() -> Function:
    """Return `RELATION` as a function that keeps its digits at small u."""
    return function([u, c], RELATION.replace(sp.exp(u) * (u - 1) + 1, u * sp.exp(u) - expm1(u)))


def slow_phase_root(needed: Any, ratio: Any) -> np.ndarray:
    """Return u > 0 with u^2/2 + c [e^u (u - 1) + 1] = ``needed``, for arrays of ``needed`` and c = ``ratio``."""
    needed, ratio = (np.asarray(v, dtype=float) for v in np.broadcast_arrays(needed, ratio))
    relation = _relation()
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.minimum(np.sqrt(2 * needed / (1 + ratio)), np.maximum(2.0, np.log(needed / ratio)))
        for _ in range(ROOT_STEPS):  # Newton on a convex function from above: monotone
            step = (relation(root, ratio) - needed) / (root * (1 + ratio * np.exp(root)))
            root = np.where(step < root, root - step, root)
            if np.all(~(np.abs(step) > 1e-13 * root)):
                break
    return np.where(needed > 0, root, 0.0)


def slow_phase_energy(xi_0: float, gain: np.ndarray, ratio: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return xi^2/2 when the slow-phase drive alone acts.

    Parameters
    ----------
    xi_0 : float
        Start.
    gain : ndarray
        Integral of the drive with CLA frozen at xi = 0.
    ratio : ndarray
        c = N_c/(L - N_c), infinite at the saddle, where the drive does not saturate.
    share : ndarray
        A_0, the attention to one label at the start.
    """
    finite = np.where(np.isfinite(ratio), ratio, 1.0)
    start = _relation()(share * abs(xi_0), finite)
    root = slow_phase_root(start + share**2 * (1 + finite) * gain, finite)
    return np.where(np.isfinite(ratio), (root / share) ** 2 / 2, xi_0**2 / 2 + gain)


def transition_times(
    attend: str,
    values: Mapping[str, Any],
    rates: Mapping[str, Any],
    init: Mapping[str, float],
    *,
    order: int = 2,
    nodes: int = NODES,
) -> np.ndarray:
    """Return T* by nested quadratures for arrays of parameters and rates.

    Parameters
    ----------
    attend : {"labels", "all"}
        Form of the model.
    values : mapping
        Arrays (broadcast together) for N, L, B, M and, with ``attend="all"``, beta_2.
    rates : mapping
        Arrays for the rates of beta_1, alpha and xi.
    init : mapping
        Start of beta_1, alpha and xi. alpha and xi must not differ in sign.
    order : int
        Number of linearisations after order 0.
    nodes : int
        Nodes in alpha; the quadrature error falls as its inverse square.

    Returns
    -------
    ndarray of shape (order + 1, ...)
        T* of every order; nan where r does not cross 1/2.
    """
    if order < 0:
        raise InputError(f"`order` must be at least 0; got {order}.")
    names = ("N", "L", "B", "M", "beta_2")
    given = [values.get(k, 0.0) for k in names] + [rates[k] for k in ("beta_1", "alpha", "xi")]
    columns = [np.asarray(v, dtype=float) for v in np.broadcast_arrays(*given)]
    shape = columns[0].shape
    columns = [v.reshape(-1, 1) for v in columns]
    with np.errstate(all="ignore"):  # beyond alpha* the drive underflows to 0; those nodes are not used
        extent = _furthest(*(columns[k] for k in (3, 5, 6)))
        for _ in range(3):
            _, reach = _solve(attend, columns, init, extent, order, SEARCH_NODES)
            found = np.nanmax(np.where(np.isfinite(reach), reach, 0), axis=0)[:, None] * 1.2
            extent = np.where(found > 0, found, extent)
        times, _ = _solve(attend, columns, init, extent, order, nodes)
    return times.reshape(order + 1, *shape)


def _furthest(competing: np.ndarray, eta_beta: np.ndarray, eta_alpha: np.ndarray) -> np.ndarray:
    """Return an alpha at which alpha p exceeds ``FAR``, beyond any transition: p >= 1/2 once beta_1 >= log M."""
    open_at = np.sqrt(2 * (np.maximum(np.log(competing), 0) + 1) * eta_alpha / eta_beta)
    return np.minimum(FAR * (1 + competing), np.maximum(open_at, 2 * FAR))


def _solve(
    attend: str, columns: list[np.ndarray], init: Mapping[str, float], extent: np.ndarray, order: int, nodes: int
) -> tuple[np.ndarray, np.ndarray]:
    flow = reduced_flow(attend)
    *parameters, eta_beta, eta_alpha, eta_xi = columns
    beta_0, alpha_0, xi_0 = (float(init.get(k, 0.0)) for k in ("beta_1", "alpha", "xi"))
    sign = -1.0 if min(alpha_0, xi_0) < 0 else 1.0
    z = np.arange(1, nodes + 1) / nodes
    distance = extent * z**STRETCH
    weight = extent * STRETCH * z ** (STRETCH - 1) / nodes
    alpha = alpha_0 + sign * distance
    competing = parameters[3]  # M
    gain = eta_beta * distance * (distance + 2 * abs(alpha_0)) / (2 * eta_alpha)
    beta = previous_token_logit(beta_0, gain, competing)

    def at(f: Function, xi: Any) -> np.ndarray:
        value: np.ndarray = f(beta, alpha, xi, *parameters)
        return value

    def half(y: np.ndarray) -> np.ndarray:
        """Trapezoid cells; every integrand times its weight vanishes at the start."""
        cells = y * weight
        return (cells + np.concatenate([np.zeros_like(cells[:, :1]), cells[:, :-1]], axis=1)) / 2

    ratio = sign * eta_xi / eta_alpha
    frozen = half(ratio * at(flow.slope_at_zero, 0.0))
    slow = half(ratio * at(flow.slope_at_zero, 0.0) * at(flow.slow_share, 0.0))
    labels = parameters[0] / parameters[2]
    share = flow.attention(0.0, 0.0, 0.0, *parameters)
    y = slow_phase_energy(xi_0, np.cumsum(slow, axis=1), labels / (parameters[1] - labels), share)
    y = y + np.cumsum(frozen - slow, axis=1)
    orders = [sign * np.sqrt(2 * y)]
    for _ in range(order):
        xi = orders[-1]
        kappa = np.maximum(-ratio * at(flow.curvature, xi), 0)
        decay = half(kappa)
        source = half(ratio * at(flow.slope, xi) + kappa * y)
        y = np.maximum(_relax(xi_0**2 / 2, decay, source), np.finfo(float).tiny)
        orders.append(sign * np.sqrt(2 * y))
    found = [
        _crossing(at(flow.correct, xi), np.cumsum(half(sign / (eta_alpha * at(flow.alpha, xi))), axis=1), distance)
        for xi in orders
    ]
    return np.array([t for t, _ in found]), np.array([a for _, a in found])


def _relax(start: float, decay: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return y with dy = source - kappa y, exactly over cells of constant source and kappa."""
    keep = np.exp(-decay)
    safe = np.where(decay > 1e-8, decay, 1.0)
    add = source * np.where(decay > 1e-8, -np.expm1(-safe) / safe, 1.0)
    y = np.empty_like(source)
    now = np.full(len(source), start)
    for k in range(source.shape[1]):
        now = now * keep[:, k] + add[:, k]
        y[:, k] = now
    return y


def _crossing(correct: np.ndarray, time: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return time and distance in alpha where r first passes 1/2, by linear interpolation (nan if it does not)."""
    after = np.argmax(correct > 0.5, axis=1)[:, None]
    before = np.maximum(after - 1, 0)

    def pick(v: np.ndarray, k: np.ndarray) -> np.ndarray:
        return np.take_along_axis(v, k, axis=1)[:, 0]

    share = (0.5 - pick(correct, before)) / (pick(correct, after) - pick(correct, before))
    crossed = after[:, 0] > 0

    def between(v: np.ndarray) -> np.ndarray:
        low = pick(v, before)
        return np.where(crossed, low + share * (pick(v, after) - low), np.nan)

    return between(time), between(distance)


def transition_time(model: Any, *, init: Mapping[str, float] | None = None, order: int = 2) -> tuple[float, float]:
    """Return T* of a bound mean-field model by nested quadratures, and its expected relative error.

    Parameters
    ----------
    model : Model
        ``nested_logit`` with ``attend="labels"`` or ``"all"`` and beta_2 fixed.
    init : mapping, optional
        Start of the flow (default: the model's own).
    order : int
        Number of linearisations, at least 1.

    Returns
    -------
    tuple of float
        T* and its expected relative error: the difference between the last two orders plus the change when the
        nodes of the quadratures are halved.

    Raises
    ------
    InputError
        For another model, names or values of the start that mean nothing, or where there is no transition.
    """
    check_model(model)
    if (
        model.name != "nested_logit"
        or not is_built_in(model)
        or model.options["attend"] not in ("labels", "all")
        or "beta_2" in model.state
    ):
        raise InputError("the reduced flow exists for nested_logit with attend='labels' or 'all' and beta_2 fixed.")
    start = dict(model.init) | numbers_by_name(init, "init", model.state, low=-LARGEST, high=LARGEST)
    if start["alpha"] * start["xi"] < 0:
        raise InputError("alpha and xi must start with the same sign: with opposite signs alpha is not monotone.")
    order = check_whole(order, "`order`, from which the error is estimated,", low=1, high=20)
    time, error = timed(model, start, order)
    if not math.isfinite(time + error):
        raise InputError(
            f"the probability of the correct label does not pass 1/2 for {model.name!r} from this start, or not as the "
            "quadratures need it: theory.predict(model)['transition_time'].reason says why."
        )
    return time, error


def timed(model: Model, start: Mapping[str, float], order: int = 2) -> tuple[float, float]:
    """Return T* and its expected relative error, nan where there is no transition."""
    chosen = model.options["attend"], model.values, model.rate_values(), start
    last, previous = (float(v) for v in transition_times(*chosen, order=order)[:-3:-1])
    coarse = float(transition_times(*chosen, order=order, nodes=NODES // 2)[-1])
    return last, (abs(last - previous) + abs(last - coarse)) / last
