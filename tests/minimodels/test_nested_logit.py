"""The loss of nested_logit against the mechanism, and the numbers of the science file."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

import minimodels as mm
from minimodels.errors import InputError
from minimodels.model import Model
from tests.minimodels import mechanism
from tests.minimodels.systems import at

MEASURES = ("loss", "correct", "CLA", "ILA1", "TILA2", "TLA2")
logit = st.floats(-6, 6)
POINTS = np.array([[0.0, 0, 0], [2.8, 8, 8], [-1.0, 3, -4], [1.3, -2.5, 6], [5.0, 12, 20]])


def logsumexp(*terms: Any) -> Any:
    top = max(np.real(a) for a in terms[1::2])
    return top + np.log(sum(w * np.exp(a - top) for w, a in zip(terms[::2], terms[1::2], strict=True)))


def softmax(k: int, *terms: Any) -> Any:
    return terms[2 * k] * np.exp(terms[2 * k + 1] - logsumexp(*terms))


def plain(model: Model, expr: Any) -> Callable[..., Any]:
    """Return expressions as a NumPy function of the states: the statement itself, without the engine."""
    own = {"LogSumExp": logsumexp, "SoftMax": softmax, "sigmoid": lambda x: 1 / (1 + np.exp(-x))}
    symbols = [model.symbols[k] for k in (*model.state, *model.parameters)]
    function = sp.lambdify(symbols, expr, [own, "numpy"], cse=True)
    values = [model.values[k] for k in model.parameters]
    return lambda *states: function(*states, *values)


def read_literally(point: Any, N: int, B: int, **choices: Any) -> dict[str, Any]:
    """Return the mechanism's average; orders that differ in the names of the classes alone are read once."""
    named = permutations([c for c in range(N // B) for _ in range(B)])
    orders = {tuple(list(dict.fromkeys(order)).index(c) for c in order) for order in named}
    results = [mechanism.one_sequence(order, target, *point, **choices) for order in orders for target in range(N // B)]
    return {name: sum(r[name] for r in results) / len(results) for name in MEASURES}


@pytest.mark.parametrize(
    ("N", "B", "attend"),
    [(4, 1, "exact"), (4, 1, "exact-labels"), (4, 2, "exact-labels"), (6, 2, "exact"), (6, 3, "exact"), (8, 1, "exact"),
     (8, 1, "exact-labels")],
)  # fmt: skip
def test_exact_positions_are_the_mechanism(N: int, B: int, attend: str) -> None:
    extra: dict[str, Any] = {} if attend == "exact-labels" else {"beta_2": 0.7}
    m = mm.model("nested_logit", attend=attend, N=N, L=9, B=B, eps=0.3, **extra)
    choices: dict[str, Any] = {
        "N": N,
        "B": B,
        "L": 9,
        "labels_only": attend == "exact-labels",
        "eps": 0.3,
        "beta_2": 0.0,
        **extra,
    }
    stated = plain(m, [m.loss, *m.observables.values()])
    for point in POINTS:
        found = read_literally(point, **choices)
        assert stated(*point) == pytest.approx([found[name] for name in MEASURES], rel=1e-12)
    for k in range(3):
        step = POINTS[3].astype(complex)
        step[k] += 1e-30j
        slopes = [read_literally(step, **choices)[name].imag for name in MEASURES]
        assert np.imag(stated(*step)) / 1e-30 == pytest.approx(np.array(slopes) / 1e-30, rel=1e-10, abs=1e-15)


def test_exact_positions_stay_finite_and_right_at_extreme_logits() -> None:
    """The largest logit of layer 2 takes all attention, whichever it is, and so does the largest of the read-out."""
    m = mm.model("nested_logit", attend="exact", N=4, L=16, B=1)
    corners = np.array([[b, a, x] for b in (-800.0, 800) for a in (-1e4, 1e4) for x in (-1e4, 1e4)])
    found = at(m, corners)
    assert all(np.isfinite(v).all() for v in found.values())
    for i, corner in enumerate(corners):
        with np.errstate(divide="ignore"):  # its loss is the logarithm of a probability that underflows
            exact = read_literally(corner, 4, 1, L=16, labels_only=False, eps=0.0, beta_2=0.0)
        for name in MEASURES[1:]:
            assert found[name][i] == pytest.approx(float(exact[name]), rel=1e-9, abs=1e-13), (name, corner)


def test_the_kernel_of_exact_positions_has_the_mechanism_s_loss_and_gradient() -> None:
    m = mm.model("nested_logit", N=4, L=16, attend="exact")
    found = at(m, POINTS)
    for i, point in enumerate(POINTS):
        for name, value in mechanism.exact(*point, N=4, L=16).items():
            assert found[name][i] == pytest.approx(value, rel=1e-12), name
        for k, name in enumerate(m.state):
            step = point.astype(complex)
            step[k] += 1e-30j
            slope = mechanism.exact(*step, N=4, L=16)["loss"].imag / 1e-30
            assert -found[f"d_{name}"][i] == pytest.approx(slope, rel=1e-10, abs=1e-14), name


@settings(deadline=None, max_examples=40)
@given(
    attend=st.sampled_from(["labels", "all"]), point=st.tuples(logit, st.floats(-20, 20), st.floats(-30, 30)),
    N=st.floats(1.2, 40), B=st.floats(1, 4), spare=st.floats(0, 60), M=st.floats(0.2, 50), beta_2=st.floats(-3, 5),
)  # fmt: skip
@example(attend="labels", point=(0.0, 0.0, 0.0), N=8.0, B=1.0, spare=0.0, M=8.0, beta_2=0.0)
@example(attend="all", point=(2.0, 9.0, 11.0), N=8.0, B=2.0, spare=28.0, M=8.0, beta_2=0.0)
@example(attend="labels", point=(2.0, 9.0, 11.0), N=4.0, B=4.0, spare=28.0, M=8.0, beta_2=0.0)
def test_the_mean_field_is_the_mechanism_with_real_numbers_of_keys(
    attend: str, point: tuple[float, float, float], N: float, B: float, spare: float, M: float, beta_2: float
) -> None:
    B = min(B, N)
    if spare < 1e-3:  # L - N/B must be what it is in real numbers: exactly zero, or far above rounding
        B, spare = 1.0, 0.0
    L = N / B + spare
    labels_only = attend == "labels"
    m = mm.model("nested_logit", attend=attend, N=N, L=L, B=B, M=M)
    if not labels_only:
        m = m.with_values(beta_2=beta_2)
    found = at(m, np.array(point))
    with mpmath.workdps(40):
        settings_: dict[str, Any] = {
            "N": mpmath.mpf(N), "L": mpmath.mpf(L), "B": mpmath.mpf(B), "M": mpmath.mpf(M), "labels_only": labels_only,
            "beta_2": mpmath.mpf(beta_2),
        }  # fmt: skip
        exact = mechanism.mean_field(*map(mpmath.mpf, point), **settings_)
        for name in MEASURES:
            assert found[name][0] == pytest.approx(float(exact[name]), rel=1e-11, abs=1e-14), name

        def loss(*states: mpmath.mpf) -> mpmath.mpf:
            return mechanism.mean_field(*states, **settings_)["loss"]

        for k, name in enumerate(m.state):
            slope = mpmath.diff(loss, point, tuple(int(i == k) for i in range(3)))
            assert -found[f"d_{name}"][0] == pytest.approx(float(slope), rel=1e-9, abs=1e-13), name


def test_a_free_beta_2_is_the_same_loss_with_one_more_state() -> None:
    free = mm.model("nested_logit", beta_2="free", N=6, L=20)
    found = at(free, [[1.0, 2.0, 3.0, 0.8]])
    fixed = at(mm.model("nested_logit", N=6, L=20).with_values(beta_2=0.8), [[1.0, 2.0, 3.0]])
    for name in (*MEASURES, "d_beta_1", "d_alpha", "d_xi"):
        assert found[name][0] == pytest.approx(fixed[name][0], rel=1e-13), name
    with mpmath.workdps(40):
        slope = mpmath.diff(lambda b: mechanism.mean_field(1, 2, 3, N=6, L=20, beta_2=b)["loss"], mpmath.mpf(0.8))
    assert -found["d_beta_2"][0] == pytest.approx(float(slope), rel=1e-12)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ((0.0, 0.0, 0.0), (3.46574, 0.03125, 0.25, 0.169866, 0.058824, 0.470588)),
        ((2.8, 8.0, 8.0), (0.134178, 0.903291, 0.925426, 0.697951, 0.831270, 0.869839)),
    ],
)
def test_the_exact_oracle_has_the_numbers_of_the_table(
    point: tuple[float, float, float], expected: tuple[float, ...]
) -> None:
    m = mm.model("nested_logit", N=8, L=32, attend="exact")
    for name, value in zip(MEASURES, expected, strict=True):
        digits = len(repr(value).split(".")[1])
        found = plain(m, m.loss if name == "loss" else m.observables[name])(*point)
        assert found == pytest.approx(value, abs=0.51 * 10.0**-digits), name


@pytest.mark.parametrize("attend", ["labels", "all"])
@pytest.mark.parametrize(
    ("L", "B", "labels", "everything"),
    [(32, 1, 0.09375, 0.0441176), (32, 2, 0.21875, 0.1029412), (16, 1, 0.0625, 0.0294118)],
)
def test_the_gradient_at_the_origin(attend: str, L: int, B: int, labels: float, everything: float) -> None:
    found = at(mm.model("nested_logit", N=8, L=L, B=B, attend=attend), [[0.0, 0, 0]])
    assert found["loss"][0] == pytest.approx(np.log(L), rel=1e-14)
    assert found["d_xi"][0] == pytest.approx(labels if attend == "labels" else everything, abs=5e-8)
    assert found["d_alpha"][0] == found["d_beta_1"][0] == 0


@pytest.mark.parametrize("L", [8.0, 32.0])
@pytest.mark.parametrize("attend", ["labels", "all"])
def test_extreme_logits_stay_finite_and_right(attend: str, L: float) -> None:
    corners = [[b, a, x] for b in (-800.0, 0, 800) for a in (-1e3, 0, 1e3) for x in (-1e4, 0, 1e4)]
    m = mm.model("nested_logit", N=8, L=L, attend=attend)
    found = at(m, corners)
    assert all(np.isfinite(v).all() for v in found.values())
    with mpmath.workdps(1500):
        for i, corner in enumerate(corners):
            exact = mechanism.mean_field(*map(mpmath.mpf, corner), N=8, L=L, labels_only=attend == "labels")
            for name in MEASURES:
                assert found[name][i] == pytest.approx(float(exact[name]), rel=1e-10, abs=1e-13), (name, corner)


def test_too_many_arrangements_and_fractions_are_refused() -> None:
    for choices, word in (({"N": 12, "B": 2}, "arrangements"), ({"N": 4.5}, "integers"), ({"N": 6, "B": 4}, "divides")):
        with pytest.raises(InputError, match=word):
            mm.model("nested_logit", attend="exact", L=32, **choices)


def test_beta_2_is_a_number_or_a_state() -> None:
    assert mm.model("nested_logit", beta_2=0.5).values["beta_2"] == 0.5
    assert mm.model("nested_logit", beta_2="free").state[-1] == "beta_2"
    with pytest.raises(InputError, match="number, 'fixed' or 'free'"):
        mm.model("nested_logit", beta_2="loose")
    for value in (0.5, "free"):
        with pytest.raises(InputError, match="no effect"):
            mm.model("nested_logit", attend="labels", beta_2=value)
