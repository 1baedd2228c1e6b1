"""Fixed points found, with their eigenvalues and kinds."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import minimodels as mm
from tests.minimodels.systems import double_well, logistic, lotka_volterra, plain_drift, two_factors


def values(point: mm.FixedPoint) -> np.ndarray:
    return np.array(list(point.state.values()))


def test_double_well() -> None:
    low, middle, high = mm.fixed_points(double_well().with_values(a=4.0), starts=40)
    for point, x, eigenvalue, kind, loss in (
        (low, -2, -8, "stable", 0),
        (middle, 0, 4, "unstable", 4),
        (high, 2, -8, "stable", 0),
    ):
        assert point.state["x"] == pytest.approx(x, abs=1e-10)
        np.testing.assert_allclose(point.eigenvalues, [eigenvalue], atol=1e-8)
        assert point.kind == kind
        assert point.loss == pytest.approx(loss, abs=1e-12)


@pytest.mark.parametrize(("attend", "entry"), [("labels", 7 / (64 * 9)), ("all", 7 / (17 * 8 * 9))])
def test_the_saddle_of_nested_logit(attend: str, entry: float) -> None:
    m = mm.model("nested_logit", N=8, L=8, attend=attend)
    points = mm.fixed_points(m, box=0.5, starts=20)
    saddle = min(points, key=lambda p: sum(abs(v) for v in p.state.values()))
    assert saddle.state == pytest.approx(dict.fromkeys(m.state, 0.0), abs=1e-8)
    np.testing.assert_allclose(np.sort(saddle.eigenvalues.real), [-entry, 0, entry], atol=1e-9)
    np.testing.assert_allclose(saddle.eigenvalues.imag, 0, atol=1e-9)
    assert saddle.kind == "saddle"
    assert saddle.loss == pytest.approx(np.log(8), rel=1e-10)
    if attend == "labels":
        assert entry == pytest.approx(0.0121528, abs=5e-8)


def test_rates_enter_the_eigenvalues() -> None:
    points = mm.fixed_points(double_well().with_rates(x=0.5), starts=20)
    assert [p.eigenvalues[0].real for p in points] == pytest.approx([-1.0, 0.5, -1.0])


def test_a_centre_and_a_saddle() -> None:
    origin, centre = mm.fixed_points(lotka_volterra(), box={"x": (-0.5, 2.0), "y": (-0.5, 2.0)}, starts=40)
    assert origin.kind == "saddle"
    np.testing.assert_allclose(np.sort(origin.eigenvalues.real), [-0.5, 1.0], atol=1e-9)
    assert centre.kind == "degenerate"
    assert centre.loss is None
    np.testing.assert_allclose(np.sort(centre.eigenvalues.imag), [-np.sqrt(0.5), np.sqrt(0.5)], atol=1e-9)


def test_a_map() -> None:
    zero, other = mm.fixed_points(logistic().with_values(r=2.5), box=2.0, starts=20)
    assert zero.kind == "unstable"
    assert zero.eigenvalues[0] == pytest.approx(2.5)
    assert other.state["x"] == pytest.approx(0.6)
    assert other.eigenvalues[0] == pytest.approx(-0.5)
    assert other.kind == "stable"


def test_no_starts() -> None:
    with pytest.raises(mm.InputError, match="at least 1"):
        mm.fixed_points(double_well(), starts=0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"starts": True}, "`starts` must be a whole number"),
        ({"starts": 20.0}, "`starts` must be a whole number"),
        ({"starts": 10**12}, "at most 1000000"),
        ({"seed": -1}, "`seed` must be a whole number"),
        ({"seed": 2**64}, "`seed` must be at most"),
        ({"seed": None}, "`seed` must be a whole number"),
        ({"tolerance": 0.0}, "`tolerance` must be positive"),
        ({"tolerance": np.nan}, "`tolerance` must be finite"),
        ({"box": True}, "`box` is a number or"),
        ({"box": np.inf}, "`box` is a number or"),
        ({"box": 1e308}, "width below"),
        ({"box": {"x": ("0", "1")}}, "`box` is a number or"),
        ({"box": {"x": 1.0}}, "`box` is a number or"),
        ({"box": {0: (0, 1)}}, "unknown state"),
        ({"init": {"y": 1.0}}, "unknown state"),
    ],
)
def test_arguments_that_cannot_be_right(given: dict[str, object], words: str) -> None:
    with pytest.raises(mm.InputError, match=words):
        mm.fixed_points(double_well(), **given)  # type: ignore[arg-type]


def test_what_is_no_model() -> None:
    with pytest.raises(mm.InputError, match="`model` is a GradientFlow"):
        mm.fixed_points("nested_logit")  # type: ignore[arg-type]


def test_numpy_numbers_and_huge_boxes_are_fine() -> None:
    line = mm.Flow(name="line", state={"x": 0.0}, drift={"x": "1 - x"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (point,) = mm.fixed_points(line, starts=np.int64(9), seed=np.uint8(3), box=np.float64(1e300))  # type: ignore[arg-type]
    assert point.state["x"] == 1


@pytest.mark.parametrize(
    ("box", "words"),
    [({"y": (0, 1)}, "unknown state"), ({}, "every state"), ((0.0, 1.0), "box"), (-1.0, "box"), ({"x": (1, 0)}, "box")],
)
def test_a_box_that_is_none(box: object, words: str) -> None:
    with pytest.raises(mm.InputError, match=words):
        mm.fixed_points(double_well(), box=box)  # type: ignore[arg-type]


def lorenz() -> mm.Flow:
    return mm.Flow(
        name="lorenz",
        state={"x": 1.0, "y": 1.0, "z": 1.0},
        drift={"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8*z/3"},
    )


def test_lorenz() -> None:
    sigma, rho, beta = 10.0, 28.0, 8 / 3
    side = np.sqrt(beta * (rho - 1))
    points = mm.fixed_points(lorenz())
    assert len(points) == 3
    for point, (x, y, z) in zip(points, [(-side, -side, rho - 1), (0, 0, 0), (side, side, rho - 1)], strict=True):
        np.testing.assert_allclose(values(point), [x, y, z], rtol=1e-10, atol=1e-10)
        jacobian = [[-sigma, sigma, 0], [rho - z, -1, -x], [y, x, -beta]]
        np.testing.assert_allclose(
            np.sort_complex(point.eigenvalues), np.sort_complex(np.linalg.eigvals(jacobian)), atol=1e-9
        )
        assert point.kind == "saddle"
    assert points.conserved == []


def test_the_box_of_all_starts_holds_the_trajectories() -> None:
    points = mm.fixed_points(lorenz())
    assert list(points.box) == ["x", "y", "z"]
    assert all(low <= -10 and high >= 10 for low, high in points.box.values())
    assert points.box["z"][1] > 40  # how high the attractor reaches
    assert "3 fixed points, searched from" in repr(points)
    assert "z in [-10, " in repr(points)


def test_a_box_that_is_given_bounds_the_points() -> None:
    box = {"x": (-10, 10), "y": (-10, 10), "z": (-1, 20)}
    (origin,) = points = mm.fixed_points(lorenz(), box=box)
    np.testing.assert_allclose(values(origin), 0, atol=1e-10)
    assert points.box == box
    assert len(mm.fixed_points(double_well(), box={"x": (0.5, 3.0)})) == 1


def test_nothing_found_says_where() -> None:
    clock = mm.Flow(name="clock", state={"t": 0.0, "x": 1.0}, drift={"t": "1", "x": "-x"})
    points = mm.fixed_points(clock, box=3.0, starts=7)
    assert points == []
    assert repr(points) == f"no fixed points, searched from {points.starts} starts: t in [-3, 3], x in [-3, 3]"
    assert points.starts >= 9
    again = pickle.loads(pickle.dumps(points))
    assert (again.box, again.starts, again.conserved) == (points.box, points.starts, [])


def test_a_stable_point_far_away() -> None:
    (point,) = mm.fixed_points(mm.Flow(name="far", state={"x": 0.0}, drift={"x": "1000 - x"}))
    assert point.state["x"] == pytest.approx(1000, rel=1e-12)
    assert point.kind == "stable"


def test_a_trajectory_leads_where_newton_does_not() -> None:
    """Every minimum of 2 + sin(x) on the way holds Newton's steps up."""
    wavy = mm.Flow(name="wavy", state={"x": 0.0}, drift={"x": "2 + sin(x) - exp(x - 100)"})
    root = brentq(lambda x: 2 + np.sin(x) - np.exp(x - 100), 90, 110, xtol=1e-13)
    points = mm.fixed_points(wavy)
    assert [p.state["x"] for p in points] == pytest.approx([root], rel=1e-12)
    assert points.box["x"][1] > 100


