"""Claims on the network as it is: three phases, seeds, accuracy; and on a trained first layer in another network."""

import math
from functools import partial

import numpy as np
import xarray as xr

from validation.checks import Check, between, resampled
from validation.ledger import Context, Finding, claim
from validation.singh import figures, settings
from validation.singh.falls import GUESS, fall, loss_at, median, medians, together

of_network = partial(claim, level="network", trainings=lambda full: [settings.course(full)])
# published losses of one seed, by time in units of that at half of ln 2, 257 thousand sequences
PLATEAU = {100 / 257: 0.73, 150 / 257: 0.70}
END = 500 / 257  # there the loss is .038


@of_network("S23", "Three phases: a fast fall to just above ln 2, a plateau, a sigmoid drop",
            figure=figures.course)  # fmt: skip
def phases(context: Context) -> Finding:
    """S23."""
    run = context.of(settings.course(context.full))
    return Finding(three_phases(run), run[["loss"]])


def three_phases(run: xr.Dataset) -> list[Check]:
    """Times are in units of every seed's own half time; a tenth of ln 2 for the plateau is ours."""
    half = fall(run)
    checks = [
        between("loss at the start", loss_at(run, np.zeros_like(half)), 1.88, 2.06, 1.97),
        median("time at a loss of .8 over that at half of ln 2", fall(run, 0.8) / half, 0.19, 0.0, 0.3),
    ]
    checks += [
        between(f"loss at {share:.2f} of the time at half of ln 2", loss_at(run, share * half), 0.9 * GUESS,
                1.1 * GUESS, level)
        for share, level in PLATEAU.items()
    ]  # fmt: skip
    checks.append(between(f"loss at {END:.2f} of it", loss_at(run, END * half), 0.0, 0.1, 0.038))
    return checks


@of_network("S24", "The time of emergence varies with the seed of the initial parameters")
def seeds_differ(context: Context) -> Finding:
    """S24."""
    return Finding([spread_of(context.of(settings.course(context.full)))])


def spread_of(run: xr.Dataset) -> Check:
    """Published times at half of ln 2 are 257, 306, 261, 373, 489 thousand; half to twice their spread."""
    published = np.array([257, 306, 261, 373, 489])

    def spread(times: np.ndarray) -> float:
        return float(times.std(ddof=1) / times.mean())

    expected = spread(published)
    return resampled("standard deviation over seeds / mean of the time at half of ln 2", spread, [fall(run)],
                     expected / 2, 2 * expected, round(expected, 3))  # fmt: skip


@of_network("S26", "The final training accuracy is almost 1")
def accuracy(context: Context) -> Finding:
    """S26: published .9976 to .99999."""
    last = context.of(settings.course(context.full))["accuracy"].isel(step=-1).values
    return Finding([between("accuracy at the end", last, 0.9976, 1.0, "0.9976 to 0.99999")])


@of_network("S45", "A trained first layer is worth much to a network of its own seed, and little to another's",
            figure=figures.grafts)  # fmt: skip
def grafts(context: Context) -> Finding:
    """S45: published half times 20, and 215, 189 of others, where the network itself takes 255 thousand sequences."""
    from validation.singh.analyses_clamped import grafted

    training = settings.course(context.full)
    run, found = context.of(training), context.of(training, grafted)
    half = fall(run)
    own, another, third = (fall(found.sel(donor=name)) for name in ("own", "another", "a third"))
    checks = [
        median("own layer: time at half of ln 2 / without a graft", own / half, 20 / 255, 0.0, 0.25),
        between("own layer: loss at the start", found["loss"].sel(donor="own").isel(step=0).values, 0.0, 1.1 * GUESS,
                0.67),
        medians("other layers: time at half of ln 2 / own layer", np.concatenate([another, third]), own, 10, 2.0),
        medians("other layers: time at half of ln 2 / without a graft", np.concatenate([another, third]), half, 0.79,
                0.5, math.inf),
    ]  # fmt: skip
    donors = {name: found.sel(donor=name, drop=True) for name in found["donor"].values}
    return Finding(checks, together({"without": run, **donors}, "donor"))
