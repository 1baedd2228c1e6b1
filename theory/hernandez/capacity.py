r"""Derivation of model C: the least of :math:`(1-f\varphi)(1-u\varphi)^{-\alpha}` over the memorised share."""

import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.checks import together, vanishes
from theory.derivation import Check, Init, Regime, Result, Step
from theory.hernandez.market import capacity_market
from theory.hernandez.setting import N, al, b, f, real, same, u
from theory.vocabulary import equal, label

phi, T = sp.symbols("phi T", positive=True)
J = (1 - f * phi) * (1 - u * phi) ** -al  # over that of memorising nothing
SHARES, STEPS = (0.03, 0.1, 0.5, 0.9), 4001
EXPONENT = 0.1
MARKET = "a loss that is a power of the size, capacity shared out at once and for the best, one price b for every token"


def results() -> list[Result]:
    """Return the results about the capacity market."""
    return [effective(), worst()]


def searched(share: float, size: float, exponent: float) -> float:
    """Return x at the least J by trying every memorised share."""
    grid = np.linspace(0, min(1.0, (1 - 1e-9) / size), STEPS)
    cost = np.log1p(-share * grid) - exponent * np.log1p(-size * grid)
    return float(1 - size * grid[np.argmin(cost)])


def effective() -> Result:
    """The effective size by the size of the set."""
    inside = (f - al * u) / (f * u * (1 - al))
    part = al * (u - f) / (f * (1 - al))
    edge, onset = f / (al + f * (1 - al)), f / al
    stated_ = sp.Tuple(
        equal(label(r"\varphi"), inside), equal(label("x"), part), equal(label("u_c"), edge), equal(label("u_o"), onset)
    )

    def rests(stated: sp.Basic) -> Check:
        """The slope of J vanishes, and a search finds the same."""
        slope = sp.diff(sp.log(J), phi).subs(phi, stated.rhs)
        return together(same((slope, sp.S(0))), lambda: finds(1 - u * stated.rhs))

    def finds(x: sp.Expr) -> Check:
        left = []
        for share in SHARES:
            made = capacity_market(share, EXPONENT)
            for size in np.linspace(made.u_c, made.u_on, 5)[1:-1].tolist():
                left.append(real(x.subs({f: share, u: size, al: EXPONENT})) - searched(share, size, EXPONENT))
        return vanishes(left, 2e-3, f"search over {STEPS} memorised shares")

    def remains(stated: sp.Basic) -> Check:
        return together(same((stated.rhs, 1 - u * inside)), lambda: finds(stated.rhs))

    def becomes(level: int, stated: sp.Basic) -> Check:
        """Where the memorised share of the inner minimum is 1, or 0."""
        return same((inside.subs(u, stated.rhs), sp.S(level)))

    steps = (
        Step.tested("Where part of the set is memorised, $J$ is least at", stated_.args[0], rests),
        Step.tested(
            "and $x=1-u\\varphi$ is",
            stated_.args[1],
            remains,
        ),
        Step.tested(
            "Below $u_c$ all of it is, and $x=1-u$;", stated_.args[2], lambda stated: becomes(1, stated)
        ),
        Step.tested("from $u_o$ on nothing.", stated_.args[3], lambda stated: becomes(0, stated)),
    )  # fmt: skip
    return Result(
        name="effective_size",
        title="Effective size by the size of the repeated set, u = b n/N",
        statement=stated_,
        steps=steps,
        regime=Regime(f"{MARKET}. Uncertain: b, the local exponent; the cusp, and the narrow right side"),
        evaluate=_numbers,
    )


def worst() -> Result:
    """The worst set."""
    depth = al * (1 - f) / (al + f * (1 - al))
    place = b * T * (al + f * (1 - al)) / N
    stated_ = sp.Tuple(
        equal(label(r"x_\mathrm{min}"), depth),
        equal(label("r_c"), place),
        equal(label("r_c/r_o"), 1 + f * (1 - al) / al),
    )
    edge = f / (al + f * (1 - al))

    def lowest(stated: sp.Basic) -> Check:
        """Both branches meet there."""
        part = (al * (u - f) / (f * (1 - al))).subs(u, edge)
        return same((stated.rhs, 1 - edge), (stated.rhs, part))

    def repeats(stated: sp.Basic) -> Check:
        """The size of the set, b f T/(r N)."""
        return same((b * f * T / (stated.rhs * N), edge))

    steps = (
        Step.tested("$x$ falls to $u_c$ and rises from there:", stated_.args[0], lowest),
        Step.tested("at $u=bfT/(rN)$, with $N$, $b$ and $T$ gone from the depth,", stated_.args[1], repeats),
        Step.tested(
            "above the onset $r_o=\\alpha bT/N$, which does not depend on $f$, by",
            stated_.args[2],
            lambda stated: same((stated.rhs, place * N / (al * b * T))),
        ),
    )
    return Result(
        name="worst_set",
        title="The worst repeated set of the capacity market",
        statement=stated_,
        steps=steps,
        regime=Regime(f"{MARKET}. Too deep at f = 0.03 for every exponent that was measured"),
        evaluate=_numbers,
    )


def _numbers(model: Model, init: Init) -> dict[str, float]:
    made = capacity_market(model.values["f"], model.values["al"])
    return {"x_min": made.x_min, "u_c": made.u_c, "u_on": made.u_on}