def test_a_slow_passage_leads_to_a_saddle() -> None:
    """Of the two starts and one more, none ends at the saddle, but the initial state comes by."""
    drift = {"x": "2 + sin(x) - exp(x - 100)", "y": "((y - 1) - (y - 1)**3)/20"}
    points = mm.fixed_points(mm.Flow(name="passage", state={"x": 0.0, "y": 1.0001}, drift=drift), starts=1)
    root = brentq(lambda x: 2 + np.sin(x) - np.exp(x - 100), 90, 110, xtol=1e-13)
    (saddle,) = [p for p in points if p.kind == "saddle"]
    np.testing.assert_allclose(values(saddle), [root, 1], rtol=1e-12)


def test_the_box_of_the_trajectories_is_searched_too() -> None:
    """The middle one of three points between which 2 + sin(x) holds Newton's steps up repels every trajectory."""

    def drift(x: float) -> float:
        return 2 + np.sin(x) - 5 * (np.tanh(x - 100) - np.tanh(x - 150)) / 2 - np.exp(x - 300)

    text = "2 + sin(x) - 5*(tanh(x - 100) - tanh(x - 150))/2 - exp(x - 300)"
    model = mm.Flow(name="gap", state={"x": 200.0}, drift={"x": text})
    roots = [brentq(drift, *between, xtol=1e-13) for between in ((95, 105), (145, 155), (290, 310))]
    points = mm.fixed_points(model)
    assert [p.state["x"] for p in points] == pytest.approx(roots, rel=1e-12)
    assert [p.kind for p in points] == ["stable", "unstable", "stable"]


