"""Made-up runs of the claims about what data do to a network or a head, and about accuracies at the end of a run."""

import numpy as np
import xarray as xr

from tests.validation.reddy.made_up import Cases, Runs, by_task, ended, near, of, rising, trainings
from validation.curves import crossing
from validation.ledger import Claim
from validation.reddy.settings import SEEDS


def swapped(accuracies: dict[str, float], one: str, other: str) -> dict[str, float]:
    return {**accuracies, one: accuracies[other], other: accuracies[one]}


@of("R2", "R2h")
def with_classes(claim: Claim) -> Cases:
    largest = max(t.last_task.K for t in trainings(claim))

    def runs(bent: str) -> Runs:
        def at(training: object) -> dict[str, float]:
            task = training.last_task  # type: ignore[attr-defined]
            many = largest == task.K
            good = {"IC": 0.8 if many else 0.3, "IC2": 0.7 if many else 0.2, "IW": 0.3 if many else 0.9}
            other = {"IC": 0.3 if many else 0.8, "IC2": 0.2 if many else 0.7, "IW": 0.9 if many else 0.3}
            return {**good, bent: other[bent]} if bent and task.B else good

        return by_task(claim, at)

    yield "agrees", runs("")
    for test in ("IC", "IC2", "IW"):
        yield "disagrees", runs(test)


@of("R13")
def same_trends(claim: Claim) -> Cases:
    """The network: IC rises with K and B, IW falls; the head as well, or one of them not."""
    of_head = [t for t in trainings(claim) if t.name.startswith("head")]

    def runs(**bent: float) -> Runs:
        def at(training: object) -> dict[str, float]:
            task = training.last_task  # type: ignore[attr-defined]
            sign = {**dict.fromkeys(("IC", "IW"), 1.0), **(bent if training in of_head else {})}
            more = 0.2 * (task.K > 500) + 0.1 * task.B
            return {"IC": 0.5 + sign["IC"] * more, "IC2": 0.2, "IW": 0.5 - sign["IW"] * more}

        return by_task(claim, at)

    yield "agrees", runs()
    for test in ("IC", "IW"):
        yield "disagrees", runs(**{test: -1.0})
    yield "disagrees", {t.name: ended(IC=0.5, IC2=0.5, IW=0.5) for t in trainings(claim)}  # depends on nothing


@of("R3", "R3h", "R22")
def with_copies(claim: Claim) -> Cases:
    largest, most_B = (max(getattr(t.last_task, name) for t in trainings(claim)) for name in "KB")

    def runs(sign: float = 1.0, smallest: float = 0.97, most: float = 0.0) -> Runs:
        def at(training: object) -> dict[str, float]:
            task = training.last_task  # type: ignore[attr-defined]
            IC = 0.5 + sign * 0.12 * task.B - most * (most_B == task.B) if largest == task.K else 0.9 - 0.1 * task.B
            IW = (0.97 if largest == task.K else smallest) if task.B == 0 else 0.2
            return {"IC": IC, "IC2": 0.1, "IW": IW}

        return by_task(claim, at)

    yield "agrees", runs()
    for sign in (0.0, -1.0):
        yield "disagrees", runs(sign)
    yield "disagrees", runs(smallest=0.6)
    if most_B > 1:
        yield "disagrees", runs(2.0, most=1.1)  # more at the end than at the start, less than in between


@of("R4", "R4h")
def with_noise(claim: Claim) -> Cases:
    def runs(**bent: float) -> Runs:
        def at(training: object) -> dict[str, float]:
            eps = training.last_task.eps  # type: ignore[attr-defined]
            IC = {0.0: bent.get("none", 0.2), 0.8: 0.7, 6.4: bent.get("IC", 0.1)}.get(eps, 0.95)
            return {"IC": IC, "IC2": 0.95, "IW": bent.get("IW", 0.1) if eps == 6.4 else 0.95}

        return by_task(claim, at)

    yield "agrees", runs()
    yield "disagrees", runs(none=0.9)
    yield "disagrees", runs(IC=0.6)
    yield "disagrees", runs(IW=0.6)


