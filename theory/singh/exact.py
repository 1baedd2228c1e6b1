"""What holds exactly for a tensor product of vectors: reduction, conserved differences, clamps, curvature."""

import math
from collections.abc import Sequence

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from minimodels.model import Model
from theory.checks import together, vanishes
from theory.derivation import Check, Init, Regime, Result, Step, expand
from theory.singh import setting
from theory.singh.setting import Components, N, X, all_same, draw, invariants, lr, overlap, same, squared, symbol
from theory.vocabulary import equal, invariant, label

A, B = sp.symbols("A B", real=True)
LOSS = label(r"\mathcal{L}")


def product(letter: str, names: Sequence[object]) -> sp.Expr:
    """Return the product of a symbol of vectors."""
    return sp.Mul(*(symbol(letter, x) for x in names))


def loss_of(c: Components) -> sp.Expr:
    """Return the model's own loss in components."""
    return c.stated(c.model.observables["loss"] if c.model.loss is None else c.model.loss)


def sizes(names: Sequence[object]) -> dict[sp.Symbol, sp.Expr]:
    """Return N and X of vectors."""
    return {N: product("d", names), X: sp.sqrt(product("T", names))}


def whole_tensor(names: Sequence[str], expr: sp.Expr) -> Check:
    """Check a loss in n, s and T against half the mean squared error of whole tensors."""
    rng, left = np.random.default_rng(0), []
    for _ in range(3):
        truths, found = rng.normal(size=(2, len(names), 2))
        tensors = []
        for vectors in (truths, found):
            made = np.ones(())
            for v in vectors:
                made = np.multiply.outer(made, v)
            tensors.append(made)
        at: dict[sp.Symbol, float] = {}
        for x, a, b in zip(names, truths, found, strict=True):
            at |= {symbol("T", x): a @ a, symbol("n", x): b @ b, symbol("s", x): a @ b, symbol("d", x): 2.0}
        stated = sp.sympify(expr).subs(at)
        left.append(
            float(stated) - float(((tensors[0] - tensors[1]) ** 2).mean() / 2) if stated.is_number else math.inf
        )
    return vanishes(left, 1e-12, "whole tensors, 3 random ones")


