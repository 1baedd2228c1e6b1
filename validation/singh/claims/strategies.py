"""Claims on two mechanisms that share vectors and compete: emergence, transience, divot, cooperation."""

from functools import partial

import numpy as np
import xarray as xr

import minimodels as mm
import theory
from minimodels.published import (
    DIVOTS,
    ROUNDING,
    STEPS,
    STOPPED,
    STOPPED_PERFECT,
    TRAJECTORY,
    bound,
    published_vectors,
)
from validation.checks import Check, between, near, ordered, resampled, share
from validation.ledger import Context, Finding, claim
from validation.singh import toy_figures
from validation.singh.toys import STOP, Columns, Floats, descended, divot, flown, four, strategies, zero_loss

of_model = partial(claim, level="model")
DRAWS, DRAWN, EVERY = 40, 1000, 10  # draws with predictions, draws without, and how often those are looked at
CONVERGED = [seed for seed, stop in STOPPED.items() if stop == stop]
ENTRIES = 20**3  # of the tensor of mechanism 1
SEEN = 0.01  # of its minimum: a rise of the loss of mechanism 2 that is called a divot


@of_model("S13", "Eight scalars reproduce the printed iterations at which the authors' runs stop",
          setting="the published seeds 0 to 7, mu_1 = .1, cost .1, at most 16,000 iterations")  # fmt: skip
def stops(context: Context) -> Finding:
    """S13; seed 2 rests where neither mechanism is there."""
    run = descended(four(), published_vectors(four()), STEPS, events=STOP, keep="stop")
    found, printed = run["stop"].values, np.array(list(STOPPED.values()))
    known = np.isfinite(printed)
    course = strategies(published_vectors(four(form="components"), [7]), NAMES, form="components")
    rows = np.array([course[name].values[0, list(TRAJECTORY)] for name in NAMES]).T
    away = abs(rows / np.array(list(TRAJECTORY.values())) - 1).max()
    return Finding(
        [
            between("iterations minus the printed", abs(found - printed)[known].max(), 0.0, 0.0, 0.0),
            between("seed 2 stops later", float(run["stop_censored"].values[2]), 1, 1, "no stop"),
            between("largest relative distance from the losses of seed 7", away, 0.0, 1e-5, 0.0),
        ]
    )


NAMES = ("loss", "loss_1", "loss_2", "competition")


@of_model("S14", "n_b - n_c is conserved, n_a + n_d - n_b only without competition, which takes 4 alpha n_a n_d/N_c",
          setting="six draws for time 3000; the published seed 2 for 16,000 iterations")  # fmt: skip
def conserved(context: Context) -> Finding:
    """S14."""
    m, times = four(), np.linspace(0, 3000, 3001)
    columns, keep = mm.draw_vectors(m, 6), ["n_a", "n_b", "n_c", "n_d"]
    run, free = (flown(m.with_values(cost=cost), columns, 3000.0, save=times, keep=keep) for cost in (0.1, 0.0))
    sums, kept = ((r["n_a"] + r["n_d"] - r["n_b"]).values for r in (run, free))
    taken = np.trapezoid(4 * 0.1 * (run["n_a"] * run["n_d"]).values / 3200, times, axis=1)
    steps = descended(m, published_vectors(m, [2]), STEPS, save=[0, STEPS], keep=["n_b", "n_c"])
    change = float((steps["n_b"] - steps["n_c"]).diff("step").values[0, 0])
    return Finding(
        [
            between("largest change of n_b - n_c, flow", _range((run["n_b"] - run["n_c"]).values), 0.0, 1e-7, 0.0),
            between("largest change of n_a + n_d - n_b, flow without competition", _range(kept), 0.0, 1e-7, 0.0),
            near("its fall over what the competition takes", (sums[:, 0] - sums[:, -1]) / taken, 1.0, rel=1e-3),
            near("change of n_b - n_c in descent, seed 2", abs(change), 0.7, rel=0.1),
        ]
    )


def _range(values: Floats) -> float:
    return float(np.ptp(values, axis=1).max())


@of_model("S15", "In-context learning is transient: mechanism 1 is learned first, then lost", headline=True,
          setting="the published seeds that stop; numbers of seed 7", figure=toy_figures.toy_strategies)  # fmt: skip
