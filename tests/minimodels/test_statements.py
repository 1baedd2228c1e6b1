"""What may be stated, what it means, and the sentence for what may not: names, strings, wrong kinds of argument."""

import keyword
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
from minimodels.expressions import FUNCTIONS, parse

x, y, a = sp.symbols("x y a")


def decay(**options: Any) -> mm.Flow:
    stated: dict[str, Any] = {"name": "decay", "state": {"x": 1.0}, "parameters": {"a": 1.0}, "drift": {"x": "-a*x"}}
    return mm.Flow(**stated | options)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"parameters": {"a": 1, "x_0": 3}}, ("x_0", "parameter", "initial values")),
        ({"parameters": {"a": 1, "rate_x": -2}}, ("rate_x", "parameter", "rates")),
        ({"parameters": {"a": 1, "x": 3}}, ("x", "state", "parameter")),
        ({"parameters": {"a": 1, "loss": 3}}, ("loss", "result", "parameter")),
        ({"parameters": {"a": 1, "seed": 3}}, ("seed", "result", "parameter")),
        ({"observables": {"x": "a"}}, ("x", "state", "observable")),
        ({"observables": {"a": "x"}}, ("a", "parameter", "observable")),
        ({"observables": {"steps": "x"}}, ("steps", "result", "observable")),
        ({"observables": {"stop_time": "x"}}, ("stop_time", "result", "observable")),
        ({"observables": {"rate_x": "x"}}, ("rate_x", "observable", "rates")),
        ({"events": {"x": mm.Event("x", 0.5)}}, ("x", "state", "event")),
        ({"events": {"a": mm.Event("x", 0.5)}}, ("a", "parameter", "event")),
        ({"events": {"x_0": mm.Event("x", 0.5)}}, ("x_0", "initial values", "event")),
        ({"events": {"status": mm.Event("x", 0.5)}}, ("status", "result", "event")),
        ({"observables": {"up": "x"}, "events": {"up": mm.Event("x", 0.5)}}, ("up", "observable", "event")),
        (
            {"observables": {"up_censored": "x"}, "events": {"up": mm.Event("x", 0.5)}},
            ("up_censored", "observable", "up"),
        ),
        ({"events": {"up": mm.Event("x"), "up_censored": mm.Event("x")}}, ("up_censored", "event", "up")),
    ],
)
def test_two_things_of_one_name_are_refused_with_both(options: dict[str, Any], names: tuple[str, ...]) -> None:
    with pytest.raises(mm.InputError) as refused:
        decay(**options)
    for name in names:
        assert name in str(refused.value)


def test_an_event_of_the_caller_may_not_hide_anything_either() -> None:
    m = decay(events={"half": mm.Event("x", 0.5, -1)}, observables={"square": "x**2"})
    for name in ("x", "a", "half", "square", "steps", "x_0", "half_censored", "time"):
        with pytest.raises(mm.InputError, match=name):
            mm.simulate(m, t_end=1.0, events={name: mm.Event("x", 0.7)})


@pytest.mark.parametrize("name", ["a/b", "a b", "", "1a", "\u00b5", "a.b", "x-y"])
def test_names_are_identifiers(name: str) -> None:
    with pytest.raises(mm.InputError, match="letters, digits"):
        mm.Flow(name="odd", state={name: 1.0}, drift={name: "1"})


