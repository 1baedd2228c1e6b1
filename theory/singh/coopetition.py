"""Theory of two mechanisms that share vectors and compete: what stays, what fades, when sharing helps."""

import math
from functools import lru_cache

import sympy as sp
from scipy.optimize import brentq

from minimodels.model import Model
from minimodels.models import coopetition as statement
from theory.derivation import Check, Derivation, Init, Regime, Result, Step, expand
from theory.singh import cooperation, setting
from theory.singh.divot import divot
from theory.singh.exact import difference
from theory.singh.mechanisms import L_1, L_2, N_1, N_2, Z_1, Z_2, N_c, alpha, at, mu_1, mu_2, share_1, share_2, sizes
from theory.singh.setting import (
    COOPETITION,
    Components,
    all_same,
    components,
    draw,
    invariants,
    lr,
    same,
    squared,
    symbol,
)
from theory.vocabulary import equal, invariant, label

HERE = f"derived here from the loss of the model of {COOPETITION}"
NAMES = ("a", "b", "c", "d")
n_a, n_b, n_c, n_d, s_a, s_b, s_c, s_d, T_a, T_b, T_c, T_d = (symbol(k, x) for k in "nsT" for x in NAMES)
w_1, w_2, c, m, x = (sp.Symbol(k, positive=True) for k in ("w_1", "w_2", "c", "m", "x"))
FADED = 1e-2  # of the pull of the competition: what is left of the drive of mechanism 1


def derive(form: str = "overlaps") -> Derivation:
    """Derive the theory of ``coopetition`` with the model's own options."""
    return _derive(str(statement.build(form).options["form"]))


@lru_cache
def _derive(form: str) -> Derivation:
    vectors = components(statement.build(form))
    made = [reduction(vectors), difference(vectors, "b", "c"), without_cost(vectors), exclusion(vectors)]
    made += [decay(vectors), coexistence(vectors), rates(vectors)]
    made += [cooperation.transfer(vectors), cooperation.together(vectors), divot(vectors)]
    return Derivation.stating("coopetition", vectors.model.options, made, reference=HERE)


