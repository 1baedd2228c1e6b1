"""Claims on layers whose weights are written down: forward passes beside descent and its polynomials."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import theory
from minimodels.models.gd_plus_plus import residual
from minimodels.tasks.linear_regression import LinearRegressionTask, Regressions
from validation.checks import Check, between, ordered
from validation.ledger import Context, Finding, claim

if TYPE_CHECKING:
    from validation.oswald.network import SelfAttention

Array = np.ndarray
of_network = partial(claim, level="network")
TASKS, EXACT = 100, 1e-12
KINDS = tuple(
    LinearRegressionTask(**options)
    for options in (
        {}, {"N": 5, "d": 8, "x_scale": 2.0}, {"N": 12, "d": 3, "law": "gaussian", "s": 1.0},
        {"N": 6, "d": 6, "law": "laplace"}, {"N": 9, "d": 4, "law": "exponential", "s": 0.5},
        {"N": 10, "d": 5, "law": "gaussian", "spectrum": (2.0, 1.0, 0.5, 0.25, 0.1)},
    )
)  # fmt: skip


class Drawn(NamedTuple):
    """Tasks with their w (n, d), steps up to 1.5 and transforms up to 1 of the reciprocal of the largest eigenvalue."""

    task: LinearRegressionTask
    tasks: Regressions
    w: Array
    a: Array
    gamma: Array


def drawn(seed: int) -> Iterator[Drawn]:
    """For every kind of inputs and K = 1..5."""
    rng = np.random.default_rng(seed)
    for task in KINDS:
        for K in (1, 2, 3, 4, 5):
            made, w = task.test_set("train", seed, TASKS, draw=K), rng.normal(size=(TASKS, task.d))
            tasks = Regressions(made.x, np.einsum("nid,nd->ni", made.x, w), made.query, (w * made.query).sum(1))
            largest = float(np.linalg.norm(tasks.x, 2, axis=(1, 2)).max() ** 2)
            yield Drawn(task, tasks, w, rng.uniform(0, 1.5, K) / largest, rng.uniform(0, 1, K) / largest)


def _polynomial(tasks: Regressions, w: Array, a: Array, gamma: Array) -> Array:
    """Return w (1 - q_K(H)) x_q, by the eigenvalues of H."""
    values, vectors = np.linalg.eigh(np.einsum("nid,nie->nde", tasks.x, tasks.x))
    along, seen = (np.einsum("nd,nde->ne", v, vectors) for v in (w, tasks.query))
    return np.asarray((along * (1 - residual(values, [*a], [*gamma])) * seen).sum(1))


def _descended(tasks: Regressions, a: Array, W_0: Array) -> Array:
    """Return W x_q after gradient steps on |W X - y|^2/2 from W_0, one after the other."""
    W = np.broadcast_to(W_0, tasks.query.shape)
    for step in a:
        W = W - step * np.einsum("ni,nid->nd", np.einsum("nid,nd->ni", tasks.x, W) - tasks.y, tasks.x)
    return np.asarray((W * tasks.query).sum(1))


def _forward(
    network: "SelfAttention", weights: dict[str, Any], task: LinearRegressionTask, tasks: Regressions, W_0: Array
) -> Array:
    """Predictions of the network from the tokens of the tasks."""
    import torch

    from validation.oswald.constructions import from_start

    tokens = from_start(network.batch(task, [tasks]), W_0)
    with torch.no_grad():
        found = network.predict({name: torch.as_tensor(w)[None] for name, w in weights.items()}, tokens)
    return found[0].numpy()


def _apart(what: str, one: list[Array], other: list[Array]) -> Check:
    """The largest distance of predictions, in units of the root mean square of the others."""
    away = max(float(abs(a - b).max() / np.sqrt((b**2).mean())) for a, b in zip(one, other, strict=True))
    return between(what, away, 0.0, EXACT, 0.0)


@of_network("O6", "Written-down layers are gradient descent: K of them make its polynomial q_K and that of GD++, "
            "to rounding", headline=True,
            setting="six kinds of inputs, N = 5 to 12, d = 3 to 10, K = 1 to 5, random steps and transforms, "
            "double precision")  # fmt: skip
def construction(context: Context) -> Finding:
    """O6."""
    from validation.oswald.constructions import refactored, steps_of_descent
    from validation.oswald.network import SelfAttention

    checks = []
    for what, begun in (("zero", 0), ("a random W_0", 1)):
        found, expected = [], []
        for i, (task, tasks, _, a, _) in enumerate(drawn(0)):
            W_0 = begun * np.random.default_rng(i).normal(size=task.d)
            network = SelfAttention(layers=a.size, double=True)
            found.append(_forward(network, steps_of_descent(network, task, [*a], W_0=W_0), task, tasks, W_0))
            expected.append(_descended(tasks, a, W_0))
        checks.append(_apart(f"K layers and K gradient steps from {what}", found, expected))
    for what, transformed, tied, mixed in (
        ("K layers and q_K of descent", 0, False, False), ("K layers and q_K of GD++", 1, False, False),
        ("K recurrent layers and q_K of GD++", 1, True, False),
        ("K layers of other factors and q_K of GD++", 1, False, True),
    ):  # fmt: skip
        found, expected = [], []
        for i, (task, tasks, w, a, gamma) in enumerate(drawn(1)):
            a, gamma = (np.full(a.size, v[0]) if tied else v for v in (a, transformed * gamma))
            network = SelfAttention(layers=a.size, recurrent=tied, double=True)
            made = steps_of_descent(network, task, [*a[: network.kept]], [*gamma[: network.kept]])
            if mixed:
                made = refactored(made, i)
            found.append(_forward(network, made, task, tasks, np.zeros(task.d)))
            expected.append(_polynomial(tasks, w, a, gamma))
        checks.append(_apart(what, found, expected))
    return Finding(checks)


@of_network("O15", "The transform of the last layer is inert: the loss slopes along all others, not along it",
            setting="N = d = 10, K = 1 to 4, best untied steps, transforms .1, six draws of 2048 tasks")  # fmt: skip
def last_transform(context: Context) -> Finding:
    """O15."""
    import torch

    from validation.oswald.constructions import steps_of_descent
    from validation.oswald.network import SelfAttention

    last, before = [], []
    task = LinearRegressionTask()
    for seed in range(6):
        slopes: list[Array] = []
        for K in (1, 2, 3, 4):
            network = SelfAttention(layers=K, double=True)
            a = theory.gd_optimum(task.N, task.d, K=K, tied=False).a
            made = steps_of_descent(network, task, a, [0.1] * K)
            weights = {name: torch.tensor(w[None], requires_grad=name == "P") for name, w in made.items()}
            tokens = network.batch(task, [task.test_set("train", seed, 2048)])
            (slope,) = torch.autograd.grad(network.losses(weights, tokens)["loss"].sum(), weights["P"])
            blocks = slope[0, :, 0, : task.d, : task.d].diagonal(dim1=1, dim2=2)
            slopes.append(abs(blocks.sum(1).numpy()))  # of the loss over gamma, by layer
        last.append(max(each[-1] for each in slopes))
        before.append(min(each[:-1].min() for each in slopes[1:]))
    return Finding(
        [
            between("largest slope along the last transform", float(max(last)), 0.0, 0.0, 0.0),
            ordered("smallest slope along the others", before, "not zero"),
        ]
    )
