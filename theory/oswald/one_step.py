"""Flows of one step: merged weights (logistic) and separate ones (algebraic escape), from the loss of the model."""

import math
from typing import Any

import numpy as np
import sympy as sp

from minimodels.model import Model
from minimodels.models import linear_attention as statement
from theory.checks import converges, identity, together
from theory.derivation import Check, Init, Regime, Result, Step, expand, number
from theory.oswald import setting
from theory.oswald.setting import T_HALF, G, a, a_0, a_star, alike, at, balanced, between, change, d, draw, norm, rate
from theory.vocabulary import at_the_end, equal, invariant, label, measured_escape, needs_rates

WHERE = {a_star: statement.STEP, G: statement.DRIVE * d}
u, v, k, q, p = sp.symbols("u v k q p", real=True)
POSITIVE = "a/a_star"


def stays(m: Model, name: str, left: sp.Symbol, right: sp.Symbol) -> Result:
    """The squares of two factors over their rates keep their difference."""
    quantity = left**2 / rate(left) - right**2 / rate(right)
    published = equal(label("C"), quantity)
    step = Step.tested(
        f"$L$ depends on the product of the factors, so ${left}\\,\\partial_{left}L={right}\\,\\partial_{right}L$.",
        published,
        lambda stated: identity(change(m, expand(stated.rhs, WHERE)), sp.S(0), draw, symbolic=False),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        return {"C": at(model, init, quantity)}

    regime = Regime("any start, positive rates", needs_rates(str(left), str(right)))
    return invariant(name, f"Invariant of {left} and {right}", published, (step,), regime, evaluate)


def pace(m: Model) -> sp.Expr:
    """Return the rate of change of the step."""
    return change(m, m.observables["a"])


def best_step(m: Model) -> Step:
    """The step at which the loss is least."""
    step = m.observables["a"]
    mu = sp.Symbol("x")
    loss = sp.sympify(m.loss).subs(u if "u" in m.state else k, mu).subs(mu, a * (u if "u" in m.state else k) / step)
    return Step.tested(
        "The loss depends on the step $a$ alone; it is least at",
        equal(label("a^*"), a_star),
        lambda stated: identity(sp.diff(loss, a).subs(a, expand(stated.rhs, WHERE)), sp.S(0), draw, symbolic=False),
    )


def logistic(m: Model) -> Result:
    """The step of merged, balanced weights grows logistically."""
    speed, gap = 2 * sp.sqrt(rate(u) * rate(v)) * G, sp.log(a_star / a_0 - 1)
    t, r = sp.Symbol("t", positive=True), label("r")
    curve = a_star / (1 + (a_star / a_0 - 1) * sp.exp(-speed * t))
    on_ray = {v: sp.sqrt(rate(v) / rate(u)) * u}
    statement_ = sp.Tuple(equal(r, speed), equal(T_HALF, gap / speed))

    def grows(stated: sp.Basic) -> Check:
        step = m.observables["a"]
        left = (pace(m) / step / (1 - step / statement.STEP)).subs(on_ray)
        return identity(left, expand(stated.rhs, WHERE), draw, symbolic=False)

    def halves(stated: sp.Basic) -> Check:
        return identity(expand(curve.subs(t, stated.rhs), WHERE), statement.STEP / 2, _small(WHERE), symbolic=False)

    steps = (
        best_step(m),
        Step.tested("At $v^2/\\eta_v=u^2/\\eta_u$ the step obeys $\\dot a=ra(1-a/a^*)$,", statement_.args[0], grows),
        Step.tested("and is half of its end at", statement_.args[1], halves),
    )

    def value(model: Model, init: Init) -> dict[str, float]:
        where = WHERE | {a_0: sp.Float(at(model, init, m.observables["a"]), 30)}
        time, found = number(model, gap / speed, where), number(model, speed, where)
        return {"escape_time": time, "r": found}

    def grown(model: Model, times: np.ndarray) -> dict[str, np.ndarray]:
        start, end = at(model, model.init, m.observables["a"]), number(model, a_star, WHERE)
        step = end / (1 + (end / start - 1) * np.exp(-number(model, speed, WHERE) * times))
        return {"a": step, "eta": step * model.values["N"]}

    return Result(
        name="logistic",
        title="Logistic growth of the step",
        statement=statement_,
        steps=steps,
        regime=Regime(
            "balanced, positive start below half of the final step",
            needs_rates("u", "v"),
            between(u, 0, math.inf, "u"),
            balanced(v**2 / rate(v) - u**2 / rate(u), v**2 / rate(v), "v^2/eta_v - u^2/eta_u"),
            between(m.observables["progress"], 0, 0.5, POSITIVE),
        ),
        evaluate=value,
        curve=grown,
        measure=measured_escape,
    )


def _small(where: Any) -> Any:
    """Return a draw of points whose start is a small part of the end."""

    def point(rng: np.random.Generator) -> dict[str, float]:
        found = draw(rng)
        end = float(expand(a_star, where).subs({x: found[x.name] for x in expand(a_star, where).free_symbols}))
        return found | {
            "a_0": end * rng.uniform(0.01, 0.4),
            "a": end * rng.uniform(0.5, 0.9),
            "x": rng.uniform(0.1, 0.9),
        }

    return point


def merged_escape(m: Model) -> Result:
    """The time to half of the step from any start with merged weights."""
    b = sp.Symbol("b", positive=True)
    far = sp.sqrt(a_star**2 + b**2)

    def primitive(x: sp.Expr) -> sp.Expr:
        return sp.log((b**2 + a_star * x + far * sp.sqrt(x**2 + b**2)) / (a_star - x))

    speed = 2 * sp.sqrt(rate(u) * rate(v)) * G
    time = a_star / (speed * far) * (primitive(a_star / 2) - primitive(a_0))
    imbalance = sp.sqrt((v**2 / rate(v) - u**2 / rate(u)) ** 2 * rate(u) * rate(v)) / (2 * norm)
    where = {**WHERE, b: imbalance}
    step = m.observables["a"]
    statement_ = equal(T_HALF, time)

    def passes(stated: sp.Basic) -> Check:
        """The derivative with respect to the start, against the model's; and zero at the end."""
        explicit = expand(stated.rhs, WHERE)
        slope = sp.diff(explicit, a_0).subs({a_0: step, b: imbalance}, simultaneous=True)
        first = identity(slope * pace(m), sp.S(-1), draw, symbolic=False)
        ends = explicit.subs(a_0, statement.STEP / 2)
        return together(first, lambda: identity(ends, sp.S(0), draw, symbolic=False))

    steps = (
        best_step(m),
        Step(
            "With the invariant, the step moves at $\\dot a=r\\sqrt{a^2+b^2}\\,(1-a/a^*)$,",
            equal(label("b"), imbalance),
            identity(
                pace(m),
                expand(speed, WHERE) * sp.sqrt(step**2 + imbalance**2) * (1 - step / statement.STEP),
                draw, symbolic=False,
            ),
        ),
        Step.tested("an integral that is elementary.", statement_, passes),
    )  # fmt: skip

    def value(model: Model, init: Init) -> dict[str, float]:
        begin = sp.Float(at(model, init, step), 30)
        apart = sp.Float(at(model, init, imbalance), 30)
        return {"escape_time": number(model, time.subs({a_0: begin, b: apart}), WHERE)}

    return Result(
        name="escape_time",
        title="Escape time from any start",
        statement=statement_,
        where=where,
        steps=steps,
        regime=Regime(
            "any start but the origin, below half of the final step",
            needs_rates("u", "v"),
            between(u**2 + v**2, 0, math.inf, "u^2 + v^2"),
            between(m.observables["progress"], -math.inf, 0.5, POSITIVE),
            lambda model, init: "u = -v sqrt(eta_u/eta_v) runs into the origin."
            if at(model, init, imbalance) == 0 and at(model, init, step) <= 0 else None,
        ),
        evaluate=value,
        measure=measured_escape,
    )  # fmt: skip


def merged_end(m: Model) -> Result:
    """Where merged weights end, by the invariant."""
    C = sp.Symbol("C", real=True)
    whole = rate(u) * rate(v) * C  # of the invariant v^2/eta_v - u^2/eta_u
    root = sp.sqrt(whole**2 + 4 * rate(u) * rate(v) * (norm * a_star) ** 2)
    v_end, u_end = sp.sqrt((whole + root) / (2 * rate(u))), sp.sqrt((root - whole) / (2 * rate(v)))
    statement_ = sp.Tuple(equal(label(r"v_\infty"), v_end), equal(label(r"u_\infty"), u_end))

    def ends(state: sp.Symbol) -> Any:
        other = u if state is v else v

        def test(stated: sp.Basic) -> Check:
            """At the stated value the invariant makes the other one such that the step is the best."""
            end = expand(stated.rhs, WHERE)
            sign = 1 if state is v else -1
            partner = sp.sqrt(rate(other) * (end**2 / rate(state) - sign * C))
            return identity(end * partner / norm, statement.STEP, _apart, symbolic=False)

        return test

    steps = (
        best_step(m),
        *(
            Step.tested(
                f"The product is $na^*$ and the invariant $C=v^2/\\eta_v-u^2/\\eta_u$: ${x}$ ends at", e, ends(x)
            )
            for x, e in zip((v, u), statement_.args, strict=True)
        ),
    )

    def value(model: Model, init: Init) -> dict[str, float]:
        kept = {C: sp.Float(at(model, init, v**2 / rate(v) - u**2 / rate(u)), 30)}
        return {"v": number(model, v_end.subs(kept), WHERE), "u": number(model, u_end.subs(kept), WHERE)}

    return Result(
        name="end",
        title="End of the flow",
        statement=statement_,
        steps=steps,
        regime=Regime(
            "positive start, positive rates",
            needs_rates("u", "v"),
            between(u, -1e-300, math.inf, "u"),
            between(v, -1e-300, math.inf, "v"),
            between(u + v, 0, math.inf, "u + v"),
        ),
        evaluate=value,
        measure=at_the_end(lambda model, last: {"v": last["v"]}),
    )


def _apart(rng: np.random.Generator) -> dict[str, float]:
    return draw(rng) | {"C": rng.normal()}


def separate_escape(m: Model) -> Result:
    """Separate, balanced weights escape in a time that goes as one over the square of their size."""
    r_0, x_0 = sp.Symbol("r_0", positive=True), setting.x_0
    drive = G * sp.sqrt(rate(k) * rate(p) * norm)
    half = 1 / sp.sqrt(2)
    way = 1 / r_0 - 1 / half + sp.atanh(half) - sp.atanh(r_0)
    time = way / (2 * drive * sp.sqrt(a_star))
    early = 1 / (2 * G * rate(p) * x_0**2)
    step, ratio = m.observables["a"], sp.sqrt(rate(p) / rate(k))
    ray = {k: x_0, q: x_0, p: ratio * x_0, v: ratio * x_0, rate(q): rate(k), rate(v): rate(p)}
    share = sp.sqrt(step / statement.STEP)
    statement_ = sp.Tuple(equal(T_HALF, time), equal(label(r"t_{1/2}\,(x_0\to0)"), early))

    def passes(stated: sp.Basic) -> Check:
        explicit = expand(stated.rhs, WHERE)
        moving = change(m, share).subs(ray, simultaneous=True)
        slope = sp.diff(explicit, r_0).subs(r_0, share.subs(ray, simultaneous=True))
        first = identity(slope * moving, sp.S(-1), _near, symbolic=False)
        return together(first, lambda: identity(explicit.subs(r_0, half), sp.S(0), draw, symbolic=False))

    def early_on(stated: sp.Basic) -> Check:
        ends = expand(stated.rhs / time.subs(r_0, share.subs(ray, simultaneous=True)), WHERE)
        point = draw(np.random.default_rng(0))
        at_point = ends.subs({x: sp.Float(point[x.name], 30) for x in ends.free_symbols - {x_0}})
        return converges([at_point.subs(x_0, 10.0**-n).evalf(30) - 1 for n in (2, 3, 4)], 0.02, "x_0 = 1e-2 to 1e-4")

    steps = (
        best_step(m),
        Step.tested(
            "At $k=q=x$, $p=v=x\\sqrt{\\eta_p/\\eta_k}$ the step moves at $\\dot a=4G\\sqrt{\\eta_k\\eta_pn}\\,a^{3/2}"
            "(1-a/a^*)$; with $r=\\sqrt{a/a^*}$, from $r_0$ to $1/\\sqrt2$,",
            statement_.args[0],
            passes,
        ),
        Step.tested("From a small start $x_0$ the time is algebraic in it:", statement_.args[1], early_on),
    )

    def value(model: Model, init: Init) -> dict[str, float]:
        begin = math.sqrt(at(model, init, m.observables["progress"]))
        found = number(model, time.subs(r_0, sp.Float(begin, 30)), WHERE)
        return {"escape_time": found, "early": number(model, early.subs(x_0, sp.Float(init["k"], 30)), WHERE)}

    return Result(
        name="escape_time",
        title="Escape time of separate weights",
        statement=statement_,
        steps=steps,
        regime=Regime(
            "balanced, positive start below half of the final step",
            needs_rates("k", "q", "p", "v"),
            alike("k", "q"),
            alike("p", "v"),
            between(k, 0, math.inf, "k"),
            between(p, 0, math.inf, "p"),
            *(balanced(x - y, x, f"{x} - {y}") for x, y in ((k, q), (p, v))),
            balanced(p**2 / rate(p) - k**2 / rate(k), p**2 / rate(p), "p^2/eta_p - k^2/eta_k"),
            between(m.observables["progress"], 0, 0.5, POSITIVE),
        ),
        evaluate=value,
        measure=measured_escape,
    )


def _near(rng: np.random.Generator) -> dict[str, float]:
    return draw(rng) | {"x_0": rng.uniform(0.01, 0.1)}
