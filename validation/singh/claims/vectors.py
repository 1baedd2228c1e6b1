"""Claims on three vectors that must all be right: exact reduction, plateau, order of clamps, stability."""

from functools import partial

import numpy as np

import minimodels as mm
import theory
from minimodels.published import BELOW, CLAMPS, HALVED, LOSSES, MEASURES, bound, published_vectors
from validation.checks import Check, between, near, ordered, share
from validation.ledger import Context, Finding, claim
from validation.singh import toy_figures
from validation.singh.toys import Floats, N, descended, flown, halved, three, toy_courses, whole_tensors, zero_loss

of_model = partial(claim, level="model")
NAMES = ("1", "2", "3")
WORDS = ("nothing clamped", "c clamped", "b and c clamped")
DRAWS, ORDERED = 200, 2000
PLATEAU = 0.04  # of the loss of predicting zero


@of_model("S1", "Squared norms and overlaps descend as the whole tensor does, and give the published losses",
          setting="three draws, 20 and 7 x 20 x 13 dimensions; the published seed 1, learning rate 1")  # fmt: skip
def reduction(context: Context) -> Finding:
    """S1."""
    checks: list[Check] = []
    for sizes in ((20, 20, 20), (7, 20, 13)):
        m = three().with_values(**{f"d_{i}": d for i, d in enumerate(sizes, 1)})
        run = descended(m, mm.draw_vectors(m, 3), 200, save=np.arange(201), keep=["loss", *m.state])
        away = [
            abs(run[name].values[seed] - values).max() / abs(values).max()
            for seed in range(3)
            for name, values in whole_tensors(m, seed, 200).items()
        ]
        what = f"largest relative distance from the whole tensor, d = {' x '.join(map(str, sizes))}"
        checks.append(between(what, max(away), 0.0, 1e-12, 0.0))
    for j, clamped in enumerate(CLAMPS):
        columns = published_vectors(three(), [1], clamped=clamped)
        levels = {f"below_{k}": mm.Event("loss", part * zero_loss(columns, NAMES, N)[0], -1)
                  for k, part in enumerate(BELOW)}  # fmt: skip
        run = descended(three(), columns, 1000, save=list(LOSSES), keep=["loss", *levels], events=levels)
        losses, table = run["loss"].values[0], np.array([row[j] for row in LOSSES.values()])
        known = table > 0
        worst = abs(losses[known] / table[known] - 1).max()
        checks.append(between(f"largest relative distance from the published losses, {WORDS[j]}", worst,
                              0.0, 1e-5, 0.0))  # fmt: skip
        if not known.all():
            checks.append(between(f"last loss, {WORDS[j]}", abs(losses[~known]).max(), 0.0, 1e-15, "below 1e-15"))
        late = [float(run[name].values[0]) - times[j] for name, times in zip(levels, BELOW.values(), strict=True)]
        checks.append(between(f"iterations below .9, .5, .1, .01, minus the published, {WORDS[j]}",
                              max(map(abs, late)), 0.0, 0.0, 0.0))  # fmt: skip
    return Finding(checks)


def _drifts(lr: float, seeds: int) -> Floats:
    """Change of n_1 - n_2 over 400 units of time, draw by draw."""
    m = three()
    steps = round(400 / lr)
    run = descended(m, mm.draw_vectors(m, seeds), steps, lr=lr, save=[0, steps], keep=["n_1", "n_2"])
    return abs(np.diff((run["n_1"] - run["n_2"]).values, axis=1)[:, 0])


@of_model("S2", "The flow conserves differences of squared norms; descent changes them in proportion to the learning "
          "rate", setting="12 draws, time 400, learning rates 1/8 and 1/16")  # fmt: skip