NAMES = [
    "beta",
    "gamma",
    "N",
    "E",
    "I",
    "S",
    "Q",
    "O",
    "C",
    "pi",
    "exp",
    "lambda",
    "if",
    "in",
    "y0",
    "p0",
    "k",
    "s",
    "\u03bc",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_means_what_the_statement_says(name: str) -> None:
    """SymPy's, Python's and the kernels' own names are names like any other, in text and in SymPy."""
    m = mm.Flow(name="odd", state={name: 1.0}, parameters={"rate": 2.0}, drift={name: f"-rate*{name}"})
    assert float(mm.simulate(m, t_end=1.0, rtol=1e-10)[name][-1]) == pytest.approx(np.exp(-2), rel=1e-8)
    p = mm.Flow(name="odd", state={"v": 1.0}, parameters={name: 2.0}, drift={"v": -sp.Symbol(name) * sp.Symbol("v")})
    grid = mm.sweep(p, {name: [1.0, 3.0]}, t_end=1.0, keep=["v"], rtol=1e-10)
    np.testing.assert_allclose(grid.v, np.exp([-1.0, -3.0]), rtol=1e-8)
    assert str(p.with_rates(v=f"{name}/4").rates["v"]) == f"{name}/4"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch {path}')",
        "open('{path}', 'w')",
        "[open('{path}', 'w') for _ in [1]]",
        "(lambda: open('{path}', 'w'))()",
        "x.__class__.__base__.__subclasses__()",
        "exit()",
        "quit()",
        "exec('1')",
        "eval('1')",
        "globals()",
        "x if open('{path}', 'w') else x",
        "sympify('x')",
        "Symbol('x')",
        "f'{x}'",
        "x := 1",
        "print(x)",
        "9**9**9",
        "x**(9**9**9)",
        "2**(2**(2**(2**(2**2))))",
        "gamma(10**9)",
        "gamma(gamma(gamma(99)))",
        "10**5000",
        "9" * 5000,
        "(" * 5000 + "x" + ")" * 5000,
        "-" * 5000 + "x",
        "x" + "+x" * 100_000,
        "\x00",
        "",
        "x x",
        "x = 1",
        "x > 0",
        "True",
        "1j",
        "x.a",
        "x[0]",
        "'x'",
        "1/0",
        "log(0)",
        "exp(x=1)",
        "exp(*x)",
        "exp()",
        "exp(x, x)",
        "nan",
        "oo",
        "zoo",
        "None",
    ],
)
def test_text_is_never_run(text: str, tmp_path: Path) -> None:
    path = tmp_path / "touched"
    text = text.replace("{path}", str(path))
    start = time.process_time()
    for stated in (
        lambda: decay(drift={"x": text}),
        lambda: decay(rates={"x": text}),
        lambda: decay(observables={"o": text}),
        lambda: decay(events={"e": mm.Event(text, 0.5)}),
        lambda: decay(parameters={"a": mm.Parameter(text)}),
        lambda: decay().with_rates(x=text),
        lambda: mm.GradientFlow(name="loss", state={"x": 1.0}, loss=text),
        lambda: mm.simulate(decay(), t_end=1.0, rates={"x": text}),
    ):
        with pytest.raises(mm.InputError):
            stated()
    assert not path.exists()
    assert time.process_time() - start < 20


TEXTS = {
    "2*x - y/3 + 1e-3": 2 * x - y / 3 + sp.Float("1e-3"),
    "-x**2": -(x**2),
    "2**-1*x": x / 2,
    "x % 3": sp.Mod(x, 3),
    "exp(-x)*sqrt(y)": sp.exp(-x) * sp.sqrt(y),
    "abs(x) + max(x, y, 1) - min(x, 2)": sp.Abs(x) + sp.Max(x, y, 1) - sp.Min(x, 2),
    "log(x, 2) + ln(y)": sp.log(x, 2) + sp.log(y),
    "ceil(x) + floor(y) + sign(x)": sp.ceiling(x) + sp.floor(y) + sp.sign(x),
    "atan2(x, y) + pi": sp.atan2(x, y) + sp.pi,
    "Heaviside(x, 1)": sp.Heaviside(x, 1),
    "x if x > y else -x": sp.Piecewise((x, x > y), (-x, True)),
    "Piecewise((x, (x > 0) & (y <= 1)), (y, True))": sp.Piecewise((x, sp.And(x > 0, y <= 1)), (y, True)),
    "x if 0 < x < 1 or y == 2 else y": sp.Piecewise((x, sp.Or(sp.And(x > 0, x < 1), sp.Eq(y, 2))), (y, True)),
    "sigmoid(x) + softplus(y)": mm.sigmoid(x) + mm.softplus(y),
    "logsumexp((1, x), (y, 0))": mm.logsumexp((1, x), (y, 0)),
    "softmax(1, (1, x), (2, y))": mm.softmax(1, (1, x), (2, y)),
    "sinc(x)": sp.sin(x) / x,
    "sinc(0) + x": 1 + x,
    "sinc(1) + x": sp.sin(1) + x,
}


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_read_as_mathematics(text: str) -> None:
    exact = TEXTS[text]
    read = parse(text, {"x": x, "y": y}, "test")
    assert read == exact or all(
        abs(sp.N((read - exact).xreplace({x: sp.Float(u), y: sp.Float(v)}))) < 1e-14
        for u, v in ((0.7, 1.3), (2.1, 0.4), (1.5, 2.0))
    )


