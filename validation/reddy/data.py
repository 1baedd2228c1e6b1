"""Claims on what the data decide, in-context or in-weights learning: for the two-parameter head and for the network."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from minimodels.tasks.item_label import ItemLabelTask
from validation.curves import crossing
from validation.jobs import HeadJob, Job
from validation.ledger import Check, Claim, Context, Finding, Level, between, ordered

TESTS = ("IC", "IC2", "IW")
PAIRS = (0.25, 0.5, 0.75)
NOISE = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
ZIPF = (0.0, 0.5, 1.0, 1.5)
Sizes = dict[bool, tuple[int, ...]]


@dataclass(frozen=True)
class Study:
    """One level of description: who is trained on what, and for how long (quick, full)."""

    suffix: str
    level: Level
    who: str
    setting: str
    make: Callable[..., Job]
    base: ItemLabelTask
    classes: Sizes
    copies: Sizes
    steps: dict[bool, int]
    seeds: Sizes
    mixed_K: int
    mixed_steps: dict[bool, int]
    single_K: int
    single_steps: int

    def job(self, seeds: tuple[int, ...], steps: int, **options: float) -> Job:
        """One training with these options of the task."""
        words = "-".join(f"{k}{v:g}" for k, v in options.items())
        return self.make(self.base, words, steps, seeds, **options)

    def grid(self, full: bool) -> list[Job]:
        """The trainings over K and B."""
        return [
            self.job(self.seeds[full], self.steps[full], K=K, B=B)
            for K in self.classes[full]
            for B in self.copies[full]
        ]

    def mixtures(self, full: bool) -> list[Job]:
        """A training with p_B = .5 and one with p_C = .8."""
        given = self.seeds[full], self.mixed_steps[full]
        return [self.job(*given, K=self.mixed_K, p_B=0.5), self.job(*given, K=self.mixed_K, p_C=0.8)]

    def pairs(self, full: bool) -> list[Job]:
        """The trainings over p_B and p_C."""
        return [
            self.job(self.seeds[True], self.mixed_steps[True], K=self.mixed_K, p_B=b, p_C=c)
            for b in PAIRS
            for c in PAIRS
        ]

    def noisy(self, full: bool) -> list[Job]:
        """The trainings over eps."""
        return [self.job(self.seeds[True], self.single_steps, K=self.single_K, B=1, eps=eps) for eps in NOISE]

    def skewed(self, full: bool) -> list[Job]:
        """The trainings over zipf."""
        options = {"K": self.single_K, "B": 1}
        return [self.job(self.seeds[True], self.single_steps, **options, zipf=z, unique_labels=False) for z in ZIPF]


def _head(base: ItemLabelTask, words: str, steps: int, seeds: tuple[int, ...], **options: float) -> Job:
    task = replace(base, **options)  # type: ignore[arg-type]
    return HeadJob(f"head-{words}-{steps}", task, 1e-3, steps, seeds, steps // 10, 512, None, "cpu", "adam")


def _network(base: ItemLabelTask, words: str, steps: int, seeds: tuple[int, ...], **options: float) -> Job:
    task = replace(base, **options)  # type: ignore[arg-type]
    return Job(f"net-{words}-{steps}", task, 1e-3, steps, seeds, steps // 10, 512, None, "cpu", "adam",
               options={"tests": list(TESTS)}, analyses=("gains",) if task.zipf else ())  # fmt: skip


# With plain SGD the deep classifier stalls at gain 1 and the small network takes ten times as long; hence Adam.
HEAD = Study(
    "h", "model", "two-parameter head",
    "two-parameter head, deep classifier, gain 1, Adam 1e-3, N = 8, L = 32, D = 63, eps .1", _head,
    ItemLabelTask(K=1024), {False: (128, 2048), True: (128, 256, 512, 2048)},
    {False: (0, 1, 4), True: (0, 1, 2, 4)}, {False: 2500, True: 5000}, {False: (0, 1), True: (0, 1, 2)}, 256,
    {False: 3000, True: 8000}, 1024, 6000,
)  # fmt: skip
NETWORK = Study(
    "", "network", "network",
    "network of d = 40, no position shift, Adam 1e-3, N = 4, L = 16, D = 31, eps .1", _network,
    ItemLabelTask(N=4, L=16, D=31, N_max=4, K_c=None), {False: (32, 1024), True: (32, 128, 512, 2048)},
    {False: (0, 1), True: (0, 1, 2)}, {False: 3000, True: 20_000}, {False: (0, 1), True: (0, 1, 2)}, 64,
    {False: 2500, True: 20_000}, 512, 16_000,
)  # fmt: skip


def _final(context: Context, jobs: Sequence[Job]) -> dict[str, np.ndarray]:
    """Accuracy at the end, (jobs, seeds), by test."""
    return {
        test: np.array([context.runs[job.name][f"{test}_accuracy"].isel(step=-1).values for job in jobs])
        for test in TESTS
    }


def _over_grid(study: Study, context: Context) -> xr.Dataset:
    Ks, Bs = study.classes[context.full], study.copies[context.full]
    found = _final(context, study.grid(context.full))
    data = {t: (("K", "B", "seed"), v.reshape(len(Ks), len(Bs), -1)) for t, v in found.items()}
    return xr.Dataset(data, coords={"K": list(Ks), "B": list(Bs)})


def with_classes(study: Study, context: Context) -> Finding:
    """R2, R13."""
    data = _over_grid(study, context)
    low, high = (int(data.K[i]) for i in (0, -1))
    checks = []
    for B in [int(b) for b in data.B.values if b > 0]:
        one = data.sel(B=B)
        for test in ("IC", "IC2"):
            change = (one[test].isel(K=-1) - one[test].isel(K=0)).values
            checks.append(ordered(f"{test}(K = {high}) - {test}(K = {low}), B = {B}", change, "grows with K"))
        fall = (one["IW"].isel(K=0) - one["IW"].isel(K=-1)).values
        checks.append(ordered(f"IW(K = {low}) - IW(K = {high}), B = {B}", fall, "falls with K"))
    return Finding(checks, data)


def with_copies(study: Study, context: Context) -> Finding:
    """R3."""
    data = _over_grid(study, context)
    large = data["IC"].isel(K=-1)
    K = int(data.K[-1])
    checks: list[Check] = []
    for a, b in pairwise(int(b) for b in data.B.values):
        change = (large.sel(B=b) - large.sel(B=a)).values
        what = f"IC(B = {b}) - IC(B = {a}), K = {K}"
        checks.append(between(what, change, -0.02, math.inf, "grows with B, up to .02"))
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
    found = _final(context, study.mixtures(context.full)[1:])
    return Finding([between(f"{test} accuracy", found[test][0], 0.9, math.inf, "near 1") for test in ("IC", "IC2")])


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
    """R5; from zipf = 1 on, IW is raised by targets that are in the context."""
    found = _final(context, study.skewed(True))
    data = xr.Dataset({t: (("zipf", "seed"), v) for t, v in found.items()}, {"zipf": list(ZIPF)})
    lesser = data[["IC", "IW"]].to_dataarray().min("variable").mean("seed")
    gain = float(lesser.sel(zipf=1.0) - lesser.sel(zipf=0.0))
    return Finding(
        [
            between("IC at zipf = 1", data["IC"].sel(zipf=1.0).values, 0.8, math.inf, "high"),
            between("IW at zipf = 1", data["IW"].sel(zipf=1.0).values, 0.8, math.inf, "high"),
            ordered("lesser of IC and IW at zipf = 1 minus at 0", gain, "both"),
        ],
        data,
    )


def gains(context: Context) -> Finding:
    """R23 for the network: the gain of every label at the end."""
    checks = []
    for job in NETWORK.skewed(True)[1:]:
        found = context.runs[f"{job.name}/gains"]["gain"].values
        rank = [float(spearmanr(each, job.task.label_frequencies).statistic) for each in found]
        checks.append(ordered(f"rank correlation of gain and frequency, zipf = {job.task.zipf:g}", rank, "rises"))
    return Finding(checks)


def race(study: Study, context: Context) -> Finding:
    """R17: which of the two is acquired first, each learned alone, decides which one is there in the end."""
    full = context.full
    Ks = study.classes[full]
    alone = context.runs[_alone(study, full)[0].name]
    in_context = float(np.mean([crossing(alone.step, alone["IC_accuracy"].isel(seed=i), 0.5) for i in _seeds(alone)]))
    checks = []
    for K, job in zip(Ks, _alone(study, full)[1:], strict=True):
        run = context.runs[job.name]
        in_weights = float(np.mean([crossing(run.step, run["IW_accuracy"].isel(seed=i), 0.5) for i in _seeds(run)]))
        both = context.runs[study.job(study.seeds[full], study.steps[full], K=K, B=1).name].isel(step=-1)
        lead = math.log(in_weights / in_context)
        outcome = float((both["IC_accuracy"] - both["IW_accuracy"]).mean())
        checks.append(
            ordered(
                f"log(time IW alone / time IC alone) x (IC - IW at the end), K = {K}", lead * outcome, "the faster wins"
            )
        )
    return Finding(checks)


def _alone(study: Study, full: bool) -> list[Job]:
    """In-context learning alone (every class novel), and in-weights learning alone (no bursts) for every K."""
    given = study.seeds[full], study.steps[full]
    return [
        study.job(*given, K=study.classes[full][0], B=1, p_C=1.0),
        *(study.job(*given, K=K, B=0) for K in study.classes[full]),
    ]


def _seeds(run: xr.Dataset) -> range:
    return range(run.sizes["seed"])


_LONG = "takes several minutes: use the full settings"


def _claims(s: Study) -> list[Claim]:
    def setting(quick: str, full: str | None = None) -> dict[str, str]:
        return {"quick": f"{s.setting}; {quick}", "full": f"{s.setting}; {full or quick}"}

    def listed(sizes: Sizes, full: bool) -> str:
        return ", ".join(map(str, sizes[full]))

    def length(steps: int, full: bool) -> str:
        return f"{steps:,} steps, {len(s.seeds[full])} seeds".replace(",", " ", 1)

    grid = setting(*(
        f"K = {listed(s.classes, f)}; B = {listed(s.copies, f)}; {length(s.steps[f], f)}" for f in (False, True)
    ))  # fmt: skip
    p_B, p_C = (
        setting(*(f"K = {s.mixed_K}, {p}; {length(s.mixed_steps[f], f)}" for f in (False, True)))
        for p in ("p_B = .5", "p_C = .8")
    )
    single = length(s.single_steps, True)
    noise = setting(f"K = {s.single_K}, B = 1, eps = 0 to 6.4; {single}")
    zipf = setting(f"K = {s.single_K}, B = 1, zipf = 0, .5, 1, 1.5, unique_labels off; {single}")
    pairs = setting(f"K = {s.mixed_K}, p_B, p_C = .25, .5, .75; {length(s.mixed_steps[True], True)}")
    x, name = s.suffix, f"{s.who}: "
    return [
        Claim(f"R2{x}", name + "small K favours in-weights, large K in-context learning", s.level, grid,
              partial(with_classes, s), s.grid, f"data_grid{x}"),
        Claim(f"R3{x}", name + "burstiness favours in-context learning; B = 0 gives in-weights learning only", s.level,
              grid, partial(with_copies, s), s.grid, f"data_grid{x}"),
        Claim(f"R4{x}", name + "within-class variation favours in-context learning, up to a point", s.level, noise,
              partial(with_noise, s), s.noisy, f"noise{x}", full_only=_LONG),
        Claim(f"R5{x}", name + "skewed frequencies allow both kinds of learning near zipf = 1", s.level, zipf,
              partial(with_frequencies, s), s.skewed, f"frequencies{x}", full_only=_LONG),
        Claim(f"R6{x}", name + "p_B = .5 with p_C = 0 yields an in-weights solution", s.level, p_B,
              partial(loose_sequences, s), s.mixtures),
        Claim(f"R7{x}", name + "p_C = .8 with p_B = 1 gives in-context learning", s.level, p_C,
              partial(novel_sequences, s), s.mixtures),
        Claim(f"R8{x}", name + "0 < p_B, p_C < 1 gives both kinds of learning", s.level, pairs, partial(both_kinds, s),
              s.pairs, f"probabilities{x}", full_only=_LONG),
        Claim(f"R17{x}", name + "the kind that is faster when learned alone is learned in the end", s.level, grid,
              partial(race, s), lambda full: list({j.name: j for j in (*s.grid(full), *_alone(s, full))}.values())),
    ]  # fmt: skip


CLAIMS = (
    *_claims(HEAD),
    *_claims(NETWORK),
    Claim("R23n", "network: the gain of a label rises with its frequency", "network",
          dict.fromkeys(("quick", "full"), f"{NETWORK.setting}; K = {NETWORK.single_K}, B = 1, zipf = .5, 1, 1.5, "
                        f"unique_labels off; {NETWORK.single_steps} steps, {len(NETWORK.seeds[True])} seeds"),
          gains, lambda full: NETWORK.skewed(True)[1:], full_only=_LONG),
    Claim("R13", "The two-parameter head, without attention to labels as such, shows the dependence on K", "model",
          _claims(HEAD)[0].setting, partial(with_classes, HEAD), HEAD.grid, "data_gridh"),
    Claim("R22", "The two-parameter head explains the dependence on B, in IC and IW", "model",
          _claims(HEAD)[0].setting, partial(with_copies, HEAD), HEAD.grid, "data_gridh"),
)  # fmt: skip
