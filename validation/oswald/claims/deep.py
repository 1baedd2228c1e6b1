"""Claims on networks that take long: pairs in two tokens, which must be copied first, sine waves, and five layers."""

from functools import partial

import numpy as np
import xarray as xr

import theory
from minimodels.measure import first_time_above
from validation.checks import Check, between, near, ordered
from validation.ledger import Context, Finding, claim
from validation.oswald import figures, settings
from validation.trainings import NetworkTraining

of_network = partial(claim, level="network")
LONG = "takes hours: use the full settings"
ZERO, BEST = (getattr(theory.gd_optimum(10, 10), name) for name in ("zero_loss", "loss"))
START, LAST = 1, 50_000  # steps of the trainings with two tokens


def _copied(context: Context, steps: int) -> xr.Dataset:
    from validation.oswald.copying import copied

    return context.of(settings.two_tokens(steps), copied)


def _untrained(found: xr.Dataset) -> list[Check]:
    return [
        near("loss before training", found["loss_before"].values, 0.917, rel=0.01),
        near("sensitivity to the own token before training", found["own"].sel(snapshot=0).values, 3.162, rel=0.02),
    ]


@of_network("O20i", "Before training a network of two tokens a pair loses .917, half the square of its position code "
            "more than zero, and a token is sensitive to itself by sqrt(d) = 3.162",
            trainings=lambda full: [settings.two_tokens(START)])  # fmt: skip
def untrained(context: Context) -> Finding:
    """O20 without its training."""
    return Finding(_untrained(_copied(context, START)))


@of_network("O20", "Two layers on pairs in two tokens begin at .917 and come to the loss of one step, .2062",
            trainings=lambda full: [settings.two_tokens(LAST)], full_only=LONG)  # fmt: skip
def two_tokens(context: Context) -> Finding:
    """O20."""
    found = _copied(context, LAST)
    return Finding([*_untrained(found), near("loss", found["loss"].values, 0.2062, rel=0.03)])


@of_network("O20c", "The first layer copies the next token, by position, before the loss drops to that of one step",
            trainings=lambda full: [settings.two_tokens(LAST)], figure=figures.copying,
            full_only=LONG)  # fmt: skip
def copying(context: Context) -> Finding:
    """O20, the paper's account of it (specification, section 8), with the sharper test: x alone, others without k + 1.

    Half of the rise of the next token's sensitivity against half of the drop from zero's loss to that of one step.
    """
    training, found = settings.two_tokens(LAST), _copied(context, LAST)
    run, end = context.of(training), found.isel(snapshot=-1)
    rise = [first_time_above(found.snapshot, each, each[-1] / 2) for each in found["x_next"].values]
    drop = [first_time_above(run.step, -each, -(ZERO + BEST) / 2) for each in run["loss"].values]
    return Finding(
        [
            ordered("step of the drop minus step of the rise", np.array(drop) - rise, "the rise first"),
            ordered("sensitivity to the next token minus to others, at the end",
                    (end["x_next"] - end["x_other"]).values, "positive"),
            ordered("loss without the shift of positions minus with it", (found["loss_without"] - found["loss"]).values,
                    "positive"),
        ],
        found.merge(run[["loss"]].rename(loss="course")),
    )  # fmt: skip


def _last_loss(context: Context, training: NetworkTraining) -> np.ndarray:
    return np.asarray(context.of(training)["loss"].isel(step=-1))


SINE = 0.006  # the top of the paper's axis
TWIN = 0.1  # eta of the twin's step


@of_network("O29n", "Self-attention behind an embedding learns sine waves in context, of one parameter as amplitude "
            "and phase share their key: its loss falls below .006",
            trainings=lambda full: [settings.sine(full)])  # fmt: skip
def sine_network(context: Context) -> Finding:
    """O29 for the network alone."""
    values = _last_loss(context, settings.sine(context.full))
    return Finding([between("loss", values, 0.0, SINE, "below .006")])


@of_network("O29", "On sine waves self-attention behind an embedding answers as an embedding with one fixed step of "
            "descent does, both at a loss below .006",
            trainings=lambda full: [settings.sine(True), settings.sine(True, eta=TWIN)], figure=figures.twins,
            full_only=LONG)  # fmt: skip
def sine_twins(context: Context) -> Finding:
    """O29: answers on the same tasks, beside the top of the paper's axis, .08."""
    from validation.oswald.embedded import answers

    both = settings.sine(True), settings.sine(True, eta=TWIN)
    net, twin = (context.of(training, answers) for training in both)
    apart = abs(net["prediction"] - twin["prediction"]).mean("task")
    courses = {f"loss_{name}": context.of(training)["loss"] for name, training in zip(("network", "twin"), both,
                                                                                      strict=True)}  # fmt: skip
    return Finding(
        [
            between("loss of the network", net["loss"].values, 0.0, SINE, "below .006"),
            between("loss of the twin", twin["loss"].values, 0.0, SINE, "below .006"),
            between("difference of predictions", apart.values, 0.0, 0.08, "below .08"),
        ],
        xr.Dataset(courses),
    )


@of_network("O34", "Five linear layers with weights of their own lose about .015",
            trainings=lambda full: [settings.five_layers()], full_only=LONG)  # fmt: skip
def five_layers(context: Context) -> Finding:
    """O34: within a factor of two."""
    return Finding([between("loss", _last_loss(context, settings.five_layers()), 0.0075, 0.03, 0.015)])
