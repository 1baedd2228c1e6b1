"""What holds for every flow or map, derived for a model of the user's own from its expressions alone."""

import copy
import math
from dataclasses import replace
from functools import lru_cache

import mpmath
import numpy as np
import sympy as sp

from minimodels.bounds import limits
from minimodels.evaluate import evaluate as values_at
from minimodels.fixed_points import FixedPoint
from minimodels.fixed_points import fixed_points as find_fixed_points
from minimodels.model import Map, Model
from minimodels.primitives import elementary
from theory.checks import DIGITS, vanishes
from theory.derivation import Check, Derivation, Init, Regime, Result, Step
from theory.numeric import precise
from theory.own import conserved, elimination, equivariance
from theory.own.elimination import Solution
from theory.own.motion import SHOWN, SIMPLE, Motion, motion, size
from theory.vocabulary import equal, label

HERE = "derived here from the model's own expressions"
ELIMINATED = 8  # states up to which closed forms are looked for
DIFFERENTIATED = 5000  # operations times states up to which the Jacobian is written out
SPECTRUM = 4  # states up to which eigenvalues are looked for in closed form
LISTED = 12  # fixed points that are listed, those nearest to the start
MEMBERS = 3  # degenerate fixed points that are listed, of many
SEARCHED = 1e-10  # to which mm.fixed_points finds a point
AT_REST = 1e-10  # size of the drift below which a start counts as a fixed point
UNHELD = "what is derived, as long as no state is held at a bound"
lam, eps, time = sp.Symbol("lambda", positive=True), sp.Symbol("eps", positive=True), sp.Symbol("t", positive=True)


def derive(model: Model) -> Derivation:
    """Derive what holds for every model from the statement of this one: its loss, drift or update, and its rates."""
    m = motion(model)
    points = closed_forms(m)
    made = [fixed_points(m, points), linearisation(m, points), conserved.conserved(m), equivariance.symmetries(m)]
    if model.bounds:
        made = [replace(r, regime=Regime(f"{r.regime.sentence}; {UNHELD}", *r.regime.conditions)) for r in made]
    falls = descent(m)
    made = made if falls is None else [falls, *made]
    return Derivation.stating(model.name, model.options, made, reference=HERE)


def descent(m: Motion) -> Result | None:
    """The loss falls along its gradient flow."""
    height = m.loss
    if height is None:
        return None
    slopes = [sp.diff(height, s) for s in m.x]
    fall = -sp.Add(*(m.rate(k) * slope**2 for k, slope in enumerate(slopes)))
    change, symbolic = label(r"\frac{d\mathcal{L}}{dt}"), label(r"-\sum_i\eta_i\,(\partial_i\mathcal{L})^2")
    shown = equal(change, fall if size(fall) <= SHOWN else symbolic)
    steps = m.step(
        f"By the chain rule, with $\\dot x_i=-\\eta_i\\,\\partial_i\\mathcal{{L}}$, this is ${sp.latex(symbolic)}$.",
        shown,
        lambda e: [m.change(height) - e.rhs.xreplace({symbolic: fall})],
    )
    if not steps:
        return None

    def obstacle(model: Model, init: Init) -> str | None:
        negative = next((k for k, v in model.rate_values().items() if v < 0), None)
        return negative and f"the rate of {negative} is negative, so that the loss may grow."

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at, rates = values_at(model, init), model.rate_values()
        fall = -sum(at[f"d_{k}"] ** 2 / rates[k] for k in model.state if rates[k] > 0)
        return {"dloss_dt": fall or 0.0, "loss": at["loss"]}

    return Result(
        name="descent",
        title="The loss falls",
        statement=shown,
        steps=tuple(steps),
        regime=Regime("rates that are not negative; values at the start", obstacle),
        evaluate=evaluate,
    )


def closed_forms(m: Motion) -> tuple[list[Solution], bool]:
    """Return the fixed points in closed form, each checked, and whether they are all (for generic parameters)."""
    found = elimination.solve(m.f, m.x) if len(m.x) <= ELIMINATED else None
    complete = found is not None
    origin = dict.fromkeys(m.x, sp.S(0))
    points = [origin] if found is None else found
    checked = [p for p in points if (check := m.zeros(f.subs(p) for f in m.f)) and check.passed]
    return checked, complete and len(checked) == len(points)


