"""What is read off the trained transformer, by seed: its heads one by one, layers' paths, and what feeds what."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from validation.checkpoint import load_parameters, snapshot_steps
from validation.loop import stacked
from validation.protocols import Parameters
from validation.singh import measures
from validation.singh.applied import under
from validation.singh.clamps import Clamp, Given, Hold, Induction, ZeroHead
from validation.singh.network import Transformer, layer_normed
from validation.trainings import NetworkTraining

SEQUENCES, FEWER = 4000, 1000  # of a seed: for single heads at the end, and for every snapshot or pair of heads
PREVIOUS = 3  # of layer 0, the heads with the largest previous-token strength
DRAW = 1  # of the test set; training records draw 0
CHANNELS = "qkv"
Floats = NDArray[np.float64]


class Apart:
    """The query's stream before the last layer, and what each of its heads adds, on some sequences."""

    def __init__(self, given: Given, clamps: Sequence[Clamp] = ()) -> None:
        record = under(given, clamps) if clamps else given.plain
        self.parameters, self.tokens, last = given.parameters, given.tokens, given.network.layers - 1
        self.parts = torch.einsum("snhe,shed->snhd", record[f"{last}.z"][:, :, :, 0], given.parameters[f"O{last}"])
        self.before = (record[f"{last}.block"] - record[f"{last}.written"])[:, :, 0]
        self.attention = record[f"{last}.A"][..., 0, :]

    def logits(self, keep: Tensor) -> Tensor:
        """Logits (S, m, n, K) of m sets of heads: `keep` (m, H) is 1 for those that write, 0 for those that do not."""
        P = self.parameters
        x = self.before[:, None] + torch.einsum("mh,snhd->smnd", keep.to(self.parts), self.parts)
        return layer_normed(x, P["norm"], P["shift"]) @ P["U"][:, None] + P["u"][:, None, None]

    def right(self, keep: Tensor) -> NDArray[np.bool_]:
        """Which sequences (S, m, n) each set of heads answers rightly."""
        return (self.logits(keep).argmax(-1) == self.tokens.target[:, None]).numpy()

    def readings(self, keep: Tensor) -> tuple[Floats, Floats]:
        """Loss and accuracy (S, m) of sets of heads."""
        logits = self.logits(keep)
        labels, target = (
            each[:, None].expand(-1, len(keep), *each.shape[1:]).numpy()
            for each in (self.tokens.labels, self.tokens.target)
        )
        found = measures.readings(logits.numpy(), labels, target)
        return found["loss"], found["accuracy"]

    def strength(self) -> Floats:
        """Induction strength (S, H)."""
        return measures.induction_strength(self.attention, self.tokens.labels, self.tokens.target)


