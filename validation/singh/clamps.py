r"""Clamps: what is set in a forward pass instead of computed, in training and afterwards (artificial optogenetics).

A clamp replaces activations where it says, and everything downstream uses them. Nothing is detached: gradients flow
through what the trained network produced (hold, copy, temperature, perfect layer 0, graft-out), and there are none
through constants, inputs and frozen networks. Layers and heads count from 0: a head is (layer, head). T = 2P + 1 tokens
x_1, l_1, ..., x_q at positions 0, ..., 2P. The *plain* pass is that without any clamp.

=====================  ==============================================================================================
ZeroHead               v = 0: the head writes nothing; attention is left alone
Hold                   the plain pass's A, v, q or k in every layer and head
Temperature            S = S_plain/tau in these heads, S_plain in the others of their layer
Copy                   the query's logits are the plain scores of one head at the labels, -1e9 for absent labels
GraftIn                the stream after a layer is that of a frozen network
ZeroEmbedding          token embeddings are 0; only with Hold
PreviousToken          A[i, i - 1] = strength, A[i, i] = 1 - strength, A[0, 0] = 1
Induction              the query attends to labels that equal the target, `strength` in equal shares, and to the others
Match                  the query attends to labels by softmax(cos(x_i, x_q)/temperature) of inputs
ForbidPreviousToken    S[i, i - 1] = -1e9
SilenceNonLabel        the query's scores at exemplars, itself included, are -1e9
PerfectLayer0          scores and attention of layer 1 from embeddings shifted by one, everything else from embeddings
GraftOut               the stream after a layer is read by a frozen network
=====================  ==============================================================================================

They are applied in this order, later ones over earlier ones (`validation.singh.applied`); grafts are in
`validation.singh.grafts`.
Plain passes do not see other clamps: a copy reads the scores of the network as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Number
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from minimodels.errors import InputError, check_between, check_choice, check_list, check_whole, shown
from validation.protocols import Parameters
from validation.singh.record import Hook, Record, Value, put

Head: TypeAlias = tuple[int, int]  # layer, head
Heads: TypeAlias = tuple[Head, ...]
Rows: TypeAlias = Literal["all", "labels"]
Replaced: TypeAlias = list[tuple[str, Hook]]  # sites, with what comes there

NEVER = -1e9  # a score or logit that is forbidden; finite, so that gradients are


@dataclass
class Given:
    """What a clamp may use: the network, its parameters, the tokens, and passes through it."""

    network: Any
    parameters: Parameters
    tokens: Any

    @cached_property
    def plain(self) -> Record:
        """The pass without any clamp."""
        return self.again({})

    def again(self, hooks: Mapping[str, Sequence[Hook]]) -> Record:
        """A pass with other values at some sites."""
        record: Record = self.network.forward(self.parameters, self.tokens, hooks)
        return record


class Clamp:
    """A clamp; `heads` are those it is about, () if all or none."""

    heads: Heads = ()
    level: ClassVar[str] = ""  # "score" before the softmax, "attention" after it
    rows_of: ClassVar[str] = "all"

    def hooks(self, given: Given) -> Replaced:
        """What it puts where."""
        raise NotImplementedError


@dataclass(frozen=True)
class OfHeads(Clamp):
    """A clamp of some heads: (layer, head), or several."""

    heads: Heads = field()

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", check_heads(self.heads))

    def by_layer(self) -> dict[int, list[int]]:
        """Heads by layer."""
        return {layer: [h for at, h in self.heads if at == layer] for layer in sorted({at for at, _ in self.heads})}


@dataclass(frozen=True)
class ZeroHead(OfHeads):
    """The heads write nothing: their values are 0 at all tokens, their attention is left alone."""

    def hooks(self, given: Given) -> Replaced:
        """Values of 0."""
        return [(f"{layer}.v", _over(heads, 0.0)) for layer, heads in self.by_layer().items()]


@dataclass(frozen=True)
class Hold(Clamp):
    """Every layer and head uses `which` ("A", "v", "q", "k") of the plain pass."""

    which: tuple[str, ...] = ("A",)

    def __post_init__(self) -> None:
        words = [self.which] if isinstance(self.which, str) else check_list(self.which, "`which`", "['A', 'v']")
        kept = [check_choice(word, "every word of `which`", ("A", "v", "q", "k")) for word in words]
        object.__setattr__(self, "which", tuple(dict.fromkeys(kept)))

    def hooks(self, given: Given) -> Replaced:
        """Those of the plain pass."""
        sites = [f"{layer}.{word}" for layer in range(given.network.layers) for word in self.which]
        return [(site, put(given.plain[site])) for site in sites]


@dataclass(frozen=True)
class Temperature(OfHeads):
    """S = S_plain/tau in heads of one layer, one tau for all or one for each; the layer's other heads have S_plain."""

    tau: float | tuple[float, ...] = 1.0
    level: ClassVar[str] = "score"

    def __post_init__(self) -> None:
        given, tau = _plain(self.heads), _plain(self.tau)
        super().__post_init__()
        if len({layer for layer, _ in self.heads}) > 1:
            raise InputError(f"a temperature is of heads of one layer; got {shown(self.heads)}.")
        if isinstance(tau, Sequence) and not isinstance(tau, str):
            if list(self.heads) != [tuple(head) if isinstance(head, Sequence) else head for head in given]:
                raise InputError(f"give heads in their order, each once, with one tau for each; got {shown(given)}.")
            tau = tuple(check_between(t, "every `tau`", 1e-6, 1e6) for t in tau)
            if len(tau) != len(self.heads):
                raise InputError(f"`tau` is one number, or one for each of {len(self.heads)} heads; got {len(tau)}.")
        else:
            tau = check_between(tau, "`tau`", 1e-6, 1e6)
        object.__setattr__(self, "tau", tau)

    def hooks(self, given: Given) -> Replaced:
        """The scores of the plain pass, divided."""
        ((layer, heads),) = self.by_layer().items()
        scores = given.plain[f"{layer}.S"]
        divisor = scores.new_ones(scores.shape[2])
        divisor[heads] = torch.as_tensor(self.tau, dtype=scores.dtype, device=scores.device)
        return [(f"{layer}.S", put(scores / divisor[:, None, None]))]


