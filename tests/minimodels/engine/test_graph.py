"""Expressions as a graph: what compiled programs give for any statement, against mpmath and SymPy's own derivatives."""

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import minimodels as mm
from minimodels.compiled import Compiled
from minimodels.engine.calculus import gradient, tangents
from minimodels.engine.graph import Graph, Reader
from minimodels.engine.kernel import Kernel
from minimodels.primitives import elementary, logsumexp, sigmoid, softmax, softplus
from tests.minimodels.systems import at

x, y, z, p, q = sp.symbols("x y z p q", real=True)
STATES, PARAMETERS = (x, y, z), (p, q)


def compiled(outputs: list[sp.Expr]) -> Any:
    """Return the compiled outputs as a function of states (P, 3) and parameters (1, 2)."""
    g = Graph()
    known = {s: g.state(i) for i, s in enumerate(STATES)} | {s: g.parameter(i) for i, s in enumerate(PARAMETERS)}
    reader = Reader(g, known)
    kernel = Kernel(g, {"f": ([], [reader.read(e) for e in outputs])}, 2, "test")
    return lambda states, parameters: kernel.evaluate("f", states, kernel.table(parameters))


EXPRESSIONS = [
    x + 2 * y - z / 3 + p,
    (x - y) ** 3 / (1 + z**2) - 1 / (x**2 + p),
    sp.exp(x - p) * sp.log(1 + y**2) + sp.sqrt(z**2 + q),
    sp.sin(x) * sp.cos(y) + sp.tan(z / 4) + sp.tanh(x * y) + sp.sinh(x) - sp.cosh(y / 2),
    sp.asin(sp.tanh(x)) + sp.acos(y / 9) + sp.atan(z) + sp.atan2(x, 2 + y**2) + sp.asinh(z) + sp.atanh(x / 9),
    sp.acosh(2 + y**2) + sp.erf(x) + sp.erfc(y),
    sigmoid(x - y) * softplus(y * z) - sigmoid(-x) + softplus(-30 * z),
    logsumexp((1, x), (p, y), (2, x * z), (q, 0)) + softmax(1, (1, x), (p, y * z), (q, z)),
    softmax(0, (2, x), (p, y)) * sp.exp(-logsumexp((1, 0), (q, z))),
    sp.exp(-logsumexp((1, 1), (q, z))) + softmax(0, (1, 1), (1, x)),
    sp.Max(x, y) - sp.Min(y, z, p) + sp.Abs(x - z),
    sp.Piecewise((x**2, x > y), (y * z, sp.And(y >= z, x < q)), (sp.exp(z), True)),
    (x**2 + 1) ** sp.Rational(5, 2) + (y**2 + 1) ** p + x**7 - (z**2 + 2) ** -sp.Rational(3, 2),
    sp.pi * x + sp.E**2 + sp.sqrt(2) * y,
    sp.gamma(3 + x / 2) + sp.loggamma(5 + y) + sp.sech(z) - sp.gamma(z) / 9,
    sp.sign(x) * y**2 + sp.Heaviside(y - z) * x,
]
NUMBERS = st.floats(-4, 4).filter(lambda v: abs(v) > 1e-3)


