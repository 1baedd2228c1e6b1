"""Claims on what the network trained as it is does on new sequences, and on what layer 0 does for layer 1."""

import math
from functools import partial

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from validation.checks import Check, between, ordered
from validation.curves import crossing
from validation.ledger import Context, Finding, claim
from validation.singh import head_figures, settings

of_network = partial(claim, level="network", trainings=lambda full: [settings.course(full)])
HALF = math.log(2) / 2


def _steps_below(run: xr.Dataset, name: str, level: float) -> np.ndarray:
    """The first step of each seed with a loss below a level; nan if there is none."""
    steps = [crossing(run.step, -run[name].sel(seed=seed), -level) for seed in run.seed]
    return np.where(np.isfinite(steps), steps, np.nan)


def _generalising(run: xr.Dataset, name: str, than: str, loss: float, later: str, higher: str) -> list[Check]:
    """The last loss on a test, when it is below half of ln 2, and the last loss beside another."""
    last = run.isel(step=-1)
    steps = _steps_below(run, f"{name}_loss", HALF) / _steps_below(run, "loss", HALF)
    return [
        between("last loss", last[f"{name}_loss"].values, 0, HALF, loss),
        ordered("log of the step of half of ln 2 over that as in training", np.log(steps), later),
        ordered(f"log of the last loss over that {'on held-out pairs' if than == 'labels_loss' else 'as in training'}",
                np.log((last[f"{name}_loss"] / last[than]).values), higher),
    ]  # fmt: skip


@of_network("S25", "The network generalises to held-out pairs of labels, later and to a higher loss than trained ones",
            figure=head_figures.generalisation)  # fmt: skip
def held_out_labels(context: Context) -> Finding:
    """S25: .03 and 313 thousand sequences, against .006 and 257."""
    run = context.of(settings.course(context.full))[["loss", "labels_loss", "classes_loss"]]
    return Finding(_generalising(run, "labels", "loss", 0.03, "ln 1.22", "ln 5"), run)


@of_network("S25b", "It generalises to unseen classes, later than as in training and to a higher loss than on held-out "
            "pairs of labels", figure=head_figures.generalisation)  # fmt: skip
def unseen_classes(context: Context) -> Finding:
    """S25: .126 and 308 thousand sequences; of features of images, and Gaussian vectors are none."""
    run = context.of(settings.course(context.full))[["loss", "labels_loss", "classes_loss"]]
    found = _unseen(context).mean("seed")
    why = (
        f"Of the squared length of an unseen vector {float(found['share']):.2f} lies within the span of the trained "
        f"ones; its part there, made as long as the whole, has a loss of {float(found['within']):.2g}, the rest of "
        f"{float(found['across']):.2g}."
    )
    return Finding(_generalising(run, "classes", "labels_loss", 0.126, "ln 1.20", "ln 4"), run, why)


def _unseen(context: Context) -> xr.Dataset:
    from validation.singh import analyses

    return context.of(settings.course(context.full), analyses.unseen)


@of_network("S25c", "It generalises to unseen classes within the span of the trained ones, and not across it",
            exploratory=True)  # fmt: skip
def within_the_span(context: Context) -> Finding:
    """Stated after S25b had been seen."""
    found = _unseen(context)
    return Finding(
        [
            between("last loss within the span", found["within"].values, 0, 2 * HALF, "below ln 2, guessing"),
            between("last loss across it", found["across"].values, 2 * HALF, math.inf, "above"),
        ]
    )


def contributions(context: Context) -> xr.Dataset:
    """What both layers do for the output over training, and at a third of the step of ln 2, at it, and at the end."""
    from validation.singh import analyses, measures

    training = settings.course(context.full)
    found = context.of(training, analyses.paths)
    plateau = _steps_below(context.of(training), "loss", math.log(2))
    out = xr.Dataset({"loss": found["loss"], "accuracy": found["accuracy"],
                      "direct_accuracy": found["direct_accuracy"]})  # fmt: skip
    at = xr.DataArray(np.stack([plateau / 3, plateau, np.full(len(plateau), float(found.snapshot[-1]))]),
                      dims=("when", "seed"), coords={"when": ["early", "plateau", "end"]})  # fmt: skip
    for name in ("direct", "last"):
        more = measures.layer_contribution(found[f"{name}_loss"], found["loss"])
        out[name] = (found["loss"].dims, more)
        curves = out[name].transpose("seed", "snapshot").values
        read = [np.interp(at.isel(seed=i), found.snapshot, curve, left=np.nan) for i, curve in enumerate(curves)]
        out[f"{name}_at"] = (("when", "seed"), np.stack(read, axis=1))
    return out.assign(at=at)


