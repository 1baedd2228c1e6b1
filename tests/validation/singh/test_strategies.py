"""What is read off networks that compete, against halves put together by hand, and measures written down otherwise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from minimodels.tasks.exemplar_label import ExemplarLabelTask  # noqa: E402
from validation.checkpoint import load_parameters  # noqa: E402
from validation.optimisers import Adam  # noqa: E402
from validation.singh import coopetition as settings  # noqa: E402
from validation.singh import measures, strategies  # noqa: E402
from validation.singh.network import Transformer  # noqa: E402
from validation.singh.regularised import Regularised  # noqa: E402
from validation.trainings import NetworkTraining  # noqa: E402

TASK = ExemplarLabelTask(labels="fixed", K=8, C=8, D=8, w=0.2, exemplars=5, query="another", unseen=0)
SEEDS, HEADS = (0, 4), 2


def training(**options: object) -> NetworkTraining:
    given: dict[str, object] = {
        "name": "one", "task": TASK, "network": Transformer(heads=HEADS, width=8, positions="table"),
        "optimiser": Adam(lr=1e-2), "steps": 40, "seeds": SEEDS, "batch": 32, "held_out": 16, "record_every": 20,
        "snapshots": (0, 10, 20, 40), **options,
    }  # fmt: skip
    return NetworkTraining(**given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("one")
    training().run(found)
    return found


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategies, "SEQUENCES", 64)
    monkeypatch.setattr(settings, "LATE", 20 * 32 / 1e6)


def tokens(name: str) -> object:
    return training().network.batch(TASK, [TASK.test_set(name, seed, 64) for seed in SEEDS], "cpu")


def context_accuracy(parameters: dict[str, torch.Tensor], test: str) -> np.ndarray:
    drawn = tokens(test)
    logits = training().network.forward(parameters, drawn)["logits"].numpy()
    return measures.readings(logits, drawn.labels.numpy(), drawn.target.numpy())["context_accuracy"]


def test_a_late_back_half_behind_an_early_front_half_is_their_parameters_together(folder: Path) -> None:
    found = strategies.course(training(), folder)
    assert found.snapshot.values.tolist() == [0, 10, 20, 40]
    late = load_parameters(folder, 20)
    for step in (0, 10, 20, 40):
        here = load_parameters(folder, step)
        behind = [name for name in here if name[-1] == "1" or name in ("norm", "shift", "U", "u")]
        back = here | {name: late[name] for name in behind}
        np.testing.assert_allclose(found["own"].sel(snapshot=step), context_accuracy(here, "ICL"))
        np.testing.assert_allclose(found["late"].sel(snapshot=step), context_accuracy(back, "ICL"))
    assert not np.allclose(found["own"], found["late"])


def test_attention_of_label_rows_and_of_the_query_is_read_off_row_by_row(folder: Path) -> None:
    found = strategies.course(training(), folder).sel(snapshot=40)
    flip = tokens("Flip")
    record = training().network.forward(load_parameters(folder, 40), flip)
    A, last = record["0.A"].numpy(), record["1.A"].numpy()[..., 0, :]
    labels, target = flip.labels.numpy(), flip.target.numpy()
    for s in range(len(SEEDS)):
        for h in range(HEADS):
            rows = A[s, :, h]
            assert np.isclose(found["self"][s, h], (rows[:, 1, 1] + rows[:, 3, 3]).mean() / 2, atol=1e-6)
            assert np.isclose(found["previous"][s, h], (rows[:, 1, 0] + rows[:, 3, 2]).mean() / 2, atol=1e-6)
            apart = [row[1] - row[3] if label[0] == t else row[3] - row[1]
                     for row, label, t in zip(last[s, :, h], labels[s], target[s], strict=True)]  # fmt: skip
            assert np.isclose(found["strength"][s, h], np.mean(apart), atol=1e-6)
            each = strategies.attention_difference(record["1.A"], flip)[s, :, h]
            np.testing.assert_allclose(each, apart, atol=1e-6)


def test_paths_end_where_they_should(folder: Path) -> None:
    found = strategies.routes(training(), folder)["accuracy"]
    end = load_parameters(folder)
    np.testing.assert_allclose(found.sel(path="all"), context_accuracy(end, "CIWL"))
    silent = {name: torch.zeros_like(p) if name in ("O0", "O1") else p for name, p in end.items()}
    np.testing.assert_allclose(found.sel(path="embedding alone"), context_accuracy(silent, "CIWL"))
    first = {name: torch.zeros_like(p) if name == "O0" else p for name, p in end.items()}
    np.testing.assert_allclose(found.sel(path="none of them"), context_accuracy(first, "CIWL"))


def test_without_the_direct_path_the_embedding_is_not_in_the_stream(folder: Path) -> None:
    network, end = training().network, load_parameters(folder)
    drawn = tokens("CIWL")
    assert isinstance(network, Transformer)
    clamps = strategies.paths(network)
    without = strategies.clamped(network, end, drawn, clamps["not embedding"])
    plain = network.forward(end, drawn)
    expected = plain["1.block"] - plain["tokens"][:, :, -1:]
    torch.testing.assert_close(without["1.block"], expected, atol=1e-5, rtol=1e-4)
    routed = strategies.clamped(network, end, drawn, clamps["routing alone"])
    torch.testing.assert_close(routed["1.written"], plain["1.written"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(routed["0.block"], plain["embedding"], atol=1e-5, rtol=1e-4)


def test_heads_alone_are_right_as_often_as_all_their_sequences_say(folder: Path) -> None:
    found = strategies.copiers(training(), folder)
    now = load_parameters(folder, 20)
    assert (found["number"].sum("difference") == 128).all()
    hits = (found["accuracy"] * found["number"]).sum("difference") / 128
    for head in range(HEADS):
        alone = {name: p.clone() for name, p in now.items()}
        alone["O1"][:, 1 - head] = 0
        expected = (context_accuracy(alone, "CIWL") + context_accuracy(alone, "Flip")) / 2
        np.testing.assert_allclose(hits.isel(head=head), expected)


def test_only_front_halves_learn_before_a_frozen_back_half(folder: Path) -> None:
    found = strategies._before(training(), folder, (0, 20 * 32 / 1e6), 40 * 32 / 1e6)
    assert found["loss"].transpose("age", "seed", "step").shape == (2, 2, 3)
    own = load_parameters(folder / "before-0.00064")
    start = {name: np.stack([training().network.initial(TASK, seed)[name] for seed in SEEDS]) for name in own}
    for name, value in own.items():
        front = name in ("E", "b", "labels", "table") or name[-1] == "0"
        assert (not np.array_equal(value.numpy(), start[name])) == front, name
    assert (found["loss"].isel(age=1, step=0) != found["loss"].isel(age=0, step=0)).all()


def test_a_query_that_sees_no_exemplar_in_layer_0_cannot_pass_one_on(tmp_path: Path) -> None:
    from validation.singh.clamps import ForbidPreviousToken

    clamp = ForbidPreviousToken(tuple((0, head) for head in range(HEADS)), rows="labels")
    network = Transformer(heads=HEADS, width=8, positions="table", manipulations=(("forbidden", (clamp,)),))
    one = training(network=network, clamp={"manipulation": "forbidden"}, analyses=(strategies.blind,))
    one.run(tmp_path)
    found = xr.load_dataset(tmp_path / "blind.nc")
    end, flip = load_parameters(tmp_path), tokens("Flip")
    record = strategies.clamped(network, end, flip, (clamp,))
    right = strategies.right_in_context(record["logits"], flip).double().mean(1)
    np.testing.assert_allclose(found["forbidden"], right)
    A = record["0.A"].clone()
    A[..., -1, :4:2] = 0
    A[..., -1, :] /= A[..., -1, :].sum(-1, keepdim=True)
    logits = network.forward(end, flip, {"0.A": [lambda value, others: A]})["logits"]
    np.testing.assert_allclose(found["blind"], strategies.right_in_context(logits, flip).double().mean(1))
    assert (found["blind"] != found["forbidden"]).any()


@pytest.mark.parametrize(("of", "kinds"), [("all", "QKVOMNEU"), ("attention", "QKVO"), ("mlp", "MN")])
def test_regularisation_pulls_its_weights_to_zero_and_no_others(of: str, kinds: str) -> None:
    network = Regularised(heads=HEADS, width=8, mlp=2, l2=0.1, of=of)  # type: ignore[arg-type]
    plain = replace(network, l2=0.0)
    start = {name: torch.from_numpy(np.stack([network.initial(TASK, seed)[name] for seed in SEEDS]))
             for name in network.initial(TASK, 0)}  # fmt: skip
    parameters = {name: (p + 0.01).requires_grad_() for name, p in start.items()}
    batch = network.batch(TASK, [TASK.sample(seed, 0, 8) for seed in SEEDS])
    gradients = [
        torch.autograd.grad(one.losses(parameters, batch)["loss"].sum(), list(parameters.values()))
        for one in (network, plain)
    ]
    for (name, p), with_it, without in zip(parameters.items(), *gradients, strict=True):
        pull = 0.2 * p.detach() if name[0] in kinds else torch.zeros_like(p)
        torch.testing.assert_close(with_it - without, pull, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(network.losses(parameters, batch)["data_loss"], plain.losses(parameters, batch)["loss"])


def test_a_regularisation_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="`l2` must not be negative; got -1"):
        Regularised(l2=-1.0)
    with pytest.raises(InputError, match="`of`"):
        Regularised(of="biases")  # type: ignore[arg-type]