@dataclass(frozen=True)
class Copy(Clamp):
    """The query's logit of a label is the plain score, scaled and rotated, of one head at it; absent labels: -1e9.

    A label that occurs more than once has the logarithm of the sum of exponentials of its scores.
    """

    head: Head

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", check_heads([self.head])[0])

    @property
    def heads(self) -> Heads:  # type: ignore[override]
        """The one."""
        return (self.head,)

    def hooks(self, given: Given) -> Replaced:
        """Scores for logits."""
        return [("logits", _copied(given.plain, self.head, given))]


@dataclass(frozen=True)
class ZeroEmbedding(Clamp):
    """Token embeddings are 0: together with `Hold`, no direct path from embedding to read-out."""

    def hooks(self, given: Given) -> Replaced:
        """Zeros."""
        return [("tokens", lambda value, _: torch.zeros_like(value()))]


@dataclass(frozen=True)
class PreviousToken(OfHeads):
    """A[i, i - 1] = strength, A[i, i] = 1 - strength, A[0, 0] = 1 in all rows, exemplars' too, or those of labels."""

    strength: float = 1.0
    rows: Rows = "all"
    level: ClassVar[str] = "attention"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "strength", check_between(self.strength, "`strength`", 0, 1))
        check_choice(self.rows, "`rows`", ("all", "labels"))

    def hooks(self, given: Given) -> Replaced:
        """One pattern for all sequences."""
        T = 2 * given.tokens.labels.shape[-1] + 1
        pattern = self.strength * torch.ones(T - 1, dtype=torch.float64).diag(-1)
        pattern += (1 - self.strength) * torch.eye(T, dtype=torch.float64)
        pattern[0, 0] = 1
        return [(f"{layer}.A", _over(heads, pattern, self.rows)) for layer, heads in self.by_layer().items()]


