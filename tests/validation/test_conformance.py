"""What every task and every network that a ledger names must do, the toy's and those of all papers that are found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from tests.validation import toy  # noqa: E402
from validation import SGD, Adam, load_parameters, train  # noqa: E402
from validation.loop import stacked  # noqa: E402
from validation.papers import ledgers  # noqa: E402
from validation.spelled import read, spell  # noqa: E402

PAIRS = [pair for ledger in (toy.LEDGER, *ledgers().values()) for pair in ledger.pairs()]
SMALL: dict[str, Any] = {"steps": 12, "record_every": 4, "held_out": 16, "batch": 8, "progress": False,
                         "checkpoint_every": 4}  # fmt: skip


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{type(pair[0]).__name__}-{type(pair[1]).__name__}")
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    return request.param


def arrays(sample: Any) -> list[np.ndarray]:
    """All arrays of a sample, whatever holds them."""
    if isinstance(sample, np.ndarray):
        return [sample]
    return [value for value in vars(sample).values() if isinstance(value, np.ndarray)]


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(other), strict=True))


def joined(parts: list[Any], axis: int) -> list[np.ndarray]:
    return [np.concatenate(each, axis=axis) for each in zip(*map(arrays, parts), strict=True)]


def test_samples_are_functions_of_the_seed_and_their_number(pair: tuple[Any, Any]) -> None:
    task, _ = pair
    whole = task.sample(3, 0, 12)
    axis = next(i for i, n in enumerate(arrays(whole)[0].shape) if n == 12)
    parts = [task.sample(3, 0, 5), task.sample(3, 5, 1), task.sample(3, 6, 6)]
    assert all(np.array_equal(a, b) for a, b in zip(arrays(whole), joined(parts, axis), strict=True))
    assert same(task.sample(3, 5, 1), task.sample(3, 5, 1))
    assert not same(whole, task.sample(4, 0, 12))
    assert not same(whole, task.sample(3, 12, 12))


def test_test_sets_are_fixed_apart_from_the_data_and_drawn_anew_by_number(pair: tuple[Any, Any]) -> None:
    task, _ = pair
    assert task.tests["train"] == "train"
    assert set(task.usual_tests) <= set(task.tests)
    for name in task.tests:
        first = task.test_set(name, 1, 16)
        assert same(first, task.test_set(name, 1, 16))
        assert not same(first, task.sample(1, 0, 16))
        assert not same(first, task.test_set(name, 2, 16))
        assert not same(first, task.test_set(name, 1, 16, draw=1))


def test_a_task_a_network_and_a_seed_can_be_written_and_read(pair: tuple[Any, Any]) -> None:
    for one in pair:
        assert read(spell(one)) == one
        assert hash(one) == hash(read(spell(one)))


def test_losses_and_measures_have_a_value_for_every_seed_and_agree(pair: tuple[Any, Any]) -> None:
    task, network = pair
    seeds = (0, 5, 9)
    parameters = stacked(network, task, seeds)
    batch = network.batch(task, [task.sample(seed, 0, 16) for seed in seeds], "cpu")
    losses, measures = network.losses(parameters, batch, {}), network.measures(parameters, batch, {})
    for values in (*losses.values(), *measures.values()):
        assert values.shape == (3,)
        assert torch.isfinite(values).all()
    torch.testing.assert_close(losses["loss"].detach(), measures["loss"], rtol=1e-4, atol=1e-5)
    assert set(network.on_tests) <= set(measures)
    assert not network.escape or network.escape in measures
    assert network.cost(task) > 0


def test_every_clamp_is_honoured_in_losses_gradients_and_measures(pair: tuple[Any, Any]) -> None:
    task, network = pair
    parameters = {name: t.requires_grad_() for name, t in stacked(network, task, (0, 1)).items()}
    batch = network.batch(task, [task.sample(seed, 0, 16) for seed in (0, 1)], "cpu")
    free = network.losses(parameters, batch, {})["loss"].detach()
    for site, words in network.sites.items():
        for word in words:
            losses = network.losses(parameters, batch, {site: word})["loss"]
            torch.testing.assert_close(
                losses.detach(), network.measures(parameters, batch, {site: word})["loss"], rtol=1e-4, atol=1e-5
            )
            assert not torch.allclose(losses.detach(), free), (site, word)
            gradients = torch.autograd.grad(losses.sum(), list(parameters.values()), allow_unused=True)
            assert any(g is None or not g.any() for g in gradients), (site, word)


def test_a_clamp_holds_within_its_window_and_not_outside(pair: tuple[Any, Any]) -> None:
    task, network = pair
    free = train(task, network, **SMALL)
    for site, words in network.sites.items():
        held = train(task, network, **SMALL, clamp={site: (words[0], 4, 100)})
        np.testing.assert_array_equal(held["train_loss"][:2], free["train_loss"][:2])
        assert held["loss"][0] == free["loss"][0]
        assert held["loss"][1] != free["loss"][1]  # measured with the clamp of the next update
        assert held["train_loss"][2] != free["train_loss"][2]
    with pytest.raises(InputError, match="unknown site 'nowhere' in clamp"):
        train(task, network, **SMALL, clamp={"nowhere": "one"})


@pytest.mark.parametrize("optimiser", [SGD(lr=0.01, clip=0.5), Adam(schedule=((0, 0.0), (6, 1.0)))])
def test_a_resumed_training_is_bitwise_the_uninterrupted_one(
    pair: tuple[Any, Any], optimiser: Any, tmp_path: Path
) -> None:
    options = {**SMALL, "optimiser": optimiser, "seed": [1, 2]}
    whole = train(*pair, **options)
    train(*pair, **{**options, "steps": 8}, out=tmp_path)
    xr.testing.assert_identical(train(*pair, **options, out=tmp_path), whole)


def test_seeds_side_by_side_are_those_trained_alone(pair: tuple[Any, Any]) -> None:
    both, alone = train(*pair, **SMALL, seed=[0, 7]), train(*pair, **SMALL, seed=7)
    xr.testing.assert_allclose(both.sel(seed=7, drop=True), alone.drop_vars("seed"), atol=1e-4)
    assert (both["loss"][0] != both["loss"][1]).all()


def test_the_seeds_of_initialisation_data_and_tests_are_apart(pair: tuple[Any, Any], tmp_path: Path) -> None:
    def start(name: str, **seeds: int) -> tuple[dict[str, Any], float, float]:
        run = train(*pair, **SMALL, **seeds, out=tmp_path / name)
        folder = load_parameters(tmp_path / name)
        return folder, float(run["loss"][0]), float(run["train_loss"][-1])

    _, loss, trained = start("a")
    _, other_tests, same_training = start("b", test_seed=1)
    assert (other_tests != loss, same_training == trained) == (True, True)
    _, _, other_data = start("c", data_seed=5)
    _, _, other_start = start("d", seed=5, data_seed=0)
    assert len({trained, other_data, other_start}) == 3
    parameters = [pair[1].initial(pair[0], seed) for seed in (0, 5)]
    assert any(not np.array_equal(parameters[0][k], parameters[1][k]) for k in parameters[0])


@dataclass(frozen=True)
class Split(toy.Product):
    """A network with two losses: the second is recorded too."""

    def losses(self, parameters, batch, held):
        return super().losses(parameters, batch, held) | {"norm": (parameters["u"] ** 2 + parameters["v"] ** 2)[:, 0]}


def test_every_loss_of_a_network_is_recorded_as_a_mean_over_minibatches() -> None:
    run = train(toy.Slope(), Split(), **SMALL, seed=[0, 1])
    assert run["train_norm"].shape == (2, 4)
    assert np.isnan(run["train_norm"][:, 0]).all()
    np.testing.assert_allclose(run["train_norm"][:, 1], 0.02, rtol=0.5)
    plain = train(toy.Slope(), toy.Product(), **SMALL, seed=[0, 1])
    xr.testing.assert_equal(run["loss"], plain["loss"])
