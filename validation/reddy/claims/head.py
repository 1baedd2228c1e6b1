"""Claims about the two- and three-parameter induction head: its transition, predicted."""

import math
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from minimodels.induction_head.head import InductionHead
from minimodels.tasks.item_label import ItemLabelTask
from theory.reddy.exact_positions import exact_transition_time
from theory.reddy.read_out import head_rates, label_gain_rates
from validation.checks import between, near, ordered, resampled
from validation.curves import crossing, half_rise
from validation.ledger import Context, Finding, claim
from validation.reddy.figures import head as figures
from validation.reddy.trainings import HeadTraining

of_head = partial(claim, level="model")
LINEAR = InductionHead(classifier="linear")
Key = tuple[int, int, int]

# N, L, B; at N = 2 the plateau itself has correct probability 1/2
TRANSITIONS: tuple[Key, ...] = tuple(
    (N, N // B * ratio, B)
    for N, B, ratios in ((3, 1, (2, 4, 8, 16)), (4, 1, (2, 4, 8, 16)), (4, 2, (4, 8, 16)), (6, 1, (2, 4, 8, 16)),
                         (8, 1, (2, 4, 8, 16)))
    for ratio in ratios
)  # fmt: skip
DEEP: tuple[Key, ...] = ((3, 12, 1), (4, 16, 1), (4, 32, 1), (6, 24, 1), (8, 16, 1), (8, 32, 1))
SEEDS = 6
STALLED = (0.1, 0.3, 1.0)  # learning rates
RATES, BATCHES = (0.25, 1.0, 4.0, 16.0, 32.0), (128, 32, 8)  # where gradient flow stops describing SGD


def _task(key: Key, **options: object) -> ItemLabelTask:
    N, L, B = key
    return replace(ItemLabelTask(N=N, L=L, B=B, K=L, N_max=N, p_C=1.0, K_c=None), **options)  # type: ignore[arg-type]


@lru_cache
def _to_transition(key: Key, vectors: str = "gaussian", D: int = 63, lr: float = 1.0, batch: int = 128) -> HeadTraining:
    """A training a little beyond twice the predicted transition."""
    task = _task(key, label_vectors=vectors, D=D)
    # the norms of few random vectors make T* vary by several per cent between seeds
    seeds = range(max(SEEDS, 144 // task.L) if vectors == "gaussian" else SEEDS)
    name = "head-N{}-L{}-B{}-".format(*key) + f"{vectors}-D{D}-lr{lr:g}-batch{batch}"
    return HeadTraining(
        name=name, task=task, head=LINEAR, lr=lr, steps=int(2 * _predicted(key) / lr) + 100, seeds=tuple(seeds),
        record_every=10**6, held_out=32, tests=(), stop_above=0.6, batch=batch,
    )  # fmt: skip


def _compared(full: bool = False) -> list[HeadTraining]:
    return [*(_to_transition(k) for k in TRANSITIONS),
            *(_to_transition(k, "orthonormal") for k in TRANSITIONS if k[1] <= 63)]  # fmt: skip


def _measured(context: Context, training: HeadTraining) -> np.ndarray:
    """Transition step x learning rate of every seed."""
    return np.asarray(context.of(training)["escape_step"].values * training.lr)


@lru_cache
def _predicted(key: Key, D: float = math.inf) -> float:
    N, L, B = key
    return exact_transition_time(N, L, B, eps=0.1, D=D)


def _ratios(context: Context, key: Key, *how: Any) -> np.ndarray:
    """Head over prediction without overlaps, by seed; nothing is fitted."""
    return _measured(context, _to_transition(key, *how)) / _predicted(key)


def _name(key: Key) -> str:
    return "N = {}, L = {}, B = {}".format(*key)


def _comparison(context: Context) -> xr.Dataset:
    keys, kinds = TRANSITIONS, ("gaussian", "orthonormal")
    each = {v: [_ratios(context, k, v) if v == "gaussian" or k[1] <= 63 else () for k in keys] for v in kinds}
    width = max(map(len, each["gaussian"]))
    data = {v: [[*ratios, *[math.nan] * (width - len(ratios))] for ratios in found] for v, found in each.items()}
    columns = zip("NLB", zip(*keys, strict=True), strict=True)
    return xr.Dataset(
        {f"ratio_{v}": (("configuration", "seed"), np.array(r)) for v, r in data.items()}
        | {
            "predicted": ("configuration", [_predicted(k) for k in keys]),
            "predicted_with_overlaps": ("configuration", [_predicted(k, 63) for k in keys]),
        },
        coords={name: ("configuration", list(values)) for name, values in columns},
    )


@of_head("R28", "The head's transition step is predicted within 5% for L <= D, nothing fitted",
         trainings=_compared, figure=figures.head_steps)  # fmt: skip
def predicted_steps(context: Context) -> Finding:
    """R28: head / prediction for L up to D."""
    checks = [
        near(f"head / prediction, {_name(key)}", _ratios(context, key), 1.0, rel=0.05)
        for key in TRANSITIONS
        if key[1] <= 63
    ]
    ratios = [
        np.mean(_measured(context, _to_transition(key)) / _predicted(key, 63)) for key in TRANSITIONS if key[1] <= 63
    ]
    worst = max(abs(ratio - 1) for ratio in ratios)
    why = f"Random label vectors overlap; with their overlaps in the theory it is within {worst:.1%} everywhere (R28d)."
    return Finding(checks, _comparison(context), why)


def _with_large_D(full: bool) -> list[HeadTraining]:
    return [*_compared(), _to_transition((4, 64, 1), "orthonormal", 252), _to_transition((4, 64, 1), "gaussian", 252)]


@of_head("R28l", "What deviates is due to overlaps of the label vectors: with orthonormal ones it is gone",
         trainings=_with_large_D, figure=figures.head_steps)  # fmt: skip
def predicted_without_overlaps(context: Context) -> Finding:
    """R28, the deviation explained: it is that of overlapping label vectors."""
    checks = [
        near(f"head / prediction, {_name(key)}", _ratios(context, key, "orthonormal"), 1.0, rel=0.05)
        for key in TRANSITIONS
        if key[1] <= 63
    ]
    key = (4, 64, 1)
    groups = [_ratios(context, key, "orthonormal", 252), *(_ratios(context, key, "gaussian", D) for D in (63, 252))]

    def fall(alone: np.ndarray, small: np.ndarray, large: np.ndarray) -> float:
        return float((small.mean() - alone.mean()) / (large.mean() - alone.mean()))

    checks.append(resampled(f"excess over orthonormal vectors at D = 63 / at D = 252, {_name(key)}", fall, groups, 2.0,
                            8.0, "as 1/D: 4, within a factor of 2"))  # fmt: skip
    return Finding(checks, _comparison(context))


@of_head("R28d", "With the overlaps of random label vectors in the theory the step is predicted within 5%, also for "
         "L > D, nothing fitted", headline=True, trainings=_compared, figure=figures.head_steps)  # fmt: skip
def predicted_with_overlaps(context: Context) -> Finding:
    """R28, the overlaps of random label vectors in the theory: also beyond L = D."""
    checks = [
        near(
            f"head / prediction, {_name(key)}",
            _measured(context, _to_transition(key)) / _predicted(key, 63),
            1.0,
            rel=0.05,
        )
        for key in TRANSITIONS
    ]
    return Finding(checks, _comparison(context))


@of_head("R27", "Head / prediction is constant in L within 5% at each N; unit rates predict the wrong sign",
         trainings=_compared, figure=figures.head_steps)  # fmt: skip
def constant_along_L(context: Context) -> Finding:
    """R27: at each N the ratio to the prediction does not depend on L; with unit rates the sign is wrong."""

    def spread(*groups: np.ndarray) -> float:
        means = [group.mean() for group in groups]
        return float(max(means) / min(means))

    checks = []
    for vectors in ("gaussian", "orthonormal"):
        for N in (3, 4, 6, 8):
            keys = [k for k in TRANSITIONS if k[0] == N and k[2] == 1 and (vectors == "gaussian" or k[1] <= 63)]
            checks.append(resampled(f"largest / smallest head/prediction along L, N = {N}, {vectors} labels", spread,
                                    [_ratios(context, k, vectors) for k in keys], 1.0, 1.05,
                                    "constant within 5%"))  # fmt: skip
    for N in (3, 8):
        keys = [k for k in TRANSITIONS if k[0] == N and k[2] == 1]
        measured = [float(np.mean(_measured(context, _to_transition(k)))) for k in keys]
        unit = [exact_transition_time(*k, eps=0.1, rates={"xi": 1.0}) for k in keys]
        checks.append(
            ordered(f"growth of T* from L = 2N to 16N, head, N = {N}", measured[-1] / measured[0] - 1, "grows")
        )
        checks.append(between(f"growth of T* from L = 2N to 16N, unit rates, N = {N}", unit[-1] / unit[0] - 1,
                              -1.0, 0.0, "falls"))  # fmt: skip
    return Finding(checks, _comparison(context))


@of_head("R28g", "Gradient flow describes the head's SGD at small learning rates and large batches only",
         trainings=lambda full: [_to_transition((4, 16, 1), "orthonormal", 63, lr, n) for n in BATCHES for lr in RATES],
         figure=figures.sgd)  # fmt: skip
def beyond_gradient_flow(context: Context) -> Finding:
    """Where gradient flow stops describing SGD: learning rate and batch."""
    key = (4, 16, 1)
    ratios = np.array([[_ratios(context, key, "orthonormal", 63, lr, batch) for lr in RATES] for batch in BATCHES])
    off = np.abs(ratios - 1)
    checks = [
        near("transition x lr / prediction, lr 0.25, batch 128", ratios[0, 0], 1.0, rel=0.05),
        ordered("deviation at lr 32 minus at lr 0.25, batch 128", off[0, -1] - off[0, 0], "larger"),
        ordered("deviation at batch 8 minus at batch 128, lr 4", off[2, 2] - off[0, 2], "larger"),
    ]
    data = xr.Dataset({"ratio": (("batch", "lr", "seed"), ratios)}, coords={"lr": list(RATES), "batch": list(BATCHES)})
    return Finding(checks, data)


def _deep(key: Key, layers: int) -> HeadTraining:
    return HeadTraining(
        name="deep-N{}-L{}-B{}-".format(*key) + f"layers{layers}", task=_task(key),
        head=InductionHead(gain=2.0 * key[0] + 1, layers=layers), lr=0.05, steps=2500, seeds=tuple(range(SEEDS)),
        record_every=10**6, held_out=32, tests=(), stop_above=0.6,
    )  # fmt: skip


@of_head("R28k", "With the tangent kernel's rate of xi the transition of a head with deep classifier and gain 2N + 1 "
         "is predicted within a factor of 2, nothing fitted",
         trainings=lambda full: [_deep(key, layers) for layers in (1, 3) for key in DEEP])  # fmt: skip
def deep_predicted(context: Context) -> Finding:
    """R28 for the deep classifier with gain: the tangent kernel's rate of xi at the start in the place of 1/(L-1)."""
    checks = []
    for layers in (1, 3):
        predicted, measured = [], []
        for key in DEEP:
            N, L, B = key
            training = _deep(key, layers)
            rate = head_rates(L, layers=layers, gain=training.head.gain)["xi"]
            predicted.append(exact_transition_time(N, L, B, eps=0.1, rates={"xi": rate}))
            measured.append(_measured(context, training))
            checks.append(between(f"head / prediction, layers = {layers}, {_name(key)}", measured[-1] / predicted[-1],
                                  0.5, 2.0, "within a factor of 2"))  # fmt: skip

        def order(*steps: np.ndarray, times: tuple[float, ...] = tuple(predicted)) -> float:
            return float(spearmanr(times, [each.mean() for each in steps]).statistic)

        what = f"rank correlation of head and prediction, layers = {layers}"
        checks.append(resampled(what, order, measured, 0.8, math.inf, "same order"))
    return Finding(checks)


def _stalled(lr: float) -> HeadTraining:
    task = ItemLabelTask(N=8, L=32, K=256, p_C=1.0)
    return HeadTraining(name=f"stall-sgd{lr:g}", task=task, lr=lr, steps=3000, seeds=(0,), record_every=1000, tests=())


def _moving() -> dict[str, HeadTraining]:
    task = ItemLabelTask(N=8, L=32, K=256, p_C=1.0)
    size: dict[str, Any] = {
        "steps": 2500,
        "seeds": tuple(range(SEEDS)),
        "record_every": 2500,
        "tests": (),
        "stop_above": 0.6,
    }
    return {
        "SGD .05, gain 17": HeadTraining(
            name="stall-gain17", task=task, head=InductionHead(gain=17.0), lr=0.05, **size),
        "Adam 1e-3, gain 1": HeadTraining(name="stall-adam", task=task, optimiser="adam", lr=1e-3, **size),
    }  # fmt: skip


@of_head("R28s", "With a deep classifier plain SGD stalls at gain 1; with gain 2N + 1 or with Adam it learns",
         trainings=lambda full: [*map(_stalled, STALLED), *_moving().values()])  # fmt: skip
def stall(context: Context) -> Finding:
    """The deep classifier: plain SGD at gain 1 switches it off, a gain or Adam does not."""
    checks = [
        near(
            f"loss after 3 000 steps, SGD {lr:g}, gain 1",
            float(context.of(_stalled(lr))["loss"].isel(seed=0, step=-1)),
            math.log(32),
            rel=0.01,
        )
        for lr in STALLED
    ]
    for name, training in _moving().items():
        step = context.of(training)["escape_step"].values
        late = np.where(np.isnan(step), math.inf, step)
        checks.append(between(f"transition step, {name}", late, 0.0, 2000.0, "about 1 000"))
    return Finding(checks)


def _curricula(full: bool) -> list[HeadTraining]:
    task = _task((8, 32, 1))
    plain = HeadTraining(name="head-curriculum-none", task=task, head=LINEAR, lr=1.0, steps=1000,
                         seeds=tuple(range(SEEDS)), record_every=25, tests=())  # fmt: skip
    return [plain, replace(plain, name="head-curriculum-N2", task=replace(task, N=2), later=((250, task),))]


@of_head("R20h", "A curriculum in N shortens the head's way to the transition", trainings=_curricula)
def curriculum(context: Context) -> Finding:
    """R20 for the head: N = 2, then N = 8."""
    # on held-out sequences of the last stage: the minibatches of the first are easier
    without, with_ = (
        np.array([crossing(run["step"], run["correct"].isel(seed=i), 0.5) for i in range(SEEDS)])
        for run in map(context.of, _curricula(context.full))
    )
    ratio = with_ / np.where(np.isfinite(without), without, math.nan)
    return Finding([ordered("1 - transition step with N = 2 for 250 steps / without", 1 - ratio, "shorter")])


def _free(full: bool) -> list[HeadTraining]:
    head = replace(LINEAR, beta_2="free")
    return [
        HeadTraining(
            name="head-beta_2-free", task=_task((8, 32, 1)), head=head, lr=1.0, steps=1200, seeds=tuple(range(SEEDS)),
            record_every=10, tests=(),
        )
    ]  # fmt: skip


@of_head(
    "R12", "The three-parameter head learns in the same order: CLA and TLA2 first, the rest at once", trainings=_free
)
def three_parameters(context: Context) -> Finding:
    """R12: the order of the progress measures, and that attention to labels is learned too."""
    run = context.of(_free(context.full)[0])
    names = ("CLA", "TLA2", "ILA1", "TILA2", "accuracy")
    halves = np.array([[half_rise(run.step, run[n].isel(seed=i)) for n in names] for i in range(SEEDS)])
    jump, first = halves[:, 2:].mean(axis=1), halves[:, 2:].min(axis=1)
    return Finding(
        [
            ordered("lead of CLA over the jump / its time", (first - halves[:, 0]) / jump, "before"),
            ordered("lead of TLA2 over the jump / its time", (first - halves[:, 1]) / jump, "before"),
            between("spread of ILA1, TILA2, accuracy / their time", np.ptp(halves[:, 2:], axis=1) / jump, 0.0, 0.2,
                    "together"),
            between("attention to labels at the end", run["TLA2"].isel(step=-1).values, 0.8, math.inf, "learned"),
        ],
        why=_late(run, jump),
    )  # fmt: skip


def _late(run: xr.Dataset, jump: np.ndarray) -> str:
    """How much of the rise of CLA comes after the jump."""
    CLA = run["CLA"].mean("seed")
    start, there, end = (float(CLA.interp(step=step)) for step in (0, float(jump.mean()), float(run.step[-1])))
    return (
        f"With a linear read-out CLA has risen from {start:.2f} to {there:.2f} only when the rest jumps (step "
        f"{jump.mean():.0f}), and goes on to {end:.2f}: the gain xi grows at the rate 1/(L-1)."
    )


def _unequal(full: bool) -> list[HeadTraining]:
    """The first steps of many seeds; and long trainings with equal and with unequal frequencies."""
    task = ItemLabelTask(N=8, L=32, K=1024, zipf=1.0, unique_labels=False, label_vectors="orthonormal")
    start = HeadTraining(name="gains-start", task=task, head=LINEAR, lr=1.0, steps=5, seeds=tuple(range(24)),
                         record_every=5, held_out=1, tests=())  # fmt: skip
    long = replace(start, name="gains-zipf1", steps=6000, seeds=tuple(range(SEEDS)), record_every=20, held_out=256)
    return [start, replace(long, name="gains-zipf0", task=replace(task, zipf=0.0)), long]


@of_head("R23", "A label's gain grows with its frequency, more than in proportion at first, as its logarithm at last",
         trainings=_unequal, figure=figures.gains)  # fmt: skip
def unequal_labels(context: Context) -> Finding:
    """R23: the gain of every label under unequal frequencies."""
    start, equal, unequal = map(context.of, _unequal(context.full))
    task = _unequal(context.full)[0].task
    rates = label_gain_rates(task)
    grown = start["xi_label"].isel(step=-1).values / 5
    seeds = [unequal.isel(seed=i) for i in range(SEEDS)]
    jump = [s["xi_label"].interp(step=s["escape_step"]).values for s in seeds]
    end = [s["xi_label"].isel(step=-1).values for s in seeds]
    frequent = task.label_frequencies
    return Finding(
        [
            near("growth of the gains at the start / derived", grown @ rates / (rates @ rates), 1.0, rel=0.1),
            between("rank correlation of gain and frequency at the transition",
                    [float(spearmanr(xi, frequent).statistic) for xi in jump], 0.9, 1.0, "near 1"),
            near("gain by log frequency at the end", [np.polyfit(np.log(frequent), xi, 1)[0] for xi in end], 1.0,
                 rel=0.15),
            ordered("1 - transition step at zipf 1 / at zipf 0",
                    1 - unequal["escape_step"].values / equal["escape_step"].values, "earlier"),
        ],
        unequal[["xi_label", "escape_step"]].assign(frequency=("label", frequent), rate=("label", rates)),
    )  # fmt: skip
