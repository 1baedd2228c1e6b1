"""Made-up runs of the claims about the course of a network's training and about interventions on it."""

import math

import numpy as np
import xarray as xr

from tests.validation.reddy.made_up import Cases, Runs, but_one, near, network, of, rising, trainings
from validation.ledger import Claim
from validation.reddy.settings import SEEDS

GOOD = network(1800.0, plateau=math.log(4))
NAME = "quick-N4-L16-B1"


def only(run: xr.Dataset) -> Runs:
    return {NAME: run}


def in_one_seed(name: str, value: xr.DataArray) -> xr.Dataset:
    """The good run, but for the curve of the last seed."""
    return GOOD.assign({name: xr.where(GOOD.seed == SEEDS[-1], value, GOOD[name]).transpose("seed", "step")})


@of("R1a")
def abrupt(claim: Claim) -> Cases:
    yield "agrees", only(GOOD)
    yield "disagrees", only(GOOD.sel(step=slice(0, 1500)))
    wide = 0.25 + 0.75 / (1 + np.exp(-(GOOD.step - 1800) / 300))
    lost = 0.9 * GOOD["IC_accuracy"]
    yield "disagrees", only(GOOD.assign(correct=wide + 0 * GOOD["correct"]))
    yield "disagrees", only(GOOD.assign(IC_accuracy=lost))
    yield "inconclusive", only(in_one_seed("correct", wide))
    yield "inconclusive", only(in_one_seed("IC_accuracy", lost))
    yield "not converged", only(in_one_seed("correct", 0 * GOOD["correct"]))


@of("R1b")
def plateau_level(claim: Claim) -> Cases:
    yield "agrees", only(GOOD)
    for level in (1.0, 1.9):
        yield "disagrees", only(network(1800.0, plateau=level))


@of("R1c")
def switched_off(claim: Claim) -> Cases:
    step = np.arange(0, 3001, 100)

    def runs(lowest: float, begins: float, back: float = 400.0) -> Runs:
        share = (
            np.where((step > 0) & (step < 400), lowest, np.where((step > 0) & (step < back), 0.25, 0.6)) - 1e-6 * step
        )
        layers = np.stack([np.ones_like(share), np.full_like(share, 0.5), share], 1)  # only the last counts
        active = xr.Dataset(
            {"active": (("step", "layer", "seed"), np.repeat(layers[:, :, None], len(SEEDS), 2))},
            {"step": step, "seed": list(SEEDS)},
        )
        return {NAME: network(1800.0, plateau=1.4, before=begins), f"{NAME}/activity": active}

    yield "agrees", runs(0.1, 700.0)
    yield "disagrees", runs(0.1, 200.0)
    yield "disagrees", runs(0.4, 200.0)  # two thirds of them stay, and CLA rises before they are back
    yield "disagrees", runs(0.1, 700.0, back=1500.0)  # most are off for too long
    yield "disagrees", runs(0.55, 700.0)


@of("R1d")
def onsets(claim: Claim) -> Cases:
    def runs(order: int) -> Runs:
        found = {}
        for training in trainings(claim):
            task = training.last_task
            run = network(1800.0, plateau=1.4, apart=40.0, start=task.N_c / task.L)
            CLA = run["CLA"].isel(seed=slice(None, None, order)).assign_coords(seed=run.seed)
            found[training.name] = run.assign(CLA=CLA)
        return found

    yield "agrees", runs(1)
    yield "disagrees", runs(-1)


@of("R10", "R12")
def order(claim: Claim) -> Cases:
    (training,) = trainings(claim)

    def runs(run: xr.Dataset) -> Runs:
        named = run.assign(accuracy=run["IC_accuracy"])
        return {training.name: named}

    late = network(2400.0, plateau=1.4)
    yield "agrees", runs(GOOD)
    for name in ("CLA", "TLA2"):
        yield "disagrees", runs(GOOD.assign({name: late[name] * 0 + late["ILA1"]}))  # rises after the jump
    for name in ("ILA1", "TILA2", "IC_accuracy"):
        yield "disagrees", runs(GOOD.assign({name: late[name]}))  # not together with the others
    if claim.id == "R12":
        yield "disagrees", runs(GOOD.assign(TLA2=0.6 * GOOD["TLA2"]))