def test_a_point_so_far_out_that_its_rounding_moves_the_drift() -> None:
    growth = mm.Flow(name="growth", state={"x": 1.0}, drift={"x": "12345.678*x - x**2"})
    zero, full = mm.fixed_points(growth)
    assert (zero.kind, full.kind) == ("unstable", "stable")
    assert full.state["x"] == pytest.approx(12345.678, rel=1e-14)


@pytest.mark.parametrize("tail", ["exp(-x)", "exp(-x**2)", "1/cosh(5*x)"])
def test_a_tail_outside_of_the_box_is_no_point(tail: str) -> None:
    """Newton's steps run up a tail until the drift is below every tolerance."""
    flow = mm.Flow(name="tail", state={"x": 0.0, "y": 1.0}, drift={"x": tail, "y": "-y"})
    assert all(abs(p.state["x"]) < 10.001 for p in mm.fixed_points(flow))
    assert mm.fixed_points(mm.Flow(name="tail", state={"x": 0.0}, drift={"x": "exp(-x)"})) == []


def test_a_reversible_reaction() -> None:
    model = mm.Flow(
        name="reaction",
        state={"A": 1.0, "B": 0.5},
        parameters={"k1": 2.0, "k2": 3.0},
        drift={"A": "k2*B - k1*A", "B": "k1*A - k2*B"},
    )
    (point,) = points = mm.fixed_points(model)
    np.testing.assert_allclose(values(point), [1.5 * 3 / 5, 1.5 * 2 / 5], rtol=1e-12)
    np.testing.assert_allclose(point.eigenvalues, [-5, 0], atol=1e-12)
    assert point.kind == "stable"
    assert points.conserved == ["A + B = 1.5"]
    (point,) = points = mm.fixed_points(model.with_rates(A=0.5), init={"B": 4.0})  # dA/dt = -dB/dt/2
    np.testing.assert_allclose(values(point), [9 / 4, 3 / 2], rtol=1e-12)
    assert points.conserved == ["A + 0.5*B = 3"]


