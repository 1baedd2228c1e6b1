"""Flows of matrices: a random start of any scale before the loss falls, and the fall of aligned keys and queries."""

import math

import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.optimize import brentq

from minimodels.model import Model
from minimodels.models import linear_attention as statement
from theory.checks import identities, identity, together
from theory.derivation import Check, Init, Regime, Result, Step, expand, number
from theory.oswald.setting import T_HALF, a_star, alike, at, between, change, draw, norm, numbered, rate, unit_rates
from theory.vocabulary import at_the_end, equal, invariant, label, measured_escape, needs_rates

g = sp.Symbol("g", positive=True)
WHERE = {a_star: statement.STEP, g: statement.DRIVE}
A, B, S1, S2 = sp.symbols("A B S1 S2", real=True)
I_1, I_2, I_3 = S1 - S2, S1**2 - 4 * A**2, S2**2 - 4 * B**2


def invariants(m: Model) -> list[Result]:
    """What a random start keeps: how unlike its factors are."""
    made = []
    for name, of, quantity in (("", "S1 and S2", I_1), ("_A", "S1 and A", I_2), ("_B", "S2 and B", I_3)):
        published = equal(label("C"), quantity)

        def conserved(stated: sp.Basic) -> Check:
            return identity(unit_rates(m, change(m, stated.rhs)), sp.S(0), draw, symbolic=False)

        def evaluate(model: Model, init: Init, quantity: sp.Expr = quantity) -> dict[str, float]:
            return {"C": at(model, init, quantity)}

        step = Step.tested("Its rate of change vanishes along the flow.", published, conserved)
        regime = Regime("any start, all rates alike", needs_rates(*m.state), alike(*m.state))
        made.append(invariant(f"invariant{name}", f"Invariant of {of}", published, (step,), regime, evaluate))
    return made


def onset_escape(m: Model) -> Result:
    """The time of a random start to half of the step, one quadrature."""
    x, end = sp.Symbol("x", positive=True), sp.Symbol("S_h", positive=True)
    C_1, C_2, C_3 = sp.symbols("C_1 C_2 C_3", real=True)
    square = sp.sqrt(x**2 - C_2) * sp.sqrt((x - C_1) ** 2 - C_3)
    time = sp.Integral(1 / (g * square), (x, S1, end))
    growth = g * sp.sqrt(S1 * S2)
    kept = {x: S1, C_1: I_1, C_2: I_2, C_3: I_3}
    statement_ = sp.Tuple(equal(label("r"), growth), equal(T_HALF, time))

    def grows(stated: sp.Basic) -> Check:
        """The larger eigenvalue of the flow of A and B at fixed S1, S2."""
        rates = [unit_rates(m, rate(k) * m.drift[str(k)]) for k in (A, B)]
        block = sp.Matrix(2, 2, lambda i, j: sp.diff(rates[i], (A, B)[j]))
        value = expand(stated.rhs, WHERE)
        return together(
            identity(value**2, block[0, 1] * block[1, 0] - block[0, 0] * block[1, 1], _positive, symbolic=False),
            lambda: identity(sp.sqrt(value**2), value, _positive, symbolic=False),
        )

    def passes(stated: sp.Basic) -> Check:
        """The integrand against the rate of S1, with the invariants, and its limits."""
        integral = expand(stated.rhs, WHERE)
        factor = integral / integral.atoms(sp.Integral).pop() if integral.atoms(sp.Integral) else sp.nan
        inside = next(iter(integral.atoms(sp.Integral)))
        integrand = (factor * inside.function).subs(kept, simultaneous=True)
        low, high = inside.limits[0][1:]
        moving = unit_rates(m, rate("S1") * m.drift["S1"])
        return identities([(integrand * moving, sp.S(1)), (low, S1), (high, end)], _positive)

    steps = (
        Step.tested("While $S_1$ and $S_2$ hardly move, $A$ and $B$ grow together at", statement_.args[0], grows),
        Step(
            "The invariants make the flow that of $S_1$ alone.",
            equal(label(r"\dot S_1"), g * square),
            identity(
                expand((g * square).subs(kept, simultaneous=True), WHERE),
                unit_rates(m, rate("S1") * m.drift["S1"]), _positive, symbolic=False,
            ),
        ),
        Step.tested("It ends where $AB=dna^*/2$.", statement_.args[1], passes),
    )  # fmt: skip

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        begin = {k: at(model, init, e) for k, e in {"S": S1, "C_1": I_1, "C_2": I_2, "C_3": I_3}.items()}
        target = model.values["d"] * model.values["norm"] * number(model, a_star, WHERE) / 2
        drive = number(model, g, WHERE) * model.rate_values()["S1"]

        def product(size: float) -> float:
            return math.sqrt(max(0.0, (size**2 - begin["C_2"]) * ((size - begin["C_1"]) ** 2 - begin["C_3"])))

        top = begin["S"] + 1.0
        while product(top) < 4 * target:
            top *= 2
        last = brentq(lambda size: product(size) - 4 * target, begin["S"], top, xtol=1e-15, rtol=1e-14)
        unit = min(begin["S"], max(product(begin["S"]) / begin["S"], 1e-300))
        reach = math.log1p((last - begin["S"]) / unit)  # of y, S1 = S + unit (e^y - 1)
        found, _ = quad(
            lambda y: unit * math.exp(y) / product(begin["S"] + unit * math.expm1(y)), 0, reach,
            epsabs=0, epsrel=1e-11, limit=500,
        )  # fmt: skip
        return {"escape_time": found / drive, "growth": drive * math.sqrt(init["S1"] * init["S2"])}

    return Result(
        name="escape_time",
        title="Escape time from a random start of any scale",
        statement=statement_,
        steps=steps,
        regime=Regime(
            "A and B positive and too small for the loss to have fallen; the branch A < 0, B < 0 is the same",
            needs_rates(*m.state),
            alike(*m.state),
            between(A, 0, math.inf, "A"),
            between(B, 0, math.inf, "B"),
            between(m.observables["progress"], 0, 0.5, "a/a_star"),
            between(S1 - 2 * A, -1e-12, math.inf, "S1 - 2A"),
            between(S2 - 2 * B, -1e-12, math.inf, "S2 - 2B"),
        ),
        evaluate=evaluate,
        measure=measured_escape,
    )


