"""The trainings behind the claims on induction heads: the paper's task and network, at a faster rate if quick."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from minimodels.tasks.exemplar_label import ExemplarLabelTask
from validation.trainings import NetworkTraining

SEEDS = tuple(range(6))
TASK = ExemplarLabelTask()  # P = 2, K = 5, 50 classes, independent Gaussian exemplars
# The paper's rate is 1e-5. At 3e-4 all six of its clamped runs are 24 to 32 times as fast, in the same order: medians
# of eight seeds at half of ln 2, in steps, are 16, 66, 68, 104, 317, 454 for layer-0+copy, match, copy, layer-0,
# step-1, none, and at 1e-5, in thousand sequences, 16, 55, 55, 83, 244, 362; the paper has 24, 29, 35, 72, 198, 292.
# Exemplars that are correlated bring matching to its place: 31, 53, 83, 113, 580, 1360 steps at 3e-4.
LR = 3e-4
PAPERS_LR = 1e-5
ACTIVE, PREVIOUS = (1, 3), (0, 2)  # the heads that clamps are about


def train_network(name: str, steps: int, task: ExemplarLabelTask = TASK, **options: Any) -> NetworkTraining:
    """A training of the paper's network by Adam, in batches of 32."""
    from validation.optimisers import Adam
    from validation.singh.network import Transformer

    given: dict[str, Any] = {
        "network": Transformer(), "optimiser": Adam(lr=LR), "seeds": SEEDS, "batch": 32, "record_every": 20,
        "held_out": 1000, **options,
    }  # fmt: skip
    return NetworkTraining(name=name, task=task, steps=steps, **given)


PARTS = ("layer-0+copy", "match", "copy", "layer-0", "step-1", "none")  # in the paper's order
EIGHT = tuple(range(8))  # seeds of the six runs, as many as the paper's
MANY = tuple(range(24))  # seeds where a full run compares medians that are near each other
# by part, steps at the faster rate: how many at most, and between records, of which a quick run takes every other
BUDGET = {"layer-0+copy": 400, "match": 500, "copy": 600, "layer-0": 600, "step-1": 1500, "none": 1500}
EVERY = {"layer-0+copy": 1, "match": 2, "copy": 2, "layer-0": 4, "step-1": 10, "none": 10}
LEARNT = 0.05  # the loss of every seed at which a training stops


def under(name: str, clamps: Sequence[Any], part: str, *, rate: float = LR, **options: Any) -> NetworkTraining:
    """A training under clamps, with the budget of one of the parts, until all seeds have learnt."""
    from validation.optimisers import Adam
    from validation.singh.network import Transformer

    longer, quick, task = round(LR / rate), rate == LR, options.pop("task", TASK)
    given: dict[str, Any] = {
        "network": Transformer(manipulations=((part, tuple(clamps)),)), "clamp": {"manipulation": part},
        "optimiser": Adam(lr=rate), "tests": (), "stop_below": LEARNT,
        "record_every": (2 if quick else longer) * EVERY[part], "held_out": 256 if quick else 512, **options,
    }  # fmt: skip
    steps = longer * given.pop("budget", BUDGET[part])
    return train_network(f"{name}-{rate:g}", steps, task, **given)


def part_left(part: str, *, tag: str = "", rate: float = LR, **options: Any) -> NetworkTraining:
    """One of the paper's six: all heads of layer 1 but the active one are zeroed, and a part is clamped."""
    from validation.singh.applied import subcircuits

    return under(f"{part}{tag}", subcircuits(ACTIVE, PREVIOUS)[part], part, rate=rate, **options)


