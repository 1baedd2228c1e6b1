r"""The flow that the neighbouring models share: a logit and its gain run away together, in closed form.

.. math::

    \dot w = \eta_w\,(e^{\beta}-c\,w), \qquad \dot\beta = \eta_\beta\,w\,e^{\beta}.

With :math:`y=e^{-\beta}` it is :math:`\ddot y+\eta_w c\,\dot y+\eta_w\eta_\beta/y=0`, a damped fall into a logarithmic
well that ends within a finite time. In :math:`m=\kappa c\,e^{-\beta}-w/\kappa`, :math:`\kappa^2=\eta_w/\eta_\beta`, it
is linear, hence the time that is left and a conserved quantity for every :math:`c`, for
:math:`c=0` the known :math:`\sqrt{\pi/2}\,e^{-\beta_0}` and :math:`w^2/2-\beta`.
"""

import math
from collections.abc import Mapping

import numpy as np
import sympy as sp
from scipy.optimize import brentq
from scipy.special import log_ndtr

from theory.checks import Draw, converges, identity
from theory.derivation import Step
from theory.vocabulary import equal, label

c, w, beta, scale = sp.symbols("c w beta S", positive=True)
eta_w, eta_beta = sp.symbols("eta_w eta_beta", positive=True)
kappa = sp.sqrt(eta_w / eta_beta)
Y = kappa * c * sp.exp(-beta)
M = Y - w / kappa
FALL = sp.sqrt(sp.pi / 2) * (1 + sp.erf(M / sp.sqrt(2)))  # integral of exp(-q^2/2) from -infinity to m
TIME_LEFT = scale / (eta_w * c) * sp.log(1 + Y * sp.exp(M**2 / 2) * FALL)
CONSERVED = sp.exp(-(M**2) / 2) / Y + FALL
SMALLEST = 1e-30  # c below this is c = 0 to all digits
LOG_2PI_HALF = math.log(2 * math.pi) / 2


def steps(drift: Mapping[str, sp.Expr], names: Mapping[sp.Symbol, sp.Expr], draw: Draw) -> tuple[Step, ...]:
    """Return the derivation of the time that is left, from a model's own drift.

    Parameters
    ----------
    drift : mapping
        Rates of change of ``w`` and ``beta`` by the model, its rates included.
    names : mapping
        w, beta, c and scale (the unit of time) in the model's symbols; eta_beta if it is not the model's own.
    draw : callable
        Random points for the checks.
    """

    def own(expr: sp.Expr) -> sp.Expr:
        return expr.xreplace(dict(names))

    def change(expr: sp.Expr) -> sp.Expr:
        """Rate of change of an expression along the model's flow."""
        return own(scale) * sum((sp.diff(own(expr), names[s]) * drift[s.name] for s in (w, beta)), sp.S(0))

    known = sp.sqrt(sp.pi / (2 * eta_w * eta_beta)) * scale * sp.exp(-beta)
    slow = c * scale * sp.exp(-2 * beta) / (2 * eta_beta)
    at_rest = {w: sp.S(0), beta: sp.S(0), eta_w: sp.S(1), eta_beta: sp.S(1), scale: sp.S(1)}
    weak = [(TIME_LEFT / known).subs(at_rest).subs(c, v).evalf(30) - 1 for v in (1e-2, 1e-4, 1e-6)]
    late = slow + scale / (eta_w * c) * (sp.log(Y) + sp.log(2 * sp.pi) / 2)
    strong = [(TIME_LEFT - late).subs(at_rest).subs(c, v).evalf(30) / (v / 2) for v in (4, 8, 16)]
    m, e = label("m"), sp.exp

    def shown(expr: sp.Expr) -> sp.Expr:
        return expr.xreplace({s: names[s] for s in (w, beta, eta_beta) if s in names})

    far = {k: v for k, v in at_rest.items() if k not in (w, beta)} | {w: sp.S(2), c: sp.S(1)}
    return (
        Step(
            "The sum of the two equations, that of $m$, has no damping left.",
            sp.Tuple(
                equal(m, shown(M)), equal(label(r"S\,\dot m"), shown(-sp.sqrt(eta_w * eta_beta) * e(beta)))
            ),
            identity(change(M), own(-sp.sqrt(eta_w * eta_beta) * e(beta)), draw, symbolic=False),
        ),
        Step(
            "As a function of $m$, the exponential of the logit obeys a linear equation.",
            equal(sp.Derivative(shown(e(beta)), m), shown(m * e(beta) - kappa * c)),
            identity(
                change(e(beta)), own(-sp.sqrt(eta_w * eta_beta) * e(beta) * (M * e(beta) - kappa * c)), draw,
                symbolic=False,
            ),
        ),
        Step(
            "Its constant of integration is conserved along the flow.",
            equal(label("C"), shown(CONSERVED)),
            identity(change(CONSERVED) / own(CONSERVED), sp.S(0), draw, symbolic=False),
        ),
        Step(
            "Its reciprocal integrated over $m$ is the time that is left: it decreases by one unit per unit of time,",
            equal(label(r"t_\mathrm{left}"), shown(TIME_LEFT)),
            identity(change(TIME_LEFT), own(-scale), draw, symbolic=False),
        ),
        Step(
            "and nothing is left when the logit has run away.",
            equal(label(r"t_\mathrm{left}(\infty)"), sp.S(0)),
            converges([TIME_LEFT.subs(far).subs(beta, b).evalf(30) for b in (5, 10, 20)], 0.01,
                      "logit 5, 10, 20 at w = 2, c = 1"),
        ),
        Step(
            "Without damping and from rest.",
            equal(label(r"t_\mathrm{left}(c\to 0)"), shown(known)),
            converges(weak, 0.02, "c = 1e-2, 1e-4, 1e-6"),
        ),
        Step(
            "Under strong damping from rest: the saturated gain, approached from above, with its correction.",
            equal(label(r"t_\mathrm{left}(Y\to\infty)"), shown(late)),
            converges(strong, 0.1, "Y = 4, 8, 16, deviation relative to the saturated gain"),
        ),
    )  # fmt: skip