def _positive(rng: np.random.Generator) -> dict[str, float]:
    return draw(rng) | {"S_h": rng.uniform(5, 9)}


def fall(m: Model) -> Result:
    """The fall of the loss with aligned keys and queries: the eigenvalues of W and A."""
    p = m.symbols["p"]
    mu, names = [x**2 for x in numbered(m, "m")], sp.symbols(f"mu_1:{len(numbered(m, 'm')) + 1}", positive=True)
    one = 2 * g * A * names[0] * (1 - A * names[0] / (norm * a_star))
    all_of = 2 * g * A * sp.Add(*(x * (1 - A * x / (norm * a_star)) for x in names))
    statement_ = sp.Tuple(equal(label(r"\dot\mu_1"), one), equal(label(r"\dot A"), all_of))
    here = {A: p**2, **dict(zip(names, mu, strict=True))}

    def moves(quantity: sp.Expr) -> object:
        def test(stated: sp.Basic) -> Check:
            left = unit_rates(m, change(m, quantity))
            return identity(left, expand(stated.rhs, WHERE).subs(here, simultaneous=True), draw, symbolic=False)

        return test

    steps = (
        Step.tested("With $\\mu_i=m_i^2$, by the chain rule:", statement_.args[0], moves(mu[0])),  # type: ignore[arg-type]
        Step.tested("and $A=p^2$ adds what all of them gain.", statement_.args[1], moves(p**2)),  # type: ignore[arg-type]
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        kept = at(model, init, p**2 - sp.Add(*mu))
        whole = len(mu) * model.values["norm"] * number(model, a_star, WHERE)
        end = (kept + math.sqrt(kept**2 + 4 * whole)) / 2
        return {"A": end, "mu": whole / len(mu) / end}

    return Result(
        name="fall",
        title="Fall of the loss with aligned keys and queries",
        statement=statement_,
        steps=steps,
        regime=Regime(
            "p and all m_i positive; numbers: where the flow ends, A mu = n a_star with A - sum mu conserved",
            needs_rates(*m.state),
            alike(*m.state),
            between(p, 0, math.inf, "p"),
            *(between(x, 0, math.inf, str(x)) for x in numbered(m, "m")),
        ),
        evaluate=evaluate,
        measure=at_the_end(lambda model, last: {"A": last["p"] ** 2}),
    )


def fall_invariant(m: Model) -> Result:
    """A minus the trace of W does not change."""
    p, parts = m.symbols["p"], numbered(m, "m")
    quantity = p**2 - sp.Add(*(x**2 for x in parts))
    published = equal(label("C"), quantity)
    step = Step.tested(
        "What $A$ gains, the trace of $W$ gains.",
        published,
        lambda stated: identity(unit_rates(m, change(m, stated.rhs)), sp.S(0), draw, symbolic=False),
    )
    regime = Regime("any start, all rates alike", needs_rates(*m.state), alike(*m.state))
    return invariant(
        "invariant", "Invariant of A and the trace of W", published, (step,), regime,
        lambda model, init: {"C": at(model, init, quantity)},
    )  # fmt: skip
