"""Claims on two strategies that solve one task, in networks of a minute: bounds were chosen after such runs."""

import math
from functools import partial

import numpy as np
import xarray as xr

from validation.checks import Check, between, ordered
from validation.ledger import Context, Finding, claim
from validation.singh import strategy_figures as figures
from validation.singh.claims.competing import accuracy, at, emerged, no_icl, peak, way_round
from validation.singh.coopetition import SMALL_TESTS, in_small

in_seconds = partial(claim, level="network", exploratory=True)


def _runs(context: Context, *names: str) -> dict[str, xr.Dataset]:
    trainings = in_small()
    return {name: context.of(trainings[name]) for name in names}


def never(what: str, run: xr.Dataset, test: str) -> Check:
    """The accuracy of no seed is ever above .6, with the doubt of 512 sequences above .5: one that is refutes it."""
    return between(f"largest {what} of any seed", float(peak(run, test).max()), -math.inf, 0.6, "never above .5")


def _courses(runs: dict[str, xr.Dataset]) -> xr.Dataset:
    """Accuracies over training by run and test."""
    tests = xr.DataArray(list(SMALL_TESTS), dims="test", name="test")
    each = [xr.concat([accuracy(run, test) for test in SMALL_TESTS], tests) for run in runs.values()]
    joined = xr.concat(each, xr.DataArray(list(runs), dims="run", name="run"), join="inner")
    return joined.rename("accuracy").to_dataset()


@in_seconds("S64s", "In context is learnt, and stays, where the query is the exemplar in the context, not where it is "
            "another", trainings=lambda full: [in_small()[name] for name in ("same", "another")],
            figure=figures.strategies)  # fmt: skip
def matched(context: Context) -> Finding:
    """S64 in small."""
    runs = _runs(context, "same", "another")
    end = {name: at(run, "Flip") for name, run in runs.items()}
    return Finding(
        [
            between("Flip accuracy at the end", end["same"], 0.75, math.inf, 0.9),
            between("lost since the peak", peak(runs["same"], "Flip") - end["same"], -math.inf, 0.05, "stays"),
            ordered("Flip accuracy minus that with another exemplar", end["same"] - end["another"], ".87", margin=0.5),
        ],
        _courses(runs),
    )


@in_seconds("S65s", "With rotary positions in the place of learnt ones, nothing is learnt in context",
            trainings=lambda full: [in_small()[name] for name in ("same", "rotary")])  # fmt: skip
def rotary(context: Context) -> Finding:
    """S65 in small, for as long as learnt positions take twice."""
    runs = _runs(context, "same", "rotary")
    learnt = ordered("ICL accuracy at the end, learnt positions", at(runs["same"], "ICL"), "learnt", margin=0.8)
    return Finding([*no_icl(runs["rotary"]), learnt])


@in_seconds("S65t", "With sinusoidal positions in the place of learnt ones, nothing is learnt in context",
            trainings=lambda full: [in_small()[name] for name in ("same", "sinusoidal")])  # fmt: skip
def sinusoidal(context: Context) -> Finding:
    """S65 in small, for twice as long."""
    runs = _runs(context, "same", "sinusoidal")
    times = {name: 1e3 * emerged(run, "ICL", 0.7) for name, run in runs.items()}
    late = times["sinusoidal"]
    why = (
        f"{np.isfinite(late).sum()} of {late.size} seeds come to ICL = .7, the first after {late.min():.0f} thousand "
        f"sequences, learnt positions after {np.median(times['same']):.0f} in the median: late is not never."
    )
    return Finding([never("ICL accuracy", runs["sinusoidal"], "ICL")], why=why)


@in_seconds("S67s", "Without attention from labels to the previous token in layer 0 nothing is learnt in context",
            trainings=lambda full: [in_small()[name] for name in ("same", "forbidden")])  # fmt: skip
def previous_token(context: Context) -> Finding:
    """S67 in small."""
    runs = _runs(context, "same", "forbidden")
    return Finding(
        [
            never("Flip accuracy", runs["forbidden"], "Flip"),
            ordered("largest Flip accuracy, not forbidden", peak(runs["same"], "Flip"), "learnt", margin=0.75),
            ordered("CIWL accuracy at the end, forbidden", at(runs["forbidden"], "CIWL"), "learnt", margin=0.8),
        ],
        why=way_round(context, in_small()["forbidden"]),
    )  # fmt: skip


@in_seconds("S68s", "One layer learns where the label is in the context, and nothing in context",
            trainings=lambda full: [in_small()[name] for name in ("same", "one layer")])  # fmt: skip
def alone_in_weights(context: Context) -> Finding:
    """S68 in small."""
    runs = _runs(context, "same", "one layer")
    one, two = runs["one layer"], runs["same"]
    return Finding(
        [
            *no_icl(one),
            between("Flip accuracy at the end", at(one, "Flip"), -math.inf, 0.1, 0.02),
            ordered("CIWL accuracy at the end, minus that of two layers", at(one, "CIWL") - at(two, "CIWL"), "higher",
                    margin=0.1),
        ]
    )  # fmt: skip
