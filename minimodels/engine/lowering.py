"""From a graph of mathematics to one of machine operations: safe primitives in shifted form, so that nothing overflows.

Every exponential has an argument that is at most zero, or is the model's own. What parameters alone decide is
collected, to be computed once a trajectory.
"""

from collections.abc import Sequence

from minimodels.engine.graph import CONDITIONS, CONSTANT, PARAMETER, Graph


class Lowering:
    """Rewrites values of a graph, within the same graph, in machine operations."""

    def __init__(self, g: Graph) -> None:
        self.g = g
        self._done: dict[int, int] = {}

    def lower(self, outputs: Sequence[int]) -> list[int]:
        """Return the values of ``outputs`` in machine operations."""
        for a in self.g.reachable(outputs, self._done):
            self._done[a] = self.lowered(a)
        return [self._done[a] for a in outputs]

    def lowered(self, a: int) -> int:
        """Return the machine form of a value whose arguments are done."""
        g = self.g
        operation = g.nodes[a][0]
        before = g.arguments(a)
        x = [self._done[b] for b in before]
        match operation:
            case "number" | "state" | "parameter" | "row":
                return a
            case "add" | "sub" | "mul" | "neg" | "inv":
                return int(getattr(g, str(operation))(*x))
            case "exp":
                inner = g.nodes[before[0]]
                if inner[0] == "neg" and g.nodes[int(inner[1])][0] == "lse":  # type: ignore[call-overload]
                    return self.inverse_of_sum([self._done[b] for b in g.arguments(int(inner[1]))])  # type: ignore[call-overload]
                return g.exp(x[0])
            case "sigmoid":
                decay = self.decay(x[0])
                share = g.inv(g.add(g.number(1), decay))
                return g.select(self.up(x[0]), share, g.mul(decay, share))
            case "softplus":
                small = g.node("log1p", self.decay(x[0]))
                return g.add(g.select(self.up(x[0]), x[0], g.number(0)), small)
            case "lse":
                top, terms = self.shifted(x)
                return g.add(top, self.log_of_sum(terms))
            case "softmax":
                _, terms = self.shifted(x[1:])
                return g.mul(terms[int(g.value(x[0]) or 0)], g.inv(g.total(terms)))
            case "sign" | "heaviside":
                zero, one = g.number(0), g.number(1)
                below, at = (g.number(-1), zero) if operation == "sign" else (zero, x[1])
                rest = g.select(g.compare("olt", x[0], zero), below, at)
                return g.select(g.compare("ogt", x[0], zero), one, rest)
            case "select":
                return g.select(*x)
        return g.node(str(operation), *x)

    def up(self, x: int) -> int:
        """Return the condition x >= 0."""
        return self.g.compare("oge", x, self.g.number(0))

    def decay(self, x: int) -> int:
        """Return exp(-abs(x))."""
        return self.below(self.g.neg(self.g.size(x)))

    def below(self, x: int) -> int:
        """Return exp(x) of what is never positive."""
        return self.g.number(1) if self.g.value(x) == 0 else self.g.node("decay", x)

    def masked(self, pairs: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return weights and logits; the logit of a weight that may be zero is -inf where it is."""
        g = self.g
        weights, logits = list(pairs[::2]), list(pairs[1::2])
        for i, w in enumerate(weights):
            value = g.value(w)
            if value is None:
                logits[i] = g.select(g.compare("ogt", w, g.number(0)), logits[i], g.number(-float("inf")))
            elif value <= 0:
                logits[i] = g.number(-float("inf"))
        return weights, logits

    def shifted(self, pairs: Sequence[int]) -> tuple[int, list[int]]:
        """Return the largest logit of positive weight, and every term w exp(a) divided by its exponential."""
        g = self.g
        weights, logits = self.masked(pairs)
        top = logits[0]
        for a in logits[1:]:
            top = g.node("max", top, a)
        return top, [g.mul(w, e) for w, e in zip(weights, self.decays(logits, top), strict=True)]

    def decays(self, logits: Sequence[int], top: int) -> list[int]:
        """Return exp(a - top) of every logit; of two or three, one is the top and needs no exponential."""
        g = self.g
        one = g.number(1)
        if len(logits) == 2:
            lead = g.sub(*logits)
            small, up = self.decay(lead), self.up(lead)
            return [g.select(up, one, small), g.select(up, small, one)]
        below = [g.sub(a, top) for a in logits]
        if len(logits) == 3:
            first_leads, third_leads = self.up(below[0]), self.up(below[2])
            first = self.below(g.select(first_leads, below[1], below[0]))
            second = self.below(g.select(third_leads, below[1], below[2]))
            middle = g.select(self.up(below[1]), one, g.select(first_leads, first, second))
            return [g.select(first_leads, one, first), middle, g.select(third_leads, one, second)]
        return [self.below(a) for a in below]

    def log_of_sum(self, terms: Sequence[int]) -> int:
        """Return log(t_1 + t_2 + ...) with t_1 - 1 formed first: exact where t_1 = 1 dominates."""
        g = self.g
        return g.node("log1p", g.total([g.sub(terms[0], g.number(1)), *terms[1:]]))

    def inverse_of_sum(self, pairs: Sequence[int]) -> int:
        """Return exp(-log sum_k w_k exp(a_k))."""
        g = self.g
        top, terms = self.shifted(pairs)
        unit = [
            t for t, w, a in zip(terms, pairs[::2], pairs[1::2], strict=True) if g.value(w) == 1 and g.value(a) == 0
        ]
        return g.mul(unit[0] if unit else g.exp(g.neg(top)), g.inv(g.total(terms)))


def once(g: Graph, outputs: Sequence[int]) -> list[int]:
    """Return what parameters alone decide and the rest needs: it is computed once a trajectory."""
    found: dict[int, None] = {}
    seen: set[int] = set()
    stack = list(reversed(outputs))
    while stack:
        a = stack.pop()
        if a in seen or g.depends[a] == CONSTANT:
            continue
        seen.add(a)
        if g.depends[a] == PARAMETER and g.nodes[a][0] not in CONDITIONS:
            found[a] = None
        else:
            stack += reversed(g.arguments(a))
    return list(found)
