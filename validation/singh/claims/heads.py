"""Claims on the heads of layer 1 of the network trained as it is: many form together, graded, and add up."""

import math
from functools import partial

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from validation.checks import Check, between, ordered, resampled
from validation.ledger import Context, Finding, claim
from validation.singh import head_figures, settings

of_network = partial(claim, level="network", trainings=lambda full: [settings.course(full)])


def of_heads(context: Context) -> xr.Dataset:
    """Heads one by one at the end of the natural training."""
    from validation.singh import analyses

    return context.of(settings.course(context.full), analyses.single_heads)


def weaker(found: xr.Dataset, name: str) -> xr.DataArray:
    """A measure of all heads but the strongest of each seed, which are nan."""
    strength = found["strength"]
    return found[name].where(strength < strength.max("head"))


def ranked(one: xr.DataArray, other: xr.DataArray) -> list[float]:
    """Rank correlation over heads of each seed."""
    pairs = zip(one.transpose("seed", "head").values, other.transpose("seed", "head").values, strict=True)
    return [float(spearmanr(a, b).statistic) for a, b in pairs]


def half_times(run: xr.Dataset) -> xr.Dataset:
    """Strength of every head over training, that at the end, and the first step at half of it (nan below .1)."""
    from validation.curves import crossing

    heads = sorted(name for name in map(str, run.data_vars) if name.startswith("induction_1."))
    course = xr.concat([run[name] for name in heads], "head").transpose("seed", "head", "step")
    last = course.isel(step=-1)
    times = [[crossing(run.step, y, y[-1] / 2) if y[-1] >= 0.1 else math.nan for y in seed] for seed in course.values]
    return xr.Dataset({"course": course, "last": last, "half": (("seed", "head"), np.array(times))})


@of_network("S29", "Many induction heads form, of graded strengths", figure=head_figures.formation)
def graded(context: Context) -> Finding:
    """S29: .06 to .91 over five seeds."""
    strength = of_heads(context)["strength"].transpose("seed", "head").values
    apart = np.diff(np.sort(strength, axis=1), axis=1)
    return Finding(
        [
            between("heads of induction strength above .25", (strength > 0.25).sum(1), 3, 8, "4 to 7 of 8"),
            ordered("strongest minus weakest", np.ptp(strength, axis=1), ".55 to .84", margin=0.3),
            between("largest gap between neighbours, of the range", apart.max(1) / apart.sum(1), 0, 0.5, ".25 to .43"),
        ],
        half_times(context.of(settings.course(context.full))),
    )


@of_network("S29b", "Induction heads form together: all are half as strong as at the end within a short time",
            figure=head_figures.formation)  # fmt: skip
def together(context: Context) -> Finding:
    """S29: 277 to 321 thousand sequences."""
    found = half_times(context.of(settings.course(context.full)))
    half = found["half"]
    spread = ((half.max("head") - half.min("head")) / half.median("head")).values
    return Finding([between("latest minus earliest step of half strength, over the median", spread, 0, 0.35, 0.15)],
                   found)  # fmt: skip


@of_network("S30", "Any one induction head but the strongest can be removed: accuracy stays above .99",
            figure=head_figures.redundant)  # fmt: skip
def redundant(context: Context) -> Finding:
    """S30."""
    found = of_heads(context)
    least = weaker(found, "without_accuracy").min("head").values
    return Finding([between("least accuracy without one", least, 0.99, math.inf, "at least .99")], found)


@of_network("S31", "A head alone is the more accurate, the stronger it is", figure=head_figures.alone)
def alone(context: Context) -> Finding:
    """S31: .95 over the eight heads of one seed."""
    found = of_heads(context)
    rank = ranked(found["alone_accuracy"], found["strength"])
    return Finding([between("rank correlation of accuracy alone with strength", rank, 0.7, math.inf, 0.95)], found)


def _adding(found: xr.Dataset, name: str, along: str) -> list[Check]:
    loss = np.log(found[name].transpose("seed", along).values)
    falls = (np.diff(loss, axis=1)[:, :6] < 0).mean(1)
    return [
        between("share of the first six additions that lower the loss", falls, 0.9, math.inf, "all"),
        ordered("log of the loss of the first over that of all", loss[:, 0] - loss[:, -1], "above ln 20",
                margin=math.log(3)),
    ]  # fmt: skip


