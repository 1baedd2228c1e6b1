"""The trainings behind the claims on competing strategies: the papers' sizes, which take long.

Labels are those of classes, so that both attending to the query's class in the context (ICL) and knowing its label,
which is in the context too (CIWL), solve the task. Exemplars are Gaussian, drawn anew for context and query among the
20 of a class. Lengths are in millions of sequences.

Small ones are trained at a hundred times the rate on exemplars of 16 dimensions, in which 2048 classes crowd. Where the
query is the exemplar in the context they soon learn in context; where it is another, they hardly do.
"""

from dataclasses import replace
from typing import Any

from minimodels.tasks.exemplar_label import ExemplarLabelTask
from validation.trainings import NetworkTraining

SEEDS = (0, 1, 2)
BATCH = 32
TESTS = ("ICL", "Flip", "CIWL", "IWL")
TASK = ExemplarLabelTask(labels="fixed", K=12_800, C=12_800, exemplars=20, query="another", w=0.1, unseen=0)
CIWL_ONLY = replace(TASK, labels="planted")
ICL_ONLY = replace(TASK, labels="relabelled", held_out=0.0)
SNAPSHOTS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 64)
LATE = 20  # where the paper's figures end
AGES = (9.75, 9.8, 20, 31.5, 32)  # of back halves that learnt CIWL alone
STARTS = (4, 5, 6, 7, 8, 10)  # CIWL alone up to there
BEHIND = 5  # of front halves before a frozen back half
MS = {2: 10.6, 12: 48.9}  # measured on one core for a step of a seed, by layers: of 1 719 232 and 836 096 parameters


def steps(millions: float) -> int:
    """Updates on so many million sequences."""
    return round(millions * 1e6 / BATCH)


def hours(millions: float, layers: int = 2) -> str:
    """Why something is not run: the length of its trainings, and what they take."""
    taken = steps(millions) * MS[layers] * len(SEEDS) / 3.6e6
    said = f"{taken:.0f} hours" if taken < 100 else f"{taken / 24:.0f} days"
    return f"{millions:g} million sequences of every seed, about {said} on one core: use the full settings"


def network(**options: Any) -> Any:
    """A network with a table of positions, unless given others."""
    from validation.singh.network import Transformer

    return Transformer(**{"positions": "table", **options})


def trained(name: str, millions: float, *, lr: float = 1e-5, **options: Any) -> NetworkTraining:
    """A training by Adam, evaluated every 100 000 sequences unless told otherwise."""
    from validation.optimisers import Adam

    given: dict[str, Any] = {
        "task": TASK, "network": network(), "seeds": SEEDS, "tests": TESTS, "record_every": steps(0.1),
        "checkpoint_every": steps(0.4), "held_out": 500, **options,
    }  # fmt: skip
    return NetworkTraining(name=name, optimiser=Adam(lr=lr), steps=steps(millions), batch=BATCH, **given)


def standard() -> NetworkTraining:
    """Two layers, as they are, with all that is read off them; fresh front halves learn ICL before its back half."""
    from validation.singh import strategies as analyses

    return trained(
        "coopetition", SNAPSHOTS[-1], snapshots=tuple(map(steps, SNAPSHOTS)),
        analyses=(analyses.course, analyses.routes, analyses.copiers, analyses.before_late),
    )  # fmt: skip


def longest() -> NetworkTraining:
    """Five times as long."""
    return trained("coopetition-320", 320, record_every=steps(1))


def icl_alone() -> NetworkTraining:
    """Labels anew in every sequence: two of all."""
    return trained("icl-only", 64, task=ICL_ONLY, tests=())


def ciwl_alone() -> NetworkTraining:
    """The query's class is never in the context; fresh front halves learn ICL before its back halves of some ages."""
    from validation.singh.strategies import before_ciwl

    return trained("ciwl-only", 32, task=CIWL_ONLY, snapshots=tuple(map(steps, AGES)), analyses=(before_ciwl,))


def started() -> dict[int, NetworkTraining]:
    """CIWL alone first, then the standard task, by how long the first."""
    return {at: trained(f"start-{at}", 15 + at, task=CIWL_ONLY, later=((steps(at), TASK),)) for at in STARTS}


def placed() -> dict[str, NetworkTraining]:
    """Positions that are not learnt, by kind."""
    kinds = ("sinusoidal", "rotary")
    return {kind: trained(f"positions-{kind}", LATE, network=network(positions=kind)) for kind in kinds}