def transience(context: Context) -> Finding:
    """S15."""
    columns = published_vectors(four(), CONVERGED)
    run = strategies(columns, NAMES)
    relative = run["loss_1"].values / zero_loss(columns, ("a", "b", "c"), ENTRIES)[:, None]
    end = np.array([course[int(stop)] for course, stop in zip(relative, run["stop"].values, strict=True)])
    seven = run.isel(point=-1)
    last = float(seven["loss_1"].sel(step=int(seven["stop"])))
    return Finding(
        [
            between("iteration of the least loss 1, seed 7", float(seven["loss_1"].values.argmin()), 5658, 5658, 5658),
            near("least loss 1, seed 7", float(seven["loss_1"].min()), 0.00262807, rel=1e-5),
            near("last loss 1, seed 7", last, 0.216065, rel=1e-5),
            between("t_1, seed 7", float(seven["t_1"]), 4667, 4667, 4667),
            between("t_2, seed 7", float(seven["t_2"]), 5516, 5516, 5516),
            ordered("shortest wait of t_2 after t_1", float((run["t_2"] - run["t_1"]).min()), "1 before 2 everywhere"),
            ordered("least last loss 1 over that of predicting zero, minus one half", float(end.min()) - 0.5,
                    "lost everywhere"),
        ],
        _one(seven),
    )  # fmt: skip


def _one(course: xr.Dataset) -> xr.Dataset:
    """The course of one seed for its figure, with the divot among the attributes."""
    least, most = divot(course["loss_2"].values, float(course["t_1"]))
    times = {"t_1": float(course["t_1"]), "t_2": float(course["t_2"]), "least": least, "most": most}
    return xr.Dataset({name: ("iteration", course[name].values) for name in NAMES[1:]},
                      {"iteration": course["step"].values}, times)  # fmt: skip


@of_model("S16", "Without competition, or where mechanism 1 can be perfect, it stays",
          setting="the published seed 7, 16,000 iterations; all seeds with mu_1 = 0")  # fmt: skip
def persistence(context: Context) -> Finding:
    """S16; the last iterations of two seeds with mu_1 = 0 hang on rounding and are not compared."""
    m, columns = four(), published_vectors(four(), [7])
    free = descended(m.with_values(cost=0), columns, STEPS, events=STOP, keep=["loss_1", "stop"])
    perfect = descended(m.with_values(mu_1=0), columns, STEPS, keep=["loss_1", "loss_2"])
    run = descended(m.with_values(mu_1=0), published_vectors(m), STEPS, events=STOP, keep="stop_perfect",
                    stop_at="stop_perfect")["stop_perfect"].values  # fmt: skip
    sure = [seed for seed, stop in STOPPED_PERFECT.items() if stop == stop and seed not in ROUNDING]
    late = max(abs(run[seed] - STOPPED_PERFECT[seed]) for seed in sure)
    return Finding(
        [
            between("without competition the loss stays above 1e-6", float(free["stop_censored"].values[0]), 1, 1,
                    "no stop"),
            near("last loss 1, no competition", float(free["loss_1"].values[0]), 0.00132662, rel=1e-5),
            near("last loss 1, mu_1 = 0", float(perfect["loss_1"].values[0]), 5.8e-7, rel=0.01),
            near("last loss 2, mu_1 = 0", float(perfect["loss_2"].values[0]), 1.132, rel=5e-4),
            between("iterations below 1e-3 minus the printed, mu_1 = 0, six seeds", late, 0.0, 0.0, 0.0),
        ]
    )  # fmt: skip


@of_model("S17", "Mechanism 2 gets worse when mechanism 1 emerges: its loss has a divot",
          setting="the published seeds that stop, with their tabulated divots",
          figure=toy_figures.toy_strategies)  # fmt: skip
def divots(context: Context) -> Finding:
    """S17."""
    run = strategies(published_vectors(four(), CONVERGED), NAMES)
    ends = _ends(run)
    table = np.array([DIVOTS[seed] for seed in CONVERGED])
    away = abs(ends / table - 1).max()
    rises = ends[:, 1] / ends[:, 0] - 1
    return Finding(
        [
            between("largest relative distance from the tabulated minima and maxima", away, 0.0, 2e-4, 0.0),
            between("least relative rise", rises.min(), 0.03, 0.05, "3 %"),
            between("largest relative rise", rises.max(), 0.25, 0.3, "30 %"),
        ],
        _one(run.isel(point=-1)),
    )


