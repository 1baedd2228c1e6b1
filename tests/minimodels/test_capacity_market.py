"""The capacity market against brute force over what could be memorised, its closed form and its published table."""

import numpy as np
import pytest

import minimodels as mm
from tests.minimodels.systems import reference

ALPHAS = (0.076, 0.10, 0.1375)
DEEPEST = {  # x at the worst number of repeats, by exponent; shared/science, 5.3; None where it is left to compute
    0.03: (0.711, 0.764, 0.816),
    0.10: (0.406, 0.474, 0.553),
    0.50: (0.071, 0.091, 0.121),
    0.90: (0.0084, 0.011, None),
}
N, T, b = 8e8, 1e11, 4.2


def critical(f: float, al: float) -> float:
    """Return u_c."""
    return f / (al + f * (1 - al))


def left(u: np.ndarray, f: float, al: float) -> np.ndarray:
    """Return the closed form of x(u)."""
    return np.where(u <= critical(f, al), 1 - u, np.where(u < f / al, al * (u - f) / (f * (1 - al)), 1.0))


def at_rest(f: float, al: float, u: np.ndarray, form: str, t_end: float = 1e4) -> np.ndarray:
    """Return x at the end of the flow, for the repeats at which the set would take a share u of the parameters."""
    m = mm.model("capacity_market", form=form, f=f, al=al)
    return mm.sweep(m, {"r": b * f * T / (N * u)}, t_end=t_end, keep="x").x.values


@pytest.mark.parametrize("al", ALPHAS)
@pytest.mark.parametrize("f", [0.03, 0.1, 0.2, 0.5, 0.9])
def test_the_flow_rests_at_the_closed_form_and_at_the_least_loss(f: float, al: float) -> None:
    c = critical(f, al)
    u = np.array([0.3 * c, 0.9 * c, 0.999 * c, 1.01 * c, 0.5 * (c + f / al), 0.9 * f / al, 1.1 * f / al, 4 * f / al])
    found = at_rest(f, al, u, "static")
    np.testing.assert_allclose(found, left(u, f, al), atol=1e-6)
    share = np.linspace(0, 1, 200_001)
    for x, size in zip(found, u, strict=True):
        with np.errstate(invalid="ignore", divide="ignore"):
            loss = (1 - f * share) * (1 - size * share) ** -al
        best = share[np.nanargmin(loss)]
        assert x == pytest.approx(1 - size * best, abs=2e-5 * max(1, size))


@pytest.mark.parametrize("f", DEEPEST)
def test_the_published_depths(f: float) -> None:
    for al, expected in zip(ALPHAS, DEEPEST[f], strict=True):
        c = critical(f, al)
        found = at_rest(f, al, np.array([0.9 * c, 0.9999 * c, 1.0001 * c, 1.1 * c]), "static").min()
        assert found == pytest.approx(al * (1 - f) / (al + f * (1 - al)), abs=2e-3)
        if expected is not None:
            assert found == pytest.approx(expected, rel=0.01, abs=6e-4)


def test_the_worst_number_of_repeats_of_the_paper() -> None:
    """b = 4.2 puts the worst r of 800M parameters at 100; then r = 122 leaves 57 % of 805M and 1220 66 % of 101M."""
    m = mm.model("capacity_market")
    r = np.geomspace(20, 1000, 200)
    x = mm.sweep(m, {"r": r}, t_end=1e4, keep="x").x.values
    assert r[x.argmin()] == pytest.approx(100, rel=0.03)
    for r, N, expected in ((122, 805e6, 0.57), (1220, 101e6, 0.66)):
        run = mm.simulate(m.with_values(r=r, N=N), t_end=1e4)
        assert float(run.x[-1]) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("f", [0.1, 0.5])
def test_memorising_without_forgetting_ends_at_the_same_place(f: float) -> None:
    u = np.array([0.5, 0.95, 1.05, 1.5]) * critical(f, 0.1)
    np.testing.assert_allclose(at_rest(f, 0.1, u, "dynamic"), left(u, f, 0.1), atol=2e-5)


def test_the_dynamic_market_agrees_with_dop853_and_keeps_what_it_knows() -> None:
    m = mm.model("capacity_market", form="dynamic", r=50)
    times = np.array([1.0, 5.0, 20.0, 60.0])
    run = mm.simulate(m, t_end=60.0, save=times, rtol=1e-11, atol=1e-3)
    np.testing.assert_allclose(run.m, reference(m, times)[:, 0], rtol=1e-8)
    later = mm.simulate(m, t_end=60.0, schedule={"b": [(8.0, 30.0, 60.0)]}, save=times)
    assert (np.diff(later.m) >= 0).all()


def test_a_set_that_is_not_worth_it_stays_at_the_bound() -> None:
    run = mm.simulate(mm.model("capacity_market", r=5), t_end=1e4)
    assert (run.m == 0).all()
    assert (run.x == 1).all()
    paid = mm.simulate(mm.model("capacity_market", r=500), t_end=1e4)
    assert float(paid.m[-1]) == 0.1 * 1e11 / 500
    assert (np.diff(paid.loss) <= 1e-15).all()
    (found,) = mm.fixed_points(mm.model("capacity_market", r=500))
    assert found.state["m"] == pytest.approx(2e7)