def test_michaelis_menten() -> None:
    k1, k2, k3, total, enzyme = 2.0, 1.0, 0.5, 3.0, 0.4
    model = mm.Flow(
        name="michaelis_menten",
        state={"S": total, "E": enzyme, "C": 0.0, "P": 0.0},
        parameters={"k1": k1, "k2": k2, "k3": k3},
        drift={"S": "k2*C - k1*S*E", "E": "(k2 + k3)*C - k1*S*E", "C": "k1*S*E - (k2 + k3)*C", "P": "k3*C"},
    )
    (point,) = points = mm.fixed_points(model)
    np.testing.assert_allclose(values(point), [0, enzyme, 0, total], atol=1e-10)
    assert points.conserved == ["S + C + P = 3", "E + C = 0.4"]
    assert point.kind == "stable"
    a, b = k1 * enzyme + k2 + k3, k1 * enzyme * k3  # on the leaf: l^2 + a l + b = 0
    expected = np.array([-a - np.sqrt(a**2 - 4 * b), -a + np.sqrt(a**2 - 4 * b)]) / 2
    np.testing.assert_allclose(np.sort(point.eigenvalues[:2].real), expected, rtol=1e-9)
    np.testing.assert_array_equal(point.eigenvalues[2:], 0)


def test_a_cycle_of_three() -> None:
    k = {"k1": 2.0, "k2": 0.7, "k3": 0.3}
    model = mm.Flow(
        name="cycle",
        state={"A": 1.0, "B": 0.5, "C": 0.0},
        parameters=k,
        drift={"A": "k3*C - k1*A", "B": "k1*A - k2*B", "C": "k2*B - k3*C"},
    )
    (point,) = points = mm.fixed_points(model)
    share = 1 / np.array(list(k.values()))
    np.testing.assert_allclose(values(point), 1.5 * share / share.sum(), rtol=1e-12)
    assert point.kind == "stable"
    assert points.conserved == ["A + B + C = 1.5"]


def test_two_points_of_one_conserved_sum() -> None:
    """A + B <-> C with A + C = 1 and B + C = 2: of the two roots one has negative concentrations."""
    binding = {"A": "C - 3*A*B", "B": "C - 3*A*B", "C": "3*A*B - C"}
    model = mm.Flow(name="binding", state={"A": 1.0, "B": 2.0, "C": 0.0}, drift=binding)
    other, physical = mm.fixed_points(model)
    high, low = (10 + np.array([1, -1]) * np.sqrt(100 - 72)) / 6  # 3 (1 - C) (2 - C) = C
    assert (other.kind, physical.kind) == ("unstable", "stable")
    assert [other.state["C"], physical.state["C"]] == pytest.approx([high, low])


def test_a_small_leak_is_no_conservation() -> None:
    leak = mm.Flow(name="leak", state={"A": 1.0, "B": 0.0}, drift={"A": "B - A", "B": "A - B - 1e-11*B"})
    assert mm.fixed_points(leak).conserved == []


def test_a_map_that_conserves() -> None:
    (point,) = points = mm.fixed_points(
        mm.Map(name="markov", state={"a": 1.0, "b": 0.0}, update={"a": "a/2 + b/4", "b": "a/2 + 3*b/4"})
    )
    np.testing.assert_allclose(values(point), [1 / 3, 2 / 3], rtol=1e-12)
    np.testing.assert_allclose(point.eigenvalues, [0.25, 1], atol=1e-12)
    assert point.kind == "stable"
    assert points.conserved == ["a + b = 1"]