def test_a_long_sum_is_read() -> None:
    assert parse("+".join(f"{k}*x" for k in range(500)), {"x": x}, "sum") == sum(range(500)) * x


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2*alpa", "did you mean 'alpha'"),
        ("sgmoid(alpha)", "did you mean 'sigmoid'"),
        ("alpha beta", "not an expression"),
        ("softplus(alpha, 1)", "softplus"),
        ("sigmoid(alpha, 1)", "sigmoid"),
    ],
)
def test_what_is_not_known_gets_a_suggestion(text: str, sentence: str) -> None:
    with pytest.raises(mm.InputError, match=sentence):
        parse(text, {"alpha": x}, "rate")


def test_an_event_knows_observables_and_the_loss_by_name() -> None:
    m = mm.GradientFlow(
        name="bowl", state={"x": 1.0}, loss="x**2/2", observables={"square": "x**2"},
        events={"quarter": mm.Event("square", 0.25, -1)},
    )  # fmt: skip
    run = mm.simulate(
        m, t_end=5.0, rtol=1e-10, events={"low": mm.Event("loss", 0.02, -1), "two": mm.Event("2*square", 1, -1)}
    )
    assert float(run.quarter) == pytest.approx(np.log(2), rel=1e-8)
    assert float(run.low) == pytest.approx(-np.log(0.04) / 2, rel=1e-8)
    assert float(run.two) == pytest.approx(np.log(2) / 2, rel=1e-8)


BAD: list[tuple[Any, str]] = [
    (lambda: decay(state=["x"]), "`state`.*dictionary"),
    (lambda: decay(state={x: 1.0}), "`state`.*dictionary"),
    (lambda: decay(state={"x": "one"}), "initial value.*number"),
    (lambda: decay(state={"x": np.nan}), "initial value.*finite"),
    (lambda: decay(state={"x": None}), "initial value.*number"),
    (lambda: decay(state={}), "no state variable"),
    (lambda: decay(drift=["-x"]), "`drift`.*dictionary"),
    (lambda: decay(drift="-x"), "`drift`.*dictionary"),
    (lambda: decay(drift={"x": None}), "not a formula"),
    (lambda: decay(drift={"x": [1]}), "not a formula"),
    (lambda: decay(drift={"x": True}), "not a formula"),
    (lambda: decay(drift={"x": np.inf}), "finite"),
    (lambda: decay(drift={"y": "x"}), "unknown state"),
    (lambda: decay(parameters=[1]), "`parameters`.*dictionary"),
    (lambda: decay(observables=["x"]), "`observables`.*dictionary"),
    (lambda: decay(events=[mm.Event("x")]), "`events`.*dictionary"),
    (lambda: decay(events={"e": "x - 1"}), "must be an Event"),
    (lambda: decay(events={"e": ("x", 1)}), "must be an Event"),
    (lambda: decay(events={"e": mm.Event("x", "high")}), "level.*number"),
    (lambda: mm.Event("x", 0.5, 2), "direction"),
    (lambda: decay(name="a b"), "identifier"),
    (lambda: decay(name=3), "identifier"),
    (lambda: mm.simulate(decay(), t_end=1.0, init=[2.0]), "`init`.*dictionary"),
    (lambda: mm.simulate(decay(), t_end=1.0, events=[mm.Event("x")]), "`events`.*dictionary"),
    (lambda: mm.simulate(decay(), t_end=1.0, events={"e": "x - 1"}), "must be an Event"),
    (lambda: mm.simulate(decay(), t_end=(0, 10)), "`t_end` must be a number"),
    (lambda: mm.simulate(decay(), t_end="10"), "`t_end` must be a number"),
    (lambda: mm.logsumexp("x"), "pairs"),
    (lambda: mm.logsumexp(("1", "x")), "pairs"),
    (lambda: mm.softmax(3, (1, x), (1, y)), "number of a term"),
    (lambda: decay().with_values(a="2"), "must be a number"),
    (lambda: decay().with_values(a=True), "must be a number"),
]


