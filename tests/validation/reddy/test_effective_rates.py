"""Order parameters and their rates, against plain loops, finite differences and constructed networks."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from minimodels.streams import Stream  # noqa: E402
from minimodels.tasks.item_label import ItemLabelTask  # noqa: E402
from tests.validation.reddy import plain  # noqa: E402
from validation import AttentionOnly  # noqa: E402
from validation.reddy.batch import Batch  # noqa: E402
from validation.reddy.effective_rates import (  # noqa: E402
    effective_rates,
    match_logit,
    previous_token_logit,
    read_out_gain,
)

TASK = ItemLabelTask(N=2, L=5, K=5, B=1, D=4, N_max=2, p_C=1.0, K_c=None)
Arrays = dict[str, np.ndarray]


def beta_1(p: Arrays, task: ItemLabelTask) -> float:
    """Positions counted from 1, as in the equation: token 2k is a label, 2k - 1 its item."""
    total = 0.0
    for k in range(1, task.N + 1):
        logit = {}
        for j in range(1, 2 * k + 1):
            logit[j] = sum(p["K1"][a, j - 1] * p["Q1"][a, 2 * k - 1] for a in range(task.width))
        own = logit.pop(2 * k - 1)
        total += own - sum(logit.values()) / (2 * k - 1)
    return total / task.N


def alpha(p: Arrays, task: ItemLabelTask) -> float:
    """The match of a content in the buffer with the same content in the target: keys of V1 e_c, queries of e_c."""
    total = 0.0
    for c in range(task.positions, task.width):
        key, query = p["K2"] @ p["V1"][:, c], p["Q2"][:, c]
        total += float(np.dot(key, query))
    return total / task.D


def xi_on(task: ItemLabelTask, u: torch.Tensor, labels: np.ndarray, layers: int) -> Callable[[Arrays], float]:
    """The logits of the plain network, each weighted by whether its label is in the context or not."""
    uniform = torch.full((len(u), task.length, task.length), 1 / task.length, dtype=torch.float64)
    weights = np.zeros((len(u), task.L))
    for row, there in zip(weights, labels, strict=True):
        inside = [k for k in range(task.L) if k in there]
        outside = [k for k in range(task.L) if k not in there]
        row[inside], row[outside] = 1 / len(inside), -1 / len(outside)

    def function(p: Arrays) -> float:
        given = {name: torch.from_numpy(matrix) for name, matrix in p.items()}
        logits = plain.intervened(given, u, layers, p2=uniform)[0].numpy()
        return task.length / task.B * float((logits * weights).sum()) / len(u)

    return function


def slopes(function: Callable[[Arrays], float], p: Arrays, step: float = 1e-5) -> np.ndarray:
    """Central differences in every entry of every matrix."""
    found = []
    for name in sorted(p):
        for at in np.ndindex(p[name].shape):
            both = []
            for sign in (1, -1):
                moved = p[name].copy()
                moved[at] += sign * step
                both.append(function({**p, name: moved}))
            found.append((both[0] - both[1]) / (2 * step))
    return np.array(found)


def drawn(network: AttentionOnly) -> tuple[dict[str, torch.Tensor], Arrays]:
    parameters = network.stacked(TASK, (3,))
    return parameters, {name: t[0].double().numpy() for name, t in parameters.items()}


def test_values_and_rates_are_those_of_the_equations_by_finite_differences() -> None:
    network, n = AttentionOnly(layers=1), 12
    parameters, p = drawn(network)
    found = effective_rates(TASK, network, parameters, seed=7, sequences=n)
    for name, function in (("beta_1", beta_1), ("alpha", alpha)):
        value, rate = found[name]
        assert value == pytest.approx(function(p, TASK), rel=1e-4, abs=1e-6), name
        used = {k: p[k] for k in ({"K1", "Q1"} if name == "beta_1" else {"K2", "Q2", "V1"})}
        slope = slopes(lambda moved, f=function: f({**p, **moved}, TASK), used)
        assert rate == pytest.approx(float((slope**2).sum()), rel=1e-4), name

    values, gradients = [], []
    for half in (0, 1):
        sequences = TASK.sample(7, half * n, n, stream=Stream.RATES)
        u = torch.from_numpy(sequences.tokens(TASK.positions)).double()
        xi = xi_on(TASK, u, sequences.labels, 1)
        values.append(xi(p))
        gradients.append(slopes(xi, p))
    value, rate = found["xi"]
    assert value == pytest.approx(np.mean(values), rel=1e-3, abs=1e-5)
    assert rate == pytest.approx(float(gradients[0] @ gradients[1]), rel=2e-3)
    assert abs(rate - float(gradients[0] @ gradients[0])) > 0.05 * abs(rate)  # the halves are two samples


def test_a_previous_token_head_has_its_logit_as_beta_1() -> None:
    """Keys e_j, queries b e_{i-1}: a token at i finds its predecessor with the logit b, all others with 0."""
    parameters, _ = drawn(AttentionOnly(layers=0))
    d, b = TASK.width, 2.5
    parameters["K1"] = torch.eye(d)[None]
    parameters["Q1"] = b * torch.diag(torch.ones(d - 1), 1)[None]
    assert previous_token_logit(parameters, TASK).item() == pytest.approx(b)
    for i, j, expected in ((1, 1, -b / 2), (3, 3, -b / 2 / 3), (1, 3, -b / 2 / 3), (4, 3, 0.0), (1, 2, 0.0)):
        one = torch.zeros(1, d, d)
        one[0, i, j] = b  # the key of position i meets the query of position j, counted from 0
        assert previous_token_logit({**parameters, "Q1": one}, TASK).item() == pytest.approx(expected), (i, j)


def test_a_head_that_matches_contents_has_its_logit_as_alpha() -> None:
    """Keys a e_j of a buffer that holds contents as they are; what positions do does not count."""
    parameters, _ = drawn(AttentionOnly(layers=0))
    d, positions = TASK.width, TASK.positions
    where = torch.zeros(d, d)
    where[positions:, positions:] = torch.eye(TASK.D)
    for name, matrix in (("V1", torch.eye(d)), ("K2", 3 * torch.eye(d)), ("Q2", torch.eye(d))):
        parameters[name] = matrix[None]
    assert match_logit(parameters, TASK).item() == pytest.approx(3)
    assert match_logit({**parameters, "V1": 2 * where[None]}, TASK).item() == pytest.approx(6)
    assert match_logit({**parameters, "Q2": (torch.eye(d) - where)[None]}, TASK).item() == pytest.approx(0)
    keys = torch.zeros(1, d, d)
    keys[0, positions, positions + 1] = 1.0  # content 1 in the buffer is found by the query of content 0
    assert match_logit({**parameters, "K2": keys, "V1": where[None]}, TASK).item() == pytest.approx(0)
    queries = torch.zeros(1, d, d)
    queries[0, positions, positions + 1] = TASK.D
    assert match_logit({**parameters, "K2": keys, "Q2": queries}, TASK).item() == pytest.approx(1)


def every_context(task: ItemLabelTask) -> Batch:
    """All N/B labels of L as orthonormal vectors, B times each, with items of zeros."""
    contexts = [np.repeat(c, task.B) for c in combinations(range(task.L), task.N_c)]
    tokens = torch.zeros(1, len(contexts), task.length, task.width)
    for row, labels in enumerate(contexts):
        for slot, label in enumerate(labels):
            tokens[0, row, 2 * slot + 1, task.positions + label] = 1.0
    batch = Batch.of(task, [task.sample(0, 0, len(contexts))])
    return Batch(**{**vars(batch), "tokens": tokens, "labels": torch.from_numpy(np.array(contexts))[None]})


@pytest.mark.parametrize("B", [1, 2])
def test_a_read_out_of_the_label_vectors_has_its_gain_as_xi_at_the_rate_of_the_minimal_model(B: int) -> None:
    """z_k = c n_k/(2N+1), n_k copies of label k: xi = c; and 1/(L - 1) is its rate by the read-out at c = 1."""
    task = ItemLabelTask(N=4, L=6, K=6, B=B, D=6, N_max=4, p_C=1.0, K_c=None, label_vectors="orthonormal")
    network, batch = AttentionOnly(layers=0), every_context(task)
    parameters = {name: torch.zeros_like(t) for name, t in network.stacked(task, (0,)).items()}
    parameters["V2"] = torch.eye(task.width)[None]
    c = 1.75
    parameters["S"][0, :, task.positions :] = c * torch.eye(task.L)
    parameters["S"].requires_grad_()
    value = read_out_gain(parameters, task, network, batch)
    assert value.item() == pytest.approx(c, rel=1e-5)
    slope = torch.autograd.grad(value, parameters["S"])[0]
    assert float((slope**2).sum()) == pytest.approx(1 / (task.L - 1), rel=1e-4)


def test_rates_at_initialisation_have_the_stated_means_over_draws() -> None:
    """Gaussian entries of variance 1/D: 3 (d/D)^2/D for alpha, 2d/(ND) (1 + <1/(2k-1)>) for beta_1."""
    task = ItemLabelTask(N=3, L=5, K=5, B=1, D=5, N_max=3, p_C=1.0, K_c=None)
    network, draws = AttentionOnly(layers=0), 200
    found = [effective_rates(task, network, network.stacked(task, (s,)), seed=s, sequences=1) for s in range(draws)]
    d, D = 12, 5  # 2*3 + 1 positions and 5 dimensions of content
    expected = {"alpha": 3 * (d / D) ** 2 / D, "beta_1": 2 * d / (3 * D) * (1 + (1 + 1 / 3 + 1 / 5) / 3)}
    for name, mean in expected.items():
        rates = np.array([each[name][1] for each in found])
        error = rates.std(ddof=1) / np.sqrt(draws)
        assert error < 0.06 * mean, name
        assert abs(rates.mean() - mean) < 3 * error, (name, rates.mean(), mean)


def test_what_has_no_rates_is_refused() -> None:
    network = AttentionOnly(layers=0)
    for options, sentence in (
        ({"L": 2, "K": 2}, "xi needs labels outside the context: L > N/B; got L=2, N/B=2"),
        ({"N_max": 3}, "beta_1 is read off fixed positions: N_max must be N; got N_max=3, N=2"),
    ):
        task = ItemLabelTask(**{"N": 2, "L": 5, "K": 5, "D": 4, "N_max": 2, "p_C": 1.0, "K_c": None, **options})
        with pytest.raises(InputError, match=sentence):
            effective_rates(task, network, network.stacked(task, (0,)))
