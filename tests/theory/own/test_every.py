"""Models of a user's own: what is derived for them is what is known about them, and nothing else is claimed."""

import math
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
import theory
from minimodels.model import Model
from theory.derivation import Derivation
from theory.own.elimination import solve
from theory.own.motion import motion

NET = mm.GradientFlow(name="linear_net", state={"a": 0.1, "b": 0.2}, loss="(a*b - 1)**2/2")
LORENZ = mm.Flow(
    name="lorenz",
    state={"x": 1.0, "y": 1.0, "z": 1.0},
    parameters={"sigma": 10.0, "rho": 28.0, "beta": "8/3"},
    drift={"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"},
)
PREY = mm.Flow(
    name="lotka_volterra",
    state={"x": 1.0, "y": 2.0},
    parameters={"a": 1.0, "b": 0.5, "c": 0.7, "d": 0.3},
    drift={"x": "a*x - b*x*y", "y": "d*x*y - c*y"},
)
REACTION = mm.Flow(
    name="reversible",
    state={"x": 1.0, "y": 0.5},
    parameters={"k_1": 2.0, "k_2": 3.0},
    drift={"x": "k_2*y - k_1*x", "y": "k_1*x - k_2*y"},
)
OSCILLATOR = mm.Flow(
    name="oscillator", state={"q": 1.0, "p": 0.0}, parameters={"w": 2.0}, drift={"q": "p", "p": "-w**2*q"}
)
MADE_UP = mm.Flow(
    name="made_up", state={"x": 0.1, "y": 0.2}, drift={"x": "exp(x) + y**3 - 2*y", "y": "x*y**2 + x**2 + 1.5 + cos(y)"}
)
LOGISTIC = mm.Map(name="logistic", state={"x": 0.1}, parameters={"r": 3.2}, update={"x": "r*x*(1 - x)"})
ROTATION = mm.Map(
    name="rotation",
    state={"x": 1.0, "y": 0.0},
    parameters={"c": mm.Parameter(0.6, "", -1, 1)},
    update={"x": "c*x - sqrt(1 - c**2)*y", "y": "sqrt(1 - c**2)*x + c*y"},
)
KINKS = mm.GradientFlow(name="kinks", state={"x": 0.1, "y": 1.0}, loss="abs(x - y) + max(x, 0)")
CLASSIFIER = mm.GradientFlow(
    name="classifier", state={"u": 0.1, "v": 0.2}, parameters={"k": 2.0}, loss="softplus(-k*u*v)"
)
RING = mm.GradientFlow(
    name="ring",
    state={f"w{k}": 0.1 for k in range(12)},
    loss="(" + " + ".join(f"w{k}*w{(k + 1) % 12}" for k in range(12)) + " - 1)**2",
)
ALL = (NET, LORENZ, PREY, REACTION, OSCILLATOR, MADE_UP, LOGISTIC, ROTATION, KINKS, CLASSIFIER, RING)


def quantities(model: Model) -> list[sp.Expr]:
    statement = theory.derive(model)["conserved"].statement
    return [equation.rhs for equation in statement] if isinstance(statement, sp.Tuple) else []


def same_up_to_a_factor(found: sp.Expr, known: str, model: Model) -> bool:
    ratio = sp.simplify(found / model.expression(known, "quantity"))
    return ratio != 0 and not {s.name for s in ratio.free_symbols} & set(model.state)


def points(derivation: Derivation) -> list[dict[str, sp.Expr]]:
    statement = derivation["fixed_points"].statement
    return [{str(e.lhs): e.rhs for e in point} for point in statement] if isinstance(statement, sp.Tuple) else []


def moves(model: Model) -> list[tuple[str, ...]]:
    statement = theory.derive(model)["symmetries"].statement
    return [tuple(map(str, e.rhs)) for e in statement] if isinstance(statement, sp.Tuple) else []


@pytest.mark.parametrize("model", ALL, ids=lambda m: m.name)
def test_every_step_holds_and_can_be_read(model: Model) -> None:
    derivation = theory.derive(model)
    assert derivation.verified
    assert [n for n in derivation.names if n != "descent"] == [
        "fixed_points",
        "linearisation",
        "conserved",
        "symmetries",
    ]
    assert ("descent" in derivation.names) == (model.kind == "gradient_flow")
    assert derivation.markdown().startswith(f"## {model.name}\n")
    assert derivation.markdown().count("*check:* holds") == sum(len(r.steps) for r in derivation)
    assert derivation.latex().count(r"\begin{equation}") == derivation.latex().count(r"\end{equation}")
    predicted = theory.predict(model)
    assert "nan" not in str(predicted)
    assert ".." not in str(predicted)
    assert all(p.applies == (p.reason == "") for p in predicted)
    assert all(p.title in predicted.markdown() for p in predicted)