@settings(deadline=None, max_examples=25)
@given(state=st.tuples(NUMBERS, NUMBERS, NUMBERS), parameters=st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)))
def test_values_and_both_derivatives_are_those_of_the_expression(state: Any, parameters: Any) -> None:
    table = dict(zip((*STATES, *PARAMETERS), (*state, *parameters), strict=True))
    if min(abs(a - b) for i, a in enumerate(table.values()) for b in list(table.values())[:i]) < 1e-3:
        return  # at a kink of Max, Min, Abs or Piecewise
    if abs(state[2] - round(state[2])) < 1e-3:
        return  # at a pole of gamma
    plain = [elementary(e) for e in EXPRESSIONS]
    exact = [e.evalf(40, subs=table) for e in plain]
    slopes = [sp.diff(e, s).evalf(40, subs=table) for e in plain for s in STATES]
    values, backward, forward = DERIVED(np.array([state]), np.array([parameters]))
    np.testing.assert_allclose(values, [float(v) for v in exact], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(backward, [float(v) for v in slopes], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(forward, [float(v) for v in slopes], rtol=1e-11, atol=1e-12)


def derived() -> Any:
    g = Graph()
    states = [g.state(i) for i in range(3)]
    known = dict(zip(STATES, states, strict=True)) | {s: g.parameter(i) for i, s in enumerate(PARAMETERS)}
    reader = Reader(g, known)
    values = [reader.read(e) for e in EXPRESSIONS]
    back = [slope for v in values for slope in gradient(g, v, states)]
    ahead = [slope for row in tangents(g, values, states) for slope in row]
    kernel = Kernel(g, {"f": ([], [*values, *back, *ahead])}, 2, "test")
    cuts = [len(values), len(values) + len(back)]

    def function(state: np.ndarray, parameters: np.ndarray) -> list[np.ndarray]:
        return np.split(kernel.evaluate("f", state, kernel.table(parameters))[0], cuts)

    return function


DERIVED = derived()


def test_what_parameters_alone_decide_is_computed_once() -> None:
    g = Graph()
    reader = Reader(g, {x: g.state(0), p: g.parameter(0), q: g.parameter(1)})
    kernel = Kernel(g, {"f": ([], [reader.read(sp.exp(p) * sp.log(q) * x + sp.sin(q))])}, 2, "test")
    table = kernel.table(np.array([[0.5, 2.0], [1.0, 3.0]]))
    np.testing.assert_allclose(np.sort(table, axis=1), np.sort([
        [math.exp(0.5) * math.log(2.0), math.sin(2.0)], [math.exp(1.0) * math.log(3.0), math.sin(3.0)],
    ], axis=1), rtol=1e-15)  # fmt: skip


def test_a_slope_that_is_infinite_in_the_other_branch_does_not_come_through() -> None:
    root = sp.Piecewise((sp.sqrt(x), x > 0), (2 * x, True))
    m = mm.GradientFlow(name="root", state={"x": 0.0}, loss=root)
    assert at(m, [[0.0], [4.0], [-1.0]])["d_x"].tolist() == [-2.0, -0.25, -2.0]


def test_a_state_that_the_loss_does_not_know_rests() -> None:
    m = mm.GradientFlow(name="half", state={"x": 1.0, "y": 2.0}, loss=x**2)
    assert at(m, [[3.0, 5.0]])["d_y"].tolist() == [0.0]


@pytest.mark.parametrize("size", [1, 7, 8, 9, 64, 65, 130])
def test_any_number_of_points_gives_the_same(size: int) -> None:
    function = compiled([sigmoid(x) * y + p, sp.exp(z)])
    states = np.random.default_rng(0).normal(size=(130, 3))
    every = function(states, np.array([[0.3, 1.0]]))
    assert np.array_equal(function(states[:size], np.array([[0.3, 1.0]])), every[:size])


def test_a_long_sum_is_formed_in_pairs() -> None:
    """Ten thousand equal terms: their sum one by one would be wrong in the twelfth digit."""
    g = Graph()
    terms = [g.mul(g.number(1.0 + k * 2.0**-52), g.state(0)) for k in range(10_000)]
    kernel = Kernel(g, {"f": ([], [g.total(terms)])}, 0, "sum")
    found = kernel.evaluate("f", np.array([[0.1]]), np.empty((1, 0)))[0, 0]
    one_by_one = 0.0
    for k in range(10_000):
        one_by_one += (1.0 + k * 2.0**-52) * 0.1
    exact = math.fsum((1.0 + k * 2.0**-52) * 0.1 for k in range(10_000))
    assert abs(found - exact) < 3e-13 < abs(one_by_one - exact)


def test_work_grows_with_the_terms_of_a_loss_not_with_terms_times_states() -> None:
    """The gradient backwards: twice the states, about twice the operations."""
    counts = []
    for n in (20, 40):
        s = sp.symbols(f"s:{n}")
        loss = sp.tanh(sp.Add(*(sp.sin(a) * (k + 1) for k, a in enumerate(s)))) ** 2
        kernels = Compiled(mm.GradientFlow(name="wide", state={str(a): 0.1 for a in s}, loss=loss))
        counts.append(len(kernels.graph.reachable(kernels.drift)))
    assert counts[1] < 2.2 * counts[0]


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [(sp.zeta(x), "zeta"), (sp.besselj(0, x), "besselj"), (sp.I * x, "real"), (x * sp.sqrt(-2), "real")],
)
def test_what_cannot_be_compiled_is_named(expression: sp.Expr, sentence: str) -> None:
    with pytest.raises(mm.InputError, match=sentence):
        at(mm.GradientFlow(name="odd", state={"x": 1.0}, loss=expression), [[1.0]])


def test_where_they_jump_functions_have_the_value_that_is_stated() -> None:
    values = compiled([sp.Heaviside(x, 1), sp.Heaviside(x), sp.Heaviside(x, 0), sp.sign(x), sp.Mod(x, 2)])  # fmt: skip
    found = values(np.array([[0.0, 0, 0], [-1.0, 0, 0], [3.0, 0, 0]]), np.zeros((1, 2)))
    assert found.tolist() == [[1, 0.5, 0, 0, 0], [0, 0, 0, -1, 1], [1, 1, 1, 1, 1]]


@pytest.mark.parametrize("method", ["tsit5", "rodas4"])
def test_kinks_and_conditions_integrate_with_every_method(method: str) -> None:
    """Conditions on parameters alone, shared by two states, a Huber loss: derivatives almost everywhere."""
    switch = sp.Piecewise((1, p > 1), (2, True))
    falls = sp.Piecewise((-y, x > sp.Rational(1, 2)), (0, True))
    m = mm.Flow(
        name="switches", state={"x": 1.0, "y": 1.0}, parameters={"p": 0.5, "q": 1.0},
        drift={"x": -switch * x, "y": falls * switch},
    )  # fmt: skip
    run = mm.simulate(m, t_end=1.0, method=method, rtol=1e-9, atol=1e-12)
    assert float(run.x[-1]) == pytest.approx(np.exp(-2.0), rel=1e-6)
    assert float(run.y[-1]) == pytest.approx(0.5, rel=1e-4)  # until x = 1/2
    huber = sp.Piecewise((x**2 / 2, sp.Abs(x) <= 1), (sp.Abs(x) - sp.Rational(1, 2), True))
    well = mm.GradientFlow(name="huber", state={"x": 3.0}, loss=huber)
    run = mm.simulate(well, t_end=4.0, method=method, rtol=1e-9, atol=1e-12)
    assert float(run.x[-1]) == pytest.approx(np.exp(-2.0), rel=1e-5)  # down to 1 at t = 2, then exponentially
    assert [round(f.state["x"], 6) for f in mm.fixed_points(well)] == [0.0]
