"""Claims on a layer of random weights: the flow of the four numbers of its start, of all its weights, and SGD."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial

import numpy as np

import minimodels as mm
from validation.checks import between, near
from validation.ledger import Context, Finding, claim
from validation.oswald import population, settings
from validation.oswald.claims.flows import BEST, ZERO, crossing, time_to
from validation.trainings import NetworkTraining

of_network = partial(claim, level="network", full_only="takes minutes: use the full settings")
of_model = partial(claim, level="model")
DRAWS = range(10)
SCALE, WIDTH = 0.0135, settings.TASK.d + 1


@cache
def drawn(seed: int) -> Mapping[str, np.ndarray]:
    """Weights of the size of the authors'."""
    each = np.random.default_rng(seed).normal(0.0, SCALE, (4, 1, 1, WIDTH, WIDTH))
    return dict(zip("KQVP", each, strict=True))


def four_numbers(weights: Mapping[str, np.ndarray]) -> dict[str, float]:
    """A = p.v, B = tr K_x^T Q_x and the squared norms, on the branch A > 0 (A < 0 is it with K and -Q)."""
    K, Q, V, P = (weights[name][0, 0] for name in "KQVP")
    p, v, K_x, Q_x = -P[-1], V[:, -1], K[:, :-1], Q[:, :-1]
    A, B = float(p @ v), float((K_x * Q_x).sum())
    return {"A": abs(A), "B": math.copysign(1.0, A) * B, "S1": float(p @ p + v @ v),
            "S2": float((K_x**2).sum() + (Q_x**2).sum())}  # fmt: skip


def escape(weights: Mapping[str, np.ndarray]) -> float:
    """The escape time of the four numbers' flow."""
    onset = mm.model("linear_attention", weights="onset")
    run = mm.simulate(onset, t_end=1e5, init=four_numbers(weights), stop_at="escape_time", save=[0.0])
    return float(run["escape_time"])


def course(weights: Mapping[str, np.ndarray], *, driven: bool) -> population.Course:
    """The gradient flow of the weights until 99.9 % of the loss's fall."""
    times, end = np.linspace(0.0, 2 * escape(weights), 6001), BEST + 1e-3 * (ZERO - BEST)
    return population.flow(settings.TASK, weights, times, driven=driven, end=end)


@cache
def _course(seed: int, driven: bool) -> population.Course:
    return course(drawn(seed), driven=driven)


def half(found: population.Course) -> float:
    """When the loss has fallen half-way."""
    return crossing(0.5, found.times, found.losses)


def fall(start: population.Course) -> tuple[np.ndarray, np.ndarray]:
    """Losses of the flow of aligned keys and queries and of the whole one, from 2 % of the drop on."""
    i = int(np.argmax(start.losses < ZERO - 0.02 * (ZERO - BEST)))
    A, K, Q = -start.p[i] @ start.V[i, :, -1], start.K[i, :, :-1], start.Q[i]
    mean = (math.copysign(1.0, A) * K + Q) / 2
    sizes = np.linalg.svd(mean, compute_uv=False)
    times = start.times[i:] - start.times[i]
    run = mm.simulate(
        mm.model("linear_attention", weights="saturation"), t_end=times[-1], save=times, rtol=1e-9,
        init={"p": math.sqrt(abs(A))} | {f"m_{k + 1}": size for k, size in enumerate(sizes)},
    )  # fmt: skip
    return run["loss"].values, start.losses[i:]


TEN = "std .0135, ten draws"


@of_model("O23m", "From random weights the escape follows from four numbers of the start, for the blocks that make a "
          "step of descent", headline=True, setting=TEN)  # fmt: skip
def of_four_numbers(context: Context) -> Finding:
    """O23 for the flow of the driven blocks: 242 weights."""
    ratios = np.array([half(_course(seed, True)) / escape(drawn(seed)) for seed in DRAWS])
    return Finding(
        [between("largest |half drop / escape of the four numbers - 1|", float(abs(ratios - 1).max()), 0.0, 0.003, 0.0)]
    )


@of_model("O23a", "The escape of the four numbers is within .5 % of the half drop of the flow of all weights",
          setting=TEN)  # fmt: skip
def of_all_weights(context: Context) -> Finding:
    """O23 for the flow of the whole layer."""
    ratios = np.array([half(_course(seed, False)) / escape(drawn(seed)) for seed in DRAWS])
    why = (
        "The blocks that read labels into keys (m) and inputs into values (b) have a drive of their own, N s^2 b.m: "
        f"with them the half drop is at {ratios.min():.3f} to {ratios.max():.3f} times the escape, without them at "
        f"{min(half(_course(seed, True)) / escape(drawn(seed)) for seed in DRAWS):.4f} and more."
    )
    away = float(abs(ratios - 1).max())
    return Finding([between("largest |half drop / escape of the four numbers - 1|", away, 0.0, 0.005, 0.0)], why=why)


