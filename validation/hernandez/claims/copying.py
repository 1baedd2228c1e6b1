"""Claims on what repeats do to copying: loss on copies, prefix matching, its onset and the scores behind it."""

import math
from functools import partial

import numpy as np

from minimodels.measure import first_time_above
from validation.checks import between, ordered
from validation.hernandez import damage, scan_figures, settings
from validation.hernandez.claims.networks import scanned, with_sizes
from validation.hernandez.damage import Floats
from validation.hernandez.scans import control, evaluated_of, multiplier, scan
from validation.ledger import Context, Finding, claim

TOO_SMALL = "networks that learn to copy need the full settings: an hour on two cores"
of_copying = partial(claim, level="network", full_only=TOO_SMALL)


def copied(run: object) -> Floats:
    """Loss on a segment's later copies, by seed."""
    return np.asarray(run["copies_loss"].sel(copy=slice(2, None)).mean("copy").values)  # type: ignore[index]


def strongest(run: object) -> Floats:
    """The largest prefix-matching score of a head, by seed."""
    return np.asarray(run["prefix"].max(("layer", "head")).values)  # type: ignore[index]


@of_copying("H11", "At few repeats copying loses more of its effective size than the loss does", trainings=with_sizes)
def copying_is_hurt_more(context: Context) -> Finding:
    """H11: at f = .03 3 times against 1.15; one capacity behind both has equal ones. Here at f = .1."""
    one = scan(context, 0.1)
    loss = multiplier(context, one.read("loss"))
    numbers, values = [], []
    for training in settings.controls(context.full).values():
        numbers.append(float(training.network.sizes(training.task)["N"]))  # type: ignore[attr-defined]
        values.append(float(copied(evaluated_of(context, training)).mean()))
    worst = one.at_worst({r: copied(cell) for r, cell in one.cells.items()})
    copies = damage.effective(numbers, values, worst) - math.log(numbers[-1])
    return Finding([ordered("f = .1: ln of effective size by loss minus that by copies, at the worst r", loss - copies,
                            "ln 3 - ln 1.15 at f = .03")])  # fmt: skip


@of_copying("H12", "Prefix matching suffers: a little at a tenth of repeats, and collapses at half",
            trainings=scanned, figure=scan_figures.copying)  # fmt: skip
def prefix(context: Context) -> Finding:
    """H12: as a shared head with crosstalk has it; a collapse is a score below a quarter of the control's."""
    scans = [scan(context, f) for f in settings.SHARES]
    clean = strongest(scans[0].clean)
    low, high = (one.at_worst({r: strongest(cell) for r, cell in one.cells.items()}) / clean for one in scans)
    return Finding(
        [
            ordered("f = .1: share of the score that is lost, at the worst r", 1 - low, "some"),
            between("f = .1: share of the score that is left", low, 0.25, math.inf, "most"),
            between("f = .5: share of the score that is left", high, -math.inf, 0.25, 0.0),
        ],
        scan_figures.of_copying(scans),
    )


@of_copying("H13", "At half of repeats, at their worst, more copies do not help", trainings=scanned)
def flat_in_copies(context: Context) -> Finding:
    """H13: how far the loss falls from the second copy to the last, over how far the control's falls."""
    one = scan(context, 0.5)

    def fall(run: object) -> Floats:
        return np.asarray((run["copies_loss"].sel(copy=2) - run["copies_loss"].isel(copy=-1)).values)  # type: ignore[index]

    worst = one.at_worst({r: fall(cell) for r, cell in one.cells.items()})
    return Finding(
        [
            ordered("control: fall from the second copy to the last", fall(one.clean), "a fall"),
            between("f = .5, worst r: fall over that of the control", worst / fall(one.clean), -math.inf, 0.25, 0.0),
        ]
    )


@of_copying("H14", "Where repeats do least, prefix matching begins later by at most 1/(1 - f)", trainings=scanned)
def onset(context: Context) -> Finding:
    """H14: with a few sequences repeated most often; as the kinetics of one circuit have it, 2 at f = .5."""
    clean = context.of(control(context))
    most = settings.scan(context.full, 0.5)
    runs = (clean, context.of(most[max(most)]))
    names = [str(name) for name in clean if str(name).startswith("blocks_prefix_")]
    half = np.max([clean[name].isel(step=-1).mean("seed") for name in names]) / 2
    first, late = (
        np.array(
            [first_time_above(run["step"].values, each, half) for each in np.max([run[n].values for n in names], 0)]
        )
        for run in runs
    )
    return Finding([between("f = .5: step at which the score is half of the control's, over the control's",
                            late / first, 1.0, 2.0, "1 to 2")])  # fmt: skip


@of_copying("H17", "Where prefix matching suffers, its scores are noisier: interference of what is stored",
            trainings=scanned)  # fmt: skip
def noisier(context: Context) -> Finding:
    """H17: for the head with the largest score; a weaker head would have a smaller margin instead."""
    checks = []
    for f in settings.SHARES:
        one = scan(context, f)
        for name, expected in (("variance", "up"), ("margin", "up, or no less")):
            values = {r: of_strongest(cell, name) for r, cell in one.cells.items()}
            ratio = np.log(one.at_worst(values) / of_strongest(one.clean, name))
            checks.append(ordered(f"f = {f:g}: ln of the {name} at the worst r over the control's", ratio, expected))
    return Finding(checks)


def of_strongest(run: object, name: str) -> Floats:
    """A value of the head with the largest prefix-matching score, by seed."""
    score, values = (run[which].stack(one=("layer", "head")) for which in ("prefix", name))  # type: ignore[index]
    return np.asarray(values.values[np.arange(score.sizes["seed"]), score.values.argmax(1)])
