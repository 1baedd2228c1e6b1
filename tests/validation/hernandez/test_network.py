"""The transformer on repeated tokens, against a module as it is usually written, and what causal attention is."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from minimodels.tasks.repeated_tokens import RepeatedTokensTask  # noqa: E402
from tests.validation.hernandez.plain import Plain  # noqa: E402
from validation.hernandez.network import TokenTransformer  # noqa: E402
from validation.loop import stacked  # noqa: E402

TASK = RepeatedTokensTask(V=17, T=23)


def made(network: TokenTransformer, seeds: tuple[int, ...] = (0, 3)) -> tuple[dict[str, Any], Any]:
    """Parameters that are not at their start, in double precision, and a batch."""
    parameters = {name: p.double() for name, p in stacked(network, TASK, seeds).items()}
    generator = torch.Generator().manual_seed(1)
    for p in parameters.values():
        p += 0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
        p.requires_grad_()
    return parameters, network.batch(TASK, [TASK.sample(seed, 0, 5) for seed in seeds])


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_losses_and_gradients_are_those_of_a_module(layers: int) -> None:
    network = TokenTransformer(layers=layers, heads=3, width=12)
    parameters, batch = made(network)
    losses = network.losses(parameters, batch)["loss"]
    gradients = dict(zip(parameters, torch.autograd.grad(losses.sum(), list(parameters.values())), strict=True))
    for seed in range(2):
        plain = Plain(TASK, network).double()
        plain.load_state_dict(plain.named({name: p[seed] for name, p in parameters.items()}))
        loss = plain.loss(batch.tokens[seed])
        loss.backward()
        torch.testing.assert_close(losses[seed], loss, rtol=1e-12, atol=1e-12)
        there = plain.named({name: g[seed] for name, g in gradients.items()})
        for name, p in plain.named_parameters():
            torch.testing.assert_close(there[name], p.grad, rtol=1e-9, atol=1e-12)


def test_the_same_in_single_precision_where_sequences_fill_vectors() -> None:
    network = TokenTransformer(heads=2, width=12)
    parameters = {name: p.requires_grad_() for name, p in stacked(network, TASK, (0, 3)).items()}
    batch = network.batch(TASK, [TASK.sample(seed, 0, 32) for seed in (0, 3)])
    losses = network.losses(parameters, batch)["loss"]
    gradients = dict(zip(parameters, torch.autograd.grad(losses.sum(), list(parameters.values())), strict=True))
    for seed in range(2):
        plain = Plain(TASK, network).double()
        plain.load_state_dict(plain.named({name: p[seed].double() for name, p in parameters.items()}))
        loss = plain.loss(batch.tokens[seed])
        loss.backward()
        torch.testing.assert_close(losses[seed].double(), loss, rtol=1e-6, atol=0)
        there = plain.named({name: g[seed].double() for name, g in gradients.items()})
        for name, p in plain.named_parameters():
            torch.testing.assert_close(there[name], p.grad, rtol=0, atol=3e-7)


def test_no_token_sees_itself_or_what_comes_later() -> None:
    network = TokenTransformer(heads=2, width=8)
    parameters, batch = made(network)
    before = network.token_losses(parameters, batch.tokens)
    changed = batch.tokens.clone()
    changed[..., 10:] = (changed[..., 10:] + 1) % TASK.V
    after = network.token_losses(parameters, changed)
    torch.testing.assert_close(before[..., :10], after[..., :10])
    assert not torch.isclose(before[..., 11:], after[..., 11:]).any()


def test_attention_that_is_kept_is_that_which_acts() -> None:
    network = TokenTransformer(layers=1, heads=2, width=8)
    parameters, batch = made(network)
    kept: list[Any] = []
    stream = network.stream(parameters, batch.tokens, keep=kept)
    ((A, scores),) = kept
    assert torch.allclose(A.sum(-1), torch.ones(1, dtype=A.dtype))
    assert not A.triu(1).any()
    hidden = torch.ones(TASK.T, TASK.T).triu(1).bool()
    torch.testing.assert_close(A, scores.masked_fill(hidden, -torch.inf).softmax(-1))
    P = {name: p[0].detach() for name, p in parameters.items()}
    tokens = batch.tokens[0]
    x = P["E"][torch.cat([torch.full((5, 1), TASK.V), tokens[:, :-1]], dim=1)] + P["P"]
    normed = torch.nn.functional.layer_norm(x, (8,), P["norm0"], P["shift0"])
    values = (normed @ P["QKV0"])[..., 16:].view(5, TASK.T, 2, 4)
    written = torch.einsum("nhij,njhe->nihe", A[0], values).reshape(5, TASK.T, 8) @ P["O0"]
    torch.testing.assert_close(stream[0], (x + written).transpose(0, 1).flatten(0, 1))


def test_numbers_of_parameters() -> None:
    network = TokenTransformer(layers=2, heads=4, width=16)
    sizes = network.sizes(TASK)
    arrays = network.initial(TASK, 0)
    assert sizes["p"] == sum(a.size for a in arrays.values())
    assert sizes["N"] == sum(a.size for name, a in arrays.items() if name.startswith(("QKV", "O")))


def test_initial_parameters_have_the_stated_scale() -> None:
    arrays = TokenTransformer(width=64).initial(RepeatedTokensTask(), 1)
    for name in ("E", "P", "QKV0", "O1", "U"):
        assert arrays[name].std() == pytest.approx(1 / 8, rel=0.05)
    assert np.all(arrays["norm0"] == 1)
    assert not arrays["shift"].any()


def test_bad_options() -> None:
    with pytest.raises(InputError, match="`heads` must divide `width`; got heads=3, width=8"):
        TokenTransformer(heads=3, width=8)
    with pytest.raises(InputError, match="`layers` must be a whole number of at least 1; got 0"):
        TokenTransformer(layers=0)
    with pytest.raises(InputError, match="learns a RepeatedTokensTask; got 5"):
        TokenTransformer().initial(5, 0)  # type: ignore[arg-type]