def conserved(context: Context) -> Finding:
    """S2."""
    m, seeds = three(), 12
    run = flown(m, mm.draw_vectors(m, seeds), 400.0, save=[0, 400], keep=["n_1", "n_2", "n_3"])
    drift = [float(abs((run["n_1"] - run[name]).diff("time")).max()) for name in ("n_2", "n_3")]
    return Finding(
        [
            between("largest change of n_a - n_b and n_a - n_c, flow", max(drift), 0.0, 1e-7, 0.0),
            near("change at 1/8 over that at 1/16", _drifts(1 / 8, seeds) / _drifts(1 / 16, seeds), 2.0, rel=0.1),
        ]
    )


@of_model("S9", "From a start of order one the loss falls at once to that of predicting zero, rests there, and drops "
          "late", setting="the published seeds 1 and 0", figure=toy_figures.toy_phases)  # fmt: skip
def plateau(context: Context) -> Finding:
    """S9; seed 0, whose vectors are all aligned by .3 from the start, has a shoulder only."""
    columns = published_vectors(three(), [1, 0])
    run = descended(three(), columns, 1000, save=np.arange(1001), keep=["loss", "escape_time"])
    relative = run["loss"].values / zero_loss(columns, NAMES, N)[:, None]
    on, half = abs(relative - 1) <= PLATEAU, run["escape_time"].values
    shares = on.sum(axis=1) / half
    return Finding(
        [
            between("largest distance from predicting zero, iterations 50 to 500", abs(relative[0, 50:501] - 1).max(),
                    0.0, PLATEAU, "within 4 %"),
            ordered("start minus plateau", relative[0, 0] - relative[0, 50], "a fall at once"),
            between("iterations until half of it", half[0], 744, 744, 744),
            ordered("share of the iterations until half that are on the plateau, seed 1 minus seed 0",
                    shares[0] - shares[1], "seed 0 has only a short shoulder"),
            between("share of them of seed 0", shares[1], 0.0, 0.5, "a short shoulder"),
        ],
        toy_courses(),
    )  # fmt: skip


@of_model("S10", "The fewer vectors are clamped, the later the loss is halved: b and c, c, none",
          setting="the published seeds 1 to 5, whose iterations are reproduced", headline=True,
          figure=toy_figures.toy_phases)  # fmt: skip
def order(context: Context) -> Finding:
    """S10."""
    seeds = [seed for seed in HALVED if seed]
    times = np.array([halved(published_vectors(three(), list(HALVED), clamped=c), 8000) for c in CLAMPS])
    late = float(abs(times - np.array(list(HALVED.values())).T).max())
    none, one, two = times[:, seeds]
    return Finding(
        [
            between("half times minus the published, all seeds", late, 0.0, 0.0, 0.0),
            ordered("shortest wait, none minus c", float((none - one).min()), "c before none in every seed"),
            ordered("shortest wait, c minus b and c", float((one - two).min()), "b and c before c in every seed"),
        ],
        toy_courses(),
    )


@of_model("S10b", "It is no law at starts of order one: in seed 0 clamping c delays, 127 against 104",
          setting="the published seed 0")  # fmt: skip
def exception(context: Context) -> Finding:
    """S10, its exception."""
    times = {c: halved(published_vectors(three(), [0], clamped=c), 1000)[0] for c in CLAMPS[:2]}
    return Finding(
        [
            between("half time, nothing clamped", times[()], 104, 104, 104),
            between("half time, c clamped", times["3",], 127, 127, 127),
            ordered("c minus none", times["3",] - times[()], "a delay"),
        ]
    )


def in_order(scale: float, steps: int) -> np.ndarray:
    """Whether draws have the order of S10; one that is still on its plateau at the end is later than the others."""
    m = three()
    none, one, two = (
        np.nan_to_num(halved(mm.draw_vectors(m, ORDERED, scale=scale, clamp=dict.fromkeys(c, 20)), steps), nan=np.inf)
        for c in CLAMPS
    )
    return np.asarray((two < one) & (one < none))


