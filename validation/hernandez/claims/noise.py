"""Claims on model A, freshness as ridge: the worst number of repeats, the band, and how both scale."""

from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
import xarray as xr

import theory
from theory.hernandez.effective import effective_edges
from validation.checks import between, near, ordered, resampled
from validation.hernandez import model_figures
from validation.hernandez.readings import band, peak, rise_and_fall
from validation.hernandez.repeated_samples import drawn_excess, worst_size
from validation.hernandez.solvable import (
    SHARES,
    SIZES,
    VOCABULARY,
    WIDTHS,
    Array,
    T,
    capacity,
    effective,
    excess,
    fine_tuned,
    market,
    noise,
    noise_courses,
)
from validation.ledger import Context, Finding, claim

of_model, of_theory = partial(claim, level="model"), partial(claim, level="theory")
REPEATS = np.geomspace(1, 1e5, 401)
POSITIONS = np.geomspace(1e-2, 1e2, 121)  # y
N, F = 8e8, 0.1  # the main scan
P = SIZES + 2 * VOCABULARY * WIDTHS  # with untied embeddings


@of_theory("H1m", "Damage is worst at an intermediate number of repeats in models A and C, near 100 for 800M at "
           "f = .1", setting="closed forms of A (p = N) and C (al = .1, b = 4.2), T = 1e11, r = 1 to 1e5",
           headline=True, figure=model_figures.over_repeats_and_size)  # fmt: skip
def interior(context: Context) -> Finding:
    """H1; b of model C was chosen for this place, that of model A has no constant."""
    checks = []
    for name, x in (("A", effective(F, REPEATS, N)), ("C", capacity(F, REPEATS, N))):
        damage = -np.log(x)
        worst = peak(REPEATS, damage)
        at = np.interp(np.log([worst / 30, worst * 30]), np.log(REPEATS), damage) / damage.max()
        checks += [
            between(f"worst r, {name}", worst, 50, 200, "about 100 (paper), within a factor 2"),
            between(f"ln x at 1/30 of it over the worst, {name}", at[0], 0, 0.5, "less than half"),
            between(f"ln x at 30 times it over the worst, {name}", at[1], 0, 0.5, "less than half"),
        ]
    return Finding(checks, over_size())


def over_size() -> xr.Dataset:
    """Damage of both models over repeats and size at f = .1, their worst places, and the published band."""
    sizes = np.geomspace(1e6, 1e10, 121)
    damage = {name: -np.log(x(F, REPEATS[:, None], sizes)) for name, x in (("A", effective), ("C", capacity))}
    bands = [theory.published_band(n) for n in sizes]
    return xr.Dataset(
        {name: (("r", "N"), rows) for name, rows in damage.items()}
        | {f"worst_{name}": ("N", [peak(REPEATS, column) for column in rows.T]) for name, rows in damage.items()}
        | {"low": ("N", [made.low for made in bands]), "high": ("N", [made.high for made in bands])}
        | {"worst_p": ("d", T / P), "size": ("d", SIZES)},
        {"r": REPEATS, "N": sizes, "d": WIDTHS},
        {"f": F, "T": T},
    )


@of_model("H2m", "The worst number of repeats does not depend on f in model A and rises with f in model C",
          setting="flows to their end, f = .03 to .9", figure=model_figures.over_repeats_and_share)  # fmt: skip
def by_share(context: Context) -> Finding:
    """H2."""
    y = [peak(POSITIONS, noise(f, POSITIONS)) for f in SHARES]
    r = [peak(REPEATS, 1 - market(f, REPEATS)) for f in SHARES]
    al = 0.1
    expected = (al + 0.9 * (1 - al)) / (al + 0.03 * (1 - al))
    return Finding(
        [
            between("A: largest distance of worst y from 1", float(np.abs(np.array(y) - 1).max()), 0, 0.02, "y = 1"),
            near("C: worst r at f = .9 over that at .03", r[-1] / r[0], expected, rel=0.05),
        ],
        over_share(),
    )


