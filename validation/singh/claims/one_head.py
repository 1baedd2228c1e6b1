"""Claims on networks that are trained with one head of layer 1, or with two."""

import math
from functools import partial

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from validation.checks import between, ordered
from validation.ledger import Context, Finding, claim
from validation.protocols import Training
from validation.singh import head_figures, settings

LONG = "trains a network for every head, which takes half an hour: use the full settings"
of_network = partial(claim, level="network")
PAIR = math.log(1 + 50 / 273)  # 50 thousand sequences of 273 thousand


def _singles(full: bool) -> list[Training]:
    return [settings.natural(full), *settings.single(full).values()]


def learning_times(run: xr.Dataset) -> list[float]:
    """The first recorded step of every seed with a loss below 0.4 ln 2; inf, later than all, if there is none."""
    from validation.singh.measures import learning_time

    found = [learning_time(run.step.values.tolist(), run["loss"].sel(seed=seed).values.tolist()) for seed in run.seed]
    return [math.inf if censored else step for step, censored in found]


def times_alone(context: Context) -> xr.Dataset:
    """Learning time of all heads together, of every head alone, and strength of each in the network of all."""
    from validation.singh import analyses

    natural, singles = settings.natural(context.full), settings.single(context.full)
    seeds = list(natural.seeds)
    alone = np.array([learning_times(context.of(training).sel(seed=seeds)) for training in singles.values()])
    found = context.of(natural, analyses.single_heads).sel(head=list(singles))
    return found.assign(together=("seed", learning_times(context.of(natural))), alone=(("head", "seed"), alone))


@of_network("S34", "One head of layer 1 suffices, and takes longer than all together", trainings=_singles,
            figure=head_figures.alone_times)  # fmt: skip
def one_suffices(context: Context) -> Finding:
    """S34: 38 of 40 learn within the run, in the median of the heads after 1.6 times the time of all."""
    found = times_alone(context)
    ratio = (found["alone"].median("head") / found["together"]).values
    return Finding(
        [
            between("share of the heads that learn alone", np.isfinite(found["alone"].values).mean(0), 0.8, math.inf,
                    "38 of 40"),
            ordered("log of the median time of a head alone over that of all", np.log(ratio), "ln 1.6",
                    margin=math.log(1.1)),
        ],
        found,
    )  # fmt: skip


@of_network("S35", "The strongest heads of a network are not those that learn fastest alone", trainings=_singles,
            figure=head_figures.alone_times, full_only=LONG)  # fmt: skip
def other_order(context: Context) -> Finding:
    """S35: rank correlations of .26 and .60 for two seeds."""
    found = times_alone(context)
    rank = [float(spearmanr(found["strength"].sel(seed=s), -found["alone"].sel(seed=s)).statistic) for s in found.seed]
    return Finding([between("rank correlation of strength with speed alone", rank, -1, 0.8, ".26 and .60")], found)


@of_network("S36", "The strongest head with one other learns about when all do",
            trainings=lambda full: [settings.natural(True), *settings.beside().values()], full_only=LONG)  # fmt: skip
def with_another(context: Context) -> Finding:
    """S36: within 50 of 273 thousand sequences; of the pairs with the active head, those with the seed's strongest."""
    from validation.singh import analyses

    natural = settings.natural(True)
    strongest = context.of(natural, analyses.single_heads)["strength"].argmax("head").values
    pairs = {other: learning_times(context.of(training)) for other, training in settings.beside().items()}
    ratio = []
    for i, (best, together) in enumerate(zip(strongest, learning_times(context.of(natural)), strict=True)):
        counted = [times[i] for other, times in pairs.items() if best in (other, settings.ACTIVE[1])]
        ratio.append(math.log(float(np.median(counted)) / together))
    return Finding([between("log of the time of the pair over that of all", ratio, -PAIR, PAIR, 0.0)])


@of_network("S50b", "Strength says less of how fast a head learns alone than of how accurate it is alone",
            trainings=_singles, figure=head_figures.alone_times, full_only=LONG)  # fmt: skip
def weakly_with_time(context: Context) -> Finding:
    """S50: over the heads of each seed."""
    found = times_alone(context)

    def size(name: str) -> np.ndarray:
        each = [spearmanr(found["strength"].sel(seed=s), found[name].sel(seed=s)).statistic for s in found.seed]
        return np.abs(each)

    less = size("alone_accuracy") - size("alone")
    return Finding([ordered("size of the rank correlation with accuracy minus with time", less, "larger")], found)