@of_model("S10c", "As starts get small the order becomes a law", setting=f"{ORDERED} draws, scales 1 and .01")
def order_of_draws(context: Context) -> Finding:
    """S10 over draws."""
    small, large = in_order(0.01, 10**6), in_order(1.0, 10**5)
    return Finding(
        [
            share("share of draws in order, scale .01", small, 0.95, 1.0, "all"),
            ordered("share at scale .01 minus share at scale 1", small.astype(float) - large, "more at small starts"),
        ]
    )


@of_model("S11", "Progress measures move while the loss rests", setting="the published seed 1, iterations 0 to 400")
def progress(context: Context) -> Finding:
    """S11."""
    times = [0, 50, 200, 400]
    run = descended(three(), published_vectors(three(), [1]), 400, save=times, keep=["loss", *MEASURES])
    checks = []
    for name, table in MEASURES.items():
        away = abs(run[name].values[0] - table).max()
        checks.append(between(f"{name} minus the published", away, 0.0, 6e-7, 0.0))
    moved = {name: 1 - float(run[name].values[0, 3] / run[name].values[0, 2]) for name in ("loss", *MEASURES)}
    return Finding(
        [
            *checks,
            between("relative fall of the loss, 200 to 400", moved["loss"], 0.00245, 0.00255, 0.0025),
            *(ordered(f"relative fall of {name} minus that of the loss", moved[name] - moved["loss"], "it moves more")
              for name in MEASURES),
        ]
    )  # fmt: skip


@of_model("S12", "At d = 20 the learning rate 1 is far from unstable: the largest curvature is about .15",
          setting=f"truths of squared norm 20; {DRAWS} draws for 5000 iterations")  # fmt: skip
def stability(context: Context) -> Finding:
    """S12: predicted, and descents just below and above the predicted limit; no loss of a draw ever rises."""
    m = three()
    made = theory.predict(m)["stability"].values
    near_by = {f"{letter}_{x}_0": np.array([20.0 + 0.01 * (letter == "n")]) for letter in "ns" for x in NAMES}
    ends = []
    for factor in (0.98, 1.02):
        run = descended(m, near_by, 60, lr=factor * made["lr_max"], save=[1, 60], keep="loss")
        ends.append(float(np.log(run["loss"].values[0, 1] / run["loss"].values[0, 0])))
    draws = descended(m, mm.draw_vectors(m, DRAWS), 5000, save=np.arange(5001), keep="loss")["loss"]
    return Finding(
        [
            near("largest curvature", made["lambda_max"], 0.15, rel=1e-9),
            near("orthogonal curvature", made["lambda_perp_1"], 0.05, rel=1e-9),
            ordered("log of the fall, learning rate .98 of the limit", -ends[0], "it comes nearer"),
            ordered("log of the rise, learning rate 1.02 of the limit", ends[1], "it leaves"),
            between("largest rise of a loss in a step, draws", float(draws.diff("step").max()), -np.inf, 1e-14, "none"),
        ]
    )


@of_model("S21", "The slow flow on the plateau tells the onset of the drop, 12 to 21 % early as a forecast of it",
          setting="the published seed 1, from iterations 300 and 200")  # fmt: skip
def onset(context: Context) -> Finding:
    """S21."""
    m, init = bound(three(), published_vectors(three(), [1]))
    start = {f"{name}_0": np.array([value]) for name, value in init.items()}
    run = descended(m, start, 1000, save=[200, 300], keep=[*m.state, "escape_time"])
    checks = []
    for row, (iteration, expected) in enumerate({200: 573, 300: 590}.items()):
        state = {name: float(run[name].values[0, row]) for name in m.state}
        found = iteration + theory.predict(m, init=state)["onset"].value
        checks.append(between(f"onset from iteration {iteration}", found, expected - 0.5, expected + 0.5, expected))
    early = [1 - found / times for times in (BELOW[0.9][0], float(run["escape_time"].values[0]))]
    return Finding(
        [
            *checks,
            between("onset before a drop of 10 %, relative", early[0], 0.115, 0.125, 0.12),
            between("onset before half, relative", early[1], 0.205, 0.215, 0.21),
        ]
    )
