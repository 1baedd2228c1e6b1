"""The claim that the two-parameter head depends on the data as the network does."""

import math

import numpy as np
from scipy.stats import spearmanr

from validation.checks import between, resampled
from validation.ledger import Context, Finding, claim
from validation.protocols import Training
from validation.reddy.claims.data import HEAD, NETWORK, Study

EFFECT = 0.1  # of an accuracy over the values of an option


def _dependences(study: Study, full: bool) -> dict[str, list[Training]]:
    """The trainings along each option; the values of head and network differ, and are matched in their order."""
    Ks, Bs, steps = study.classes[full], study.copies[full], study.steps[full]
    # both have B = 0 and 1, in full runs 2
    found: dict[str, list[Training]] = {
        "K": [study.training(steps, K=K, B=1) for K in Ks],
        "B": [study.training(steps, K=Ks[-1], B=B) for B in Bs[: 3 if full else 2]],
    }
    return found | ({"eps": [*study.noisy(full)], "zipf": [*study.skewed(full)]} if full else {})


def _wanted(full: bool) -> list[Training]:
    every = [t for s in (HEAD, NETWORK) for several in _dependences(s, full).values() for t in several]
    return list({training.name: training for training in every}.values())


@claim("R13", "The two-parameter head, without attention to labels as such, depends on K and B, and in full runs on "
       "eps and zipf, as the network does", level="network", trainings=_wanted)  # fmt: skip
def same_trends(context: Context) -> Finding:
    """R13: rank correlation over the values of an option, wherever the network's accuracy depends on it."""
    checks, effects = [], 0
    pairs = zip(*(_dependences(study, context.full).items() for study in (HEAD, NETWORK)), strict=True)
    for (option, heads), (_, networks) in pairs:
        for test in ("IC", "IW_absent" if option == "zipf" else "IW"):
            head, network = (
                [context.of(training)[f"{test}_accuracy"].isel(step=-1).values for training in trainings]
                for trainings in (heads, networks)
            )
            if np.ptp([each.mean() for each in network]) < EFFECT:
                continue
            effects += 1

            def rank(*groups: np.ndarray, number: int = len(heads)) -> float:
                means = [group.mean() for group in groups]
                return float(spearmanr(means[:number], means[number:]).statistic)

            what = f"rank correlation of {test}, head and network, along {option}"
            checks.append(resampled(what, rank, [*head, *network], 0.7, math.inf, "same trend"))
    return Finding([between("dependences of the network, an accuracy by .1", effects, 2, math.inf, "several"), *checks])