def _ends(run: xr.Dataset, every: int = 1) -> Floats:
    """Least and largest loss of mechanism 2 of every divot."""
    found = zip(run["loss_2"].values, run["t_1"].values, strict=True)
    return np.array([[loss[at] for at in divot(loss, half, every)] for loss, half in found])


@of_model("S17d", "Of random draws that stop nine in ten have a divot above 1 %, the others less or none",
          exploratory=True, setting=f"{DRAWN} draws")  # fmt: skip
def divots_of_draws(context: Context) -> Finding:
    """S17 over draws; every tenth iteration is kept."""
    run = strategies(mm.draw_vectors(four(), DRAWN), ["loss_2"], every=EVERY)
    run = run.isel(point=np.isfinite(run["stop"].values) & np.isfinite(run["t_1"].values))
    low, high = _ends(run, EVERY).T
    return Finding([share("share of draws that stop with a rise above 1 %", high > (1 + SEEN) * low, 0.9, 1.0, "most")])


def _accounts(columns: Columns) -> xr.Dataset:
    """Of every divot: its rise, the growth of n_d n_b n_c/(2 N_2), and the rise that is predicted with d at rest."""
    m, letters = four(), "bcd"
    run = strategies(columns, ["loss_2", *m.state])
    size = 160 * 20 * 20
    rows = []
    for row in np.flatnonzero(np.isfinite(run["t_1"].values)):
        one = run.isel(point=row)
        at = least, most = divot(one["loss_2"].values, float(one["t_1"]))
        grown = np.diff(np.prod([one[f"n_{x}"].values[list(at)] for x in letters], axis=0))[0] / (2 * size)
        here, _ = bound(m, columns, int(row))
        state = {name: float(one[name].values[least]) for name in m.state}
        made = theory.predict(here, init=state)["divot"]
        rise = float(one["loss_2"].values[most] - one["loss_2"].values[least])
        rows.append((rise, grown, made.values.get("rise", np.nan)))
    return xr.Dataset(dict(zip(("rise", "growth", "at_rest"), (("divot", v) for v in np.array(rows).T), strict=True)))


@of_model("S17b", "The divot is the growth of n_d n_b n_c/(2 N_2), as of a d that stays unaligned",
          setting="the published seeds that stop")  # fmt: skip
def growth(context: Context) -> Finding:
    """S17, the size that is stated for it."""
    found = _accounts(published_vectors(four(), CONVERGED))
    part, still = (found["rise"] / found[name] for name in ("growth", "at_rest"))
    why = (
        f"The overlap of d with its truth is small and counts all the same: the growth of s_d s_b s_c/N_2 takes back "
        f"{100 * (1 - float(part.max())):.0f} to {100 * (1 - float(part.min())):.0f} % of it. With d at rest at the "
        f"least loss, its overlap counted, the rise would be {float(1 / still.max()):.2g} to "
        f"{float(1 / still.min()):.2g} times as large: a bound."
    )
    return Finding([near("rise over growth", part.values, 1.0, rel=0.1)], why=why)


@of_model("S17c", "The divot is smaller than with d at rest, which theory predicts", exploratory=True,
          setting=f"the published seeds that stop; {DRAWS} draws whose mechanism 1 emerges")  # fmt: skip
def bounded(context: Context) -> Finding:
    """S17, the size that is derived: a bound."""
    checks: list[Check] = []
    for what, columns in (("published seeds", published_vectors(four(), CONVERGED)),
                          ("draws", mm.draw_vectors(four(), DRAWS))):  # fmt: skip
        found = _accounts(columns).dropna("divot")
        part = (found["rise"] / found["at_rest"]).values
        checks += [
            between(f"largest rise over the predicted, {what}", part.max(), 0.0, 1.0, "below 1"),
            resampled(f"correlation of rise and prediction, {what}", partial(_correlation, found),
                      [np.arange(part.size, dtype=float)], 0.0, 1.0, "positive", strict=True),
        ]  # fmt: skip
    return Finding(checks)


def _correlation(found: xr.Dataset, chosen: Floats) -> float:
    """Correlation of rises and predictions of some divots, by their numbers."""
    some = found.isel(divot=chosen.astype(int))
    return float(np.corrcoef(some["rise"], some["at_rest"])[0, 1])