def fixed_points(m: Motion, closed: tuple[list[Solution], bool]) -> Result:
    """The points where nothing moves."""
    points, complete = closed

    def zero(point: sp.Basic) -> list[sp.Expr]:
        at = {e.lhs: e.rhs for e in point} if isinstance(point, sp.Tuple) else {}
        return [f.subs(at) for f in m.f]

    steps = [
        step
        for k, p in enumerate(points, 1)
        for step in m.step(
            f"Fixed point {k}{_family(m, p)}: put into the {_moves(m)} it gives zero.", _equations(p), zero
        )
    ]
    if not complete:
        steps += _numerical(m)
    if complete:
        what = "these are all" if points else "there is none"
        sentence = f"{what}, for generic parameters (each where it is real); found by factors and substitution"
    else:
        what = "in closed form the origin only" if points else "no closed form found"
        sentence = f"{what}; mm.fixed_points finds them numerically"
    condition = equal(label("F(x)"), label("x")) if m.is_map else equal(label("f(x)"), sp.S(0))

    @lru_cache(maxsize=1)
    def find(model: Model) -> list[FixedPoint]:
        return _found(model, points)

    def parts(model: Model, init: Init) -> dict[str, dict[str, float]]:
        degenerate = [p for p in find(model) if p.kind == "degenerate"]
        isolated = [p for p in find(model) if p.kind != "degenerate"]
        nearest = sorted(isolated, key=lambda p: math.dist(p.state.values(), init.values()))[:LISTED]
        several = len(degenerate) > MEMBERS
        shown = [p for p in isolated if p in nearest] + degenerate[: MEMBERS if several else None]
        note = f", one of {len(degenerate)} found, perhaps of a continuum" if several else ""
        return {
            f"Fixed point {k} ({p.kind}{note if p.kind == 'degenerate' else ''})": _numbers(p, model)
            for k, p in enumerate(shown, 1)
        }

    return Result(
        name="fixed_points",
        title="Fixed points",
        statement=sp.Tuple(*map(_equations, points)) if points else condition,
        steps=tuple(steps),
        regime=Regime(f"{sentence}; the numbers are these, and what mm.fixed_points finds by default"),
        evaluate=lambda model, init: {"found": float(len(find(model)))},
        error=lambda model, init, values: SEARCHED,
        parts=parts,
    )


def _found(model: Model, points: list[Solution]) -> list[FixedPoint]:
    """Return what mm.fixed_points finds, and the points in closed form that lie elsewhere."""
    found = find_fixed_points(model)
    low, high = limits(model)
    for p in (p for p in points if len(p) == len(model.state)):
        state = {s.name: model.evaluate(value) for s, value in p.items()}
        known = any(all(abs(q.state[k] - v) <= 1e-5 * (1 + abs(v)) for k, v in state.items()) for q in found)
        inside = all(a <= state[k] <= b for k, a, b in zip(model.state, low, high, strict=True))
        if inside and all(map(math.isfinite, state.values())) and not known:
            found += [q for q in [_near(model, state)] if q]
    return found


def _numerical(m: Motion) -> list[Step]:
    """Return the step that checks what mm.fixed_points finds at the parameters of the model, if anything."""
    found = [p for p in find_fixed_points(m.model) if len(p.eigenvalues) == len(m.x)]  # at a bound, drift is left
    values = m.model.values
    try:
        evaluate = precise([*m.x, *m.parameters], [elementary(f) for f in m.f])
        with mpmath.workdps(DIGITS):
            points = [[*p.state.values(), *(values[s.name] for s in m.parameters)] for p in found]
            left = [float(abs(v)) for point in points for v in evaluate(*map(mpmath.mpf, point))]
    except Exception:  # a function that mpmath does not have
        return []
    sentence = f"At the parameters of the model mm.fixed_points finds {len(found)}."
    check = vanishes(left, 1e-9, f"{_moves(m)} at the points found, {DIGITS} digits") if left else None
    return [Step(sentence, equal(label("n"), sp.Integer(len(found))), check)] if check and check.passed else []


