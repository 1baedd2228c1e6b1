"""The copying layer against its definition, a step behind it against descent, the copy test against finite changes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from minimodels.tasks.linear_regression import LinearRegressionTask  # noqa: E402
from validation.loop import stacked  # noqa: E402
from validation.optimisers import Adam  # noqa: E402
from validation.oswald import metrics  # noqa: E402
from validation.oswald.copying import copied, copied_step, copy_test, copying_layer, without_shift  # noqa: E402
from validation.oswald.network import SelfAttention  # noqa: E402
from validation.trainings import NetworkTraining  # noqa: E402

TASK = LinearRegressionTask(N=5, d=4)
LINEAR = SelfAttention(layers=2, heads=2, pairs="split", code="one-hot", double=True)
SOFT = replace(LINEAR, heads=1, softmax="first")
PAPERS = SelfAttention(layers=2, pairs="split", softmax="first", scale=0.02)


def tensors(weights: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: torch.as_tensor(w)[None] for name, w in weights.items()}


@pytest.mark.parametrize("network", [LINEAR, SOFT, replace(SOFT, softmax="all")])
def test_a_copying_layer_writes_the_next_content_over_the_position(network: SelfAttention) -> None:
    batch = network.batch(TASK, [TASK.sample(2, 0, 7)])
    before, query = batch.context[0], batch.query[0]
    parameters = tensors(copying_layer(network, TASK))
    after, asked = (tokens[0] for tokens in network.after(parameters, 0, batch.context, batch.query))
    content = before[..., :4]
    np.testing.assert_allclose(after[:, :-1, :4], content[:, :-1], atol=1e-12)
    np.testing.assert_allclose(after[:, :-1, 4:8], content[:, 1:], atol=1e-12)  # of the next token, nothing else
    np.testing.assert_allclose(after[:, :-1, 8:], 0.0, atol=1e-12)
    if network.softmax == "none":  # no next one among the keys
        np.testing.assert_array_equal(after[:, -1], before[:, -1])
        np.testing.assert_array_equal(asked, query)
    else:  # the mean of all values: of the contents, and minus each code but the last, a tenth of them in every place
        np.testing.assert_allclose((asked - query)[:, 4:8], content.mean(1) - 0.1)


def test_a_small_logit_does_not_copy() -> None:
    batch = SOFT.batch(TASK, [TASK.sample(2, 0, 7)])
    far = [
        abs(SOFT.after(tensors(copying_layer(SOFT, TASK, logit=logit)), 0, batch.context, batch.query)[0]
            [0, :, :-1, 4:8] - batch.context[0, :, 1:, :4]).max() for logit in (1.0, 5.0, 50.0)
    ]  # fmt: skip
    assert far[0] > 0.3 > far[1] > 1e-3
    assert far[2] < 1e-12


@pytest.mark.parametrize("task", [TASK, LinearRegressionTask(), LinearRegressionTask(N=3, d=5)])
def test_a_step_behind_copying_is_one_of_descent(task: LinearRegressionTask) -> None:
    tasks = task.sample(3, 0, 30)
    weights = {name: w[None] for name, w in copied_step(LINEAR, task, 0.7).items()}
    found = LINEAR.predictor(task, weights)(tasks.x, tasks.y, tasks.query)
    np.testing.assert_allclose(found, metrics.descent(0.7)(tasks.x, tasks.y, tasks.query), rtol=1e-11, atol=1e-13)


def test_without_the_erasing_head_the_pairs_of_y_and_the_next_x_are_learned_too() -> None:
    tasks = TASK.sample(3, 0, 30)
    weights = copied_step(LINEAR, TASK, 0.7)
    weights["P"][0, 1] = 0.0
    found = LINEAR.predictor(TASK, {name: w[None] for name, w in weights.items()})(tasks.x, tasks.y, tasks.query)
    y, d = tasks.y, TASK.d
    x = np.concatenate([tasks.x, y[:, :-1, None] * np.eye(d)[-1]], axis=1)
    labels = np.concatenate([y, tasks.x[:, 1:, -1]], axis=1)
    np.testing.assert_allclose(found, metrics.descent(0.7)(x, labels, tasks.query), rtol=1e-11, atol=1e-13)


def test_the_copy_test_of_a_copying_layer_is_known() -> None:
    """Token k is c_k + c_{k+1} in sum: own = next = sqrt(d), no other; next is one of 2N - 1 others."""
    found = copy_test(SOFT, TASK, tensors(copying_layer(SOFT, TASK)), tasks=20, seeds=[0])
    expected = {"own": 2.0, "next": 2.0, "other": 2.0 / 9, "x_own": 2.0, "x_next": 2.0, "x_other": 0.0}
    assert {name: float(value[0]) for name, value in found.items()} == pytest.approx(expected, abs=1e-12)


def test_the_copy_test_is_of_the_layer_by_finite_changes() -> None:
    network = replace(PAPERS, double=True, scale=4.0)
    parameters = stacked(network, TASK, [0, 3])
    found = copy_test(network, TASK, parameters, tasks=6, seeds=[0, 3])
    for i, seed in enumerate((0, 3)):
        one = {name: w[i : i + 1] for name, w in parameters.items()}
        batch = network.batch(TASK, [TASK.test_set("train", seed, 6)])
        gradients = np.zeros((10, 6, 10, 4))  # of token k, task, with respect to token, coordinate
        for token, coordinate in np.ndindex(10, 4):
            step = torch.zeros_like(batch.context)
            step[:, :, token, coordinate] = 1e-6
            above, below = (network.after(one, 0, batch.context + s * step, batch.query)[0].sum(-1) for s in (1, -1))
            gradients[:, :, token, coordinate] = ((above - below) / 2e-6)[0].T
        pooled = np.linalg.norm(gradients.mean(1), axis=-1)
        others = [np.delete(pooled[k], k).sum() / 9 for k in range(9)]
        assert found["own"][i] == pytest.approx(np.diag(pooled)[:9].mean(), rel=1e-6)
        assert found["next"][i] == pytest.approx(np.diag(pooled, 1).mean(), rel=1e-6)
        assert found["other"][i] == pytest.approx(np.mean(others), rel=1e-6)
        apart = np.linalg.norm(gradients, axis=-1).mean(1)
        rest = [np.delete(apart[k], [k, k + 1]).mean() for k in range(0, 10, 2)]
        assert found["x_own"][i] == pytest.approx(np.diag(apart)[::2].mean(), rel=1e-6)
        assert found["x_next"][i] == pytest.approx(np.diag(apart, 1)[::2].mean(), rel=1e-6)
        assert found["x_other"][i] == pytest.approx(np.mean(rest), rel=1e-6)


def test_without_the_shift_the_next_token_is_one_among_others() -> None:
    parameters = without_shift(tensors(copying_layer(SOFT, TASK)), TASK.d)
    found = copy_test(SOFT, TASK, parameters, tasks=20, seeds=[0])
    assert found["x_next"][0] == pytest.approx(found["x_other"][0])
    network = replace(PAPERS, double=True, scale=1.0)
    before = stacked(network, TASK, [0, 1])
    batch = network.batch(TASK, [TASK.sample(0, 0, 5), TASK.sample(1, 0, 5)])
    products, without = (network.products(p, 0)[0] for p in (before, without_shift(before, TASK.d)))
    np.testing.assert_allclose(without[..., :4, :], products[..., :4, :], atol=1e-12)
    np.testing.assert_allclose(without[..., :4], products[..., :4], atol=1e-12)
    assert not without[..., 4:, 4:].any()
    assert not torch.allclose(network.predict(before, batch), network.predict(without_shift(before, TASK.d), batch))


def test_what_is_read_off_a_training(tmp_path: Path) -> None:
    training = NetworkTraining(
        name="short", task=TASK, network=PAPERS, optimiser=Adam(), steps=4, seeds=(0, 2), record_every=4, batch=8,
        held_out=8, snapshots=(0, 2, 4), analyses=(copied,),
    )  # fmt: skip
    training.run(tmp_path)
    found = copied(training, tmp_path)
    np.testing.assert_array_equal(found.snapshot, [0, 2, 4])
    np.testing.assert_allclose(found["own"].sel(snapshot=0), 2.0, rtol=0.05)
    assert float(found["next"].sel(snapshot=0).max()) < 0.2
    start = 0.5 * (4 / 12 + np.cos(10 / 10000**0.5) ** 2)  # the last coordinate of the query's code
    np.testing.assert_allclose(found["loss_before"], start, rtol=0.05)
    assert not np.array_equal(found["loss"], found["loss_before"])


def test_networks_that_cannot_copy_are_refused() -> None:
    for options in ({"pairs": "split"}, {"pairs": "split", "code": "one-hot", "merged": True}):
        with pytest.raises(InputError, match="one-hot codes"):
            copying_layer(SelfAttention(**options), TASK)
    with pytest.raises(InputError, match="two linear layers of two heads"):
        copied_step(SOFT, TASK, 0.5)
    with pytest.raises(InputError, match="`d` is at most 2N - 1 = 3"):
        copied_step(LINEAR, replace(TASK, N=2), 0.5)
    with pytest.raises(InputError, match="must fit in the code's 5"):
        copying_layer(LINEAR, replace(TASK, N=2, d=6))
    with pytest.raises(InputError, match="split pairs"):
        copy_test(SelfAttention(), TASK, {}, tasks=2, seeds=[0])
