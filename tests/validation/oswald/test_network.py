"""The network against a literal one, the constructions against gradient descent, the metrics against closed forms."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from minimodels.tasks.linear_regression import LinearRegressionTask, Regressions  # noqa: E402
from validation.oswald import metrics  # noqa: E402
from validation.oswald.constructions import interpolated, read_steps, steps_of_descent  # noqa: E402
from validation.oswald.network import SelfAttention, positions  # noqa: E402

TASK = LinearRegressionTask(N=5, d=4)


def literal(network: SelfAttention, weights: dict[str, np.ndarray], tasks: Regressions) -> np.ndarray:
    """All tokens through all layers, one task after the other, as the equations say."""
    out = []
    for context, query in zip(*network.tokens(tasks)[:2], strict=True):
        e = np.concatenate([context, query[None]])
        for layer in range(network.layers):
            seen = e
            if network.layer_norm:
                seen = (e - e.mean(1, keepdims=True)) / np.sqrt(e.var(1, keepdims=True) + 1e-5)
            change = np.zeros_like(e)
            for h in range(network.heads):
                number = 0 if network.recurrent else layer
                own = {name: w[number, h] for name, w in weights.items()}
                if "KQ" in own:
                    own |= {"K": np.eye(len(e[0])), "Q": own["KQ"]}
                if "PV" in own:
                    own |= {"V": np.eye(len(e[0])), "P": own["PV"]}
                K, Q, V, P = (own[name] for name in "KQVP")
                for j in range(len(e)):
                    scores = np.array([(K @ seen[i]) @ (Q @ seen[j]) for i in range(len(context))])
                    if network.softmax == "all" or (network.softmax == "first" and layer == 0):
                        scores = np.exp(scores / np.sqrt(e.shape[1]))
                        scores /= scores.sum()
                    elif network.average:
                        scores = scores / len(context)
                    change[j] += P @ sum(s * (V @ seen[i]) for i, s in enumerate(scores))
            e = e + change
            if network.clip is not None and layer < network.layers - 1:
                e = np.clip(e, -network.clip, network.clip)
        out.append(-e[-1, -1])
    return np.array(out)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"heads": 2}, {"layers": 3}, {"layers": 3, "recurrent": True}, {"softmax": "all", "heads": 2},
        {"layers": 2, "softmax": "first", "pairs": "split"}, {"layers": 2, "layer_norm": True},
        {"layers": 2, "clip": 0.4}, {"average": True}, {"layers": 2, "merged": True, "average": True},
        {"layers": 2, "merged": "PV"},
        {"layers": 2, "softmax": "all", "layer_norm": True, "heads": 2},
        {"layers": 2, "pairs": "split", "code": "one-hot"},
    ],
)  # fmt: skip
def test_predictions_are_those_of_the_literal_network(options: dict[str, Any]) -> None:
    network = SelfAttention(double=True, scale=1.0, **options)
    weights = network.initial(TASK, 3)
    tasks = TASK.sample(0, 0, 6)
    found = network.predictor(TASK, {name: w[None] for name, w in weights.items()})(tasks.x, tasks.y, tasks.query)
    np.testing.assert_allclose(found, literal(network, weights, tasks), rtol=1e-11, atol=1e-13)


def test_seeds_are_side_by_side_and_gradients_are_those_of_half_the_squared_error() -> None:
    network = SelfAttention(layers=2, double=True, scale=1.0)
    weights = [network.initial(TASK, seed) for seed in (0, 1)]
    both = {name: torch.tensor(np.stack([w[name] for w in weights]), requires_grad=True) for name in "KQVP"}
    tasks = [TASK.sample(seed, 0, 7) for seed in (0, 1)]
    losses = network.losses(both, network.batch(TASK, tasks))["loss"]
    each = [0.5 * ((literal(network, w, t) - t.target) ** 2).mean() for w, t in zip(weights, tasks, strict=True)]
    np.testing.assert_allclose(losses.detach(), each, rtol=1e-11)
    (gradient,) = torch.autograd.grad(losses.sum(), [both["Q"]])
    shifted = {name: w.copy() for name, w in weights[1].items()}
    shifted["Q"][1, 0, 2, 3] += 1e-6
    above = 0.5 * ((literal(network, shifted, tasks[1]) - tasks[1].target) ** 2).mean()
    assert float(gradient[1, 1, 0, 2, 3]) == pytest.approx((above - each[1]) / 1e-6, rel=1e-4)


def test_weights_of_either_precision_are_taken() -> None:
    tasks, weights = TASK.sample(0, 0, 8), steps_of_descent(SelfAttention(), TASK, 0.6)
    single, double = (
        SelfAttention(double=double).predictor(TASK, {k: w[None] for k, w in weights.items()})(
            tasks.x, tasks.y, tasks.query
        )
        for double in (False, True)
    )
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-6)


def test_weights_begin_with_the_stated_law_and_number() -> None:
    task = LinearRegressionTask()
    one = SelfAttention().initial(task, 0)
    assert sum(w.size for w in one.values()) == 484
    many = SelfAttention(layers=5, heads=8, scale=0.3).initial(task, 1)["V"]
    assert many.std() == pytest.approx(np.sqrt(0.3 / (5 * 11)), rel=0.02)
    assert abs(many).max() < 2 / 0.8796 * np.sqrt(0.3 / (5 * 11))
    split = SelfAttention(layers=2, pairs="split", softmax="first", scale=0.02)
    assert sum(w.size for w in split.initial(task, 0).values()) == 3200


@pytest.mark.parametrize(("merged", "a"), [(False, 4 * 0.2**4), (True, 2 * 0.2**2), ("PV", 2 * 0.2**3)])
def test_a_balanced_start_is_a_small_step_of_descent(merged: Any, a: float) -> None:
    """a = kqvp = d x_0^4, merged a = uv = sqrt(d) x_0^2, between them a = kqv = sqrt(d) x_0^3."""
    network = SelfAttention(merged=merged, start=0.2, double=True)
    weights = {name: w[None] for name, w in network.initial(TASK, 0).items()}
    tasks = TASK.sample(0, 0, 7)
    found = network.predictor(TASK, weights)(tasks.x, tasks.y, tasks.query)
    np.testing.assert_allclose(found, one_step(a)(tasks.x, tasks.y, tasks.query), rtol=1e-12)


def test_an_untrained_network_of_split_pairs_answers_with_its_position_code() -> None:
    task = LinearRegressionTask()
    network = SelfAttention(layers=2, pairs="split", softmax="first", scale=1e-12)
    weights = {name: w[None] for name, w in network.initial(task, 0).items()}
    tasks = task.sample(0, 0, 2000)
    found = network.predictor(task, weights)(tasks.x, tasks.y, tasks.query)
    np.testing.assert_allclose(found, -positions(21, 10)[20, 9], rtol=1e-6)
    assert found[0] == pytest.approx(-0.9999, abs=1e-4)
    assert 0.5 * ((found - tasks.target) ** 2).mean() == pytest.approx(0.917, rel=0.02)


def descent(H: np.ndarray, w: np.ndarray, a: list[float], gamma: list[float]) -> np.ndarray:
    q, p = np.eye(len(w)), np.eye(len(w))
    for step, transform in zip(a, gamma, strict=True):
        q, p = q @ (np.eye(len(w)) - step * H @ p @ p), p @ (np.eye(len(w)) - transform * H @ p @ p)
    return (np.eye(len(w)) - q) @ w


@pytest.mark.parametrize(
    ("layers", "recurrent", "a", "gamma"),
    [(1, False, 0.6, 0.0), (1, False, 0.6, 5.0), (2, True, 1.35, 0.176), (3, False, [0.6, 0.3, 1.2], [0.1, 0.05, 0.9])],
)
def test_constructed_layers_make_steps_of_descent(layers: int, recurrent: bool, a: Any, gamma: Any) -> None:
    network = SelfAttention(layers=layers, recurrent=recurrent, double=True)
    weights = steps_of_descent(network, TASK, a, gamma)
    each_a, each_gamma = (v if isinstance(v, list) else [v] * layers for v in (a, gamma))
    tasks = TASK.sample(5, 0, 20)
    found = network.predictor(TASK, {k: w[None] for k, w in weights.items()})(tasks.x, tasks.y, tasks.query)
    expected = [
        descent(x.T @ x, np.linalg.lstsq(x, y, rcond=None)[0], each_a, each_gamma) @ query
        for x, y, query in zip(tasks.x, tasks.y, tasks.query, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    steps = [read_steps(weights, layer) for layer in range(network.kept)]
    np.testing.assert_allclose(steps, list(zip(each_a, each_gamma, strict=True))[: network.kept])


def test_weights_between_are_the_same_layer_whatever_the_factors() -> None:
    """A layer whose products are those of the construction, in other factors: the way between them changes nothing."""
    network = SelfAttention(double=True)
    made = steps_of_descent(network, TASK, 0.7)
    rng = np.random.default_rng(0)
    mix, scale = rng.normal(size=(5, 5)), 3.0
    other = {
        "K": mix @ made["K"],
        "Q": scale * np.linalg.inv(mix).T @ made["Q"], "V": mix @ made["V"],
        "P": made["P"] @ np.linalg.inv(mix) / scale,
    }  # fmt: skip
    assert read_steps(other) == pytest.approx((0.7, 0.0), abs=1e-9)
    between = interpolated(other, made)
    tasks = TASK.sample(0, 0, 9)
    found = [
        network.predictor(TASK, {k: w[None] for k, w in weights.items()})(tasks.x, tasks.y, tasks.query)
        for weights in (made, other, between)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-9)


def one_step(a: float) -> metrics.Predictor:
    return lambda x, y, query: a * np.einsum("ni,nid,nd->n", y, x, query)


def zero(x: np.ndarray, y: np.ndarray, query: np.ndarray) -> np.ndarray:
    return np.zeros(len(y))


def test_metrics_have_their_reference_values() -> None:
    """One step against the zero predictor at N = d = 10: specification, section 5."""
    task, a = LinearRegressionTask(), 0.606061
    found = metrics.alignment(one_step(a), zero, task)
    assert found.weights == pytest.approx(2.082, rel=0.02)
    assert found.predictions == pytest.approx(0.486, rel=0.02)
    assert found.errors["weights"] < 0.02
    again = metrics.alignment(one_step(1.1 * a), one_step(a), task)
    assert again.cosine == pytest.approx(1.0, abs=1e-6)
    assert again.weights == pytest.approx(0.1 * found.weights, rel=1e-6)
    mean, error = metrics.loss(one_step(a), task)
    assert abs(mean - 0.206229) < 4 * error < 0.02


def test_a_repeated_step_is_descent_of_as_many_steps() -> None:
    tasks = TASK.sample(0, 0, 12)
    found = metrics.repeated(one_step(0.5), 3, 0.8)(tasks.x, tasks.y, tasks.query)
    expected = [
        descent(x.T @ x, np.linalg.lstsq(x, y, rcond=None)[0], [0.4] * 3, [0.0] * 3) @ query
        for x, y, query in zip(tasks.x, tasks.y, tasks.query, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_a_curve_over_an_option_is_on_the_same_draws() -> None:
    curve = metrics.losses_over(one_step(0.606061), LinearRegressionTask(), "tau", [1.0, 2.0, 3.0], tasks=500)
    np.testing.assert_allclose(curve["loss"] / curve["loss"][0], [1, 4, 9])


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda x, y, q: np.zeros(3), "one number for each"), (lambda x, y, q: np.full(len(y), np.nan), "not finite"),
        (7, "a function of"),
    ],
)  # fmt: skip
def test_predictors_that_cannot_be_are_refused(broken: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        metrics.loss(broken, TASK, tasks=10)
    with pytest.raises(InputError, match="`option`"):
        metrics.losses_over(zero, TASK, "alpha", [1.0])


@pytest.mark.parametrize(
    "options", [{"layers": 0}, {"heads": 1.5}, {"softmax": True}, {"scale": 0.0}, {"clip": -1.0}, {"pairs": "three"},
                {"double": 1.5}, {"merged": 2}, {"start": 0.0}, {"code": "one-hot"}]
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(InputError, match=f"`{name}`"):
        SelfAttention(**options)


@pytest.mark.parametrize(
    ("network", "given", "said"),
    [
        ({"softmax": "all"}, (0.6,), "linear layers of joined pairs"),
        ({"average": True}, (0.6,), "linear layers of joined pairs"),
        ({"merged": True}, (0.6,), "leave out `merged`"), ({"layers": 2}, ([0.6],), "one for each of 2 layers"),
        ({}, (None,), "`a` must be a number"), ({}, ("ab",), "`a` is a list"), ({}, ([],), "`a` is empty"),
        ({}, (np.nan,), "`a` must be finite"), ({}, ([True],), "`a` must be a number"),
        ({}, (0.6, 0.1, [1.0] * 4), "`W_0` is for steps without transforms"), ({}, (0.6, 0.0, [1.0]), "`W_0` has one"),
        ({}, (0.6, 0.0, [np.inf] * 4), "`W_0` must be finite"), ({}, (0.6, 0.0, "x"), "`W_0` must be a list"),
    ],
)  # fmt: skip
def test_steps_that_cannot_be_are_refused(network: dict[str, Any], given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        steps_of_descent(SelfAttention(**network), TASK, *given)
    with pytest.raises(InputError, match="`network` is a SelfAttention"):
        steps_of_descent(TASK, TASK, 0.6)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="`task` is a LinearRegressionTask"):
        steps_of_descent(SelfAttention(), 3, 0.6)  # type: ignore[arg-type]