def linearisation(m: Motion, closed: tuple[list[Solution], bool]) -> Result:
    """How a small deviation from a fixed point grows or decays."""
    steps: list[Step] = []
    general = label(r"J_{ij}")
    if m.loss is not None:
        stated = equal(general, label(r"-\eta_i\,\partial_i\partial_j\mathcal{L}"))
    else:
        stated = equal(general, label(r"\partial_j F_i" if m.is_map else r"\eta_i\,\partial_j f_i"))
    if size(*m.f) * len(m.x) <= DIFFERENTIATED:
        J = sp.Matrix(m.after if m.is_map else m.f).jacobian(m.x)
        smooth = not J.has(sp.DiracDelta, sp.Derivative)
        if size(J) <= SHOWN and smooth:
            stated = equal(label("J"), sp.ImmutableMatrix(J))
        if smooth:
            steps += _quotients(m, stated, J) if m.loss is None else _hessian(m, stated, J)
        for k, p in enumerate(closed[0] if smooth else (), 1):
            steps += _spectrum(m, J.subs(p), k, p)
    speed = sp.log(lam) if m.is_map else lam
    grown = eps * (lam**time if m.is_map else sp.exp(lam * time))
    law = "modulus $\\lambda>1$ grows as $\\lambda^t$"
    law = law if m.is_map else "real part $\\lambda>0$ grows as $e^{\\lambda t}$"
    steps += m.step(
        f"A deviation of size $\\varepsilon$ along a direction whose {_rate(m)} has the {law} and is of order 1 after",
        equal(label("t"), sp.log(1 / eps) / speed),
        lambda e: [sp.expand_log(sp.log(grown.subs(time, e.rhs)), force=True)],
    )

    def obstacle(model: Model, init: Init) -> str | None:
        at = values_at(model, init)
        largest = max((k for k in model.state), key=lambda k: abs(at[f"d_{k}"]))
        if abs(at[f"d_{largest}"]) > AT_REST:
            word = "changes by" if m.is_map else "moves at the rate"
            return f"the start is not a fixed point: {largest} {word} {at[f'd_{largest}']:.3g} there."
        point = _near(model, init)
        if point is not None and not len(point.eigenvalues):
            return "every state is held at a bound: no deviation lasts."
        return None if point else "mm.fixed_points does not find the start again."

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        point = _near(model, init)
        assert point is not None
        with np.errstate(divide="ignore"):
            rates = np.log(abs(point.eigenvalues)) if m.is_map else point.eigenvalues.real
        fastest = float(rates.max())
        scale = {"time_per_e_fold": 1 / abs(fastest)} if abs(fastest) > 1e-8 and math.isfinite(fastest) else {}
        return {"growth_rate": fastest, **scale, **_eigenvalues(point, model)}

    return Result(
        name="linearisation",
        title="Linearisation at the start",
        statement=stated,
        steps=tuple(steps),
        regime=Regime(
            "small deviations from a fixed point; numbers for a start at one, which stays there: a deviation eps grows "
            "to order 1 in ln(1/eps)/growth_rate if the rate is positive, and decays if it is negative",
            obstacle,
        ),
        evaluate=evaluate,
        error=lambda model, init, values: SEARCHED,
    )


def _entries(stated: sp.Basic, J: sp.Matrix) -> list[sp.Expr]:
    """Return the entries of a Jacobian as stated; where it is too large to be written out, as it is."""
    return list(stated.rhs if isinstance(stated.rhs, sp.MatrixBase) else J)


def _hessian(m: Motion, stated: sp.Basic, J: sp.Matrix) -> list[Step]:
    """Return the step that compares the Jacobian with the Hessian of the loss."""
    hessian = sp.diag(*map(m.rate, range(len(m.x)))) * sp.hessian(m.loss, m.x)
    sentence = "The Jacobian of a gradient flow is minus the Hessian of its loss, times the rates."
    return m.step(sentence, stated, lambda e: [a + b for a, b in zip(_entries(e, J), hessian, strict=True)])


def _quotients(m: Motion, stated: sp.Basic, J: sp.Matrix) -> list[Step]:
    """Return the step that compares the Jacobian with difference quotients at a random point."""
    n, h = len(m.x), mpmath.mpf(10) ** -12
    arguments = [*m.x, *m.parameters]
    drawn = m.draw(np.random.default_rng(2))

    def quotients(equation: sp.Basic) -> Check:
        evaluate = precise(arguments, [elementary(e) for e in (m.after if m.is_map else m.f)])
        slopes = precise(arguments, [elementary(e) for e in _entries(equation, J)])
        with mpmath.workdps(DIGITS):
            x = [mpmath.mpf(drawn[s.name]) for s in arguments]
            slope, left = slopes(*x), []
            for j in range(n):
                up, down = (evaluate(*(v + sign * h * (i == j) for i, v in enumerate(x))) for sign in (1, -1))
                left += [float(abs((up[i] - down[i]) / (2 * h) - slope[n * i + j])) for i in range(n)]
        return vanishes(left, 1e-15, f"difference quotients at a random point, {DIGITS} digits")

    what = "update" if m.is_map else "drift with its rates"
    try:
        step = Step.tested(f"The Jacobian of the {what}.", stated, quotients)
    except Exception:  # a function that mpmath does not have
        return []
    return [step] if step.check.passed else []