@of_network("S32", "Heads add up: the loss falls with every head that is added, in order of strength",
            figure=head_figures.adding)  # fmt: skip
def adding(context: Context) -> Finding:
    """S32: .117, .044, .010, .005, .003, .002, .0015."""
    found = of_heads(context)
    return Finding(_adding(found, "added_loss", "number"), found)


@of_network("S32b", "They add up without the strongest too", figure=head_figures.adding)
def adding_others(context: Context) -> Finding:
    """S32: .655, .146, .088, .056, .038, .032."""
    found = of_heads(context)
    return Finding(_adding(found, "others_loss", "other"), found)


@of_network("S33", "Heads share mistakes: what the strongest head gets wrong others get right less often than usual, "
            "strong ones most")  # fmt: skip
def shared_mistakes(context: Context) -> Finding:
    """S33: .24 to .72 against accuracies of .40 to .77."""
    found = of_heads(context)
    accuracy, fixed = weaker(found, "alone_accuracy"), found["fixed"]
    pairs = zip(accuracy.values, fixed.values, strict=True)
    rank = [float(spearmanr(a, b, nan_policy="omit").statistic) for a, b in pairs]
    return Finding(
        [
            ordered("accuracy of a head minus its share of them, mean", (accuracy - fixed).mean("head").values, ".09"),
            between("rank correlation of both over heads", rank, 0.7, math.inf, "high"),
        ],
        found,
    )  # fmt: skip


@of_network("S33b", "With all attention on the right label they share none: what the strongest head gets wrong the "
            "second gets right as often as usual")  # fmt: skip
def copied_mistakes(context: Context) -> Finding:
    """S33: .862 of 58 mistakes, accuracy .828, for the second strongest of one seed. Seeds with mistakes count."""
    found = of_heads(context)
    second = found["strength"].argsort(axis=found["strength"].get_axis_num("head")).isel(head=-2)
    away = (found["copying_accuracy"] - found["copying_fixed"]).isel(head=second).values
    away = away[found["copying_mistakes"].values > 0]
    return Finding([between("accuracy of the second minus its share of them", away, -0.1, 0.1, -0.034)])


@of_network("S49", "Weak heads cannot copy: alone, with all attention on the right label, they are still often wrong",
            figure=head_figures.alone)  # fmt: skip
def copying(context: Context) -> Finding:
    """S49: .285 for the weakest to .9993 for the strongest."""
    found = of_heads(context)
    order = found["strength"].argsort(axis=found["strength"].get_axis_num("head"))
    weakest, strongest = (found["copying_accuracy"].isel(head=order.isel(head=i)) for i in (0, -1))
    return Finding(
        [
            between("accuracy of the weakest", weakest.values, 0, 0.7, 0.285),
            ordered("strongest minus weakest", (strongest - weakest).values, "0.71", margin=0.2),
            between("rank correlation with strength", ranked(found["copying_accuracy"], found["strength"]), 0.5,
                    math.inf, 0.95),
        ],
        found,
    )  # fmt: skip


@of_network("S50", "Over seeds and heads, strength goes with accuracy alone and against loss alone",
            figure=head_figures.alone)  # fmt: skip
def pooled(context: Context) -> Finding:
    """S50: signs."""
    found = of_heads(context).transpose("seed", ...)

    def over_pairs(name: str) -> Check:
        x, y = found["strength"].values, found[name].values

        def correlation(seeds: np.ndarray) -> float:
            drawn = seeds.astype(int)
            return float(spearmanr(x[drawn].ravel(), y[drawn].ravel()).statistic)

        low, high = (0, 1) if name == "alone_accuracy" else (-1, 0)
        said = "positive" if low == 0 else "negative"
        what = f"rank correlation with {name.replace('_', ', ')}"
        return resampled(what, correlation, [np.arange(len(x))], low, high, said, strict=low == 0)

    return Finding([over_pairs("alone_accuracy"), over_pairs("alone_loss")], found)
