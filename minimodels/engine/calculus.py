"""Derivatives of a graph: the gradient backwards, tangents forwards, from one table of partial derivatives."""

import math
from collections.abc import Sequence

from minimodels.engine.graph import CONDITIONS, STATE, Graph
from minimodels.errors import InputError


def partials(g: Graph, a: int) -> list[tuple[int, int]]:
    """Return (argument, derivative of ``a`` by it) for the arguments that depend on states."""
    operation = g.nodes[a][0]
    arguments = g.arguments(a)
    moving = [i for i, b in enumerate(arguments) if g.depends[b] == STATE]
    if operation in ("lse", "softmax"):
        terms = arguments if operation == "lse" else arguments[1:]
        rule = lse_slope if operation == "lse" else softmax_slope
        shift = len(arguments) - len(terms)
        return [(arguments[i], rule(g, a, i - shift)) for i in moving]
    return [(arguments[i], slope(g, a, str(operation), arguments, i)) for i in moving]


def lse_slope(g: Graph, a: int, i: int) -> int:
    """Return the derivative of log sum_k w_k exp(a_k) by its i-th argument, of w_0, a_0, w_1, a_1, ..."""
    terms = g.arguments(a)
    k, is_logit = divmod(i, 2)
    if is_logit:
        return g.node("softmax", g.number(k), *terms)
    return g.exp(g.sub(terms[2 * k + 1], a))


def softmax_slope(g: Graph, a: int, i: int) -> int:
    """Return the derivative of w_j exp(a_j) / sum_k w_k exp(a_k) by the i-th of w_0, a_0, w_1, a_1, ..."""
    chosen, *terms = g.arguments(a)
    j = int(g.value(chosen) or 0)
    k, is_logit = divmod(i, 2)

    def share(m: int) -> int:
        return g.node("softmax", g.number(m), *terms)

    if is_logit and j == k:  # of two shares, the other is what is missing to one, without cancellation
        return g.mul(a, share(1 - j) if len(terms) == 4 else g.sub(g.number(1), a))
    if is_logit:
        return g.neg(g.mul(a, share(k)))
    rest = g.exp(g.sub(terms[2 * k + 1], g.node("lse", *terms)))  # exp(a_k) / sum
    return g.mul(rest, g.sub(g.number(1), a)) if j == k else g.neg(g.mul(a, rest))


def slope(g: Graph, a: int, operation: str, arguments: Sequence[int], i: int) -> int:
    """Return the derivative of an operation by its i-th argument."""
    x = arguments[0]
    y = arguments[1] if len(arguments) > 1 else x
    one = g.number(1)

    def square(b: int) -> int:
        return g.mul(b, b)

    match operation:
        case "add":
            return one
        case "sub":
            return one if i == 0 else g.number(-1)
        case "neg":
            return g.number(-1)
        case "mul":
            return y if i == 0 else x
        case "inv":
            return g.neg(square(a))
        case "sqrt":
            return g.mul(g.number(0.5), g.inv(a))
        case "pow":
            lower = g.raised(x, g.sub(y, one))
            return g.mul(y, lower) if i == 0 else g.mul(a, g.node("log", x))
        case "exp":
            return a
        case "log":
            return g.inv(x)
        case "sigmoid":
            return g.mul(a, g.node("sigmoid", g.neg(x)))
        case "softplus":
            return g.node("sigmoid", x)
        case "abs":
            return g.node("sign", x)
        case "sign" | "heaviside" | "floor" | "ceil":
            return g.number(0)
        case "max" | "min":
            lead = g.sub(x, y) if (i == 0) == (operation == "max") else g.sub(y, x)
            return g.heaviside(lead)
        case "sin":
            return g.node("cos", x)
        case "cos":
            return g.neg(g.node("sin", x))
        case "tan":
            return g.add(one, square(a))
        case "asin":
            return g.inv(g.node("sqrt", g.sub(one, square(x))))
        case "acos":
            return g.neg(g.inv(g.node("sqrt", g.sub(one, square(x)))))
        case "atan":
            return g.inv(g.add(one, square(x)))
        case "atan2":
            size = g.inv(g.add(square(x), square(y)))
            return g.mul(y, size) if i == 0 else g.neg(g.mul(x, size))
        case "sinh":
            return g.node("cosh", x)
        case "cosh":
            return g.node("sinh", x)
        case "tanh":
            return g.inv(square(g.node("cosh", x)))
        case "asinh":
            return g.inv(g.node("sqrt", g.add(square(x), one)))
        case "acosh":
            return g.inv(g.node("sqrt", g.sub(square(x), one)))
        case "atanh":
            return g.inv(g.sub(one, square(x)))
        case "tgamma":
            return g.mul(a, g.digamma(x))
        case "lgamma":
            return g.digamma(x)
        case "erf" | "erfc":
            bell = g.mul(g.number(2 / math.sqrt(math.pi)), g.exp(g.neg(square(x))))
            return bell if operation == "erf" else g.neg(bell)
    raise InputError(f"the derivative of {operation!r} is not known.")


def gradient(g: Graph, output: int, states: Sequence[int]) -> list[int]:
    """Differentiate one value by every state, backwards: a few times the work of the value itself.

    Where a condition chooses, forwards: a slope that is infinite in the branch not taken must not come through.
    """
    order = g.reachable([output])
    if any(g.nodes[a][0] == "select" for a in order):
        return tangents(g, [output], states)[0]
    received: dict[int, list[int]] = {output: [g.number(1)]}
    for a in reversed(order):
        if g.depends[a] == STATE and a in received:
            arrived = g.total(received[a])
            received[a] = [arrived]
            for b, partial in partials(g, a):
                received.setdefault(b, []).append(g.mul(arrived, partial))
    return [received[x][0] if x in received else g.number(0) for x in states]


def tangents(g: Graph, outputs: Sequence[int], states: Sequence[int]) -> list[list[int]]:
    """Differentiate values by every state, forwards; what does not depend on a state costs nothing."""
    slopes: dict[int, dict[int, int]] = {x: {j: g.number(1)} for j, x in enumerate(states)}
    for a in g.reachable(outputs):
        if g.depends[a] < STATE or a in slopes or g.nodes[a][0] in CONDITIONS:
            continue
        if g.nodes[a][0] == "select":
            condition, *branches = g.arguments(a)
            first, second = (slopes.get(b, {}) for b in branches)
            zero = g.number(0)
            slopes[a] = {
                j: g.select(condition, first.get(j, zero), second.get(j, zero)) for j in sorted({*first, *second})
            }
            continue
        terms: dict[int, list[int]] = {}
        for b, partial in partials(g, a):
            for j, change in slopes.get(b, {}).items():
                terms.setdefault(j, []).append(g.mul(partial, change))
        slopes[a] = {j: g.total(values) for j, values in sorted(terms.items())}
    zero = g.number(0)
    return [[slopes.get(a, {}).get(j, zero) for j in range(len(states))] for a in outputs]
