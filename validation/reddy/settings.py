"""The trainings behind the network claims: small networks, and the paper's for the full look at one course."""

from dataclasses import replace
from typing import Any

from minimodels.tasks.item_label import ItemLabelTask
from validation.trainings import NetworkTraining

Key = tuple[int, int, int]  # N, L, B
SEEDS = tuple(range(6))

REFERENCE: dict[bool, Key] = {False: (4, 16, 1), True: (8, 32, 1)}
# small networks, B = 1 at N_ALONG_L, N and L of (4, 16) along B, L = 4N along N; at N = 2 the plateau is r = 1/2
GRID_L: dict[bool, tuple[int, ...]] = {False: (6, 12, 48), True: (6, 12, 24, 48)}
N_ALONG_L = 3
GRID_B = (1, 2)
GRID_N: dict[bool, tuple[int, ...]] = {False: (3, 4), True: (3, 4, 6, 8)}
MORE: tuple[Key, ...] = (
    (4, 8, 1), (4, 32, 1), (4, 64, 1), (5, 10, 1), (5, 15, 1), (5, 20, 1), (5, 40, 1), (6, 12, 1), (6, 48, 1),
    (6, 24, 2), (7, 14, 1), (7, 28, 1), (8, 16, 1), (8, 32, 2),
)  # fmt: skip
SATURATED_N: dict[bool, tuple[int, ...]] = {False: (3,), True: (2, 4, 8)}
STEPS: dict[bool, int] = {False: 4500, True: 15_000}  # T* at L = 4N is about 400 N
SATURATED_STEPS: dict[bool, int] = {False: 2200, True: 15_000}


def train_network(name: str, task: ItemLabelTask, optimiser: str, lr: float, **options: Any) -> NetworkTraining:
    """A training of the paper's network by plain SGD or Adam; PyTorch is loaded with the first."""
    from validation.optimisers import SGD, Adam
    from validation.reddy.network import AttentionOnly

    given: dict[str, Any] = {"network": AttentionOnly(), **options}
    return NetworkTraining(name=name, task=task, optimiser={"sgd": SGD, "adam": Adam}[optimiser](lr=lr), **given)


def small(key: Key, full: bool) -> NetworkTraining:
    """The training of a small network with these N, L and B."""
    from validation.reddy import analyses

    N, L, B = key
    task = ItemLabelTask(N=N, L=L, B=B, K=L, D=31, N_max=N, p_C=1.0, K_c=None)
    return train_network(
        f"{'full' if full else 'quick'}-N{N}-L{L}-B{B}", task, "sgd", 0.1,
        steps=(SATURATED_STEPS if task.N_c == L else STEPS)[full], seeds=SEEDS, record_every=20, stop_above=0.9,
        analyses=() if task.N_c == L else (analyses.rates,),
    )  # fmt: skip


def reference(full: bool) -> list[NetworkTraining]:
    """The one configuration whose course is looked at closely: at full settings the paper's network, R9."""
    from validation.reddy.analyses import activity, interventions, maps, rates

    N, L, B = REFERENCE[full]
    if full:
        task = ItemLabelTask(N=N, L=L, B=B, K=256, p_C=0.8)
        return [
            train_network(
                "paper", task, "sgd", 0.01, steps=150_000, seeds=SEEDS, record_every=250, held_out=1024,
                snapshots=tuple(range(5000, 150_001, 5000)),
                analyses=(interventions, maps, activity),
            )
        ]  # fmt: skip
    snapshots = tuple(range(100, STEPS[False] + 1, 100))
    of = (interventions, maps, activity, rates)
    return [replace(small(REFERENCE[False], False), snapshots=snapshots, analyses=of)]


def clock(full: bool) -> NetworkTraining:
    """The configuration on which a clock is fitted."""
    return reference(False)[0] if not full else small((4, 16, 1), True)


def along_L(full: bool) -> list[NetworkTraining]:
    """One N at B = 1, several L."""
    return [_small((N_ALONG_L, L, 1), full) for L in GRID_L[full]]


def along_B(full: bool) -> list[NetworkTraining]:
    """N and L of the clock's configuration, several B."""
    return [_small((4, 16, B), full) for B in GRID_B]


def along_N(full: bool) -> list[NetworkTraining]:
    """Several N at L = 4N."""
    return [_small((N, 4 * N, 1), full) for N in GRID_N[full]]


def saturated(full: bool) -> list[tuple[NetworkTraining, NetworkTraining]]:
    """For several N, a training at L = 4N and one at L = N, where every label is in every context."""
    return [(_small((N, 4 * N, 1), full), small((N, N, 1), full)) for N in SATURATED_N[full]]


def shifts(full: bool) -> list[NetworkTraining]:
    """Every configuration with L > N, each once."""
    more = [_small(key, True) for key in MORE] if full else []
    return list({j.name: j for jobs in (along_L(full), along_B(full), along_N(full), more) for j in jobs}.values())


def predicted(full: bool) -> list[NetworkTraining]:
    """Those whose transition is predicted: not N/B = 2."""
    return [training for training in shifts(full) if training.last_task.N_c > 2]


def with_biases_held(training: NetworkTraining) -> NetworkTraining:
    """The same with the classifier's scalar biases held at zero, and only the analysis that this bears on."""
    from validation.reddy.analyses import activity
    from validation.reddy.network import AttentionOnly

    kept = tuple(analysis for analysis in training.analyses if analysis is activity)
    name = f"{training.name}-biases-held"
    return replace(training, name=name, network=AttentionOnly(biases="held"), analyses=kept)


def _small(key: Key, full: bool) -> NetworkTraining:
    return clock(full) if key == (4, 16, 1) else small(key, full)
