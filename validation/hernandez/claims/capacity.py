"""Claims on depth and place: the capacity market (C) beside model A and the published numbers."""

from functools import partial

import numpy as np
import xarray as xr

import theory
from theory.hernandez.effective import DEPTHS
from theory.hernandez.market import PER_TOKEN
from validation.checks import Check, between, near
from validation.hernandez import model_figures
from validation.hernandez.readings import peak, rise_and_fall
from validation.hernandez.solvable import Array, T, capacity, effective, excess, market, market_courses
from validation.ledger import Context, Finding, claim

of_model, of_theory = partial(claim, level="model"), partial(claim, level="theory")
EXPONENTS = (0.076, 0.1, 0.1375)
TABLE = {  # worst x of the market by f and exponent
    0.03: (0.711, 0.764, 0.816),
    0.1: (0.406, 0.474, 0.553),
    0.5: (0.071, 0.091, 0.121),
    0.9: (0.0084, 0.011, None),
}
REPEATS = np.geomspace(1, 1e5, 401)
SIZES = np.geomspace(1e6, 1e11, 501)
N, F = 8e8, 0.1


@of_theory("H6m", "At the peak the repeated set holds about .1 of the parameters in tokens: f of p in A, u_c/b of N in "
           "C", setting="closed forms, 800M, f = .1, T = 1e11")  # fmt: skip
def size_at_peak(context: Context) -> Finding:
    """H6."""
    found = {name: F * T / (peak(REPEATS, -np.log(x(F, REPEATS, N))) * N) for name, x in
             (("A", effective), ("C", capacity))}  # fmt: skip
    expected = {"A": F, "C": theory.capacity_market(F, 0.1).u_c / PER_TOKEN}
    return Finding(
        [near(f"n*/N, {name}", found[name], expected[name], rel=0.05) for name in found]
        + [between(f"n*/N over the paper's .1, {name}", found[name] / 0.1, 0.5, 2, "within a factor 2")
           for name in found]
    )  # fmt: skip


def _depths() -> dict[float, Array]:
    """Return the worst x of the market by f, over exponents."""
    return {f: np.array([theory.capacity_market(f, al).x_min for al in EXPONENTS]) for f in TABLE}


@of_theory("H8m", "The worst depth of the capacity market is the published one within a factor two in ln x, from "
           "f = .03 to .9", setting="closed form, al = .076, .1, .1375; no constant but al", headline=True,
           figure=model_figures.depths)  # fmt: skip
def depth(context: Context) -> Finding:
    """H8."""
    found, checks = _depths(), list[Check]()
    for f, row in TABLE.items():
        for al, x, stated in zip(EXPONENTS, found[f], row, strict=True):
            if stated is not None:
                digits = 5e-5 if stated < 0.01 else 5e-4
                checks.append(between(f"x, f = {f:g}, al = {al:g}", float(x), stated - digits, stated + digits, stated))
        ratio = float(np.log(found[f][1]) / np.log(DEPTHS[f]))
        checks.append(between(f"ln x over the published, f = {f:g}, al = .1", ratio, 0.5, 2, "within a factor 2"))
    return Finding(checks, over_f())


def over_f() -> xr.Dataset:
    """Worst x of both models over f, the published ones, and the market's x over repeats for 800M."""
    shares = np.linspace(0.01, 0.95, 189)
    return xr.Dataset(
        {
            "x": (("share", "r"), [capacity(f, REPEATS, N) for f in DEPTHS]),
            "C": (("f", "al"), [[theory.capacity_market(f, al).x_min for al in EXPONENTS] for f in shares]),
            "A": ("f", [theory.effective_size(excess(f, 1.0)) for f in shares]),
            "published": ("share", list(DEPTHS.values())),
        },
        {"f": shares, "al": list(EXPONENTS), "share": list(DEPTHS), "r": REPEATS},
    )


@of_theory("H8p", "The capacity market has the published depth at f = .03, x = .87",
           setting="closed form, the largest of al = .076, .1, .1375")  # fmt: skip
def small_share(context: Context) -> Finding:
    """H8 against the paper, which says at most 1.15 times: x at least .87."""
    best = float(_depths()[0.03].max())
    return Finding(
        [between("largest x at f = .03", best, 0.865, 1, "at least .87 (paper)")],
        why=f"Memorising pays at every share, so that the market gives {best:.2f} at best; A gives "
        f"{theory.effective_size(excess(0.03, 1.0)):.2f}.",
    )


