"""The loss over all tasks and its gradient flow, against sampled tasks, automatic derivatives and other flows."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.tasks.linear_regression import Law, LinearRegressionTask  # noqa: E402
from validation.oswald import population  # noqa: E402
from validation.oswald.network import SelfAttention  # noqa: E402
from validation.oswald.population import flow, loss, loss_and_gradients, products  # noqa: E402

NETWORK = SelfAttention(double=True)


def weights(task: LinearRegressionTask, size: float, seed: int = 0) -> dict[str, np.ndarray]:
    shape = (4, 1, 1, task.d + 1, task.d + 1)
    return dict(zip("KQVP", np.random.default_rng(seed).normal(0, size, shape), strict=True))


def read(w: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    K, Q, V, P = (w[name][0, 0] for name in "KQVP")
    return products(P[-1], V, K, Q[:, :-1])


def nodes(law: str) -> tuple[np.ndarray, np.ndarray]:
    """A rule of three points, exact up to the fifth power, for a law of variance 1."""
    rule = np.polynomial.legendre.leggauss if law == "uniform" else np.polynomial.hermite_e.hermegauss
    x, weight = rule(3)
    return x * (3**0.5 if law == "uniform" else 1.0), weight / weight.sum()


@pytest.mark.parametrize("law", ["uniform", "gaussian"])
@pytest.mark.parametrize(("N", "d"), [(1, 1), (3, 1), (1, 2), (2, 2)])
def test_the_loss_is_that_of_the_network_over_all_tasks(law: Law, N: int, d: int) -> None:
    """By exact quadrature: the squared error is of fourth order in every coordinate of inputs and w at most."""
    task, w = LinearRegressionTask(N=N, d=d, law=law, s=0.3), weights(LinearRegressionTask(N=N, d=d), 0.7)
    rules = [nodes(law)] * ((N + 1) * d) + [nodes("gaussian")] * d
    at = np.stack([grid.ravel() for grid in np.meshgrid(*(x for x, _ in rules), indexing="ij")], axis=1)
    chance = np.prod(np.stack([g.ravel() for g in np.meshgrid(*(p for _, p in rules), indexing="ij")]), axis=0)
    x, slope = task.s**0.5 * at[:, :-d].reshape(-1, N + 1, d), at[:, -d:]
    y = np.einsum("nid,nd->ni", x, slope)
    guess = NETWORK.predictor(task, {name: each[None] for name, each in w.items()})(x[:, :N], y[:, :N], x[:, N])
    assert loss(task, *read(w)) == pytest.approx(0.5 * chance @ (guess - y[:, N]) ** 2, rel=1e-10)


@pytest.mark.parametrize("law", ["uniform", "gaussian"])
def test_gradients_are_those_of_the_loss_and_of_the_network(law: Law) -> None:
    task = LinearRegressionTask(N=5, d=3, law=law, s=0.3)
    w = weights(task, 0.4)
    row, columns = read(w)
    _, by_row, by_columns = loss_and_gradients(task, row, columns)
    for given, found in ((row, by_row), (columns, by_columns)):
        for at in np.ndindex(given.shape):
            above, below = given.copy(), given.copy()
            above[at] += 1e-5
            below[at] -= 1e-5
            pair = ((above, columns), (below, columns)) if given is row else ((row, above), (row, below))
            slope = (loss(task, *pair[0]) - loss(task, *pair[1])) / 2e-5
            assert found[at] == pytest.approx(slope, rel=1e-6, abs=1e-9)
    each = {name: torch.tensor(value[None], requires_grad=True) for name, value in w.items()}
    sampled = NETWORK.losses(each, NETWORK.batch(task, [task.sample(0, 0, 200_000)]))["loss"].sum()
    K, Q, V, P = (gradient[0, 0, 0].numpy() for gradient in torch.autograd.grad(sampled, [each[n] for n in "KQVP"]))
    p, V_, K_, Q_ = w["P"][0, 0, -1], w["V"][0, 0], w["K"][0, 0], w["Q"][0, 0, :, :-1]
    for found, expected in (
        (P[-1], V_ @ by_row), (V, np.outer(p, by_row)), (K, Q_ @ by_columns.T), (Q[:, :-1], K_ @ by_columns)
    ):  # fmt: skip
        np.testing.assert_allclose(found, expected, atol=0.06 * abs(expected).max())
    assert abs(P[:-1]).max() == abs(Q[:, -1]).max() == 0


def test_without_the_labels_blocks_the_flow_is_that_of_a_step() -> None:
    """Scaled identities: the loss of kqvp, at rest at the best step."""
    import minimodels as mm

    task, times = LinearRegressionTask(), np.linspace(0, 400, 41)
    x, y = np.diag([1.0] * 10 + [0.0]), np.diag([0.0] * 10 + [1.0])
    given = {"K": 0.06 * x, "Q": 0.05 * x, "V": -0.17 * y, "P": 0.15 * y}
    found = flow(task, {name: w[None, None] for name, w in given.items()}, times)
    model = mm.model("linear_attention", weights="separate")
    init = {"k": 0.06, "q": 0.05, "p": 0.15, "v": 0.17}
    run = mm.simulate(model, t_end=400.0, init=init, save=times, rtol=1e-10, atol=1e-13)
    assert run.loss.values == pytest.approx(found.losses, abs=1e-7)


def test_the_labels_blocks_learn_one_direction() -> None:
    """With beta = M = 0 and b parallel to -m, at best: N/D of the first of d directions, s/2 (d - N/D)."""
    task = LinearRegressionTask()
    D = task.N + task.d + 9 / 5 - 2
    direction = np.full(10, 10**-0.5)
    b, m = -direction / (task.s * D), direction
    row, columns = np.append(b, 0.0), np.vstack([np.zeros((10, 10)), m])
    assert loss(task, row, columns) == pytest.approx(task.s / 2 * (10 - 10 / D), rel=1e-12)
    _, by_row, by_columns = loss_and_gradients(task, row, columns)
    assert max(abs(by_row).max(), abs(by_columns).max()) < 1e-12


def test_the_loss_never_rises_and_invariants_are_kept() -> None:
    task = LinearRegressionTask(N=6, d=3, s=0.5)
    for driven in (False, True):
        found = flow(task, weights(task, 0.2, 3), np.linspace(0, 60, 121), driven=driven)
        assert np.diff(found.losses).max() < 1e-9
        inner = np.einsum("tab,tcb->tac", found.K, found.K) - np.einsum("tab,tcb->tac", found.Q, found.Q)
        outer = np.einsum("ta,tb->tab", found.p, found.p) - np.einsum("tab,tcb->tac", found.V, found.V)
        for kept in (inner, outer):
            np.testing.assert_allclose(kept, np.broadcast_to(kept[0], kept.shape), atol=1e-6)
    assert len(population.flow(task, weights(task, 0.2, 3), np.linspace(0, 60, 121), end=0.5).times) < 121
