r"""When sharing parts with mechanism 2 speeds mechanism 1 up.

From small starts, :math:`\dot\sigma_a=k_1\sigma_b\sigma_c`, :math:`\dot\sigma_d=k_2\sigma_b\sigma_c` and both drive b
and c. One combination,

.. math:: \psi=\frac{\zeta_1k_1\sigma_a+\zeta_2k_2\sigma_d}{k},\qquad k^2=\zeta_1k_1^2+\zeta_2k_2^2,

with b and c is the problem of three vectors, at the rate k: their escape time is an elliptic integral. Sharing helps
where that of :math:`(\psi,\sigma_b,\sigma_c)` at k is shorter than that of :math:`(\sigma_a,\sigma_b,\sigma_c)` at
:math:`k_1`. It does wherever both overlap products are positive, since every drive is then added to; a d that points
the other way delays it beyond a bound. If that of a, b and c is negative, a d of the same sign delays it, unless it is
so large that another vector passes through zero, and sooner.
"""

import math
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import sympy as sp

from minimodels.errors import InputError, check_array, check_numbers, shown
from minimodels.model import Model
from theory.arguments import LARGEST
from theory.checks import DIGITS, converges, vanishes
from theory.checks import together as both_hold
from theory.derivation import Check, Init, Regime, Result, Step, expand
from theory.numeric import precise
from theory.singh import setting
from theory.singh.escape import blow_up
from theory.singh.mechanisms import (
    L_1,
    N_1,
    N_2,
    NAMES,
    Z_1,
    Z_2,
    at,
    mu_1,
    mu_2,
    share_1,
    share_2,
    sizes,
)
from theory.singh.setting import Components, draw, invariants, same, symbol
from theory.vocabulary import equal, label

if TYPE_CHECKING:
    import xarray as xr

k_1, k_2, k = (sp.Symbol(x, positive=True) for x in ("k_1", "k_2", "k"))
psi = sp.Symbol("psi", real=True)
SCALES = (1, 2, 3)  # powers of 1/10


