"""The trainings behind the claims on self-attention as gradient descent: the authors' settings, shorter if quick."""

from dataclasses import replace
from typing import Any

from minimodels.tasks.linear_regression import LinearRegressionTask
from minimodels.tasks.sine_regression import SineRegressionTask
from validation.trainings import NetworkTraining

SEEDS = tuple(range(6))
TASK = LinearRegressionTask()
STEPS: dict[bool, int] = {False: 3000, True: 5000}


def trained(
    name: str, task: LinearRegressionTask, steps: int, network: dict[str, Any], **options: Any
) -> NetworkTraining:
    """A training by Adam with the authors' betas and clipping, of a network with these options."""
    from validation.optimisers import Adam
    from validation.oswald.analyses import beside_descent
    from validation.oswald.network import SelfAttention

    lr, clip = options.pop("lr", 1e-3), options.pop("clip", 1e-3)
    given: dict[str, Any] = {
        "batch": 2048, "seeds": SEEDS, "record_every": 100, "held_out": 2048, "analyses": (beside_descent,), **options,
    }  # fmt: skip
    return NetworkTraining(
        name=name, task=task, network=SelfAttention(**network), optimiser=Adam(lr=lr, beta2=0.98, clip=clip),
        steps=steps, **given,
    )  # fmt: skip


def one_layer(full: bool) -> NetworkTraining:
    """One linear layer, the paper's."""
    from validation.oswald.analyses import beside_descent, repeats, shifted

    options: dict[str, Any] = {} if full else {"batch": 1024}
    analyses = (beside_descent, repeats, shifted)
    return trained(f"one-layer-{STEPS[full]}", TASK, STEPS[full], {}, analyses=analyses, **options)


def two_layers(full: bool) -> NetworkTraining:
    """Two layers with the same weights."""
    from validation.oswald.analyses import beside_descent, scaled

    each = {"layers": 2, "recurrent": True}
    return trained(f"two-layers-tied-{STEPS[full]}", TASK, STEPS[full], each, analyses=(beside_descent, scaled))


def longer() -> dict[int, NetworkTraining]:
    """Two layers with the same weights, by the length of their contexts."""
    each = {"layers": 2, "recurrent": True}
    return {n: trained(f"two-layers-tied-of-{n}", replace(TASK, N=n), 5000, each, batch=512) for n in (25, 50, 100)}


def untied(full: bool) -> NetworkTraining:
    """Two layers with weights of their own."""
    return trained("two-layers-untied", TASK, 20_000, {"layers": 2}, lr=5e-4, clip=10.0)


def soft(full: bool) -> dict[int, NetworkTraining]:
    """One softmax layer, by the number of its heads."""
    return {heads: trained(f"softmax-{heads}", TASK, 10_000, {"heads": heads, "softmax": "all"}) for heads in (1, 2)}


def descended(name: str, task: LinearRegressionTask, lr: float, steps: int, **network: Any) -> NetworkTraining:
    """A training by plain SGD in double precision, as the flows have it."""
    from validation.optimisers import SGD
    from validation.oswald.network import SelfAttention

    return NetworkTraining(
        name=name, task=task, network=SelfAttention(double=True, **network), optimiser=SGD(lr=lr, decay=0.0),
        steps=steps, seeds=SEEDS, batch=512, held_out=4096, record_every=max(steps // 400, 1),
    )  # fmt: skip


SPLIT: dict[str, Any] = {"layers": 2, "softmax": "first", "pairs": "split", "scale": 0.02}


def two_tokens(steps: int) -> NetworkTraining:
    """A softmax and a linear layer on pairs in two tokens, with the copy test at every record."""
    from validation.oswald.copying import copied

    return trained(f"two-tokens-{steps}", TASK, steps, SPLIT, clip=10.0, analyses=(copied,),
                   snapshots=tuple(range(0, steps + 1, 100)))  # fmt: skip


def five_layers() -> NetworkTraining:
    """Five linear layers with weights of their own, whose tokens are clipped."""
    return trained("five-layers", TASK, 50_000, {"layers": 5, "clip": 10.0}, lr=5e-4, clip=10.0, analyses=())


def sine(full: bool, *, eta: float | None = None) -> NetworkTraining:
    """Self-attention behind an embedding on sine waves, or its twin: a fixed step of descent eta/N in its place."""
    from validation.optimisers import Adam
    from validation.oswald.embedded import EmbeddedAttention, answers

    steps, batch = (20_000, 2048) if full else (4000, 128)
    return NetworkTraining(
        name=f"sine-{steps}" + ("" if eta is None else "-twin"), task=SineRegressionTask(),
        network=EmbeddedAttention(eta=eta), optimiser=Adam(lr=1e-3 if eta is None else 3e-4, beta2=0.98, clip=100.0),
        steps=steps, seeds=SEEDS, batch=batch, record_every=100, held_out=2048, analyses=(answers,),
    )  # fmt: skip


SPECTRUM = (1.0, 0.5, 0.25)
STAIRS_START = 0.02


def staircase(full: bool) -> NetworkTraining:
    """Keys and queries apart, values and projection merged, on Gaussian inputs of unequal variance."""
    from validation.oswald.analyses import directions

    task = LinearRegressionTask(N=20, d=len(SPECTRUM), law="gaussian", spectrum=SPECTRUM)
    steps = 11_000 if full else 5500
    plain = descended(
        f"staircase-{steps}", task, 110 / steps, steps, merged="PV", average=True, start=STAIRS_START
    )  # fmt: skip
    return replace(
        plain, batch=256, held_out=2048, analyses=(directions,),
        record_every=steps // 110, snapshots=tuple(range(0, steps + 1, steps // 110)),
    )  # fmt: skip


def pooled(full: bool) -> dict[int, NetworkTraining]:
    """One layer on a fixed set of tasks, by their number: all in every step, or, of the larger ones, some in turn."""
    from validation.oswald.analyses import unseen

    largest, steps = (2048, 4000) if full else (256, 2500)
    return {
        tasks: trained(
            f"fixed-{tasks}-{steps}", replace(TASK, pool=tasks), steps, {}, batch=min(tasks, largest), held_out=512,
            analyses=(unseen,),
        )
        for tasks in ((128, 512, 2048, 8192) if full else (128, 2048))
    }  # fmt: skip


def heads(full: bool) -> dict[int, NetworkTraining]:
    """One linear layer until the loss of every seed has fallen, by the number of its heads."""
    seeds, batch, steps = (30, 512, 5000) if full else (10, 256, 2000)
    return {
        number: trained(
            f"heads-{number}-{seeds}", TASK, steps, {"heads": number}, batch=batch, held_out=512, analyses=(),
            seeds=tuple(range(seeds)), record_every=10, stop_below=0.25,
        )
        for number in (1, 2)
    }  # fmt: skip
