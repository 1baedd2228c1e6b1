r"""How the time to emergence grows with the size of the problem: the laws, and the exponents that sweeps measure.

The two-variable models share one flow (`theory.runaway`), whose time is linear in the context. Three nested logits pass
through two stages whose times multiply under a square root, hence the power 3/2 above the saddle; at the saddle
(:math:`L=N`) an e-fold takes a time of order :math:`N^2`, and so does the whole transition above it if the read-out
has its own rate :math:`1/(L-1)`.

The reduction of Musat et al. (arXiv 2511.01033) to three scalars, whose emergence time is :math:`\Theta(N^2)`, is not
among the models: of the nineteen coordinates of its loss only three are known here, and neither the loss on the others
nor its data. The power 2 is found at the saddle of nested logits as well, but that does not make the models the same.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from minimodels.model import Model
from minimodels.models import model as build
from minimodels.sweep import sweep
from theory.checks import identity
from theory.derivation import Init, Regime, Result, Step, expand, number
from theory.reduced_flow import timed
from theory.setting import (
    A_0,
    HERE,
    N_c,
    Setting,
    at_the_saddle,
    draw,
    equal,
    eta_alpha,
    eta_beta_1,
    eta_xi,
    f,
    first,
    fixed_beta_2_only,
    label,
    mean_field_only,
    needs_rates,
    p_0,
    several_labels_only,
)
from theory.transition import NEEDED, ROOT_LEVEL

RATIO, COMPETING = sp.symbols("rho mu", positive=True)  # L B/N and M/N, held while N grows


def growth_with_size(st: Setting) -> Result:
    """Asymptotic time of emergence for a large context at fixed L/N and M/N."""
    N, L, B, M = (st.s[k] for k in "NLBM")
    size = sp.Symbol("n", positive=True)
    fixed = {L: RATIO * size / B, M: COMPETING * size, N: size}

    def limit(expr: sp.Expr) -> sp.Expr:
        return sp.limit(sp.together(expand(expr, st.where).subs(fixed)), size, sp.oo)

    weight = limit(1 / (A_0 * N_c))
    above = weight * N / B * sp.sqrt(sp.sqrt(2 * sp.pi / (eta_alpha * eta_beta_1)) * M / (eta_xi * (1 - N_c / L)))
    e_fold = weight * N / B * M / sp.sqrt(eta_xi * eta_alpha)
    squared = 2 * NEEDED / (eta_xi * A_0 * (1 - N_c / L))
    growth = p_0 * A_0 * f * sp.sqrt(eta_xi * eta_alpha)
    feedback = growth**2 * NEEDED / (eta_xi * A_0 * (1 - N_c / L))

    def point(rng: np.random.Generator) -> dict[str, float]:
        return {**draw(rng), "rho": rng.uniform(1.1, 9), "mu": rng.lognormal(), "n": rng.uniform(5, 500)}

    steps = (
        Step(
            "The attention of one label falls as $1/N$; $b$ is 1 for labels only and 2 for all tokens.",
            equal(label("b"), weight),
            identity(limit(1 / (A_0 * N_c)), sp.sympify(weight), point),
        ),
        Step(
            "The slow phase has barely begun when the transition comes: $u^*\\to 0$, and the small-$u$ form holds.",
            equal(label(r"\lim_{N\to\infty}A_0\int\xi\,dt"), sp.S(0)),
            identity(limit(ROOT_LEVEL), sp.S(0), point),
        ),
        Step(
            "The feedback of $\\alpha$ on $\\xi$ vanishes as $1/N$, unless $L=N/B$.",
            equal(label(r"\lim_{N\to\infty}\lambda^2X/\delta"), sp.S(0)),
            identity(limit(feedback), sp.S(0), point),
        ),
        Step(
            "So $T^*$ grows as $N^{3/2}$, at rates that do not depend on $N$.",
            equal(label("T^*"), above),
            identity(
                limit(squared / N**3),
                (above.subs(M, COMPETING * N) ** 2).subs(L, RATIO * N / B).subs(N_c, N / B) / N**3, point,
            ),
        ),
        Step(
            "At $L=N/B$ there is no drive, and an e-fold takes a time that grows as $N^2$.",
            equal(1 / label(r"\lambda"), e_fold),
            identity(
                limit(1 / growth / N**2).subs(RATIO, 1),
                e_fold.subs(M, COMPETING * N) / N**2, point,
            ),
        ),
    )  # fmt: skip

    def obstacle(model: Model, init: Init) -> str | None:
        return first(
            mean_field_only(model),
            fixed_beta_2_only(model),
            several_labels_only(model),
            needs_rates(model, "alpha", "xi", "beta_1"),
            "r starts at 1/L, not below 1/2 (L must exceed 2)." if model.values["L"] <= 2 else None,
        )

    def law(model: Model) -> float:
        return number(model, above if at_the_saddle(model) else e_fold, st.where)

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        doubled = model.with_values(**{k: 2 * model.values[k] for k in "NLM"})
        return {"time": law(model), "exponent": math.log2(law(doubled) / law(model))}

    def error(model: Model, init: Init, values: Mapping[str, float]) -> float:
        if at_the_saddle(model):
            better, _ = timed(model, dict.fromkeys(model.state, 0.0))
        else:
            better = 1 / number(model, growth, st.where)
        return abs(values["time"] / better - 1)

    return Result(
        name="growth_with_size",
        title="Growth of the time with N",
        statement=sp.Tuple(equal(label("T^*"), above), equal(1 / label(r"\lambda"), e_fold)),
        where=st.where,
        steps=steps,
        regime=Regime("N large at fixed L B/N and M/N: T* from the origin, at L = N/B the time of an e-fold", obstacle),
        reference=HERE,
        evaluate=evaluate,
        error=error,
    )


@dataclass(frozen=True)
class Law:
    """A sweep along one variable, others tied to it by a factor, and the exponent that its times tend to."""

    name: str
    model: str
    variable: str
    limit: float
    sizes: tuple[float, ...]
    choices: Mapping[str, Any] = field(default_factory=dict)
    tied: Mapping[str, float] = field(default_factory=dict)
    init: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, Any] = field(default_factory=dict)

    def times(self) -> np.ndarray:
        """Return the located escape times at the sizes."""
        axes = {self.variable: np.array(self.sizes)}
        axes |= {k: factor * axes[self.variable] for k, factor in self.tied.items()}
        run = sweep(
            build(self.model, **self.choices), axes, t_end=1e18, keep=("escape_time",), init=self.init,
            rates=self.rates, rtol=1e-9, atol=1e-12, stop_at="escape_time", progress=False,
        )  # fmt: skip
        times: np.ndarray = run["escape_time"].values
        return times[(np.arange(len(self.sizes)),) * len(axes)]  # tied axes: the diagonal


def _powers(first: float, last: float) -> tuple[float, ...]:
    return tuple(np.geomspace(first, last, 5).tolist())


ORIGIN = {"beta_1": 0.0, "alpha": 0.0, "xi": 0.0}
LAWS = (
    Law(
        "nested logits, L = 4N", "nested_logit", "N", 1.5, _powers(1e2, 1e6),
        choices={"attend": "labels"}, tied={"L": 4}, init=ORIGIN,
    ),
    Law(
        "nested logits, L = 4N, read-out at rate 1/(L-1)", "nested_logit", "N", 2, _powers(1e2, 1e6),
        choices={"attend": "labels"}, tied={"L": 4}, init=ORIGIN, rates={"xi": "1/(L-1)"},
    ),
    Law(
        "nested logits, L = N, from 0.01", "nested_logit", "N", 2, _powers(1e2, 1e6),
        choices={"attend": "labels"}, tied={"L": 1}, init=ORIGIN | {"alpha": 0.01, "xi": 0.01},
    ),
    Law(
        "race, unlimited K", "memorisation_race", "N", 1, _powers(1e2, 1e6),
        choices={"form": "two-variable"}, init={"v": 0.0},
    ),
    Law("single location, context", "single_location", "T", 1, _powers(1e2, 1e6), choices={"d": 256}),
    Law("single location, dimension", "single_location", "d", 0.5, _powers(16, 16e4), choices={"T": 1024}),
    Law("single location, copies", "single_location", "B", -1, _powers(1, 1e2), choices={"T": 1e6, "d": 256}),
)  # fmt: skip


def emergence_scaling() -> xr.Dataset:
    """Measure by sweeps how the time to emergence grows, for every law.

    Returns
    -------
    xarray.Dataset
        Dimensions law, step and interval: ``size`` and ``time`` at each step, the local ``exponent`` between two
        steps, its ``limit``, and the ``model`` and ``variable`` of each law. A second or two once kernels are warm.
    """
    times, sizes = np.stack([law.times() for law in LAWS]), np.array([law.sizes for law in LAWS])
    exponents = np.diff(np.log(times), axis=1) / np.diff(np.log(sizes), axis=1)
    return xr.Dataset(
        {
            "model": ("law", [law.model for law in LAWS]),
            "variable": ("law", [law.variable for law in LAWS]),
            "size": (("law", "step"), sizes),
            "time": (("law", "step"), times),
            "exponent": (("law", "interval"), exponents),
            "limit": ("law", np.array([law.limit for law in LAWS])),
        },
        coords={"law": [law.name for law in LAWS]},
        attrs={"event": "escape_time, located", "method": "tsit5, rtol 1e-9"},
    )