@of_network("S27", "At the end layer 0 has no direct effect on the output", figure=head_figures.contributions)
def no_direct_path(context: Context) -> Finding:
    """S27: accuracies fall by .0001 to .0026."""
    found = contributions(context)
    lost = (found["accuracy"] - found["direct_accuracy"]).isel(snapshot=-1).values
    return Finding([between("accuracy lost without the direct path", lost, -0.01, 0.01, ".0001 to .0026")], found)


@of_network("S28", "Layer 0 helps the output directly early and on the plateau, and no longer at the end; layer 1 "
            "does so more at the end", figure=head_figures.contributions)  # fmt: skip
def early_direct_path(context: Context) -> Finding:
    """S28: early is a third of the step at which the loss is ln 2, which is on the plateau."""
    found = contributions(context)
    direct, last = ({when: found[name].sel(when=when).values for when in ("early", "plateau", "end")}
                    for name in ("direct_at", "last_at"))  # fmt: skip
    return Finding(
        [
            ordered("loss by which layer 0 helps directly, early", direct["early"], ".17", margin=0.02),
            ordered("the same on the plateau", direct["plateau"], ".10", margin=0.02),
            between("the same at the end", direct["end"], -0.02, 0.02, 0.0),
            ordered("early minus plateau", direct["early"] - direct["plateau"], ".07"),
            ordered("loss by which layer 1 helps on the plateau", last["plateau"], ".4", margin=0.05),
            ordered("the same at the end minus on the plateau", last["end"] - last["plateau"], "1.5", margin=0.5),
        ],
        found,
    )


def _feeding(context: Context) -> xr.Dataset:
    from validation.singh import analyses

    return context.of(settings.course(context.full), analyses.feeding)


@of_network("S37", "Heads of layer 0 that attend to the previous token act through keys of layer 1, the others through "
            "its values", figure=head_figures.routes)  # fmt: skip
def routes(context: Context) -> Finding:
    """S37: three heads of one seed give .9985 and .699, the other five .343 and .993."""
    found = _feeding(context)
    each = {name: found[name].values for name in map(str, found.data_vars) if "_" in name and found[name].ndim == 1}
    return Finding(
        [
            ordered("three previous-token heads zeroed: accuracy with A held minus with v held",
                    each["previous_A"] - each["previous_v"], ".30", margin=0.1),
            between("the same: accuracy with A held", each["previous_A"], 0.9, math.inf, 0.9985),
            ordered("the same: only queries damaged minus only keys", each["previous_vk"] - each["previous_vq"],
                    "keys"),
            ordered("the other heads zeroed: accuracy with v held minus with A held",
                    each["rest_v"] - each["rest_A"], ".65", margin=0.1),
            between("the same: accuracy with v held", each["rest_v"], 0.9, math.inf, 0.993),
        ],
        found,
    )  # fmt: skip


def share_of_many(effects: np.ndarray) -> np.ndarray:
    """Over how many of the last axis positive effects are spread, (sum x)^2 / sum x^2."""
    x = np.maximum(effects, 0)
    return np.asarray(x.sum(-1) ** 2 / (x**2).sum(-1))


@of_network("S38", "Heads of both layers are wired many to many, and composition scores at the beginning do not tell "
            "which", figure=head_figures.wiring)  # fmt: skip
def wired(context: Context) -> Finding:
    """S38: effects of zeroing a head of layer 0 on one of layer 1, through keys (and queries) and through values."""
    found = _feeding(context)
    by_keys, by_values = (found[name].transpose("seed", "writer", "reader").values for name in ("by_keys", "by_values"))
    order = np.argsort(-found["previous"].values, axis=1)[:, :3]
    best = np.take_along_axis(by_keys, order[..., None], axis=1)
    first = found["first_scores"].transpose("channel", "seed", "writer", "reader")

    def told(channel: str, effects: np.ndarray) -> list[float]:
        pairs = zip(first.sel(channel=channel).values, effects, strict=True)
        return [float(spearmanr(a.ravel(), b.ravel()).statistic) for a, b in pairs]

    return Finding(
        [
            ordered("heads of layer 1 that a previous-token head feeds by keys, mean", share_of_many(best).mean(1),
                    "several", margin=1.5),
            ordered("heads of layer 0 that feed a head of layer 1 by keys, mean",
                    share_of_many(by_keys.swapaxes(1, 2)).mean(1), "several", margin=1.5),
            between("rank correlation of first composition scores with effects, keys", told("k", by_keys), -0.3, 0.3,
                    "none"),
            between("the same, values", told("v", by_values), -0.3, 0.3, "none"),
        ],
        found,
    )  # fmt: skip
