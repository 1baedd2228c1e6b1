"""Theory of the model ``shared_head``: copying without a memory in closed form, and what a memory can do to it."""

import math
from functools import lru_cache

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

from minimodels.model import Model
from minimodels.models import shared_head as statement
from minimodels.primitives import elementary
from theory.checks import identities, together, vanishes
from theory.derivation import Check, Derivation, Init, Regime, Result, Step, expand
from theory.hernandez.copying import (
    FAR,
    V,
    alone,
    at_rest,
    ends,
    f,
    forms,
    gain,
    mixed,
    onset_time,
    pays,
    q,
    reached,
    remains,
    share,
    started,
    z,
)
from theory.hernandez.setting import SOURCE, real
from theory.numeric import ending, function
from theory.vocabulary import equal, label, measured_escape, needs_rates

HERE = f"derived here from the loss of the model; made after the explanations of {SOURCE}"
beta, w, gamma, L, M, d, beta_max = sp.symbols("beta w gamma L M d beta_max", positive=True)
beta_0, w_0, eta_beta, eta_w = sp.symbols("beta_0 w_0 eta_beta eta_w", positive=True)
p, p_far = sp.symbols("p p_10L", positive=True)
NO_MEMORY = {"gamma": -2000, "v": 0}  # of the control: its key and its value are as good as none
UNMET = {"M0": sp.Integer(10) ** 60}  # stored keys that no fresh context holds
SETTINGS: tuple[tuple[dict[str, float], ...], ...] = (  # parameters, start, rates
    ({"f": 0.3}, {"beta": 0.1, "w": 0.1}, {"beta": 1.0, "w": 1.0}),
    ({"V": 30, "L": 20, "q": 0.4}, {"beta": 0.5, "w": 0.4}, {"beta": 0.7, "w": 1.5}),
)
ALONE = "nothing stored; e^gamma far below L and v far below 1, where they start"


def derive(memory: bool = True) -> Derivation:
    """Derive the theory of ``shared_head`` with the model's own options."""
    return _derive(bool(statement.build(memory).options["memory"]))  # the model itself says what is wrong


@lru_cache
def _derive(memory: bool) -> Derivation:
    control, m = statement.build(False), statement.build(memory)
    made = [delay(m, control), crosstalk(m)] if memory else [pull(m), invariant(m), onset(m), rest(m)]
    return Derivation.stating("shared_head", m.options, made, reference=HERE)


def draw(rng: np.random.Generator) -> dict[str, float]:
    """Draw a random point: states, parameters, rates."""
    ranges = {
        "beta": (0.6, 5), "w": (0.3, 6), "gamma": (0.5, 3), "beta_0": (0, 0.5), "w_0": (0.3, 2), "V": (10, 100),
        "L": (10, 60), "q": (0.1, 0.8), "f": (0.05, 0.8), "M": (1, 50), "d": (50, 400), "beta_max": (4.5, 8),
        "z": (0.5, 6), "eta_beta": (0.5, 2), "eta_w": (0.5, 2),
    }  # fmt: skip
    return {k: float(rng.uniform(*v)) for k, v in ranges.items()}


def plain(m: Model, expr: sp.Expr, **fixed: object) -> sp.Expr:
    """Return an expression of the model in elementary functions of positive symbols, some of them at a value."""
    own = {v: sp.Symbol(k, positive=True) for k, v in m.symbols.items()}
    values = {m.symbols[k]: sp.sympify(v) for k, v in fixed.items()}
    return elementary(sp.sympify(expr)).subs(values).xreplace(own)


def attention(key: sp.Expr, length: sp.Expr = L) -> sp.Expr:
    """Return the share of the attention that a copied token gets."""
    return 1 / (1 + length * sp.exp(-key))


def cross_entropy(logit: sp.Expr) -> sp.Expr:
    """Return the loss of a token with a logit."""
    return sp.log(1 + (V - 1) * sp.exp(-logit))


WHERE = {p: attention(beta), z: w * p}


def pull(m: Model) -> Result:
    """All that the control learns is one logit."""
    changes = (eta_beta * (1 - p) * z * gain(z), eta_w * p * gain(z))
    stated_ = sp.Tuple(*(equal(label(rf"\dot{{{k}}}"), e) for k, e in zip((r"\beta", "w"), changes, strict=True)))
    flows = [plain(m, m.drift[k], **NO_MEMORY) for k in ("beta", "w")]

    def moves(k: int, stated: sp.Basic) -> Check:
        rate = (eta_beta, eta_w)[k]
        return identities([(expand(stated.rhs, WHERE), rate * flows[k])], draw)

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        near = share(init["beta"], model.values["L"])
        return {"pays": pays(model, init["w"] * near, model.values["f"]), "z": init["w"] * near, "p": near}

    steps = (
        Step.tested(
            "Where the memory is not there, the loss is one of $z=wp$ alone, a copied token's logit, and its slope has "
            "the sign of what $z$ pays: $q$ for copies, against those of other tokens.",
            stated_.args[0],
            lambda stated: moves(0, stated),
        ),
        Step.tested("Key and value follow it;", stated_.args[1], lambda stated: moves(1, stated)),
    )
    return Result(
        name="pull",
        title="Copying without a memory is one logit",
        statement=stated_,
        where=WHERE,
        steps=steps,
        regime=Regime(f"{ALONE}; below the bound of beta", alone),
        evaluate=evaluate,
        error=remains,
    )