def test_conserved_quantities_of_known_systems() -> None:
    for model, known in ((NET, "a**2 - b**2"), (REACTION, "x + y"), (OSCILLATOR, "p**2 + w**2*q**2"),
                         (ROTATION, "x**2 + y**2"), (CLASSIFIER, "u**2 - v**2")):  # fmt: skip
        found = quantities(model)
        assert len(found) == 1, (model.name, found)
        assert same_up_to_a_factor(found[0], known, model), (model.name, found)


def test_rates_weigh_what_is_conserved() -> None:
    [found] = quantities(NET.with_rates(a=0.5, b=3))
    assert same_up_to_a_factor(found, "a**2/0.5 - b**2/3", NET)
    stated = mm.GradientFlow(
        name="net", state={"a": 0.1, "b": 0.2}, parameters={"r": 0.3}, loss="(a*b - 1)**2/2", rates={"a": "r"}
    )
    [found] = quantities(stated)
    assert same_up_to_a_factor(found, "a**2/r - b**2", stated)
    held = quantities(NET.with_rates(a=0))
    assert held == [NET.symbols["a"]]


def test_products_of_linear_quantities_are_no_news() -> None:
    chain = mm.Flow(
        name="chain", state={"x": 1.0, "y": 0.0, "z": 0.0, "k": 2.0},
        drift={"x": "-k*x*y", "y": "k*x*y - z", "z": "-k*x*y + x*0 + k*x*y - y + y", "k": "0"},
    )  # fmt: skip
    found = quantities(chain)
    assert set(map(str, found)) == {"z", "k"}


def test_what_is_conserved_stays_the_same_along_a_run() -> None:
    for model in (NET, CLASSIFIER.with_rates(u=0.3), REACTION):
        run = mm.simulate(model, t_end=3.0, rtol=1e-10, atol=1e-12)
        table = theory.predict(model).beside(run)
        assert abs(float(table["difference"].sel(result="conserved"))) < 1e-8
        assert abs(float(run[model.state[0]][-1]) - model.init[model.state[0]]) > 0.05


def test_a_quantity_of_another_form_is_not_excluded() -> None:
    result = theory.predict(PREY)["conserved"]
    assert not result.applies
    assert "there is none among polynomials up to degree 2" in result.reason
    assert "others, which are not polynomials of this degree, are not excluded" in result.reason
    assert "linearly independent" in theory.derive(PREY)["conserved"].steps[0].sentence


def test_fixed_points_in_closed_form() -> None:
    found = points(theory.derive(LORENZ))
    assert len(found) == 3
    beta, rho = LORENZ.symbols["beta"], LORENZ.symbols["rho"]
    assert {sp.simplify(p["x"] ** 2) for p in found} == {0, beta * (rho - 1)}
    assert {p["z"] for p in found} == {0, rho - 1}
    assert points(theory.derive(LOGISTIC))[1]["x"].equals(1 - 1 / LOGISTIC.symbols["r"])
    prey = {tuple(map(str, p.values())) for p in points(theory.derive(PREY))}
    assert prey == {("0", "0"), ("c/d", "a/b")}
    assert "these are all" in theory.derive(PREY)["fixed_points"].regime.sentence
    [reaction] = points(theory.derive(REACTION))  # a line of them
    [(state, value)] = reaction.items()
    assert state == "x"
    assert str(value) == "k_2*y/k_1"


def test_closed_forms_are_those_that_are_found_numerically() -> None:
    for model in (LORENZ, PREY, LOGISTIC, OSCILLATOR, ROTATION):
        closed = sorted(tuple(model.evaluate(p[k]) for k in model.state) for p in points(theory.derive(model)))
        made = theory.predict(model)
        numeric = sorted(tuple(p.values[k] for k in model.state) for p in made if p.name.startswith("fixed_points_"))
        assert made["fixed_points"].value == len(closed)
        np.testing.assert_allclose(numeric, closed, atol=1e-8)


