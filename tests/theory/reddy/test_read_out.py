"""Rates of the gains against the gradient of the compiled head itself, and against sampled contexts."""

from itertools import pairwise

import numpy as np
import pytest

from minimodels.induction_head import kernels
from minimodels.induction_head.head import InductionHead
from minimodels.induction_head.train import train_head
from minimodels.tasks.item_label import ItemLabelTask
from theory.reddy.read_out import head_rates, label_gain_rates

TASK = ItemLabelTask(N=8, L=32, K=64, p_C=1.0)


def measured(head: InductionHead, seed: int, n: int = 1024) -> float:
    """Return |grad xi|^2 of a fresh classifier without biases, from the gradients of two independent halves."""
    flat, T = head.initial(TASK, seed), TASK.length
    inputs = head.inputs(TASK)
    kernels.unpack(flat, head.depth, inputs, head.width, TASK.L)[2][:] = 0
    slopes = []
    for half in (0, 1):
        data = TASK.sample(seed, half * n, n, stream=40)
        inside = np.zeros((n, TASK.L), np.float32)
        inside[np.arange(n)[:, None], data.labels] = 1
        slope = (T / n * (inside / TASK.N - (1 - inside) / (TASK.L - TASK.N))).astype(np.float32)
        out, z = np.empty((n, TASK.D), np.float32), np.empty((n, inputs), np.float32)
        p, over = np.empty((n, T), np.float32), np.empty((2, n, T), np.float32)
        kernels.attend(data.content, np.zeros(3), False, p, over, out)
        kernels.read_in(data.content, out, head.mode, float(head.gain), z)
        hidden, grad = np.empty((head.depth, n, head.width), np.float32), np.empty_like(flat)
        kernels.classify(flat, head.depth, head.width, TASK.L, z, hidden)
        kernels.classify_back(flat, head.depth, head.width, TASK.L, z, hidden, slope, grad, TASK.D)
        slopes.append(grad.astype(float))
    return float(slopes[0] @ slopes[1])


@pytest.mark.parametrize("gain", [1.0, 17.0])
def test_the_linear_read_out_has_the_rate_of_the_gain_squared_over_L_minus_1(gain: float) -> None:
    head = InductionHead(classifier="linear", gain=gain)
    found = np.mean([measured(head, seed) for seed in range(3)])
    assert found == pytest.approx(head_rates(TASK.L, gain=gain)["xi"], rel=0.06)


@pytest.mark.parametrize("layers", [1, 3])
def test_relu_layers_have_the_tangent_kernel_s_rate_within_a_third(layers: int) -> None:
    found = np.mean([measured(InductionHead(gain=17.0, layers=layers), seed) for seed in range(3)])
    ratio = found / head_rates(TASK.L, layers=layers, gain=17.0)["xi"]
    assert 0.65 < ratio < 1.05


def test_the_kernel_falls_with_depth_at_no_overlap() -> None:
    rates = [head_rates(32, layers=k)["xi"] for k in range(5)]
    assert rates[0] == pytest.approx(1 / 31)
    assert rates[1] == pytest.approx(1 / 31)  # 1/2 from either layer
    assert all(a > b for a, b in pairwise(rates[1:]))


@pytest.mark.parametrize(
    "options",
    [
        {"zipf": 1.0, "unique_labels": False},
        {"zipf": 1.5, "unique_labels": False, "B": 2, "p_B": 0.6, "p_C": 0.3},
        {"zipf": 1.0, "B": 0},
        {"B": 2},
        {"p_C": 0.5, "K_c": None, "unique_labels": False},
    ],
)
def test_gains_of_labels_grow_as_sampled_contexts_say(options: dict[str, float]) -> None:
    task = ItemLabelTask(N=4, L=8, K=32, D=2, N_max=4, **{"K_c": 16} | options)
    parts = []
    for part in range(20):
        drawn = task.sample(0, part * 20_000, 20_000, stream=41)
        shown = (drawn.labels[:, :, None] == np.arange(8)).sum(1) / task.length  # attention to every label
        residual = (drawn.target[:, None] == np.arange(8)) - 1 / 8
        move = residual.T @ shown / len(drawn)  # of the regression vector of a label (row) along a label vector
        own = move.diagonal()
        parts.append(own - (move.sum(0) - own) / 7)
    mean, error = np.mean(parts, 0), np.std(parts, 0, ddof=1) / np.sqrt(len(parts))
    assert error.max() < 0.03 * mean.max()
    np.testing.assert_array_less(abs(mean - label_gain_rates(task)), 5 * error)


def test_the_gains_of_a_trained_read_out_begin_at_these_rates() -> None:
    task = ItemLabelTask(N=4, L=8, K=512, D=63, zipf=1.0, unique_labels=False, label_vectors="orthonormal")
    run = train_head(task, InductionHead(classifier="linear"), lr=1.0, steps=4, record_every=4, held_out=1, tests=(),
                     seed=range(30), progress=False)  # fmt: skip
    grown = run["xi_label"].isel(step=-1).values / 4
    error = grown.std(0, ddof=1) / np.sqrt(30)
    np.testing.assert_array_less(abs(grown.mean(0) - label_gain_rates(task)), 4 * error)
    np.testing.assert_allclose(run["xi"], run["xi_label"].mean("label"))