def varied() -> dict[tuple[int, int], NetworkTraining]:
    """Fewer exemplars or classes, by the numbers of both."""
    return {
        (C, each): trained(f"classes-{C}-{each}", length, task=replace(TASK, C=C, K=C, exemplars=each))
        for C, each, length in ((12_800, 5, 30), (1600, 20, 20), (1600, 5, 100))
    }


def matching() -> NetworkTraining:
    """The query is the exemplar in the context."""
    return trained("match-query", LATE, task=replace(TASK, query="same"))


def forbidden() -> Any:
    """No head of layer 0 may attend from a label to the exemplar before it."""
    from validation.singh.clamps import ForbidPreviousToken

    return ForbidPreviousToken(tuple((0, h) for h in range(8)), rows="labels")


def prevented() -> dict[str, NetworkTraining]:
    """Heads of layer 0 that may not attend from labels to the exemplars before them, and three that write nothing."""
    from validation.singh.clamps import ZeroHead
    from validation.singh.strategies import blind

    clamps = {"forbidden": forbidden(), "fewer": ZeroHead(((0, 1), (0, 4), (0, 7)))}
    return {
        name: trained(f"layer-0-{name}", LATE, network=network(manipulations=((name, (clamp,)),)),
                      clamp={"manipulation": name}, analyses=(blind,) if name == "forbidden" else ())
        for name, clamp in clamps.items()
    }  # fmt: skip


def one_layer() -> NetworkTraining:
    """One layer."""
    return trained("one-layer", LATE, network=network(layers=1))


SMALL = replace(TASK, K=2048, C=2048, D=16, w=0.3, query="same")
SMALL_STEPS, SMALL_SEEDS, SMALL_TESTS = 1300, (0, 1, 2, 3), ("ICL", "Flip", "CIWL")


def small(name: str, task: ExemplarLabelTask = SMALL, **options: Any) -> NetworkTraining:
    """A training of a minute's fraction on the small task."""
    length = SMALL_STEPS * BATCH / 1e6
    return trained(f"small-{name}", length, lr=1e-3, task=task, seeds=SMALL_SEEDS, tests=SMALL_TESTS, held_out=512,
                   record_every=130, **options)  # fmt: skip


def in_small() -> dict[str, NetworkTraining]:
    """The small ones: as they are, and with what keeps them from learning in context."""
    nets = {
        "same": network(),
        "one layer": network(layers=1),
        "rotary": network(positions="rotary"),
        "sinusoidal": network(positions="sinusoidal"),
        "forbidden": network(manipulations=(("forbidden", (forbidden(),)),)),
    }
    from validation.singh.strategies import blind

    runs = {name: small(name.replace(" ", "-"), network=net) for name, net in nets.items()}
    return runs | {
        "another": small("another", replace(SMALL, query="another")),
        "sinusoidal": replace(runs["sinusoidal"], steps=2 * SMALL_STEPS),
        "forbidden": replace(runs["forbidden"], clamp={"manipulation": "forbidden"}, analyses=(blind,)),
    }


DEEP = replace(TASK, P=8, B=4, C=1600, K=1600)  # burstiness 3 does not divide P: classes are there four times
DEEP_LENGTH = 400


def deep(name: str, task: ExemplarLabelTask = DEEP, **options: Any) -> NetworkTraining:
    """Twelve layers with perceptrons and sinusoidal positions, at the rate 3e-4."""
    from validation.singh.regularised import Regularised

    net = Regularised(**{"layers": 12, "positions": "sinusoidal", "mlp": 4, **options})
    return trained(f"deep-{name}", DEEP_LENGTH, lr=3e-4, task=task, network=net, record_every=steps(2))


def deep_same() -> NetworkTraining:
    """The query is the exemplar in the context."""
    return deep("match-query", replace(DEEP, query="same"))


def deep_usual() -> NetworkTraining:
    """As it is."""
    return deep("12")


def depths() -> dict[int, NetworkTraining]:
    """By the number of layers."""
    return {12: deep_usual(), 24: deep("24", layers=24)}


def softened() -> dict[str, NetworkTraining]:
    """As it is, twice as wide, and with eight times as many classes."""
    return {
        "usual": deep_usual(), "wider": deep("wide", width=128),
        "classes": deep("12800", replace(DEEP, C=12_800, K=12_800)),
    }  # fmt: skip


def regularised() -> dict[str, NetworkTraining]:
    """By what L2 regularisation is of: nothing, all weights, weakly and strongly, perceptrons, attention."""
    return {
        "none": deep_usual(), "all": deep("l2", l2=1e-4), "strong": deep("l2-strong", l2=1e-2),
        "mlp": deep("l2-mlp", l2=1e-4, of="mlp"), "attention": deep("l2-attention", l2=1e-4, of="attention"),
    }  # fmt: skip
