"""Theory of steps of GD and GD++ on the population loss: one step exactly, free steps, optima, limits."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from minimodels.gram_moments import kappas, moment
from minimodels.model import Model
from minimodels.models import gd_plus_plus as statement
from minimodels.models.gd_plus_plus import residual
from theory.checks import converges, identities, identity, together, vanishes
from theory.derivation import Check, Derivation, Init, Regime, Result, Step, expand, number
from theory.numeric import function
from theory.oswald.bayes import proportional_loss
from theory.oswald.optimum import GDOptimum, gd_optimum
from theory.oswald.setting import LOSS, N, a, a_star, d, draw, kappa, rate, s, sigma, tau
from theory.vocabulary import at_the_end, equal, label, needs_rates

HERE = f"derived here from the loss of the model of {statement.build().source}"
kappa_6, kappa_8, M, n, c = sp.symbols("kappa_6 kappa_8 M n c", positive=True)
D, e_4, e_6, e_8, rho, alpha, lam = (
    sp.Symbol(x, positive=True) for x in ("D", "e_4", "e_6", "e_8", "rho", "alpha", "lambda")
)
SUMS = {
    D: N + d + kappa - 2,
    e_4: d * s**2 * (kappa + d - 1),
    e_6: d * s**3 * (kappa_6 + 3 * (d - 1) * kappa + (d - 1) * (d - 2)),
    e_8: d * s**4 * (
        kappa_8 + (4 * kappa_6 + 3 * kappa**2) * (d - 1) + 6 * kappa * (d - 1) * (d - 2) + (d - 1) * (d - 2) * (d - 3)
    ),
    a_star: 1 / (s * D + sigma**2 / tau**2),
    rho: N / D,
}  # fmt: skip
SIZES = (100, 1000, 10_000)
ROUNDED = 1e-7  # relative error of losses whose steps come from roots of polynomials


def derive(K: int = 2, kind: str = "gd++", tied: bool = True, law: str = "uniform") -> Derivation:
    """Derive the theory of ``gd_plus_plus`` with the model's own options."""
    statement.build(K, kind, tied, law)  # the model itself says what is wrong with an option
    return _derive(int(K), kind, bool(tied), law)


@lru_cache
def _derive(K: int, kind: str, tied: bool, law: str) -> Derivation:
    m, single = statement.build(K, kind, tied, law), statement.build(1, "gd", True, law)
    where = {x: sp.Rational(y) for x, y in zip((kappa, kappa_6, kappa_8), kappas(law)[1:], strict=False)} | SUMS
    made = [first_moments(where), one_step(m, single, where)]
    if K == 1:
        made += [relaxation(m, single, where), shifts(single, where)]
    else:
        made.append(optimum(m))
    if kind == "gd" and (K == 1 or not tied):
        made += [free_steps(m), proportional(m)]
    return Derivation.stating("gd_plus_plus", m.options, made, reference=HERE, where=where)


def power(k: int) -> sp.Symbol:
    """Return the symbol of the moment m_k."""
    return label(f"m_{{{k}}}")


def known(m: Model, size: int) -> dict[sp.Symbol, sp.Expr]:
    """Return the moments of the model's law."""
    return {power(k): moment(k, N, d, kappas(m.options["law"]), s) for k in range(size + 1)}


def first_moments(where: dict[sp.Symbol, sp.Expr]) -> Result:
    """The first four moments of the Gram matrix, for any law."""
    two, three = N * (N - 1), N * (N - 1) * (N - 2)
    fourth = 4 * s * e_6 + 2 * e_4**2 / d + d * kappa**2 * s**4 + 3 * d * (d - 1) * s**4
    found = (
        N * d * s,
        N * d * s**2 * D,
        N * e_6 + 3 * two * s * e_4 + three * d * s**3,
        N * e_8 + two * fourth + 6 * three * s**2 * e_4 + three * (N - 3) * d * s**4,
    )
    statement_ = sp.Tuple(*(equal(power(k), x) for k, x in enumerate(found, 1)))

    def counted(k: int) -> Any:
        def test(stated: sp.Basic) -> Check:
            return identity(
                expand(stated.rhs, SUMS), moment(k, N, d, (1, kappa, kappa_6, kappa_8), s), draw, symbolic=False
            )

        return test

    steps = tuple(
        Step.tested(f"Closed walks of {2 * k} steps that take every edge an even number of times.", e, counted(k))
        for k, e in enumerate(statement_.args, 1)
    )
    return Result(
        name="moments",
        title="Moments of the Gram matrix",
        statement=statement_,
        steps=steps,
        regime=Regime("independent, symmetric, alike coordinates; any N and d"),
        evaluate=lambda model, init: {f"m_{k}": number(model, x, where) for k, x in enumerate(found, 1)},
    )


