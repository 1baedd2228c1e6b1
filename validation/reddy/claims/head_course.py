"""Claims about the course of the induction head: order, curricula, unequal labels, and what L = N does."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from minimodels.tasks.item_label import ItemLabelTask
from theory.reddy.read_out import label_gain_rates
from validation.checks import between, difference, near, ordered, share
from validation.curves import crossing, half_rise
from validation.ledger import Context, Finding, claim
from validation.reddy import settings
from validation.reddy.claims.head import LINEAR, Key, task_of
from validation.reddy.figures import head as figures
from validation.reddy.trainings import HeadTraining

of_head = partial(claim, level="model")
MEASURES = ("CLA", "TLA2", "ILA1", "TILA2", "accuracy")


def _curricula(full: bool) -> list[HeadTraining]:
    task = task_of((8, 32, 1))
    plain = HeadTraining(name="head-curriculum-none", task=task, head=LINEAR, lr=1.0, steps=1000,
                         seeds=settings.SEEDS, record_every=25, tests=())  # fmt: skip
    return [plain, replace(plain, name="head-curriculum-N2", task=replace(task, N=2), later=((250, task),))]


@of_head("R20h", "A curriculum in N shortens the head's way to the transition", trainings=_curricula)
def curriculum(context: Context) -> Finding:
    """R20 for the head: N = 2, then N = 8."""
    # on held-out sequences of the last stage: the minibatches of the first are easier
    without, with_ = (
        np.array([crossing(run["step"], run["correct"].isel(seed=i), 0.5) for i in range(len(settings.SEEDS))])
        for run in map(context.of, _curricula(context.full))
    )
    ratio = with_ / np.where(np.isfinite(without), without, math.nan)
    return Finding([ordered("1 - transition step with N = 2 for 250 steps / without", 1 - ratio, "shorter")])


KEY = (8, 32, 1)


def _free(key: Key) -> HeadTraining:
    head = replace(LINEAR, beta_2="free")
    return HeadTraining(
        name="head-beta_2-free-N{}-L{}".format(*key), task=task_of(key), head=head, lr=1.0, steps=1200,
        seeds=settings.SEEDS, record_every=10, tests=(),
    )  # fmt: skip


@of_head("R12", "The three-parameter head learns in the same order: CLA and TLA2 first, the rest at once",
         trainings=lambda full: [_free(KEY)])  # fmt: skip
def three_parameters(context: Context) -> Finding:
    """R12: the order of the progress measures, and that attention to labels is learned too."""
    run = context.of(_free(KEY))
    halves = _halves(run)
    jump, first = halves[:, 2:].mean(axis=1), halves[:, 2:].min(axis=1)
    return Finding(
        [
            ordered("lead of CLA over the jump / its time", (first - halves[:, 0]) / jump, "before"),
            ordered("lead of TLA2 over the jump / its time", (first - halves[:, 1]) / jump, "before"),
            between("spread of ILA1, TILA2, accuracy / their time", np.ptp(halves[:, 2:], axis=1) / jump, 0.0, 0.2,
                    "together"),
            between("attention to labels at the end", run["TLA2"].isel(step=-1).values, 0.8, math.inf, "learned"),
        ],
        why=_late(run, jump) if np.isfinite(jump).all() else "",
    )  # fmt: skip


@claim("R12n", "With time counted from the start to the jump the measures of the three-parameter head follow the "
       "network's within .2", level="network", figure=figures.measures_over_time, exploratory=True,
       trainings=lambda full: [_free(settings.REFERENCE[full]), *settings.reference(full)])  # fmt: skip
def beside_network(context: Context) -> Finding:
    """R12, its overlay: every measure of head and network over the time of the seed's own jump."""
    (reference,) = settings.reference(context.full)
    head, network = context.of(_free(settings.REFERENCE[context.full])), context.of(reference)
    network = network.drop_vars("accuracy").rename(IC_accuracy="accuracy")
    both = xr.concat([_over_jump(head), _over_jump(network)], xr.DataArray(["head", "network"], dims="who", name="who"))
    residual = (both.sel(who="network") - both.sel(who="head").mean("seed")).to_dataarray("measure")
    rms = (residual**2).mean("time") ** 0.5
    checks = [
        between(f"rms difference of {name}, network minus head, up to twice the jump", rms.sel(measure=name).values,
                0.0, 0.2, "alike")
        for name in MEASURES
    ]  # fmt: skip
    return Finding(checks, both)


def _over_jump(run: xr.Dataset) -> xr.Dataset:
    """The progress measures of every seed on a time that is 1 at its jump; nan beyond its records, or without one."""
    time = np.linspace(0, 2, 81)
    courses = {name: (("seed", "time"), np.full((run.sizes["seed"], time.size), np.nan)) for name in MEASURES}
    for i, jump in enumerate(_halves(run)[:, 2:].mean(axis=1)):
        if math.isfinite(jump) and float(run["accuracy"].isel(seed=i, step=-1)) > 0.5:
            for name in MEASURES:
                courses[name][1][i] = np.interp(time, run.step / jump, run[name].isel(seed=i), right=np.nan)
    return xr.Dataset(courses, coords={"time": time, "seed": run.seed.values})