@dataclass(frozen=True)
class Induction(OfHeads):
    """The query's row: labels that equal the target share `strength`, the other labels 1 - strength, the rest has 0.

    It uses the true target. Where no label equals it, its share goes nowhere.
    """

    strength: float = 1.0
    level: ClassVar[str] = "attention"
    rows_of: ClassVar[str] = "query"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "strength", check_between(self.strength, "`strength`", 0, 1))

    def hooks(self, given: Given) -> Replaced:
        """Equal shares."""
        right = (given.tokens.labels == given.tokens.target[..., None]).double()
        number = right.sum(-1, keepdim=True)
        wrong, others = 1 - right, right.shape[-1] - number
        shares = self.strength * right / number.clamp(min=1) + (1 - self.strength) * wrong / others.clamp(min=1)
        return [(f"{layer}.A", _over(h, _on_labels(shares), "query")) for layer, h in self.by_layer().items()]


@dataclass(frozen=True)
class Match(OfHeads):
    """The query's row: softmax of cos(x_i, x_q)/temperature over the context's inputs, each on the label behind it.

    At temperature 0 every maximiser has weight 1: ties are not normalised.
    """

    temperature: float = 0.0
    level: ClassVar[str] = "attention"
    rows_of: ClassVar[str] = "query"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "temperature", check_between(self.temperature, "`temperature`", 0, 1e6))

    def hooks(self, given: Given) -> Replaced:
        """Weights from inputs."""
        x = torch.nn.functional.normalize(given.tokens.exemplars.double(), dim=-1)
        cos = (x[:, :, :-1] * x[:, :, -1:]).sum(-1)
        ties = (cos >= cos.amax(-1, keepdim=True) - 1e-12).double()  # equal but for rounding
        weights = torch.softmax(cos / self.temperature, -1) if self.temperature else ties
        return [(f"{layer}.A", _over(h, _on_labels(weights), "query")) for layer, h in self.by_layer().items()]


@dataclass(frozen=True)
class ForbidPreviousToken(OfHeads):
    """S[i, i - 1] = -1e9 in all rows, or those of labels."""

    rows: Rows = "all"
    level: ClassVar[str] = "score"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.rows, "`rows`", ("all", "labels"))

    def hooks(self, given: Given) -> Replaced:
        """Scores of -1e9 below the diagonal."""
        T = 2 * given.tokens.labels.shape[-1] + 1
        where = torch.ones(T - 1).diag(-1).bool()
        return [(f"{layer}.S", _over(h, NEVER, self.rows, where)) for layer, h in self.by_layer().items()]


@dataclass(frozen=True)
class SilenceNonLabel(OfHeads):
    """The query's scores at all exemplars, itself included, are -1e9, in heads of the last layer."""

    level: ClassVar[str] = "score"
    rows_of: ClassVar[str] = "query"

    def hooks(self, given: Given) -> Replaced:
        """Scores of -1e9 at even positions."""
        T = 2 * given.tokens.labels.shape[-1] + 1
        where = (torch.arange(T) % 2 == 0).expand(T, T)
        return [(f"{layer}.S", _over(h, NEVER, "query", where)) for layer, h in self.by_layer().items()]


@dataclass(frozen=True)
class PerfectLayer0(Clamp):
    """Layer 1 of two attends as if layer 0 had moved every token one place on, and nothing else of layer 0 is there.

    A pass with the stream after layer 0 := E, rows 1, ..., T - 2 being those of the token before, gives layer 1's
    scores and attention. With that attention, and the stream after layer 0 := E as it is, goes the last pass; or, with
    `copy`, the logits are scores of that head (see `Copy`), and no head's value matters.
    """

    copy: Head | None = None

    def __post_init__(self) -> None:
        if self.copy is not None:
            object.__setattr__(self, "copy", check_heads([self.copy])[0])

    def hooks(self, given: Given) -> Replaced:
        """Attention, or logits, of the shifted pass."""

        def shifted(_: Value, found: Record) -> Tensor:
            E = found["embedding"]
            return torch.cat([E[:, :, :1], E[:, :, :-2], E[:, :, -1:]], dim=2)

        second = given.again({"0.block": [shifted]})
        if self.copy is not None:
            return [("logits", _copied(second, self.copy, given))]
        return [("0.block", lambda _, found: found["embedding"]), ("1.A", put(second["1.A"]))]


