"""The trainings behind the claims on induction heads: the paper's task and network, at a faster rate."""

from typing import Any

from minimodels.tasks.exemplar_label import ExemplarLabelTask
from validation.trainings import NetworkTraining

SEEDS = tuple(range(6))
TASK = ExemplarLabelTask()  # P = 2, K = 5, 50 classes, independent Gaussian exemplars
LR = 3e-4
STEPS: dict[bool, int] = {False: 1500, True: 4000}
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


def natural(full: bool) -> NetworkTraining:
    """The network as it is, nothing clamped."""
    from validation.singh.analyses import feeding, paths, single_heads, unseen

    steps = STEPS[full]
    return train_network(
        "natural", steps, analyses=(single_heads, paths, feeding, unseen),
        snapshots=(0, *(round(steps / 2 ** (k / 2)) for k in range(14, -1, -1))),
    )  # fmt: skip


def with_heads(name: str, full: bool, *heads: int) -> NetworkTraining:
    """All heads of layer 1 but these are zeroed, until every seed has learnt."""
    from validation.singh.applied import all_but
    from validation.singh.network import Transformer

    network = Transformer(manipulations=((name, (all_but(*((1, head) for head in heads)),)),))
    return train_network(
        name, STEPS[full], network=network, clamp={"manipulation": name}, stop_below=0.25, tests=(),
    )  # fmt: skip


def single(full: bool) -> dict[int, NetworkTraining]:
    """One head of layer 1 is left, by its number."""
    return {head: with_heads(f"head-{head}", full, head) for head in (range(8) if full else (ACTIVE[1],))}


def beside() -> dict[int, NetworkTraining]:
    """Two heads of layer 1 are left, the active one and another, by the other's number."""
    one = ACTIVE[1]
    return {head: with_heads(f"heads-{one}-{head}", True, one, head) for head in range(8) if head != one}
