r"""Why the loss of mechanism 2 rises when mechanism 1 emerges, and by how much at most.

Mechanism 1 makes b and c longer, and with them the wrong tensor of a d that is not aligned. If d stood still and
nothing else moved b and c, the rise would be

.. math:: \Delta\mathcal L_2 = \frac{n_d\,\Delta(n_bn_c)-2s_d\,\Delta(s_bs_c)}{2N_2},

with the end of b and c from the differences of norms that mechanism 1 conserves. But d follows: it shortens and turns
to its truth meanwhile, and only a part of this is seen.
"""

import math
from typing import Any

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from minimodels.model import Model
from theory.derivation import Check, Init, Regime, Result, Step, expand
from theory.singh import setting
from theory.singh.mechanisms import L_1, L_2, N_1, N_2, NAMES, N_c, alpha, at, mu_1, mu_2, share_1, share_2, sizes
from theory.singh.setting import Components, all_same, draw, invariants, same, squared, symbol
from theory.vocabulary import equal, label

z = sp.Symbol("z", positive=True)
n_a, n_b, n_c, n_d, s_a, s_b, s_c, s_d, T_a, T_b, T_c, T_d = (symbol(k, x) for k in "nsT" for x in NAMES)


def divot(v: Components) -> Result:
    """The rise of the loss of mechanism 2: what drives it, what works against it, and its size with d at rest."""
    where = sizes()
    norms, overlaps = n_b * n_c * n_d, s_b * s_c * s_d
    slope = (n_b**2 * n_c**2 * n_d - 2 * n_b * n_c * s_b * s_c * s_d + s_b**2 * s_c**2 * T_d) / N_2**2
    unaligned = (norms + T_b * T_c * T_d) / (2 * N_2)
    longer = (n_b + z) * (n_c + z)
    published = sp.Tuple(
        equal(
            label(r"\dot{\mathcal L}_2|_{1\to b,c}"),
            share_1 * (unaligned + mu_2) * n_d * (n_b + n_c) * (s_a * s_b * s_c - n_a * n_b * n_c) / (N_1 * N_2),
        ),
        equal(
            label(r"\dot{\mathcal L}_2|_{d}"),
            -(L_1 + mu_1) * slope - alpha * n_a * (norms - overlaps) / (N_c * N_2),
        ),
        equal((n_a + z) * longer, T_a * T_b * T_c),
        equal(
            label(r"\Delta\mathcal L_2"),
            (n_d * (longer - n_b * n_c) - 2 * s_d * (sp.sqrt(T_b * T_c * longer) - s_b * s_c)) / (2 * N_2),
        ),
    )
    loss_1, loss_2 = (expand(loss, where).xreplace(invariants(NAMES)) for loss in (L_1, L_2))
    ends = {symbol("sigma", x): sp.sqrt(symbol("n", x) + z) for x in "abc"} | {symbol("o", x): sp.S(0) for x in "abc"}

    def full(stated: sp.Basic) -> sp.Expr:
        return expand(stated.rhs, where).xreplace(invariants(NAMES))

    def through(names: str) -> sp.Expr:
        """Return what the flow of some vectors does to the loss of mechanism 2."""
        moving = [symbol(letter, x) for x in names for letter in ("sigma", "o")]
        return sp.Add(*(sp.diff(loss_2, x) * v.flow[x] for x in moving))

    def drives(stated: sp.Basic) -> Check:
        there = {symbol("sigma", "d"): sp.S(0)}
        return same(full(stated).subs(there), through("bc").subs(share_2, 0).subs(there), draw)

    def follows(stated: sp.Basic) -> Check:
        return same(full(stated), through("d"), draw)

    def learned(stated: sp.Basic) -> Check:
        """The T of a for which the statement holds leaves mechanism 1 no loss at its end."""
        gap = stated.lhs - stated.rhs
        factor = sp.diff(gap, T_a)
        if factor == 0 or factor.has(T_a):
            return Check("a T of vector a", math.inf, 0.0)
        there = {T_a: -gap.subs(T_a, 0) / factor}
        return same(loss_1.subs(ends).subs(there), sp.S(0), draw)

    def rises(stated: sp.Basic) -> Check:
        before = {symbol("n", x): squared(x) for x in NAMES}
        after = loss_2.subs(ends).xreplace(before)
        return same(full(stated), after - loss_2, draw)

    kept = [v.change(squared("a") - squared(x)).subs({share_1: 1, share_2: 0, alpha: 0}) for x in "bc"]
    steps = (
        Step.tested(
            "Where d is orthogonal to its truth, mechanism 1 raises $L_2$ through b and c as long as its own norms "
            "grow, $s_as_bs_c>n_an_bn_c$: while it emerges, not before and not after.",
            published.args[0],
            drives,
        ),
        Step.tested(
            "The descent of d itself and the competition lower it, where $n_bn_cn_d>s_bs_cs_d$.",
            published.args[1],
            follows,
        ),
        Step(
            "Mechanism 1 alone gives a, b and c the same squared norm $z$,",
            equal(label(r"\frac{d}{dt}(n_a-n_b)"), sp.S(0)),
            all_same([(expr, sp.S(0)) for expr in kept], draw),
        ),
        Step.tested("until it is learned, a, b and c along their truths:", published.args[2], learned),
        Step.tested(
            "With d at rest $L_2$ has changed by then (signs of truths such that $s_bs_c>0$).",
            published.args[3],
            rises,
        ),
    )

    def before(model: Model, init: Init) -> str | None:
        why = setting.vectors(model, init)
        if why:
            return why
        if setting.start(model, init).names != NAMES:
            return "a vector is clamped."
        here = at(model, init)
        zero = math.prod(here.T[x] for x in "abc") / (2 * here.N_1)
        if math.prod(here.s[x] for x in "abc") <= 0:
            return "the product of the overlaps of a, b and c is not positive: one of them passes through zero first."
        return None if here.loss[0] > zero / 2 else "mechanism 1 has emerged: take an earlier state, of the plateau."

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        here = at(model, init)
        n, s, T = here.n, here.s, here.T
        top = math.prod(T[x] for x in "abc")
        added = brentq(lambda x: math.prod(n[y] + x for y in "abc") - top, -min(n[y] for y in "abc"), top ** (1 / 3))
        end = (n["b"] + added) * (n["c"] + added)
        sign = math.copysign(1.0, s["b"] * s["c"])
        longer = n["d"] * (end - n["b"] * n["c"]) / (2 * here.N_2)
        pulled = s["d"] * (sign * math.sqrt(T["b"] * T["c"] * end) - s["b"] * s["c"]) / here.N_2
        return {"rise": longer - pulled, "unaligned": longer, "z": added}

    def measured(model: Model, run: Any) -> float:
        losses = run["loss_2"].values
        return float((losses - np.minimum.accumulate(losses)).max())

    return Result(
        name="divot",
        title="The divot: mechanism 2 gets worse when mechanism 1 emerges",
        statement=published,
        where=where,
        steps=steps,
        regime=Regime(
            "from a state of the plateau before mechanism 1 emerges; with d at rest, no competition and mechanism 1 "
            "alone on b and c: more than what is seen, for d follows",
            before,
        ),
        evaluate=evaluate,
        error=lambda model, init, values: math.nan,
        measure=measured,
    )
