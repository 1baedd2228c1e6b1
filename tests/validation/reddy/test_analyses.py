"""What is read off a folder of made-up snapshots, each case against the plain network with the parameters it is of."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

torch = pytest.importorskip("torch")

from minimodels.results import FORMAT, save  # noqa: E402
from minimodels.tasks.item_label import ItemLabelTask, Sequences  # noqa: E402
from tests.validation.reddy import plain  # noqa: E402
from validation import SGD, AttentionOnly  # noqa: E402
from validation.checkpoint import Folder  # noqa: E402
from validation.reddy.analyses import interventions, maps, rates  # noqa: E402
from validation.reddy.effective_rates import effective_rates  # noqa: E402
from validation.trainings import NetworkTraining  # noqa: E402

TASK = ItemLabelTask(N=3, L=6, K=6, D=7, N_max=3, p_C=1.0, K_c=None)
SEEDS = (4, 5, 6)
ESCAPES = (1000.0, 500.0, np.inf)  # of the seeds; the run ends at 1200
BEFORE = (890, 445, 1070)  # the last snapshot before nine tenths of that
SNAPSHOTS = (100, 390, 445, 460, 790, 890, 910, 940, 1070, 1090)
PLAIN = AttentionOnly(layers=1)
Parameters = dict[str, torch.Tensor]


def parameters(step: int) -> Parameters:
    """Those of another step are other draws, large enough for patterns that are not uniform."""
    return {k: 1.7 * t for k, t in PLAIN.stacked(TASK, [10 * step + s for s in SEEDS]).items()}


def made_up(folder: Path, snapshots: tuple[int, ...] = SNAPSHOTS) -> NetworkTraining:
    place = Folder(folder, {})
    assert place.open() is None
    for step in snapshots:
        place.write_snapshot(step, parameters(step))
    place.write(1200, {f"parameter.{k}": t for k, t in parameters(1200).items()})
    step = np.arange(0, 1201, 100)
    correct = [0.4 + 0.1 * step / at if np.isfinite(at) else 0.1 + 0 * step for at in ESCAPES]
    run = xr.Dataset({"correct": (("seed", "step"), correct)}, {"seed": list(SEEDS), "step": step})
    save(run.assign_attrs(format=FORMAT), folder / "run.nc")
    return NetworkTraining(
        name="made-up", task=TASK, network=PLAIN, optimiser=SGD(), steps=1200, seeds=SEEDS, record_every=100
    )


def alone(step: int, number: int) -> Parameters:
    return {name: t[number].double() for name, t in parameters(step).items()}


def tokens(sequences: Sequences) -> torch.Tensor:
    return torch.from_numpy(sequences.tokens(TASK.positions)).double()


def uniform() -> torch.Tensor:
    """Of token i over tokens 1 to i."""
    pattern = torch.zeros(TASK.length, TASK.length, dtype=torch.float64)
    for i in range(TASK.length):
        for j in range(i + 1):
            pattern[i, j] = 1 / (i + 1)
    return pattern


def by_hand(number: int, before: int) -> dict[str, tuple[float, float, float]]:
    """Probability and share of correct labels, and attention to them, of one seed."""
    drawn = TASK.test_set("IC", SEEDS[number], 1024)
    u, target = tokens(drawn), torch.from_numpy(drawn.target)
    old, new = alone(before, number), alone(1200, number)
    learnt = plain.intervened(new, u, 1)[1]
    flat = uniform().expand(len(drawn), -1, -1)
    nothing = torch.zeros_like(flat)
    cases = {
        "before": (old, {}),
        "after": (new, {}),
        "after, p1 uniform": (new, {"p1": flat}),
        "after, p1 zero": (new, {"p1": nothing}),
        "after, p2 uniform": (new, {"p2": flat}),
        "after, p2 zero": (new, {"p2": nothing}),
        "before, p1 of after": (old, {"p1": learnt["p1"]}),
        "before, p2 of after": (old, {"p2": learnt["p2"]}),
        "before, p1 and p2 of after": (old, {"p1": learnt["p1"], "p2": learnt["p2"]}),
    }
    found = {}
    for case, (of, given) in cases.items():
        logits, used = plain.intervened(of, u, 1, **given)
        attended = 0.0
        for slot in range(TASK.N):
            shown = torch.from_numpy(drawn.labels[:, slot]) == target
            attended += float((used["p2"][:, -1, 2 * slot + 1] * shown).mean())
        correct = torch.softmax(logits, -1)[torch.arange(len(drawn)), target]
        found[case] = (float(correct.mean()), float((logits.argmax(-1) == target).double().mean()), attended)
    return found


def test_each_intervention_is_on_the_parameters_and_the_pattern_that_it_says(tmp_path: Path) -> None:
    found = interventions(made_up(tmp_path), tmp_path)
    assert found.seed.values.tolist() == list(SEEDS)
    for number, before in enumerate(BEFORE):
        expected = by_hand(number, before)
        assert set(found.case.values) == set(expected)
        for case, (correct, accuracy, attended) in expected.items():
            one = found.sel(case=case).isel(seed=number)
            assert float(one["correct"]) == pytest.approx(correct, rel=2e-4), (number, case)
            assert float(one["accuracy"]) == pytest.approx(accuracy, abs=3 / 1024), (number, case)
            assert float(one["TILA2"]) == pytest.approx(attended, rel=1e-3, abs=1e-6), (number, case)
        for one, other in combinations(expected.values(), 2):  # no case could stand for another
            assert abs(one[0] - other[0]) > 1e-3 * one[0] or abs(one[2] - other[2]) > 0.01 * one[2]


def test_where_no_snapshot_is_early_enough_the_first_is_before(tmp_path: Path) -> None:
    found = interventions(made_up(tmp_path, (460, 1090)), tmp_path)
    for number, before in enumerate((460, 460, 460)):
        expected = by_hand(number, before)["before"][0]
        assert float(found["correct"].sel(case="before")[number]) == pytest.approx(expected, rel=2e-4)


def test_maps_are_of_the_first_seed_before_and_after(tmp_path: Path) -> None:
    found = maps(made_up(tmp_path), tmp_path)
    u = tokens(TASK.test_set("IC", SEEDS[0], 512))
    for when, step in (("before", BEFORE[0]), ("after", 1200)):
        used = plain.intervened(alone(step, 0), u, 1)[1]
        one = found.sel(when=when).isel(seed_number=0)
        np.testing.assert_allclose(one["p1"], used["p1"].mean(0), atol=1e-5)
        np.testing.assert_allclose(one["p2"], used["p2"][:, -1].mean(0), atol=1e-5)
    assert found.sizes["seed_number"] == 1


def test_rates_are_those_of_every_seed_at_its_start_and_every_snapshot(tmp_path: Path) -> None:
    found = rates(made_up(tmp_path, (100, 445)), tmp_path)
    assert found.step.values.tolist() == [0, 100, 445]
    for number, seed in enumerate(SEEDS):
        for step in (0, 445):
            of = parameters(step) if step else PLAIN.stacked(TASK, SEEDS)
            one = {name: t[number : number + 1] for name, t in of.items()}
            for name, (value, rate) in effective_rates(TASK, PLAIN, one, seed=seed).items():
                there = found.sel(parameter=name, seed=seed, step=step)
                assert float(there["value"]) == pytest.approx(value, rel=1e-4, abs=1e-6), (name, seed, step)
                assert float(there["rate"]) == pytest.approx(rate, rel=1e-3, abs=1e-9), (name, seed, step)
