"""The embedded network against a literal one, its twin against a step of descent on embedded tokens."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from minimodels.tasks.linear_regression import LinearRegressionTask, Regressions  # noqa: E402
from minimodels.tasks.sine_regression import SineRegressionTask  # noqa: E402
from validation.checkpoint import load_parameters  # noqa: E402
from validation.loop import stacked  # noqa: E402
from validation.optimisers import Adam  # noqa: E402
from validation.oswald import metrics  # noqa: E402
from validation.oswald.embedded import EmbeddedAttention, answers  # noqa: E402
from validation.trainings import NetworkTraining  # noqa: E402

TASK = SineRegressionTask(N=5)


def embedded(weights: dict[str, np.ndarray], token: np.ndarray) -> np.ndarray:
    """One token through the embedding, with GELU as the authors' program has it."""
    e = weights["E"].astype(float) @ token
    h = weights["W1"] @ e + weights["b1"]
    gelu = [0.5 * z * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))) for z in h]
    return np.asarray(e + weights["W2"] @ np.array(gelu) + weights["b2"])


def literal(network: EmbeddedAttention, weights: dict[str, np.ndarray], tasks: Regressions) -> np.ndarray:
    """One task after the other, as the equations say."""
    out = []
    for x, y, query in zip(tasks.x, tasks.y, tasks.query, strict=True):
        context = [embedded(weights, np.array([*x_i, y_i])) for x_i, y_i in zip(x, y, strict=True)]
        asked = embedded(weights, np.array([*query, 0.0]))
        if network.eta is None:
            K, Q, V, P = (weights[name][0, 0].astype(float) for name in "KQVP")
            change = P @ sum((V @ e) * ((K @ e) @ (Q @ asked)) for e in context)
            out.append(-(asked + change)[-1])
        else:  # from weights 0, a step on 1/2N sum (y_i - W x_i)^2
            W = network.eta / len(y) * sum(e[-1] * e[:-1] for e in context)
            out.append(W @ asked[:-1] - asked[-1])
    return np.array(out)


@pytest.mark.parametrize("task", [TASK, LinearRegressionTask(N=4, d=3)])
@pytest.mark.parametrize("eta", [None, 0.8])
def test_predictions_are_those_of_the_literal_network(task: Any, eta: float | None) -> None:
    network = EmbeddedAttention(width=7, hidden=11, eta=eta, scale=1.5)
    parameters = stacked(network, task, [2, 6])
    rng = np.random.default_rng(0)
    for name in ("b1", "b2"):
        parameters[name] += torch.as_tensor(rng.normal(size=parameters[name].shape), dtype=torch.float32)
    samples = [task.sample(seed, 0, 9) for seed in (2, 6)]
    batch = network.batch(task, samples)
    layer, behind, tokens = network.behind(parameters, batch)
    found, losses = layer.predict(behind, tokens), network.losses(parameters, batch)["loss"]
    for i, tasks in enumerate(samples):
        weights = {name: np.asarray(w[i]) for name, w in parameters.items()}
        expected = literal(network, weights, tasks)
        np.testing.assert_allclose(found[i], expected, rtol=2e-4, atol=2e-5)
        assert float(losses[i]) == pytest.approx(0.5 * ((expected - tasks.target) ** 2).mean(), rel=1e-3)
        alone = network.predictor(task, parameters, i)(tasks.x, tasks.y, tasks.query)
        np.testing.assert_allclose(alone, expected, rtol=2e-4, atol=2e-5)


def test_weights_begin_with_the_stated_law_and_number() -> None:
    weights = EmbeddedAttention().initial(TASK, 0)
    assert {name: w.size for name, w in weights.items() if name[0] not in "KQVP"} == {
        "E": 80, "W1": 6400, "b1": 160, "W2": 6400, "b2": 40,
    }  # fmt: skip
    assert sum(w.size for w in weights.values()) == 19480
    twin = EmbeddedAttention(eta=0.1).initial(TASK, 0)
    assert sum(w.size for w in twin.values()) == 13080
    for name, inputs in (("W1", 40), ("W2", 160), ("K", 40)):
        assert weights[name].std() == pytest.approx(math.sqrt(0.002 / inputs), rel=0.04)
    wide = EmbeddedAttention(width=4000).initial(TASK, 1)["E"]
    assert wide.std() == pytest.approx(math.sqrt(0.002 / 2), rel=0.02)
    np.testing.assert_array_equal(twin["W1"], weights["W1"])  # the twin of a seed begins as it does


def test_the_twin_learns_its_embedding_alone_and_answers_are_kept(tmp_path: Path) -> None:
    network = EmbeddedAttention(width=6, hidden=8, eta=0.5, scale=1.0)
    training = NetworkTraining(
        name="short", task=TASK, network=network, optimiser=Adam(), steps=3, seeds=(0, 4), record_every=3, batch=8,
        held_out=2048, analyses=(answers,),
    )  # fmt: skip
    training.run(tmp_path)
    end, start = load_parameters(tmp_path), stacked(network, TASK, (0, 4))
    assert set(end) == {"E", "W1", "b1", "W2", "b2"}
    assert all(not np.array_equal(end[name], start[name]) for name in end)
    found = answers(training, tmp_path)
    tasks = TASK.test_set("train", 4, 2048)
    np.testing.assert_allclose(found.label.sel(seed=4), tasks.target)
    expected = metrics.predicted(network.predictor(TASK, end, 1), tasks)
    np.testing.assert_allclose(found.prediction.sel(seed=4), expected)
    assert float(found.loss.sel(seed=4)) == pytest.approx(0.5 * ((expected - tasks.target) ** 2).mean())


@pytest.mark.parametrize("options", [{"width": 1}, {"hidden": 0}, {"eta": 0.0}, {"scale": -1.0}])
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(InputError, match=f"`{name}`"):
        EmbeddedAttention(**options)
