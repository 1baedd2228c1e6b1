r"""The attention-only transformer of Singh et al. (2024, 2025), computed for what the query's loss needs.

Tokens are embedded exemplars :math:`x E + b` and labels, in turns, the query last. Every layer reads
:math:`\hat x = \mathrm{LayerNorm}(x)` and adds what its heads write,

.. math::

    x_i \leftarrow x_i + \sum_h O_h \sum_{j\le i} A^h_{ij} V_h \hat x_j, \qquad
    A^h_i = \mathrm{softmax}_j\,S^h_{ij}, \quad S^h_{ij} = (R_i Q_h \hat x_i)\cdot(R_j K_h \hat x_j)/\sqrt{d_h},

with rotations R of adjacent coordinates by the position times 10000^{-2m/d_h}, m = 0, 1, ..., or, in their place, a
learnt table of positions, or their sines and cosines, that are added to the tokens. After its heads a layer may have a
perceptron of one hidden layer, :math:`x \leftarrow x + N\,\mathrm{GELU}(M\,\mathrm{LayerNorm}(x) + m) + n`. Logits are
a linear map, with bias, of the query's normalised stream. Only the query's row is computed in the last layer.

Whatever is computed on the way has a name (`sites`), and can be replaced there: clamps (`validation.singh.clamps`) do
nothing else. Layers and heads count from 0.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from minimodels.errors import InputError, check_choice, check_names, check_whole, shown, unknown
from minimodels.streams import Stream, generator
from minimodels.tasks.exemplar_label import ExemplarLabelTask, ExemplarSequences
from validation.protocols import Held, Parameters
from validation.singh import measures, products
from validation.singh.applied import check_together, clamped
from validation.singh.clamps import Clamp, check_clamps
from validation.singh.record import Hook, Record, Value

POSITIONS = 32  # of the learnt table
LONGEST = 30.0  # the slowest sine's angle per position is about one over this (authors' code)
TRUNCATED = 0.8796256610342398  # standard deviation of a standard normal truncated at two
EPS = 1e-5  # of LayerNorm


class Tokens(NamedTuple):
    """Inputs `vectors` (S, M, D), `which` of them the exemplars are (S, n, P + 1), `labels` (S, n, P), `target` (S, n).

    A vector that many exemplars share is there once.
    """

    vectors: Tensor
    which: Tensor
    labels: Tensor
    target: Tensor

    @property
    def exemplars(self) -> Tensor:
        """The exemplars themselves (S, n, P + 1, D)."""
        return _looked_up(self.vectors, self.which)

    def with_exemplars(self, exemplars: Tensor) -> "Tokens":
        """The same sequences of other exemplars."""
        S, n, items, D = exemplars.shape
        each = torch.arange(n * items, device=exemplars.device).view(n, items).expand(S, n, items)
        return Tokens(exemplars.reshape(S, -1, D), each, self.labels, self.target)


@dataclass(frozen=True)
class Transformer:
    """Options of the network; `manipulations` are lists of clamps by name.

    =============  ============================================================================================
    layers, heads  how many; a head has width/heads coordinates
    width          of the residual stream
    positions      "rotary": queries and keys are rotated; "table": a learnt table is added to the tokens;
                   "sinusoidal": sines and cosines of the position times 30^(-2m/width) are
    mlp            hidden units of the perceptron in every layer, by the width of the stream; 0: there is none
    manipulations  lists of clamps, by name: {"match": (Induction(heads=(1, 3)), ...)}; a name is a word for the
                   clamp of a training, clamp={"manipulation": "match"}, and of what is measured later
    =============  ============================================================================================

    Linear maps begin as a normal law truncated at two standard deviations, of standard deviation 1/sqrt(fan-in), label
    embeddings as 0.02 of a standard normal law truncated at two, biases at 0, LayerNorm at (1, 0), the table uniform
    within 1/sqrt(32).

    Raises
    ------
    InputError
        For an option that cannot be, for clamps of heads that do not exist, and for clamps that contradict each other.
    """

    layers: int = 2
    heads: int = 8
    width: int = 64
    positions: Literal["rotary", "table", "sinusoidal"] = "rotary"
    mlp: int = 0
    manipulations: tuple[tuple[str, tuple[Clamp, ...]], ...] = ()

    on_tests: ClassVar[tuple[str, ...]] = ("loss", "accuracy", "context_accuracy")
    escape: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, most in (("layers", 100), ("heads", 1000), ("width", 2**16)):
            object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", 1, most))
        object.__setattr__(self, "mlp", check_whole(self.mlp, "`mlp`", 0, 64))
        check_choice(self.positions, "`positions`", ("rotary", "table", "sinusoidal"))
        if self.width % self.heads:
            raise InputError(f"`heads` must divide `width`; got heads={self.heads}, width={self.width}.")
        if self.positions == "sinusoidal" and self.width % 2:
            raise InputError(f"sinusoidal positions need an even `width`; got {self.width}.")
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise InputError(
                f"rotary positions need heads of an even width; got {self.width // self.heads}: change `heads`."
            )
        given = list(self.manipulations.items()) if isinstance(self.manipulations, Mapping) else self.manipulations
        pairs = isinstance(given, tuple | list)
        if not pairs or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in given):
            raise InputError(
                f"`manipulations` are lists of clamps by name, as {{'alone': [ZeroHead(heads=[(1, 0)])]}}; "
                f"got {shown(self.manipulations)}."
            )
        names = check_names([name for name, _ in given], "the names of `manipulations`")
        if len(set(names)) < len(names) or "" in names:
            raise InputError(f"every manipulation has a name of its own; got {shown(names)}.")
        made = tuple((name, check_clamps(clamps)) for name, clamps in given)
        for _, clamps in made:
            check_together(self, clamps)
        object.__setattr__(self, "manipulations", made)

    @property
    def sites(self) -> dict[str, tuple[str, ...]]:
        """What can be clamped in a training, and the words for it."""
        names = tuple(name for name, _ in self.manipulations)
        return {"manipulation": names} if names else {}

    @property
    def head_width(self) -> int:
        """Coordinates of a head."""
        return self.width // self.heads

    def initial(self, task: ExemplarLabelTask, seed: int) -> dict[str, NDArray[np.float32]]:
        """Fresh parameters of one seed.

        E, b and labels embed; of every layer, norm and shift (d,) of LayerNorm, Q, K, V (H, d, d/H), O (H, d/H, d),
        and of a perceptron, between and across (d,) of its LayerNorm, M, m, N, n; norm and shift of the last one, U and
        u of the read-out.
        """
        if not isinstance(task, ExemplarLabelTask):
            raise InputError(f"Transformer learns an ExemplarLabelTask; got {shown(task)}.")
        if self.positions == "table" and task.length > POSITIONS:
            raise InputError(f"the table has {POSITIONS} positions; got sequences of {task.length} tokens: lower `P`.")
        rng = generator(check_whole(seed, "`seed`", 0, 2**64 - 1), Stream.NETWORK)
        H, d, e = self.heads, self.width, self.head_width

        def truncated(std: float, *shape: int) -> NDArray[np.float32]:
            low, high = 0.022750131948179195, 0.9772498680518208  # of a standard normal law at -2 and 2
            return np.asarray(std * ndtri(rng.uniform(low, high, shape)), np.float32)

        def linear(fan_in: int, *shape: int) -> NDArray[np.float32]:
            return truncated(1 / math.sqrt(fan_in) / TRUNCATED, *shape)

        def constant(value: float, size: int) -> NDArray[np.float32]:
            return np.full(size, value, np.float32)

        out = {"E": linear(task.D, task.D, d), "b": constant(0, d), "labels": truncated(0.02, task.K, d)}
        if self.positions == "table":
            bound = 1 / math.sqrt(POSITIONS)
            out["table"] = rng.uniform(-bound, bound, (POSITIONS, d)).astype(np.float32)
        for layer in range(self.layers):
            out |= {f"norm{layer}": constant(1, d), f"shift{layer}": constant(0, d)}
            out |= {f"{name}{layer}": linear(d, H, d, e) for name in "QKV"} | {f"O{layer}": linear(d, H, e, d)}
            if hidden := self.mlp * d:
                out |= {f"between{layer}": constant(1, d), f"across{layer}": constant(0, d)}
                out |= {f"M{layer}": linear(d, d, hidden), f"m{layer}": constant(0, hidden)}
                out |= {f"N{layer}": linear(hidden, hidden, d), f"n{layer}": constant(0, d)}
        out |= {"norm": constant(1, d), "shift": constant(0, d)}
        return out | {"U": linear(d, d, task.K), "u": constant(0, task.K)}

    def batch(self, task: ExemplarLabelTask, samples: Sequence[ExemplarSequences], device: str = "cpu") -> Tokens:
        """Sequences of every seed, side by side."""
        each = [_distinct(one, task) for one in samples]
        most = max(len(vectors) for vectors, _ in each)
        columns: list[list[NDArray[Any]]] = [
            [np.pad(vectors, ((0, most - len(vectors)), (0, 0))) for vectors, _ in each],
            [which for _, which in each],
            [one.labels for one in samples],
            [one.target for one in samples],
        ]
        return Tokens(*(torch.from_numpy(np.stack(column)).to(device) for column in columns))

    def cost(self, task: ExemplarLabelTask) -> float:
        """Relative cost of a step of one seed."""
        d = self.width
        return float(task.D * d * (task.P + 1) + (4 + 2 * self.mlp) * self.layers * task.length * d * d
                     + d * task.K)  # fmt: skip

    def forward(
        self, parameters: Parameters, tokens: Tokens, hooks: Mapping[str, Sequence[Hook]] | None = None
    ) -> Record:
        """Everything, by site, when it is asked for; what `hooks` give for a site, each for the next, stands there.

        ==============================  ============================================================================
        exemplars, labels               their embeddings (S, n, P + 1, d), (S, n, P, d)
        tokens, embedding               both in turns (S, n, T, d); with positions, if they are added
        0.normed                        what the heads of a layer read (S, n, T, d)
        0.q, 0.k, 0.v                   queries (rotated), keys (rotated), values (S, n, H, T, d/H)
        0.S, 0.A                        scores and attention (S, n, H, T, T), rows that attend first
        0.z, 0.written                  head outputs (S, n, H, T, d/H), and their sum after projection (S, n, T, d)
        0.mlp                           what the perceptron writes, if there is one (S, n, T, d)
        0.block                         the stream after the layer (S, n, T, d)
        norm, logits                    the query's normalised stream (S, n, d), its logits (S, n, K)
        ==============================  ============================================================================

        In the last layer there is one row, the query's, of q, S, A, z, written, mlp and block.
        """
        P, record = parameters, Record(hooks)
        at = record.state

        def embedded() -> Tensor:
            table = torch.baddbmm(P["b"][:, None], tokens.vectors.to(P["E"].dtype), P["E"])
            return _looked_up(table, tokens.which)

        def in_turns() -> Tensor:
            x, y = exemplars().transpose(1, 2), labels().transpose(1, 2)
            pairs = torch.stack([x[:, :-1], y], dim=2).flatten(1, 2)
            return torch.cat([pairs, x[:, -1:]], dim=1).transpose(1, 2)

        exemplars = at("exemplars", embedded)
        labels = at("labels", lambda: _looked_up(P["labels"], tokens.labels))
        both = at("tokens", in_turns)
        x = at("embedding", lambda: self._placed(P, both()))
        for layer in range(self.layers):
            x = self._layer(P, layer, x, at)
        query = at("norm", lambda: layer_normed(x()[:, :, -1], P["norm"], P["shift"]))
        at("logits", lambda: torch.baddbmm(P["u"][:, None], query(), P["U"]))
        return record

    def _layer(self, P: Parameters, layer: int, x: Value, at: Callable[[str, Value], Value]) -> Value:
        """The stream after a layer; in the last one, of the query alone."""
        H, e, last = self.heads, self.head_width, layer == self.layers - 1

        def normalised() -> Tensor:
            return layer_normed(x().transpose(1, 2), P[f"norm{layer}"], P[f"shift{layer}"]).transpose(1, 2)

        @cache
        def read() -> Tensor:  # (S, d, T n)
            return normed().transpose(1, 2).flatten(1, 2).mT

        def heads(name: str, rows: int = 0) -> Tensor:
            S, n, T, _ = normed().shape
            weights = P[f"{name}{layer}"].mT.flatten(1, 2)  # (S, H e, d)
            made = torch.bmm(weights, read()[..., -rows * n :]).view(S, H, e, -1, n)
            turned = name != "V" and self.positions == "rotary"
            return products.first(products.rotated(made, T) if turned else made)

        def projected() -> Tensor:
            flat = products.last(z())
            S, _, _, R, n = flat.shape
            made = torch.bmm(flat.reshape(S, H * e, R * n).mT, P[f"O{layer}"].flatten(1, 2))
            return made.view(S, R, n, -1).transpose(1, 2)

        @cache
        def between() -> Tensor:
            return (x()[:, :, -1:] if last else x()) + written()

        normed = at(f"{layer}.normed", normalised)
        q = at(f"{layer}.q", lambda: heads("Q", rows=1 if last else 0))
        k, v = at(f"{layer}.k", lambda: heads("K")), at(f"{layer}.v", lambda: heads("V"))
        S = at(f"{layer}.S", lambda: products.scores(q(), k()))
        A = at(f"{layer}.A", lambda: products.softmax(S()))
        z = at(f"{layer}.z", lambda: products.weighted(A(), v()))
        written = at(f"{layer}.written", projected)
        if not self.mlp:
            return at(f"{layer}.block", between)
        more = at(f"{layer}.mlp", lambda: _perceptron(P, layer, between()))
        return at(f"{layer}.block", lambda: between() + more())

    def _placed(self, P: Parameters, x: Tensor) -> Tensor:
        """The stream (S, n, T, d) with what is added for positions."""
        if self.positions == "table":
            return x + P["table"][:, None, : x.shape[2]]
        return x + _waves(x) if self.positions == "sinusoidal" else x

    def clamps(self, held: Held | None) -> tuple[Clamp, ...]:
        """The clamps of a manipulation that is held."""
        known = dict(self.manipulations)
        for site, name in (held or {}).items():
            if site != "manipulation":
                raise unknown("site", site, self.sites)
            if name not in known:
                raise unknown("manipulation", name, known)
            return known[name]
        return ()

    def losses(self, parameters: Parameters, batch: Tokens, held: Held | None = None) -> dict[str, Tensor]:
        """The loss, mean of -log p(target) over the batch, one for each seed."""
        logits = clamped(self, parameters, batch, self.clamps(held))["logits"]
        return {"loss": -torch.log_softmax(logits, dim=-1).gather(-1, batch.target[..., None]).mean(dim=(1, 2))}

    @torch.no_grad()
    def measures(self, parameters: Parameters, batch: Tokens, held: Held | None = None) -> dict[str, Tensor]:
        """The readings of `validation.singh.measures`, and of every head its strength, one value for each seed.

        `induction_1.3` is the induction strength of head 3 in layer 1, the last; `previous_0.2` the previous-token
        strength of head 2 in layer 0, of a network of two layers or more.
        """
        record = clamped(self, parameters, batch, self.clamps(held))
        labels, target = batch.labels.cpu().numpy(), batch.target.cpu().numpy()
        found = measures.readings(record["logits"].cpu(), labels, target)
        last = self.layers - 1
        strength = measures.induction_strength(record[f"{last}.A"][..., 0, :].cpu(), labels, target)
        found |= {f"induction_{last}.{head}": strength[..., head] for head in range(self.heads)}
        if last:
            previous = measures.previous_token_strength(record["0.A"].cpu())
            found |= {f"previous_0.{head}": previous[..., head] for head in range(self.heads)}
        like = parameters["U"]
        return {name: torch.from_numpy(np.array(value)).to(like) for name, value in found.items()}


def layer_normed(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """LayerNorm of (S, ..., d), with a scale and a shift (S, d) of every seed."""
    between = (slice(None), *[None] * (x.dim() - 2))
    return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=EPS) * scale[between] + shift[between]


def _perceptron(P: Parameters, layer: int, x: Tensor) -> Tensor:
    """What the perceptron of a layer writes to its stream (S, n, T, d)."""
    S, n, T, _ = x.shape
    flat = layer_normed(x.transpose(1, 2), P[f"between{layer}"], P[f"across{layer}"]).flatten(1, 2)
    hidden = torch.nn.functional.gelu(torch.baddbmm(P[f"m{layer}"][:, None], flat, P[f"M{layer}"]))
    return torch.baddbmm(P[f"n{layer}"][:, None], hidden, P[f"N{layer}"]).view(S, T, n, -1).transpose(1, 2)


def _waves(x: Tensor) -> Tensor:
    """Sines, then cosines, of the position times 30^(-2m/d), for a stream (S, n, T, d)."""
    T, d = x.shape[-2:]
    rate = LONGEST ** (-torch.arange(0, d, 2, device=x.device, dtype=torch.float64) / d)
    angle = torch.arange(T, device=x.device)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=-1).to(x.dtype)


def _looked_up(table: Tensor, rows: Tensor) -> Tensor:
    """Rows (S, n, m) of the table (S, M, d) of every seed, (S, n, m, d); in memory the sequences come after the m."""
    places = rows + table.shape[1] * torch.arange(len(table), device=rows.device)[:, None, None]
    return torch.nn.functional.embedding(places.transpose(1, 2), table.flatten(0, 1)).transpose(1, 2)


def _distinct(samples: ExemplarSequences, task: ExemplarLabelTask) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vectors (M, D), each once if a class is one vector, and which of them the exemplars are (n, P + 1)."""
    flat, classes = samples.exemplars.reshape(-1, task.D), samples.classes
    if task.w:
        return flat, np.arange(len(flat)).reshape(classes.shape)
    _, place, which = np.unique(classes, return_index=True, return_inverse=True)
    return flat[place], which.reshape(classes.shape)
