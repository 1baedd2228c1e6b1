"""The claims on the course of the network and on clamps with correlated exemplars, as features of images are."""

from functools import partial

import xarray as xr

from validation.ledger import Context, Finding, claim
from validation.singh import figures, settings
from validation.singh.claims.clamped import in_order, in_order_within, level, of_shapes
from validation.singh.claims.natural import spread_of, three_phases
from validation.singh.falls import together

of_six = partial(claim, level="network", trainings=lambda full: list(settings.six_correlated(full).values()))
# the cosine was chosen for the course of the network as it is; bounds are those of the claims without "r"
of_natural = partial(claim, level="network", trainings=lambda full: [settings.natural_correlated(full)],
                     exploratory=True)  # fmt: skip


def runs_of(context: Context) -> dict[str, xr.Dataset]:
    """The six runs."""
    return {part: context.of(training) for part, training in settings.six_correlated(context.full).items()}


@of_natural("S23r", "With correlated exemplars: a fast fall to just above ln 2, a plateau, a sigmoid drop",
            figure=figures.course_correlated)  # fmt: skip
def phases(context: Context) -> Finding:
    """S23 with exemplars of cosine .5."""
    run = context.of(settings.natural_correlated(context.full))
    return Finding(three_phases(run), run[["loss"]])


@of_natural("S24r", "With correlated exemplars the time of emergence varies with the seed")
def seeds_differ(context: Context) -> Finding:
    """S24 with exemplars of cosine .5."""
    return Finding([spread_of(context.of(settings.natural_correlated(context.full)))])


@of_six("S39r", "With correlated exemplars: layer-0+copy < match < copy < layer-0 < step-1 < none",
        headline=True, figure=figures.six_correlated)  # fmt: skip
def order(context: Context) -> Finding:
    """S39 with exemplars of cosine .5."""
    runs = runs_of(context)
    return Finding(in_order(runs), together(runs, "part"))


@of_six("S40r", "With correlated exemplars the same order within runs of one seed")
def order_within(context: Context) -> Finding:
    """S40 with exemplars of cosine .5."""
    return Finding(in_order_within(runs_of(context)))


@of_six("S41r", "With correlated exemplars: one part left decays, two fall in a sigmoid, three wait and jump",
        figure=figures.shapes_correlated)  # fmt: skip
def shapes(context: Context) -> Finding:
    """S41 with exemplars of cosine .5."""
    runs = runs_of(context)
    return Finding(of_shapes(runs), together(runs, "part").assign(level=("part", [level(part) for part in runs])))