@pytest.mark.parametrize(("stated", "sentence"), BAD)
def test_a_wrong_kind_of_argument_gets_one_sentence(stated: Any, sentence: str) -> None:
    with pytest.raises(mm.InputError, match=sentence) as refused:
        stated()
    assert "\n" not in str(refused.value)


def test_the_functions_that_are_listed_are_those_that_compile() -> None:
    """Every function of the grammar integrates, by an explicit and by an implicit method."""
    for name, (_, fewest, _) in FUNCTIONS.items():
        inner = {
            "Piecewise": "(x, x > 1), (2*x, True)", "logsumexp": "(1, x), (2, 0)", "softmax": "1, (1, x), (2, 0)",
            "acosh": "2 + x**2", "asin": "x/9", "acos": "x/9", "atanh": "x/9",
        }.get(name, ", ".join(["x", "2"][:fewest]))  # fmt: skip
        m = mm.Flow(name="one", state={"x": 0.8}, drift={"x": f"-{name}({inner})/10"})
        ends = [float(mm.simulate(m, t_end=1.0, method=method, rtol=1e-9).x[-1]) for method in ("tsit5", "rodas4")]
        assert ends[0] == pytest.approx(ends[1], rel=1e-6), name


def test_python_s_own_words_are_listed_here_on_purpose() -> None:
    assert {n for n in NAMES if keyword.iskeyword(n)} == {"lambda", "if", "in"}


def test_values_at_a_point_need_no_run() -> None:
    m = mm.GradientFlow(
        name="bowl", state={"x": 1.0, "y": 2.0}, parameters={"a": 3.0}, loss=a * x**2 / 2, observables={"sum": "x + y"},
        rates={"x": 0.5},
    )  # fmt: skip
    assert mm.evaluate(m, {"x": 2.0}) == {"loss": 6.0, "sum": 4.0, "d_x": -3.0, "d_y": 0.0}
    half = mm.Map(name="half", state={"x": 4.0}, update={"x": "x/2"})
    assert mm.evaluate(half) == {"d_x": -2.0}
    for bad in ({"z": 1.0}, {"x": "one"}, [1.0]):
        with pytest.raises(mm.InputError):
            mm.evaluate(m, bad)


def test_numbers_that_differ_in_the_last_place_are_different_statements() -> None:
    ends = [
        float(mm.simulate(decay(drift={"x": c * x}), t_end=1.0, save=[1.0]).x[0])
        for c in (-8 / 3, np.nextafter(-8 / 3, 0))
    ]
    assert ends[0] != ends[1]


OF_PARAMETERS = [
    *(f"{name}(a/9)" for name, (_, fewest, most) in FUNCTIONS.items() if fewest == most == 1 and name != "acosh"),
    "acosh(a + 1)", "log(a, 3)", "atan2(a, 2)", "Heaviside(a - b, 1)", "Mod(a, 2)", "Max(a, b)", "Min(a, b, 1)",
    "max(a, b)", "min(a, b)", "Piecewise((a, a > b), (b, True))", "a if a > b else b", "logsumexp((1, a), (b, 2*a))",
    "softmax(1, (1, a), (b, 2))", "softplus(1000*a)", "sigmoid(1000*a)", "sigmoid(-1000*a)",
    "logsumexp((1, 1000*a), (2, 900*a))", "softmax(0, (1, 1000*a), (2, 900*a))",
]  # fmt: skip


def test_all_functions_are_among_those_of_parameters() -> None:
    assert {name for name in FUNCTIONS if any(f"{name}(" in text for text in OF_PARAMETERS)} | {"log"} == set(FUNCTIONS)