def test_without_a_closed_form_the_reader_is_sent_to_the_numbers() -> None:
    derivation = theory.derive(MADE_UP)
    assert not points(derivation)
    assert "no closed form found; mm.fixed_points finds them numerically" in derivation["fixed_points"].regime.sentence
    sine = mm.Flow(name="sine", state={"x": 0.1}, drift={"x": "sin(x)"})
    assert points(theory.derive(sine)) == [{"x": 0}]
    assert "the origin only" in theory.derive(sine)["fixed_points"].regime.sentence
    predictions = theory.predict(sine)
    listed = [p.values["x"] / np.pi for p in predictions if "x" in p.values]
    np.testing.assert_allclose(listed, np.round(listed), atol=1e-9)
    assert len(listed) == 12
    assert {-3, -2, -1, 0, 1, 2, 3} <= {round(k) for k in listed}
    assert predictions["fixed_points"].value == len(mm.fixed_points(sine)) > 12


def test_linearisation_at_a_saddle() -> None:
    [step] = [s for s in theory.derive(NET)["linearisation"].steps if "fixed point 1" in s.sentence]
    assert "a saddle" in step.sentence
    assert set(step.equation.rhs) == {1, -1}
    at_rest = theory.predict(NET, init={"a": 0.0, "b": 0.0})["linearisation"]
    assert at_rest.applies
    assert at_rest.values == {"growth_rate": 1.0, "time_per_e_fold": 1.0, "eigenvalue_1": 1.0, "eigenvalue_2": -1.0}
    away = theory.predict(NET)["linearisation"]
    assert not away.applies
    assert away.reason == "the start is not a fixed point: a moves at the rate 0.196 there."
    r = sp.Symbol("r", real=True)
    spectra = [s.equation.rhs for s in theory.derive(LOGISTIC)["linearisation"].steps if "multipliers" in s.sentence]
    assert [list(map(sp.expand, s)) for s in spectra] == [[r], [2 - r]]


def test_the_time_of_escape_is_the_logarithm_of_the_start_over_the_growth_rate() -> None:
    rate = theory.predict(NET.with_rates(a=4), init={"a": 0, "b": 0})["linearisation"].values["growth_rate"]
    assert rate == pytest.approx(2.0)
    times = []
    for eps in (1e-4, 1e-6, 1e-8):
        up = {"half": mm.Event("a*b", 0.5)}
        run = mm.simulate(
            NET.with_rates(a=4), t_end=50.0, init={"a": 2 * eps, "b": eps}, events=up, rtol=1e-9, atol=1e-16
        )
        times.append(float(run["half"]))
    for sooner, later in pairwise(times):
        assert later - sooner == pytest.approx(math.log(100) / rate, rel=1e-3)


def test_symmetries_of_known_systems() -> None:
    assert moves(NET) == [("-a", "-b"), ("b", "a")]
    assert moves(NET.with_rates(a=2)) == [("-a", "-b")]
    assert moves(LORENZ) == [("-x", "-y", "z")]
    assert moves(OSCILLATOR) == [("-q", "-p")]
    assert moves(OSCILLATOR.with_values(w=1.0)) == [("-q", "-p")]  # for all values of the parameters
    assert ("y", "-x") in moves(ROTATION)
    assert moves(PREY) == moves(MADE_UP) == moves(LOGISTIC) == []
    cube = mm.GradientFlow(name="cube", state=dict.fromkeys("abc", 0.1), loss="(a*b*c - 1)**2/2")
    assert moves(cube) == [("-a", "-b", "c"), ("-a", "b", "-c"), ("b", "a", "c"), ("c", "b", "a")]


def test_invariant_subspaces_hold_the_run_that_starts_in_them() -> None:
    sentence = "a\\to b, b\\to a$ takes solutions to solutions and leaves the loss as it is"
    assert any(sentence in s.sentence for s in theory.derive(NET)["symmetries"].steps)
    made = theory.predict(LORENZ, init={"x": 0.0, "y": 0.0, "z": 5.0})["symmetries"]
    assert made.values == {"x": 0.0, "y": 0.0}
    run = mm.simulate(LORENZ, t_end=5.0, init={"x": 0.0, "y": 0.0, "z": 5.0})
    assert float(abs(run["x"]).max()) == float(abs(run["y"]).max()) == 0
    assert theory.predict(LORENZ)["symmetries"].reason == "the start lies in none of the invariant subspaces."


