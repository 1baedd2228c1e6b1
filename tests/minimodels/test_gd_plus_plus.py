"""The loss of GD and GD++ against a literal stack of linear self-attention layers on sampled tasks."""

from typing import Any

import numpy as np
import pytest

import minimodels as mm
from minimodels.models.gd_plus_plus import residual
from tests.minimodels.systems import at

N, D = 7, 4
DRAWS = {
    "uniform": lambda rng, shape: rng.uniform(-(3**0.5), 3**0.5, shape),
    "gaussian": lambda rng, shape: rng.normal(size=shape),
    "laplace": lambda rng, shape: rng.laplace(0, 0.5**0.5, shape),
    "rademacher": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
}


def attention_stack(tokens: np.ndarray, query: np.ndarray, a: list[float], gamma: list[float]) -> np.ndarray:
    """Return minus the last entry of the query's token after layers of linear self-attention, task by task.

    Each layer has W_K = W_Q = diag(1, 0), W_V = diag(1, -1), P = diag(-gamma, a); its sum is over the context.
    """
    width = tokens.shape[-1]
    for step, transform in zip(a, gamma, strict=True):
        key = np.diag([1.0] * (width - 1) + [0.0])
        value = np.diag([1.0] * (width - 1) + [-1.0])
        project = np.diag([-transform] * (width - 1) + [step])
        keys, values = tokens @ key.T, tokens @ value.T
        update = np.einsum("tiv,tik->tvk", values, keys)
        tokens, query = (
            tokens + np.einsum("pv,tvk,tik->tip", project, update, tokens @ key.T),
            query + np.einsum("pv,tvk,tk->tp", project, update, query @ key.T),
        )
    return -query[:, -1]


@pytest.mark.parametrize("law", DRAWS)
@pytest.mark.parametrize(
    ("K", "kind", "tied"), [(1, "gd", True), (2, "gd++", True), (2, "gd++", False), (3, "gd", False)]
)
def test_loss_is_that_of_a_literal_stack(law: str, K: int, kind: str, tied: bool) -> None:
    rng, tasks = np.random.default_rng(K), 60_000
    s, tau, sigma = 0.4, 1.3, 0.6
    m = mm.model("gd_plus_plus", K=K, kind=kind, tied=tied, law=law, N=N, d=D, s=s, tau=tau, sigma=sigma)
    state = {k: float(rng.uniform(0.02, 0.12)) for k in m.state}
    a = [state.get(f"a_{k}", state.get("a", 0.0)) for k in range(K)]
    gamma = [state.get(f"gamma_{k}", state.get("gamma", 0.0)) for k in range(K)]
    if not tied and kind == "gd++":
        gamma[-1] = 0.7  # of the last layer: changes nothing

    x = DRAWS[law](rng, (tasks, N + 1, D)) * s**0.5
    w = rng.normal(0, tau, (tasks, D))
    y = np.einsum("tid,td->ti", x, w)
    y[:, :N] += rng.normal(0, sigma, (tasks, N))
    tokens = np.concatenate([x, y[..., None]], axis=2)
    tokens[:, N, D] = 0
    error = (y[:, N] - attention_stack(tokens[:, :N], tokens[:, N], a, gamma)) ** 2 / 2
    found = at(m, np.array([list(state.values())]))["loss"][0]
    assert found == pytest.approx(error.mean(), abs=4 * error.std() / tasks**0.5)


def test_a_deep_stack_is_the_polynomial_of_its_steps() -> None:
    """Task by task, to rounding: four layers, strong transforms."""
    rng = np.random.default_rng(0)
    a, gamma = rng.uniform(0.05, 0.3, 4).tolist(), rng.uniform(0.05, 0.3, 4).tolist()
    x, w = rng.uniform(-1, 1, (50, N + 1, D)), rng.normal(size=(50, D))
    tokens = np.concatenate([x, np.einsum("tid,td->ti", x, w)[..., None]], axis=2)
    tokens[:, N, D] = 0
    lam, basis = np.linalg.eigh(x[:, :N].transpose(0, 2, 1) @ x[:, :N])
    q = residual(lam, a, gamma)
    expected = np.einsum("td,tde,te,tfe,tf->t", w, basis, 1 - q, basis, x[:, N])
    assert attention_stack(tokens[:, :N], tokens[:, N], a, gamma) == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_the_flow_of_one_step_relaxes_to_it() -> None:
    run = mm.simulate(mm.model("gd_plus_plus", K=1, kind="gd"), t_end=60.0, rtol=1e-10)
    assert float(run.a[-1]) == pytest.approx(1 / 1.65, rel=1e-9)
    assert float(run.eta[-1]) == pytest.approx(10 / 1.65, rel=1e-9)
    half = float(run.half_drop)
    late = mm.simulate(mm.model("gd_plus_plus", K=1, kind="gd"), t_end=half, rtol=1e-10)
    zero, best = float(run.loss[0]), float(run.loss[-1])
    assert float(late.loss[-1]) == pytest.approx((zero + best) / 2, rel=1e-8)


def test_layers_that_do_not_descend_are_not_there() -> None:
    """A second layer without a step, or without a transform before it, is one layer or plain descent."""
    states = np.array([[0.3, 0.0, 0.2]])
    one = at(mm.model("gd_plus_plus", K=1, kind="gd"), states[:, :1])["loss"]
    two = at(mm.model("gd_plus_plus", K=2, tied=False), states)["loss"]
    assert two == pytest.approx(one, rel=1e-14)
    states = np.array([[0.3, 0.5, 0.0]])
    plain = at(mm.model("gd_plus_plus", K=2, kind="gd", tied=False), states[:, :2])["loss"]
    assert at(mm.model("gd_plus_plus", K=2, tied=False), states)["loss"] == pytest.approx(plain, rel=1e-14)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"K": 3}, "use at most K=2"),
        ({"K": 5, "kind": "gd"}, "use at most K=4"),
        ({"K": 0}, "at least 1"),
        ({"kind": "gd+"}, "one of 'gd\\+\\+', 'gd'"),
        ({"tied": 1}, "True or False"),
        ({"law": "normal"}, "one of 'uniform'"),
        ({"s": -1}, "`s` must lie in"),
        ({"N": 0}, "`N` must lie in"),
        ({"gama": 1}, "unknown parameter"),
    ],
)
def test_choices_that_cannot_be_are_refused(choices: dict[str, Any], sentence: str) -> None:
    with pytest.raises(mm.InputError, match=sentence):
        mm.model("gd_plus_plus", **choices)