@of("R5", "R5h")
def with_frequencies(claim: Claim) -> Cases:
    Pair = tuple[float, float]

    def runs(none: Pair = (0.95, 0.3), one: Pair = (0.9, 0.85), most: Pair = (0.1, 0.1)) -> Runs:
        def at(training: object) -> dict[str, float]:
            IC, IW = {0.0: none, 1.0: one, 1.5: most}.get(training.last_task.zipf, (0.1, 0.1))  # type: ignore[attr-defined]
            return {"IC": IC, "IC2": 0.5, "IW_absent": IW, "IW": 0.99}

        return by_task(claim, at)

    yield "agrees", runs()
    yield "agrees", runs(none=(0.2, 0.99))
    yield "disagrees", runs(one=(0.6, 0.9))
    yield "disagrees", runs(one=(0.9, 0.6))
    yield "disagrees", runs(none=(0.95, 0.9))
    yield "disagrees", runs(most=(0.9, 0.95))


@of("R6", "R6h")
def loose_sequences(claim: Claim) -> Cases:
    for verdict, IW in (("agrees", 0.97), ("disagrees", 0.85)):
        yield verdict, by_task(claim, lambda _, IW=IW: {"IC": 0.99, "IC2": 0.99, "IW": IW})


@of("R7", "R7h")
def novel_sequences(claim: Claim) -> Cases:
    (training,) = trainings(claim)
    steps = training.steps  # type: ignore[attr-defined]

    def runs(IC: float, IC2: float, at: float = 0.3) -> Runs:
        """Passes 1/2 at a part of the budget."""
        run = ended(IC=IC, IC2=IC2, IW=0.2)
        return {training.name: run.assign_coords(step=[0, 2 * at * steps])}

    yield "agrees", runs(0.97, 0.95)
    yield "disagrees", runs(0.85, 0.95)
    yield "disagrees", runs(0.97, 0.85)
    yield "disagrees", runs(0.97, 0.95, at=0.8)


@of("R8", "R8h")
def both_kinds(claim: Claim) -> Cases:
    good = by_task(claim, lambda _: {"IC": 0.97, "IC2": 0.96, "IW": 0.95})
    yield "agrees", good
    for name, test in zip(np.array(list(good))[[0, 4, -1]], ("IC", "IC2", "IW"), strict=True):
        yield "disagrees", {**good, name: ended(**{"IC": 0.97, "IC2": 0.96, "IW": 0.95, test: 0.85})}


@of("R17", "R17h")
def race(claim: Claim) -> Cases:
    """In-context learning alone takes 500 steps; in-weights learning 200 of few classes and 800 of many."""
    step = np.arange(0, 1001, 50)
    largest = max(t.last_task.K for t in trainings(claim))

    def runs(of_few: float, of_many: float) -> Runs:
        found = {}
        for training in trainings(claim):
            task = training.last_task
            many = largest == task.K
            lead = of_many if many else of_few  # of IC over IW at the end
            if task.p_C == 1:
                IC, IW = 1.0 * (step >= 500), 0 * step
            elif task.B == 0:
                IC, IW = 0 * step, 1.0 * (step >= (800 if many else 200))
            else:
                IC, IW = (0.5 + sign * lead / 2 * (step == 1000) for sign in (1, -1))
            values = {"IC_accuracy": IC, "IW_accuracy": IW, "IC2_accuracy": 0 * step}
            found[training.name] = xr.Dataset(
                {k: (("seed", "step"), np.stack([v] * len(SEEDS))) for k, v in values.items()}, coords={"step": step}
            )
        return found

    yield "agrees", runs(-0.4, 0.4)
    yield "disagrees", runs(0.4, 0.4)
    yield "disagrees", runs(-0.4, -0.4)


@of("R23n")
def gains_of_the_network(claim: Claim) -> Cases:
    for verdict, sign in (("agrees", 1.0), ("disagrees", -1.0)):
        runs = {}
        for training in trainings(claim):
            gain = np.stack([sign * np.log(training.last_task.label_frequencies)] * len(SEEDS))
            gain += np.random.default_rng(0).normal(0, 0.1, gain.shape)
            runs[f"{training.name}/gains"] = xr.Dataset({"gain": (("seed", "label"), gain)})
        yield verdict, runs


