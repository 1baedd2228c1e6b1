"""Claims on trainings under clamps with other classes, labels, heads and strengths."""

import itertools
from functools import partial

import numpy as np
import xarray as xr

from validation.checks import Check, between
from validation.ledger import Context, Finding, claim
from validation.singh import figures, settings
from validation.singh.falls import GUESS, HALF, fall, medians, together

of_network = partial(claim, level="network")
LONG = "takes an hour: use the full settings"
TENTH = 0.1


def _times(
    context: Context, of: dict[tuple[str, int], settings.NetworkTraining], part: str, level: float = HALF
) -> dict[int, np.ndarray]:
    """Times of a part by the number of classes or labels."""
    return {number: fall(context.of(training), level) for (name, number), training in of.items() if name == part}


def _rising(what: str, times: dict[int, np.ndarray], published: dict[int, float]) -> list[Check]:
    """Medians rise from one number to the next."""
    numbers = sorted(times)
    return [
        medians(f"{what}: {many} / {few}", times[many], times[few], published[many] / published[few])
        for few, many in itertools.pairwise(numbers)
    ]


@of_network("S42", "More classes, correlated: matching takes longer, copying does not",
            trainings=lambda full: [t for (part, _), t in settings.classes(full).items()
                                    if part in ("layer-0+copy", "match")])  # fmt: skip
def classes(context: Context) -> Finding:
    """S42 for the two single parts, at a loss of .1: 49, 67, 96 and 59, 61, 65 thousand for 50, 100, 200 classes."""
    of = settings.classes(context.full)
    matching = _times(context, of, "layer-0+copy", TENTH)
    copying = _times(context, of, "match", TENTH)
    checks = _rising("layer-0+copy (matching is left), classes", matching, {50: 49, 100: 67, 200: 96})
    checks.append(medians("match (copying is left), classes: 200 / 50", copying[200], copying[50], 65 / 59, 0.9, 1.1,
                          strict=False))  # fmt: skip
    return Finding(checks, why="Exemplars are correlated Gaussian vectors, cosine .8, not features of images.")


@of_network("S42b", "More classes, correlated: matching and copying together take longer, and everything does",
            trainings=lambda full: [t for (part, _), t in settings.classes(full).items()
                                    if part in ("layer-0", "none")],
            full_only=LONG)  # fmt: skip
def more_classes(context: Context) -> Finding:
    """S42: 71, 83, 92 and 290, 365, 397 thousand."""
    of = settings.classes(True)
    return Finding(
        [
            *_rising("layer-0, classes", _times(context, of, "layer-0"), {50: 71, 100: 83, 200: 92}),
            *_rising("none, classes", _times(context, of, "none"), {50: 290, 100: 365, 200: 397}),
        ],
        why="Exemplars are correlated Gaussian vectors, cosine .8, not features of images.",
    )


@of_network("S43", "More labels: copying takes longer, matching does not", figure=figures.labels,
            trainings=lambda full: [t for (part, _), t in settings.labels(full).items()
                                    if part in ("layer-0+copy", "match")])  # fmt: skip
def labels(context: Context) -> Finding:
    """S43: 29, 72, 104 thousand for 5, 10, 15 labels; curves of matching are published as identical: 15 % is ours."""
    of = settings.labels(context.full)
    copying, matching = (_times(context, of, part) for part in ("match", "layer-0+copy"))
    checks = _rising("match (copying is left), labels", copying, {5: 29, 10: 72, 15: 104})
    checks += [
        medians(f"layer-0+copy (matching is left), labels: {many} / 5", matching[many], matching[5], 1.0, 0.85, 1.15,
                strict=False)
        for many in (10, 15)
    ]  # fmt: skip
    times = {"match": copying, "layer-0+copy": matching}
    data = {part: (("K", "seed"), np.stack(list(found.values()))) for part, found in times.items()}
    return Finding(checks, xr.Dataset(data, {"K": list(copying)}))


@of_network("S43b", "More labels: matching and copying together take longer",
            trainings=lambda full: [t for (part, _), t in settings.labels(full).items() if part == "layer-0"],
            full_only=LONG)  # fmt: skip
