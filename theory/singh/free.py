"""Shapes by the number of free vectors: exponential for one, logistic for two aligned ones, a quadrature for more."""

import math

import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.checks import together
from theory.derivation import Check, Init, Regime, Result, Step, expand
from theory.singh import setting
from theory.singh.escape import aligned_time
from theory.singh.exact import loss_of, product, sizes
from theory.singh.setting import HALF, Components, N, X, all_same, draw, invariants, lr, same, symbol, t
from theory.vocabulary import equal, label, measured_escape

T_HALF = label("t_{1/2}")
L_0, L_p, D = sp.symbols("L_0 L_p D", positive=True)
ALIGNED = 1e-12  # o/n
CLAMPED = "clamped vectors divide N by their T"


def exponential(c: Components) -> Result:
    """One free vector: the loss falls exponentially."""
    (x,) = c.names
    n, s, T = (symbol(k, x) for k in "nsT")
    where = sizes(c.names) | {L_0: (n - 2 * s + T) / (2 * N), L_p: X**2 / (2 * N)}
    statement = sp.Tuple(
        equal(label(r"\mathcal{L}'/\mathcal{L}"), (1 - lr / N) ** 2),
        equal(T_HALF, N / 2 * sp.log(2 * L_0 / L_p)),
    )
    height = loss_of(c)
    zero = height.subs({symbol("sigma", x): 0, symbol("o", x): 0})

    def shrinks(stated: sp.Basic) -> Check:
        return same(expand(stated.rhs, where) * height, c.after(height), draw)

    def falls(stated: sp.Basic) -> Check:
        time = expand(stated.rhs, where).xreplace(invariants(c.names))
        return same(height * sp.exp(-2 * time / symbol("d", x)), zero / 2, draw)

    steps = (
        Step.tested("A step multiplies the distance to the truth by $1-\\mathrm{lr}/N$;", statement.args[0], shrinks),
        Step(
            "along the flow the loss falls at the rate $2/N$,",
            equal(label(r"\dot{\mathcal{L}}/\mathcal{L}"), -2 / N),
            same(c.change(height), -2 / symbol("d", x) * height, draw),
        ),
        Step.tested("from $L_0$ to half of that of predicting zero.", statement.args[1], falls),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at = setting.start(model, init)
        folds = math.log(2 * at.relative_loss)
        ratio = (1 - at.pace / at.N) ** 2
        found = {"escape_time": at.N * folds / 2 / at.pace, "rate": 2 * at.pace / at.N}
        if 0 < ratio < 1:
            found |= {
                "ratio": ratio,
                "steps": folds / -math.log(ratio),
                "steps_small_start": math.log(2) / -math.log(ratio),
            }
        return found

    def curve(model: Model, times: np.ndarray) -> dict[str, np.ndarray]:
        at = setting.start(model, model.init)
        return {"loss": at.X**2 / (2 * at.N) * at.relative_loss * np.exp(-2 * at.pace * times / at.N)}

    return Result(
        name="exponential",
        title="One free vector: exponential",
        statement=statement,
        where=where,
        steps=steps,
        regime=Regime(
            f"one free vector, any start; {CLAMPED}; steps are those of descent with lr = 1",
            setting.vectors,
            setting.free(1, 1),
            setting.not_learned,
        ),
        evaluate=evaluate,
        curve=curve,
        measure=measured_escape,
    )


def aligned_start(model: Model, init: Init) -> str | None:
    """All free vectors lie along their truths."""
    at = setting.start(model, init)
    odd = int(np.argmax(at.o / at.n))
    share = float(at.o[odd] / at.n[odd])
    return (
        None
        if share <= ALIGNED
        else f"vector {at.names[odd]} has the share {share:.3g} of its squared norm orthogonal to its truth."
    )


def balanced_start(model: Model, init: Init) -> str | None:
    """The free vectors have one length and one direction."""
    sigma = setting.start(model, init).sigma
    return None if np.ptp(sigma) <= 1e-9 * abs(sigma).max() else "the components along the truths differ."


def logistic(c: Components) -> Result:
    """Two free, aligned vectors: logistic if they are of one length."""
    one, two = (symbol("sigma", x) for x in c.names)
    y, y_0 = sp.symbols("y y_0", positive=True)
    where = sizes(c.names)
    root = sp.sqrt(D**2 + 4 * y**2)
    grown = X / (1 + (X / y_0 - 1) * sp.exp(-2 * X * t / N))
    time = N / (2 * X) * sp.log(HALF / (1 - HALF) * (X - y_0) / y_0)
    statement = sp.Tuple(equal(label(r"\dot y"), root * (X - y) / N), equal(label("y(t)"), grown), equal(T_HALF, time))
    on = {symbol("o", x): sp.S(0) for x in c.names}
    pair = {y: one * two, D: one**2 - two**2}

    def moves(stated: sp.Basic) -> Check:
        """The rate of change of the product of components; positive ones, for the root."""
        return same(expand(stated.rhs, where).subs(pair, simultaneous=True), c.change(one * two).subs(on), draw)

    pace = c.change(one * two).subs(on).subs(two, one).subs(one, sp.sqrt(y))

    def between(rng: np.random.Generator) -> dict[str, float]:
        point = draw(rng)
        top = math.prod(point[f"T_{x}"] for x in c.names) ** 0.5
        point["y_0"] = top * float(rng.uniform(0.05, 0.25))
        return point

    def solves(stated: sp.Basic) -> Check:
        found = expand(stated.rhs, where)
        return all_same([(sp.diff(found, t), pace.subs(y, found)), (found.subs(t, 0), y_0)], between)

    def halves(stated: sp.Basic) -> Check:
        """The product of lengths at this time, put into the model's loss."""
        reached = expand(grown, where).subs(t, expand(stated.rhs, where))
        height = loss_of(c).subs(on).subs(two, one)
        share = height.subs(one, sp.sqrt(y)).subs(y, reached) / height.subs(one, 0)
        level = reached / expand(X, where)
        return all_same([(share, sp.Rational(1, 2)), (1 - level, sp.sqrt(sp.Rational(1, 2)))], between)

    steps = (
        Step.tested("$D=\\sigma_1^2-\\sigma_2^2$ stays, and $y=\\sigma_1\\sigma_2$ grows as", statement.args[0], moves),
        Step.tested("For $D=0$ this is the logistic equation of rate $2X/N$,", statement.args[1], solves),
        Step.tested("at half of the loss at", statement.args[2], halves),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at = setting.start(model, init)
        y0 = at.product
        share = math.log(float(HALF / (1 - HALF)) * (at.X - y0) / y0)
        return {"escape_time": at.N / (2 * at.X) * share / at.pace, "rate": 2 * at.X / at.N * at.pace}

    def curve(model: Model, times: np.ndarray) -> dict[str, np.ndarray]:
        at = setting.start(model, model.init)
        y = at.X / (1 + (at.X / at.product - 1) * np.exp(-2 * at.X * at.pace * times / at.N))
        return {"y": y, "loss": (at.X - y) ** 2 / (2 * at.N)}

    return Result(
        name="logistic",
        title="Two free vectors: logistic",
        statement=statement,
        where=where,
        steps=steps,
        regime=Regime(
            f"two free vectors, aligned, of one length; {CLAMPED}",
            setting.vectors,
            setting.free(2, 2),
            setting.not_learned,
            aligned_start,
            balanced_start,
        ),
        evaluate=evaluate,
        curve=curve,
        measure=measured_escape,
    )


def aligned(c: Components) -> Result:
    """Aligned vectors of any lengths: a quadrature."""
    names, first = c.names, symbol("sigma", c.names[0])
    x, end = sp.Symbol("x", positive=True), sp.Symbol("sigma_h", positive=True)
    others = sp.Mul(*(sp.sqrt(x**2 + symbol("D", y)) for y in names[1:]))
    where = sizes(names)
    time = sp.Integral(N / (others * (X - x * others)), (x, first, end))
    statement = sp.Tuple(equal(T_HALF, time), equal((x * others).subs(x, end), HALF * X))
    on = {symbol("o", y): sp.S(0) for y in names}
    kept = {symbol("D", y): symbol("sigma", y) ** 2 - first**2 for y in names[1:]}

    def passes(stated: sp.Basic) -> Check:
        integral = expand(stated.rhs, where)
        found = list(integral.atoms(sp.Integral))
        if len(found) != 1:
            return Check("one integral", math.inf, 0.0)
        low, high = found[0].limits[0][1:]
        integrand = (integral / found[0] * found[0].function).subs(x, first).subs(kept)
        return all_same([(integrand * c.flow[first].subs(on), sp.S(1)), (low, first), (high, end)], draw)

    def halves(stated: sp.Basic) -> Check:
        """Both sides by the model's loss where it is half: the side with the lengths, and X times a number."""
        left, right = (expand(side, where).subs(kept).subs(end, first) for side in stated.args)
        height = loss_of(c).subs(on)
        share = height / (product("T", names) / (2 * product("d", names)))
        level = right / sp.sqrt(product("T", names))
        return together(
            same(share, (1 - left / sp.sqrt(product("T", names))) ** 2, draw),
            lambda: same(1 - level, sp.sqrt(sp.Rational(1, 2)), draw),
        )

    steps = (
        Step.tested(
            f"The $D_i=\\sigma_i^2-\\sigma_{names[0]}^2$ stay, and $\\sigma_{names[0]}$ can serve as the clock,",
            statement.args[0],
            passes,
        ),
        Step.tested("up to the product of lengths at which the loss is halved.", statement.args[1], halves),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at = setting.start(model, init)
        found = aligned_time(at.sigma, at.X, at.N) / at.pace
        return {"escape_time": found if math.isfinite(found) else math.nan}

    return Result(
        name="aligned",
        title="Aligned vectors of any lengths: a quadrature",
        statement=statement,
        where=where,
        steps=steps,
        regime=Regime(
            f"any number of free vectors, all along or against their truths; the smallest is the clock; {CLAMPED}",
            setting.vectors,
            setting.not_learned,
            aligned_start,
        ),
        evaluate=evaluate,
        measure=measured_escape,
    )