@of_theory("H8a", "Model A has the published depth within a factor two in ln x at f = .03 and .1, and is far too deep "
           "at .5 and .9", setting="closed form, wt = 2.3, al = .1")  # fmt: skip
def noise_depth(context: Context) -> Finding:
    """H8; wt was fitted to one dip at f = .1."""
    checks = []
    for f, published in DEPTHS.items():
        x = float(theory.effective_size(excess(f, 1.0)))
        if f <= 0.1:
            ratio = float(np.log(x) / np.log(published))
            checks.append(between(f"ln x over the published, f = {f:g}", ratio, 0.5, 2, "within a factor 2"))
        else:
            words = "several times too deep" if f < 0.9 else "orders of magnitude too deep"
            checks.append(between(f"published x over that of A, f = {f:g}", published / x, 3 if f < 0.9 else 100,
                                  np.inf, words))  # fmt: skip
    return Finding(checks)


def _dip(x: Array) -> list[Check]:
    """The dip and recovery of r = 1220 over N, as the paper describes it."""
    return [
        between("N of the least x", peak(SIZES, -np.log(x)), 1e7, 1e8, "between 10M and 100M (paper)"),
        between("least x", float(x.min()), 0.45, 0.65, ".55 (paper)"),
        between("x at 1B", float(np.interp(1e9, SIZES, x)), 0.7, 0.9, ".8 (paper)"),
    ]


@of_theory("H9m", "At r = 1220, f = .1 model A leaves the power law near 80M, to x = .55, and comes back to .8 at 1B",
           setting="closed form, p = N, al = .1; wt = 2.3 was fitted to this dip")  # fmt: skip
def dip_by_noise(context: Context) -> Finding:
    """H9, model A."""
    x = effective(F, 1220, SIZES)
    stated = {1e7: 0.80, 8e7: 0.55, 1e9: 0.85}
    at = {size: float(np.interp(size, SIZES, x)) for size in stated}
    few = float(np.interp(1e8, SIZES, effective(F, 122, SIZES)))
    return Finding(
        [*_dip(x), *[between(f"x at {size / 1e6:g}M", at[size], value - 0.006, value + 0.006, value)
                     for size, value in stated.items()],
         between("N of the least x at r = 122", peak(SIZES, -np.log(effective(F, 122, SIZES))), 5e8, 2e9,
                 "near 1B (paper)"),
         between("x at 100M, r = 122", few, 0.7, 1, "nearly nothing up to 100M (paper)")]
    )  # fmt: skip


@of_theory("H9c", "At r = 1220 and f = .1 the capacity market dips and comes back as published: .55 between 10M and "
           "100M, .8 at 1B", setting="closed form, al = .1, b = 4.2")  # fmt: skip
def dip_by_capacity(context: Context) -> Finding:
    """H9, model C."""
    x = capacity(F, 1220, SIZES)
    return Finding(
        _dip(x),
        why=f"The market's band is too narrow on the side of many repeats: at 1B it gives "
        f"{np.interp(1e9, SIZES, x):.2f} where .8 was seen.",
    )


@of_model("H10c", "The capacity market has no double descent in time: while a set is memorised the test loss rises and "
          "stays up", setting="dynamic form without forgetting, f = .5 and .9, three r, b constant")  # fmt: skip
def no_descent(context: Context) -> Finding:
    """H10, model C."""
    times = np.linspace(0, 200, 201)
    each = [rise_and_fall(row) for f in (0.5, 0.9) for row in market_courses(f, np.array([100.0, 300, 1000]), times)]
    return Finding(
        [
            between("least rise", min(rise for rise, _ in each), 1e-3, np.inf, "rises"),
            between("largest fall after it", max(fall for _, fall in each), 0, 1e-9, "never falls"),
        ]
    )


@of_model("H8f", "The market's flow comes to rest at its closed form", setting="f = .03 to .9, 401 r from 1 to 1e5, "
          "800M")  # fmt: skip
def at_rest(context: Context) -> Finding:
    """The static flow of the model against the formulas that the other claims use."""
    away = max(float(np.abs(market(f, REPEATS) - capacity(f, REPEATS, N)).max()) for f in TABLE)
    return Finding([between("largest difference of x", away, 0, 1e-5, 0.0)])
