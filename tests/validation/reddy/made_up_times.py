"""Made-up runs of the claims about transition steps and their predictions, of the head and of the network."""

import json
import math
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tests.validation.reddy.made_up import Cases, Runs, but_one, escaped, near, of, rising, trainings
from theory.reddy.read_out import head_rates, label_gain_rates
from validation.comparison import escape
from validation.ledger import Claim
from validation.protocols import Training
from validation.reddy.claims import head, network
from validation.reddy.settings import SEEDS

Key = tuple[int, int, int]
LR = 0.1  # of the networks


def key(training: Training) -> Key:
    task = training.last_task
    return task.N, task.L, task.B


def heads(claim: Claim, ratio: Callable[[Training], float], D: float = math.inf) -> Runs:
    """Heads whose steps are these multiples of what is predicted."""
    return {t.name: escaped(near(ratio(t) * head._predicted(key(t), D) / t.lr)) for t in trainings(claim)}


def bent(at: Key, vectors: str, to: float, D: int | None = None) -> Callable[[Training], float]:
    """All as predicted but one."""

    def ratio(t: Training) -> float:
        task = t.last_task
        there = key(t) == at and task.label_vectors == vectors and (D is None or task.D == D)
        return to if there else 1.01

    return ratio


@of("R28")
def predicted(claim: Claim) -> Cases:
    yield "agrees", heads(claim, lambda _: 1.01)
    yield "agrees", heads(claim, bent((6, 96, 1), "gaussian", 1.5))  # L > D does not count
    for to in (0.93, 1.07):
        yield "disagrees", heads(claim, bent((4, 32, 1), "gaussian", to))


@of("R28d")
def predicted_with_overlaps(claim: Claim) -> Cases:
    yield "agrees", heads(claim, lambda _: 1.01, 63)
    yield "disagrees", heads(claim, bent((6, 96, 1), "gaussian", 1.07), 63)
    yield "disagrees", heads(claim, bent((3, 6, 1), "gaussian", 0.93), 63)


@of("R28l")
def without_overlaps(claim: Claim) -> Cases:
    def runs(ratio: float, near: float, far: float) -> Runs:
        found = heads(claim, bent((8, 32, 1), "orthonormal", ratio))
        for D, excess in ((63, near), (252, far)):
            found |= heads_of((4, 64, 1), claim, D, 1.01 + excess)
        return found

    def heads_of(at: Key, claim: Claim, D: int, ratio: float) -> Runs:
        one = heads(claim, bent(at, "gaussian", ratio, D))
        names = [
            t.name for t in trainings(claim)
            if key(t) == at and t.last_task.D == D and t.last_task.label_vectors == "gaussian"
        ]  # fmt: skip
        return {name: one[name] for name in names}

    yield "agrees", runs(1.01, 0.12, 0.03)
    yield "disagrees", runs(1.07, 0.12, 0.03)
    yield "disagrees", runs(1.01, 0.12, 0.1)


@of("R27")
def constant_along_L(claim: Claim) -> Cases:
    yield "agrees", heads(claim, lambda t: 1.0 + 0.1 * t.last_task.N)  # another factor at every N
    yield "disagrees", heads(claim, bent((4, 32, 1), "gaussian", 1.1))
    yield "disagrees", heads(claim, bent((8, 32, 1), "orthonormal", 0.93))
    first = {t.name: head._predicted((key(t)[0], 2 * key(t)[0], 1)) for t in trainings(claim)}
    yield "disagrees", {name: escaped(near(time)) for name, time in first.items()}  # does not grow with L


@of("R28g")
def beyond_gradient_flow(claim: Claim) -> Cases:
    """Deviations by learning rate at a batch of 128, and by batch at a learning rate of 4."""

    def runs(small: float, large_lr: float, small_batch: float) -> Runs:
        def ratio(t: Training) -> float:
            if t.lr == 0.25 and t.batch == 128:
                return 1 + small
            if t.lr == 32 and t.batch == 128:
                return 1 + large_lr
            return 1 + (small_batch if t.batch == 8 and t.lr == 4 else 0.03)

        return heads(claim, ratio)

    yield "agrees", runs(0.01, 0.4, 0.3)
    yield "agrees", runs(0.01, -0.4, -0.3)
    yield "disagrees", runs(0.08, 0.4, 0.3)
    yield "disagrees", runs(0.02, 0.01, 0.3)
    yield "disagrees", runs(0.01, 0.4, 0.01)
    never = {t.name: escaped(but_one(near(400.0))) for t in trainings(claim) if t.lr == 32}
    yield "not converged", runs(0.01, 0.4, 0.3) | never