def over_share() -> xr.Dataset:
    """Damage of both models over repeats and share for 800M parameters, over the worst at each share, and where."""
    shares = np.linspace(0.01, 0.99, 99)
    rows = {name: np.array([-np.log(x(float(f), REPEATS, N)) for f in shares]).T for name, x in
            (("A", effective), ("C", capacity))}  # fmt: skip
    deepest = {"A": theory.effective_size([excess(f, 1.0) for f in shares]),
               "C": np.array([theory.capacity_market(f, 0.1).x_min for f in shares])}  # fmt: skip
    return xr.Dataset(
        {name: (("r", "f"), row / -np.log(deepest[name])) for name, row in rows.items()}
        | {f"worst_{name}": ("f", [peak(REPEATS, column) for column in row.T]) for name, row in rows.items()},
        {"r": REPEATS, "f": shares},
        {"N": N, "T": T},
    )


@of_model("H3m", "The half-effect band of model A is 17 wide at f = .5 and 5.0 at .9 in V, 22 and 9 in ln x, 23 over "
          "the published shares", setting="flow to its end over y = .01 to 100; wt = 2.3, al = .1")  # fmt: skip
def width(context: Context) -> Finding:
    """H3."""
    wide = {f: _ratio(band(POSITIONS, noise(f, POSITIONS))) for f in (0.5, 0.9)}
    logs = {f: _ratio(band(POSITIONS, -np.log(theory.effective_size(noise(f, POSITIONS))))) for f in SHARES}
    return Finding(
        [
            near("right over left edge in V, f = .5", wide[0.5], 17, rel=0.03),
            near("right over left edge in V, f = .9", wide[0.9], 5.0, rel=0.03),
            near("right over left edge in ln x, f = .5", logs[0.5], 22, rel=0.03),
            near("right over left edge in ln x, f = .9", logs[0.9], 9, rel=0.06),
            near("geometric mean over f in ln x", float(np.exp(np.mean(np.log(list(logs.values()))))), 23, rel=0.03),
        ]
    )


def _ratio(edges: tuple[float, float]) -> float:
    return edges[1] / edges[0]


@of_theory("H3p", "Model A's band, averaged over f as the paper's, is as wide as the published one, 29 to 42",
           setting="closed form, ln x with wt = 2.3; 1.6M to 1B")  # fmt: skip
def published_width(context: Context) -> Finding:
    """H3 against the paper."""
    ratios = [_ratio(effective_edges(f)) for f in SHARES]
    mean = float(np.exp(np.mean(np.log(ratios))))
    small = _ratio(theory.fresh_ridge(1.0, 1e-6).band)
    return Finding(
        [between("geometric mean over f of right over left edge", mean, 29, 42, "29 to 42 (paper)")],
        why=f"The band narrows with f, from {ratios[0]:.0f} at .03 to {ratios[-1]:.0f} at .9; only its width at small "
        f"f, {small:.0f} in V, is the published one.",
    )


@of_theory("H3c", "The band of model C is narrower on the right than that of model A",
           setting="closed forms, f = .1, al = .1, ln x")  # fmt: skip
def right_side(context: Context) -> Finding:
    """H3, model C."""
    reach = []
    for x in (effective, capacity):
        damage = -np.log(x(F, REPEATS, N))
        reach.append(band(REPEATS, damage)[1] / peak(REPEATS, damage))
    return Finding([ordered("right edge over worst r, A minus C", reach[0] - reach[1], "C is narrower")])


@of_theory("H4m", "T/p with embeddings falls as N to the -.66, tied ones -.76",
           setting="the eight published control sizes, T = 1e11")  # fmt: skip
def slopes(context: Context) -> Finding:
    """H4; without embeddings it is -1."""
    stated = {"untied": (P, -0.66), "tied": (SIZES + VOCABULARY * WIDTHS, -0.76)}
    return Finding([near(f"slope of T/p, embeddings {name}", _slope(SIZES, T / p), value, rel=0.01)
                    for name, (p, value) in stated.items()])  # fmt: skip


