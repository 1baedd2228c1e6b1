"""Claims on transformers trained with repeats: where the damage is worst, how deep and how wide it is."""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np

from validation.checks import Check, between, ordered
from validation.hernandez import damage, scan_figures, settings
from validation.hernandez.scans import clean, evaluated_of, multiplier, scan, tokens_a_parameter
from validation.ledger import Context, Finding, claim
from validation.trainings import NetworkTraining

PUBLISHED_DEPTH = {0.1: (0.43, 0.5), 0.5: (0.1, 0.1)}  # N_eff/N at the worst number of repeats


def scanned(full: bool) -> list[NetworkTraining]:
    """Both main scans, and the control."""
    cells = [training for f in settings.SHARES for training in settings.scan(full, f).values()]
    return [*cells, settings.controls(full)[settings.width(full)]]


def with_sizes(full: bool) -> list[NetworkTraining]:
    """Both main scans, and all controls."""
    return [*scanned(full)[:-1], *settings.controls(full).values()]


of_scans = partial(claim, level="network", trainings=scanned)


@of_scans("H1", "Damage is not monotone in the number of repeats: worst in between, less at few and at very many",
          figure=scan_figures.repeats)  # fmt: skip
def non_monotone(context: Context) -> Finding:
    """H1."""
    scans = [scan(context, f) for f in settings.SHARES]
    checks = [
        ordered(f"f = {one.f:g}: damage at the worst r minus that at the worse end", damage.above_ends(one.damage()[1]),
                "above 0")
        for one in scans
    ]  # fmt: skip
    return Finding(checks, scan_figures.of_scans(scans, tokens_a_parameter(context)))


@of_scans("H2", "The worst number of repeats does not depend on the share of tokens that are repeated")
def share_does_not_matter(context: Context) -> Finding:
    """H2: as fresh tokens that act as a ridge have it; a market for capacity has ln 2.9 at al = .1."""
    return Finding([between("ln of the worst r at f = .5 over that at f = .1", _shift(context), -0.53, 0.53, 0.0)])


@of_scans("H2c", "The worst number of repeats rises with the share of tokens, as a market for capacity has it")
def share_matters(context: Context) -> Finding:
    """H2, the other side: al + f (1 - al) at al = .1 is .55 for f = .5 and .19 for .1."""
    rise = math.log(0.55 / 0.19)
    return Finding([between("ln of the worst r at f = .5 over that at f = .1", _shift(context), 0.53, math.inf, rise)])


def _shift(context: Context) -> damage.Floats:
    low, high = (damage.peak(*scan(context, f).damage()) for f in settings.SHARES)
    return high - low


@of_scans("H3", "Half of the damage is left at numbers of repeats that are 29 to 42 times apart")
def width_of_band(context: Context) -> Finding:
    """H3: on the logarithm of the loss; within one step of the scan, a factor of two to four, on either side."""
    found = {f: damage.band(*scan(context, f).damage()) for f in settings.SHARES}
    checks = [
        between(f"f = {f:g}: ln of the upper edge over the lower", values, math.log(29 / 2), math.log(42 * 2),
                "ln 29 to ln 42")
        for f, values in found.items()
    ]  # fmt: skip
    return Finding(checks, why=beyond(found, "An edge of the band lies beyond the scan at f = {}."))


def beyond(found: Mapping[float, damage.Floats], words: str) -> str:
    """What to say where numbers of a share lie beyond what was measured."""
    lost = [f"{f:g}" for f, values in found.items() if np.isnan(values).any()]
    return words.format(" and ".join(lost)) if lost else ""


@of_scans("H6", "At the worst number of repeats the repeated set has f p tokens, p all parameters")
def worst_set(context: Context) -> Finding:
    """H6 and H20, in place: r p/T = 1 within the factor of 3 that is unknown about the location."""
    ratio = math.log(tokens_a_parameter(context))
    checks = [
        between(f"f = {f:g}: ln of worst r over T/p", damage.peak(*scan(context, f).damage()) - ratio, -math.log(3),
                math.log(3), 0.0)
        for f in settings.SHARES
    ]  # fmt: skip
    return Finding(checks)


def ridge_ratio(f: float) -> float:
    """Squared error on the repeated set over that on fresh ones, at the worst point of a ridge."""
    return 1 / (1 + (1 - f) ** -0.5) ** 2


@of_scans("H7", "The damage is worst where the loss on the repeated set has collapsed", figure=scan_figures.memorised)
def memorised(context: Context) -> Finding:
    """H7: squared errors have the ratio .237 at f = .1 and .172 at .5; losses are held to them within a factor of 2."""
    checks: list[Check] = []
    scans = [scan(context, f) for f in settings.SHARES]
    for one in scans:
        ratio = {r: cell["repeated_loss"].values / cell["loss"].values for r, cell in one.cells.items()}
        few = next(r for r in ratio if r >= 4)
        checks += [
            between(f"f = {one.f:g}: loss on the repeated set over that on fresh tokens, at the worst r",
                    one.at_worst(ratio), 0.5 * ridge_ratio(one.f), 2 * ridge_ratio(one.f), ridge_ratio(one.f)),
            between(f"f = {one.f:g}: the same at r = {few}", ratio[few], 0.8, math.inf, "near 1"),
        ]  # fmt: skip
    return Finding(checks, scan_figures.of_scans(scans, tokens_a_parameter(context)))


