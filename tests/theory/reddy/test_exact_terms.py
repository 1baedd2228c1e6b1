"""Every term of the loss with exact positions and overlaps, written as loops; its flow, integrated by SciPy."""

import math
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from theory.reddy.exact_positions import _contexts, _norms, exact_transition_time, loss_and_correct

RATES = {"beta_1": 1.3, "alpha": 0.6, "xi": 0.21}


def attention(beta_1: float, alpha: float, classes: tuple[int, ...], target: int, eps: float) -> list[float]:
    """Of the last item to every token; token 2k is the item of slot k, token 2k + 1 its label, counted from 0."""
    tokens = 2 * len(classes) + 1
    logits = []
    for i in range(tokens):
        weights = [math.exp(beta_1) if j == i - 1 else 1.0 for j in range(i + 1)]
        overlap = 0.0  # of what token i has in its buffer with the last item
        for j in range(0, i + 1, 2):
            same = 1.0 if j == tokens - 1 else (classes[j // 2] == target) / (1 + eps**2)
            overlap += weights[j] / sum(weights) * same
        logits.append(alpha * overlap)
    total = sum(math.exp(z) for z in logits)
    return [math.exp(z) / total for z in logits]


def by_loops(
    x: np.ndarray, nodes: list[tuple[float, float]], *, N: int, L: float, B: int, eps: float, D: float
) -> tuple[float, float]:
    """Loss and probability of the correct label at (beta_1, alpha, a(g) at every node (g, weight))."""
    losses, right = [], []
    for classes in sorted(set(permutations([c for c in range(N // B) for _ in range(B)]))):
        p = attention(x[0], x[1], classes, 0, eps)  # the target is of class 0: every class is at every place
        q = [sum(p[2 * slot + 1] for slot in range(N) if classes[slot] == c) for c in range(N // B)]
        squares = sum(v**2 for v in q) + sum(v**2 for v in p[0::2])
        rest = 0.0
        for (g, weight), a in zip(nodes, x[2:], strict=True):
            for other in q[1:]:
                rest += weight * math.exp(a * g * other + a**2 * (squares - other**2) / (2 * D))
            rest += weight * (L - N // B) * math.exp(a**2 * squares / (2 * D))
        loss = correct = 0.0
        for (g, weight), a in zip(nodes, x[2:], strict=True):
            own = math.exp(a * g * q[0])
            loss -= weight * math.log(own / (own + rest))
            correct += weight * own / (own + rest)
        losses.append(loss)
        right.append(correct)
    return float(np.mean(losses)), float(np.mean(right))


@pytest.mark.parametrize(("N", "B", "D"), [(2, 1, 9.0), (3, 1, 20.0), (4, 1, 63.0), (4, 2, 12.0), (6, 3, 30.0)])
def test_the_loss_with_overlaps_is_the_sum_of_its_terms(N: int, B: int, D: float) -> None:
    nodes = list(zip(*_norms(D), strict=True))
    rng = np.random.default_rng(N)
    for eps in (0.0, 0.5):
        x = np.concatenate([rng.normal(1.0, 1.0, 1), rng.normal(2.0, 2.0, 1), rng.uniform(1.0, 6.0, len(nodes))])
        found = loss_and_correct(x, _contexts(N, B), 9, eps, D)
        assert found == pytest.approx(by_loops(x, nodes, N=N, L=9, B=B, eps=eps, D=D), rel=1e-11)


def first_time(
    slope: Callable[[float, np.ndarray], np.ndarray], start: np.ndarray, correct: Callable[[np.ndarray], float]
) -> float:
    """When the correct probability is 1/2."""

    def half(t: float, x: np.ndarray) -> float:
        return correct(x) - 0.5

    half.terminal = True  # type: ignore[attr-defined]
    run = solve_ivp(slope, (0, 2000.0), start, method="RK45", rtol=1e-6, atol=1e-9, events=half)
    return float(run.t_events[0][0])


@pytest.mark.parametrize(
    ("N", "B", "D", "init", "eps"),
    [
        (3, 1, 24.0, {}, 0.0),
        (3, 1, 24.0, {"beta_1": 0.5, "alpha": 0.4, "xi": 1.0}, 0.4),
        (4, 2, math.inf, {}, 0.0),
        (3, 1, math.inf, {"beta_1": 0.5, "alpha": 0.4, "xi": 1.0}, 0.4),
    ],
)
def test_the_time_is_that_of_the_flow_of_both_logits_and_the_gains(
    N: int, B: int, D: float, init: dict[str, float], eps: float
) -> None:
    """da(g)/dt is -(eta_xi/g) dL/da(g) per unit of the probability of g; slopes by central differences."""
    size = {"N": N, "L": 7.0, "B": B, "eps": eps, "D": D}
    nodes = [(1.0, 1.0)] if math.isinf(D) else list(zip(*_norms(D), strict=True))
    eta = np.array([RATES["beta_1"], RATES["alpha"], *(RATES["xi"] / (g * weight) for g, weight in nodes)])
    start = np.array([init.get("beta_1", 0.0), init.get("alpha", 0.0), *[init.get("xi", 0.0)] * len(nodes)])

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        steps = 1e-5 * np.eye(len(x))
        pairs = [[by_loops(x + sign * step, nodes, **size)[0] for sign in (1, -1)] for step in steps]
        return -eta * np.array([(up - down) / 2e-5 for up, down in pairs])

    expected = first_time(slope, start, lambda x: by_loops(x, nodes, **size)[1])
    found = exact_transition_time(N, 7, B, eps=eps, D=D, rates=RATES, init=init)
    assert found == pytest.approx(expected, rel=1e-4)