def _slope(x: Array, values: Array) -> float:
    return float(np.polyfit(np.log(x), np.log(values), 1)[0])


@of_theory("H4p", "T/p falls with N as the centre of the published band, by -.50 to -.56",
           setting="the eight published control sizes, untied embeddings")  # fmt: skip
def published_slope(context: Context) -> Finding:
    """H4 against the paper."""
    centers = np.array([theory.published_band(size).center for size in SIZES])
    found = _slope(SIZES, T / P)
    last = float(centers[-1] * P[-1] / T)
    return Finding(
        [between("slope of T/p", found, -0.56, -0.50, "-.50 and -.56 (paper), -.53 together")],
        why=f"The centre over T/p stays within 10 % of 1 up to 42M and grows to {last:.2f} at 805M, as it "
        "would if large models were undertrained: directions that are not learned do not count (H4u).",
    )


@of_theory("H4l", "T/p with embeddings is the centre of the published band within a factor three, without a fit",
           setting="the eight published control sizes; noticed after the fact", exploratory=True)  # fmt: skip
def location(context: Context) -> Finding:
    """The table of 5.1 and the sizes it leaves out."""
    centers = np.array([theory.published_band(size).center for size in SIZES])
    ratio = dict(zip(WIDTHS.tolist(), (centers * P / T).tolist(), strict=True))
    stated = {128: 1.10, 192: 0.98, 256: 0.97, 384: 1.08, 640: 1.54}
    checks = [near(f"centre over T/p, d = {d}", ratio[d], value, rel=0.015) for d, value in stated.items()]
    worst = max(max(value, 1 / value) for value in ratio.values())
    return Finding([*checks, between("largest factor between them, all sizes", worst, 1, 3, "2 to 3")])


DIMENSIONS = {25: 64, 50: 64, 100: 16, 200: 8, 400: 4}  # with so many drawn sets
LEARNED, POWER = 50, 1.5
COUNTS = np.unique(np.round(2.0 ** np.arange(2, 8.6, 0.5)))


@of_model("H4u", "Where only 50 directions are learned the worst r flattens in p: slopes -.59, -.57, -.27, -.24",
          setting="variances k^-1.5, f = .5, 4 to 64 drawn sets; p = 25 to 400")  # fmt: skip
def undertrained(context: Context) -> Finding:
    """H4, H5."""
    stated = (-0.59, -0.57, -0.27, -0.24)
    worst = _worst_sizes(LEARNED**POWER)
    checks = [
        resampled(f"slope of worst r, p = {p} to {q}", _fall, (worst[p], worst[q]), value - 0.2, value + 0.2, value)
        for (p, q), value in zip(pairwise(DIMENSIONS), stated, strict=True)
    ]
    learned = _worst_sizes(np.inf)
    last = resampled("the same where all are learned, p = 100 to 200", _fall, (learned[100], learned[200]), -1.2, -0.8,
                     "about -1")  # fmt: skip
    gaps = ", ".join(f"{check.value:.2f} ({value})" for check, value in zip(checks, stated, strict=True))
    return Finding([*checks, last], why=f"The slopes are {gaps} where one drawn set had given those in brackets.")


def _worst_sizes(time: float) -> dict[int, Array]:
    return {p: worst_size(p, COUNTS, f=0.5, power=POWER, time=time, draws=draws) for p, draws in DIMENSIONS.items()
            if p < 400 or np.isfinite(time)}  # fmt: skip


def _fall(few: Array, many: Array) -> float:
    """The slope of r = f T/n in p from the worst n at p and at 2 p."""
    return float(-np.log(many.mean() / few.mean()) / np.log(2))


@of_model("H5m", "The worst r grows in proportion to T in model C and in A where all is learned, less where not",
          setting="C by its flow, T = 1e11 and 4e11; A with 400 variances k^-1.5, five drawn sets")  # fmt: skip