def reduction(c: Components) -> Result:
    """Loss, flow and descent in squared norms and overlaps, of the first vector as of every other."""
    first, others, kept = c.names[0], c.names[1:], invariants(c.names)
    n, s, T = (symbol(k, first) for k in "nsT")
    g = 1 - lr * A
    where = sizes(c.names) | {A: product("n", others) / N, B: product("s", others) / N}
    loss = (product("n", c.names) - 2 * product("s", c.names) + X**2) / (2 * N)
    right = {
        r"\mathcal{L}": loss,
        rf"\dot s_{{{first}}}": B * T - A * s,
        rf"\dot n_{{{first}}}": 2 * (B * s - A * n),
        rf"s_{{{first}}}'": g * s + lr * B * T,
        rf"n_{{{first}}}'": g**2 * n + 2 * g * lr * B * s + lr**2 * B**2 * T,
    }
    statement = sp.Tuple(*(equal(label(k), e) for k, e in right.items()))
    in_model = (
        loss_of(c),
        c.change(overlap(first)),
        c.change(squared(first)),
        c.after(overlap(first)),
        c.after(squared(first)),
    )

    def holds(k: int, stated: sp.Basic) -> Check:
        explicit = expand(stated.rhs, where)
        found = same(explicit.xreplace(kept), in_model[k], draw)
        return together(found, lambda: whole_tensor(c.names, explicit)) if k == 0 else found

    sentences = (
        "Half the mean squared error of the whole tensor knows norms and overlaps only.",
        "The gradient is $Ax-Bx^*$: the flow of the overlap",
        "and of the squared norm;",
        "a step of descent, all vectors from their old values,",
        "is exact too.",
    )
    steps = tuple(
        Step.tested(x, e, lambda stated, k=k: holds(k, stated))  # type: ignore[misc]
        for k, (x, e) in enumerate(zip(sentences, statement.args, strict=True))
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at = setting.start(model, init)
        zero = at.X**2 / (2 * at.N)
        return {"loss": at.relative_loss * zero, "predict_zero": zero, "free": float(len(at.names))}

    return Result(
        name="reduction",
        title="Norms and overlaps",
        statement=statement,
        where=where,
        steps=steps,
        regime=Regime("always, for flow and descent; numbers at the start", setting.vectors),
        evaluate=evaluate,
    )


def conserved(c: Components) -> list[Result]:
    """Differences of squared norms do not change."""
    return [difference(c, c.names[0], x) for x in c.names[1:]]


def difference(c: Components, one: str, two: str) -> Result:
    """The difference of two squared norms does not change."""
    m = c.model
    quantity = (
        m.symbols[f"n_{one}"] - m.symbols[f"n_{two}"]
        if f"n_{one}" in m.state
        else sp.Add(*(w * m.symbols[f"{k}_{x}"] ** 2 for x, w in ((one, 1), (two, -1)) for k in ("sigma", "r")))
    )
    statement = equal(label("C"), quantity)

    def stays(stated: sp.Basic) -> Check:
        return same(c.change(c.stated(stated.rhs)), sp.S(0), draw)

    inside = c.stated(quantity)
    second = sp.Add(*(w * _slope(c, x) for x, w in ((one, 1), (two, -1))))
    steps = (
        Step.tested("Every vector gains $2(\\prod_j s_j-\\prod_j n_j)/N$ of squared norm.", statement, stays),
        Step(
            "A step of descent changes it by the difference of the squared gradients, of second order:",
            equal(label("C'-C"), lr**2 * (label(rf"\|\nabla_{one}\|^2") - label(rf"\|\nabla_{two}\|^2"))),
            same(c.after(inside) - inside, lr**2 * second, draw),
        ),
    )

    def held(model: Model, init: Init) -> str | None:
        why = setting.vectors(model, init)
        still = [x for x in (one, two) if not why and x not in setting.start(model, init).names]
        return why or (f"vector {still[0]} is clamped." if still else None)

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        values = {k: sp.Float(v, 30) for k, v in init.items()}
        return {"C": float(quantity.xreplace({m.symbols[k]: v for k, v in values.items()}))}

    return invariant(
        f"invariant_{one}_{two}", f"Difference of the squared norms of {one} and {two}", statement, steps,
        Regime("the flow, both vectors free; descent changes it in second order of the learning rate", held), evaluate,
    )  # fmt: skip


def _slope(c: Components, x: str) -> sp.Expr:
    """Return the squared gradient in a vector, from the flow of its components."""
    sigma, o = symbol("sigma", x), symbol("o", x)
    return c.flow[sigma] ** 2 + c.flow[o] ** 2 / (4 * o)


def clamp(c: Components) -> Result:
    """A vector at its truth leaves the problem of the others."""
    last, others = c.names[-1], c.names[:-1]
    where = {N: product("d", c.names) / symbol("T", last), X: sp.sqrt(product("T", others))}
    loss = (product("n", others) - 2 * product("s", others) + X**2) / (2 * N)
    statement = equal(LOSS, loss)
    truth = {symbol("sigma", last): sp.sqrt(symbol("T", last)), symbol("o", last): sp.S(0)}

    def remains(stated: sp.Basic) -> Check:
        explicit = expand(stated.rhs, where).xreplace(invariants(others))
        return same(explicit, loss_of(c).subs(truth), draw)

    step = Step.tested(
        f"With $n=s=T$ for vector {last} the loss is that of the others, and so are its gradients.", statement, remains
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at = setting.start(model, init)
        return {"N": at.N, "X": at.X, "free": float(len(at.names))}

    def none(model: Model, init: Init) -> str | None:
        why = setting.vectors(model, init)
        whole = not why and len(setting.start(model, init).names) == len(c.names)
        return why or ("no vector is clamped to its truth." if whole else None)

    return Result(
        name="clamp",
        title="Clamped vectors",
        statement=statement,
        where=where,
        steps=(step,),
        regime=Regime("vectors at their truth for good; numbers: N and X of the free ones", none),
        evaluate=evaluate,
    )


def stability(c: Components) -> Result:
    """The curvature at an optimum, and the largest stable learning rate."""
    names = c.names
    but = {x: product("n", [y for y in names if y != x]) for x in names}
    common = sp.Add(*but.values()) / N
    where = sizes(names)
    statement = sp.Tuple(
        equal(label(r"\lambda_{\max}"), common),
        equal(label(rf"\lambda_{{\perp {names[0]}}}"), but[names[0]] / N),
        equal(label(r"\mathrm{lr}_{\max}"), 2 / common),
    )
    norms = {symbol("n", x): symbol("sigma", x) ** 2 for x in names}
    on = {symbol("T", names[0]): _truth(names), **{symbol("o", x): sp.S(0) for x in names}}
    sigma = [symbol("sigma", x) for x in names]
    jacobian = sp.Matrix([c.flow[x] for x in sigma]).jacobian(sigma).subs(on)
    mode = sp.Matrix([sp.prod([y for y in sigma if y != x]) for x in sigma])
    orthogonal = sp.diff(c.flow[symbol("o", names[0])], symbol("o", names[0])).subs(on) / 2

    def inside(rng: np.random.Generator) -> dict[str, float]:
        return draw(rng)

    def stated_value(stated: sp.Basic) -> sp.Expr:
        return expand(stated.rhs, where).xreplace(norms)

    def scales(stated: sp.Basic) -> Check:
        value = stated_value(stated)
        return all_same([(a, b) for a, b in zip(jacobian * mode, -value * mode, strict=True)], inside)

    def decays(stated: sp.Basic) -> Check:
        return same(stated_value(stated), -orthogonal, inside)

    def flips(stated: sp.Basic) -> Check:
        value = stated_value(stated)
        return all_same([(a, -2 * b) for a, b in zip(value * jacobian * mode, mode, strict=True)], inside)

    zeros = sp.trace(jacobian) + expand(common, where).xreplace(norms)
    steps = (
        Step.tested(
            "All overlaps change together: the deviations $\\propto\\prod_{j\\ne i}\\sigma_j$ have",
            statement.args[0],
            scales,
        ),
        Step(
            "which is all of the trace, so that the other directions along the truths, rescalings, have zero.",
            equal(label(r"\sum\lambda"), common),
            same(zeros, sp.S(0), inside),
        ),
        Step.tested(
            f"Each of the $d_{{{names[0]}}}-1$ orthogonal directions of a vector has", statement.args[1], decays
        ),
        Step.tested("A step of this length turns a deviation into its opposite.", statement.args[2], flips),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at = setting.start(model, init)
        n = _ends(at)
        modes = at.X**2 / n / at.N * at.pace
        found = {"lr_max": 2 / modes.sum(), "lambda_max": modes.sum()}
        found |= {f"lambda_perp_{x}": v for x, v in zip(at.names, modes, strict=True)}
        return {k: float(v) for k, v in found.items()}

    return Result(
        name="stability",
        title="Curvature at the optimum and the largest learning rate",
        statement=statement,
        where=where,
        steps=steps,
        regime=Regime(
            "at the optimum that the differences of squared norms lead to, with the N and X of the free vectors",
            setting.vectors,
        ),
        evaluate=evaluate,
    )


def _truth(names: Sequence[str]) -> sp.Expr:
    """Return the T of the first vector at which these components are an optimum, X = prod sigma."""
    along = sp.prod([symbol("sigma", x) for x in names]) ** 2
    return along / product("T", names[1:])


def _ends(at: setting.Start) -> np.ndarray:
    """Return the squared norms with the product X^2 and the differences of the start."""
    n = at.n
    gaps = n - n.min()

    def short(y: float) -> float:
        return float(np.log(math.exp(y) + gaps).sum() - 2 * math.log(at.X))

    high = 2 * math.log(at.X) / len(n) + 1
    low = high - 1.0
    while short(low) > 0:
        low -= 2 * (high - low)
    return np.asarray(math.exp(brentq(short, low, high, xtol=1e-14)) + gaps)
