"""Claims on trained self-attention layers beside steps of descent."""

import math
from functools import partial

import xarray as xr

import theory
from validation.checks import Check, between, near, ordered
from validation.ledger import Context, Finding, claim
from validation.oswald import settings
from validation.trainings import NetworkTraining

of_network = partial(claim, level="network")
N = d = 10


def _read(context: Context, training: NetworkTraining) -> xr.Dataset:
    from validation.oswald.analyses import beside_descent

    return context.of(training, beside_descent)


def _gap(found: xr.Dataset, kind: str, what: str) -> Check:
    """The network's loss minus that of descent, on the same tasks."""
    return between(what, (found["loss"] - found[f"{kind}_loss"]).values, -math.inf, 0.002, "none")


@of_network("O4", "A trained linear layer is one step of gradient descent: loss, implicit weights, step", headline=True,
            trainings=lambda full: [settings.one_layer(full)])  # fmt: skip
def one_layer(context: Context) -> Finding:
    """O4."""
    found = _read(context, settings.one_layer(context.full))
    return Finding(
        [
            _gap(found, "gd", "loss of the network minus that of one step, same tasks"),
            between("cosine of implicit weights", found["gd_cosine"].values, 0.998, 1.0, "near 1"),
            between("step read off the weights", found["a"].values, 0.596061, 0.616061, 0.606061),
        ],
        found,
    )


@of_network("O7", "Before training a layer is the zero predictor: implicit weights differ by 2.082 from one step's",
            trainings=lambda full: [settings.one_layer(full)])  # fmt: skip
def untrained(context: Context) -> Finding:
    """O7."""
    found = _read(context, settings.one_layer(context.full))
    return Finding(
        [
            near("difference of implicit weights", found["gd_weights_before"].values, 2.082, rel=0.02),
            near("difference of predictions", found["gd_predictions_before"].values, 0.486, rel=0.02),
        ]
    )


@of_network("O8", "Weights half-way between the trained layer and the construction lose nothing",
            trainings=lambda full: [settings.one_layer(full)])  # fmt: skip
def between_both(context: Context) -> Finding:
    """O8."""
    found = _read(context, settings.one_layer(context.full))
    more = (found["interpolated_loss"] - found["loss"]).values
    return Finding([between("loss half-way minus that of the network", more, -math.inf, 0.002, "none")])


@of_network("O9n", "Off its training data the trained layer follows the step: scaled inputs and tasks, corrupted "
            "labels, other lengths", trainings=lambda full: [settings.one_layer(full)])  # fmt: skip
def shifted(context: Context) -> Finding:
    """O9, O10, O11, O30 for the network, over theory with the step read off its weights."""
    found = _read(context, settings.one_layer(context.full))
    names = {"x_scale": "x_scale", "tau": "w_scale", "corrupted": "corrupted", "N": "test_N"}
    checks = []
    for option, name in names.items():
        for value in found[option].values:
            given = int(value) if option in ("corrupted", "N") else float(value)
            a = 1 / (settings.TASK.s * (N + d - 0.2))
            exact = theory.gd_loss(a, N=N, d=d, **{name: given})
            ratio = (found[f"over_{option}"].sel({option: value}) / exact).values
            checks.append(near(f"network / theory, {option} = {given:g}", ratio, 1.0, rel=0.05))
    return Finding(checks, found)


@of_network("O12n", "The transform read off a trained two-layer recurrent network is gamma = .176", headline=True,
            trainings=lambda full: [settings.two_layers(full)])  # fmt: skip
def transform(context: Context) -> Finding:
    """O12 for the network."""
    found = _read(context, settings.two_layers(context.full))
    return Finding(
        [
            between("gamma read off the weights", found["gamma"].values, 0.175985 - 0.005, 0.175985 + 0.005, 0.175985),
            near("a read off the weights", found["a"].values, 1.34957, rel=0.03),
        ]
    )


@of_network("O13n", "Two recurrent layers reach the loss of GD++, below that of two steps of descent",
            trainings=lambda full: [settings.two_layers(full)])  # fmt: skip
def two_layers(context: Context) -> Finding:
    """O13 for the network."""
    found = _read(context, settings.two_layers(context.full))
    return Finding(
        [
            between("loss of the network minus that of GD++, same tasks",
                    (found["loss"] - found["gd_plus_plus_loss"]).values, -0.003, 0.003, 0.0),
            ordered("loss of two steps of descent minus the network's", (found["gd_loss"] - found["loss"]).values,
                    "lower", margin=0.02),
        ]
    )  # fmt: skip


@of_network("O14n", "The trained two-layer network is near GD++, not near descent",
            trainings=lambda full: [settings.two_layers(full)])  # fmt: skip
def near_plus_plus(context: Context) -> Finding:
    """O14 for the network."""
    found = _read(context, settings.two_layers(context.full))
    return Finding(
        [
            ordered("cosine with GD++ minus with descent", (found["gd_plus_plus_cosine"] - found["gd_cosine"]).values,
                    "nearer to GD++", margin=0.02),
            ordered("difference of implicit weights from descent minus from GD++",
                    (found["gd_weights"] - found["gd_plus_plus_weights"]).values, "nearer to GD++", margin=0.3),
        ]
    )  # fmt: skip