def over_tokens(context: Context) -> Finding:
    """H5."""
    full, short = (_growth(400, time) for time in (1e7, LEARNED**POWER))
    rise = [peak(REPEATS, 1 - market(F, REPEATS, tokens=tokens)) for tokens in (T, 4 * T)]
    return Finding(
        [
            near("power of T, C", float(np.log(rise[1] / rise[0]) / np.log(4)), 1.0, rel=0.05),
            near("power of T, A, all learned", full, 1.0, rel=0.05),
            between("power of T, A, 50 of 400 directions learned", short, 0.0, 0.8, "below 1"),
        ]
    )


@of_model("H5u", "Undertrained, the worst r grows as T^(1-1/a) of variances k^-a: as T^(1/3) at a = 1.5",
          setting="50 to 126 of 400 directions learned, five drawn sets")  # fmt: skip
def power_of_tokens(context: Context) -> Finding:
    """H5; the exact power is reached where p is far above the number of directions learned."""
    few, many = (_growth(p, LEARNED**POWER) for p in (200, 400))
    return Finding(
        [between("power of T", many, 1 / 3 - 0.1, 1 / 3 + 0.1, "1/3")],
        why=f"400 directions are too few for the power law: it is {few.mean():.2f} with 200 and {many.mean():.2f} with "
        "400, and still falls.",
    )


@lru_cache
def _growth(p: int, time: float) -> Array:
    """Return the power of T of the worst r between T and 4 T, draw by draw: r = f T/n."""
    first, last = (worst_size(p, COUNTS[4:], f=0.5, power=POWER, time=k * time, draws=5) for k in (1, 4))
    return np.asarray(1 - np.log(last / first) / np.log(4))


TIMES = np.geomspace(1e-2, 400, 400)


@of_model("H10m", "Over time model A goes down, up and down at f = .9 and c = 2, is flat at .5 and hardly rises at .1",
          setting="flow, start as large as the noise, c = p/n = .05 to 10", figure=model_figures.over_time)  # fmt: skip
def courses(context: Context) -> Finding:
    """H10."""
    ratios = np.array([1.0, 1.5, 2.0, 3.0, 5.0, 10.0])
    most = noise_courses(0.9, ratios, TIMES)
    rises = {c: rise_and_fall(row) for c, row in zip(ratios.tolist(), most, strict=True)}
    half = [rise_and_fall(row) for row in noise_courses(0.5, np.array([0.3, 0.5, 1, 1.5, 2]), TIMES)]
    few = [rise_and_fall(row)[0] for row in noise_courses(0.1, np.array([0.05, 0.1, 0.3, 1]), TIMES)]
    return Finding(
        [
            ordered("f = .9, c = 2: rise", rises[2.0][0], "goes up again", margin=0.05),
            ordered("f = .9, c = 2: fall after it", rises[2.0][1], "and down again", margin=0.05),
            near("f = .9, c = 1: least excess", float(most[0].min()), 0.543, rel=0.002),
            near("f = .9, c = 1: last excess", float(most[0, -1]), 1.062, rel=0.002),
            between("f = .9, c = 1.5: fall after the rise", rises[1.5][1], 0, 0.01, "stays up"),
            between("f = .9, c = 3: rise", rises[3.0][0], 0.0365, 0.0375, 0.037),
            between("f = .9, c = 5: rise", rises[5.0][0], 0.0095, 0.0105, 0.010),
            between("f = .9, c = 10: rise", rises[10.0][0], 0, 0.0035, "at most .3 %"),
            between("f = .5: largest rise", max(rise for rise, _ in half), 0.001, 0.055, "at most 5 %"),
            between("f = .5: largest fall after it", max(fall for _, fall in half), 0, 0.01, "no second fall"),
            between("f = .1: largest rise", max(few), 0, 0.0035, "at most .3 %"),
        ],
        xr.Dataset(
            {"excess": (("f", "c", "time"), [noise_courses(f, ratios[[0, 2, 4]], TIMES) for f in (0.1, 0.5, 0.9)])},
            {"f": [0.1, 0.5, 0.9], "c": ratios[[0, 2, 4]], "time": TIMES},
        ),
    )


