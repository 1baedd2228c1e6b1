"""Fixed points found, with their eigenvalues and kinds."""

import numpy as np
import pytest

import minimodels as mm
from tests.systems import double_well, logistic, lotka_volterra


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
    ("box", "words"),
    [({"y": (0, 1)}, "unknown state"), ({}, "every state"), ((0.0, 1.0), "box"), (-1.0, "box"), ({"x": (1, 0)}, "box")],
)
def test_a_box_that_is_none(box: object, words: str) -> None:
    with pytest.raises(mm.InputError, match=words):
        mm.fixed_points(double_well(), box=box)  # type: ignore[arg-type]