@of("R26")
def depth(claim: Claim) -> Cases:
    one, two, three = (training.name for training in trainings(claim))
    for verdict, final in (
        ("agrees", (0.5, 0.8, 0.99)),
        ("disagrees", (0.5, 0.8, 0.9)),
        ("disagrees", (0.8, 0.5, 0.99)),
        ("disagrees", (0.5, 0.999, 0.985)),
    ):
        yield verdict, {name: ended(IW=value) for name, value in zip((one, two, three), final, strict=True)}


@of("R19")
def rescue(claim: Claim) -> Cases:
    """Seeds learn that end above .9; the better of the two variants counts."""
    plain, adam, scaled = (training.name for training in trainings(claim))

    def runs(*learn: int) -> Runs:
        final = [np.where(np.array(SEEDS) < number, 0.95, 0.85) for number in learn]
        return {
            name: xr.Dataset({"IC_accuracy": (("seed", "step"), np.stack([0 * v, v], 1))}, {"step": [0, 900]})
            for name, v in zip((plain, adam, scaled), final, strict=True)
        }

    yield "agrees", runs(0, 6, 0)
    yield "agrees", runs(0, 1, 6)
    yield "inconclusive", runs(0, 3, 4)
    yield "disagrees", runs(6, 6, 6)
    yield "disagrees", runs(0, 0, 0)


@of("R15", "R14h")
def saturation(claim: Claim) -> Cases:
    """Above L = N all learn within the budget of L = N, at L = N few."""
    pair = {t.last_task.L: t for t in trainings(claim)}
    equal, above = (pair[L] for L in sorted(pair))
    budget = equal.steps  # type: ignore[attr-defined]

    def runs(one: int, other: int, at: float = 900.0) -> Runs:
        found = {}
        for name, count in ((above.name, one), (equal.name, other)):
            learned = np.array(SEEDS) < count
            course = np.stack([0 * learned, np.where(learned, 0.95, 0.85)], 1)
            found[name] = xr.Dataset(
                dict.fromkeys(("IC_accuracy", "loss"), (("seed", "step"), course))
                | {"escape_step": ("seed", np.where(learned, at, np.nan))},
                {"step": [0, at], "seed": list(SEEDS)},
            )
        return found

    yield "agrees", runs(6, 0)
    yield "disagrees", runs(0, 0)
    yield "disagrees", runs(6, 6)
    yield "inconclusive", runs(4, 3)
    if claim.id == "R15":
        late = runs(6, 0, at=budget + 500.0)
        yield "disagrees", {name: run.assign_coords(step=[0, budget + 500.0]) for name, run in late.items()}


@of("R25n", "R25h")
def without_slow_phase(claim: Claim) -> Cases:
    """At L = N the first seeds learn, CLA is 1 from the start."""
    pair = {t.last_task.L: t for t in trainings(claim)}
    equal, above = (pair[L] for L in sorted(pair))

    def runs(count: int, at: float = 2000.0, CLA: float = 1.0) -> Runs:
        steps = np.where(np.array(SEEDS) < count, near(at), np.inf)
        end = equal.steps  # type: ignore[attr-defined]
        found = {equal.name: rising(steps, end=end), above.name: rising(near(900.0), end=end)}
        return {
            name: run.assign(CLA=0 * run["correct"] + CLA).assign(
                escape_step=("seed", [crossing(run.step, one, 0.5) for one in run["correct"]])
            ).where(lambda found: np.isfinite(found))
            for name, run in found.items()
        }  # fmt: skip

    yield "agrees", runs(6)
    yield "agrees" if claim.id == "R25n" else "inconclusive", runs(1)
    yield "disagrees", runs(6, at=500.0)
    yield "disagrees", runs(6, CLA=0.9)
    yield "inconclusive" if claim.id == "R25n" else "disagrees", runs(0)
