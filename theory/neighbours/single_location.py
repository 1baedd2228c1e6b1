"""Theory of the single-location model: invariant, plateau before sparse attention, effect of repetition."""

import math
from collections.abc import Mapping
from functools import lru_cache

import sympy as sp

from minimodels.model import Model
from minimodels.models.single_location import build
from minimodels.primitives import elementary
from theory.checks import converges, identities, identity
from theory.derivation import Check, Derivation, Init, Regime, Result, Step, expand, number
from theory.neighbours import location_regimes as regimes
from theory.neighbours import runaway
from theory.neighbours.location_setting import (
    ENDS,
    HERE,
    REST,
    SECOND,
    SOURCE,
    T_HALF,
    Delta,
    R,
    S,
    T,
    a,
    compact,
    d,
    draw,
    eta_Delta,
    eta_w,
    gains,
    n,
    p,
    sigma,
    w,
    w_1,
    w_f,
    w_h,
    x,
)
from theory.neighbours.location_time import exact
from theory.vocabulary import equal, invariant, label, measured_escape, needs_rates


def derive(repetition: str = "none") -> Derivation:
    """Derive the theory of ``single_location`` with the model's own option."""
    build(repetition=repetition)  # the model itself says what is wrong with an option
    return _derive(repetition)


@lru_cache
def _derive(repetition: str) -> Derivation:
    m = build(repetition=repetition)
    made = (conserved_quantity(m), plateau(m), *((exact(m),) if repetition == "none" else (repeated_sample(m),)))
    return Derivation.stating("single_location", {"repetition": repetition}, made, reference=HERE, where=compact(m))