def test_a_state_of_rate_zero_stays() -> None:
    model = two_factors().with_rates(b=0.0)
    (point,) = points = mm.fixed_points(model)
    assert values(point) == pytest.approx([2 / 0.3, 0.3])
    assert points.conserved == ["b = 0.3"]
    assert point.kind == "stable"


def test_a_continuum_that_no_linear_sum_makes_is_degenerate() -> None:
    points = mm.fixed_points(two_factors())
    assert points.conserved == []
    on_the_hyperbola = [p for p in points if abs(p.state["a"]) > 1e-6]
    assert len(on_the_hyperbola) > 20
    for p in on_the_hyperbola:
        assert p.state["a"] * p.state["b"] == pytest.approx(2)
        assert p.kind == "degenerate"


def test_a_model_of_positive_states() -> None:
    drift = {k: f"log({k})*(2 - {k})" for k in "abcdefgh"}  # one random start in 256 is positive
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points = mm.fixed_points(mm.Flow(name="positive", state=dict.fromkeys(drift, 1.7), drift=drift))
    assert sum(p.kind == "stable" for p in points) == 1
    assert len(points) > 20
    for p in points:
        np.testing.assert_allclose(np.minimum(abs(values(p) - 1), abs(values(p) - 2)), 0, atol=1e-9)


@pytest.mark.parametrize(
    ("init", "drift"),
    [
        ({"x": 1e308, "y": -1.0}, {"x": "sqrt(x)*y - x", "y": "x**6 - y"}),
        ({"x": 5e-324, "y": 1e308}, {"x": "1e150", "y": "7*y"}),
    ],
)
def test_numbers_near_the_ends_of_arithmetic(init: dict[str, float], drift: dict[str, str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mm.fixed_points(mm.Flow(name="extreme", state=init, drift=drift), starts=20)


def test_a_point_without_a_derivative() -> None:
    (point,) = mm.fixed_points(mm.Flow(name="root", state={"x": 1.0}, drift={"x": "-sqrt(x)"}))
    assert point.state["x"] == 0
    assert point.kind == "degenerate"


@pytest.mark.parametrize("seed", range(8))
def test_random_reaction_networks(seed: int) -> None:
    """Reversible reactions of species that hold two kinds of atoms: SciPy's end of a long run is the stable point."""
    rng = np.random.default_rng(seed)
    n = 5
    atoms = np.array([[1, 0, 1, 2, 1], [0, 1, 1, 1, 2]])
    sides = [(i, j) for i in range(n) for j in range(i, n)]
    pairs = [(p, q) for p in sides for q in sides if p < q and (atoms[:, p].sum(1) == atoms[:, q].sum(1)).all()]
    rates = dict.fromkeys((f"s{i}" for i in range(n)), "0")
    for number in rng.permutation(len(pairs)):
        (a, b), (c, d) = pairs[number]
        flux = f"({rng.uniform(0.5, 2):.3f}*s{a}*s{b} - {rng.uniform(0.5, 2):.3f}*s{c}*s{d})"
        for i, sign in ((a, "-"), (b, "-"), (c, "+"), (d, "+")):
            rates[f"s{i}"] += f" {sign} {flux}"
    model = mm.Flow(name="network", state=dict(zip(rates, rng.uniform(0.2, 2, n), strict=True)), drift=rates)
    start = np.array(list(model.init.values()))
    end = solve_ivp(plain_drift(model), (0, 1e4), start, method="LSODA", rtol=1e-11, atol=1e-13).y[:, -1]
    points = mm.fixed_points(model)
    totals = np.vstack([atoms, np.ones(n)])  # two molecules in, two out
    assert len(points.conserved) == len(totals)
    for p in points:
        np.testing.assert_allclose(totals @ values(p), totals @ start, rtol=1e-8)
    (stable,) = [p for p in points if (values(p) > 0).all()]
    assert stable.kind == "stable"
    np.testing.assert_allclose(values(stable), end, rtol=1e-6)
