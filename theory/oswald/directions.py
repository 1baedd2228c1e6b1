"""Anisotropic inputs: the limit of merged and separate weights, and the staircase of separate ones."""

import math
from typing import Any

import sympy as sp

from minimodels.model import Model
from minimodels.models import linear_attention as statement
from theory.checks import identities, identity
from theory.derivation import Check, Init, Regime, Result, Step, expand, number
from theory.oswald.ladder import LARGE, saddle_ladder
from theory.oswald.setting import alike, at, between, change, draw, numbered, rate, tau
from theory.vocabulary import at_the_end, equal, invariant, label, needs_rates

v = sp.Symbol("v", real=True)
QUARTER, THIRD = sp.Rational(1, 4), sp.Rational(1, 3)


class Directions:
    """The symbols of a flow of directions: variances, weights, dampings with their definitions."""

    def __init__(self, m: Model) -> None:
        self.m = m
        self.variances = tuple(numbered(m, "lambda"))
        self.merged = m.options["weights"].endswith("merged")
        self.keys, self.queries = numbered(m, "k"), numbered(m, "q")
        self.u = numbered(m, "u") or [k * q for k, q in zip(self.keys, self.queries, strict=True)]
        self.gamma = [label(f"\\Gamma_{{{i + 1}}}") for i in range(len(self.u))]
        stated = (statement.damping(x, self.variances) for x in self.variances)
        self.where = dict(zip(self.gamma, stated, strict=True))
        inverse = sum((1 / x if not self.merged else x**-2) for x in self.gamma)
        self.v_end = inverse ** (QUARTER if self.merged else THIRD)

    def learned(self, count: int) -> sp.Expr:
        """Return the loss with the first directions learned."""
        falls = [x**2 / y for x, y in zip(self.variances[:count], self.gamma, strict=False)]
        return tau**2 / 2 * (sp.Add(*self.variances) - sp.Add(*falls))

    def at_weights(self, u: list[sp.Expr]) -> dict[sp.Symbol, sp.Expr]:
        """Return the states with these weights, keys like queries."""
        if self.merged:
            return dict(zip(self.u, u, strict=True))
        roots = [sp.sqrt(x) for x in u]
        return {k: x for kinds in (self.keys, self.queries) for k, x in zip(kinds, roots, strict=True)}


def invariants(m: Model) -> list[Result]:
    """What the flow keeps: the square of v against those of the weights, and keys against queries."""
    here = Directions(m)
    parts = here.u if here.merged else here.keys
    found = {("invariant", "Invariant of v and the weights"): v**2 / rate(v) - sp.Add(*(x**2 / rate(x) for x in parts))}
    for k, q in zip(here.keys, here.queries, strict=True):
        found[f"invariant_{k}", f"Invariant of {k} and {q}"] = k**2 / rate(k) - q**2 / rate(q)
    made = []
    for (name, title), quantity in found.items():
        published = equal(label("C"), quantity)
        step = Step.tested(
            "The loss depends on the products $vu_i$ alone.",
            published,
            lambda stated: identity(change(m, stated.rhs), sp.S(0), draw, symbolic=False),
        )

        def evaluate(model: Model, init: Init, quantity: sp.Expr = quantity) -> dict[str, float]:
            return {"C": at(model, init, quantity)}

        regime = Regime("any start, positive rates", needs_rates(*m.state))
        made.append(invariant(name, title, published, (step,), regime, evaluate))
    return made


def limit(m: Model) -> Result:
    """Where the flow of a small start ends: the best preconditioner."""
    here, loss = Directions(m), sp.sympify(m.loss)
    ends = [1 / (here.v_end * x) for x in here.gamma]
    statement_ = sp.Tuple(
        equal(label(r"v_\infty"), here.v_end),
        *(equal(label(f"u_{{{i + 1},\\infty}}"), x) for i, x in enumerate(ends)),
        equal(label(r"\mathcal{L}_\infty"), here.learned(len(ends))),
    )

    def scale(stated: sp.Basic) -> Check:
        """With the best weights for this v, the invariant vanishes."""
        value = expand(stated.rhs, here.where)
        weights = [expand(1 / x, here.where) / value for x in here.gamma]
        size = sum(x**2 for x in weights) if here.merged else sum(weights)
        return identities([(value**2, sp.sympify(size)), (sp.sqrt(value**2), value)], draw)

    def rests(index: int) -> Any:
        def test(stated: sp.Basic) -> Check:
            """The slope of the loss with respect to the weight vanishes."""
            x = here.u[index] if here.merged else here.keys[index]
            others = here.at_weights([expand(e, here.where) for e in ends])
            mine = here.at_weights([expand(stated.rhs, here.where)] * len(ends))
            point = others | {k: e for k, e in mine.items() if str(k).endswith(f"_{index + 1}")}
            slope = sp.diff(loss, x).subs(point | {v: expand(here.v_end, here.where)}, simultaneous=True)
            return identities([(slope, sp.S(0))], draw)

        return test

    def least(stated: sp.Basic) -> Check:
        point = here.at_weights([expand(e, here.where) for e in ends]) | {v: expand(here.v_end, here.where)}
        return identities([(loss.subs(point, simultaneous=True), expand(stated.rhs, here.where))], draw)

    equations = statement_.args
    steps = (
        Step.tested(
            "From a start at zero $v^2=\\sum u_i^2$." if here.merged else "From a balanced start $v^2=\\sum u_i$.",
            equations[0], scale,
        ),
        *(
            Step.tested("The loss is least in this direction at $vu_i=1/\\Gamma_i$,", e, rests(i))
            for i, e in enumerate(equations[1:-1])
        ),
        Step.tested("where it is", equations[-1], least),
    )  # fmt: skip

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        values = {
            "v": number(model, here.v_end, here.where),
            "loss": number(model, here.learned(len(ends)), here.where),
        }
        return values | {f"u_{i + 1}": number(model, x, here.where) for i, x in enumerate(ends)}

    parts = here.u if here.merged else here.keys
    kept = v**2 - sp.Add(*(x**2 for x in parts))

    def small(model: Model, init: Init) -> str | None:
        apart = at(model, init, kept)
        far = abs(apart) > 1e-3 * number(model, here.v_end, here.where) ** 2
        return f"the invariant is {apart:.3g} at the start, and not small." if far else None

    return Result(
        name="limit",
        title="End of the flow",
        statement=statement_,
        steps=steps,
        regime=Regime(
            "small or balanced positive start, unit rates (error: the invariant of the start)",
            needs_rates(*m.state),
            alike(*m.state),
            small,
            *(between(m.symbols[k], 0, math.inf, k) for k in m.state),
        ),
        evaluate=evaluate,
        error=lambda model, init, values: abs(at(model, init, kept)) / values["v"] ** 2,
        measure=at_the_end(lambda model, last: {"v": last["v"]}),
    )