def conserved_quantity(m: Model) -> Result:
    """A conserved quantity of the flow without the other tokens."""
    eta = {k: sp.Symbol(f"eta_{k}", positive=True) for k in m.state}
    conserved = sum(s**2 / (2 * eta[s.name]) for s in gains(m)) - (Delta + sp.exp(Delta) / REST) / eta["Delta"]
    drift = {k: elementary(m.drift[k]).subs(sigma, 0) for k in m.state}
    share = elementary(m.observables["attention"])
    statement = equal(label("C"), conserved)

    def unchanged(stated: sp.Basic) -> Check:
        change = sp.Add(*(sp.diff(stated.rhs, m.symbols[k]) * eta[k] * drift[k] for k in m.state))
        return identity(change, sp.S(0), draw, symbolic=False)

    steps = (
        Step(
            "Gains and logit enter the loss through the products $aw_i$ only, so that their drives are proportional.",
            equal(label(r"\partial_\Delta\mathcal{L}"), (1 - a) * label(r"\sum_i w_i\,\partial_{w_i}\mathcal{L}")),
            identity(drift["Delta"], (1 - share) * sum(s * drift[s.name] for s in gains(m)), draw, symbolic=False),
        ),
        Step.tested(
            "Hence the change along the flow, $\\sum_i\\dot x_i\\,\\partial_i$, of this is zero.", statement, unchanged
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        start = {m.symbols[k]: sp.Float(v) for k, v in init.items()}
        return {"invariant": number(model, conserved.xreplace(start), {})}

    regime = Regime("sigma = 0; any T, d, B, p, rates", regimes.silent_others, needs_rates(*m.state))
    return invariant("invariant", "Invariant of the flow", statement, steps, regime, evaluate)


def plateau(m: Model) -> Result:
    """Time on the plateau: leading order for any sigma and p, next order without the other tokens."""
    where, parts, g = compact(m), gains(m), runaway.w
    unit, damping = (expand(e, where) for e in (S, runaway.c))
    early = {k: _large_context(v) for k, v in m.drift.items()}
    along = {s: expand(size * part / R, where) for s, (size, part) in parts.items()}
    on_ray = {k: v.subs({s: share * g for s, share in along.items()}) for k, v in early.items()}
    claimed = {k: along[m.symbols[k]] * (sp.exp(Delta) - damping * g) / unit for k in m.state if k != "Delta"}
    claimed |= {"Delta": g * sp.exp(Delta) / unit}
    names = {g: g, runaway.beta: Delta, runaway.eta_beta: eta_Delta, runaway.c: damping, runaway.scale: unit}
    drift = {
        "w": runaway.eta_w * sum(share * on_ray[s.name] for s, share in along.items()),
        "beta": eta_Delta * on_ray["Delta"],
    }
    y = runaway.c
    full = S / y * sp.log(1 + y * sp.exp(y**2 / 2) * sp.sqrt(sp.pi / 2) * (1 + sp.erf(y / sp.sqrt(2))))
    at_zero = {g: 0, runaway.beta: 0, runaway.eta_w: 1, runaway.eta_beta: 1}
    at_one = {g: sp.S(1), Delta: sp.S(0)}
    own_unit = 1 / on_ray["Delta"].subs(at_one)  # unit of time and damping as the model's drift has them
    own_damping = 1 - own_unit * sum(share * on_ray[s.name].subs(at_one) for s, share in along.items())
    statement = equal(T_HALF, full)

    def runs_away(stated: sp.Basic) -> Check:
        left = runaway.TIME_LEFT.subs(at_zero).subs({y: own_damping, runaway.scale: own_unit}, simultaneous=True)
        return identity(expand(stated.rhs, where), left, draw, symbolic=False)

    steps = (
        Step(
            "For $T\\to\\infty$ the attention is $Be^{\\Delta}/T$ and does not limit itself; the gains grow along "
            "one direction, and with the gain $w$ along it, the flow is that of a logit and its gain.",
            sp.Tuple(equal(label(r"S\dot w"), sp.exp(Delta) - y * w), equal(label(r"S\dot\Delta"), w * sp.exp(Delta))),
            identity(sum(((on_ray[k] - claimed[k]) * unit) ** 2 for k in m.state), sp.S(0), draw, symbolic=False),
        ),
        *runaway.steps(drift, names, draw),
        Step.tested("From zero at unit rates.", statement, runs_away),
        Step(
            "Without the other tokens ($c\\to 0$).",
            equal(T_HALF, sp.sqrt(sp.pi / 2) * S),
            identity(sp.limit(full.subs(S, 1), y, 0), sp.sqrt(sp.pi / 2), draw),
        ),
    )

    def together(model: Model, init: Init) -> str | None:
        rate, moved = model.rate_values(), [s.name for s in parts if init[s.name] != 0]
        if len(parts) > 1 and moved:
            return f"{moved[0]} does not start at 0."
        if len(parts) > 1 and rate["w"] != rate["w_1"]:
            return "the rates of w and w_1 differ."
        return regimes.too_short(model, init) if regimes.one_direction(model) else None

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        rate = model.rate_values()
        time = runaway.time_left(init["w"], init["Delta"], number(model, y, where), rate["w"], rate["Delta"])
        return {
            "plateau_time": number(model, S, where) * time,
            "unit": number(model, S, where),
            "damping": number(model, y, where),
        }

    def error(model: Model, init: Init, values: Mapping[str, float]) -> float:
        ends = S / (n + 1) * (ENDS - sp.sqrt(2 * sp.pi)) / sp.sqrt(eta_w * eta_Delta)
        late = abs(number(model, ends, where))
        if not regimes.one_direction(model) and number(model, w_h - 2 * w_f, where) > 0:
            late += number(model, SECOND, where)  # see the speed-up by a repeated sample
        return late / values["plateau_time"]

    return Result(
        name="plateau_time",
        title="Time on the plateau",
        statement=statement,
        steps=steps,
        regime=Regime(
            "T/B large; any d, sigma, p, rates, logit at the start (error: the next order)",
            needs_rates(*m.state), regimes.not_yet, together,
        ),
        reference=f"{HERE}; sqrt(d) T/B at sigma = 0 is the law of {SOURCE}, the constant and c > 0 are new here",
        evaluate=evaluate,
        error=error,
        measure=measured_escape,
    )  # fmt: skip


def _large_context(drift: sp.Expr) -> sp.Expr:
    """Return the leading order in 1/T of a drift at fixed gains and logit."""
    small = sp.Symbol("small", positive=True)
    inverse = sp.simplify(elementary(drift).subs(T, 1 / small) / small)
    return sp.limit(inverse, small, 0) / T


def repeated_sample(m: Model) -> Result:
    """How much sooner attention emerges if the relevant content is the same vector with probability p."""
    where = compact(m)
    strength, published = where[R] / sp.sqrt(d), sp.sqrt(p**2 * d + (1 - p) ** 2)
    sizes = (1e3, 1e5, 1e7)
    gaps = [float((strength / published - 1).subs({p: 1 / sp.sqrt(size), d: size})) * size**0.5 for size in sizes]
    q, q_0 = sp.symbols("q q_0", positive=True)
    wait = sp.Integral(q**2 / sp.sqrt(q_0**2 - q**2), (q, 0, q_0))
    logit = Delta + sp.exp(Delta) / n  # in the invariant, beside the squares of the gains
    locked = logit.subs(Delta, sp.log(n) - sp.log(q - 1))
    share = elementary(m.observables["attention"])
    drift = elementary(m.drift["w"]).subs({sigma: 0, w: 0})
    statement = sp.Tuple(
        equal(R / sp.sqrt(d), sp.sqrt(p**2 * d + 1 - p**2)), equal(label(r"t_\mathrm{second}"), SECOND)
    )
    early = _large_context(m.drift["Delta"]).subs(Delta, 0) * d * (REST + 1)
    of_model = sp.sqrt(sum(sp.diff(early, s) ** 2 for s in gains(m)))  # what drives the logit, per unit of gain

    def drives(stated: sp.Basic) -> Check:
        return identities([(expand(side, where), of_model / sp.sqrt(d)) for side in stated.args], draw)

    def waits(stated: sp.Basic) -> Check:
        """The waiting time at the speed of the model, at its leading order in d."""
        speed = eta_w * elementary(m.drift["w"]).subs({sigma: 0, w: 0}) / share * sp.sqrt(d / (d - 1))
        ratio = expand(w_h / w_f, where)
        return identity(expand(stated.rhs, where), sp.pi * ratio**2 / 4 / speed, draw, symbolic=False)

    steps = (
        Step.tested(
            "The content is the repeated vector with variance $d$ along it, else isotropic with variance 1.",
            statement.args[0],
            drives,
        ),
        Step(
            "The published law leaves out $2p(1-p)$, a part $1/\\sqrt d$ at most: at $p=1/\\sqrt d$, to half of it.",
            equal(label(r"\sqrt{d}\,(R/R_\mathrm{pub}-1)"), sp.Rational(1, 2)),
            converges([g - 0.5 for g in gaps], 0.15, "p = 1/sqrt(d), d = 1e3, 1e5, 1e7"),
        ),
        Step(
            "Where $w_1$ dominates, $aw_1$ gets to 1 at $a=1/q_0$, before $a=1/2$; from then on the other gain has to "
            "grow, $w^2+q^2=q_0^2$ with $q=1/a$, by the invariant,",
            equal(w_1, q),
            converges(
                [(locked.subs(q, 2) - locked.subs(q, size)).evalf() / (size**2 / 2) for size in (1e1, 1e2, 1e3)],
                0.05, "change of the logit's part of the invariant against that of the gains, q_0 = 1e1, 1e2, 1e3",
            ),
        ),
        Step(
            "at the speed",
            equal(label(r"\dot w"), a * (1 - p) * sp.sqrt(d - 1) / d),
            identity(drift, share * (1 - p) * sp.sqrt(d - 1) / d, draw, symbolic=False),
        ),
        Step(
            "which takes $\\sqrt d/(1-p)$ times",
            equal(wait, sp.pi * q_0**2 / 4),
            identity(sp.integrate((q_0 * sp.sin(x)) ** 2, (x, 0, sp.pi / 2)), sp.pi * q_0**2 / 4, draw),
        ),
        Step.tested("With $q_0=w_h/w_f$, for large $d$.", statement.args[1], waits),
    )  # fmt: skip

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        second = number(model, SECOND, where) if model.values["p"] < 1 else math.inf
        return {
            "speed_up": number(model, strength, {}),
            "published": number(model, published, {}),
            "second_phase": second if number(model, w_h - 2 * w_f, where) > 0 else 0.0,
        }

    return Result(
        name="repeated_sample",
        title="Speed-up by a repeated sample, and its price",
        statement=statement,
        steps=steps,
        regime=Regime(
            "the plateau is shorter by this factor if T/B is large; the second phase is an estimate for w_h > 2 w_f",
            needs_rates(*m.state),
            regimes.not_yet,
        ),
        reference=f"{HERE}; {SOURCE} gives sqrt(p^2 d + (1 - p)^2)",
        evaluate=evaluate,
    )
