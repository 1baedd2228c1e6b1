"""The plateau from a start of order one: norms collapse, the loss sits at that of predicting zero, and its onset."""

import math

import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.checks import converges, together, vanishes
from theory.derivation import Check, Init, Regime, Result, Step, expand
from theory.numeric import precise
from theory.singh import setting
from theory.singh.exact import loss_of, product, sizes
from theory.singh.setting import Components, N, X, all_same, draw, same, squared, symbol
from theory.vocabulary import equal, label

L_p, R, kappa_1, kappa_2, p, q, p_0, q_0 = (
    sp.Symbol(x, positive=True) for x in ("L_p", "R", "kappa_1", "kappa_2", "p", "q", "p_0", "q_0")
)
COLLAPSED = 0.1  # of X: largest difference of the product of norms from its slow value
LONE = 0.5  # squared alignment of the vector that is called aligned
BEFORE = 0.05  # largest squared product of alignments on a plateau


def collapse(c: Components) -> Result:
    """The product of norms relaxes to the alignment, and the loss to that of predicting zero."""
    names = c.names
    but = [product("n", [y for y in names if y != x]) for x in names]
    rho = sp.Symbol("rho", positive=True)  # product of all alignments
    where = sizes(names) | {L_p: X**2 / (2 * N)}
    statement = sp.Tuple(
        equal(label(r"\dot R"), sp.Add(*but) / N * (X * rho - R)),
        equal(label(r"\mathcal{L}"), L_p * (1 - rho**2)),
    )
    lengths = sp.sqrt(sp.Mul(*(squared(x) for x in names)))
    aligned = sp.Mul(*(symbol("sigma", x) for x in names)) / lengths
    norms = {symbol("n", x): squared(x) for x in names} | {R: lengths, rho: aligned}
    first = symbol("o", names[0])

    def relaxes(stated: sp.Basic) -> Check:
        return same(expand(stated.rhs, where).subs(norms), c.change(lengths), draw)

    def rests(stated: sp.Basic) -> Check:
        """The model's loss where R is X times the alignments, which sets the orthogonal part of the first."""
        sigma = sp.Mul(*(symbol("sigma", x) for x in names))
        others = sp.Mul(*(squared(x) for x in names[1:]))
        there = X * sigma / others - symbol("sigma", names[0]) ** 2  # R^2 = X prod sigma
        on = {first: expand(there, sizes(names))}
        return same(expand(stated.rhs, where).subs(norms).subs(on), loss_of(c).subs(on), draw)

    steps = (
        Step.tested(
            "The product $R$ of the norms, $\\rho$ that of the alignments, by the chain rule.",
            statement.args[0],
            relaxes,
        ),
        Step.tested(
            "Where it rests, $R=X\\rho$, the loss is just below that of predicting zero.", statement.args[1], rests
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at = setting.start(model, init)
        n = at.n
        rho_all = at.product / math.sqrt(float(n.prod()))
        rate = float((n.prod() / n).sum()) / at.N * at.pace
        zero = at.X**2 / (2 * at.N)
        return {"loss": zero * (1 - rho_all**2), "predict_zero": zero, "collapse_rate": rate, "alignment": rho_all}

    def early(model: Model, init: Init) -> str | None:
        at = setting.start(model, init)
        share = at.product**2 / float(at.n.prod())
        return None if share < BEFORE else f"the squared product of the alignments is {share:.3g}, not below {BEFORE}."

    def error(model: Model, init: Init, values: object) -> float:
        """Of the loss at the start, once the norms have collapsed."""
        at = setting.start(model, init)
        size = math.sqrt(float(at.n.prod()))
        gap, rho_all = size / at.X - at.product / size, at.product / size
        return gap**2 / (1 - rho_all**2) if abs(gap) <= COLLAPSED else math.nan

    return Result(
        name="plateau",
        title="The plateau of predicting zero",
        statement=statement,
        where=where,
        steps=steps,
        regime=Regime(
            "two or more free vectors whose alignments have a small product; clamped vectors divide N by their T",
            setting.vectors,
            setting.free(2),
            early,
        ),
        evaluate=evaluate,
        error=error,
    )


def on_plateau(model: Model, init: Init) -> str | None:
    """The norms have collapsed and the smallest vector is aligned."""
    at = setting.start(model, init)
    n, R_now = at.n, math.sqrt(float(at.n.prod()))
    rho = at.sigma / np.sqrt(n)
    gap = abs(R_now / at.X - float(rho.prod()))
    if gap > COLLAPSED:
        return f"the product of norms is {gap:.3g} X off its slow value: take a later state, of the plateau."
    if rho[np.argmin(n)] ** 2 < LONE:
        return f"the smallest vector has the squared alignment {rho[np.argmin(n)] ** 2:.3g}, not {LONE} or more yet."
    return None


def onset(c: Components) -> Result:
    """When the drop begins: two squared alignments that drive one another to infinity."""
    names = c.names
    where = sizes(names) | {kappa_1: X**2 / (N * symbol("n", names[1])), kappa_2: X**2 / (N * symbol("n", names[2]))}
    gap = kappa_1 * q_0 - kappa_2 * p_0
    statement = sp.Tuple(
        equal(label(r"\dot p"), 2 * kappa_1 * p * q * (1 - p)),
        equal(label(r"\dot q"), 2 * kappa_2 * p * q * (1 - q)),
        equal(label("T"), sp.log(kappa_1 * q_0 / (kappa_2 * p_0)) / (2 * gap)),
    )
    sigma, o = symbol("sigma", names[0]), symbol("o", names[0])
    others = sp.Mul(*(squared(x) for x in names[1:]))
    along = sp.Mul(*(symbol("sigma", x) for x in names[1:]))
    on = {sigma: expand(X, sizes(names)) * along / others, o: sp.S(0)}  # the smallest is aligned, R = X rho

    def aligns(k: int, stated: sp.Basic) -> Check:
        square = symbol("sigma", names[k]) ** 2 / squared(names[k])
        at = {p: _square(names[1]), q: _square(names[2])} | {symbol("n", x): squared(x) for x in names}
        right = expand(stated.rhs, where).subs(at, simultaneous=True)
        return same(right, c.change(square).subs(on), draw)

    def diverges(stated: sp.Basic) -> Check:
        """It runs down by one along the leading order of the two, and as one over them."""
        time, far = stated.rhs, sp.Symbol("far", positive=True)
        rates = {p_0: 2 * kappa_1 * p_0 * q_0, q_0: 2 * kappa_2 * p_0 * q_0}
        falls = sp.Add(*(sp.diff(time, x) * v for x, v in rates.items()))
        at = {kappa_1: 0.7, kappa_2: 1.9}
        big = precise(far, time.subs({p_0: far * 0.7, q_0: far * 1.9 + 1}).subs(at))

        def vanish() -> Check:
            errors = [setting.real(big(sp.Integer(10) ** j + 0.5)) for j in (2, 4, 6)]
            return together(
                converges(errors, 0.02, "with both at 1e2, 1e4, 1e6 times their start"),
                lambda: vanishes([errors[-1]], 1e-5, "the last of them"),
            )

        return together(all_same([(falls, sp.S(-1))], draw), vanish)

    steps = (
        Step.tested(
            "With the smallest vector aligned and the norms collapsed, the squared alignments of the other two, $p$",
            statement.args[0],
            lambda stated: aligns(1, stated),
        ),
        Step.tested("and $q$, drive one another,", statement.args[1], lambda stated: aligns(2, stated)),
        Step.tested(
            "and while both are small, $\\kappa_2p-\\kappa_1q$ stays and they would diverge at",
            statement.args[2],
            diverges,
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at = setting.start(model, init)
        n, squares = at.n, at.sigma**2 / at.n
        i, j = (k for k in range(3) if k != int(np.argmin(n)))
        first, second = at.X**2 / (at.N * n[i]), at.X**2 / (at.N * n[j])
        drive = first * squares[j], second * squares[i]
        even = abs(drive[0] / drive[1] - 1) < 1e-9
        time = 1 / (2 * drive[0]) if even else math.log(drive[0] / drive[1]) / (2 * (drive[0] - drive[1]))
        return {"onset": float(time / at.pace), "p": float(squares[i]), "q": float(squares[j])}

    return Result(
        name="onset",
        title="Onset of the drop from the plateau",
        statement=statement,
        where=where,
        steps=steps,
        regime=Regime(
            "three free vectors, from a state on the plateau, the smallest aligned; an onset, before half of the loss",
            setting.vectors,
            setting.free(3, 3),
            setting.not_learned,
            on_plateau,
        ),
        evaluate=evaluate,
        error=lambda model, init, values: math.nan,
    )


def _square(x: str) -> sp.Expr:
    return symbol("sigma", x) ** 2 / squared(x)