def one_step(m: Model, single: Model, where: dict[sp.Symbol, sp.Expr]) -> Result:
    """The best single step and its loss."""
    best, loss = tau**2 * s * d / 2 * (1 - N * s * a_star), sp.sympify(single.loss)
    zero = tau**2 * s * d / 2
    step = single.symbols["a"]
    statement_ = sp.Tuple(equal(label("a^*"), a_star), equal(label(r"\mathcal{L}^*"), best))

    def flat(stated: sp.Basic) -> Check:
        return identity(sp.diff(loss, step).subs(step, expand(stated.rhs, where)), sp.S(0), draw, symbolic=False)

    def least(stated: sp.Basic) -> Check:
        return identity(loss.subs(step, expand(a_star, where)), expand(stated.rhs, where), draw, symbolic=False)

    steps = (
        Step(
            "Without a step the prediction is zero.",
            equal(label(r"\mathcal{L}_0"), zero),
            identity(sp.sympify(m.loss).subs({m.symbols[k]: 0 for k in m.state}), zero, draw, symbolic=False),
        ),
        Step.tested("With one step the loss is quadratic; its slope vanishes at", statement_.args[0], flat),
        Step.tested("where it is", statement_.args[1], least),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        size = number(model, a_star, where)
        found = {"a": size, "eta": size * model.values["N"], "loss": number(model, best, where)}
        return found | {"zero_loss": number(model, zero, where)}

    alone = at_the_end(lambda model, last: {"a": last[m.state[0]]})
    return Result(
        name="one_step",
        title="Best single step",
        statement=statement_,
        steps=steps,
        regime=Regime("any law, N, d, noise; the label that is predicted has no noise"),
        evaluate=evaluate,
        measure=alone if m.options["K"] == 1 else None,
    )


def relaxation(m: Model, single: Model, where: dict[sp.Symbol, sp.Expr]) -> Result:
    """The step relaxes exponentially."""
    name = m.state[0]
    speed = rate(name) * tau**2 * s**2 * N * d / a_star
    step, drift = single.symbols["a"], single.drift["a"]
    statement_ = equal(label("r"), speed)

    def relaxes(stated: sp.Basic) -> Check:
        right = -expand(stated.rhs, where) * (step - expand(a_star, where))
        return identity(rate(name) * drift, right, draw, symbolic=False)

    def curve(model: Model, times: np.ndarray) -> dict[str, np.ndarray]:
        end, start = number(model, a_star, where), model.init[name]
        return {name: end + (start - end) * np.exp(-number(model, speed, where) * times)}

    return Result(
        name="relaxation",
        title="Relaxation of the step",
        statement=statement_,
        steps=(Step.tested("The loss is quadratic in the step: $\\dot a=-r(a-a^*)$.", statement_, relaxes),),
        regime=Regime("any start, positive rate", needs_rates(name)),
        evaluate=lambda model, init: {"r": number(model, speed, where)},
        curve=curve,
    )


def shifts(single: Model, where: dict[sp.Symbol, sp.Expr]) -> Result:
    """What a trained single step does on other inputs, contexts and labels."""
    loss, step = sp.sympify(single.loss), single.symbols["a"]
    half, clean = tau**2 * s * d / 2, N - n
    scaled = half * alpha**2 * (1 - 2 * rho * alpha**2 + rho * alpha**4)
    longer = half * (1 - 2 * a * M * s + a**2 * M * s**2 * (M + d + kappa - 2))
    spoilt = half * (1 - 2 * a * clean * s + a**2 * clean * s**2 * (clean + d + kappa - 2)) + a**2 * n * d * s**2 / 2
    statement_ = sp.Tuple(
        equal(label(r"\mathcal{L}_\alpha"), scaled),
        equal(label(r"\mathcal{L}_M"), longer),
        equal(label(r"\mathcal{L}_n"), spoilt),
    )
    silent, noise = loss.subs(sigma, 0), sp.diff(loss, sigma, 2) / 2
    plain = {a: step}
    other = {
        0: silent.subs({s: alpha**2 * s, step: (1 / (s * D)).subs(D, expand(D, where))}, simultaneous=True),
        1: silent.subs(N, M),
        2: silent.subs(N, N - n) + noise.subs(N, n),
    }

    def shifted(k: int) -> Any:
        return lambda stated: identity(expand(stated.rhs, where).subs(plain), other[k], draw, symbolic=False)

    sentences = (
        "Inputs $\\alpha$ times as large, at $a=1/(sD)$:",
        "another number of points $M$ in the context:",
        "$n$ labels of the context replaced by noise of variance 1, which adds what noise of so many points adds:",
    )
    steps = tuple(
        Step.tested(x, e, shifted(k)) for k, (x, e) in enumerate(zip(sentences, statement_.args, strict=True))
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        best = {a: sp.Float(number(model, a_star, where), 30)}
        found = {f"x_scale_{x}": number(model, scaled.subs(alpha, x), where) for x in (2, 0.5)}
        found |= {f"M_{x}N": number(model, longer.subs(best).subs(M, x * N), where) for x in (2, 0.5)}
        return found | {"half_corrupted": number(model, spoilt.subs(best).subs(n, N / 2), where)}

    return Result(
        name="shifts",
        title="A trained step on other data",
        statement=statement_,
        steps=steps,
        regime=Regime(
            "one step, trained and tested without noise",
            lambda model, init: "the labels are noisy: use theory.gd_loss." if model.values["sigma"] else None,
        ),
        evaluate=evaluate,
    )


def optimum(m: Model) -> Result:
    """The polynomial of the layers, and the steps at which the loss is least."""
    K, kind, law = int(m.options["K"]), str(m.options["kind"]), str(m.options["law"])
    tied, plus = bool(m.options["tied"]), kind == "gd++"
    names = [[m.symbols.get(f"{x}_{k}", m.symbols.get(x, sp.S(0))) for k in range(K)] for x in ("a", "gamma")]
    recursion = residual(lam, names[0], names[1] if plus else None)
    q = sp.collect(sp.expand(recursion), lam)
    published = equal(label("q"), q)
    expected = list(known(m, 8).values())

    def squares(stated: sp.Basic) -> Check:
        """The polynomial against the recursion, and its squares against the loss."""
        polynomial = sp.Poly(stated.rhs, lam)
        first = identity(stated.rhs, recursion, draw, symbolic=False)

        def loss() -> Check:
            parts = (tau**2, polynomial**2), (sigma**2, sp.quo((1 - polynomial) ** 2, sp.Poly(lam)))
            total = sum(w * x * expected[k] for w, part in parts for (k,), x in part.terms())
            return identities([(s * total / 2, sp.sympify(m.loss))], draw)

        return together(first, loss)

    steps = [Step.tested("The layers, multiplied out; the loss is that of its squares.", published, squares)]
    if plus:
        free, transforms = sp.symbols("a_:9", real=True)[:K], sp.symbols("gamma_:9", real=True)[:K]
        steps.append(
            Step(
                "The transform of the last layer changes nothing.",
                equal(label(r"\partial q/\partial\gamma_{K-1}"), sp.S(0)),
                identity(sp.diff(residual(lam, free, transforms), transforms[-1]), sp.S(0), draw),
            )
        )

    def best(model: Model) -> GDOptimum:
        v = model.values
        return gd_optimum(
            int(v["N"]), int(v["d"]), K=K, kind=kind, tied=tied, law=law, s=v["s"], tau=v["tau"], sigma=v["sigma"]
        )

    def numbers(loss: float, steps: Any, transforms: Any) -> dict[str, float]:
        if tied:
            return {"loss": loss, "a": steps[0]} | ({"gamma": transforms[0]} if plus else {})
        found = {f"a_{k}": x for k, x in enumerate(steps)} | {f"gamma_{k}": x for k, x in enumerate(transforms)}
        return {"loss": loss} | found

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        found = best(model)
        return numbers(found.loss, found.a, found.gamma) | {"relative_loss": found.loss / found.zero_loss}

    def parts(model: Model, init: Init) -> dict[str, dict[str, float]]:
        minima = best(model).minima
        return {f"Local minimum {k}": numbers(*one) for k, one in enumerate(minima, 1)} if len(minima) > 1 else {}

    return Result(
        name="optimum",
        title="Best steps of all layers",
        statement=published,
        steps=tuple(steps),
        regime=Regime("whole N and d; the best of all minima, while a flow ends in that below its start", whole),
        evaluate=evaluate,
        measure=lambda model, run: float(run["loss"].values.ravel()[-1]),
        parts=parts,
    )


def whole(model: Model, init: Init) -> str | None:
    """Give the reason why sizes are none."""
    odd = next((k for k in ("N", "d") if model.values[k] != int(model.values[k])), None)
    return odd and f"{odd} = {model.values[odd]:g} is not whole."


def silent(model: Model, init: Init) -> str | None:
    """Give the reason why a result without noise does not hold."""
    return f"sigma = {model.values['sigma']:g}: derived for labels without noise." if model.values["sigma"] else None


def determinants(K: int, m: Any) -> Any:
    """Return det(m_{i+j}; 0..K)/det(m_{i+j}; 1..K), of symbols or numbers m_0 .. m_2K."""
    return sp.Matrix(K + 1, K + 1, lambda i, j: m[i + j]).det() / sp.Matrix(K, K, lambda i, j: m[i + j + 2]).det()


def free_steps(m: Model) -> Result:
    """The best free steps of plain descent: least squares by powers of the eigenvalues."""
    K = int(m.options["K"])
    symbols = [d, *(power(k) for k in range(1, 2 * K + 1))]
    ratio = s * tau**2 / 2 * determinants(K, symbols)
    published = equal(LOSS, ratio)
    exact = known(m, 2 * K)
    evaluate_loss = function([m.symbols[k] for k in (*m.state, "N", "d", "s", "tau", "sigma")], m.loss)

    def reached(stated: sp.Basic) -> Check:
        """The loss of the model at the steps of gd_optimum, and around them."""
        rng, gaps = np.random.default_rng(0), []
        for _ in range(4):
            sizes = int(rng.integers(K + 2, 30)), int(rng.integers(2 * K, 20))
            scale, size = float(rng.lognormal(0, 0.5)), float(rng.lognormal(0, 0.3))
            best = gd_optimum(*sizes, K=K, tied=K == 1, law=str(m.options["law"]), s=scale, tau=size)
            at = dict(zip((N, d, s, tau), map(sp.Float, (*sizes, scale, size), [40] * 4), strict=True))
            value = (
                float(stated.rhs.subs(exact).subs(at)) if stated.rhs.free_symbols <= {*symbols, s, tau} else math.inf
            )
            here = float(evaluate_loss(*best.a, *sizes, scale, size, 0.0))
            around = [evaluate_loss(*(np.array(best.a) * (1 + 1e-3 * rng.normal(size=K))), *sizes, scale, size, 0.0)]
            gaps += [value / here - 1, max(0.0, here - float(min(around)))]
        return vanishes(gaps, ROUNDED, "loss of the model at its best steps, 4 random settings, relative")

    steps = (
        Step.tested(
            "All polynomials with $q(0)=1$ of the degree: the least mean square is a ratio of Hankel determinants, "
            "with $m_0=d$.",
            published,
            reached,
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        v = model.values
        best = gd_optimum(int(v["N"]), int(v["d"]), K=K, tied=K == 1, law=str(m.options["law"]), s=v["s"], tau=v["tau"])
        return {"loss": best.loss} | {f"a_{k}": x for k, x in enumerate(best.a)}

    return Result(
        name="free_steps",
        title="Best free steps of plain descent",
        statement=published,
        steps=steps,
        regime=Regime("whole N and d, no noise", whole, silent),
        evaluate=evaluate,
        measure=lambda model, run: float(run["loss"].values.ravel()[-1]),
    )


def proportional(m: Model) -> Result:
    """Large contexts and dimensions: the Marchenko-Pastur law."""
    K, law = int(m.options["K"]), kappas(str(m.options["law"]))
    ratio = c**K / sp.Add(*(c**j for j in range(K + 1)))
    published = equal(label(r"\mathcal{L}/\mathcal{L}_0"), ratio)

    def approached(stated: sp.Basic) -> Check:
        checks = []
        for share in (sp.Rational(1, 2), sp.Integer(2)):
            gaps = []
            for size in SIZES:
                dimension = int(share * size)
                exact = [sp.Rational(moment(k, size, dimension, law) * 1) for k in range(2 * K + 1)]
                finite = determinants(K, exact) / dimension
                gaps.append(float(sp.N(finite - stated.rhs.subs(c, share), 30)))
            checks.append(converges(gaps, 0.2, f"free steps at d/N = {share}, N = 1e2, 1e3, 1e4"))
        return together(checks[0], lambda: checks[1])

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        share = model.values["d"] / model.values["N"]
        return {"relative_loss": proportional_loss(share, K), "bayes": proportional_loss(share)}

    return Result(
        name="proportional",
        title="Large contexts and dimensions",
        statement=published,
        steps=(Step.tested("The ratio of determinants at $d=cN$, as both grow.", published, approached),),
        regime=Regime("N and d large, no noise; bayes: any number of steps, max(1 - 1/c, 0)", silent),
        evaluate=evaluate,
        error=lambda model, init, values: math.nan,
    )
