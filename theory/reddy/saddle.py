"""The saddle of the nested-logit model at L = N/B and the anti-induction branch."""

import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations_with_replacement

import mpmath
import numpy as np
import sympy as sp

from minimodels.model import Model
from minimodels.models import model as build
from minimodels.primitives import elementary
from theory.checks import converges, identity, vanishes
from theory.derivation import Check, Init, Regime, Result, Step, expand, number
from theory.numeric import precise
from theory.reddy import regimes
from theory.reddy.reduced_flow import timed
from theory.reddy.setting import A_0, HERE, N_c, Setting, draw, eta_alpha, eta_xi, lam, p_0, t, x_0
from theory.vocabulary import equal, label, measured_escape, needs_rates, values

EXACT_SIZES = (2, 3, 4)  # contexts whose exact-position loss is differentiated in the check
FAR = 200  # e-folds at which a limit is reached to all digits
STATES = ("beta_1", "alpha", "xi")


def saddle(st: Setting) -> Result:
    """Hessian at the origin for L = N/B."""
    s = st.s
    names = list(st.model.state)
    entry = -p_0 * A_0 * (N_c - 1) / N_c
    at_saddle = {s["L"]: s["N"] / s["B"]}
    hessian = {
        (a, b): st.at_origin(sp.diff(-st.drift[a], s[b])).subs(at_saddle)
        for k, a in enumerate(names)
        for b in names[k:]
    }
    others = sum((v**2 for k, v in hessian.items() if set(k) != {"alpha", "xi"}), sp.S(0))
    growth = p_0 * A_0 * (N_c - 1) / N_c * sp.sqrt(eta_xi * eta_alpha)
    of_model, _ = growing_mode(st)
    steps = (
        Step(
            "At the origin only one second derivative of the loss is not zero.",
            equal(label(r"\partial_\xi\partial_\alpha\mathcal{L}|_0"), entry),
            identity(hessian[("alpha", "xi")], expand(entry, st.where), draw),
        ),
        Step(
            "All others vanish, so the directions of $\\beta_1$ (and $\\beta_2$) are flat.",
            equal(label(r"\sum_{\mathrm{others}}H_{ij}^2"), sp.S(0)),
            identity(others, sp.S(0), draw),
        ),
        Step.tested(
            "The linear flow of $\\alpha,\\xi$ has determinant $-\\lambda^2$ and trace 0: eigenvalues $\\pm\\lambda$.",
            equal(lam, growth),
            lambda stated: identity(expand(stated.rhs, st.where), of_model, draw, symbolic=False),
        ),
    )

    holds = regimes.mean_field, regimes.at_the_saddle, regimes.several_labels, needs_rates("alpha", "xi")
    regime = Regime("L = N/B, mean field", *holds)
    return _growing(st, "saddle", "Saddle at L = N/B", growth, steps, regime, hessian_entry=entry)


def growing_mode(st: Setting) -> tuple[sp.Expr, sp.Expr]:
    """Return growth rate and component in alpha of the growing mode of the model's linear flow at L = N/B."""
    s = st.s
    at_saddle = {s["L"]: s["N"] / s["B"]}
    _, onto_alpha, onto_xi = (e.subs(at_saddle) for e in st.linear())
    rate = sp.sqrt(onto_alpha * onto_xi)
    right, left = sp.Matrix([onto_alpha, rate]), sp.Matrix([onto_xi, rate])  # eigenvectors
    return rate, right[0] * left.dot(sp.Matrix([s["alpha"], s["xi"]])) / left.dot(right)


def exact_growth(st: Setting) -> sp.Expr:
    """Growth rate at the saddle with exact positions, B = 1."""
    N, eps = st.s["N"], sp.Symbol("eps", real=True)
    return A_0 * (sp.harmonic(N) - 1) / (2 * N * (1 + eps**2)) * sp.sqrt(eta_xi * eta_alpha)


