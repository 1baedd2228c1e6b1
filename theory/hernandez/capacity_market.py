"""Theory of the model ``capacity_market``: it goes down the market of `theory.hernandez.capacity`, to its least."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import sympy as sp

from minimodels.model import Model
from minimodels.models import capacity_market as statement
from theory.checks import identities, together
from theory.derivation import Check, Derivation, Init, Regime, Result, Step
from theory.hernandez import capacity
from theory.hernandez.capacity import MARKET, J, phi
from theory.hernandez.market import CapacityMarket, capacity_market
from theory.hernandez.setting import HERE, N, al, draw, f, n, u
from theory.vocabulary import equal, label, needs_rates

L_0, KAPPA = sp.Symbol("L_0", positive=True), sp.Symbol("kappa", positive=True)
BARGAIN = f / (1 - f * phi) - al * u / (1 - u * phi)  # what a share pays, in units of J
UNCERTAIN = "b, the local exponent; the cusp, and the narrow right side"
MET = 1e-9  # of a share, within which the flow is at its end


def derive(form: str = "static") -> Derivation:
    """Derive the theory of ``capacity_market`` with the model's own options."""
    return _derive(str(statement.build(form).options["form"]))  # the model itself says what is wrong with an option


@lru_cache
def _derive(form: str) -> Derivation:
    m = statement.build(form)
    size, worst = capacity.results()
    made = [
        incentive(m, form),
        replace(size, regime=_ends(MARKET, form), evaluate=effective_size, measure=lambda model, run: last(run, "x")),
        replace(worst, evaluate=worst_set),
        settling(m, form),
    ]
    return Derivation.stating("capacity_market", m.options, made, reference=HERE)


def plain(m: Model, expr: sp.Expr) -> sp.Expr:
    """Return an expression of the model in u, the memorised share and the loss without memorising."""
    s, A = m.symbols, L_0 * N**al
    return sp.sympify(expr).xreplace({
        s["m"]: n * phi, s["n"]: n, s["N"]: N, s["b"]: u * N / n, s["f"]: f, s["al"]: al, s["A"]: A,
        **({s["kappa"]: KAPPA} if "kappa" in s else {}),
    })  # fmt: skip


def market(model: Model) -> CapacityMarket:
    """Return the closed form at a model's parameters."""
    return capacity_market(model.values["f"], model.values["al"])


def anywhere(rng: np.random.Generator) -> dict[str, float]:
    """Draw a random point within the capacity."""
    point = draw(rng) | {"L_0": float(rng.uniform(1, 3)), "kappa": float(rng.uniform(1, 3))}
    return point | {"u": float(rng.uniform(0.05, 0.95)) / point["phi"]}


def partly(rng: np.random.Generator) -> dict[str, float]:
    """Draw a random point with a set of which part is memorised."""
    point = anywhere(rng)
    made = capacity_market(point["f"], point["al"])
    return point | {"u": made.u_c + float(rng.uniform(0.05, 0.95)) * (made.u_on - made.u_c)}


def share(model: Model) -> float:
    """Return u, the parameters that the whole set would take over those there are."""
    v = model.values
    return v["b"] * v["n"] / v["N"]


def last(run: object, name: str) -> float:
    """Return the last value of an observable of a run."""
    return float(run[name].values.ravel()[-1])  # type: ignore[index]


def driven(model: Model, init: Init) -> str | None:
    """Something makes it memorise."""
    still = next((k for k in ("A", "kappa") if model.values.get(k, 1.0) == 0), None)
    return still and f"{still} is 0, and nothing moves."


def within(model: Model, init: Init) -> str | None:
    """There is capacity left at the start."""
    v = model.values
    left = 1 - v["b"] * init["m"] / v["N"]
    return None if left > 0 else f"the start memorises {1 - left:.3g} times as much as there is room for."


def forgets_nothing(model: Model, init: Init) -> str | None:
    """The start of the dynamic form has not memorised more than is best."""
    best = market(model).memorised(share(model))
    known = init["m"] / model.values["n"]
    return None if known <= best + MET else f"the start knows {known:.3g} of the set, more than is best ({best:.3g})."


def _ends(sentence: str, form: str) -> Regime:
    conditions = [needs_rates("m"), driven, within, *([forgets_nothing] if form == "dynamic" else [])]
    return Regime(f"{sentence}; at the end of the flow. Uncertain: {UNCERTAIN}", *conditions)


