"""Clamps together: which of them may be, in what order they are applied, and the ones that the paper names."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from minimodels.errors import InputError, check_whole, shown
from validation.protocols import Parameters
from validation.singh.clamps import (
    Clamp,
    Copy,
    ForbidPreviousToken,
    Given,
    Head,
    Hold,
    Induction,
    Match,
    PerfectLayer0,
    PreviousToken,
    SilenceNonLabel,
    Temperature,
    ZeroEmbedding,
    ZeroHead,
    check_heads,
)
from validation.singh.grafts import GraftIn, GraftOut
from validation.singh.record import Hook, Record

ONCE = (Hold, Copy, ZeroEmbedding, PerfectLayer0, GraftOut)
PATTERNS = (PreviousToken, Induction, Match)
ROWS = {"all": {"exemplars", "labels", "query"}, "labels": {"labels"}, "query": {"query"}}


def clamped(network: Any, parameters: Parameters, tokens: Any, clamps: Sequence[Clamp]) -> Record:
    """Everything a network computes under clamps, by site: see `Transformer.forward`."""
    return under(Given(network, parameters, tokens), clamps)


def under(given: Given, clamps: Sequence[Clamp]) -> Record:
    """The same, where the network, its parameters and the tokens stand for more than one list of clamps."""
    hooks = defaultdict[str, list[Hook]](list)
    for clamp in _in_order(clamps):
        for site, hook in clamp.hooks(given):
            hooks[site].append(hook)
    return given.again(hooks)


def _in_order(clamps: Sequence[Clamp]) -> list[Clamp]:
    """Clamps as they are applied, later ones over earlier ones."""
    order: list[type[Clamp]] = [
        *(Hold, Temperature, Copy, GraftIn, ZeroEmbedding, ZeroHead, PreviousToken, Induction, Match),
        *(ForbidPreviousToken, SilenceNonLabel, PerfectLayer0, GraftOut),
    ]
    for clamp in clamps:
        if type(clamp) not in order:
            raise InputError(f"a clamp is one of {', '.join(kind.__name__ for kind in order)}; got {shown(clamp)}.")
    return sorted(clamps, key=lambda clamp: order.index(type(clamp)))


def check_together(network: Any, clamps: Sequence[Clamp]) -> None:
    """Refuse clamps of what a network does not have, and clamps that contradict or mask each other.

    Raises
    ------
    InputError
        With the two that do not go together.
    """
    for clamp in _in_order(clamps):
        _check_exists(network, clamp)
    for kind in ONCE:
        if sum(isinstance(clamp, kind) for clamp in clamps) > 1:
            raise InputError(f"there can be one {kind.__name__} only: leave all but one out.")
    kinds = {type(clamp) for clamp in clamps}
    if ZeroEmbedding in kinds and Hold not in kinds:
        raise InputError("ZeroEmbedding means something only together with Hold: add Hold(which=...).")
    if {Copy, GraftOut} <= kinds:
        raise InputError("Copy and GraftOut both give the logits: leave one out.")
    if PerfectLayer0 in kinds:
        others = [c for c in clamps if not isinstance(c, PerfectLayer0)]
        for other in others:
            if not (isinstance(other, ZeroHead) and all(layer == 1 for layer, _ in other.heads)):
                raise InputError(
                    f"PerfectLayer0 goes with ZeroHead in layer 1 only, and with its own `copy`; got {_said(other)}."
                )
    for one, other in combinations(_in_order(clamps), 2):
        if reason := _clash(network, one, other):
            raise InputError(f"{_said(one)} and {_said(other)} do not go together: {reason}.")


def all_but(*heads: Head, of: int = 8) -> ZeroHead:
    """Zero all other heads, of so many, in the layer of those that are left."""
    kept = check_heads(list(heads))
    layers = {layer for layer, _ in kept}
    if len(layers) > 1:
        raise InputError(f"the heads that are left are those of one layer; got {', '.join(map(str, kept))}.")
    (layer,), of = layers, check_whole(of, "`of`")
    if max(kept)[1] >= of or len(kept) == of:
        raise InputError(f"some of {of} heads, counted from 0, are left, and others zeroed; got {shown(kept)}.")
    return ZeroHead(tuple((layer, head) for head in range(of) if (layer, head) not in kept))


def subcircuits(active: Head, previous: Head | Sequence[Head], *, heads: int = 8) -> dict[str, tuple[Clamp, ...]]:
    """The clamps that leave a part of the induction circuit to be learnt, by name; one head of layer 1 is active.

    ===============  ===========================================================================
    none             nothing is clamped
    step-1           `previous`, heads of layer 0, attend to the previous token
    layer-0          layer 0 is perfect: match and copy are learnt
    match            the active head attends to the right label: copying is learnt
    copy             logits are the active head's scores: layer 0 and match are learnt
    layer-0+copy     both: match is learnt
    ===============  ===========================================================================
    """
    (first,), others = check_heads([active]), check_heads(previous)
    if first[0] != 1 or any(layer for layer, _ in others):
        raise InputError(f"`active` is a head of layer 1, `previous` are of layer 0; got {shown(active)}, "
                         f"{shown(previous)}.")  # fmt: skip
    alone = all_but(active, of=heads)
    return {
        "none": (alone,),
        "step-1": (alone, PreviousToken(previous)),  # type: ignore[arg-type]
        "layer-0": (alone, PerfectLayer0()),
        "match": (alone, Induction((active,))),
        "copy": (alone, Copy(active)),
        "layer-0+copy": (alone, PerfectLayer0(copy=active)),
    }


def _check_exists(network: Any, clamp: Clamp) -> None:
    heads = [*clamp.heads, *([clamp.copy] if isinstance(clamp, PerfectLayer0) and clamp.copy is not None else [])]
    last = network.layers - 1
    for layer, head in heads:
        if layer > last or head >= network.heads:
            raise InputError(
                f"{type(clamp).__name__} is of head {(layer, head)}, and there are {network.layers} layers of "
                f"{network.heads} heads, both counted from 0."
            )
    ends = any(layer == last for layer, _ in clamp.heads)
    if isinstance(clamp, PreviousToken | ForbidPreviousToken) and clamp.rows == "labels" and ends:
        raise InputError(
            f"{type(clamp).__name__} with rows='labels' would do nothing in layer {last}, the last, where only the "
            "query's row matters: leave those heads out, or set rows='all'."
        )
    if isinstance(clamp, SilenceNonLabel) and any(layer != last for layer, _ in clamp.heads):
        raise InputError(f"SilenceNonLabel is of heads in the last layer, {last}; got {clamp.heads}.")
    if isinstance(clamp, PerfectLayer0) and network.layers != 2:
        raise InputError(f"PerfectLayer0 is of networks with two layers; got layers={network.layers}.")
    if isinstance(clamp, PerfectLayer0) and clamp.copy is not None and clamp.copy[0] != 1:
        raise InputError(f"PerfectLayer0 copies from a head of layer 1; got copy={clamp.copy}.")
    if isinstance(clamp, GraftIn | GraftOut):
        other = clamp.frozen.network
        if (other.layers, other.width) != (network.layers, network.width):
            raise InputError(
                f"a network can be grafted into one of the same layers and width; got {other.layers} and "
                f"{other.width}, and {network.layers} and {network.width}."
            )
        if clamp.layer > last:
            raise InputError(f"`layer` of {type(clamp).__name__} must be at most {last}; got {clamp.layer}.")


def _touched(network: Any, clamp: Clamp) -> set[tuple[int, int, str]]:
    """Layers, heads and rows whose attention or scores a clamp sets."""
    heads = set(clamp.heads)
    if isinstance(clamp, Hold):
        heads = {(layer, head) for layer in range(network.layers) for head in range(network.heads)}
    if isinstance(clamp, Temperature):
        heads = {(clamp.heads[0][0], head) for head in range(network.heads)}
    rows = ROWS[getattr(clamp, "rows", clamp.rows_of)]
    last = network.layers - 1
    return {(layer, head, row) for layer, head in heads for row in rows if layer < last or row == "query"}


def _level(clamp: Clamp) -> str:
    return "attention" if isinstance(clamp, Hold) and "A" in clamp.which else clamp.level


def _clash(network: Any, one: Clamp, other: Clamp) -> str:
    """Why two clamps, in the order in which they are applied, do not go together; empty if they do."""
    common = sorted(set(one.heads) & set(other.heads))
    touched = _touched(network, one) & _touched(network, other)
    if isinstance(one, PATTERNS) and isinstance(other, PATTERNS) and common:
        return f"both set the attention of head {common[0]}"
    if isinstance(one, PreviousToken) and isinstance(other, ForbidPreviousToken) and common:
        return f"head {common[0]} cannot attend to the previous token and not attend to it"
    if {_level(one), _level(other)} == {"attention", "score"} and touched:
        layer, head, row = min(touched)
        return f"attention set after the softmax masks scores set before it, in row(s) {row!r} of head {(layer, head)}"
    if isinstance(one, Temperature) and isinstance(other, Temperature) and touched:
        return f"both set all scores of layer {one.heads[0][0]}"
    if isinstance(one, GraftIn) and isinstance(other, GraftIn) and one.layer == other.layer:
        return f"both set the stream after layer {one.layer}"
    if isinstance(one, GraftIn) and other.heads and min(other.heads)[0] <= one.layer:
        return f"the graft masks layer {min(other.heads)[0]}"
    if isinstance(other, GraftOut) and one.heads and max(one.heads)[0] > other.layer:
        return f"the frozen network has a layer {max(one.heads)[0]} of its own, which no clamp reaches"
    return ""


def _said(clamp: Clamp) -> str:
    heads = f" of {', '.join(map(str, clamp.heads))}" if clamp.heads else ""
    return f"{type(clamp).__name__}{heads}"