def test_the_loss_falls_at_the_stated_speed() -> None:
    model = NET.with_rates(a=2, b=0.5)
    at = theory.predict(model)["descent"].values
    soon = mm.simulate(model, t_end=1e-4, save=[0.0, 1e-4], rtol=1e-12, atol=1e-14)["loss"].values
    assert at["loss"] == pytest.approx(soon[0])
    assert at["dloss_dt"] == pytest.approx((soon[1] - soon[0]) / 1e-4, rel=1e-3)
    assert "the rate of a is negative" in theory.predict(NET.with_rates(a=-1))["descent"].reason


def test_nothing_is_claimed_about_a_drift_that_has_nothing() -> None:
    made = theory.predict(MADE_UP)
    assert [p.name for p in made if p.applies] == ["fixed_points"]
    assert made["fixed_points"].value == 0


def test_a_drift_without_values_at_random_states_is_said_to_be_one() -> None:
    nowhere = mm.Flow(name="nowhere", state={"x": 0.5}, drift={"x": "sqrt(-1 - x**2)"})
    assert "no finite value at random states" in theory.derive(nowhere)["conserved"].regime.obstacle(nowhere, {})


def test_a_wrong_candidate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the searches propose is checked against the model's expressions once more."""
    from theory.own import conserved, equivariance
    from theory.own import every as own

    m = motion(NET)
    a, b = m.x
    assert m.step("wrong", a**2 + b**2, lambda q: [m.change(q)]) == []
    monkeypatch.setattr(conserved, "_exactly", lambda *_: [a**2 + b**2])
    assert conserved.find(m) == conserved.Found(2, (), 1)
    monkeypatch.setattr(own.elimination, "solve", lambda *_: [{a: sp.S(1), b: sp.S(2)}])
    assert own.closed_forms(m) == ([], False)
    monkeypatch.setattr(type(m), "at", lambda *_: lambda states: np.zeros((len(states), 2)))
    found = equivariance.find(m)
    assert [tuple(map(str, one.of(m.x))) for one in found] == [("-a", "-b"), ("b", "a")]


@pytest.mark.parametrize(
    ("equations", "count"),
    [
        (["x**2 + 1"], 0),
        (["x**2 - 2", "y - x"], 2),
        (["x*y - 1", "x - y"], 2),
        (["x*(x - 1)*(x - 2)", "y**4 - 5*y**2 + 4"], 12),
        (["x/(1 + x**2) - y", "y"], 1),
        (["x*y", "x*z"], 2),
        (["x**5 - x - 1"], None),
        (["x + sin(x)"], None),
    ],
)
def test_zeros_by_elimination(equations: list[str], count: int | None) -> None:
    x, y, z = sp.symbols("x y z", real=True)
    names = [s for s in (x, y, z) if any(str(s) in e.replace("sin(x)", "x") for e in equations)]
    found = solve([sp.sympify(e, {"x": x, "y": y, "z": z}) for e in equations], names)
    assert (None if found is None else len(found)) == count
    for point in found or []:
        for equation in equations:
            assert sp.simplify(sp.sympify(equation, {"x": x, "y": y, "z": z}).subs(point)) == 0


def test_a_model_of_a_built_in_name_is_still_ones_own() -> None:
    mine = mm.GradientFlow(name="nested_logit", state={"x": 0.1}, loss="(x**2 - 1)**2/4")
    assert theory.predict(mine)["fixed_points"].value == 3


def test_states_of_a_map_change_at_once() -> None:
    m = motion(mm.Map(name="turned", state={"x": 1.0, "y": 2.0}, update={"x": "y", "y": "x + 3*y"}))
    x, y = m.x
    assert sp.expand(m.change(x + 10 * y) - (y + 10 * (x + 3 * y) - x - 10 * y)) == 0


def test_bounds_end_what_is_derived_and_not_what_is_counted() -> None:
    rising = mm.Flow(name="rising", state={"x": 0.0}, drift={"x": "1"}, bounds={"x": (None, 2)})
    assert all("no state is held at a bound" in r.regime.sentence for r in theory.derive(rising).results)
    assert theory.predict(rising)["fixed_points"].value == 1
    assert "Fixed point 1 (stable): x = 2" in str(theory.predict(rising))
    at_rest = theory.predict(rising, init={"x": 2.0})["linearisation"]
    assert "held at a bound" in at_rest.reason
    cut = mm.GradientFlow(name="cut", state={"x": 0.1}, loss="(x**2 - 1)**2/4", bounds={"x": (-0.5, None)})
    assert theory.predict(cut)["fixed_points"].value == 3
    assert "x = -0.5" in str(theory.predict(cut))
    assert "x = -1;" not in str(theory.predict(cut))
