"""What is read off networks that may learn in context or in weights: over time, by path, by head, and by halves."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from validation.checkpoint import load_parameters, snapshot_steps
from validation.protocols import Parameters
from validation.singh import coopetition as settings
from validation.singh.applied import all_but, clamped
from validation.singh.clamps import NEVER, Clamp, Given, Hold, ZeroEmbedding, ZeroHead
from validation.singh.grafts import Frozen, GraftIn, GraftOut
from validation.singh.measures import induction_strength, previous_token_strength
from validation.singh.network import Tokens, Transformer
from validation.singh.record import Hook, Record, Value
from validation.trainings import NetworkTraining

SEQUENCES = 2000
EDGES = np.linspace(-1, 1, 6)  # of attention differences


def right_in_context(logits: Tensor, tokens: Tokens) -> Tensor:
    """Whether the target has the largest logit among the labels of the context, (S, n)."""
    best = logits.gather(-1, tokens.labels).argmax(-1, keepdim=True)
    return tokens.labels.gather(-1, best)[..., 0] == tokens.target


def _tests(training: NetworkTraining, name: str) -> Tokens:
    task = training.last_task
    samples = [task.test_set(name, seed, SEQUENCES) for seed in training.seeds]
    tokens: Tokens = training.network.batch(task, samples, "cpu")
    return tokens


def _accuracy(training: NetworkTraining, parameters: Parameters, tokens: Tokens, *clamps: Clamp) -> Any:
    logits = clamped(training.network, parameters, tokens, clamps)["logits"]
    return right_in_context(logits, tokens).double().mean(1).numpy()


def attention_difference(row: Tensor, tokens: Tokens) -> Tensor:
    """Attention to the target's label minus the mean of that to others, (S, n, H), of A (S, n, H, 1, T)."""
    to_labels = row[..., -1, 1::2]
    right = (tokens.labels == tokens.target[..., None])[:, :, None].to(to_labels)
    wrong = 1 - right
    return (to_labels * right).sum(-1) / right.sum(-1) - (to_labels * wrong).sum(-1) / wrong.sum(-1)