def reduction(v: Components) -> Result:
    """The gradient of every vector, Ax - Bx*."""
    where = sizes() | {w_1: (L_2 + mu_2) / N_1, w_2: (L_1 + mu_1) / N_2}
    right = {
        "A_a": w_1 * n_b * n_c + alpha * n_d / N_c,
        "B_a": w_1 * s_b * s_c,
        "A_d": w_2 * n_b * n_c + alpha * n_a / N_c,
        "B_d": w_2 * s_b * s_c,
        "A_b": share_1 * w_1 * n_a * n_c + share_2 * w_2 * n_d * n_c,
        "B_b": share_1 * w_1 * s_a * s_c + share_2 * w_2 * s_d * s_c,
        "A_c": share_1 * w_1 * n_a * n_b + share_2 * w_2 * n_d * n_b,
        "B_c": share_1 * w_1 * s_a * s_b + share_2 * w_2 * s_d * s_b,
    }
    stated_ = sp.Tuple(*(equal(label(k), e) for k, e in right.items()))

    def acts(name: str, stated: sp.Basic) -> Check:
        letter, of = name.split("_")
        sigma, o = symbol("sigma", of), symbol("o", of)
        damping = -v.flow[o] / (2 * o)
        found = damping if letter == "A" else (v.flow[sigma] + damping * sigma) / sp.sqrt(symbol("T", of))
        return same(expand(stated.rhs, where).xreplace(invariants(NAMES)), found, draw)

    steps = tuple(
        Step.tested(
            f"Vector {k[2:]}: what {'damps it' if k[0] == 'A' else 'pulls it to its truth'}.",
            e,
            lambda stated, k=k: acts(k, stated),  # type: ignore[misc]
        )
        for k, e in zip(right, stated_.args, strict=True)
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        here = at(model, init)
        loss = (here.loss[0] + here.mu[0]) * (here.loss[1] + here.mu[1])
        found = {"loss": loss + here.cost * here.n["a"] * here.n["d"] / (2 * here.N_c)}
        return found | {"loss_1": here.loss[0], "loss_2": here.loss[1]}

    return Result(
        name="reduction",
        title="What moves the vectors",
        statement=stated_,
        where=where,
        steps=steps,
        regime=Regime("always, for flow and descent; numbers at the start", setting.vectors),
        evaluate=evaluate,
    )


def _sum(v: Components) -> sp.Expr:
    """Return n_a + n_d - n_b in the states of the model."""
    signs = {"a": 1, "d": 1, "b": -1}
    if "n_a" in v.model.state:
        return sp.Add(*(w * v.model.symbols[f"n_{k}"] for k, w in signs.items()))
    return sp.Add(*(w * v.model.symbols[f"{z}_{k}"] ** 2 for k, w in signs.items() for z in ("sigma", "r")))


ALL_SHARED = {share_1: sp.S(1), share_2: sp.S(1)}


def _free(model: Model, init: Init) -> str | None:
    """No vector is clamped, and both mechanisms move the shared ones."""
    why = setting.vectors(model, init)
    if why:
        return why
    held = [k for k in NAMES if k not in setting.start(model, init).names]
    part = any(model.values[f"share_{k}"] != 1 for k in (1, 2))
    return f"vector {held[0]} is clamped." if held else "the shares are not 1." if part else None


def without_cost(v: Components) -> Result:
    """Without competition a sum of squared norms is conserved."""
    quantity = _sum(v)
    published = equal(label("C"), quantity)

    def stays(stated: sp.Basic) -> Check:
        return same(v.change(v.stated(stated.rhs)).subs(ALL_SHARED | {alpha: 0}), sp.S(0), draw)

    def none(model: Model, init: Init) -> str | None:
        return "the competition takes from it." if model.values["cost"] else _free(model, init)

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        return {"C": float(quantity.xreplace({v.model.symbols[k]: sp.Float(z, 30) for k, z in init.items()}))}

    step = Step.tested("What mechanism 1 gives a and mechanism 2 gives d, both give b.", published, stays)
    return invariant(
        "invariant_a_d_b", "Squared norms of a and d against that of b", published, (step,),
        Regime("no competition, all vectors free, the flow", none), evaluate,
    )  # fmt: skip


def exclusion(v: Components) -> Result:
    """With competition nothing rests where both mechanisms are there."""
    where = sizes()
    published = sp.Tuple(
        equal(label(r"\frac{d}{dt}(n_a+n_d-n_b)"), -4 * alpha * n_a * n_d / N_c),
        equal(label(r"\dot s_d|_{d=0}"), (L_1 + mu_1) / N_2 * T_d * s_b * s_c),
        equal(label(r"\dot s_a|_{a=0}"), (L_2 + mu_2) / N_1 * T_a * s_b * s_c),
    )

    def full(stated: sp.Basic) -> sp.Expr:
        return expand(stated.rhs, where).xreplace(invariants(NAMES))

    def taken(stated: sp.Basic) -> Check:
        return same(full(stated), v.change(squared("a") + squared("d") - squared("b")).subs(ALL_SHARED), draw)

    def driven(of: str, stated: sp.Basic) -> Check:
        none = {symbol("sigma", of): sp.S(0), symbol("o", of): sp.S(0)}
        pace = sp.sqrt(symbol("T", of)) * v.flow[symbol("sigma", of)].subs(none)
        return same(full(stated).subs(none), pace, draw)

    steps = (
        Step.tested("The competition takes from this sum: where all rests, $n_an_d=0$.", published.args[0], taken),
        Step.tested(
            "Without d, mechanism 2 is pulled up again unless mechanism 1 is perfect: $L_1=\\mu_1=0$.",
            published.args[1],
            lambda stated: driven("d", stated),
        ),
        Step.tested(
            "Without a, mechanism 1 is pulled up again unless mechanism 2 is perfect: $L_2=\\mu_2=0$.",
            published.args[2],
            lambda stated: driven("a", stated),
        ),
    )

    def competing(model: Model, init: Init) -> str | None:
        return _free(model, init) if model.values["cost"] else "without competition both mechanisms stay."

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        here = at(model, init)
        found = {"taken": 4 * here.cost * here.n["a"] * here.n["d"] / here.N_c}
        return found | {"mechanism_1_may_stay": float(here.mu[0] == 0), "mechanism_2_may_stay": float(here.mu[1] == 0)}

    return Result(
        name="exclusion",
        title="One mechanism excludes the other",
        statement=published,
        where=where,
        steps=steps,
        regime=Regime("all vectors free, with competition; who may stay alone, at rest", competing),
        evaluate=evaluate,
    )


def decay(v: Components) -> Result:
    """Once mechanism 2 is perfect, mechanism 1 is lost at a constant rate."""
    where = sizes()
    published = sp.Tuple(
        equal(label(r"n_a'/n_a"), (1 - lr * alpha * n_d / N_c) ** 2),
        equal(label(r"\dot n_a/n_a"), -2 * alpha * n_d / N_c),
    )
    sigma = {k: symbol("sigma", k) for k in NAMES}
    perfect = {symbol("o", k): sp.S(0) for k in ("b", "c", "d")} | {mu_2: sp.S(0)}
    perfect[T_d] = (sigma["b"] * sigma["c"] * sigma["d"]) ** 2 / (T_b * T_c)

    def shrinks(stated: sp.Basic) -> Check:
        ratio = expand(stated.rhs, where).xreplace(invariants(NAMES)).subs(perfect)
        return same(ratio * squared("a"), v.after(squared("a")).subs(perfect), draw)

    def falls(stated: sp.Basic) -> Check:
        ratio = expand(stated.rhs, where).xreplace(invariants(NAMES)).subs(perfect)
        return same(ratio * squared("a"), v.change(squared("a")).subs(perfect), draw)

    steps = (
        Step.tested(
            "With $L_2=\\mu_2=0$ mechanism 1 has no gain, and the competition is left.", published.args[0], shrinks
        ),
        Step.tested(
            "So it decays exponentially along the flow, and $L_1$ goes to predicting zero.", published.args[1], falls
        ),
    )

    def learned(model: Model, init: Init) -> str | None:
        why = setting.vectors(model, init)
        if why:
            return why
        here = at(model, init)
        if not here.cost:
            return "without competition nothing pulls at a: mechanism 1 is kept."
        pull = here.cost * here.n["d"] / here.N_c
        gain = (here.loss[1] + here.mu[1]) / here.N_1 * max(here.n["b"] * here.n["c"], abs(here.s["b"] * here.s["c"]))
        return (
            None if gain <= FADED * pull else f"mechanism 2 is not learned: mechanism 1 is driven at {gain:.3g} still."
        )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        here = at(model, init)
        pull = here.cost * here.n["d"] / here.N_c
        return {"ratio": (1 - pull) ** 2, "rate": 2 * pull, "half_life": math.log(2) / (2 * pull)}

    return Result(
        name="decay",
        title="Mechanism 1 is lost once mechanism 2 is learned",
        statement=published,
        where=where,
        steps=steps,
        regime=Regime("mechanism 2 learned, mu_2 = 0, with competition; the ratio is of a step with lr = 1", learned),
        evaluate=evaluate,
        error=lambda model, init, values: FADED,
    )


def coexistence(v: Components) -> Result:
    """With b and c at their truths a mixed state may hold mechanism 1."""
    where = sizes() | {
        Z_1: T_a * T_b * T_c / (2 * N_1),
        Z_2: T_d * T_b * T_c / (2 * N_2),
        c: alpha * T_a * T_d / (2 * N_c) / (Z_1 * Z_2),
    }
    u, share = x**2 / (x**2 + c), 1 / (1 + x)
    level = c * (x**3 - c) / (x**2 + c) ** 2
    published = sp.Tuple(
        equal(label("u"), u), equal(label("v"), share), equal(label("m"), level), equal(x**3, 3 * c * x + 4 * c)
    )
    learned = {symbol("o", k): sp.S(0) for k in NAMES} | {symbol("sigma", k): sp.sqrt(symbol("T", k)) for k in "bc"}

    def rest(first: sp.Expr, second: sp.Expr, imperfect: sp.Expr) -> Check:
        """Whether a = u a*, d = v d* rests."""
        along = {symbol("sigma", "a"): first * sp.sqrt(T_a), symbol("sigma", "d"): second * sp.sqrt(T_d)}
        paces = (v.flow[symbol("sigma", of)].subs(learned).subs(along) for of in "ad")
        still = [(expand(pace.subs({mu_1: imperfect * Z_1, mu_2: 0}), where), sp.S(0)) for pace in paces]
        return all_same(still, draw)

    def steepest(stated: sp.Basic) -> Check:
        slope = sp.diff(level, x) * (x**2 + c) ** 3 / (c * x)
        return same(expand(slope, where), expand(stated.rhs - stated.lhs, where), draw)

    steps = (
        Step.tested(
            "With $x=(1-v)/v$, a rests at $u$ of its truth",
            published.args[0],
            lambda stated: rest(stated.rhs, share, level),
        ),
        Step.tested("if d is at $v$,", published.args[1], lambda stated: rest(u, stated.rhs, level)),
        Step.tested("which rests for $\\mu_1=mZ_1$.", published.args[2], lambda stated: rest(u, share, stated.rhs)),
        Step.tested("The largest $m$ for which there is such a state is at", published.args[3], steepest),
    )

    def shared(model: Model, init: Init) -> str | None:
        why = setting.vectors(model, init)
        if why:
            return why
        names = setting.start(model, init).names
        if names != ("a", "d"):
            return "it is derived for b and c at their truths; free ones grow until one mechanism is left."
        if not model.values["cost"]:
            return "without competition both mechanisms stay."
        return "mu_2 is not zero." if model.values["mu_2"] else None

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        value = model.values
        T = {k: value[f"T_{k}"] for k in NAMES}
        here = at(model, init)
        z_1, z_2 = (T[k] * T["b"] * T["c"] / (2 * size) for k, size in (("a", here.N_1), ("d", here.N_2)))
        drive = here.cost * T["a"] * T["d"] / (2 * here.N_c) / (z_1 * z_2)
        top = brentq(lambda y: y**3 - 3 * drive * y - 4 * drive, 0, 4 + 4 * drive)
        bound = drive * (top**3 - drive) / (top**2 + drive) ** 2
        found = {"mu_1_threshold": bound * z_1, "mechanism_1_stays": float(here.mu[0] < bound * z_1)}
        if 0 < here.mu[0] < bound * z_1:
            ratio = here.mu[0] / z_1
            far = 10 * (top + drive / ratio)
            y = brentq(lambda y: drive * (y**3 - drive) / (y**2 + drive) ** 2 - ratio, top, far)
            found |= {"u": y**2 / (y**2 + drive), "v": 1 / (1 + y)}
        return found

    return Result(
        name="coexistence",
        title="How imperfect mechanism 1 may be to stay, with perfect shared parts",
        statement=published,
        where=where,
        steps=steps,
        regime=Regime("b and c at their truths, mu_2 = 0, with competition; numbers: the state of small v", shared),
        evaluate=evaluate,
    )


def rates(v: Components) -> Result:
    """With b and c at their truths: how much faster mechanism 1 is."""
    where = {size: value for size, value in sizes().items() if size in (N_1, N_2)}
    where |= {
        L_1: T_b * T_c * (n_a - 2 * s_a + T_a) / (2 * N_1),
        L_2: T_b * T_c * (n_d - 2 * s_d + T_d) / (2 * N_2),
    }
    d_a, d_d = symbol("d", "a"), symbol("d", "d")
    published = equal(label("r_1/r_2"), d_d / d_a * (L_2 + mu_2) / (L_1 + mu_1))
    learned = {symbol("o", k): sp.S(0) for k in "bc"} | {symbol("sigma", k): sp.sqrt(symbol("T", k)) for k in "bc"}

    def compares(stated: sp.Basic) -> Check:
        one, two = (
            v.flow[symbol("sigma", k)].subs(learned).subs(alpha, 0) / (sp.sqrt(symbol("T", k)) - symbol("sigma", k))
            for k in "ad"
        )
        return all_same([(expand(stated.rhs, where).xreplace(invariants(NAMES)).subs(learned) * two, one)], draw)

    def shared(model: Model, init: Init) -> str | None:
        why = setting.vectors(model, init)
        held = not why and not {"b", "c"} & set(setting.start(model, init).names)
        return why or (None if held else "b and c are not at their truths.")

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        here = at(model, init)
        size = model.values["T_b"] * model.values["T_c"]
        one, two = (size * (here.loss[1 - k] + here.mu[1 - k]) / (here.N_1, here.N_2)[k] for k in (0, 1))
        return {"ratio": one / two if two else math.inf, "rate_1": one, "rate_2": two}

    return Result(
        name="rates",
        title="Rates of the mechanisms with perfect shared parts",
        statement=published,
        where=where,
        steps=(Step.tested("Each decays to its truth at $T_bT_cw$, without competition.", published, compares),),
        regime=Regime("b and c at their truths; numbers at the start", shared),
        evaluate=evaluate,
    )