@pytest.mark.parametrize("text", OF_PARAMETERS)
def test_an_expression_of_parameters_has_the_same_value_wherever_it_stands(text: str) -> None:
    shared: dict[str, Any] = {"name": "m", "state": {"x": 0.0}, "parameters": {"a": 2.5, "b": 1.5}}
    drift = mm.Flow(**shared, drift={"x": text})
    rate = mm.Flow(**shared, drift={"x": 1}, rates={"x": text})
    default = mm.Flow(**(shared | {"parameters": {"a": 2.5, "b": 1.5, "c": text}}), drift={"x": "c"})
    expected = mm.sweep(drift, {"a": [2.5, 0.5]}, t_end=1.0, keep="x").x
    for model in (rate, default):
        np.testing.assert_allclose(mm.sweep(model, {"a": [2.5, 0.5]}, t_end=1.0, keep="x").x, expected, rtol=1e-12)
    np.testing.assert_allclose(default.values["c"], float(expected[0]), rtol=1e-12)
    np.testing.assert_allclose(rate.rate_values()["x"], float(expected[0]), rtol=1e-12)


def test_what_parameters_alone_cannot_be_worked_out_to_is_said() -> None:
    m = mm.Flow(name="m", state={"x": 1.0}, parameters={"a": 2.0}, drift={"x": 1}, rates={"x": sp.harmonic(a)})
    with pytest.raises(mm.InputError, match=r"harmonic\(a\) of the parameters cannot be worked out as numbers"):
        mm.simulate(m, t_end=1.0)
    m = mm.Flow(name="m", state={"x": 1.0}, parameters={"a": -3.0}, drift={"x": 1}, rates={"x": "gamma(a)"})
    with pytest.raises(mm.RunFailed, match=r"no value for the rate of 'x', gamma\(a\), at time 0, x=1; check"):
        mm.simulate(m, t_end=1.0)


CONDITIONS = [
    ("x if (x if x > 1 else 3) > 2 else 7", lambda x: x if (x if x > 1 else 3) > 2 else 7),
    ("(x if x > 0 else 1) if (x if x > 1 else (2 if x > 3 else x)) > (x if x < 0 else 5) else x**2", lambda x:
        (x if x > 0 else 1) if (x if x > 1 else (2 if x > 3 else x)) > (x if x < 0 else 5) else x**2),
    ("1 if 2 > 1 else x", lambda x: 1),
    ("Piecewise((x, x > 2), (3, 1 > 2), (2*x, True), (9, x > 0))", lambda x: x if x > 2 else 2 * x),
    (sp.Piecewise((1, sp.Not(sp.Or(x > 2, x < 1))), (5, True)), lambda x: 1 if not (x > 2 or x < 1) else 5),
    (sp.Piecewise((1, sp.Xor(x > 2, x < 3)), (5, True)), lambda x: 1 if (x > 2) != (x < 3) else 5),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "meaning"), CONDITIONS, ids=[str(row[0])[:40] for row in CONDITIONS])
def test_conditions_within_conditions(statement: Any, meaning: Any) -> None:
    m = mm.Flow(name="m", state={"x": 0.0}, drift={"x": statement})
    for at in (-1.5, 0.5, 1.5, 2.5, 4.5, 7.5):
        assert mm.evaluate(m, {"x": at})["d_x"] == pytest.approx(meaning(at)), at


def test_a_constant_that_floating_point_does_not_have_is_refused() -> None:
    m = mm.Flow(name="m", state={"x": 1.0}, parameters={"a": 1e308}, drift={"x": "1e-300*1e-300*a**3"})
    with pytest.raises(mm.InputError, match=r"the constant 1.0.*e-600 lies beyond the floating-point numbers"):
        mm.simulate(m, t_end=1.0)


def test_what_sympy_cannot_compare_is_one_sentence() -> None:
    with pytest.raises(mm.InputError, match="the drift of 'x' of 'm' cannot be worked out as a real number or formula"):
        mm.Flow(name="m", state={"x": 1.0}, drift={"x": "x if asin(2) > x else 1"})