def exact_positions(st: Setting) -> Result:
    """Growth rate at the saddle when every position of the sequence is kept."""
    N = st.s["N"]
    k, size = sp.symbols("k n", integer=True, positive=True)
    growth = exact_growth(st)
    own = sp.harmonic(N) / (2 * N)
    other = (N - sp.harmonic(N)) / (2 * N * (N - 1))
    own_sum = sp.Sum(1 / (2 * k), (k, 1, size)).doit() / size
    other_sum = sp.Sum((k - 1) / (2 * k), (k, 1, size)).doit() / (size * (size - 1))
    attend = "exact-labels" if st.model.options["attend"] == "labels" else "exact"

    at_rest = {"beta_2": 0.0} if "beta_2" in st.model.state else {}

    def grows(stated: sp.Basic) -> Check:
        """The rate against the linear flow of the exact-position loss, at drawn rates, eps and beta_2."""
        rng, residuals = np.random.default_rng(0), []
        explicit = expand(stated.rhs, st.where)
        for n in EXACT_SIZES:
            point = {**draw(rng), "N": n, "B": 1, "L": n, "eps": float(rng.uniform(0.1, 1.5)), **at_rest}
            predicted = complex(explicit.evalf(30, subs={k: point[k.name] for k in explicit.free_symbols}))
            flow = -np.array([[point[f"eta_{k}"]] for k in STATES]) * _hessian(attend, n, point["eps"], point["beta_2"])
            residuals.append(abs(predicted / max(np.linalg.eigvals(flow).real) - 1))
        return vanishes(residuals, 1e-12, f"fastest growth by the exact-position loss, N = {EXACT_SIZES}, random rates")

    steps = (
        Step(
            "At $\\beta_1=0$ label $k$ attends evenly to the $2k$ tokens it sees: overlap $1/2k$ with its own item.",
            equal(label(r"\langle o_{kk}\rangle"), own),
            identity(own_sum, own.subs(N, size), _whole),
        ),
        Step(
            "A later label $j$ sees the target's item as well, with weight $1/2j$; an earlier one does not.",
            equal(label(r"\langle o_{jk}\rangle_{j\neq k}"), other),
            identity(other_sum, other.subs(N, size), _whole),
        ),
        Step.tested(
            "The difference, times $A_0(N-1)/N$, couples $\\alpha$ and $\\xi$: it comes from causality alone.",
            equal(lam, growth),
            grows,
        ),
    )

    def single(model: Model, init: Init) -> str | None:
        return "it is derived for B = 1." if model.values["B"] != 1 else None

    holds = regimes.exact, regimes.at_the_saddle, single, regimes.fixed_beta_2, needs_rates("alpha", "xi")
    regime = Regime("L = N, B = 1, exact positions", *holds)
    title, alike = "Saddle at L = N with exact positions", 2 * (N - 1) / (sp.harmonic(N) - 1) - 1
    return _growing(st, "saddle_exact_positions", title, growth, steps, regime, equivalent_M=alike)


def _growing(
    st: Setting, name: str, title: str, growth: sp.Expr, steps: tuple[Step, ...], regime: Regime, **others: sp.Expr
) -> Result:
    """Return the result that a deviation from the saddle grows at a rate, with other numbers besides."""
    return Result(
        name=name,
        title=title,
        statement=equal(lam, growth),
        steps=steps,
        regime=regime,
        evaluate=values(st.where, growth_rate=growth, **others),
    )


def escape(st: Setting) -> Result:
    """Time to leave the saddle from a small start."""
    growth = {False: p_0 * A_0 * (N_c - 1) / N_c * sp.sqrt(eta_xi * eta_alpha), True: exact_growth(st)}
    start = (st.s["alpha"] + st.s["xi"] * sp.sqrt(eta_alpha / eta_xi)) / 2
    alpha, xi = start * sp.exp(lam * t), start * sp.exp(lam * t) * sp.sqrt(eta_xi / eta_alpha)
    where = {x_0: start, **st.where}
    rate, mode = growing_mode(st)
    statement = equal(label(r"t_\mathrm{esc}"), sp.log(1 / x_0) / lam)

    def leaves(stated: sp.Basic) -> Check:
        """The growing part of alpha by the model's linear flow, at the time that is stated, is 1."""
        time = expand(stated.rhs, where).subs(lam, rate)
        return identity(mode * sp.exp(rate * time), sp.S(1), draw, symbolic=False)

    h = lam / sp.sqrt(eta_xi * eta_alpha)
    point = lambda rng: {**draw(rng), "lambda": rng.uniform(0.01, 1)}  # noqa: E731
    steps = (
        Step(
            "Linear flow: $\\dot\\alpha=\\eta_\\alpha h\\xi$, $\\dot\\xi=\\eta_\\xi h\\alpha$; its growing mode.",
            equal(st.s["alpha"], x_0 * sp.exp(lam * t)),
            identity(
                (sp.diff(alpha, t) - eta_alpha * h * xi) ** 2 + (sp.diff(xi, t) - eta_xi * h * alpha) ** 2,
                sp.S(0),
                point,
            ),
        ),
        Step.tested(
            "$x_0$ is the component of the start on that mode; the linear regime ends when $\\alpha$ reaches 1.",
            statement,
            leaves,
        ),
    )

    def component(model: Model, init: Init) -> float:
        rates = model.rate_values()
        return abs(init["alpha"] + init["xi"] * math.sqrt(rates["alpha"] / rates["xi"])) / 2

    def single(model: Model, init: Init) -> str | None:
        several = regimes.is_exact(model) and model.values["B"] != 1
        return "with exact positions it is derived for B = 1." if several else None

    def small(model: Model, init: Init) -> str | None:
        size = component(model, init)
        if size == 0:
            return "the start has no component on the growing mode: the flow stays at the saddle forever."
        return None if size < 1 else f"the start is not small: its component on the growing mode is {size:.3g}."

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        rate, size = number(model, growth[regimes.is_exact(model)], st.where), component(model, init)
        return {"escape_time": math.log(1 / size) / rate, "growth_rate": rate, "x_0": size}

    def error(model: Model, init: Init, predicted: Mapping[str, float]) -> float:
        if regimes.is_exact(model) or init["alpha"] * init["xi"] < 0:
            return math.nan
        return abs(predicted["escape_time"] / timed(model, init)[0] - 1)

    return Result(
        name="escape_from_saddle",
        title="Escape time from the saddle",
        statement=statement,
        where=where,
        steps=steps,
        regime=Regime(
            "L = N/B, start small but not zero; correct up to a time of order 1/lambda",
            regimes.at_the_saddle,
            regimes.several_labels,
            single,
            regimes.fixed_beta_2,
            needs_rates("alpha", "xi"),
            small,
        ),
        evaluate=evaluate,
        error=error,
        measure=measured_escape,
    )


