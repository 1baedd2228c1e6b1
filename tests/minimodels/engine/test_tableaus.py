"""The methods' numbers: conditions of order by rooted trees, dense output, stiff accuracy."""

from functools import cache
from math import prod

import numpy as np
import pytest

from minimodels.engine.stepper import layout
from minimodels.engine.stepper.methods import rodas4, tsit5

Tree = tuple["Tree", ...]  # a root is the tuple of its subtrees


@cache
def trees(order: int) -> tuple[Tree, ...]:
    """Return all rooted trees with ``order`` nodes."""

    def forests(nodes: int, largest: int) -> list[Tree]:
        if nodes == 0:
            return [()]
        return [
            (tree, *rest)
            for size in range(min(nodes, largest), 0, -1)
            for tree in trees(size)
            for rest in forests(nodes - size, size)
            if not rest or (size, tree) >= (nodes_of(rest[0]), rest[0])
        ]

    return ((),) if order == 1 else tuple(forests(order - 1, order - 1))


def nodes_of(tree: Tree) -> int:
    return 1 + sum(map(nodes_of, tree))


def density(tree: Tree) -> int:
    """Return gamma of the tree: the product of the sizes of all its subtrees."""
    return nodes_of(tree) * prod(map(density, tree))


def elementary_weights(tree: Tree, a: np.ndarray) -> np.ndarray:
    return np.prod([np.ones(len(a)), *(a @ elementary_weights(sub, a) for sub in tree)], axis=0)


def square(rows: tuple[tuple[float, ...], ...], size: int) -> np.ndarray:
    a = np.zeros((size, size))
    for i, row in enumerate(rows):
        a[i, : len(row)] = row
    return a


TSIT5 = square(((), (tsit5.A1,), tsit5.A2, tsit5.A3, tsit5.A4, tsit5.A5, tsit5.A6), 7)


def test_there_are_as_many_rooted_trees_as_cayley_counted() -> None:
    assert [len(trees(k)) for k in range(1, 7)] == [1, 1, 2, 4, 9, 20]


def test_tsit5_is_of_order_5_and_no_more() -> None:
    for k in range(1, 6):
        for tree in trees(k):
            assert TSIT5[6] @ elementary_weights(tree, TSIT5) == pytest.approx(1 / density(tree), abs=2e-14)
    assert max(abs(TSIT5[6] @ elementary_weights(t, TSIT5) - 1 / density(t)) for t in trees(6)) > 1e-4


def test_the_error_estimate_of_tsit5_is_a_difference_to_a_method_of_order_4() -> None:
    embedded = TSIT5[6] - np.array(tsit5.ERROR)
    for k in range(1, 5):
        for tree in trees(k):
            assert embedded @ elementary_weights(tree, TSIT5) == pytest.approx(1 / density(tree), abs=2e-14)
    assert max(abs(embedded @ elementary_weights(t, TSIT5) - 1 / density(t)) for t in trees(5)) > 1e-5


def dense_weights(x: float) -> np.ndarray:
    """Return the weights of the slopes in the dense output, from the states of seven lanes with one slope each."""
    rows = np.zeros((layout.CLOCK + layout.ROWS) * layout.LANES)
    slopes = (layout.K0, layout.K1, layout.K2, layout.K3, layout.K4, layout.K5, layout.KN)
    for lane, k in enumerate(slopes):
        rows[k + lane] = 1.0
    return np.array([tsit5.dense.py_func(rows, 1.0, lane, x) for lane in range(7)])


def test_dense_output_of_tsit5_is_of_order_4_at_every_point_and_joins_smoothly() -> None:
    for x in (0.0, 0.1, 0.37, 0.5, 0.9, 1.0):
        for k in range(1, 5):
            for tree in trees(k):
                value = dense_weights(x) @ elementary_weights(tree, TSIT5)
                assert value == pytest.approx(x**k / density(tree), abs=2e-14)
    np.testing.assert_allclose(dense_weights(1.0), TSIT5[6], atol=2e-14)
    h = 1e-6
    np.testing.assert_allclose((dense_weights(h) - dense_weights(-h)) / (2 * h), np.eye(7)[0], atol=1e-9)
    np.testing.assert_allclose((dense_weights(1 + h) - dense_weights(1 - h)) / (2 * h), np.eye(7)[6], atol=1e-9)


def rodas() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return alpha, beta = alpha + gamma and the weights b, undone from the transformed coefficients."""
    gamma = np.linalg.inv(np.eye(6) / rodas4.GAMMA - square(rodas4.C, 6))
    alpha = square(rodas4.A, 6) @ gamma
    return alpha, alpha + gamma, np.array([*rodas4.A[5], 1.0]) @ gamma


def rosenbrock_conditions(alpha: np.ndarray, beta: np.ndarray, b: np.ndarray) -> list[tuple[float, float]]:
    """Return (left, right) of the conditions up to order 4, Hairer & Wanner IV.7, table 7.1."""
    a, k = alpha.sum(axis=1), beta.sum(axis=1)
    return [
        (b.sum(), 1),
        (b @ k, 1 / 2),
        (b @ a**2, 1 / 3),
        (b @ beta @ k, 1 / 6),
        (b @ a**3, 1 / 4),
        (b @ (a * (alpha @ k)), 1 / 8),
        (b @ beta @ a**2, 1 / 12),
        (b @ beta @ beta @ k, 1 / 24),
    ]


def test_rodas4_is_of_order_4_and_its_embedded_method_of_order_3() -> None:
    alpha, beta, b = rodas()
    for left, right in rosenbrock_conditions(alpha, beta, b):
        assert left == pytest.approx(right, abs=1e-12)
    # U5 is the difference to the embedded method, whose weights are stage 6 of A
    embedded = np.array([*rodas4.A[5], 0.0]) @ np.linalg.inv(np.eye(6) / rodas4.GAMMA - square(rodas4.C, 6))
    conditions = rosenbrock_conditions(alpha, beta, embedded)
    for left, right in conditions[:4]:
        assert left == pytest.approx(right, abs=1e-12)
    assert max(abs(left - right) for left, right in conditions[4:]) > 1e-4


def test_rodas4_is_stiffly_accurate_and_l_stable() -> None:
    _, beta, b = rodas()
    np.testing.assert_allclose(beta[5], b, atol=1e-12)

    def amplification(z: complex) -> complex:
        return complex(1 + z * b @ np.linalg.solve(np.eye(6) - z * beta, np.ones(6)))

    assert abs(amplification(-1e9)) < 1e-7
    assert amplification(-0.01) == pytest.approx(np.exp(-0.01), abs=1e-11)
    angles = np.linspace(0, 50, 400)
    assert max(abs(amplification(1j * y)) for y in angles) <= 1 + 1e-12


def test_dense_output_of_rodas4_solves_a_linear_problem_to_order_3() -> None:
    c = square(rodas4.C, 6)
    errors = []
    for h in (0.02, 0.01):
        u = np.zeros(6)
        for i in range(6):  # y' = -y from 1 in one step
            y = 1 + square(rodas4.A, 6)[i] @ u
            u[i] = (-y + c[i] @ u / h) / (1 / (h * rodas4.GAMMA) + 1)
        new = 1 + np.array([*rodas4.A[5], 1.0]) @ u
        c3, c4 = (np.array(row) @ u[:5] for row in rodas4.DENSE)
        at = [(1 - x) + x * (new + (1 - x) * (c3 + x * c4)) - np.exp(-x * h) for x in (0.25, 0.5, 0.75)]
        errors.append(np.abs(at).max())
    assert np.log2(errors[0] / errors[1]) > 3.8