@of("R28k")
def deep_predicted(claim: Claim) -> Cases:
    def runs(ratio: Callable[[Training], float], *, backwards: bool = False) -> Runs:
        """Backwards: what is predicted late comes early, as far as a factor of 2 allows."""
        found = {}
        for t in trainings(claim):
            N, L, B = key(t)
            rate = head_rates(L, layers=t.head.layers, gain=t.head.gain)["xi"]
            time = head.exact_transition_time(N, L, B, eps=0.1, rates={"xi": rate})
            other = np.clip((25.0 / time) ** 2, 0.52, 1.95) if backwards else ratio(t)
            found[t.name] = escaped(near(other * time / t.lr))
        return found

    yield "agrees", runs(lambda _: 1.5)
    yield "disagrees", runs(lambda t: 2.2 if t.head.layers == 1 and key(t) == (8, 32, 1) else 1.5)
    yield "disagrees", runs(lambda t: 0.4 if t.head.layers == 3 and key(t) == (3, 12, 1) else 1.0)
    yield "disagrees", runs(lambda _: 1.0, backwards=True)


@of("R28s")
def stall(claim: Claim) -> Cases:
    *sgd, gain, adam = (t.name for t in trainings(claim))

    usual = near(1000.0)

    def runs(loss: float = math.log(32), **to: NDArray[np.float64]) -> Runs:
        stalled = xr.Dataset({"loss": (("seed", "step"), [[4.0, math.log(32)]])})
        found = dict.fromkeys(sgd, stalled)
        found |= {gain: escaped(to.get("gain", usual)), adam: escaped(to.get("adam", usual))}
        found[sgd[-1]] = xr.Dataset({"loss": (("seed", "step"), [[4.0, loss]])})
        return found

    yield "agrees", runs()
    yield "disagrees", runs(loss=3.0)
    for who in ("gain", "adam"):
        yield "disagrees", runs(**{who: near(2300.0)})
        yield "not converged", runs(**{who: but_one(usual)})


@of("R23")
def unequal_labels(claim: Claim) -> Cases:
    start, equal, unequal = (t.name for t in trainings(claim))
    task = trainings(claim)[0].last_task
    rates, logs = label_gain_rates(task), np.log(task.label_frequencies)

    def runs(growth: float = 1.0, slope: float = 1.0, order: float = 1.0, step: float = 800.0) -> Runs:
        """Gains begin with slopes that are too steep, and end as logarithms; they jump at `step` of 4000."""
        noise = near(1.0)[:, None]
        first = np.stack([0 * rates, 5 * growth * rates])
        courses = np.stack([0 * logs, order * 3 * logs, 2 + slope * logs])
        gains = (("seed", "step", "label"), noise[:, :, None] * first), noise[:, :, None] * courses
        return {
            start: xr.Dataset({"xi_label": gains[0]}, {"step": [0, 5]}),
            equal: escaped(near(1000.0)),
            unequal: escaped(near(step)).assign(xi_label=(("seed", "step", "label"), gains[1]))
            .assign_coords(step=[0, int(step), 4000]),
        }  # fmt: skip

    yield "agrees", runs()
    for growth in (0.8, 1.2):
        yield "disagrees", runs(growth=growth)
    for slope in (0.8, 1.2, -1.0):
        yield "disagrees", runs(slope=slope)
    yield "disagrees", runs(order=-1.0)
    yield "disagrees", runs(step=1200.0)


def matrices(*factors: float) -> xr.Dataset:
    """Rates of beta_1, alpha and xi: at the start, and three times as large at the end."""
    values = np.array(factors)[:, None, None] * near(1.0)[:, None] * [1.0, 3.0]
    return xr.Dataset(
        {"rate": (("parameter", "seed", "step"), values)},
        coords={"parameter": ["beta_1", "alpha", "xi"], "step": [0, 4500], "seed": list(SEEDS)},
    )


USUAL = matrices(0.9, 0.16, 0.07)


def shifts(claim: Claim, step: Callable[[Training], float]) -> Runs:
    """Networks with these transition steps."""
    found = {}
    for t in trainings(claim):
        found[t.name] = rising(near(step(t)), lr=LR)
        found[f"{t.name}/rates"] = USUAL
    return found


@of("R3t", "R27p", "R27n")
def along_one_option(claim: Claim) -> Cases:
    first, last = {"R3t": ((4, 16, 2), (4, 16, 1)), "R27p": ((3, 12, 1), (4, 16, 1)), "R27n": ((3, 6, 1), (3, 48, 1))}[
        claim.id
    ]

    def runs(early: Key, late: Key, to: float = 1500.0) -> Runs:
        return shifts(claim, lambda t: {early: 1000.0, late: to}.get(key(t), 1200.0))

    good, names = runs(first, last), {key(t): t.name for t in trainings(claim)}
    yield "agrees", good
    yield "disagrees", runs(last, first)
    yield "inconclusive", runs(first, last, to=1000.0)
    for one in (first, last):  # one of them is what the figure's clock is fitted on
        for at in (np.full(len(SEEDS), math.inf), but_one(near(1200.0), math.inf)):
            yield "not converged", {**good, names[one]: rising(at, end=4000.0, lr=LR)}