def six(full: bool) -> dict[str, NetworkTraining]:
    """The paper's six runs by what is clamped, at the paper's rate if full; the unclamped one keeps snapshots."""
    from validation.singh.analyses_clamped import progress

    rate = PAPERS_LR if full else LR
    runs = {part: part_left(part, rate=rate, seeds=EIGHT) for part in PARTS}
    last = runs["none"].steps
    runs["none"] = replace(runs["none"], snapshots=tuple(range(0, last + 1, last // 75)), analyses=(progress,))
    return runs


def starts(full: bool) -> dict[str, NetworkTraining]:
    """The six at their first step, in many seeds."""
    seeds = tuple(range(96)) if full else MANY
    return {part: part_left(part, tag="-start", budget=1, seeds=seeds, held_out=256) for part in PARTS}


VARIED_LR = {False: LR, True: 1e-4}
CORRELATED = replace(TASK, r=0.8)  # cosine of two classes
LESS_CORRELATED = replace(TASK, r=0.5)  # matching is then about as slow, beside copying, as with the paper's features


def six_correlated(full: bool) -> dict[str, NetworkTraining]:
    """The six with correlated exemplars."""
    return {
        part: part_left(part, tag="-r", rate=VARIED_LR[full], task=LESS_CORRELATED, seeds=EIGHT,
                        budget=3 * BUDGET[part])
        for part in PARTS
    }  # fmt: skip


def natural_correlated(full: bool) -> NetworkTraining:
    """The network as it is, with correlated exemplars."""
    from validation.optimisers import Adam

    rate = VARIED_LR[full]
    longer = round(LR / rate)
    return train_network(f"natural-r-{rate:g}", 3000 * longer, LESS_CORRELATED, optimiser=Adam(lr=rate),
                         seeds=MANY if full else EIGHT, record_every=25 * longer, held_out=512, tests=(),
                         stop_below=0.025)  # fmt: skip


def classes(full: bool) -> dict[tuple[str, int], NetworkTraining]:
    """Parts left to learn with correlated exemplars, by part and the number of classes."""
    parts = ("layer-0+copy", "match", "layer-0", "none") if full else ("layer-0+copy", "match")
    return {
        (part, C): part_left(part, tag=f"-C{C}", rate=VARIED_LR[full], task=replace(CORRELATED, C=C),
                             budget=4 * BUDGET[part], seeds=_seeds(part, full))
        for part in parts for C in ((50, 100, 200) if full else (50, 200))
    }  # fmt: skip


def _seeds(part: str, full: bool) -> tuple[int, ...]:
    return MANY if full and part in ("layer-0+copy", "match") else EIGHT


def labels(full: bool) -> dict[tuple[str, int], NetworkTraining]:
    """Parts left to learn, by part and the number of labels."""
    parts = ("layer-0+copy", "match", "layer-0", "none") if full else ("layer-0+copy", "match")
    runs = {
        (part, K): part_left(part, tag=f"-K{K}", rate=VARIED_LR[full], task=replace(TASK, K=K),
                             budget=4 * BUDGET[part], seeds=_seeds(part, full))
        for part in parts for K in (5, 10, 15)
    }  # fmt: skip
    return runs if full else runs | {(part, 5): six(False)[part] for part in parts}


HEADS = {"one": PREVIOUS, "another": (0, 6), "three": ((0, 1), (0, 2), (0, 5)), "all": tuple((0, h) for h in range(8))}


def previous(full: bool) -> dict[str, NetworkTraining]:
    """The run whose heads of layer 0 attend to the previous token, by which; and that without."""
    from validation.singh.applied import all_but
    from validation.singh.clamps import PreviousToken

    rate, seeds = VARIED_LR[full], MANY if full else EIGHT
    runs = {
        which: under(f"step-1-{which}", (all_but(ACTIVE), PreviousToken(heads)), "step-1",  # type: ignore[arg-type]
                     rate=rate, seeds=seeds, budget=2 * BUDGET["step-1"])
        for which, heads in HEADS.items()
    }  # fmt: skip
    if not full:
        return runs | {"one": six(False)["step-1"], "none": six(False)["none"]}
    return runs | {"none": part_left("none", tag="-heads", rate=rate, seeds=seeds)}


def strengths(full: bool) -> dict[float, NetworkTraining]:
    """The active head's induction strength is set, all others learn as they like: by that strength."""
    from validation.singh.clamps import Induction

    return {
        2 * s - 1: under(f"strength-{2 * s - 1:g}", (Induction((ACTIVE,), s),), "step-1", tests=("labels",))
        for s in ((0.0, 0.25, 0.5, 0.75, 1.0) if full else (0.0, 0.5, 1.0))
    }


def _read_off(steps: int) -> dict[str, Any]:
    """What is read off the network as it is: heads, layers and grafts at the end, and layers over training."""
    from validation.singh.analyses import feeding, paths, single_heads, unseen
    from validation.singh.analyses_clamped import grafted

    apart = tuple(round(steps / 2 ** (k / 2)) for k in range(14, -1, -1))
    return {"analyses": (grafted, single_heads, paths, feeding, unseen), "snapshots": (0, *apart)}


def slowly() -> NetworkTraining:
    """The network as it is, at the paper's rate and for as long."""
    from validation.optimisers import Adam

    steps = 31_250
    return train_network(f"natural-{PAPERS_LR:g}", steps, optimiser=Adam(lr=PAPERS_LR), record_every=250,
                         **_read_off(steps))  # fmt: skip


def course(full: bool) -> NetworkTraining:
    """The network as it is, at the paper's rate if full."""
    return slowly() if full else natural(False)


def natural(full: bool) -> NetworkTraining:
    """The network as it is, nothing clamped, at a faster rate."""
    from validation.optimisers import Adam

    name, steps = ("natural-middle", 4500) if full else ("natural", 1500)
    return train_network(name, steps, optimiser=Adam(lr=VARIED_LR[full]), **_read_off(steps))


def with_heads(*heads: int) -> NetworkTraining:
    """All heads of layer 1 but these are zeroed, at the rate of `natural(True)`, until every seed has learnt."""
    from validation.optimisers import Adam
    from validation.singh.applied import all_but
    from validation.singh.network import Transformer

    name = "heads-" + "-".join(map(str, heads))
    network = Transformer(manipulations=((name, (all_but(*((1, head) for head in heads)),)),))
    return train_network(
        name, 12_000, network=network, optimiser=Adam(lr=VARIED_LR[True]), clamp={"manipulation": name},
        stop_below=0.25, tests=(),
    )  # fmt: skip


def single(full: bool) -> dict[int, NetworkTraining]:
    """One head of layer 1 is left, by its number; the active one alone if quick."""
    return {head: with_heads(head) for head in EIGHT} if full else {ACTIVE[1]: six(False)["none"]}


def beside() -> dict[int, NetworkTraining]:
    """Two heads of layer 1 are left, the active one and another, by the other's number."""
    one = ACTIVE[1]
    return {head: with_heads(one, head) for head in EIGHT if head != one}
