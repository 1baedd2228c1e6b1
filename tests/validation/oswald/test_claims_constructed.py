"""Claims on written-down layers and on trained ones off their data: every check notices what is not as claimed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

import torch

import theory
from minimodels.tasks.linear_regression import LinearRegressionTask
from tests.validation.oswald.test_network import literal
from validation import records
from validation.checkpoint import Folder
from validation.drawing import draw
from validation.ledger import Context
from validation.oswald import analyses, constructions, figures, metrics, settings
from validation.oswald.claims import constructed, exact
from validation.oswald.claims.constructed import construction, last_transform
from validation.oswald.claims.trained import repeated, two_layers_shifted
from validation.oswald.network import SelfAttention
from validation.verdicts import settle

IDS = {construction.id, last_transform.id, repeated.id, two_layers_shifted.id}


@pytest.fixture(autouse=True)
def _nothing_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "read", lambda paper, claim: (None, ""))
    monkeypatch.setattr(constructed, "TASKS", 20)
    monkeypatch.setattr(analyses, "TASKS", 200)


@pytest.mark.parametrize("claim", [construction, last_transform], ids=lambda c: c.id)
def test_the_claims_agree(claim: Any) -> None:
    assert settle(claim, Context(False), "oswald").verdict == "agrees"


def bent(name: str, row: Any, column: Any, factor: float) -> Callable[..., Any]:
    right = constructions.steps_of_descent

    def made(*given: Any, **options: Any) -> Any:
        weights = right(*given, **options)
        weights[name][..., row, column] *= factor
        return weights

    return made


def halved(weights: Any, seed: int) -> Any:
    return {name: w / 2 if name == "V" else w for name, w in weights.items()}


CHECKS = ("zero", "W_0", "descent", "GD++", "recurrent", "factors")
ALL = set(CHECKS)
FAULTS: dict[str, tuple[str, Any, set[str]]] = {
    "step": ("steps_of_descent", lambda: bent("P", -1, -1, 1 + 1e-9), ALL),
    "transform": ("steps_of_descent", lambda: bent("P", 0, 0, 1 + 1e-6), {"GD++", "recurrent", "factors"}),
    "start": ("steps_of_descent", lambda: bent("V", -1, slice(0, -1), 1 + 1e-9), {"W_0"}),
    "query": ("from_start", lambda: lambda tokens, W_0: tokens, {"W_0"}),
    "factors": ("refactored", lambda: halved, {"factors"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_construction_is_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, make, expected = FAULTS[fault]
    monkeypatch.setattr(constructions, name, make())
    checks = construction.measure(Context(False)).checks
    noticed = {key for key, check in zip(CHECKS, checks, strict=True) if check.verdict == "disagrees"}
    assert noticed == expected


def test_a_last_transform_that_acts_or_others_that_do_not_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = SelfAttention.predict
    with monkeypatch.context() as patch:
        patch.setattr(SelfAttention, "predict", lambda self, p, tokens: right(self, p, tokens) + 1e-9 * p["P"].sum())
        assert [c.verdict for c in last_transform.measure(Context(False)).checks] == ["disagrees", "agrees"]
    monkeypatch.setattr(constructions, "steps_of_descent", bent("P", -1, -1, 0.0))
    assert [c.verdict for c in last_transform.measure(Context(False)).checks] == ["agrees", "disagrees"]


def test_the_literal_network_makes_the_steps_too_and_is_blind_to_the_last_transform() -> None:
    """Token after token, without the products that the network takes instead."""
    for task, tasks, w, a, gamma in list(constructed.drawn(2))[:20:3]:
        network = SelfAttention(layers=a.size, double=True)
        few = type(tasks)(tasks.x[:4], tasks.y[:4], tasks.query[:4], tasks.target[:4])
        made = constructions.refactored(constructions.steps_of_descent(network, task, a, gamma), 1)
        expected = constructed._polynomial(few, w[:4], a, gamma)
        np.testing.assert_allclose(literal(network, made, few), expected, rtol=1e-11, atol=1e-13)
        other = constructions.steps_of_descent(network, task, a, [*gamma[:-1], 0.7])
        np.testing.assert_allclose(literal(network, other, few), expected, rtol=1e-11, atol=1e-13)


def test_factors_are_others_and_products_the_same_up_to_a_scale() -> None:
    task = constructed.KINDS[2]
    made = constructions.steps_of_descent(SelfAttention(layers=2), task, [0.1, 0.2], [0.01, 0.02])
    other = constructions.refactored(made, 3)
    assert all(abs(other[name] - made[name]).max() > 0.05 for name in "KQVP")
    for layer in (0, 1):
        assert constructions.read_steps(other, layer) == pytest.approx(constructions.read_steps(made, layer), rel=1e-9)


SEEDS = settings.SEEDS
SPREAD = 1 + 1e-3 * np.linspace(-1, 1, len(SEEDS))


def again(**bent: float) -> xr.Dataset:
    """What `repeats` finds of a layer that is one step, but for what is bent, by damping and times."""
    losses = np.array([exact.DAMPED[damping] for damping in (1.0, 0.75)])
    shares = np.array([bent.get("share", 0.0336), bent.get("damped", 1.1e-4)])
    for name, factor in bent.items():
        if name.startswith("loss"):
            losses[int(name[4]), int(name[5])] *= factor
    return xr.Dataset(
        {"loss": (("seed", "damping", "times"), SPREAD[:, None, None] * losses),
         "divergent": (("seed", "damping"), SPREAD[:, None] * shares)},
        {"seed": list(SEEDS), "damping": [1.0, 0.75], "times": [1, 2, 3, 4]},
    )  # fmt: skip


def over_scales(**bent: float) -> xr.Dataset:
    """What `scaled` finds of a network that is GD++, but for a factor at some of the scales."""
    curves = {"gd": np.geomspace(0.0679, 166, 7), "gd_plus_plus": np.geomspace(0.049, 7521, 7)}
    network = curves["gd_plus_plus"] * [bent.get(f"at_{x:g}", bent.get("all", 1.0)) for x in analyses.SCALES]
    return xr.Dataset(
        {name: (("seed", "x_scale"), SPREAD[:, None] * v) for name, v in {**curves, "network": network}.items()},
        {"seed": list(SEEDS), "x_scale": list(analyses.SCALES)}, {"tasks": 10_000},
    )  # fmt: skip


CASES: list[tuple[Any, Any, list[dict[str, float]]]] = [
    (repeated, again, [{f"loss{i}{k}": 1.1} for i in range(2) for k in range(4)] + [{"share": 0.05}, {"damped": 0.01}]),
    (two_layers_shifted, over_scales, [{"at_0.5": 1.1}, {"at_1": 0.9}, {"at_1.5": 2.0}, {"at_2": 0.3},
                                       {"at_0.5": 1.38, "at_2": 0.023}]),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "make", "bends"), CASES, ids=lambda c: getattr(c, "id", ""))
def test_claims_on_trained_layers_agree_with_what_they_say_and_disagree_with_each_change(
    claim: Any, make: Callable[..., xr.Dataset], bends: list[dict[str, float]], tmp_path: Path
) -> None:
    (training,) = claim.trainings(False)
    name = f"{training.name}/{training.analyses[1].__name__}"
    for bent in [{}, *bends]:
        outcome = settle(claim, Context(False, {name: make(**bent)}), "oswald")
        assert outcome.verdict == ("disagrees" if bent else "agrees"), (bent, outcome.measured, outcome.reason)
        assert not outcome.reason
    if claim.figure:
        assert "on the same 10000 tasks" in draw(
            claim.figure, settle(claim, Context(False, {name: make()}), "o").data, tmp_path
        )


def test_exact_losses_of_two_layers_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    right, name = theory.gd_loss, f"{settings.two_layers(False).name}/scaled"
    monkeypatch.setattr(theory, "gd_loss", lambda *given, **options: 1.001 * right(*given, **options))
    assert settle(two_layers_shifted, Context(False, {name: over_scales()}), "oswald").verdict == "disagrees"


def one_step(training: Any, folder: Path, a: float) -> None:
    """A finished training whose seeds all have the weights of steps a."""
    made = constructions.steps_of_descent(training.network, training.last_task, a, training.network.layers // 2 * 0.1)
    weights = {f"parameter.{k}": torch.tensor(np.stack([w] * len(SEEDS)), dtype=torch.float32) for k, w in made.items()}
    folder.mkdir()
    Folder(folder, {}).write(0, {**weights, "steps": torch.tensor([0]), "records": torch.zeros(1)})


def test_the_analyses_find_what_the_weights_do(tmp_path: Path) -> None:
    """Repeats and shares of a step, by the eigenvalues of its tasks; scaled inputs, of a layer that is descent."""
    training, a = settings.one_layer(False), 0.9
    one_step(training, tmp_path / "one", a)
    found = analyses.repeats(training, tmp_path / "one")
    for i, seed in enumerate(SEEDS):
        tasks = LinearRegressionTask().test_set("train", seed, analyses.TASKS)
        largest = np.linalg.norm(tasks.x, 2, axis=(1, 2)) ** 2
        for damping in (1.0, 0.75):
            at = found.isel(seed=i).sel(damping=damping)
            assert float(at["divergent"]) == (damping * a * largest > 2).mean()
            expected = metrics.loss(metrics.descent([damping * a] * 3), training.task, tasks=analyses.TASKS, seed=seed)
            assert float(at["loss"].sel(times=3)) == pytest.approx(expected[0], rel=1e-4)
    training = settings.two_layers(False)
    one_step(training, tmp_path / "two", 0.5)
    found = analyses.scaled(training, tmp_path / "two")
    for x in (0.5, 2.0):
        task = replace(training.task, x_scale=x)
        expected = metrics.loss(metrics.descent([0.5] * 2, 0.1), task, tasks=analyses.TASKS, seed=2)
        assert float(found["network"].sel(seed=2, x_scale=x)) == pytest.approx(expected[0], rel=1e-4)


def test_the_densities_of_eigenvalues_are_densities_and_lie_below_the_peak() -> None:
    data = exact._transformed({10: 0.175985, 50: 0.0560495})
    width = data["largest"] / data.sizes["bin"]
    np.testing.assert_allclose(data["density"].sum("bin") * width, 1)
    left = xr.DataArray(np.arange(100), dims="bin") * width
    beyond = data["density"].sel(when="after").where(left > 4 / (27 * data["gamma"]), 0)
    assert float(beyond.max()) == 0
    assert (data["condition"].sel(when="after") < 0.5 * data["condition"].sel(when="before")).all()
    _, caption = figures.spectrum(data)
    assert "N = 50: from 4.6 to 1.96" in caption