def unfitted(t: Training) -> float:
    return escape(network._model_run(t, effective=True), "time") / LR


def fitted(t: Training) -> float:
    return escape(network._model_run(t, effective=False), "time") / 0.04


def from_draws(t: Training) -> float:
    return network._prediction(t).step


@of("R28n", "R28c", "R28e", "R28p")
def predicted_shifts(claim: Claim) -> Cases:
    prediction = {"R28n": unfitted, "R28c": fitted, "R28e": from_draws, "R28p": from_draws}[claim.id]
    fixed = (4, 16, 1)  # of the clock

    def runs(factor: float, of_fixed: float = 1.0, power: float = 1.0) -> Runs:
        return shifts(claim, lambda t: prediction(t) ** power * (of_fixed if key(t) == fixed else factor))

    yield "agrees", runs(1.0)
    if claim.id == "R28e":
        yield "agrees", runs(1.15, 1.15)
        yield "disagrees", runs(1.3, 1.3)
        yield "disagrees", runs(1e7, 1e7, -1.0)
    elif claim.id == "R28p":
        yield "agrees", runs(0.92, 0.92)
        yield "disagrees", runs(1.15, 1.15)
        yield "disagrees", runs(0.85, 0.85)
    else:
        yield "disagrees", runs(2.3)
        yield "disagrees", runs(0.4)
        if claim.id == "R28n":
            yield "disagrees", runs(1.0, 2.3)
        (name,) = (t.name for t in trainings(claim) if key(t) == fixed)
        never = rising(np.full(len(SEEDS), math.inf), end=4000.0, lr=LR)
        yield "not converged", {**runs(1.0), name: never}


@of("R28i")
def initial_rates(claim: Claim) -> Cases:
    """The width is 2N + 1 + 31; by hand 1/1 + 1/3 + ... for N = 3 and 4."""
    odd = {3: 23 / 45, 4: 44 / 105}  # mean of 1/(2k - 1)

    def runs(beta_1: float, alpha: float, at: Key = (3, 12, 1)) -> Runs:
        found = {}
        for t in trainings(claim):
            N = t.last_task.N
            d = (2 * N + 1 + 31) / 31
            b, a = (beta_1, alpha) if key(t) == at else (1.1, 0.9)
            found[f"{t.name}/rates"] = matrices(b * 2 * d / N * (1 + odd[N]), a * 3 * d**2 / 31, 5.0)
        return found

    yield "agrees", runs(1.0, 1.0)
    for factors in ((1.4, 1.0), (0.7, 1.0), (1.0, 1.4), (1.0, 0.7)):
        yield "disagrees", runs(*factors)
        yield "disagrees", runs(*factors, at=(4, 16, 2))


@of("R28o")
def overlay(claim: Claim) -> Cases:
    """A network that is the model with effective rates, at time = learning rate x steps; and one half as slow again."""
    (training,) = trainings(claim)
    run = network._model_run(training, effective=True)
    step = np.linspace(0, 5000, 1001)
    for verdict, slower in (("agrees", 1.0), ("disagrees", 1.5), ("disagrees", 0.6)):
        values = {k: np.interp(LR * step / slower, run.time, run[k]) for k in ("correct", "loss")}
        yield verdict, {training.name: xr.Dataset(
            {k: (("seed", "step"), np.stack([v] * len(SEEDS))) for k, v in values.items()},
            {"seed": list(SEEDS), "step": step},
            {"optimiser": json.dumps({"lr": LR})},
        )}  # fmt: skip
    yield "disagrees", {training.name: rising(np.full(len(SEEDS), math.inf), end=5000.0, lr=LR)}


@of("R28r")
def course_of_rates(claim: Claim) -> Cases:
    (training,) = trainings(claim)

    def runs(alpha: float = 5.0, xi: float = 1000.0, beta_1: tuple[float, ...] = (0.1, -0.4, 3.0)) -> Runs:
        """Rates that have grown this much at the end, by way of more."""
        rate = np.stack([near(1.0)[:, None] * [1.0, 2000.0, grown] for grown in (1.0, alpha, xi)])
        value = np.stack([near(1.0)[:, None] * np.array(beta_1)] * 3)
        dims = ("parameter", "seed", "step")
        course = xr.Dataset({"rate": (dims, rate), "value": (dims, value)},
                            {"parameter": ["beta_1", "alpha", "xi"], "step": [0, 100, 200]})  # fmt: skip
        return {f"{training.name}/rates": course}

    yield "agrees", runs()
    yield "disagrees", runs(alpha=0.5)
    yield "disagrees", runs(xi=50.0)
    yield "disagrees", runs(alpha=5000.0)
    for course in ((0.1, 0.2, 3.0), (0.1, 0.05, 3.0), (0.1, -0.4, 0.0)):  # it rises, hardly falls, stays down
        yield "disagrees", runs(beta_1=course)
