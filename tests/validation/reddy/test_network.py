"""The last-token network against the one written at every position, and its baselines at uniform attention."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from minimodels.tasks.item_label import ItemLabelTask  # noqa: E402
from tests.validation.reddy import plain  # noqa: E402
from validation.reddy.batch import Batch  # noqa: E402
from validation.reddy.network import AttentionOnly  # noqa: E402

PAPER = ItemLabelTask()
SMALL = ItemLabelTask(N=4, L=8, K=8, D=31, N_max=4)


@pytest.mark.parametrize("task", [PAPER, SMALL, replace(SMALL, N_max=9, B=2)])
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_losses_and_every_gradient_equal_the_plain_forward_everywhere_network(task: ItemLabelTask, layers: int) -> None:
    network, seeds = AttentionOnly(layers=layers), (0, 3)
    parameters = network.stacked(task, seeds)
    batches = [task.sample(seed, 0, 64) for seed in seeds]
    u = torch.stack([torch.from_numpy(b.tokens(task.positions)) for b in batches])
    target = torch.stack([torch.from_numpy(b.target) for b in batches])
    for tensor in parameters.values():
        tensor.requires_grad_()
    losses = network.losses(parameters, Batch.of(task, batches))["loss"]
    losses.sum().backward()
    for s in range(2):
        alone = {name: t.detach()[s].clone().requires_grad_() for name, t in parameters.items()}
        loss = plain.loss(alone, u[s], target[s], layers)
        loss.backward()
        assert abs(losses[s].item() - loss.item()) < 1e-5
        for name, tensor in alone.items():
            torch.testing.assert_close(parameters[name].grad[s], tensor.grad, rtol=1e-5, atol=1e-5, msg=name)
            assert tensor.grad.abs().max() > 1e-4, name


def test_logits_and_attention_equal_the_plain_ones_in_double_precision() -> None:
    network = AttentionOnly()
    parameters = {name: 2 * t.double() for name, t in network.stacked(SMALL, (0,)).items()}
    u = torch.from_numpy(SMALL.sample(0, 0, 32).tokens(SMALL.positions)).double()
    logits, p1, p2 = network.forward(parameters, u[None])
    expected = plain.forward({name: t[0] for name, t in parameters.items()}, u)
    torch.testing.assert_close(logits[0], expected[0][:, -1])
    torch.testing.assert_close(p1[0], expected[1])
    torch.testing.assert_close(p2[0], expected[2][:, -1])
    assert (p1[0, :, 0, 1:] == 0).all()
    assert (p1.diagonal(dim1=-2, dim2=-1) > 0).all()


def test_initialisation_has_the_stated_variances_and_the_number_of_parameters_of_the_paper() -> None:
    parameters = AttentionOnly().initial(PAPER, 0)
    assert PAPER.width == 128
    assert sum(p.size for p in parameters.values()) == 151_555
    for name in ("Q1", "K1", "V1", "Q2", "K2", "V2"):
        assert np.isclose(parameters[name].var() * 63, 1, atol=0.05), name
    for name in ("W1", "W2", "W3"):
        assert np.isclose(parameters[name].var() * 64, 1, atol=0.05), name
    assert np.isclose(parameters["S"].var() * 128, 1, atol=0.08)
    biases = [AttentionOnly().initial(PAPER, seed)["b1"].item() for seed in range(400)]
    assert np.isclose(np.var(biases) * 128, 1, atol=0.25)


@pytest.mark.parametrize("B", [1, 2])
def test_measures_take_their_exact_values_at_uniform_attention_and_flat_read_out(B: int) -> None:
    """At Q = K = S = 0: ILA1 = H_N/(2N), TILA2 = B/(2N+1), TLA2 = N/(2N+1), CLA = N_c/L, correct = 1/L."""
    task = ItemLabelTask(B=B)
    parameters = AttentionOnly().stacked(task, (0,))
    for name in ("Q1", "Q2", "K1", "K2", "S"):
        parameters[name].zero_()
    found = {
        name: values[0].item()
        for name, values in AttentionOnly().measures(parameters, Batch.of(task, [task.sample(0, 0, 64)])).items()
    }
    expected = {
        "ILA1": sum(1 / k for k in range(1, 9)) / 16,
        "TILA2": B / 17,
        "TLA2": 8 / 17,
        "CLA": 8 / B / 32,
        "correct": 1 / 32,
        "loss": np.log(32),
    }
    for name, value in expected.items():
        assert np.isclose(found[name], value, rtol=1e-5), name


def test_layers_must_be_a_whole_number() -> None:
    with pytest.raises(InputError, match=r"`layers` must be a whole number, 0 or more; got 2\.5"):
        AttentionOnly(layers=2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("biases", ["zero", "held"])
def test_variants_of_the_start_leave_all_other_draws_and_hold_what_is_held(biases: str) -> None:
    usual, variant = AttentionOnly(), AttentionOnly(biases=biases, read_out="zero")
    first, other = (network.initial(SMALL, 3) for network in (usual, variant))
    assert set(first) - set(other) == ({"b1", "b2", "b3"} if biases == "held" else set())
    for name, value in other.items():
        expected = np.zeros_like(value) if name[0] in "bS" else first[name]
        np.testing.assert_array_equal(value, expected)
    batch = Batch.of(SMALL, [SMALL.sample(3, 0, 32)])
    free = {name: torch.from_numpy(value)[None] for name, value in first.items()}
    zeroed = {name: 0 * t if name[0] == "b" else t for name, t in free.items()}
    held = {name: t for name, t in free.items() if name[0] != "b"}
    loss = AttentionOnly(biases="held").losses(held, batch)["loss"]
    torch.testing.assert_close(loss, usual.losses(zeroed, batch)["loss"])
    assert abs(loss - usual.losses(free, batch)["loss"]) > 1e-4


def test_a_variant_must_be_one_of_few_words() -> None:
    with pytest.raises(InputError, match="`biases` must be one of 'random', 'zero', 'held'; got 'none'"):
        AttentionOnly(biases="none")  # type: ignore[arg-type]
