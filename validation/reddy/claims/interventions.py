"""Claims about interventions on trained networks: knock-outs, patching, curricula, rescue at L = N, depth."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr

from minimodels.tasks.item_label import ItemLabelTask
from validation.checks import between, ordered, resampled, share
from validation.comparison import escape_steps
from validation.curves import crossing
from validation.ledger import Context, Finding, claim
from validation.reddy import settings
from validation.reddy.figures import network as figures
from validation.trainings import NetworkTraining

of_reference = partial(claim, level="network", trainings=settings.reference)


def _interventions(context: Context) -> tuple[xr.Dataset, NetworkTraining]:
    from validation.reddy.analyses import interventions

    (training,) = settings.reference(context.full)
    return context.of(training, interventions), training


@of_reference("R9", "The jump coincides with an induction head", headline=True, figure=figures.maps)
def induction_head(context: Context) -> Finding:
    """R9: attention before and after the jump."""
    from validation.reddy.analyses import maps as of_maps

    found, training = _interventions(context)
    maps = context.of(training, of_maps)
    before, after = found.sel(case="before"), found.sel(case="after")
    N = training.last_task.N
    uniform = 1 / (2 * N + 1)
    after_maps = maps.sel(when="after").isel(seed_number=0)
    first, last = (float(after_maps["p1"].sel(query=f"l{k}", key=f"x{k}")) for k in (1, N))
    return Finding(
        [
            between("attention to the correct label before, over uniform", before["TILA2"].values / uniform, 0.0, 3.0,
                    "near uniform"),
            between("attention to the correct label after", after["TILA2"].values, 0.7, math.inf, 0.95),
            ordered("attention of labels to their items, after minus before", (after["ILA1"] - before["ILA1"]).values,
                    "rises"),
            ordered("attention of the first label to its item minus that of the last, after", first - last,
                    "falls along the sequence"),
            between("attention of the last label to its item, after, over uniform", last * 2 * N, 3.0, math.inf,
                    "far above uniform"),
        ],
        maps.assign_coords(N=N),
    )  # fmt: skip


@of_reference("R18", "Knocking out either head abolishes in-context learning")
def knock_outs(context: Context) -> Finding:
    """R18, in the seeds that have learned."""
    found, training = _interventions(context)
    chance = training.last_task.B / training.last_task.N
    learned = found["accuracy"].sel(case="after").values > 0.9
    checks = [share("share of seeds with IC accuracy > 0.9, intact", learned, 0.5, 1.0, "learned")]
    for case in ("p1 zero", "p1 uniform", "p2 zero", "p2 uniform"):
        accuracy = found["accuracy"].sel(case=f"after, {case}").values[learned]
        checks.append(between(f"IC accuracy, {case}", accuracy, 0.0, chance + 0.03, f"at most B/N = {chance:g}"))
    uniform, zero = (
        float(found["accuracy"].sel(case=f"after, p1 {how}")[learned].mean()) for how in ("uniform", "zero")
    )
    return Finding(
        checks,
        found,
        why="Uniform attention in layer 1 still gives a label 1/(2k) of its own item, half for the first, which "
        f"layer 2 can match: accuracy {uniform:.2f}, against {zero:.2f} when layer 1 writes nothing.",
    )


@of_reference(
    "R21", "Attention patterns of after patched into before restore in-context learning only together", headline=True
)
def patches(context: Context) -> Finding:
    """R21."""
    found, _ = _interventions(context)
    accuracy = {case: found["accuracy"].sel(case=case).values for case in found.case.values}
    start, end = accuracy["before"], accuracy["after"]
    learned = end - start > 0.5  # elsewhere there is nothing to restore
    gained = (end - start)[learned]
    checks = [
        share("share of seeds whose IC accuracy rises by half from before to after", learned, 0.5, 1.0, "learned")
    ]
    for place in ("p1", "p2"):
        part = (accuracy[f"before, {place} of after"] - start)[learned] / gained
        checks.append(between(f"share restored by {place} of after alone", part, -0.5, 0.5, "below half"))
    both = (accuracy["before, p1 and p2 of after"] - start)[learned] / gained
    checks.append(between("share restored by both", both, 0.5, 1.5, "above half"))
    attended = float(found["TILA2"].sel(case="before, p2 of after").mean())
    return Finding(
        checks,
        found,
        why="The pattern of layer 2, set as it is after, already holds what layer 1 found out: it puts "
        f"{attended:.2f} of the attention on correct labels, whatever layer 1 does now.",
    )


def _curricula(full: bool) -> dict[str, NetworkTraining]:
    """Without a curriculum, and with 400 steps of an easier task first."""
    plain = settings.clock(full)
    task = plain.last_task
    easier = {"N = 2": {"N": 2}, "L = 8": {"L": 8, "K": 8}, "B = 2": {"B": 2}}
    return {"": plain} | {
        words: replace(
            settings.small((4, 16, 1), full), name=f"{plain.name}-after-{words.replace(' = ', '')}",
            task=replace(task, **first), later=((400, task),),
        )
        for words, first in easier.items()
    }  # fmt: skip


@claim("R20", "A curriculum in N, L or B shortens the way to the transition", level="network",
       trainings=lambda full: list(_curricula(full).values()))  # fmt: skip
def curriculum(context: Context) -> Finding:
    """R20."""
    steps = {words: escape_steps(context.of(training)) for words, training in _curricula(context.full).items()}
    plain = steps.pop("")

    def ratio(without: np.ndarray, with_: np.ndarray) -> float:
        return float(with_.mean() / without.mean())

    return Finding(
        [
            resampled(f"transition step with 400 steps at {words} first / without", ratio, [plain, each], 0.0, 1.0,
                      "below 1")
            for words, each in steps.items()
        ]
    )  # fmt: skip


def _rescues(full: bool) -> dict[str, NetworkTraining]:
    from validation.optimisers import Adam
    from validation.reddy.network import AttentionOnly

    plain = settings.small((3, 3, 1), full)  # at N = 2 SGD alone learns
    return {
        "SGD": plain,
        "Adam 1e-3": replace(plain, name=f"{plain.name}-adam", optimiser=Adam(lr=1e-3)),
        "SGD, Q, K, V twice as large": replace(plain, name=f"{plain.name}-scale2", network=AttentionOnly(scale=2.0)),
    }


@claim("R19", "Adam or larger initial Q, K, V rescue L = N", level="network",
       trainings=lambda full: list(_rescues(full).values()))  # fmt: skip
def rescue(context: Context) -> Finding:
    """R19."""
    learned = {
        name: context.of(training)["IC_accuracy"].isel(step=-1).values > 0.9
        for name, training in _rescues(context.full).items()
    }
    task = _rescues(context.full)["SGD"].last_task
    plain = learned.pop("SGD")
    best = max(learned, key=lambda name: learned[name].mean())
    return Finding(
        [
            share(f"share of seeds that learn, SGD, L = N = {task.N}", plain, 0.0, 0.5, "few"),
            share(f"share of seeds that learn, the best variant ({best})", learned[best], 0.5, 1.0, "rescued"),
        ]
    )


def _long(full: bool) -> list[NetworkTraining]:
    """Where in-weights learning could take over: some sequences have known classes."""
    task = ItemLabelTask(N=4, L=16, K=64, D=31, N_max=4, K_c=None)
    steps = 20_000 if full else 3600
    return [
        settings.train_network(
            f"long-p_B{p_B:g}-p_C{p_C:g}-{steps}", replace(task, p_B=p_B, p_C=p_C), "adam", 1e-3, steps=steps,
            seeds=settings.SEEDS, record_every=100, tests=("IC", "IW"),
        )
        for p_B, p_C in (((1.0, 0.8), (0.5, 0.8), (0.5, 0.5)) if full else ((1.0, 0.8),))
    ]  # fmt: skip


@claim("R16", "In-context learning is not transient, also where in-weights learning could replace it", level="network",
       trainings=_long)  # fmt: skip
def lasting(context: Context) -> Finding:
    """R16."""
    checks = []
    for training in _long(context.full):
        run = context.of(training)
        jumps = [crossing(run.step, run["IC_correct"].isel(seed=i), 0.5) for i in range(run.sizes["seed"])]
        worst = [  # nan: it has not jumped
            float(run["IC_accuracy"].isel(seed=i).where(run.step >= 2 * jump).min()) for i, jump in enumerate(jumps)
        ]
        where = f"p_B = {training.last_task.p_B:g}, p_C = {training.last_task.p_C:g}"
        followed = np.array(jumps) * 4 <= training.steps
        checks += [
            share(f"share of seeds followed to four times their jump, {where}", followed, 0.5, 1.0, "all"),
            between(f"lowest IC accuracy from twice the jump on, {where}", worst, 0.9, math.inf, "kept"),
        ]
    return Finding(checks)


def _depths(full: bool) -> list[NetworkTraining]:
    from validation.reddy.network import AttentionOnly

    task = ItemLabelTask(N=4, L=16, K=2048, B=0, D=31, N_max=4, K_c=None)
    return [
        settings.train_network(
            f"depth-{layers}", task, "adam", 1e-3, network=AttentionOnly(layers=layers), steps=36_000,
            seeds=settings.SEEDS, record_every=3000, tests=("IW",),
        )
        for layers in (1, 2, 3)
    ]  # fmt: skip


@claim("R26", "Fewer than three classifier layers break in-weights learning at large K", level="network",
       trainings=_depths, full_only="takes minutes: use the full settings")  # fmt: skip
def depth(context: Context) -> Finding:
    """R26."""
    final = [context.of(training)["IW_accuracy"].isel(step=-1).values for training in _depths(True)]
    return Finding(
        [
            between("IW accuracy with three layers", final[2], 0.97, math.inf, "perfect"),
            ordered("IW accuracy with three layers minus two", np.asarray(final[2] - final[1]), "better"),
            ordered("IW accuracy with two layers minus one", np.asarray(final[1] - final[0]), "better"),
        ]
    )