@of_theory("H16m", "At its worst number of repeats a share f costs more than ten times what leaving it out costs",
           setting="exact risk, 110 tokens a direction (805M with embeddings) and 1000; f = .03 to .9")  # fmt: skip
def dropping(context: Context) -> Finding:
    """H16; both against as many tokens that are all distinct."""
    return Finding(
        [
            ordered(f"least ratio over f, {tokens:g} tokens a direction", min(_against_dropping(tokens)), "far above 1",
                    margin=10)
            for tokens in (110.0, 1000.0)
        ]
    )  # fmt: skip


def _against_dropping(tokens: float) -> list[float]:
    """Damage at the worst r over that of leaving the share out, by f."""
    clean, ratios = theory.weighted_risk([1], [tokens], p=1).excess, []
    for f in SHARES:
        repeats = tokens * np.geomspace(0.3, 3, 31)
        worst = max(theory.weighted_risk([1, r], [(1 - f) * tokens, f * tokens / r], p=1).excess for r in repeats)
        ratios.append((worst - clean) / (theory.weighted_risk([1], [(1 - f) * tokens], p=1).excess - clean))
    return ratios


@of_model("H18m", "Inputs of another covariance are hurt more, by Tr(S_e S^-1)/p",
          setting="p = 120, n = 40, f = .5, variances 1/k, evaluated on equal ones; 60 drawn sets")  # fmt: skip
def shifted(context: Context) -> Finding:
    """H18."""
    spectrum = 1 / np.arange(1, 121.0)
    other = np.full(120, spectrum.mean())
    each = np.array([drawn_excess(spectrum, 40, 0.5, seed, evaluation=other) for seed in range(60)])
    expected = theory.shift_factor(spectrum, other)
    return Finding(
        [
            near("excess on the other inputs over that on its own", each[:, 1] / each[:, 0].mean(), expected, rel=0.05),
            near("excess on its own inputs", each[:, 0], theory.fresh_ridge(1.5, 0.5).excess, rel=0.03),
        ]
    )


@of_model("H19m", "A linear model recovers from repeats wholly: no deficit is left after training on fresh data",
          setting="flow, f = .9 and c = 1.1 until t = 200, then f = 0 for 10")  # fmt: skip
def recovery(context: Context) -> Finding:
    """H19: none of the models has the paper's lasting factor of 1.6."""
    worst, after = fine_tuned(0.9, 1.1, 200.0, 10.0)
    return Finding(
        [
            near("excess before", worst, theory.fresh_ridge(0.99, 0.9).excess, rel=0.01),
            between("excess after, over that before", after / worst, 0, 1e-6, "none is left"),
        ]
    )


@of_theory("H21m", "Two repeats hurt from sizes of hundreds of billions on: the published left edge and model A",
           setting="T = 1e11, p = N")  # fmt: skip
def two_repeats(context: Context) -> Finding:
    """H21, a formula: both at T = 1e11 only."""
    sizes = np.geomspace(1e9, 1e13, 4001)
    edge = np.array([theory.published_band(size).low for size in sizes])
    worst = sizes[int(np.argmax(theory.fresh_ridge(2 * sizes / T, F).excess))]
    return Finding(
        [
            near("N at which the left edge is 2", float(np.interp(-2, -edge, sizes)), 2e11, rel=0.1),
            near("N at which 2 is the worst r of A", float(worst), 5e10, rel=0.01),
        ]
    )


@of_model("H22m", "The damage does not depend on the spectrum of the data, for A at the same p",
          setting="200 variances k^-1 and k^0, f = .5, y = .4, 1, 2.5, eight drawn sets")  # fmt: skip
def other_source(context: Context) -> Finding:
    """H22."""
    checks = []
    for y in (0.4, 1.0, 2.5):
        flat, steep = (
            np.array([drawn_excess(np.arange(1, 201.0) ** -a, round(100 / y), 0.5, 8 * a + k)[0] for k in range(8)])
            for a in (0, 1)
        )
        checks.append(near(f"steep over flat spectrum, y = {y:g}", steep / flat, 1.0, rel=0.03))
    return Finding(checks)