def _spectrum(m: Motion, J: sp.Matrix, k: int, p: Solution) -> list[Step]:
    """Return the step with the eigenvalues at a fixed point, where they are simple."""
    J = J.applyfunc(elimination.tidy) if len(m.x) <= SPECTRUM else J
    if len(m.x) > SPECTRUM or size(J) > SIMPLE or J.has(sp.zoo, sp.nan, sp.oo):
        return []
    unknown = sp.Symbol("lambda")
    polynomial = sp.expand((J - unknown * sp.eye(len(m.x))).det(method="berkowitz"))
    found: list[sp.Expr] = []
    factors = elimination.factored(polynomial, unknown)
    for factor in factors:
        if sp.Poly(factor, unknown).degree() > 2:
            return []
        found += [elimination.tidy(r) for r in sp.roots(sp.Poly(factor, unknown))]
    kind, simple = _kind_of(found, m), sp.Poly(sp.Mul(*factors), unknown)

    def defects(stated: sp.Basic) -> list[sp.Expr]:
        """The characteristic polynomial at each, and the coefficients of what must be one with all as simple roots."""
        other = sp.Poly(simple.LC() * sp.Mul(*(unknown - value for value in stated.rhs)), unknown)
        return [*(polynomial.subs(unknown, value) for value in stated.rhs), *(other - simple).all_coeffs()]

    return m.step(
        f"At fixed point {k}{_family(m, p)} the {_rate(m)}s are these{kind}.",
        equal(label(r"\lambda"), sp.Tuple(*found)),
        defects,
    )


def _kind_of(eigenvalues: list[sp.Expr], m: Motion) -> str:
    """Return the kind of a fixed point, in words, where the signs do not depend on parameters."""
    growth = [abs(v) - 1 if m.is_map else sp.re(v) for v in eigenvalues]
    if all(g.is_positive for g in growth):
        return ": it is unstable"
    if all(g.is_negative for g in growth):
        return ": it is stable"
    return ": a saddle" if any(g.is_positive for g in growth) and any(g.is_negative for g in growth) else ""


def _near(model: Model, init: Init) -> FixedPoint | None:
    """Return the fixed point at a state, with its eigenvalues, if there is one."""
    started = copy.copy(model)
    started.init = dict(init)
    box = {k: (v - 1e-3, v + 1e-3) for k, v in init.items()}
    near = find_fixed_points(started, box=box, starts=1)
    return next((p for p in near if all(abs(p.state[k] - v) <= 1e-6 * (1 + abs(v)) for k, v in init.items())), None)


def _numbers(point: FixedPoint, model: Model) -> dict[str, float]:
    state = {k: 0.0 if abs(v) < SEARCHED else v for k, v in point.state.items()}
    loss = {} if point.loss is None else {"loss": 0.0 if abs(point.loss) < 1e-15 else point.loss}
    return {**state, **loss, **_eigenvalues(point, model)}


def _eigenvalues(point: FixedPoint, model: Model) -> dict[str, float]:
    """Return the eigenvalues by name, the fastest growing first; of a complex pair the real and imaginary part."""
    word = "multiplier" if isinstance(model, Map) else "eigenvalue"
    made: dict[str, float] = {}
    values = point.eigenvalues
    noise = 1e-12 * float(abs(values).max(initial=1.0))
    growth = abs(values) if isinstance(model, Map) else values.real
    upper = [values[j] for j in np.argsort(-growth, kind="stable") if values[j].imag >= -noise]
    for k, value in enumerate(upper, 1):
        real, imaginary = (0.0 if abs(v) <= noise else float(v) for v in (value.real, value.imag))
        if imaginary:
            made |= {f"Re {word}_{k}": real, f"Im {word}_{k} (+-)": imaginary}
        else:
            made[f"{word}_{k}"] = real
    return made


def _family(m: Motion, p: Solution) -> str:
    free = [sp.latex(s) for s in m.x if s not in p]
    return f" (for every ${', '.join(free)}$)" if free else ""


def _equations(p: Solution) -> sp.Basic:
    found = [equal(s, v) for s, v in sorted(p.items(), key=lambda item: str(item[0]))]
    return sp.Tuple(*found) if found else equal(label("x"), label(r"\text{any}"))


def _moves(m: Motion) -> str:
    return "change in an iteration" if m.is_map else "drift"


def _rate(m: Motion) -> str:
    return "multiplier" if m.is_map else "eigenvalue"
