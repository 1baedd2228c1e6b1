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
    return train_network("natural", STEPS[full])