def anti_induction(st: Setting) -> Result:
    """The branch alpha, xi < 0: attend to the wrong labels and predict the one that is not attended."""
    s, L = st.s, st.s["L"]
    end = sp.log(1 + L - N_c)
    drive = (1 - st.r) * (st.q_c - st.q_o)
    statement = equal(label(r"\mathcal{L}(\alpha,\xi\to-\infty)"), end)
    far = st.loss.subs({s["alpha"]: -FAR / st.p, s["xi"]: -FAR / A_0})
    plain = st.loss.subs({s["M"]: s["N"], sp.Symbol("beta_2", real=True): 0})
    loss = precise([s[k] for k in ("beta_1", "alpha", "xi", "N", "L", "B")], plain)
    errors = [
        float(max(abs(loss(5, -20 * k, -100 * k, 8, size, 1) - mpmath.log(1 + size - 8)) for size in (8, 16)))
        for k in (1, 2, 3)
    ]
    steps = (
        Step(
            "At $L=N/B$ the drive of $\\xi$ has the sign of $q_c-q_o$, hence of $\\alpha$: both can run away down.",
            equal(label(r"\dot\xi/\eta_\xi"), label("(1-r)(q_c-q_o)")),
            identity(st.drift["xi"].subs(L, s["N"] / s["B"]), drive.subs(L, s["N"] / s["B"]), draw, symbolic=False),
        ),
        Step(
            "As $\\alpha,\\xi\\to-\\infty$ the wrong context labels are excluded; the right one ties with absent ones.",
            equal(label(r"\mathcal{L}(-\infty)"), end),
            converges(errors, 0.1, "N = 8, L = 8 and 16, along alpha = -20 k, xi = -100 k"),
        ),
        Step.tested(
            "So it is for all parameters.",
            statement,
            lambda stated: identity(expand(far, st.where), expand(stated.rhs, st.where), draw, symbolic=False),
        ),
    )

    def negative(model: Model, init: Init) -> str | None:
        return None if init["alpha"] < 0 and init["xi"] < 0 else "the start is not at alpha < 0 and xi < 0."

    def returns(model: Model, init: Init) -> str | None:
        off = regimes.at_the_saddle(model, init)
        return off and f"{off[:-1]}: xi is driven up and the flow returns to alpha, xi > 0."

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        crossing, _ = timed(model, init)
        return {"end_loss": number(model, end, st.where), "escape_time": crossing}

    return Result(
        name="anti_induction",
        title="Anti-induction branch",
        statement=statement,
        steps=steps,
        regime=Regime(
            "start at alpha < 0 and xi < 0 with L = N/B; zero loss only there",
            negative,
            regimes.mean_field,
            regimes.fixed_beta_2,
            regimes.several_labels,
            needs_rates("alpha", "xi"),
            returns,
        ),
        reference=f"{HERE}; a second route to zero loss",
        evaluate=evaluate,
    )


@lru_cache
def _hessian(attend: str, n: int, eps: float, beta_2: float) -> np.ndarray:
    """Second derivatives of the exact-position loss at the origin, for L = N = n."""
    m = build("nested_logit", attend=attend, N=n, L=n)
    values = {**m.values, "eps": eps, **({"beta_2": beta_2} if "beta_2" in m.values else {})}
    function = precise([m.symbols[k] for k in (*STATES, *values)], elementary(m.loss), cse=True)
    made = np.zeros((3, 3))
    with mpmath.workdps(40):
        for i, j in combinations_with_replacement(range(3), 2):
            orders = tuple((k == i) + (k == j) for k in range(3))
            slope = mpmath.diff(lambda *x: function(*x, *map(mpmath.mpf, values.values())), (0, 0, 0), orders)
            made[i, j] = made[j, i] = float(slope)
    return made


def _whole(rng: np.random.Generator) -> dict[str, float]:
    return {"n": float(rng.integers(2, 16))}