def labels_of_two(context: Context) -> Finding:
    """S43: 71, 110, 143 thousand."""
    times = _times(context, settings.labels(True), "layer-0")
    return Finding(_rising("layer-0, labels", times, {5: 71, 10: 110, 15: 143}))


@of_network("S43c", "More labels: everything takes longer",
            trainings=lambda full: [t for (part, _), t in settings.labels(full).items() if part == "none"],
            full_only=LONG)  # fmt: skip
def labels_of_all(context: Context) -> Finding:
    """S43: 294, 842, 1375 thousand."""
    times = _times(context, settings.labels(True), "none")
    return Finding(_rising("none, labels", times, {5: 294, 10: 842, 15: 1375}))


@of_network("S44", "Not in every seed does everything take longer with 15 labels than with 10",
            trainings=lambda full: [t for (part, K), t in settings.labels(full).items() if part == "none" and K > 5],
            full_only=LONG)  # fmt: skip
def not_monotone(context: Context) -> Finding:
    """S44: reversed in three of eight; some, not most."""
    of = {key: training for key, training in settings.labels(True).items() if key[1] > 5}
    times = _times(context, of, "none")
    ten, fifteen = times[10], times[15]
    known = np.isfinite(ten) | np.isfinite(fifteen)  # one that never learnt is later than one that did
    later = np.where(np.isnan(ten), np.inf, ten) > np.where(np.isnan(fifteen), np.inf, fifteen)
    number = float(later[known].sum())
    return Finding([between(f"seeds of {known.sum()} where 10 labels take longer than 15", number, 1, known.sum() - 1,
                            "3 of 8")])  # fmt: skip


@of_network("S46", "Which previous-token head is clamped matters little, three are better, all eight hurt",
            trainings=lambda full: list(settings.previous(full).values()))  # fmt: skip
def heads(context: Context) -> Finding:
    """S46: none 292, one head 198, another 261, three 169, all 527 thousand; within 1.4 for one and another is ours."""
    half = {which: fall(context.of(training)) for which, training in settings.previous(context.full).items()}
    return Finding(
        [
            medians("another head / one head", half["another"], half["one"], 261 / 198, 1 / 1.4, 1.4, strict=False),
            medians("one head / three heads", half["one"], half["three"], 198 / 169),
            medians("all heads / none", half["all"], half["none"], 527 / 292),
        ]
    )


@of_network("S48", "An induction strength that is set speeds learning by its size, of either sign; a negative fails "
            "on held-out pairs of labels", figure=figures.strengths,
            trainings=lambda full: [settings.natural(False), *settings.strengths(full).values()])  # fmt: skip
def strengths(context: Context) -> Finding:
    """S48, the other heads free; held-out loss about 1 at strength -1, above 2 at intermediate ones; 1.4 is ours."""
    runs = {size: context.of(training) for size, training in settings.strengths(context.full).items()}
    half = {size: fall(run) for size, run in runs.items()}
    free = fall(context.of(settings.natural(False)))
    checks = [medians("strength 0 / no clamp", half[0.0], free, 1.0, 1 / 1.4, 1.4, strict=False)]
    sizes = sorted({abs(size) for size in half})
    for sign in (1, -1):
        checks += [
            medians(f"strength {sign * small:g} / {sign * large:g}", half[sign * small], half[sign * large], 1.0)
            for small, large in itertools.pairwise(sizes)
        ]
    for size in (size for size in runs if size < 0):
        last = runs[size]["labels_loss"].isel(step=-1).values
        least, expected = (HALF, "1.0") if size == -1 else (1.0, "above 2")
        checks.append(between(f"strength {size:g}: loss on held-out pairs of labels", last, least, np.inf, expected))
    last = runs[1.0]["labels_loss"].isel(step=-1).values
    checks.append(between("strength 1: loss on held-out pairs of labels", last, 0.0, GUESS, "small"))
    return Finding(checks, together(runs, "strength", "loss", "labels_loss"))
