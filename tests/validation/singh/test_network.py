"""The transformer against its literal definition; its size, its start, and the clamps of a training."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from minimodels.tasks.exemplar_label import ExemplarLabelTask  # noqa: E402
from tests.validation.singh.literal import Literal  # noqa: E402
from validation.loop import Loop, Plan, stacked  # noqa: E402
from validation.optimisers import Adam  # noqa: E402
from validation.singh.clamps import Induction, ZeroHead  # noqa: E402
from validation.singh.network import Tokens, Transformer  # noqa: E402

PAPER = ExemplarLabelTask()
SMALL = ExemplarLabelTask(P=4, B=2, D=12, K=4)
NETWORKS = {
    "paper": (ExemplarLabelTask(P=3, D=16), Transformer()),
    "table": (SMALL, Transformer(positions="table", heads=2, width=6)),
    "one layer": (SMALL, Transformer(layers=1, heads=3, width=12)),
    "thirteen tokens": (ExemplarLabelTask(P=6, D=8, K=7, held_out=0.0), Transformer(heads=2, width=8)),
    "three layers": (SMALL, Transformer(layers=3, heads=2, width=8)),
    "sines and perceptrons": (SMALL, Transformer(positions="sinusoidal", mlp=4, heads=2, width=6)),
}


def trained(task: ExemplarLabelTask, network: Transformer, seeds: tuple[int, ...] = (0, 3)) -> dict[str, torch.Tensor]:
    """Parameters in double precision with nothing at 0 or 1, as if trained."""
    generator = torch.Generator().manual_seed(0)
    parameters = {k: v.double() for k, v in stacked(network, task, seeds).items()}
    return {k: v + 0.1 * torch.randn(v.shape, generator=generator, dtype=v.dtype) for k, v in parameters.items()}


@pytest.mark.parametrize("name", list(NETWORKS))
def test_everything_that_is_computed_is_that_of_the_literal_network(name: str) -> None:
    task, network = NETWORKS[name]
    samples = [task.sample(seed, 0, 3) for seed in (0, 3)]
    parameters, tokens = trained(task, network), network.batch(task, samples)
    record = network.forward(parameters, tokens)
    single = network.forward({k: v.float() for k, v in parameters.items()}, tokens)["logits"]
    for s, sample in enumerate(samples):
        literal = Literal({k: v[s] for k, v in parameters.items()}, network.layers, network.positions)
        for i in range(3):
            expected = literal.forward(sample.exemplars[i], sample.labels[i])
            for site, value in expected.items():
                found = record[site][s, i].numpy()
                rows = value if value.shape == found.shape else value[..., -1:, :]  # of the last layer, the query's
                hidden = rows < -1e19
                np.testing.assert_array_equal(found < -1e19, hidden)
                np.testing.assert_allclose(
                    np.where(hidden, 0, found), np.where(hidden, 0, rows), atol=1e-10, err_msg=site
                )
            np.testing.assert_allclose(single[s, i], expected["logits"], atol=2e-5)
    last = str(network.layers - 1)
    assert record[f"{last}.A"].shape[3] == record[f"{last}.block"].shape[2] == 1


def test_the_number_of_parameters_is_that_of_the_papers() -> None:
    sizes = [
        sum(value.size for value in network.initial(task, 0).values())
        for task, network in (
            (PAPER, Transformer()),
            (ExemplarLabelTask(labels="fixed", K=12800, C=12800), Transformer(positions="table")),
            (ExemplarLabelTask(labels="fixed", K=1600, C=1600), Transformer(layers=12, positions="sinusoidal", mlp=4)),
        )
    ]
    assert sizes == [66_629, 1_719_232, 836_096]


def test_the_start_has_the_stated_laws() -> None:
    parameters = Transformer(positions="table").initial(replace(PAPER, K=15), 1)
    fan_in = {"E": 512, **{name + layer: 64 for name in "QKVO" for layer in "01"}, "U": 64}
    for name, number in fan_in.items():
        spread = parameters[name].std() * np.sqrt(number)
        assert np.isclose(spread, 1, atol=0.08 if name == "U" else 0.04), name
        largest = abs(parameters[name]).max() * np.sqrt(number)
        assert 1.9 / 0.8796 < largest <= 2 / 0.8796256 + 1e-6, name
    assert np.isclose(parameters["labels"].std(), 0.0176, rtol=0.05)
    assert abs(parameters["labels"]).max() <= 0.04
    assert 0.9 / np.sqrt(32) < abs(parameters["table"]).max() <= 1 / np.sqrt(32)
    assert parameters["table"].shape == (32, 64)
    for name, value in {
        "b": 0,
        "u": 0,
        "norm": 1,
        "norm0": 1,
        "norm1": 1,
        "shift": 0,
        "shift0": 0,
        "shift1": 0,
    }.items():
        assert (parameters[name] == value).all(), name
    first, other = Transformer().initial(PAPER, 0), Transformer().initial(PAPER, 1)
    assert not np.array_equal(first["Q0"], other["Q0"])
    assert not np.array_equal(first["Q0"], first["Q1"])
    assert all(value.dtype == np.float32 for value in first.values())


def test_the_loss_begins_as_with_random_labels_and_the_copied_one_as_a_coin() -> None:
    from validation.singh.applied import subcircuits

    network = Transformer(manipulations=subcircuits((1, 3), (0, 2)))
    parameters, tokens = stacked(network, PAPER, range(8)), None
    tokens = network.batch(PAPER, [PAPER.sample(seed, 0, 256) for seed in range(8)])
    start = {
        word: network.losses(parameters, tokens, {"manipulation": word})["loss"].mean().item()
        for word in network.sites["manipulation"]
    }
    for word in ("none", "step-1", "layer-0", "match"):
        assert np.log(5) < start[word] < 2.4, word
    for word in ("copy", "layer-0+copy"):
        assert np.log(2) < start[word] < 1.1, word


def test_losses_and_measures_are_those_of_the_clamp_that_is_held() -> None:
    network = Transformer(
        manipulations={"alone": [ZeroHead([(1, h) for h in range(1, 8)])], "right": Induction((1, 0))}
    )
    assert network.sites == {"manipulation": ("alone", "right")}
    parameters, tokens = stacked(network, PAPER, (0, 1)), network.batch(PAPER, [PAPER.sample(s, 0, 64) for s in (0, 1)])
    free = network.measures(parameters, tokens)
    right = network.measures(parameters, tokens, {"manipulation": "right"})
    assert (right["induction_1.0"] == 1).all()
    torch.testing.assert_close(right["induction_1.1"], free["induction_1.1"])
    torch.testing.assert_close(right["loss"], network.losses(parameters, tokens, {"manipulation": "right"})["loss"])
    assert (right["loss"] != free["loss"]).all()
    assert 0.2 < free["previous_0.0"][0] < 0.5
    with pytest.raises(InputError, match="unknown manipulation 'left'"):
        network.losses(parameters, tokens, {"manipulation": "left"})


def test_an_option_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="`heads` must divide `width`; got heads=7, width=64"):
        Transformer(heads=7)
    with pytest.raises(InputError, match="rotary positions need heads of an even width; got 1"):
        Transformer(heads=64)
    with pytest.raises(InputError, match="sinusoidal positions need an even `width`; got 5"):
        Transformer(positions="sinusoidal", width=5, heads=1)
    with pytest.raises(InputError, match="`manipulations` are lists of clamps by name"):
        Transformer(manipulations=("match",))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="clamps are a list, as"):
        Transformer(manipulations={"match": ["induction"]})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the table has 32 positions; got sequences of 33 tokens: lower `P`"):
        Transformer(positions="table").initial(ExemplarLabelTask(P=16, K=20, held_out=0.0), 0)
    with pytest.raises(InputError, match="Transformer learns an ExemplarLabelTask"):
        Transformer().initial("task", 0)  # type: ignore[arg-type]


def test_a_vector_that_many_exemplars_share_is_embedded_once() -> None:
    network = Transformer(heads=2, width=4)
    for task, most in ((replace(SMALL, C=9, query="same"), 9), (replace(SMALL, w=0.1, query="another"), 5 * 40)):
        samples = [task.sample(seed, 0, 40) for seed in (0, 1)]
        tokens = network.batch(task, samples)
        assert tokens.vectors.shape == (2, most, 12)
        np.testing.assert_array_equal(tokens.exemplars, np.stack([one.exemplars for one in samples]))
    few = [task.sample(0, 0, 1) for task in (replace(SMALL, B=1), SMALL)]  # four classes and two
    tokens = network.batch(SMALL, few)
    assert tokens.vectors.shape == (2, 4, 12)
    np.testing.assert_array_equal(tokens.exemplars, np.stack([one.exemplars for one in few]))


def test_three_updates_are_those_of_pytorchs_adam() -> None:
    network, adam = Transformer(heads=2, width=8), Adam(lr=0.01)
    loop = Loop(Plan(stages=[(0, SMALL)], network=network, optimiser=adam, seeds=(0, 5), data_seeds=(0, 5), batch=8,
                     held_out=8, held={}))  # fmt: skip
    theirs = {name: torch.nn.Parameter(value.clone()) for name, value in loop.parameters.items()}
    optimiser = torch.optim.Adam(theirs.values(), lr=0.01)
    values = [value.requires_grad_() for value in loop.parameters.values()]
    for step in range(3):
        tokens = network.batch(SMALL, [SMALL.sample(seed, 8 * step, 8) for seed in (0, 5)])
        optimiser.zero_grad()
        network.losses(theirs, tokens)["loss"].sum().backward()
        optimiser.step()
        loop.update(values)
    for name, value in theirs.items():
        torch.testing.assert_close(loop.parameters[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_a_hundred_layers_are_computed() -> None:
    network = Transformer(layers=100, heads=2, width=4)
    loss = network.losses(stacked(network, SMALL, (0,)), network.batch(SMALL, [SMALL.sample(0, 0, 2)]))["loss"]
    assert torch.isfinite(loss).all()


def test_tokens_alternate_and_the_query_is_last() -> None:
    network = Transformer(heads=2, width=4)
    parameters = stacked(network, SMALL, (0,))
    parameters["E"].zero_()
    parameters["b"][:] = 7
    parameters["labels"][0] = torch.arange(4.0)[:, None]
    sample = SMALL.sample(0, 0, 5)
    tokens = network.forward(parameters, Tokens(*(t for t in network.batch(SMALL, [sample]))))["tokens"][0, :, :, 0]
    assert (tokens[:, 0::2] == 7).all()
    np.testing.assert_array_equal(tokens[:, 1::2], sample.labels)
