"""The models on the paper's axes, what is read off curves, and the figures."""

import warnings

import matplotlib
import numpy as np
import pytest

import theory
from validation.hernandez import model_figures, solvable
from validation.hernandez.claims import capacity, crosstalk, noise, regression
from validation.hernandez.readings import band, peak, rise_and_fall
from validation.ledger import Context


def test_a_peak_is_read_between_the_points_and_not_at_an_end() -> None:
    x = np.geomspace(1, 1000, 13)
    assert peak(x, -(np.log(x / 37.0) ** 2)) == pytest.approx(37, rel=1e-9)
    assert np.isnan(peak(x, np.log(x)))
    assert np.isnan(peak(x, -np.log(x)))


def test_a_band_is_where_half_of_the_worst_is_passed() -> None:
    x = np.geomspace(1, 1e4, 41)
    damage = np.maximum(0, 1 - np.abs(np.log(x / 100)) / np.log(10))  # a tent over a decade to each side
    assert band(x, damage) == pytest.approx((100 / np.sqrt(10), 100 * np.sqrt(10)), rel=1e-9)
    assert np.isnan(band(x, np.log(x))[1])


def test_a_rise_and_a_second_fall() -> None:
    assert rise_and_fall(np.array([3.0, 2.0, 2.5, 1.0])) == (0.25, 0.6)
    assert rise_and_fall(np.array([3.0, 2.0, 4.0, 4.0])) == (1.0, 0.0)
    assert rise_and_fall(np.array([3.0, 2.0, 1.0]))[0] == 0


def test_the_published_control_sizes() -> None:
    published = [1.57e6, 5.31e6, 12.6e6, 42.5e6, 101e6, 197e6, 340e6, 805e6]
    np.testing.assert_allclose(solvable.SIZES, published, rtol=5e-3)


@pytest.mark.parametrize("f", [0.1, 0.9])
def test_flows_end_at_the_closed_forms(f: float) -> None:
    y, r = np.geomspace(0.03, 30, 13), np.geomspace(10, 3000, 25)
    np.testing.assert_allclose(solvable.noise(f, y), solvable.excess(f, y), rtol=1e-5)  # of 24 eigenvalues
    np.testing.assert_allclose(solvable.market(f, r), solvable.capacity(f, r, 8e8), atol=1e-5)
    assert solvable.effective(f, 125, 8e8) == theory.effective_size(theory.fresh_ridge(1.0, f).excess)


def test_one_copy_is_the_copy_loss_of_the_model() -> None:
    control, grid = solvable.heads(0.3)
    assert solvable.copies(control, np.ones(1))[0] == pytest.approx(float(control["copy_loss_far"]), rel=1e-12)
    for M in solvable.ITEMS[[0, 8, 20]]:
        there = grid.sel(M=M)
        found = solvable.copies(there, np.ones(1), M=M)[0]
        assert found == pytest.approx(float(there["copy_loss_far"]), rel=1e-10)
    assert (np.diff(solvable.copies(control, np.arange(1, 12.0))) < 0).all()


def test_fine_tuning_forgets_at_the_rate_of_the_fresh_stream() -> None:
    """On fresh data alone every direction decays by exp(-t), its square by exp(-2t)."""
    before, after = solvable.fine_tuned(0.9, 1.1, 100.0, 3.0)
    assert before == pytest.approx(theory.fresh_ridge_course(100.0, 0.9, 1.1), rel=1e-4)
    assert after / before == pytest.approx(np.exp(-6), rel=1e-5)


def test_figures_say_what_was_found() -> None:
    said = {}
    with matplotlib.rc_context({"backend": "agg"}), warnings.catch_warnings():
        warnings.simplefilter("error")
        for claim in (noise.interior, noise.by_share, noise.courses, capacity.depth, crosstalk.copying,
                      regression.table_peak):  # fmt: skip
            draw, data = claim.figure, claim.measure(Context(False)).data
            assert draw is not None
            assert data is not None
            figure, said[claim.id] = draw(data)
            figure.canvas.draw()
        from matplotlib import pyplot

        pyplot.close("all")
    assert "hurt most at r = 125 (A) and 100 (C)" in said["H1m"]
    assert "is 125 at f = .03 and 125 at .9 in model A" in said["H2m"]
    assert "falls to 0.72, rises to 0.82 and falls to 0.70" in said["H10m"]
    assert "0.47 (0.5)" in said["H8m"]
    assert "by 0.014 nats at worst, copying in a ten times longer context by 0.58" in said["H11m"]
    assert "0.47 nats at 128 tokens" in said["H15m"]
    assert model_figures.regression.__doc__
