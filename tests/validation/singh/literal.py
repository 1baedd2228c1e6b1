"""The transformer as it is defined: one sequence, token by token, number by number, every row of every layer.

A stored value is the override where its mask is true, and the computed value elsewhere; clamps are masks and values,
written down from the definition of each, of arrays of whole layers: q, k, v (H, T, e), S, A (H, T, T), tokens,
embedding, block (T, d), logits (K,).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
Values = dict[str, Array]
Overrides = dict[str, list[tuple[Array, Array]]]  # by site: masks, values; later ones over earlier ones


class Literal:
    """One network, in double precision."""

    def __init__(self, parameters: dict[str, Any], layers: int = 2, positions: str = "rotary") -> None:
        self.P = {name: np.asarray(p, np.float64) for name, p in parameters.items()}
        self.layers, self.positions = layers, positions
        self.H, self.d, self.e = self.P["Q0"].shape

    def forward(self, exemplars: Array, labels: Array, overrides: Overrides | None = None) -> Values:
        P, H, d, e, T = self.P, self.H, self.d, self.e, 2 * len(labels) + 1
        found: Values = {}

        def store(site: str, value: Array) -> Array:
            for mask, other in (overrides or {}).get(site, ()):
                value = np.where(mask, other, value)
            found[site] = value
            return value

        x = np.zeros((T, d))
        for i in range(T):
            for c in range(d):
                x[i, c] = (
                    P["labels"][labels[i // 2], c]
                    if i % 2
                    else P["b"][c] + exemplars[i // 2].astype(float) @ P["E"][:, c]
                )
        x = store("tokens", x)
        if self.positions == "table":
            x = np.array([x[i] + P["table"][i] for i in range(T)])
        if self.positions == "sinusoidal":
            turned = [[np.exp(1j * i / 30 ** (2 * m / d)) for m in range(d // 2)] for i in range(T)]
            x = np.array([x[i] + np.array([w.imag for w in turned[i]] + [w.real for w in turned[i]]) for i in range(T)])
        x = store("embedding", x)
        for n in range(self.layers):
            normed = np.array([self.norm(x[i], P[f"norm{n}"], P[f"shift{n}"]) for i in range(T)])
            q, k, v = (np.zeros((H, T, e)) for _ in range(3))
            for h in range(H):
                for i in range(T):
                    q[h, i] = self.turn(normed[i] @ P[f"Q{n}"][h], i)
                    k[h, i] = self.turn(normed[i] @ P[f"K{n}"][h], i)
                    v[h, i] = normed[i] @ P[f"V{n}"][h]
            q, k, v = store(f"{n}.q", q), store(f"{n}.k", k), store(f"{n}.v", v)
            S, A = np.zeros((H, T, T)), np.zeros((H, T, T))
            for h in range(H):
                for i in range(T):
                    for j in range(T):
                        S[h, i, j] = q[h, i] @ k[h, j] / math.sqrt(e) if j <= i else -1e20
            S = store(f"{n}.S", S)
            for h in range(H):
                for i in range(T):
                    weights = [math.exp(s - max(S[h, i])) for s in S[h, i]]
                    A[h, i] = np.array(weights) / sum(weights)
            A = store(f"{n}.A", A)
            after = x.copy()
            for i in range(T):
                for h in range(H):
                    for j in range(T):
                        after[i] += A[h, i, j] * (v[h, j] @ P[f"O{n}"][h])
            for i in range(T if f"M{n}" in P else 0):
                hidden = self.norm(after[i], P[f"between{n}"], P[f"across{n}"]) @ P[f"M{n}"] + P[f"m{n}"]
                after[i] += (
                    np.array([h * (1 + math.erf(h / math.sqrt(2))) / 2 for h in hidden]) @ P[f"N{n}"] + P[f"n{n}"]
                )
            x = store(f"{n}.block", after)
        store("logits", self.norm(x[T - 1], P["norm"], P["shift"]) @ P["U"] + P["u"])
        return found

    def norm(self, x: Array, scale: Array, shift: Array) -> Array:
        mean = sum(x) / len(x)
        variance = sum((c - mean) ** 2 for c in x) / len(x)
        return np.array(
            [(c - mean) / math.sqrt(variance + 1e-5) * s + t for c, s, t in zip(x, scale, shift, strict=True)]
        )

    def turn(self, x: Array, position: int) -> Array:
        out = x.copy()
        for m in range(len(x) // 2 if self.positions == "rotary" else 0):
            turned = complex(x[2 * m], x[2 * m + 1]) * np.exp(1j * position / 10000 ** (2 * m / len(x)))
            out[2 * m], out[2 * m + 1] = turned.real, turned.imag
        return out

    def everywhere(self, site: str, T: int) -> tuple[Array, Array]:
        """A mask that is false everywhere and values of 0, of the shape of a site."""
        shape = {"v": (self.H, T, self.e), "S": (self.H, T, T), "A": (self.H, T, T)}[site.partition(".")[2]]
        return np.zeros(shape, bool), np.zeros(shape)


Clamped = Callable[[Literal, Array, Array, int], Values]  # network, exemplars, labels, target


def zero_head(heads: list[tuple[int, int]]) -> Clamped:
    def run(net: Literal, x: Array, labels: Array, target: int) -> Values:
        return net.forward(x, labels, _zeroed(net, labels, heads))

    return run


def _zeroed(net: Literal, labels: Array, heads: list[tuple[int, int]]) -> Overrides:
    made: Overrides = {}
    for layer, head in heads:
        mask, value = net.everywhere(f"{layer}.v", 2 * len(labels) + 1)
        mask[head] = True
        made.setdefault(f"{layer}.v", []).append((mask, value))
    return made


def hold(which: str, zeroed: list[tuple[int, int]], embedding: bool = False) -> Clamped:
    """Held activations of the plain pass, and heads zeroed; with `embedding`, token embeddings too."""

    def run(net: Literal, x: Array, labels: Array, target: int) -> Values:
        plain = net.forward(x, labels)
        made: Overrides = {}
        for layer in range(net.layers):
            for word in which:
                value = plain[f"{layer}.{word}"]
                made[f"{layer}.{word}"] = [(np.ones(value.shape, bool), value)]
        for site, several in _zeroed(net, labels, zeroed).items():
            made[site] = made.get(site, []) + several
        if embedding:
            made["tokens"] = [(np.ones(plain["tokens"].shape, bool), np.zeros(plain["tokens"].shape))]
        return net.forward(x, labels, made)

    return run


def previous_token(heads: list[tuple[int, int]], p: float, labels_only: bool = False) -> Clamped:
    def run(net: Literal, x: Array, labels: Array, target: int) -> Values:
        T, made = 2 * len(labels) + 1, {}
        for layer, head in heads:
            mask, value = made.setdefault(f"{layer}.A", net.everywhere(f"{layer}.A", T))
            for i in range(T):
                if labels_only and i % 2 == 0:
                    continue
                mask[head, i] = True
                if i == 0:
                    value[head, 0, 0] = 1
                else:
                    value[head, i, i - 1], value[head, i, i] = p, 1 - p
        return net.forward(x, labels, {site: [each] for site, each in made.items()})

    return run


def forbid(heads: list[tuple[int, int]], labels_only: bool = False) -> Clamped:
    def run(net: Literal, x: Array, labels: Array, target: int) -> Values:
        T, made = 2 * len(labels) + 1, {}
        for layer, head in heads:
            mask, value = made.setdefault(f"{layer}.S", net.everywhere(f"{layer}.S", T))
            for i in range(1, T):
                if i % 2 or not labels_only:
                    mask[head, i, i - 1], value[head, i, i - 1] = True, -1e9
        return net.forward(x, labels, {site: [each] for site, each in made.items()})

    return run


def _query_row(net: Literal, x: Array, labels: Array, heads: list[tuple[int, int]], weights: list[float]) -> Values:
    T, made = 2 * len(labels) + 1, {}
    for layer, head in heads:
        mask, value = made.setdefault(f"{layer}.A", net.everywhere(f"{layer}.A", T))
        mask[head, T - 1] = True
        for p, weight in enumerate(weights):
            value[head, T - 1, 2 * p + 1] = weight
    return net.forward(x, labels, {site: [each] for site, each in made.items()})


def induction(heads: list[tuple[int, int]], s: float) -> Clamped:
    def run(net: Literal, x: Array, labels: Array, target: int) -> Values:
        right = [label == target for label in labels]
        weights = [s / sum(right) if yes else (1 - s) / (len(labels) - sum(right)) for yes in right]
        return _query_row(net, x, labels, heads, weights)

    return run


def match(heads: list[tuple[int, int]], temperature: float) -> Clamped:
    def run(net: Literal, x: Array, labels: Array, target: int) -> Values:
        items = x.astype(float)
        cos = [a @ items[-1] / math.sqrt(a @ a * (items[-1] @ items[-1])) for a in items[:-1]]
        if temperature:
            weights = [math.exp(c / temperature) for c in cos]
            weights = [w / sum(weights) for w in weights]
        else:
            weights = [float(c > max(cos) - 1e-13) for c in cos]
        return _query_row(net, x, labels, heads, weights)

    return run


def _logits_of(S: Array, head: int, labels: Array, K: int) -> Array:
    out = np.full(K, -1e9)
    for label in set(labels.tolist()):
        scores = [S[head, -1, 2 * p + 1] for p in range(len(labels)) if labels[p] == label]
        out[label] = math.log(sum(math.exp(s) for s in scores))
    return out


def copy(layer: int, head: int) -> Clamped:
    def run(net: Literal, x: Array, labels: Array, target: int) -> Values:
        plain = net.forward(x, labels)
        return plain | {"logits": _logits_of(plain[f"{layer}.S"], head, labels, len(plain["logits"]))}

    return run


def temperature(layer: int, taus: dict[int, float]) -> Clamped:
    def run(net: Literal, x: Array, labels: Array, target: int) -> Values:
        S = net.forward(x, labels)[f"{layer}.S"].copy()
        for head, tau in taus.items():
            S[head] = S[head] / tau
        return net.forward(x, labels, {f"{layer}.S": [(np.ones(S.shape, bool), S)]})

    return run


def silence(layer: int, head: int) -> Clamped:
    def run(net: Literal, x: Array, labels: Array, target: int) -> Values:
        T = 2 * len(labels) + 1
        mask, value = net.everywhere(f"{layer}.S", T)
        for j in range(0, T, 2):
            mask[head, T - 1, j], value[head, T - 1, j] = True, -1e9
        return net.forward(x, labels, {f"{layer}.S": [(mask, value)]})

    return run


def perfect_layer_0(copied: int | None, zeroed: list[tuple[int, int]]) -> Clamped:
    def run(net: Literal, x: Array, labels: Array, target: int) -> Values:
        T, E = 2 * len(labels) + 1, net.forward(x, labels)["embedding"]
        shifted = np.array([E[i - 1] if 1 <= i <= T - 2 else E[i] for i in range(T)])
        everywhere = np.ones(E.shape, bool)
        second = net.forward(x, labels, {"0.block": [(everywhere, shifted)]})
        if copied is not None:
            return second | {"logits": _logits_of(second["1.S"], copied, labels, len(second["logits"]))}
        A = second["1.A"]
        made = {"0.block": [(everywhere, E)], "1.A": [(np.ones(A.shape, bool), A)]}
        return net.forward(x, labels, made | _zeroed(net, labels, zeroed))

    return run
