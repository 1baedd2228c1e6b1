"""What is read off a trained transformer, against the literal network: heads by zeroing them, paths by holding."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

torch = pytest.importorskip("torch")

from minimodels.measure import first_time_above  # noqa: E402
from minimodels.tasks.exemplar_label import ExemplarLabelTask, ExemplarSequences  # noqa: E402
from tests.validation.singh import literal  # noqa: E402
from tests.validation.singh.literal import Clamped, Literal  # noqa: E402
from validation.checkpoint import load_parameters  # noqa: E402
from validation.optimisers import Adam  # noqa: E402
from validation.singh import analyses  # noqa: E402
from validation.singh.network import Transformer  # noqa: E402
from validation.trainings import NetworkTraining  # noqa: E402

H, K = 4, 3
TASK = ExemplarLabelTask(D=8, C=6, K=K, held_out=0.0, unseen=4)
TRAINING = NetworkTraining(
    name="small", task=TASK, network=Transformer(heads=H, width=16), optimiser=Adam(lr=0.02), steps=60, batch=32,
    seeds=(0, 2), record_every=30, held_out=64, snapshots=(0, 20, 60),
)  # fmt: skip
NUMBER = 16
ALONE = [literal.zero_head([(1, g) for g in range(H) if g != h]) for h in range(H)]
ZEROED = [(0, h) for h in range(H)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("small") / "run"
    TRAINING.run(found)
    return found


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEQUENCES", "FEWER"):
        monkeypatch.setattr(analyses, name, NUMBER)


class Seed:
    """The literal network of one seed, on the sequences that the analyses use."""

    def __init__(self, folder: Path, i: int, step: int | None = None) -> None:
        self.net = Literal({name: value[i] for name, value in load_parameters(folder, step).items()})
        self.drawn: ExemplarSequences = TASK.test_set("train", TRAINING.seeds[i], NUMBER, draw=analyses.DRAW)

    def each(self, clamped: Clamped) -> list[dict[str, Any]]:
        d = self.drawn
        return [clamped(self.net, d.exemplars[i], d.labels[i], int(d.target[i])) for i in range(NUMBER)]

    def loss(self, clamped: Clamped) -> float:
        logits = np.array([found["logits"] for found in self.each(clamped)])
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        return float(-np.log(p[np.arange(NUMBER), self.drawn.target]).mean())

    def right(self, clamped: Clamped) -> np.ndarray:
        return np.array([found["logits"].argmax() for found in self.each(clamped)]) == self.drawn.target

    def strength(self, clamped: Clamped) -> np.ndarray:
        rows = np.array([found["1.A"][:, -1] for found in self.each(clamped)])  # (n, H, T)
        first = self.drawn.labels[:, 0] == self.drawn.target
        right, wrong = np.where(first, 1, 3), np.where(first, 3, 1)
        n = np.arange(NUMBER)
        return np.asarray((rows[n, :, right] - rows[n, :, wrong]).mean(0))


def plain(net: Literal, x: np.ndarray, labels: np.ndarray, target: int) -> dict[str, Any]:
    return net.forward(x, labels)


def close(found: xr.DataArray | np.ndarray, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, atol=2e-5)


@pytest.mark.parametrize("i", [0, 1])
def test_heads_are_those_of_the_literal_network_with_others_zeroed(folder: Path, i: int) -> None:
    found, seed = analyses.single_heads(TRAINING, folder).isel(seed=i), Seed(folder, i)
    close(found["loss"], seed.loss(plain))
    strength = seed.strength(plain)
    close(found["strength"], strength)
    right = np.array([seed.right(one) for one in ALONE])
    close(found["alone_loss"], [seed.loss(one) for one in ALONE])
    close(found["alone_accuracy"], right.mean(1))
    without = [literal.zero_head([(1, h)]) for h in range(H)]
    close(found["without_loss"], [seed.loss(one) for one in without])
    close(found["without_accuracy"], [seed.right(one).mean() for one in without])
    order = list(np.argsort(-strength))
    added = [literal.zero_head([(1, h) for h in order[k:]]) for k in range(1, H + 1)]
    close(found["added_loss"], [seed.loss(one) for one in added])
    close(found["added_loss"].isel(number=-1), found["loss"])
    others = [literal.zero_head([(1, order[0]), *((1, h) for h in order[k:])]) for k in range(2, H + 1)]
    close(found["others_loss"], [seed.loss(one) for one in others])
    mistakes = ~right[order[0]]
    assert found["mistakes"] == mistakes.sum() > 0
    expected = np.where(np.arange(H) == order[0], np.nan, right[:, mistakes].mean(1))
    close(found["fixed"], expected)


@pytest.mark.parametrize("i", [0, 1])
def test_copying_is_a_head_alone_with_all_attention_on_the_right_label(folder: Path, i: int) -> None:
    found, seed, right = analyses.single_heads(TRAINING, folder).isel(seed=i), Seed(folder, i), list[np.ndarray]()
    for h in range(H):

        def alone(net: Literal, x: np.ndarray, labels: np.ndarray, target: int, h: int = h) -> dict[str, Any]:
            zeroed = literal._zeroed(net, labels, [(1, g) for g in range(H) if g != h])
            mask, value = net.everywhere("1.A", 5)
            mask[h, 4], value[h, 4, 1 + 2 * list(labels).index(target)] = True, 1
            return net.forward(x, labels, zeroed | {"1.A": [(mask, value)]})

        close(found["copying_loss"].sel(head=h), seed.loss(alone))
        right.append(seed.right(alone))
        close(found["copying_accuracy"].sel(head=h), right[h].mean())
    best = int(np.argmax(found["strength"].values))
    mistakes = ~right[best]
    assert found["copying_mistakes"] == mistakes.sum()
    expected = [np.nan if h == best or not mistakes.any() else right[h][mistakes].mean() for h in range(H)]
    close(found["copying_fixed"], expected)


def test_paths_are_those_of_every_snapshot(folder: Path) -> None:
    found = analyses.paths(TRAINING, folder)
    assert found.snapshot.values.tolist() == [0, 20, 60]
    ways = {"": plain, "direct_": literal.hold("Av", ZEROED), "last_": literal.zero_head([(1, h) for h in range(H)])}
    for step in (0, 20, 60):
        seed, here = Seed(folder, 1, step), found.isel(seed=1).sel(snapshot=step)
        for way, clamped in ways.items():
            close(here[f"{way}loss"], seed.loss(clamped))
            close(here[f"{way}accuracy"], seed.right(clamped).mean())


@pytest.mark.parametrize("i", [0, 1])
def test_what_feeds_what_is_what_is_missed_where_the_rest_is_held(folder: Path, i: int) -> None:
    found, seed = analyses.feeding(TRAINING, folder).isel(seed=i), Seed(folder, i)
    patterns = np.array([one["0.A"] for one in seed.each(plain)])  # (n, H, T, T)
    at_labels = [patterns[:, :, row, row - 1] - (1 - patterns[:, :, row, row - 1]) / row for row in (1, 3)]
    previous = np.mean(at_labels, axis=(0, 1))
    close(found["previous"], previous)
    order = np.argsort(-previous)
    for group, heads in {"previous": order[:3], "rest": order[3:]}.items():
        for held in ("A", "v", "vq", "vk"):
            clamped = literal.hold(held, [(0, int(h)) for h in heads])
            close(found[f"{group}_{held}"], seed.right(clamped).mean())
    for writer in range(H):
        strength = seed.strength(literal.hold("v", [(0, writer)]))
        close(found["by_keys"].sel(writer=writer), seed.strength(plain) - strength)
        for reader in range(H):
            zeroed = [(0, writer), *((1, g) for g in range(H) if g != reader)]
            more = seed.loss(literal.hold("A", zeroed)) - seed.loss(ALONE[reader])
            close(found["by_values"].sel(writer=writer, reader=reader), more)


def test_unseen_vectors_are_split_at_the_span_of_the_trained_ones(folder: Path) -> None:
    found, seed = analyses.unseen(TRAINING, folder).isel(seed=1), Seed(folder, 1)
    drawn = TASK.test_set("classes", TRAINING.seeds[1], NUMBER, draw=analyses.DRAW)
    trained, whole = TASK.vectors(TRAINING.seeds[1])[: TASK.C].astype(float).T, drawn.exemplars.astype(float)
    fitted = np.linalg.lstsq(trained, whole.reshape(-1, TASK.D).T, rcond=None)[0]
    within = (trained @ fitted).T.reshape(whole.shape)
    close(found["share"], 1 - ((whole - within) ** 2).sum() / (whole**2).sum())
    for name, part in {"loss": whole, "within": within, "across": whole - within}.items():
        longer = np.sqrt((whole**2).sum(-1) / (part**2).sum(-1))
        seed.drawn = replace(drawn, exemplars=longer[..., None] * part)
        np.testing.assert_allclose(found[name], seed.loss(plain), rtol=1e-4)


def test_composition_scores_are_those_of_the_beginning_and_of_the_end(folder: Path) -> None:
    found = analyses.feeding(TRAINING, folder)
    for name, step in (("first_scores", 0), ("scores", 60)):
        P = {key: value.numpy().astype(float) for key, value in load_parameters(folder, step).items()}
        for c, key in zip("qkv", ("Q1", "K1", "V1"), strict=True):
            O, W = P["O0"][1, 2], P[key][1, 3]  # noqa: E741
            expected = np.linalg.norm(O @ W) / np.linalg.norm(O) / np.linalg.norm(W)
            close(found[name].isel(seed=1).sel(channel=c, writer=2, reader=3), expected)


def test_the_steps_of_half_strength_are_crossings_of_half_of_the_last() -> None:
    from validation.singh.claims.heads import half_times

    steps = np.arange(0, 110, 10)
    rise = 1 / (1 + np.exp(-(steps - 50) / 5))
    run = xr.Dataset(
        {"induction_1.0": (("seed", "step"), [0.8 * rise]), "induction_1.1": (("seed", "step"), [rise[::-1] * 0.05])},
        {"step": steps, "seed": [0]},
    )
    found = half_times(run)
    assert np.isclose(found["half"].values[0, 0], first_time_above(steps, rise, rise[-1] / 2))
    assert np.isnan(found["half"].values[0, 1])