def _halves(run: xr.Dataset) -> np.ndarray:
    """Half-rise of every measure of every seed; the jump is that of the last three."""
    return np.array([[half_rise(run.step, run[n].isel(seed=i)) for n in MEASURES] for i in range(run.sizes["seed"])])


def _late(run: xr.Dataset, jump: np.ndarray) -> str:
    """How much of the rise of CLA comes after the jump."""
    CLA = run["CLA"].mean("seed")
    start, there, end = (float(CLA.interp(step=step)) for step in (0, float(jump.mean()), float(run.step[-1])))
    return (
        f"With a linear read-out CLA has risen from {start:.2f} to {there:.2f} only when the rest jumps (step "
        f"{jump.mean():.0f}), and goes on to {end:.2f}: the gain xi grows at the rate 1/(L-1)."
    )


def _unequal(full: bool) -> list[HeadTraining]:
    """The first steps of many seeds; and long trainings with equal and with unequal frequencies."""
    task = ItemLabelTask(N=8, L=32, K=1024, zipf=1.0, unique_labels=False, label_vectors="orthonormal")
    start = HeadTraining(name="gains-start", task=task, head=LINEAR, lr=1.0, steps=5, seeds=tuple(range(24)),
                         record_every=5, held_out=1, tests=())  # fmt: skip
    long = replace(start, name="gains-zipf1", steps=6000, seeds=settings.SEEDS, record_every=20, held_out=256)
    return [start, replace(long, name="gains-zipf0", task=replace(task, zipf=0.0)), long]


@of_head("R23", "A label's gain grows with its frequency, more than in proportion at first, as its logarithm at last",
         trainings=_unequal, figure=figures.gains)  # fmt: skip
def unequal_labels(context: Context) -> Finding:
    """R23: the gain of every label under unequal frequencies."""
    start, equal, unequal = map(context.of, _unequal(context.full))
    task = _unequal(context.full)[0].task
    rates = label_gain_rates(task)
    grown = start["xi_label"].isel(step=-1).values / 5
    seeds = [unequal.isel(seed=i) for i in range(len(settings.SEEDS))]
    jump = [s["xi_label"].interp(step=s["escape_step"]).values for s in seeds]
    end = [s["xi_label"].isel(step=-1).values for s in seeds]
    frequent = task.label_frequencies
    return Finding(
        [
            near("growth of the gains at the start / derived", grown @ rates / (rates @ rates), 1.0, rel=0.1),
            between("rank correlation of gain and frequency at the transition",
                    [float(spearmanr(xi, frequent).statistic) for xi in jump], 0.9, 1.0, "near 1"),
            near("gain by log frequency at the end", [np.polyfit(np.log(frequent), xi, 1)[0] for xi in end], 1.0,
                 rel=0.15),
            ordered("1 - transition step at zipf 1 / at zipf 0",
                    1 - unequal["escape_step"].values / equal["escape_step"].values, "earlier"),
        ],
        unequal[["xi_label", "escape_step"]].assign(frequency=("label", frequent), rate=("label", rates)),
    )  # fmt: skip


def _saturated(start: float, full: bool) -> list[HeadTraining]:
    """At L = N and at L = 2N from the same beta_1 and alpha, with equal budgets."""
    head, seeds = replace(LINEAR, init={"beta_1": start, "alpha": start}), 24 if full else 6
    return [
        HeadTraining(name=f"head-N8-L{L}-start{start:g}-seeds{seeds}", task=task_of((8, L, 1)), head=head, lr=1.0,
                     steps=4000, seeds=tuple(range(seeds)), record_every=200, tests=(), stop_above=0.6)
        for L in (8, 16)
    ]  # fmt: skip


@of_head("R14h", "From 0 few heads learn at L = N within a budget in which all do at L = 2N",
         trainings=lambda full: _saturated(0.0, full))  # fmt: skip
def origin(context: Context) -> Finding:
    """R14 for the two-parameter head."""
    equal, above = (
        np.isfinite(context.of(training)["escape_step"].values) for training in _saturated(0.0, context.full)
    )
    return Finding(
        [
            share("share of seeds that learn, N = 8, L = 16", above, 0.5, 1.0, "all"),
            share("share of seeds that learn, L = N = 8", equal, 0.0, 0.5, "few"),
        ]
    )


@of_head("R25h", "From a start off 0 (.1) heads learn also at L = N, where CLA is 1, but later than at L = 2N",
         trainings=lambda full: _saturated(0.1, full), exploratory=True)  # fmt: skip
def without_slow_phase(context: Context) -> Finding:
    """R25 for the two-parameter head; a seed that has not learned counts with its budget, less than its time.

    The size of the start was chosen when one of 1 had been seen, from which L = N is the faster.
    """
    equal, above = map(context.of, _saturated(0.1, context.full))
    steps = equal["escape_step"].values
    least = np.where(np.isfinite(steps), steps, _saturated(0.1, context.full)[0].steps)
    return Finding(
        [
            near("CLA at the start, L = N = 8", equal["CLA"].isel(step=0).values, 1.0, rel=1e-4),
            share("share of seeds that learn, L = N = 8", np.isfinite(steps), 0.5, 1.0, "all"),
            difference("T*(L = N) - T*(L = 2N), N = 8", least, above["escape_step"].values, "later"),
        ]
    )