def invariant(m: Model) -> Result:
    """What key and value keep."""
    kept = w**2 / (2 * eta_w) - (beta + sp.exp(beta) / L) / eta_beta
    stated_ = equal(label("C"), kept)
    flow = {s: eta * plain(m, m.drift[s.name], **NO_MEMORY) for s, eta in ((beta, eta_beta), (w, eta_w))}

    def stays(stated: sp.Basic) -> Check:
        return identities([(sp.Add(*(sp.diff(stated.rhs, s) * e for s, e in flow.items())), sp.S(0))], draw)

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        rate, length = model.rate_values(), model.values["L"]
        key = (init["beta"] + math.exp(init["beta"]) / length) / rate["beta"]
        return {"C": init["w"] ** 2 / (2 * rate["w"]) - key}

    step = Step.tested("As $\\dot\\beta/\\dot w=\\eta_\\beta w(1-p)/\\eta_w$, whatever pays,", stated_, stays)
    return Result(
        name="invariant",
        title="What key and value keep",
        statement=stated_,
        steps=(step,),
        regime=Regime(f"{ALONE}; until beta meets its bound", needs_rates("beta", "w"), alone),
        evaluate=evaluate,
        error=lambda model, init, values: math.nan,
        arbitrary_zero=True,
    )


def onset(m: Model) -> Result:
    """The time until a copied token has half of the attention."""
    value = sp.sqrt(w_0**2 + 2 * eta_w / eta_beta * (beta - beta_0 + (sp.exp(beta) - sp.exp(beta_0)) / L))
    where = {w: value, p: attention(beta), z: w * p}
    stated_ = sp.Tuple(
        equal(label(r"w(\beta)"), value),
        equal(label(r"\frac{dt}{d\beta}"), 1 / (eta_beta * (1 - p) * z * gain(z))),
        equal(label(r"\beta_{1/2}"), sp.log(L)),
    )
    time = sp.Integral(label(r"\frac{dt}{d\beta}"), (beta, beta_0, sp.log(L)))
    flow = [eta * plain(m, m.drift[k], **NO_MEMORY) for k, eta in (("beta", eta_beta), ("w", eta_w))]
    score = plain(m, m.observables["score"])

    def follows(stated: sp.Basic) -> Check:
        found, slope = stated.rhs, sp.diff(stated.rhs, beta)
        pairs = [(flow[1].subs(w, found), slope * flow[0].subs(w, found)), (found.subs(beta, beta_0), w_0)]
        return identities(pairs, draw)

    def takes(stated: sp.Basic) -> Check:
        return identities([(expand(stated.rhs, where), 1 / flow[0].subs(w, value))], draw)

    def halves(stated: sp.Basic) -> Check:
        return identities([(score.subs(beta, stated.rhs), sp.Rational(1, 2))], draw)

    steps = (
        Step.tested("By what both keep, the value at a key is", stated_.args[0], follows),
        Step.tested("so that time is a function of the key,", stated_.args[1], takes),
        Step.tested("up to where the score is one half.", stated_.args[2], halves),
        Step(
            "Its quadrature is the onset.",
            equal(label("t_{1/2}"), time),
            vanishes([_followed(m, *s) for s in SETTINGS], 1e-8, "two flows of the model, by SciPy"),
        ),
    )
    return Result(
        name="escape_time",
        title="Onset of copying without a memory",
        statement=stated_,
        where=where,
        steps=steps,
        regime=Regime(
            f"{ALONE}; from a start below half of the attention", needs_rates("beta", "w"), alone, started, forms
        ),
        evaluate=lambda model, init: {
            "escape_time": onset_time(model, init, model.values["f"]), "beta": math.log(model.values["L"])
        },
        error=remains,
        measure=measured_escape,
    )  # fmt: skip


def _followed(m: Model, chosen: dict[str, float], init: dict[str, float], rates: dict[str, float]) -> float:
    """Return how far the quadrature is from the model's own flow where the memory is not there, by SciPy."""
    model = m.with_values(**chosen).with_rates(**rates)
    values = [model.values[k] for k in ("V", "L", "q", "f")]
    flow = function([beta, w, V, L, q, f], [plain(m, m.drift[k], **NO_MEMORY) for k in ("beta", "w")])
    pace = np.array(list(rates.values()))
    found = solve_ivp(
        lambda _, y: pace * flow(*y, *values), (0, 1e5), list(init.values()),
        events=ending(lambda _, y: y[0] - math.log(model.values["L"])), method="DOP853", rtol=1e-11, atol=1e-13,
    )  # fmt: skip
    return onset_time(model, init, model.values["f"]) / float(found.t[-1]) - 1