def growth(m: Model) -> Result:
    """How fast small merged weights grow: the norm of the squared covariance."""
    here = Directions(m)
    speed = tau**2 * sp.sqrt(sum(x**4 for x in here.variances))
    published = equal(label("r"), speed)
    at_zero = dict.fromkeys([m.symbols[k] for k in m.state], sp.S(0))

    def grows(stated: sp.Basic) -> Check:
        """The growing direction v = |u|, u along the squared variances, is an eigenvector of the linearised flow."""
        states = [m.symbols[k] for k in m.state]
        slope = sp.Matrix([m.drift[k] for k in m.state]).jacobian(states).subs(at_zero)
        norm = sp.sqrt(sum(x**4 for x in here.variances))
        along = sp.Matrix([norm, *(x**2 for x in here.variances)])
        return identities(list(zip(slope * along, stated.rhs * along, strict=True)), draw)

    step = Step.tested(
        "Around the origin $v$ grows by the sum of $\\lambda_i^2u_i$ and each $u_i$ by $\\lambda_i^2v$.",
        published,
        grows,
    )
    return Result(
        name="growth",
        title="Growth of small merged weights",
        statement=published,
        steps=(step,),
        regime=Regime("small weights, unit rates", needs_rates(*m.state), alike(*m.state)),
        evaluate=lambda model, init: {"r": number(model, speed, {})},
    )


def ladder(m: Model) -> Result:
    """The staircase of separate weights: the losses of its plateaus and the times of its exits."""
    here, loss = Directions(m), sp.sympify(m.loss)
    size = len(here.u)
    statement_ = sp.Tuple(*(equal(label(f"\\mathcal{{L}}_{{{k}}}"), here.learned(k)) for k in range(size + 1)))

    def rests(count: int) -> Any:
        def test(stated: sp.Basic) -> Check:
            """The loss at the saddle where the first directions are learned and the others zero; it is one."""
            inverse = [expand(1 / x, here.where) for x in here.gamma[:count]]
            speed = sp.Add(*inverse) ** THIRD
            weights = [x / speed for x in inverse] + [sp.S(0)] * (size - count)
            point = here.at_weights(weights) | {v: speed}
            slopes = [sp.diff(loss, m.symbols[k]).subs(point, simultaneous=True) for k in m.state]
            value = loss.subs(point, simultaneous=True)
            return identities([(value, expand(stated.rhs, here.where)), *((x, sp.S(0)) for x in slopes)], draw)

        return test

    steps = tuple(
        Step.tested(f"The flow rests where {k} directions are learned, with the loss", e, rests(k))
        for k, e in enumerate(statement_.args)
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        values = model.values
        found = saddle_ladder(
            [values[str(x)] for x in here.variances], int(values["N"]), start=init["k_1"], tau=values["tau"],
            sigma=values["sigma"],
        )  # fmt: skip
        made = {f"exit_{i + 1}": t for i, t in enumerate(found.exits)}
        return made | {f"L_{i}": x for i, x in enumerate(found.plateaus)}

    def ordered(model: Model, init: Init) -> str | None:
        sizes = [model.values[str(x)] for x in here.variances]
        if sizes != sorted(sizes, reverse=True):
            return "the variances are not in falling order: use theory.saddle_ladder."
        if model.values["N"] != int(model.values["N"]):
            return "N is not whole."
        largest = max(init[f"{kind}_{i + 1}"] for kind in "kq" for i in range(size))
        final = number(model, here.v_end * here.gamma[0], here.where)
        return f"k and q start at {largest:.3g}, which is not small." if largest**2 * final > LARGE else None

    def equal_starts(model: Model, init: Init) -> str | None:
        starts = {init[f"{kind}_{i + 1}"] for kind in "kq" for i in range(size)}
        kept = at(model, init, v**2 - sp.Add(*(k**2 for k in here.keys)))
        even = len(starts) == 1 and min(starts) > 0 and init["v"] > 0 and abs(kept) <= 1e-9 * init["v"] ** 2
        return None if even else "it needs equal, positive k_i and q_i, and v^2 the sum of their squares."

    return Result(
        name="ladder",
        title="Staircase of saddles",
        statement=statement_,
        steps=steps,
        regime=Regime(
            "small, equal, balanced start, falling variances, unit rates (exits to a power of the start)",
            needs_rates(*m.state),
            alike(*m.state),
            equal_starts,
            ordered,
        ),
        evaluate=evaluate,
        error=lambda model, init, values: math.nan,
        measure=lambda model, run: float(run["exit_1"]),
    )
