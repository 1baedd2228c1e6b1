"""Claims that compare whole scans: over sizes, tokens, vocabularies and sources, and on what comes after a training."""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np

from validation.checks import Check, between, ordered
from validation.hernandez import damage, settings
from validation.hernandez.damage import Floats
from validation.hernandez.scans import evaluated_of
from validation.ledger import Context, Finding, claim
from validation.trainings import NetworkTraining

of_network = partial(claim, level="network")
SIZES_COST = "24 cells of 4 seeds, about 2 hours on two cores"


def every(scans: Mapping[int, Mapping[int, NetworkTraining]]) -> list[NetworkTraining]:
    """All trainings of several scans."""
    return [training for one in scans.values() for training in one.values()]


def worst(context: Context, cells: Mapping[int, NetworkTraining]) -> Floats:
    """The ln of the worst number of repeats, by seed; the cell 0 is the control."""
    losses = {r: evaluated_of(context, training)["loss"].values for r, training in cells.items()}
    return damage.peak(*damage.logs({r: each for r, each in losses.items() if r}, losses[0]))


def slope(context: Context, scans: Mapping[int, Mapping[int, NetworkTraining]], x: Mapping[int, float]) -> Floats:
    """Slope of ln r* against ln x over scans, by seed."""
    stars = np.array([worst(context, cells) for cells in scans.values()])
    return np.asarray(np.polyfit(np.log([x[key] for key in scans]), stars, 1)[0])


def parameters(scans: Mapping[int, Mapping[int, NetworkTraining]], which: str) -> dict[int, float]:
    """Numbers of parameters of the networks of scans."""
    return {key: float(cells[0].network.sizes(cells[0].task)[which]) for key, cells in scans.items()}  # type: ignore[attr-defined]


@of_network("H4", "The worst number of repeats falls as the size of the network to the power -.5",
            full_only=SIZES_COST,
            trainings=lambda full: every(settings.over_sizes(full)))  # fmt: skip
def over_sizes(context: Context) -> Finding:
    """H4: -.50 and -.56 at the band's edges, N without embeddings."""
    scans = settings.over_sizes(context.full)
    return Finding([between("slope of ln r* against ln N", slope(context, scans, parameters(scans, "N")), -0.7, -0.35,
                            -0.53)])  # fmt: skip


@of_network("H4r", "The worst number of repeats falls as one over all parameters, as a ridge has it",
            full_only=SIZES_COST, trainings=lambda full: every(settings.over_sizes(full)))  # fmt: skip
def over_parameters(context: Context) -> Finding:
    """H4: T/p; flatter where a network is undertrained."""
    scans = settings.over_sizes(context.full)
    return Finding([between("slope of ln r* against ln p", slope(context, scans, parameters(scans, "p")), -1.3, -0.7,
                            -1.0)])  # fmt: skip


@of_network("H5", "The worst number of repeats grows as the number of tokens",
            full_only="18 cells of 4 seeds, two thirds of them two and four times as long: 4 hours on two cores",
            trainings=lambda full: every(settings.over_tokens(full)))  # fmt: skip
def over_tokens(context: Context) -> Finding:
    """H5: as for a ridge and for a capacity; for kinetics it is constant, for a ridge that is not reached between."""
    scans = settings.over_tokens(context.full)
    return Finding([between("slope of ln r* against ln T", slope(context, scans, {n: n for n in scans}), 0.75, 1.25,
                            1.0)])  # fmt: skip


@of_network("H9", "At a fixed number of repeats the damage dips over a range of sizes and recovers beyond",
            full_only=SIZES_COST,
            trainings=lambda full: every(settings.over_sizes(full)))  # fmt: skip
def dip_and_recovery(context: Context) -> Finding:
    """H9: at r = 256, from the narrowest to the widest."""
    losses = [
        np.log(evaluated_of(context, cells[256])["loss"].values / evaluated_of(context, cells[0])["loss"].values)
        for cells in settings.over_sizes(context.full).values()
    ]
    return Finding([ordered("r = 256: damage at the worst size minus that at the worse of the smallest and largest",
                            damage.above_ends(np.stack(losses, axis=1)), "above 0")])  # fmt: skip


@of_network("H20", "Of the parameters those of embeddings count too",
            full_only="12 cells of 4 seeds, about 90 minutes on two cores",
            trainings=lambda full: every(settings.over_vocabularies(full)))  # fmt: skip
def embeddings_count(context: Context) -> Finding:
    """H20: four times the vocabulary moves the worst r as T/p, with N as it is."""
    scans = settings.over_vocabularies(context.full)
    p = parameters(scans, "p")
    low, high = scans
    expected = math.log(p[low] / p[high])
    found = worst(context, scans[high]) - worst(context, scans[low])
    return Finding([between("ln of the worst r at 256 tokens over that at 64", found, 1.5 * expected, 0.5 * expected,
                            expected)])  # fmt: skip


@of_network("H22", "On another source the band is at the same place",
            full_only="12 cells of 4 seeds, about 90 minutes on two cores",
            trainings=lambda full: [*settings.second_source(full).values(),
                                    *settings.over_sizes(full)[settings.WIDTH].values()])  # fmt: skip
def second_source(context: Context) -> Finding:
    """H22: within a factor of 2."""
    here = worst(context, settings.over_sizes(context.full)[settings.WIDTH])
    there = worst(context, settings.second_source(context.full))
    return Finding([between("ln of the worst r there over here", there - here, -math.log(2), math.log(2), 0.0)])


@of_network("H19", "After a bad training a network learns other data worse than after a clean one, and than afresh",
            full_only="networks that learn to copy need the full settings: 10 minutes on two cores",
            trainings=lambda full: list(settings.recoveries(full).values()))  # fmt: skip
def recovery(context: Context) -> Finding:
    """H19: as the paper's fine-tuning on code; a linear model recovers in full."""
    loss = {name: evaluated_of(context, one)["loss"].values for name, one in settings.recoveries(context.full).items()}
    checks: list[Check] = [
        ordered(f"loss after a bad training minus that {words}", loss["worst"] - loss[name], "above 0")
        for name, words in (("clean", "after a clean one"), ("scratch", "from scratch"))
    ]
    return Finding(checks)
