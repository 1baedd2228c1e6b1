"""Claims on what the data decide, in-context or in-weights learning: for the two-parameter head and for the network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from minimodels.tasks.item_label import ItemLabelTask
from validation.checks import Check, between, ordered, resampled, share
from validation.curves import crossing
from validation.ledger import Claim, Context, Figure, Finding, Level, claim
from validation.protocols import Training
from validation.reddy import settings
from validation.reddy.figures.data import data_grid, frequencies, noise, of_head, probabilities
from validation.reddy.trainings import HeadTraining
from validation.trainings import NetworkTraining

TESTS = ("IC", "IC2", "IW")
ABSENT = ("IC", "IC2", "IW_absent")  # where frequent classes are often in the context by chance
PAIRS = (0.25, 0.5, 0.75)
NOISE = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
ZIPF = (0.0, 0.5, 1.0, 1.5)
LONG = "takes several minutes: use the full settings"
Sizes = dict[bool, tuple[int, ...]]


@dataclass(frozen=True)
class Study:
    """One level of description: who is trained on what, and for how long (quick, full)."""

    who: Literal["two-parameter head", "network"]
    level: Level
    base: ItemLabelTask
    classes: Sizes
    copies: Sizes
    steps: dict[bool, int]
    mixed_K: int
    mixed_steps: dict[bool, int]
    single_K: int
    single_steps: int

    @property
    def is_head(self) -> bool:
        """Whether it is the head that is trained, not the network."""
        return self.who == "two-parameter head"

    def training(self, steps: int, **options: float) -> NetworkTraining | HeadTraining:
        """One training with these options of the task.

        With plain SGD the deep classifier stalls at gain 1 and the small network takes ten times as long; hence Adam.
        """
        words = "-".join(f"{k}{v:g}" for k, v in options.items())
        task = replace(self.base, **options)  # type: ignore[arg-type]
        given: dict[str, Any] = {"steps": steps, "seeds": settings.SEEDS, "record_every": steps // 10,
                                 "tests": ABSENT if "zipf" in options else TESTS}  # fmt: skip
        if self.is_head:
            return HeadTraining(name=f"head-{words}-{steps}", task=task, optimiser="adam", lr=1e-3, **given)
        from validation.reddy.analyses import gains as of_gains

        analyses = (of_gains,) if task.zipf else ()
        return settings.train_network(f"net-{words}-{steps}", task, "adam", 1e-3, analyses=analyses, **given)

    def grid(self, full: bool) -> list[NetworkTraining | HeadTraining]:
        """The trainings over K and B."""
        return [self.training(self.steps[full], K=K, B=B) for K in self.classes[full] for B in self.copies[full]]

    def mixtures(self, full: bool) -> list[NetworkTraining | HeadTraining]:
        """A training with p_B = .5 and one with p_C = .8."""
        steps = self.mixed_steps[full]
        return [self.training(steps, K=self.mixed_K, p_B=0.5), self.training(steps, K=self.mixed_K, p_C=0.8)]

    def pairs(self, full: bool) -> list[NetworkTraining | HeadTraining]:
        """The trainings over p_B and p_C."""
        return [self.training(self.mixed_steps[True], K=self.mixed_K, p_B=b, p_C=c) for b in PAIRS for c in PAIRS]

    def noisy(self, full: bool) -> list[NetworkTraining | HeadTraining]:
        """The trainings over eps."""
        return [self.training(self.single_steps, K=self.single_K, B=1, eps=eps) for eps in NOISE]

    def skewed(self, full: bool) -> list[NetworkTraining | HeadTraining]:
        """The trainings over zipf."""
        options = {"K": self.single_K, "B": 1}
        return [self.training(self.single_steps, **options, zipf=z, unique_labels=False) for z in ZIPF]


HEAD = Study(
    "two-parameter head", "model", ItemLabelTask(K=1024), {False: (128, 2048), True: (128, 256, 512, 2048)},
    {False: (0, 1, 4), True: (0, 1, 2, 4)}, {False: 2000, True: 5000}, 256, {False: 2400, True: 8000}, 1024, 6000,
)  # fmt: skip
NETWORK = Study(
    "network", "network", ItemLabelTask(N=4, L=16, D=31, N_max=4, K_c=None),
    {False: (32, 1024), True: (32, 128, 512, 2048)}, {False: (0, 1), True: (0, 1, 2)}, {False: 1800, True: 20_000}, 64,
    {False: 1500, True: 20_000}, 512, 16_000,
)  # fmt: skip


def _final(context: Context, trainings: Sequence[Training], tests: Sequence[str] = TESTS) -> dict[str, np.ndarray]:
    """Accuracy at the end, (trainings, seeds), by test."""
    return {
        test: np.array([context.of(training)[f"{test}_accuracy"].isel(step=-1).values for training in trainings])
        for test in tests
    }


def _over_grid(study: Study, context: Context) -> xr.Dataset:
    Ks, Bs = study.classes[context.full], study.copies[context.full]
    found = _final(context, study.grid(context.full))
    data = {t: (("K", "B", "seed"), v.reshape(len(Ks), len(Bs), -1)) for t, v in found.items()}
    return xr.Dataset(data, coords={"K": list(Ks), "B": list(Bs)})


def _rises(what: str, values: xr.DataArray, along: str, *, falls: bool = False) -> list[Check]:
    """From the first to the last value of an option by a tenth at least, and between neighbours not back by .02."""
    sign, words = (-1, "falls") if falls else (1, "rises")
    at = [float(v) for v in values[along].values]
    change = sign * values.diff(along)
    total = sign * (values.isel({along: -1}) - values.isel({along: 0})).values
    return [
        ordered(f"{what}, {words} from {along} = {at[0]:g} to {at[-1]:g}", total, "by .1 at least", margin=0.1),
        *(
            between(f"{what}, {words} from {along} = {a:g} to {b:g}", change.sel({along: b}).values, -0.02, math.inf,
                    f"{words}, up to .02")
            for a, b in pairwise(at)
        ),
    ]  # fmt: skip


def with_classes(study: Study, context: Context) -> Finding:
    """R2, R13: monotone over the whole range of K, each kind learned at its end."""
    data = _over_grid(study, context)
    low, high = (int(data.K[i]) for i in (0, -1))
    checks = []
    for B in [int(b) for b in data.B.values if b > 0]:
        one = data.sel(B=B)
        for test in ("IC", "IC2"):
            checks += _rises(f"{test}, B = {B}", one[test], "K")
        checks += _rises(f"IW, B = {B}", one["IW"], "K", falls=True)
        checks.append(between(f"IC at K = {high}, B = {B}", one["IC"].isel(K=-1).values, 0.5, math.inf, "learned"))
        checks.append(between(f"IW at K = {low}, B = {B}", one["IW"].isel(K=0).values, 0.5, math.inf, "learned"))
    return Finding(checks, data)


def with_copies(study: Study, context: Context) -> Finding:
    """R3, R22: monotone over the whole range of B at the largest K; in-weights learning where there are no bursts."""
    data = _over_grid(study, context)
    K = int(data.K[-1])
    checks = _rises(f"IC, K = {K}", data["IC"].isel(K=-1), "B")
    checks += [
        between(f"IW at B = 0, K = {K}", data["IW"].sel(B=0, K=K).values, 0.9, math.inf, "near 1")
        for K in data.K.values
    ]
    return Finding(checks, data)


def loose_sequences(study: Study, context: Context) -> Finding:
    """R6."""
    found = _final(context, study.mixtures(context.full)[:1])
    return Finding([between("IW accuracy", found["IW"][0], 0.9, math.inf, "near 1")])


def novel_sequences(study: Study, context: Context) -> Finding:
    """R7."""
    (training,) = study.mixtures(context.full)[1:]
    run, found = context.of(training), _final(context, [training])
    steps = np.array([crossing(run.step, run["IC_accuracy"].isel(seed=i), 0.5) for i in _seeds(run)])
    checks = [between(f"{test} accuracy", found[test][0], 0.9, math.inf, "near 1") for test in ("IC", "IC2")]
    return Finding(
        [
            *checks,
            share("share of seeds with IC accuracy > 0.9", found["IC"][0] > 0.9, 0.5, 1.0, "all"),
            share("share of seeds with IC accuracy > 0.5 by half the budget", steps <= training.steps / 2, 0.5, 1.0,
                  "quickly"),
        ]
    )  # fmt: skip


def both_kinds(study: Study, context: Context) -> Finding:
    """R8."""
    found = _final(context, study.pairs(True))
    data = xr.Dataset(
        {t: (("p_B", "p_C", "seed"), v.reshape(3, 3, -1)) for t, v in found.items()},
        coords={"p_B": list(PAIRS), "p_C": list(PAIRS)},
    )
    checks = [
        between(f"{t} accuracy, p_B = {b}, p_C = {c}", data[t].sel(p_B=b, p_C=c).values, 0.9, math.inf, "near 1")
        for b in PAIRS
        for c in PAIRS
        for t in TESTS
    ]
    return Finding(checks, data)


def with_noise(study: Study, context: Context) -> Finding:
    """R4."""
    found = _final(context, study.noisy(True))
    data = xr.Dataset({t: (("eps", "seed"), v) for t, v in found.items()}, {"eps": list(NOISE)})
    last = data.sel(eps=6.4)
    return Finding(
        [
            ordered("IC(eps = .8) - IC(eps = 0)", (data["IC"].sel(eps=0.8) - data["IC"].sel(eps=0.0)).values, "rises"),
            between("IC at eps = 6.4", last["IC"].values, 0.0, 0.5, "fails"),
            between("IW at eps = 6.4", last["IW"].values, 0.0, 0.5, "fails"),
        ],
        data,
    )


def with_frequencies(study: Study, context: Context) -> Finding:
    """R5; IW on targets that are not in the context, which would raise it from zipf = 1 on."""
    found = _final(context, study.skewed(True), ABSENT)
    names = {"IC": "IC", "IC2": "IC2", "IW_absent": "IW"}
    data = xr.Dataset({names[t]: (("zipf", "seed"), v) for t, v in found.items()}, {"zipf": list(ZIPF)})
    lesser = data[["IC", "IW"]].to_dataarray().min("variable")
    below, above = ((lesser.sel(zipf=1.0) - lesser.sel(zipf=z)).values for z in (ZIPF[0], ZIPF[-1]))
    return Finding(
        [
            between("IC at zipf = 1", data["IC"].sel(zipf=1.0).values, 0.8, math.inf, "high"),
            between("IW at zipf = 1", data["IW"].sel(zipf=1.0).values, 0.8, math.inf, "high"),
            ordered(f"lesser of IC and IW at zipf = 1 minus at {ZIPF[0]:g}", below, "one is lost below"),
            ordered(f"lesser of IC and IW at zipf = 1 minus at {ZIPF[-1]:g}", above, "one is lost above"),
        ],
        data,
    )


@claim(
    "R23n",
    "network: the gain of a label rises with its frequency",
    level="network",
    trainings=lambda full: NETWORK.skewed(True)[1:],
    full_only=LONG,
)
def gains(context: Context) -> Finding:
    """R23 for the network: the gain of every label at the end."""
    from validation.reddy.analyses import gains as of_gains

    checks = []
    for training in NETWORK.skewed(True)[1:]:
        task, found = training.last_task, context.of(training, of_gains)["gain"].values
        rank = [float(spearmanr(each, task.label_frequencies).statistic) for each in found]
        checks.append(ordered(f"rank correlation of gain and frequency, zipf = {task.zipf:g}", rank, "rises"))
    return Finding(checks)


def race(study: Study, context: Context) -> Finding:
    """R17: which of the two is acquired first, each learned alone, decides which one is there in the end."""
    full = context.full
    Ks = study.classes[full]
    alone = context.of(_alone(study, full)[0])
    in_context = np.array([crossing(alone.step, alone["IC_accuracy"].isel(seed=i), 0.5) for i in _seeds(alone)])
    checks, ends = [], []
    for K, training in zip(Ks, _alone(study, full)[1:], strict=True):
        run = context.of(training)
        in_weights = np.array([crossing(run.step, run["IW_accuracy"].isel(seed=i), 0.5) for i in _seeds(run)])
        both = context.of(study.training(study.steps[full], K=K, B=1)).isel(step=-1)
        IC, IW = (float(both[f"{test}_accuracy"].mean()) for test in ("IC", "IW"))
        ends.append(
            f"K = {K}: {np.mean(in_context):.0f} steps to IC alone, {np.mean(in_weights):.0f} to IW alone; "
            f"at the end IC is {IC:.2f}, IW {IW:.2f}"
        )

        def outcome(weights: np.ndarray, alone: np.ndarray, end: np.ndarray) -> float:
            return math.log(weights.mean() / alone.mean()) * float(end.mean())

        checks.append(
            resampled(
                f"log(time IW alone / time IC alone) x (IC - IW at the end), K = {K}", outcome,
                [in_weights, in_context, (both["IC_accuracy"] - both["IW_accuracy"]).values], 0.0, math.inf,
                "the faster wins", strict=True,
            )
        )  # fmt: skip
    return Finding(checks, why=f"{'. '.join(ends)}.")


def _alone(study: Study, full: bool) -> list[NetworkTraining | HeadTraining]:
    """In-context learning alone (every class novel), and in-weights learning alone (no bursts) for every K."""
    steps = study.steps[full]
    return [
        study.training(steps, K=study.classes[full][0], B=1, p_C=1.0),
        *(study.training(steps, K=K, B=0) for K in study.classes[full]),
    ]


def _seeds(run: xr.Dataset) -> range:
    return range(run.sizes["seed"])


def _claims(s: Study) -> tuple[Claim, ...]:
    x, name = "h" * s.is_head, f"{s.who}: "

    def every(full: bool) -> list[NetworkTraining | HeadTraining]:
        return list({training.name: training for training in (*s.grid(full), *_alone(s, full))}.values())

    def drawn(figure: Figure) -> Figure:
        return of_head(figure) if s.is_head else figure

    lines = [
        (with_classes, claim(
            f"R2{x}", name + "small K favours in-weights, large K in-context learning", level=s.level,
            headline=s.is_head, trainings=s.grid, figure=drawn(data_grid))),
        (with_copies, claim(
            f"R3{x}", name + "burstiness favours in-context learning; B = 0 gives in-weights learning only",
            level=s.level, trainings=s.grid, figure=drawn(data_grid))),
        (with_noise, claim(
            f"R4{x}", name + "within-class variation favours in-context learning, up to a point", level=s.level,
            trainings=s.noisy, figure=drawn(noise), full_only=LONG)),
        (with_frequencies, claim(
            f"R5{x}", name + "skewed frequencies allow both kinds of learning near zipf = 1", level=s.level,
            trainings=s.skewed, figure=drawn(frequencies), full_only=LONG)),
        (loose_sequences, claim(
            f"R6{x}", name + "p_B = .5 with p_C = 0 yields an in-weights solution", level=s.level,
            trainings=lambda full: s.mixtures(full)[:1])),
        (novel_sequences, claim(
            f"R7{x}", name + "p_C = .8 with p_B = 1 gives in-context learning, in every seed and quickly",
            level=s.level, trainings=lambda full: s.mixtures(full)[1:])),
        (both_kinds, claim(
            f"R8{x}", name + "0 < p_B, p_C < 1 gives both kinds of learning", level=s.level, trainings=s.pairs,
            figure=drawn(probabilities), full_only=LONG)),
        (race, claim(
            f"R17{x}", name + "the kind that is faster when learned alone is learned in the end", level=s.level,
            trainings=every)),
    ]  # fmt: skip
    return tuple(made(partial(measure, s)) for measure, made in lines)


OF_HEAD = _claims(HEAD)
OF_NETWORK = _claims(NETWORK)
WITH_COPIES = claim(
    "R22", "The two-parameter head explains the dependence on B, in IC and IW", level="model", trainings=HEAD.grid,
    figure=of_head(data_grid), same_as="R3h",
)(partial(with_copies, HEAD))  # fmt: skip