@torch.no_grad()
def single_heads(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Heads of the last layer at the end, on sequences of the training distribution; all others zeroed, or one.

    ============================  ====================================================================================
    strength                      induction strength of every head
    loss, accuracy                of the whole network
    without_..., alone_...        with one head zeroed, and with all but one, by head
    copying_...                   with all but one zeroed, and its attention on the right label (`Induction`)
    added_...                     with the strongest `number` heads
    others_...                    the same without the strongest of all
    fixed, mistakes               share of the mistakes that the strongest head makes alone which another, alone, does
                                  not make, by head (nan for the strongest), and how many there are
    copying_fixed, ..._mistakes   the same with all attention on the right label
    ============================  ====================================================================================
    """
    network, end = training.network, load_parameters(folder)
    assert isinstance(network, Transformer)
    H, last = network.heads, network.layers - 1
    eye = torch.eye(H)

    def one(given: Given) -> dict[str, Any]:
        plain = Apart(given)
        copying = Apart(given, [Induction(tuple((last, h) for h in range(H)))])
        strength = plain.strength()[0]
        order = torch.from_numpy(np.argsort(-strength))
        first = torch.tril(torch.ones(H, H))[:, torch.argsort(order)]  # the strongest 1, 2, ... heads
        sets = {"all": torch.ones(1, H), "without": 1 - eye, "alone": eye, "added": first,
                "others": first[1:] - first[:1]}  # fmt: skip
        row: dict[str, Any] = {"strength": strength}
        for name, (of, keep) in {**{n: (plain, k) for n, k in sets.items()}, "copying": (copying, eye)}.items():
            loss, accuracy = (found[0] for found in of.readings(keep))
            if name == "all":
                row |= {"loss": loss[0], "accuracy": accuracy[0]}
            else:
                row |= {f"{name}_loss": loss, f"{name}_accuracy": accuracy}
        best = int(order[0])
        for way, of in {"": plain, "copying_": copying}.items():
            right = of.right(eye)[0]
            fixed = [np.nan if h == best else measures.redundancy(right[best], right[h]) for h in range(H)]
            row |= {f"{way}fixed": np.array(fixed), f"{way}mistakes": float((~right[best]).sum())}
        return row

    rows = [one(given) for given in _by_seed(training, end, "train", SEQUENCES)]
    whole = ("loss", "accuracy", "mistakes", "copying_mistakes")
    dims = {"added": ("number",), "others": ("other",)} | dict.fromkeys(whole, ())
    return _dataset(
        training, rows, lambda name: dims.get(name, dims.get(name.partition("_")[0], ("head",)))
    ).assign_coords(head=range(H), number=range(1, H + 1), other=range(1, H))


@torch.no_grad()
def paths(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """What layers do for the output at every snapshot: loss and accuracy without them, beside those of the network.

    `direct_...`: layer 0 zeroed, all attention and values held as they are, so that only what goes from layer 0
    straight to the read-out is missing. `last_...`: the heads of layer 1 zeroed.
    """
    network, steps = training.network, snapshot_steps(folder)
    assert isinstance(network, Transformer)
    every: list[list[Clamp]] = [[ZeroHead(tuple((layer, h) for h in range(network.heads)))] for layer in (0, 1)]
    ways = {"": [], "direct_": [*every[0], Hold(("A", "v"))], "last_": every[1]}

    def one(given: Given) -> dict[str, Any]:
        tokens, row = given.tokens, dict[str, Any]()
        for way, clamps in ways.items():
            record = under(given, clamps) if clamps else given.plain
            found = measures.readings(record["logits"], tokens.labels, tokens.target)
            row |= {f"{way}{name}": found[name][0] for name in ("loss", "accuracy")}
        return row

    each = []
    for step in steps:
        rows = [one(given) for given in _by_seed(training, load_parameters(folder, step), "train", FEWER)]
        each.append(_dataset(training, rows))
    return xr.concat(each, xr.DataArray(steps, dims="snapshot", name="snapshot"))


@torch.no_grad()
def unseen(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Loss at the end on unseen classes, and on their parts within and across the span of the trained ones.

    `loss`, `within` and `across`; parts are made as long as the whole. `share` of its squared length lies within.
    """
    network, task, rows = training.network, training.last_task, []
    assert isinstance(network, Transformer)
    for seed, given in zip(
        training.data_seeds or training.seeds,
        _by_seed(training, load_parameters(folder), "classes", FEWER),
        strict=True,
    ):
        spanned = np.linalg.qr(task.vectors(seed)[: task.C].T.astype(float))[0]
        whole = given.tokens.exemplars.numpy().astype(float)
        within = whole @ spanned @ spanned.T
        row: dict[str, Any] = {"share": (within**2).sum() / (whole**2).sum()}
        for name, part in {"loss": whole, "within": within, "across": whole - within}.items():
            lengths = [np.linalg.norm(x, axis=-1, keepdims=True) for x in (whole, part)]
            made = torch.from_numpy((part * lengths[0] / lengths[1]).astype(np.float32))
            logits = network.forward(given.parameters, given.tokens.with_exemplars(made))["logits"]
            row[name] = measures.readings(logits, given.tokens.labels, given.tokens.target)["loss"][0]
        rows.append(row)
    return _dataset(training, rows)


@torch.no_grad()
def feeding(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """How layer 0 feeds layer 1 at the end: through queries, keys and values; and what weights say of that.

    With A held, zeroed heads are missed in values only; with v held, in queries and keys.

    ====================  ============================================================================================
    previous              previous-token strength of heads of layer 0, corrected for chance, at labels
    <group>_<held>        accuracy with heads of layer 0 zeroed: the PREVIOUS first by `previous` ("previous"), or the
                          others ("rest"); held are "A", "v", "vq" (only keys are damaged), "vk" (only queries)
    by_keys               what a head of layer 1 (`reader`) loses of its induction strength with one of layer 0
                          (`writer`) zeroed and v held
    by_values             by how much more it loses, alone, with one of layer 0 zeroed and A held
    scores, first_scores  composition scores at the end and at the beginning, by channel
    ====================  ============================================================================================
    """
    network, task, end = training.network, training.last_task, load_parameters(folder)
    assert isinstance(network, Transformer)
    H = network.heads
    eye = torch.eye(H)

    def one(given: Given) -> dict[str, Any]:
        plain = Apart(given)
        tokens, row = given.tokens, dict[str, Any]()
        previous = measures.previous_token_strength(given.plain["0.A"], corrected=True, labels_only=True)[0]
        order = np.argsort(-previous)
        row["previous"] = previous
        for group, heads in {"previous": order[:PREVIOUS], "rest": order[PREVIOUS:]}.items():
            for held in ("A", "v", "vq", "vk"):
                clamps = [ZeroHead(tuple((0, int(h)) for h in heads)), Hold(tuple(held))]
                found = measures.readings(under(given, clamps)["logits"], tokens.labels, tokens.target)
                row[f"{group}_{held}"] = found["accuracy"][0]
        keys, values = np.empty((H, H)), np.empty((H, H))
        for writer in range(H):
            zeroed = ZeroHead(((0, writer),))
            other = [Apart(given, [zeroed, Hold((held,))]) for held in "vA"]
            keys[writer] = plain.strength()[0] - other[0].strength()[0]
            values[writer] = other[1].readings(eye)[0][0] - plain.readings(eye)[0][0]
        return row | {"by_keys": keys, "by_values": values}

    rows = [one(given) for given in _by_seed(training, end, "train", FEWER)]
    names = {"previous": ("head",), "by_keys": ("writer", "reader"), "by_values": ("writer", "reader")}
    out = _dataset(training, rows, lambda name: names.get(name, ()))
    for name, weights in {"scores": end, "first_scores": stacked(network, task, training.seeds)}.items():
        found = [measures.composition_scores(weights["O0"], weights[f"{c.upper()}1"]) for c in CHANNELS]
        out[name] = (("seed", "channel", "writer", "reader"), np.stack(found, axis=1))
    return out.assign_coords(channel=list(CHANNELS), head=range(H), writer=range(H), reader=range(H))


def _by_seed(training: NetworkTraining, parameters: Parameters, test: str, sequences: int) -> Iterator[Given]:
    """The network of every seed by itself, on sequences of a test that nothing else uses."""
    task, network = training.last_task, training.network
    for i, seed in enumerate(training.data_seeds or training.seeds):
        tokens = network.batch(task, [task.test_set(test, seed, sequences, draw=DRAW)], "cpu")
        yield Given(network, {name: value[i : i + 1] for name, value in parameters.items()}, tokens)


def _dataset(
    training: NetworkTraining, rows: list[dict[str, Any]], dims: Callable[[str], tuple[str, ...]] = lambda name: ()
) -> xr.Dataset:
    """One variable of all seeds for each name."""
    found = {name: (("seed", *dims(name)), np.stack([row[name] for row in rows])) for name in rows[0]}
    return xr.Dataset(found, {"seed": list(training.seeds)})