@of("R11a")
def random_choice(claim: Claim) -> Cases:
    yield "agrees", only(GOOD)
    for factor in (0.7, 1.5):
        yield "disagrees", only(GOOD.assign(IC_correct=factor * GOOD["IC_correct"]))


@of("R11b")
def slow_phase_completes(claim: Claim) -> Cases:
    yield "agrees", only(GOOD)
    for name, factor in (("CLA", 0.7), ("IC_correct", 1.5), ("IC_correct", 0.6)):
        yield "disagrees", only(GOOD.assign({name: factor * GOOD[name]}))


@of("R16")
def lasting(claim: Claim) -> Cases:
    """3600 steps; jumps at 800 to 850 steps."""
    (training,) = trainings(claim)
    run = network(800.0, plateau=1.4, before=300.0)
    kept, step = run["IC_accuracy"], run.step
    yield "agrees", {training.name: run}
    yield "agrees", {training.name: run.assign(IC_accuracy=kept.where(step > 1500, 0.1))}  # before twice the jump
    yield "disagrees", {training.name: run.assign(IC_accuracy=kept.where(step != 2500, 0.5))}  # lost for a while
    yield "disagrees", {training.name: run.assign(IC_accuracy=kept.where(step < 2900, 0.5))}  # lost at the end
    yield "disagrees", {training.name: network(1300.0, plateau=1.4)}  # too late to tell
    jumps = run["IC_correct"]
    yield "disagrees", {training.name: run.assign(IC_correct=0 * jumps)}
    yield "not converged", {training.name: run.assign(IC_correct=jumps.where(run.seed > 0, 0.0))}


@of("R20", "R20h")
def curriculum(claim: Claim) -> Cases:
    plain, *staged = (training.name for training in trainings(claim))
    early, late = near(600.0), near(850.0)
    good = {plain: rising(late), **{name: rising(early) for name in staged}}
    yield "agrees", good
    for name in staged:
        yield "disagrees", {**good, name: rising(near(1000.0))}
        yield "disagrees" if claim.id == "R20h" else "inconclusive", {**good, name: rising(late)}
        yield "not converged", {**good, name: rising(but_one(early, math.inf))}
    yield "not converged", {**good, plain: rising(but_one(late, math.inf))}


def activity(least: float) -> xr.Dataset:
    """Shares of active units in the classifier's layers: the last falls to a part of what it was."""
    layers = near(1.0)[:, None] * np.array([[0.5, 0.5, 0.5], [0.6, 0.6 * least, 0.6]])[:, None, :]
    return xr.Dataset(
        {"active": (("layer", "seed", "step"), layers)}, {"step": [0, 500, 1000], "seed": list(SEEDS)}
    ).transpose("step", "layer", "seed")


@of("R1e")
def initialisation(claim: Claim) -> Cases:
    """Of 4500 steps; a seed without a transition counts with them all."""
    free, held = (training.name for training in trainings(claim))

    def runs(late: np.ndarray, early: np.ndarray, off: float = 0.2, on: float = 0.8) -> Runs:
        return {free: rising(late), held: rising(early), f"{free}/activity": activity(off),
                f"{held}/activity": activity(on)}  # fmt: skip

    scattered, close = np.array([2400.0, 2600, 3000, 3300, 3600, 4000]), 1700 + 20.0 * np.array(SEEDS)
    yield "agrees", runs(scattered, close)
    yield "agrees", runs(but_one(scattered, math.inf), close)
    yield "disagrees", runs(scattered, 0 * close + math.inf)
    yield "disagrees", runs(close, 1.5 * close)
    yield "disagrees", runs(2000 + 5.0 * np.array(SEEDS), close)  # later, but closer together
    yield "disagrees", runs(scattered, close, off=0.8, on=0.2)