def rest(m: Model) -> Result:
    """Where the control comes to rest, at the bound of its key."""
    top = sp.log(1 + 10 * V * q / ((1 - f) * (1 - q)))
    where = {z: top, p: attention(beta_max), p_far: attention(beta_max, FAR * L)}
    stated_ = sp.Tuple(
        equal(label("z^*"), top),
        equal(label("w^*"), z / p),
        equal(label("E_c"), cross_entropy(z)),
        equal(label("E_{10L}"), cross_entropy(z * p_far / p)),
    )
    there = {w: z / p, beta: beta_max}

    def pays_nothing(stated: sp.Basic) -> Check:
        return identities([(gain(stated.rhs), sp.S(0))], draw)

    def rests(stated: sp.Basic) -> Check:
        held = plain(m, m.drift["w"], **NO_MEMORY).subs({beta: beta_max, w: stated.rhs})
        return identities([(expand(held, where), sp.S(0))], draw)

    def costs(name: str, stated: sp.Basic) -> Check:
        found = plain(m, m.observables[name]).subs(there)
        return identities([(expand(stated.rhs, where), expand(found, where))], draw)

    steps = (
        Step.tested("A logit pays until it is", stated_.args[0], pays_nothing),
        Step.tested("and with the key at its bound the value rests at", stated_.args[1], rests),
        Step.tested("where a copied token costs", stated_.args[2], lambda e: costs("copy_loss", e)),
        Step.tested("and in a context ten times as long", stated_.args[3], lambda e: costs("copy_loss_far", e)),
    )
    return Result(
        name="rest",
        title="Where copying without a memory comes to rest",
        statement=stated_,
        where=where,
        steps=steps,
        regime=Regime(
            f"{ALONE}; at the bound of beta. Where that is not met the logit rests, and key and value move on along it",
            needs_rates("beta", "w"), alone, ends, started,
        ),
        evaluate=at_rest,
        error=remains,
        measure=lambda model, run: float(run["copy_loss"].values.ravel()[-1]),
    )  # fmt: skip


def delay(m: Model, control: Model) -> Result:
    """What the memory takes from copying: the drive of the repeated contexts."""
    stated_ = equal(label("t_f/t_0"), 1 / (1 - f))
    known = {**UNMET, "d": UNMET["M0"], "v": 10**5, "gamma": 3}
    slowed = [plain(m, m.drift[k], **known) for k in ("beta", "w")]
    free = [plain(control, control.drift[k], **NO_MEMORY).subs(f, 0) for k in ("beta", "w")]

    def slows(stated: sp.Basic) -> Check:
        return identities([(a, b * stated.rhs) for a, b in zip(free, slowed, strict=True)], draw)

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        repeats = model.values["f"]
        return {"latest": onset_time(model, init, 0.0) / (1 - repeats), "earliest": onset_time(model, init, repeats)}

    step = Step.tested("Once the repeated contexts are known, what is left of every slope is $1-f$:", stated_, slows)
    return Result(
        name="delay",
        title="Largest delay of copying by a memory that does not touch it",
        statement=stated_,
        steps=(step,),
        regime=Regime(
            "no crosstalk, M gamma^2/d far below 1, and stored keys that fresh contexts rarely hold; crosstalk adds to "
            "it, without limit (see crosstalk)", needs_rates("beta", "w"), mixed, alone, started, forms,
        ),
        evaluate=evaluate,
        error=lambda model, init, values: math.nan,
    )  # fmt: skip


def crosstalk(m: Model) -> Result:
    """How strong a memory key may be for copying to have half of the attention."""
    stated_ = sp.Tuple(
        equal(label(r"p_\max"), attention(beta_max, L * sp.exp(M * gamma**2 / (2 * d)))),
        equal(label(r"\gamma_c"), sp.sqrt(2 * d * (beta_max - sp.log(L)) / M)),
    )
    score = plain(m, m.observables["score"], **UNMET).subs(beta, beta_max)

    def inflates(stated: sp.Basic) -> Check:
        return identities([(stated.rhs, score)], quiet)

    def halves(stated: sp.Basic) -> Check:
        level = identities([(score.subs(gamma, stated.rhs), sp.Rational(1, 2))], quiet)
        values = draw(np.random.default_rng(0))
        size = real(stated.rhs.subs({k: values[k.name] for k in stated.rhs.free_symbols}))
        return together(level, lambda: vanishes([min(0.0, size)], 0.0, "positive"))

    def quiet(rng: np.random.Generator) -> dict[str, float]:
        return draw(rng) | {"gamma": float(rng.uniform(0.1, 0.5)), "d": float(rng.uniform(200, 400))}

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        v = model.values
        room = v["beta_max"] - math.log(v["L"])
        return {"gamma_c": math.sqrt(2 * v["d"] * room / v["M"]), "score_max": share(v["beta_max"], v["L"])}

    steps = (
        Step.tested("With the key of copying at its bound its attention is", stated_.args[0], inflates),
        Step.tested("one half at", stated_.args[1], halves),
    )
    return Result(
        name="crosstalk",
        title="The memory key from which on copying cannot form",
        statement=stated_,
        steps=steps,
        regime=Regime(
            "fresh contexts rarely hold a stored key; whether the memory key grows so far is not derived", reached
        ),
        evaluate=evaluate,
    )