def time_left(gain: float, logit: float, damping: float, rate_w: float = 1.0, rate_beta: float = 1.0) -> float:
    """Return the time until the logit has run away, in the unit ``scale``; no overflow for any logit."""
    log_y, m = _coordinates(gain, logit, damping, rate_w, rate_beta)
    exponent = log_y + m**2 / 2 + LOG_2PI_HALF + log_ndtr(m)
    return float(np.logaddexp(0.0, exponent)) / (rate_w * max(damping, SMALLEST))


def time_to(
    level: float, gain: float, logit: float, damping: float, rate_w: float = 1.0, rate_beta: float = 1.0
) -> tuple[float, float]:
    """Return the time until the logit passes ``level`` upwards, in the unit ``scale``, and the gain there."""
    log_y, m = _coordinates(gain, logit, damping, rate_w, rate_beta)
    log_end = math.log(math.sqrt(rate_w / rate_beta) * max(damping, SMALLEST)) - level

    def conserved(at: float, log_of_y: float) -> float:
        return float(np.logaddexp(-(at**2) / 2 - log_of_y, LOG_2PI_HALF + log_ndtr(at)))

    aim = conserved(m, log_y)
    low = -math.sqrt(2 * abs(log_end + aim)) - 2
    m_end = brentq(lambda at: conserved(at, log_end) - aim, low, math.exp(log_end), xtol=1e-14, rtol=1e-14)
    gain_end = math.sqrt(rate_w / rate_beta) * (math.exp(log_end) - m_end)
    total = time_left(gain, logit, damping, rate_w, rate_beta)
    return total - time_left(gain_end, level, damping, rate_w, rate_beta), gain_end


def _coordinates(gain: float, logit: float, damping: float, rate_w: float, rate_beta: float) -> tuple[float, float]:
    ratio = math.sqrt(rate_w / rate_beta)
    log_y = math.log(ratio * max(damping, SMALLEST)) - logit
    return log_y, math.exp(log_y) - gain / ratio