@of("R12n")
def head_beside_network(claim: Claim) -> Cases:
    """Jumps of the head at another step than the network's: only time over it counts."""
    head, reference = (training.name for training in trainings(claim))
    run = network(1800.0, plateau=1.4, apart=0.0)
    faster = run.assign(accuracy=run["IC_accuracy"]).assign_coords(step=run.step / 4)
    run = run.assign(accuracy=0 * run["correct"])  # on other sequences
    yield "agrees", {head: faster, reference: run}
    for name in ("CLA", "TLA2", "ILA1", "TILA2"):
        yield "disagrees", {head: faster.assign({name: 1 - faster[name]}), reference: run}
    yield "disagrees", {head: faster.assign(accuracy=0.6 + 0.4 * faster["accuracy"]), reference: run}
    never = run.assign(IC_accuracy=0 * run["IC_accuracy"] + 0.1)
    yield "not converged", {head: faster, reference: never.where(run.seed > 4, run)}


INTACT = {"accuracy": 0.97, "TILA2": 0.9, "ILA1": 0.8}
BEFORE = {"accuracy": 0.25, "TILA2": 0.15, "ILA1": 0.1}


def interventions(**bent: dict[str, float]) -> xr.Dataset:
    """Accuracies and attention of every seed; names of cases as the analysis has them, with _ for what is between."""
    cases = {"before": BEFORE, "after": INTACT}
    cases |= {
        f"after, {head} {how}": {**INTACT, "accuracy": 0.24} for head in ("p1", "p2") for how in ("uniform", "zero")
    }
    cases |= {f"before, {head} of after": {**BEFORE, "accuracy": 0.3} for head in ("p1", "p2")}
    cases |= {"before, p1 and p2 of after": {**INTACT, "accuracy": 0.9}}
    for name, changed in bent.items():
        (case,) = (c for c in cases if c.replace(", ", "_").replace(" ", "_") == name)
        cases[case] = {**cases[case], **changed}
    spread = 0.01 * np.linspace(-1, 1, len(SEEDS))
    data = {m: (("case", "seed"), np.array([c[m] + spread for c in cases.values()])) for m in INTACT}
    return xr.Dataset(data, coords={"case": list(cases), "seed": list(SEEDS)})


def maps(first: float, last: float) -> xr.Dataset:
    tokens = [f"{kind}{k}" for k in range(1, 5) for kind in "xl"] + ["xq"]
    p1 = np.zeros((2, 1, 9, 9))
    p1[0], p1[1, 0, 1, 0], p1[1, 0, 7, 6] = 0.5, first, last
    p1[0, 0, 7, 6] = 0.9  # before, which does not count
    return xr.Dataset(
        {"p1": (("when", "seed_number", "query", "key"), p1)},
        {"when": ["before", "after"], "query": tokens, "key": tokens},
    )


@of("R9")
def induction_head(claim: Claim) -> Cases:
    def runs(found: xr.Dataset, first: float = 0.9, last: float = 0.7) -> Runs:
        return {NAME: GOOD, f"{NAME}/interventions": found, f"{NAME}/maps": maps(first, last)}

    yield "agrees", runs(interventions())
    yield "disagrees", runs(interventions(before={"TILA2": 0.4}))
    yield "disagrees", runs(interventions(after={"TILA2": 0.5}))
    yield "disagrees", runs(interventions(after={"ILA1": 0.05}))
    yield "disagrees", runs(interventions(), 0.7, 0.9)
    yield "disagrees", runs(interventions(), 0.9, 0.2)


@of("R18")
def knock_outs(claim: Claim) -> Cases:
    def runs(**bent: dict[str, float]) -> Runs:
        return {NAME: GOOD, f"{NAME}/interventions": interventions(**bent)}

    yield "agrees", runs()
    yield "disagrees", runs(after={"accuracy": 0.85})
    for case in ("p1_uniform", "p1_zero", "p2_uniform", "p2_zero"):
        yield "disagrees", runs(**{f"after_{case}": {"accuracy": 0.34}})


@of("R21")
def patches(claim: Claim) -> Cases:
    def runs(**bent: dict[str, float]) -> Runs:
        return {NAME: GOOD, f"{NAME}/interventions": interventions(**bent)}

    yield "agrees", runs()
    yield "agrees", runs(before_p1_of_after={"accuracy": 0.55}, before_p2_of_after={"accuracy": 0.0})
    for case in ("p1", "p2"):
        yield "disagrees", runs(**{f"before_{case}_of_after": {"accuracy": 0.7}})
    yield "disagrees", runs(before_p1_and_p2_of_after={"accuracy": 0.5})
    yield "disagrees", runs(after={"accuracy": 0.2})
