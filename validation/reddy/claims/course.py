"""Claims about the course of a network's training: what it waits for, the slow phase, the jump, and their order."""

import math
from functools import partial

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from validation.checks import between, difference, near, ordered, resampled, share
from validation.comparison import escape_steps
from validation.curves import crossing, half_rise, jump, plateau
from validation.ledger import Context, Finding, claim
from validation.reddy import settings
from validation.reddy.figures import network as figures
from validation.trainings import NetworkTraining

of_reference = partial(claim, level="network", trainings=settings.reference)


def _reference(context: Context) -> tuple[xr.Dataset, int]:
    (training,) = settings.reference(context.full)
    return context.of(training), training.last_task.N_c


def _each_seed(run: xr.Dataset) -> list[xr.Dataset]:
    return [run.isel(seed=i) for i in range(run.sizes["seed"])]


def _slow_phase(run: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Step and loss of every seed where the loss falls most slowly, after the half-rise of CLA and before T*."""
    found = [
        plateau(s.step, s["loss"], half_rise(s.step, s["CLA"]), crossing(s.step, s["correct"], 0.5))
        for s in _each_seed(run)
    ]
    return np.array(found).T[0], np.array(found).T[1]


@of_reference("R1a", "A slow phase is followed by an abrupt jump to low loss", headline=True, figure=figures.course)
def abrupt(context: Context) -> Finding:
    """R1, the jump."""
    run, N_c = _reference(context)
    times, widths = np.array([jump(s.step, s["correct"], 1 / N_c) for s in _each_seed(run)]).T
    final = run["IC_accuracy"].isel(step=-1).values
    ratio = np.where(np.isfinite(widths), widths, np.nan) / np.where(np.isfinite(times), times, 1.0)  # nan: no jump
    return Finding(
        [
            between("jump width / jump time", ratio, -math.inf, 0.2, "much below 1"),
            share("share of seeds with IC accuracy > 0.9", final > 0.9, 0.5, 1.0, "all"),
        ],
        run,
    )


@of_reference("R1b", "Before the jump the loss has a plateau near log N_c", headline=True, figure=figures.course)
def plateau_level(context: Context) -> Finding:
    """R1, the plateau."""
    run, N_c = _reference(context)
    checks = [near("loss where it falls most slowly", _slow_phase(run)[1], math.log(N_c), rel=0.15)]
    return Finding(checks, run, _unfinished(run, N_c))


def _unfinished(run: xr.Dataset, N_c: int) -> str:
    """Why the slow phase ends above its plateau, from the seeds that have one."""
    steps = zip(_each_seed(run), _slow_phase(run)[0], strict=True)
    each = [float(np.interp(t, s.step, s["CLA"])) for s, t in steps if np.isfinite(t)]
    if not each:
        return ""
    CLA = float(np.mean(each))
    return (
        f"The jump begins before the slow phase is complete: where the loss falls most slowly CLA is {CLA:.2f}, and a "
        f"random choice among the labels of the context then costs log(N_c/CLA) = {math.log(N_c / CLA):.2f} at least."
    )


@of_reference("R1c", "Unlearning the random logits switches most of the classifier's last layer off; the slow phase "
              "begins when it is back", figure=figures.activity, exploratory=True)  # fmt: skip
def switched_off(context: Context) -> Finding:
    """R1, why the slow phase is late and how late: the classifier is switched off first, as in `head_rates`."""
    from validation.reddy.analyses import activity

    run, _ = _reference(context)
    last = context.of(settings.reference(context.full)[0], activity)["active"].isel(layer=-1)
    last = last.where(last.step <= run.step[-1], drop=True)
    share = last / last.sel(step=0)
    CLA = run["CLA"].sel(step=share.step)
    learned = (CLA - CLA.sel(step=0)) / (1 - CLA.sel(step=0))
    back = share.step > share.idxmin("step")
    return Finding(
        [
            between("smallest share of active units in the last layer / at the start", share.min("step").values,
                    -math.inf, 0.5, "most are switched off"),
            between("CLA learned, of what there is to learn, while it falls", learned.where(~back).max("step").values,
                    -math.inf, 0.1, "none"),
            between("CLA learned at less than half of the initial share", learned.where(share < 0.5).max().values,
                    -math.inf, 0.1, "none"),
        ],
        xr.Dataset({"active": last, "CLA": CLA}),
    )  # fmt: skip


def _free_and_held(full: bool) -> list[NetworkTraining]:
    (free,) = settings.reference(full)
    return [free, settings.with_biases_held(free)]


@claim("R1e", "Trainable scalar biases, with random logits to unlearn, are what delays seeds: held at zero all "
       "transition, earlier and closer together, and the classifier's last layer stays on", level="network",
       trainings=_free_and_held,
       figure=figures.initialisation)  # fmt: skip
def initialisation(context: Context) -> Finding:
    """R1, what the initialisation does to the transition."""
    from validation.reddy.analyses import activity

    free, held = _free_and_held(context.full)
    transitions = [escape_steps(context.of(training)) for training in (free, held)]
    # a seed without one counts with its budget, which is less than its time
    steps = [np.where(np.isfinite(each), each, free.steps) for each in transitions]
    active = [context.of(training, activity)["active"].isel(layer=-1) for training in (free, held)]
    share_left = [(a / a.sel(step=0)).min("step").values for a in active]

    def scatter(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.log(one).std(ddof=1) - np.log(other).std(ddof=1))

    data = [
        xr.Dataset({"active": each, "correct": context.of(training)["correct"].sel(step=each.step, method="nearest")
                    .assign_coords(step=each.step)}).expand_dims(biases=[words])
        for words, training, each in zip(("free", "held"), (free, held), active, strict=True)
    ]  # fmt: skip
    return Finding(
        [
            share("share of seeds that transition, biases held", np.isfinite(transitions[1]), 0.5, 1.0, "all"),
            difference("transition step, biases free minus held", steps[0], steps[1], "later"),
            resampled("standard deviation of ln T* over seeds, biases free minus held", scatter, steps, 0.0, math.inf,
                      "more scattered", strict=True),
            difference("smallest share of active units in the last layer / at the start, held minus free",
                       share_left[1], share_left[0], "more stay on"),
        ],
        xr.concat(data, "biases", join="outer"),
    )  # fmt: skip


@claim("R1d", "The seeds of a configuration transition as much later as their slow phases begin later (a tenth of "
       "CLA learned)", level="network", trainings=settings.shifts, exploratory=True)  # fmt: skip
def onsets(context: Context) -> Finding:
    """R1, what the seeds of a configuration differ in: when their slow phase begins."""
    onset, step = np.empty(0), np.empty(0)
    for training in settings.shifts(context.full):
        run, start = context.of(training), training.last_task.N_c / training.last_task.L
        begun = np.array([crossing(s.step, (s["CLA"] - start) / (1 - start), 0.1) for s in _each_seed(run)])
        both = np.array([begun, escape_steps(run)])
        both = both[:, np.isfinite(both).all(axis=0)]
        if both.size:
            onset = np.append(onset, both[0] - both[0].mean())
            step = np.append(step, both[1] - both[1].mean())

    def rank(chosen: np.ndarray) -> float:
        return float(spearmanr(onset[chosen.astype(int)], step[chosen.astype(int)]).statistic)

    def explained(chosen: np.ndarray) -> float:
        late, begun = step[chosen.astype(int)], onset[chosen.astype(int)]
        return 1 - float(((late - begun) ** 2).sum() / (late**2).sum())

    seeds = [np.arange(step.size)]
    return Finding(
        [
            resampled("rank correlation of onset and transition step, each less its configuration's mean", rank, seeds,
                      0.5, math.inf, "high"),
            resampled("share of the variance between seeds that the onset explains", explained, seeds, 0.5,
                      math.inf, "most"),
        ]
    )  # fmt: skip


@of_reference(
    "R10", "CLA and TLA2 rise first; ILA1, TILA2 and IC accuracy jump together", headline=True, figure=figures.course
)
def order(context: Context) -> Finding:
    """R10."""
    run, _ = _reference(context)
    names = ("CLA", "TLA2", "ILA1", "TILA2", "IC_accuracy")
    halves = np.array([[half_rise(s.step, s[name]) for name in names] for s in _each_seed(run)])
    total = halves[:, 2:].mean(axis=1)  # the time of the jump
    lead = (halves[:, 2:].min(axis=1) - halves[:, :2].max(axis=1)) / total
    spread = np.ptp(halves[:, 2:], axis=1) / total
    return Finding(
        [
            ordered("lead of CLA and TLA2 over the jump / its time", lead, "before the jump"),
            between("spread of ILA1, TILA2, IC / their time", spread, 0.0, 0.2, "together"),
        ],
        run,
    )


@of_reference("R11a", "In the slow phase the network picks a random label of the context", figure=figures.course)
def random_choice(context: Context) -> Finding:
    """R11, the slow phase: a random label of the context."""
    run, N_c = _reference(context)
    L = settings.reference(context.full)[0].last_task.L
    ratios = []
    for seed in _each_seed(run):
        middle = (N_c / L + 1) / 2  # halfway from its value at the start to 1
        rising = (seed["CLA"] <= middle) & (seed.step <= crossing(seed.step, seed["CLA"], middle))
        late = seed.where(rising, drop=True).isel(step=-1)
        ratios.append(float(N_c * late["IC_correct"] / late["CLA"]))  # known classes may be answered from the weights
    return Finding([near("N_c x IC probability / CLA at the half-rise of CLA", ratios, 1.0, rel=0.15)], run)


@of_reference(
    "R11b", "At the end of the slow phase CLA is near 1 and the IC probability near 1/N_c", figure=figures.course
)
def slow_phase_completes(context: Context) -> Finding:
    """R11, how far the slow phase goes before the jump."""
    run, N_c = _reference(context)
    steps = _slow_phase(run)[0]
    at = {
        name: [float(np.interp(t, s.step, s[name])) for s, t in zip(_each_seed(run), steps, strict=True)]
        for name in ("CLA", "IC_correct")
    }  # nan where there is no such step
    return Finding(
        [
            near("CLA where the loss falls most slowly", at["CLA"], 1.0, rel=0.15),
            near("IC probability there", at["IC_correct"], 1 / N_c, rel=0.15),
        ],
        run,
        _unfinished(run, N_c),
    )