def transfer(v: Components) -> Result:
    """What the gradient of mechanism 2 on the shared vectors does to the loss of mechanism 1, at once."""
    where = sizes()

    def shared(x: str, y: str) -> sp.Expr:
        """The scalar product of the gradients of the two losses in x; y is the other shared vector."""
        n, s = ({i: symbol(letter, i) for i in NAMES} for letter in "ns")
        norms = n["a"] * n["d"] * n[y] ** 2 * n[x]
        mixed = (n["a"] * s["d"] + n["d"] * s["a"]) * n[y] * s[y] * s[x]
        return (norms - mixed + s["a"] * s["d"] * s[y] ** 2 * symbol("T", x)) / (N_1 * N_2)

    published = equal(
        label(r"\partial_{\zeta_2}\dot{\mathcal{L}}_1"), -(L_1 + mu_1) * (shared("b", "c") + shared("c", "b"))
    )
    loss = expand(L_1, where).xreplace(invariants(NAMES))

    def helps(stated: sp.Basic) -> Check:
        found = sp.diff(v.change(loss), share_2)
        return same(expand(stated.rhs, where).xreplace(invariants(NAMES)), found, draw)

    step = Step.tested(
        "Minus the scalar product of the gradients of the two losses in b and c: at the start sharing helps where they"
        " agree.",
        published,
        helps,
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        here = at(model, init)
        total = 0.0
        for x, y in (("b", "c"), ("c", "b")):
            n, s = here.n, here.s
            total += n["a"] * n["d"] * n[y] ** 2 * n[x] + s["a"] * s["d"] * s[y] ** 2 * here.T[x]
            total -= (n["a"] * s["d"] + n["d"] * s["a"]) * n[y] * s[y] * s[x]
        return {"transfer": -(here.loss[0] + here.mu[0]) * total / (here.N_1 * here.N_2)}

    return Result(
        name="transfer",
        title="What mechanism 2 does to the loss of mechanism 1 through the shared vectors, at once",
        statement=published,
        where=where,
        steps=(step,),
        regime=Regime("any state; negative where sharing lowers the loss of mechanism 1 at this moment", _shared),
        evaluate=evaluate,
    )


def _shared(model: Model, init: Init) -> str | None:
    """The shared vectors are free."""
    why = setting.vectors(model, init)
    held = not why and not {"b", "c"} <= set(setting.start(model, init).names)
    return why or ("b or c is clamped, and nothing passes through it." if held else None)


def together(v: Components) -> Result:
    """The escape from a small start with shared vectors."""
    T = {x: symbol("T", x) for x in NAMES}
    where = {key: value for key, value in sizes().items() if key in (N_1, N_2)}
    where |= {Z_1: T["a"] * T["b"] * T["c"] / (2 * N_1), Z_2: T["d"] * T["b"] * T["c"] / (2 * N_2)}
    where |= {
        k_1: (Z_2 + mu_2) * sp.sqrt(T["a"] * T["b"] * T["c"]) / N_1,
        k_2: (Z_1 + mu_1) * sp.sqrt(T["d"] * T["b"] * T["c"]) / N_2,
    }
    sigma = {x: symbol("sigma", x) for x in NAMES}
    where |= {
        k: sp.sqrt(share_1 * k_1**2 + share_2 * k_2**2),
        psi: (share_1 * k_1 * sigma["a"] + share_2 * k_2 * sigma["d"]) / k,
    }
    published = sp.Tuple(
        equal(label(r"\dot\psi"), k * sigma["b"] * sigma["c"]),
        equal(label(r"\dot\sigma_b"), k * psi * sigma["c"]),
        equal(label(r"\dot\sigma_c"), k * psi * sigma["b"]),
    )
    scale = sp.Symbol("epsilon", positive=True)
    shrunk = {symbol("sigma", x): scale * symbol("sigma", x) for x in NAMES}
    shrunk |= {symbol("o", x): scale**2 * symbol("o", x) for x in NAMES}
    combined = expand(psi, where)
    moves = {
        "psi": sp.Add(*(sp.diff(combined, sigma[x]) * v.flow[sigma[x]] for x in "ad")),
        "b": v.flow[sigma["b"]],
        "c": v.flow[sigma["c"]],
    }

    leading = {of: move.xreplace(shrunk) / scale**2 for of, move in moves.items()}

    def leads(of: str, stated: sp.Basic) -> Check:
        """The flow of a start that shrinks, over this."""
        ratio = leading[of] / expand(stated.rhs, where)
        others = sorted(ratio.free_symbols - {scale}, key=str)
        point = np.random.default_rng(5).uniform(0.6, 1.4, len(others))
        there = precise([scale, *others], ratio)
        with mpmath.workdps(DIGITS):
            errors = [setting.real(there(mpmath.mpf(10) ** -j, *map(mpmath.mpf, point))) - 1 for j in SCALES]
        return both_hold(
            converges(errors, 0.15, "flow of a start of scale 0.1, 0.01, 0.001 over this, minus 1"),
            lambda: vanishes([errors[-1]], 0.05, "the last of them"),
        )

    sentences = (
        "a and d grow side by side,",
        "and one combination of them drives b",
        "and c: three vectors at the rate k.",
    )
    steps = tuple(
        Step.tested(x, e, lambda stated, of=of: leads(of, stated))  # type: ignore[misc]
        for of, x, e in zip(moves, sentences, published.args, strict=True)
    )

    def small(model: Model, init: Init) -> str | None:
        why = _shared(model, init)
        if why:
            return why
        here = at(model, init)
        for x in "ad":
            share = math.sqrt(math.prod(here.n[y] / here.T[y] for y in (x, "b", "c")))
            if share > setting.SMALL:
                return (
                    f"the tensor of {x}, b and c starts with {share:.3g} of the norm of its truth, not {setting.SMALL}."
                )
        if min(here.shares) < 0 or max(here.shares) == 0:
            return "the shares are not positive."
        return None

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        along, drives, shares = _start(model, init)
        found = {"escape": _time(along, drives, shares), "alone": _time(along, drives, (shares[0] or 1.0, 0.0))}
        return found | {"speed_up": found["alone"] / found["escape"]}

    def error(model: Model, init: Init, values: Any) -> float:
        """What the competition, neglected here, takes until then."""
        here = at(model, init)
        return here.cost * max(here.n["a"], here.n["d"]) / here.N_c * float(values["escape"])

    return Result(
        name="cooperation",
        title="Escape of both mechanisms from a small start, and of the first alone",
        statement=published,
        where=where,
        steps=steps,
        regime=Regime(
            "small starts; the first order in one over the scale, without the end; alone: without the gradient of "
            "mechanism 2 on b and c",
            small,
        ),
        evaluate=evaluate,
        error=error,
        measure=lambda model, run: float(run["t_1"]),
    )


def _start(model: Model, init: Init) -> tuple[list[float], tuple[float, float], tuple[float, float]]:
    """Return components of a, b, c, d along their truths, the drives k_1 and k_2, and the shares."""
    here = at(model, init)
    along = [here.s[x] / math.sqrt(here.T[x]) for x in NAMES]
    T = {x: here.T[x] * here.T["b"] * here.T["c"] for x in "ad"}
    one = (T["d"] / (2 * here.N_2) + here.mu[1]) * math.sqrt(T["a"]) / here.N_1
    two = (T["a"] / (2 * here.N_1) + here.mu[0]) * math.sqrt(T["d"]) / here.N_2
    return along, (one, two), here.shares


def _time(along: Any, drives: tuple[float, float], shares: tuple[float, float]) -> float:
    """Return when b, c and the combination of a and d that drives them diverge."""
    a, b, c, d = along
    rate = math.sqrt(shares[0] * drives[0] ** 2 + shares[1] * drives[1] ** 2)
    combined = (shares[0] * drives[0] * a + shares[1] * drives[1] * d) / rate
    return blow_up([combined, b, c], rate)


def cooperation_map(sigma_d: Any, drive: Any, *, sigma: Any = (1.0, 1.0, 1.0)) -> "xr.Dataset":
    r"""Map where sharing b and c with mechanism 2 speeds mechanism 1 up, from small starts.

    Parameters
    ----------
    sigma_d : list of float
        Components of d along its truth.
    drive : list of float
        :math:`k_2/k_1`: 0.42 at the reference setting of `coopetition`, where d is 8 times as long as a.
    sigma : sequence of three float
        Components of a, b and c, in the same unit.

    Returns
    -------
    xarray.Dataset
        ``together`` and ``alone``: escape times in units of :math:`1/k_1` and one over the unit of ``sigma``;
        ``speed_up``: their ratio, above 1 where sharing helps; dims ``sigma_d`` and ``drive``. A time is infinite where
        the start leads to no escape.

    Examples
    --------
    >>> found = cooperation_map([-3.0, 0.0, 3.0], [0.42])
    >>> found.speed_up.values.ravel().round(2).tolist()
    [0.58, 1.06, 1.45]
    """
    import xarray as xr

    overlaps = check_numbers(sigma_d, "`sigma_d`", -LARGEST, LARGEST)
    drives = check_numbers(drive, "`drive`", 0.0, LARGEST)
    first = check_array(sigma, "`sigma`", "[1.0, 1.0, 1.0]")
    if len(first) != 3 or not (np.abs(first) <= LARGEST).all() or not first.any():
        raise InputError(f"`sigma` has the components of a, b and c, not all zero; got {shown(sigma)}.")
    both = np.array([[_time([*first, x], (1.0, y), (1.0, 1.0)) for y in drives] for x in overlaps])
    alone = blow_up(first, 1.0)
    with np.errstate(invalid="ignore"):
        gain = alone / both
    return xr.Dataset(
        {"together": (("sigma_d", "drive"), both), "alone": alone, "speed_up": (("sigma_d", "drive"), gain)},
        coords={"sigma_d": overlaps, "drive": drives},
    )
