"""Claims on two strategies that solve one task, at the paper's size: in context (ICL), and in weights, where the label
is in the context (CIWL).

Accuracies are among the labels of the context. Times and heights of the paper are those of other exemplars: what is
asked for is their order. Bounds are ours, numbers expected the paper's.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from validation.checks import Check, between, ordered
from validation.ledger import Claim, Context, Finding, claim
from validation.protocols import Training
from validation.singh import coopetition as settings
from validation.trainings import NetworkTraining

Measure = Callable[[Context], Finding]
WHOLE = settings.SNAPSHOTS[-1] + settings.LATE  # of the standard training, with the one that follows on it
Wanted = Training | Mapping[Any, Training]


def slow(
    id: str, statement: str, *makers: Callable[[], Wanted], millions: float, layers: int = 2
) -> Callable[[Measure], Claim]:
    """A claim on trainings that are made by functions, together so many million sequences long."""

    def wanted(full: bool) -> list[Training]:
        made = [make() for make in makers]
        return [one for each in made for one in (each.values() if isinstance(each, Mapping) else (each,))]

    return claim(id, statement, level="network", trainings=wanted, full_only=settings.hours(millions, layers))


def accuracy(run: xr.Dataset, test: str = "") -> xr.DataArray:
    """Accuracy among the labels of the context (seed, step) on a test, or on data as in training; steps in millions."""
    found = run[f"{test}_context_accuracy" if test else "context_accuracy"].transpose("seed", "step")
    return found.assign_coords(step=found.step * settings.BATCH / 1e6)


def peak(run: xr.Dataset, test: str) -> np.ndarray:
    """The largest accuracy of every seed."""
    return np.asarray(accuracy(run, test).max("step"))


def at(run: xr.Dataset, test: str, millions: float = math.inf) -> np.ndarray:
    """The accuracy of every seed after so many sequences, or at the end."""
    found = accuracy(run, test)
    return np.asarray(found.sel(step=slice(None, millions + 1e-6)).isel(step=-1))


def emerged(run: xr.Dataset, test: str, level: float) -> np.ndarray:
    """Millions of sequences until the accuracy of every seed is above a level; inf if it never is."""
    found = accuracy(run, test)  # begins at one half: give more
    above = (found > level).values
    return np.where(above.any(1), found.step.values[above.argmax(1)], np.inf)


def no_icl(run: xr.Dataset, what: str = "") -> list[Check]:
    """ICL stays at chance and Flip below one half, while CIWL is learnt."""
    return [
        between(f"{what}largest ICL accuracy", peak(run, "ICL"), -math.inf, 0.6, 0.5),
        ordered(f"{what}CIWL accuracy at the end", at(run, "CIWL"), "learnt", margin=0.8),
    ]


@slow("S52", "In-context learning emerges and fades, and context-constrained in-weights learning takes over",
      settings.standard, millions=WHOLE)  # fmt: skip
def transient(context: Context) -> Finding:
    """S52, over the first 20 million sequences."""
    run = context.of(settings.standard())
    run = run.sel(step=slice(None, settings.steps(settings.LATE)))
    top = accuracy(run, "Flip").argmax("step")
    then = np.asarray(accuracy(run, "CIWL").isel(step=top))
    return Finding(
        [
            ordered("largest Flip accuracy", peak(run, "Flip"), ".71", margin=0.5),
            between("Flip accuracy at 20 million", at(run, "Flip"), -math.inf, 0.25, 0.033),
            ordered("largest ICL accuracy", peak(run, "ICL"), ".89", margin=0.6),
            ordered("largest ICL accuracy minus that at 20 million", peak(run, "ICL") - at(run, "ICL"), ".29",
                    margin=0.1),
            ordered("CIWL accuracy at 20 million minus at the peak of Flip", at(run, "CIWL") - then, ".4", margin=0.1),
        ]
    )  # fmt: skip


@slow("S53", "After 64 million sequences the network answers from its weights", settings.standard, millions=WHOLE)
def asymptotic(context: Context) -> Finding:
    """S53, its first half."""
    run = context.of(settings.standard())
    return Finding(
        [
            between("accuracy", at(run, ""), 0.95, math.inf, 0.9862),
            between("CIWL accuracy", at(run, "CIWL"), 0.95, math.inf, 0.9874),
            between("Flip accuracy", at(run, "Flip"), -math.inf, 0.05, 0.0146),
        ]
    )


@slow("S53b", "After 320 million too, and still only where the label is in the context", settings.longest,
      millions=320)  # fmt: skip
def after_longest(context: Context) -> Finding:
    """S53, its second half: the largest of all logits counts, but for ICL."""
    run = context.of(settings.longest())
    end = run.transpose("seed", "step", ...).isel(step=-1)
    return Finding(
        [
            between("accuracy", end["accuracy"].values, 0.97, math.inf, 0.9946),
            between("CIWL accuracy", end["CIWL_accuracy"].values, 0.97, math.inf, 0.9948),
            between("Flip accuracy", end["Flip_accuracy"].values, -math.inf, 0.03, 0.0054),
            between("ICL accuracy", at(run, "ICL"), 0.35, 0.6, 0.466),
            between("accuracy without the label in the context", end["IWL_accuracy"].values, -math.inf, 0.01, 0.0008),
        ]
    )


def _paths(context: Context) -> xr.DataArray:
    from validation.singh.strategies import routes

    return context.of(settings.standard(), routes)["accuracy"]


@slow("S54", "At the end layer 0 acts on the output only through what layer 1 attends to and reads", settings.standard,
      millions=WHOLE)  # fmt: skip
def through_layer_1(context: Context) -> Finding:
    """S54."""
    found = _paths(context)
    lost = {path: (found.sel(path="all") - found.sel(path=path)).values for path in found.path.values}
    return Finding(
        [
            between("CIWL accuracy lost if layer 0 acts through queries, keys and values alone", lost["routing alone"],
                    -math.inf, 0.02, 0.0026),
            between("lost if only queries are without layer 0", lost["not queries"], -math.inf, 0.1, 0.033),
            ordered("lost if only keys are", lost["not keys"], ".41", margin=0.2),
            ordered("lost if only values are", lost["not values"], ".40", margin=0.2),
        ]
    )  # fmt: skip


@slow("S55", "The direct path from the embedding to the read-out is better than chance, and not needed",
      settings.standard, millions=WHOLE)  # fmt: skip
def direct_path(context: Context) -> Finding:
    """S55."""
    found = _paths(context)
    return Finding(
        [
            between("CIWL accuracy of the embedding alone", found.sel(path="embedding alone").values, 0.52, 0.8, 0.624),
            between("CIWL accuracy lost without it", (found.sel(path="all") - found.sel(path="not embedding")).values,
                    -math.inf, 0.05, 0.02),
        ]
    )  # fmt: skip


@slow("S56", "Every head of layer 1 copies what it attends to: alone, its answer follows its attention",
      settings.standard, millions=WHOLE)  # fmt: skip
def copied(context: Context) -> Finding:
    """S56: accuracy of a head alone by its attention to the target's label minus to the other."""
    from validation.singh.strategies import copiers

    found = context.of(settings.standard(), copiers)["accuracy"]
    by = [found.isel(difference=i).mean("head").values for i in (0, found.sizes["difference"] // 2, -1)]
    return Finding(
        [
            between("attention on the other label", by[0], -math.inf, 0.2, ".06 to .12"),
            between("attention on both alike", by[1], 0.4, 0.6, 0.5),
            between("attention on the target's label", by[2], 0.8, math.inf, ".88 to .95"),
        ]
    )


def _course(context: Context) -> xr.Dataset:
    from validation.singh.strategies import course

    found = context.of(settings.standard(), course)
    return found.sel(snapshot=slice(None, settings.steps(settings.LATE)))


@slow("S57", "On Flip every head of layer 1 first attends as in-context learning asks, then against it",
      settings.standard, millions=WHOLE)  # fmt: skip
def reversed_strength(context: Context) -> Finding:
    """S57."""
    strength = _course(context)["strength"]
    top = strength.isel(snapshot=strength.mean("head").argmax("snapshot"))
    return Finding(
        [
            ordered("strength of the weakest head at the peak", top.min("head").values, ".28", margin=0.1),
            between("strength of the strongest head at 20 million", strength.isel(snapshot=-1).max("head").values,
                    -math.inf, -0.25, -0.52),
        ]
    )  # fmt: skip


@slow("S58", "Layer 1 is conserved and layer 0 switches: late back halves learn in context behind early front halves",
      settings.standard, millions=WHOLE)  # fmt: skip
def conserved(context: Context) -> Finding:
    """S58, at the snapshot where the network's own ICL is best."""
    found = _course(context)
    own = found["own"].transpose("seed", "snapshot")
    top = own.isel(snapshot=own.argmax("snapshot"))
    grafted, end = found["late"].isel(snapshot=own.argmax("snapshot")), own.isel(snapshot=-1)
    return Finding(
        [
            between("ICL accuracy lost with the back half of 20 million at the peak", (top - grafted).values, -0.1, 0.1,
                    0.025),
            ordered("gained by the front half of the peak before that back half", (grafted - end).values, ".204",
                    margin=0.1),
        ]
    )  # fmt: skip


@slow("S59", "Label rows of layer 0 move from the previous token to themselves", settings.standard, millions=WHOLE)
def to_itself(context: Context) -> Finding:
    """S59, means over heads; from the snapshot where ICL is best to 20 million."""
    found = _course(context)
    top, end = found.isel(snapshot=found["own"].argmax("snapshot")), found.isel(snapshot=-1)
    mean = {name: (top[name].mean("head").values, end[name].mean("head").values) for name in ("self", "previous")}
    return Finding(
        [
            ordered("attention to themselves at 20 million minus at the peak", mean["self"][1] - mean["self"][0],
                    ".5", margin=0.2),
            ordered("to themselves at 20 million", mean["self"][1], "above .9", margin=0.8),
            ordered("to the previous token at the peak minus at 20 million", mean["previous"][0] - mean["previous"][1],
                    "positive", margin=0.1),
        ]
    )  # fmt: skip


def _end(losses: xr.DataArray) -> np.ndarray:
    """The last loss of every seed."""
    return np.asarray(losses.transpose("seed", "step").isel(step=-1))


@slow("S60", "In-context learning alone is slow, and fast before a back half that learnt both", settings.icl_alone,
      settings.standard, millions=64 + WHOLE)  # fmt: skip
def alone(context: Context) -> Finding:
    """S60: losses; ln 2 is that of guessing among the labels of the context."""
    from validation.singh.strategies import before_late

    before = context.of(settings.standard(), before_late)["loss"].isel(age=0)
    early = before.sel(step=slice(None, settings.steps(5)))
    return Finding(
        [
            ordered("loss of ICL alone after 64 million", _end(context.of(settings.icl_alone())["loss"]), ".77",
                    margin=0.9 * math.log(2)),
            between("loss before the frozen back half after 5 million", _end(early), -math.inf, 0.5, 0.3),
            between("after 20 million", _end(before), -math.inf, 0.25, 0.1),
        ]
    )  # fmt: skip


@slow("S61", "Only back halves of a certain age that learnt CIWL alone help in-context learning", settings.ciwl_alone,
      millions=32 + len(settings.AGES) * settings.BEHIND)  # fmt: skip
def of_an_age(context: Context) -> Finding:
    """S61: at 9.8 to 31.5 million they do, at 9.75 and 32 they do not."""
    from validation.singh.strategies import before_ciwl

    found, half = context.of(settings.ciwl_alone(), before_ciwl)["loss"], math.log(2) / 2
    checks = []
    for age in settings.AGES:
        helps = 9.8 <= age <= 31.5
        low, high = (-math.inf, half) if helps else (half, math.inf)
        said = "learnt" if helps else "not learnt"
        checks.append(between(f"loss before a back half of {age:g} million", _end(found.sel(age=age)), low, high, said))
    return Finding(checks)


@slow("S62", "Networks that learnt CIWL alone for a short time learn in context on the standard task, later ones not",
      settings.started, millions=sum(15 + start for start in settings.STARTS))  # fmt: skip
def from_ciwl(context: Context) -> Finding:
    """S62."""
    expected = {4: 0.89, 5: 0.88, 6: 0.76, 7: 0.44}
    runs = {start: context.of(run) for start, run in settings.started().items()}
    top = {start: peak(run.sel(step=slice(settings.steps(start), None)), "Flip") for start, run in runs.items()}
    checks = []
    for start, largest in top.items():
        low, high = (0.5, math.inf) if start <= 6 else (-math.inf, 0.5)
        what = f"largest Flip accuracy after {start} million of CIWL"
        checks.append(between(what, largest, low, high, expected.get(start, "none")))
    return Finding(checks)


@slow("S63", "The loss of CIWL has a divot when in-context learning emerges", settings.standard, millions=WHOLE)
def divot(context: Context) -> Finding:
    """S63: it falls below, and then rises above, before it falls for good.

    The largest rise of the logarithm of the loss, from the lowest value before, within the time in which the accuracy
    of Flip goes from its least to its largest, and as long after.
    """
    run = context.of(settings.standard())
    flip, loss = accuracy(run, "Flip").values, np.log(run["CIWL_loss"].transpose("seed", "step").values)
    rises = []
    for of_flip, of_loss in zip(flip, loss, strict=True):
        top = int(of_flip.argmax())
        least = int(of_flip[: top + 1].argmin())
        around = of_loss[least : 2 * top - least + 1]
        rises.append((around - np.minimum.accumulate(around)).max())
    return Finding([ordered("log of the rise after the dip", rises, "positive", margin=0.02)])


@slow("S64", "If the query is the exemplar in the context, in-context learning emerges earlier and stays",
      settings.matching, settings.standard, millions=WHOLE + settings.LATE)  # fmt: skip
def matched(context: Context) -> Finding:
    """S64 for two layers."""
    same, other = context.of(settings.matching()), context.of(settings.standard())
    sooner = np.log(emerged(other, "Flip", 0.6)) - np.log(emerged(same, "Flip", 0.6))
    return Finding(
        [
            between("Flip accuracy at 20 million", at(same, "Flip", settings.LATE), 0.75, math.inf, 0.9),
            ordered("minus that of other exemplars", at(same, "Flip", settings.LATE) - at(other, "Flip", settings.LATE),
                    ".87", margin=0.5),
            ordered("log of the time to Flip = .6, other exemplars over the same", sooner, "ln(3.4/2.5)"),
        ]
    )  # fmt: skip


@slow("S65", "With sinusoidal or rotary positions there is no in-context learning", settings.placed,
      millions=2 * settings.LATE)  # fmt: skip
def positions(context: Context) -> Finding:
    """S65."""
    return Finding([check for kind, run in settings.placed().items() for check in no_icl(context.of(run), f"{kind}: ")])


@slow("S66", "Fewer exemplars slow the fading, fewer classes weaken in-context learning", settings.varied,
      settings.standard, millions=WHOLE + 30 + 20 + 100)  # fmt: skip
def fewer(context: Context) -> Finding:
    """S66."""
    usual, runs = context.of(settings.standard()), settings.varied()
    five, twenty, least = (context.of(runs[key]) for key in ((12_800, 5), (1600, 20), (1600, 5)))
    return Finding(
        [
            ordered("Flip accuracy at 30 million, 5 exemplars minus 20", at(five, "Flip", 30) - at(usual, "Flip", 30),
                    ".1", margin=0.03),
            ordered("largest ICL accuracy, 12 800 classes minus 1600", peak(usual, "ICL") - peak(twenty, "ICL"), ".27",
                    margin=0.1),
            between("largest ICL accuracy of 1600 classes, 5 exemplars", peak(least, "ICL"), 0.45, 0.65, 0.55),
            between("accuracy without the label in the context: 1600 classes, 5 exemplars, 100 million",
                    np.asarray(least["IWL_accuracy"].transpose("seed", "step").isel(step=-1)), 0.01, 0.2, 0.05),
            between("and 20 exemplars", np.asarray(twenty["IWL_accuracy"].transpose("seed", "step").isel(step=-1)), 0.0,
                    0.01, "none"),
        ]
    )  # fmt: skip


def way_round(context: Context, training: NetworkTraining) -> str:
    """How in-context learning does without attention from labels to the token before, in words."""
    from validation.singh.strategies import blind

    found = context.of(training, blind)

    def said(name: str) -> str:
        return ", ".join(f"{value:.2f}" for value in found[name].values)

    return (
        f"Flip ends at {said('forbidden')} (by seed), and at {said('blind')} where the query's row of layer 0 may not "
        "attend to exemplars either: the query can find its exemplar there and pass its position on."
    )


@slow("S67", "Without attention from labels to the previous token in layer 0 there is no in-context learning; with "
      "fewer heads there it is late", settings.prevented, settings.standard,
      millions=WHOLE + 2 * settings.LATE)  # fmt: skip
def previous_token(context: Context) -> Finding:
    """S67; the three heads are the paper's, whose own they were is the seed's affair."""
    runs, usual = settings.prevented(), context.of(settings.standard())
    without, less = context.of(runs["forbidden"]), context.of(runs["fewer"])
    later = np.log(emerged(less, "Flip", 0.6)) - np.log(emerged(usual, "Flip", 0.6))
    return Finding(
        [
            between("largest Flip accuracy, forbidden", peak(without, "Flip"), -math.inf, 0.6, "never above .5"),
            ordered("largest Flip accuracy, three heads zeroed", peak(less, "Flip"), ".76", margin=0.5),
            ordered("log of the time to Flip = .6, three heads zeroed over none", later, "later"),
        ],
        why=way_round(context, runs["forbidden"]),
    )


@slow("S68", "One layer learns CIWL faster than two, and never in context", settings.one_layer, settings.standard,
      millions=WHOLE + settings.LATE)  # fmt: skip
def alone_in_weights(context: Context) -> Finding:
    """S68; strength is attention to the right label minus to the other, .8 and .2 in the paper."""
    run, two = context.of(settings.one_layer()), context.of(settings.standard())
    strength = np.mean([run[f"induction_0.{h}"].transpose("seed", "step").isel(step=-1) for h in range(8)], axis=0)
    sooner = np.log(emerged(two, "CIWL", 0.85)) - np.log(emerged(run, "CIWL", 0.85))
    return Finding(
        [
            *no_icl(run),
            between("Flip accuracy at the end", at(run, "Flip"), -math.inf, 0.1, 0.02),
            ordered("log of the time to CIWL = .85, two layers over one", sooner, "ln 2"),
            between("mean strength of the heads", strength, 0.4, 0.8, 0.6),
        ]
    )  # fmt: skip