def _random(full: bool) -> NetworkTraining:
    """From the authors' initialisation."""
    plain = settings.descended("random", settings.TASK, 0.25, 20_400)
    return replace(plain, record_every=8, batch=1024, held_out=1024)


def starts(training: NetworkTraining) -> list[Mapping[str, np.ndarray]]:
    """The weights that its seeds begin with."""
    return [training.network.initial(training.last_task, seed) for seed in training.seeds]


@of_network("O23", "From random weights the half drop of SGD follows from four numbers of the start",
            trainings=lambda full: [_random(True)])  # fmt: skip
def from_random_weights(context: Context) -> Finding:
    """O23: the onset flow's escape against the half drop of SGD, seed by seed."""
    training = _random(True)
    run = context.of(training)
    ratios = time_to(0.5, training, run) / [escape(weights) for weights in starts(training)]
    return Finding([near("half drop of SGD / escape of the four numbers", ratios, 1.0, rel=0.03)])


@of_network("O23f", "The half drop of SGD from random weights is that of the flow of all weights",
            trainings=lambda full: [_random(True)])  # fmt: skip
def of_the_whole_flow(context: Context) -> Finding:
    """O23 with the flow that SGD approximates."""
    training = _random(True)
    run = context.of(training)
    ratios = time_to(0.5, training, run) / [half(course(weights, driven=False)) for weights in starts(training)]
    return Finding([near("half drop of SGD / of the flow of all weights", ratios, 1.0, rel=0.03)])


def _apart(driven: bool) -> float:
    return max(float(abs(np.subtract(*fall(_course(seed, driven)))).max()) for seed in DRAWS)


@of_model("O24", "The fall of the loss is that of aligned keys and queries, for the blocks that make a step of "
          "descent", setting=f"{TEN}; from 2 % of the drop on")  # fmt: skip
def saturation(context: Context) -> Finding:
    """O24 for the flow of the driven blocks."""
    return Finding([between("largest difference of losses", _apart(True), 0.0, 5e-4, 0.0)])


@of_model("O24a", "The fall of the loss of all weights is that of aligned keys and queries",
          setting=f"{TEN}; from 2 % of the drop on")  # fmt: skip
def saturation_of_all(context: Context) -> Finding:
    """O24 for the flow of the whole layer."""
    away = _apart(False)
    why = f"The blocks that read labels into keys and inputs into values add up to {away:.2g} to the loss."
    return Finding([between("largest difference of losses", away, 0.0, 5e-4, 0.0)], why=why)


def _fine(full: bool) -> NetworkTraining:
    """From weights of twice the size, with steps that are small for the fall too."""
    plain = settings.descended("random-fine", settings.TASK, 0.05, 20_000, scale=0.01)
    return replace(plain, record_every=10, held_out=2048)


@of_network("O24n", "The loss of SGD falls as fast as that of aligned keys and queries", exploratory=True,
            trainings=lambda full: [_fine(True)])  # fmt: skip
def width(context: Context) -> Finding:
    """O24 for SGD: the time from a quarter of the drop to three, of small steps: noise slows the fall of larger ones.

    With the steps of O23, .25, it takes 1.5 times as long.
    """
    training = _fine(True)
    run, expected = context.of(training), []
    for weights in starts(training):
        whole = course(weights, driven=False)
        losses, _ = fall(whole)
        times = whole.times[-len(losses) :]
        expected.append(crossing(0.75, times, losses) - crossing(0.25, times, losses))
    measured = time_to(0.75, training, run) - time_to(0.25, training, run)
    ratios = measured / np.array(expected)
    return Finding([near("from a quarter to three quarters of the drop, SGD / aligned weights", ratios, 1.0, rel=0.05)])


RESTING = 0  # the draw, of the ten, that rests


@claim(
    "O27p",
    "A layer of one head can rest where the labels' blocks make a step in one direction: L = s tau^2/2 (d - N/D)",
    level="model",
    setting=f"std .0135, draw {RESTING} of ten",
    exploratory=True,
)
def one_direction(context: Context) -> Finding:
    """Stated after the flow of all weights was seen: the saddle behind the plateaus that depend on the seed (O27)."""
    task, found = settings.TASK, _course(RESTING, False)
    level = task.s / 2 * (task.d - task.N / (task.N + task.d - 0.2))
    left = ZERO - 0.02 * (ZERO - BEST)
    inside = np.flatnonzero((found.losses < left) & (found.losses > (ZERO + BEST) / 2))
    slope = np.gradient(found.losses, found.times)
    rest = float(found.losses[inside[np.argmax(slope[inside])]])
    return Finding([near("loss where the flow falls most slowly on its way", rest, level, rel=0.002)])  # fmt: skip