def incentive(m: Model, form: str) -> Result:
    """Whether the next token is worth its parameters: the flow of the model in the memorised share."""
    cost, gain = label(r"\mathcal{L}/\mathcal{L}_0"), label(r"-\partial_\varphi\ln\mathcal{L}")
    stated_ = sp.Tuple(equal(cost, J), equal(gain, BARGAIN), equal(label(r"\dot\varphi"), moves(form)))
    loss = plain(m, m.loss if m.loss is not None else m.observables["loss"])
    steps = (
        Step.tested(
            "In $\\varphi=m/n$ and $u=bn/N$ the loss of the model is, over that of memorising nothing,",
            stated_.args[0],
            lambda stated: identities([(stated.rhs, loss / L_0)], anywhere),
        ),
        Step.tested(
            "A share pays by the tokens that it saves, and costs by the capacity that it takes;",
            stated_.args[1],
            lambda stated: identities([(stated.rhs, -sp.diff(sp.log(loss), phi))], anywhere),
        ),
        Step.tested(
            "the flow of the model follows that" + (", in this form only while it pays." if form == "dynamic" else "."),
            stated_.args[2],
            lambda stated: follows(m, form, stated.rhs),
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        v, size, known = model.values, share(model), init["m"] / model.values["n"]
        worth = v["f"] / (1 - v["f"] * known) - v["al"] * size / (1 - size * known)
        return {"pays": worth, "u": size, "u_on": market(model).u_on}

    return Result(
        name="incentive",
        title="Whether memorising pays",
        statement=stated_,
        steps=steps,
        regime=Regime("any start within the capacity; the first token pays for u < f/al", within),
        evaluate=evaluate,
    )


def moves(form: str) -> sp.Expr:
    """Return the change of the memorised share."""
    return BARGAIN * L_0 * J * (1 if form == "static" else KAPPA / n * (1 - phi))


def follows(m: Model, form: str, found: sp.Expr) -> Check:
    """Check a change of the memorised share against that of the model, which is none below zero in the dynamic form."""
    found = found if form == "static" else (found + sp.Abs(found)) / 2
    return identities([(found, plain(m, m.rates["m"] * m.drift["m"]) / n)], anywhere)


def effective_size(model: Model, init: Init) -> dict[str, float]:
    """Return the effective size, and what is memorised."""
    made, size = market(model), share(model)
    return {"x": made.x(size), "phi": made.memorised(size), "u": size, "u_c": made.u_c, "u_on": made.u_on}


def worst_set(model: Model, init: Init) -> dict[str, float]:
    """Return the worst set, and the repeats at which n = f T/r is that."""
    made, v = market(model), model.values
    once = v["b"] * v["f"] * v["T"] / v["N"]
    return {"x_min": made.x_min, "u_c": made.u_c, "r_c": once / made.u_c, "r_on": once / made.u_on}


def settling(m: Model, form: str) -> Result:
    """How fast the flow settles where part of the set is memorised."""
    inner = (f - al * u) / (f * u * (1 - al))
    worth = f * u * (1 - al) / (u - f)  # of the last token, in units of the loss
    rate = worth**2 * (1 - al) / al * L_0 * (1 - f * inner) * (al * (u - f) / (f * (1 - al))) ** -al
    rate *= 1 if form == "static" else KAPPA / n * (1 - inner)
    stated_ = equal(label(r"\lambda"), rate)

    def decays(stated: sp.Basic) -> Check:
        """Minus the slope of the change at the inner minimum."""
        slope = sp.diff(moves(form), phi).subs(phi, inner)
        flow = identities([(stated.rhs, -slope)], partly)
        return together(flow, lambda: follows(m, form, moves(form)))

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        v, size = model.values, share(model)
        x = market(model).x(size)
        known = (1 - x) / size
        found = (v["f"] / (1 - v["f"] * known)) ** 2 * (1 / v["al"] - 1)  # of the logarithm of the loss
        found *= (1 - v["f"] * known) * v["A"] * (v["N"] * x) ** -v["al"]
        paced = model.rate_values()["m"]
        found *= paced / v["n"] ** 2 if form == "static" else paced * v["kappa"] / v["n"] * (1 - known)
        return {"rate": found, "time": 1 / found}

    def inside(model: Model, init: Init) -> str | None:
        made, size = market(model), share(model)
        if made.u_c < size < made.u_on:
            return None
        return f"u is {size:.3g}, and part of the set is memorised from {made.u_c:.3g} to {made.u_on:.3g} only."

    return Result(
        name="settling",
        title="How fast the market settles",
        statement=stated_,
        steps=(Step.tested("A small deviation from the inner minimum decays at the rate", stated_, decays),),
        regime=Regime(
            "part of the set is memorised, u_c < u < f/al; close to the end", needs_rates("m"), driven, inside
        ),
        evaluate=evaluate,
    )