@claim("H8", "At its worst a tenth of repeats costs half of the network, half of repeats nine tenths of it",
       level="network", trainings=with_sizes, figure=scan_figures.effective)  # fmt: skip
def depth(context: Context) -> Finding:
    """H8: effective over true size .43 to .50 and .10, within a factor of 2 of the range."""
    found, checks = depths(context), list[Check]()
    for f, values in found.items():
        low, high = PUBLISHED_DEPTH[f]
        expected = f"ln {low:g}" if low == high else f"ln {low:g} to ln {high:g}"
        checks.append(between(f"f = {f:g}: ln of effective over true size", values, math.log(low / 2),
                              math.log(min(high * 2, 1)), expected))  # fmt: skip
    return Finding(checks, scan_figures.of_sizes(context), why=beyond(found, BELOW))


BELOW = "At f = {} the loss is above that of the smallest control."


def depths(context: Context) -> dict[float, damage.Floats]:
    """The ln of effective over true size at the worst number of repeats, by share."""
    return {f: multiplier(context, scan(context, f).read("loss")) for f in settings.SHARES}


@claim("H8c", "The depth is that of a market for capacity, with the elasticity of the controls", level="network",
       trainings=with_sizes)  # fmt: skip
def depth_of_market(context: Context) -> Finding:
    """H8: x_min = al (1 - f)/(al + f (1 - al)), within a factor of 2."""
    al = damage.elasticity(*clean(context))
    found, checks = depths(context), []
    for f, values in found.items():
        expected = math.log(al * (1 - f) / (al + f * (1 - al)))
        checks.append(between(f"f = {f:g}: ln of effective over true size", values, expected - math.log(2),
                              min(expected + math.log(2), 0), expected))  # fmt: skip
    return Finding(checks, why=f"Controls have the elasticity {al:.3f}. {beyond(found, BELOW)}".strip())


@claim("H10", "At nine tenths of repeats there is a number at which the test loss goes down, up and down again; "
       "at half it hardly rises at any", level="network", figure=scan_figures.courses, exploratory=True,
       trainings=lambda full: [*settings.most(full).values(), *settings.scan(full, 0.5).values()])  # fmt: skip
def course(context: Context) -> Finding:
    """H10: a rise of 2 % or more and a fall after it; at f = .5 a rise of at most 5 %, as a ridge has it.

    Which number of repeats that is was seen first: the largest rise, where the loss ends high, is at another one.
    """
    most = {r: context.of(training) for r, training in settings.most(context.full).items()}
    half = {r: context.of(training) for r, training in settings.scan(context.full, 0.5).items()}
    turning, rising = (
        {r: np.array([damage.turns(each) for each in run["loss"].values]) for r, run in runs.items()}
        for runs in (most, half)
    )
    r = max(turning, key=lambda r: float(turning[r].min(axis=1).mean()))
    rise = max((each[:, 0] for each in rising.values()), key=lambda each: float(each.mean()))
    return Finding(
        [
            between(f"f = .9, r = {r}: rise of the test loss, relative", turning[r][:, 0], 0.02, math.inf, "a rise"),
            between(f"f = .9, r = {r}: fall after it, relative", turning[r][:, 1], 0.02, math.inf, "a fall"),
            between("f = .5: largest rise of the test loss, relative", rise, -math.inf, 0.05, "a plateau"),
        ],
        scan_figures.of_courses(most, half),
    )


@claim("H15", "One layer of attention is enough for it", level="network",
       trainings=lambda full: [*settings.shallow(full).values()])  # fmt: skip
def one_layer(context: Context) -> Finding:
    """H15: damage relative to the first cell, in which hardly anything is repeated."""
    runs = {r: evaluated_of(context, training) for r, training in settings.shallow(context.full).items()}
    first = next(iter(runs.values()))["loss"].values
    _, found = damage.logs({r: run["loss"].values for r, run in runs.items()}, first)
    return Finding([ordered("f = .5: damage at the worst r minus that at the worse end", damage.above_ends(found),
                            "above 0")])  # fmt: skip


@claim("H16", "At its worst the damage is larger than that of never training on those tokens", level="network",
       trainings=lambda full: [*scanned(full), *(settings.dropped(full, f) for f in settings.SHARES)])  # fmt: skip
def worse_than_dropping(context: Context) -> Finding:
    """H16: against a control that sees the fresh share alone, seed by seed."""
    checks = []
    for f in settings.SHARES:
        without = evaluated_of(context, settings.dropped(context.full, f))["loss"].values
        checks.append(ordered(f"f = {f:g}: ln of the loss at the worst r over that without these tokens",
                              np.log(scan(context, f).read("loss") / without), "above 0"))  # fmt: skip
    return Finding(checks)


@claim("H18", "On other data the damage is larger still", level="network", trainings=with_sizes)
def other_data(context: Context) -> Finding:
    """H18: an extra multiplier of .84 at f = .5 in the paper; on another chain only what is copied can be known."""
    one = scan(context, 0.5)
    here, there = (multiplier(context, one.read(name), name) for name in ("loss", "shifted_loss"))
    return Finding(
        [
            between("f = .5: ln of the multiplier on another chain over that on the same", there - here, -math.inf,
                    0.0, round(math.log(0.84), 3))
        ],
        why=beyond({0.5: there - here}, BELOW),
    )  # fmt: skip
