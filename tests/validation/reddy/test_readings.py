"""What is read off a trained network: maps of attention, gains of labels, active units, against plain matrices."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.tasks.item_label import ItemLabelTask  # noqa: E402
from tests.validation.reddy import plain  # noqa: E402
from tests.validation.reddy.test_interventions import MIXED, QUICK, TASK, network  # noqa: E402
from validation import SGD, AttentionOnly, attention_maps, load_parameters, train  # noqa: E402
from validation.reddy.analyses import activity, gains  # noqa: E402
from validation.reddy.batch import Batch  # noqa: E402
from validation.reddy.evaluation import label_gains  # noqa: E402
from validation.trainings import NetworkTraining  # noqa: E402


def test_maps_are_the_means_of_the_plain_networks_attention() -> None:
    parameters = AttentionOnly().stacked(MIXED, (1, 2))
    drawn = [MIXED.sample(seed, 0, 32) for seed in (1, 2)]
    maps = attention_maps(AttentionOnly(), parameters, MIXED, drawn)
    for s in (0, 1):
        u = torch.from_numpy(drawn[s].tokens(MIXED.positions))
        _, p1, p2 = plain.forward({name: t[s] for name, t in parameters.items()}, u)
        np.testing.assert_allclose(maps.p1[s], p1.mean(0), atol=1e-5)
        np.testing.assert_allclose(maps.p2[s], p2[:, -1].mean(0), atol=1e-5)
        for slot in range(4):
            chosen = p2[torch.from_numpy(drawn[s].matches[:, slot]), -1]
            np.testing.assert_allclose(maps.p2_by_slot[s, slot], chosen.mean(0), atol=1e-5)
    assert maps.sel(query="l2", key="x2").p1.dims == ("seed_number",)
    assert (maps.sel(query="x1", key="l1").p1 == 0).all()
    one = drawn[0]
    lone = {name: t[:1] for name, t in parameters.items()}
    alone_map = attention_maps(AttentionOnly(), lone, MIXED, MIXED.sample(1, 0, 1))
    assert np.isnan(alone_map.p2_by_slot[0, ~one.matches[0]]).all()


def of(task: ItemLabelTask, network: AttentionOnly, seeds: tuple[int, ...]) -> NetworkTraining:
    return NetworkTraining(
        name="any", task=task, network=network, optimiser=SGD(), steps=1, seeds=seeds, record_every=1
    )


def test_gains_of_labels_are_those_of_the_matrices_for_a_linear_read_out(tmp_path: Path) -> None:
    linear = AttentionOnly(layers=0)
    parameters = {name: 2 * t for name, t in linear.stacked(MIXED, (3, 4)).items()}
    labels = np.stack([MIXED.embeddings(seed).labels for seed in (3, 4)])
    found = label_gains(linear, parameters, MIXED, [MIXED.sample(s, 0, 8) for s in (3, 4)], labels)
    S, V2 = (parameters[name].numpy() for name in ("S", "V2"))
    for i in (0, 1):
        overlap = S[i] @ V2[i][:, MIXED.positions :] @ labels[i].T
        other = (overlap.sum(0) - overlap.diagonal()) / (MIXED.L - 1)
        np.testing.assert_allclose(found[i], overlap.diagonal() - other, rtol=1e-4, atol=1e-5)

    train(MIXED, linear, out=tmp_path, seed=(3, 4), **QUICK)
    trained = gains(of(MIXED, linear, (3, 4)), tmp_path)["gain"]
    assert trained.shape == (2, MIXED.L)
    assert abs(trained - found / 4).max() > 0.01  # not the initial ones


def test_gains_of_labels_are_slopes_of_the_logits_through_the_layers() -> None:
    net, step = AttentionOnly(), 1e-5
    parameters, drawn, labels = network(3), MIXED.sample(3, 0, 64), MIXED.embeddings(3).labels
    single = {name: t.float() for name, t in parameters.items()}
    found = label_gains(net, single, MIXED, drawn, labels[None])[0]
    batch = Batch.of(MIXED, [drawn])
    tokens = batch.tokens.double()
    written = net.attend(parameters, tokens).written
    for label in range(MIXED.L):
        added = torch.zeros(MIXED.width, dtype=torch.float64)
        added[MIXED.positions :] = torch.from_numpy(labels[label])
        added = parameters["V2"][0] @ added
        up, down = (
            net.forward(parameters, tokens, {"written": written + sign * step * added})[0].mean((0, 1))
            for sign in (1, -1)
        )
        slope = ((up - down) / (2 * step)).numpy()
        others = np.delete(slope, label).mean()
        assert found[label] == pytest.approx(slope[label] - others, rel=1e-3, abs=1e-4)


def test_activity_is_the_share_of_units_above_zero_at_every_snapshot(tmp_path: Path) -> None:
    train(TASK, **QUICK, snapshots=[3, 9], seed=(1, 2), out=tmp_path)
    found = activity(of(TASK, AttentionOnly(), (1, 2)), tmp_path)["active"]
    assert found.dims == ("step", "layer", "seed")
    assert found.step.values.tolist() == [0, 3, 9]
    for i, seed in enumerate((1, 2)):
        drawn = TASK.test_set("train", seed, 256)
        u = torch.from_numpy(drawn.tokens(TASK.positions))
        for step in (0, 9):
            p = {
                k: t[i]
                for k, t in (load_parameters(tmp_path, 9) if step else AttentionOnly().stacked(TASK, (1, 2))).items()
            }
            for layer in (1, 2, 3):  # its outputs are the logits of a network that ends there
                logits = plain.forward(p | {"S": torch.eye(TASK.width)}, u, layer)[0][:, -1]
                share = float((logits > 0).double().mean())
                assert found.sel(step=step, layer=layer, seed=seed) == pytest.approx(share, abs=2e-4)
    assert not np.allclose(found.sel(step=0), found.sel(step=9), atol=1e-3)