@torch.no_grad()
def course(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """At every snapshot: ICL accuracy, with its own back half (layer 1 and read-out) and that of LATE; attention.

    `strength` is the attention difference in layer 1 on Flip; `self` and `previous` are attention of label rows in
    layer 0 to themselves and to the token before.
    """
    network, kept = training.network, snapshot_steps(folder)
    flip, icl, late = _tests(training, "Flip"), _tests(training, "ICL"), load_parameters(folder, _late(kept))
    rows: dict[str, list[Any]] = {name: [] for name in ("own", "late", "strength", "self", "previous")}
    for step in kept:
        here = load_parameters(folder, step)
        record = clamped(network, here, flip, ())
        rows["strength"].append(induction_strength(record["1.A"][..., 0, :], flip.labels, flip.target))
        rows["self"].append(torch.diagonal(record["0.A"], 0, -2, -1)[..., 1::2].mean((1, -1)).numpy())
        rows["previous"].append(previous_token_strength(record["0.A"], labels_only=True))
        front = GraftIn(Frozen(network, str(folder.resolve()), step), 0)
        rows["own"].append(_accuracy(training, here, icl))
        rows["late"].append(_accuracy(training, late, icl, front))
    return xr.Dataset(
        {name: (("snapshot", "seed", "head")[: np.ndim(each)], np.stack(each)) for name, each in rows.items()},
        {"snapshot": kept, "seed": list(training.seeds)},
    )


def _late(kept: Sequence[int]) -> int:
    """The snapshot at LATE, or the last one before."""
    return max(step for step in kept if step <= settings.steps(settings.LATE))


def paths(network: Transformer) -> dict[str, tuple[Clamp, ...]]:
    """Clamps that leave a path from layer 0, or from the embedding, to the output, by its name."""
    first, second = (ZeroHead(tuple((layer, h) for h in range(network.heads))) for layer in (0, 1))
    return {
        "all": (), "routing alone": (first, Hold(("q", "k", "v"))), "not queries": (first, Hold(("k", "v"))),
        "not keys": (first, Hold(("q", "v"))), "not values": (first, Hold(("q", "k"))), "none of them": (first,),
        "embedding alone": (first, second), "not embedding": (Hold(("A", "v")), ZeroEmbedding()),
    }  # fmt: skip


@torch.no_grad()
def routes(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """CIWL accuracy at the end by path."""
    network, end, tokens = training.network, load_parameters(folder), _tests(training, "CIWL")
    assert isinstance(network, Transformer)
    found = {name: _accuracy(training, end, tokens, *clamps) for name, clamps in paths(network).items()}
    return xr.Dataset({"accuracy": (("path", "seed"), np.stack(list(found.values())))},
                      {"path": list(found), "seed": list(training.seeds)})  # fmt: skip


@torch.no_grad()
def copiers(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """In-context accuracy of every head of layer 1 alone at LATE, by its attention difference, on CIWL and Flip."""
    network, now = training.network, load_parameters(folder, _late(snapshot_steps(folder)))
    assert isinstance(network, Transformer)
    tests = [_tests(training, name) for name in ("CIWL", "Flip")]
    shape = len(training.seeds), network.heads, len(EDGES) - 1
    right, number = np.zeros(shape), np.zeros(shape)
    for head in range(network.heads):
        for tokens in tests:
            record = clamped(network, now, tokens, (all_but((1, head), of=network.heads),))
            hits = right_in_context(record["logits"], tokens).double().numpy()
            apart = attention_difference(record["1.A"], tokens)[..., head].numpy()
            for s in range(shape[0]):
                number[s, head] += np.histogram(apart[s], EDGES)[0]
                right[s, head] += np.histogram(apart[s], EDGES, weights=hits[s])[0]
    return xr.Dataset(
        {"accuracy": (("seed", "head", "difference"), right / np.where(number, number, np.nan)),
         "number": (("seed", "head", "difference"), number)},
        {"seed": list(training.seeds), "difference": (EDGES[1:] + EDGES[:-1]) / 2},
    )  # fmt: skip


@torch.no_grad()
def blind(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Flip accuracy at the end under the training's clamp, and where the query's row of layer 0 sees no exemplar."""
    network, end, tokens = training.network, load_parameters(folder), _tests(training, "Flip")
    assert isinstance(network, Transformer)
    hooks = defaultdict[str, list[Hook]](list)
    for clamp in network.clamps(training.clamp):
        for site, hook in clamp.hooks(Given(network, end, tokens)):
            hooks[site].append(hook)

    def hidden(computed: Value, _: Record) -> Tensor:
        scores = computed().clone()
        scores[..., -1, :-1:2] = NEVER
        return scores

    found = {}
    for name in ("forbidden", "blind"):
        logits = network.forward(end, tokens, hooks)["logits"]
        found[name] = ("seed", right_in_context(logits, tokens).double().mean(1).numpy())
        hooks["0.S"].append(hidden)
    return xr.Dataset(found, {"seed": list(training.seeds)})


def before_late(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Losses of fresh front halves that learn ICL alone before the frozen back half of LATE."""
    return _before(training, folder, (settings.LATE,), settings.LATE)


def before_ciwl(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Losses of fresh front halves that learn ICL alone before frozen back halves of AGES."""
    return _before(training, folder, settings.AGES, settings.BEHIND)


def _before(training: NetworkTraining, folder: Path, ages: Sequence[float], millions: float) -> xr.Dataset:
    from validation.training import train

    each, task = [], replace(training.last_task, labels="relabelled", held_out=0.0)
    assert isinstance(training.network, Transformer)
    for age in ages:
        back = GraftOut(Frozen(training.network, str(folder.resolve()), settings.steps(age)), 0)
        run = train(
            task, replace(training.network, manipulations=(("back", (back,)),)), optimiser=training.optimiser,
            steps=settings.steps(millions), seed=training.seeds, batch=training.batch, tests=(),
            record_every=training.record_every, held_out=training.held_out, out=folder / f"before-{age:g}",
            checkpoint_every=training.checkpoint_every, clamp={"manipulation": "back"}, progress=False,
        )  # fmt: skip
        each.append(run["loss"])
    return xr.concat(each, xr.DataArray(list(ages), dims="age", name="age")).to_dataset()