def check_heads(given: Any) -> Heads:
    """Return heads, each (layer, head), in order and once; one alone may be given as it is."""
    given = _plain(given)
    alone = isinstance(given, Sequence) and len(given) == 2 and all(isinstance(n, Number) for n in given)
    several = [given] if alone else check_list(given, "`heads`", "[(0, 2), (1, 3)]")
    found = []
    for head in map(_plain, several):
        if isinstance(head, str) or not isinstance(head, Sequence) or len(head) != 2:
            raise InputError(f"a head is (layer, head), as (1, 3), both from 0; got {shown(head)}.")
        found.append((check_whole(head[0], "a layer", 0), check_whole(head[1], "a head", 0)))
    return tuple(sorted(set(found)))


def _over(heads: list[int], new: Tensor | float, rows: str = "all", where: Tensor | None = None) -> Hook:
    """Put values over those of some heads (the third axis) and rows (the fourth), `where` (T, T) says so."""

    def hook(computed: Value, _: Record) -> Tensor:
        value = computed()
        H, R, T = value.shape[-3:]
        mask = torch.tensor([head in heads for head in range(H)], device=value.device)[:, None, None]
        if rows != "all":
            row = torch.arange(T, device=value.device)[-R:, None]
            mask = mask & (row % 2 == 1 if rows == "labels" else row == T - 1)
        if where is not None:
            mask = mask & where.to(value.device)[-R:]
        other = new.to(value)[..., -R:, :] if isinstance(new, Tensor) else value.new_tensor(new)
        return torch.where(mask, other, value)

    return hook


def _on_labels(weights: Tensor) -> Tensor:
    """Weights of labels (S, n, P) as one row of attention to all tokens, (S, n, 1, 1, T)."""
    S, n, P = weights.shape
    out = weights.new_zeros(S, 2 * P + 1, n)  # in memory the sequences are last, as in `validation.singh.products`
    out[:, 1::2] = weights.mT
    return out.mT[:, :, None, None]


def _copied(record: Record, head: Head, given: Given) -> Hook:
    """Logits from the query's scores of a head at labels (S, n, P)."""
    (layer, number), labels, K = head, given.tokens.labels, given.parameters["U"].shape[-1]
    scores = record[f"{layer}.S"][:, :, number, -1, 1::2]
    same = labels[..., None] == labels[..., None, :]
    joined = torch.logsumexp(torch.where(same, scores[:, :, None], -torch.inf), dim=-1)
    first = ~same.tril(-1).any(-1)  # of a label that occurs again, one place counts

    zeros = joined.new_zeros(*labels.shape[:2], K)
    there = torch.zeros_like(zeros, dtype=torch.bool).scatter(-1, labels, True)
    return put(torch.where(there, zeros.scatter_add(-1, labels, torch.where(first, joined, 0.0)), NEVER))


def _plain(value: Any) -> Any:
    """A list in the place of an array, a number in that of an array's number."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def check_clamps(given: Any) -> tuple[Clamp, ...]:
    """Return clamps; one alone may be given as it is."""
    several = [given] if isinstance(given, Clamp) else list(given) if isinstance(given, list | tuple) else given
    if not isinstance(several, list) or not all(isinstance(one, Clamp) for one in several):
        raise InputError(f"clamps are a list, as [ZeroHead(heads=[(1, 0)])]; got {shown(given)}.")
    return tuple(several)
