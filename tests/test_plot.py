"""Figures show what the results hold."""

from pathlib import Path

import numpy as np
import pytest

import minimodels as mm
from minimodels.plot import plot_run, plot_sweep, write_figure
from tests.systems import lotka_volterra, two_factors


def test_a_run_is_drawn_with_its_loss_states_observables_and_events() -> None:
    run = mm.simulate(two_factors(), t_end=20.0)
    figure = plot_run(run)
    loss, states, observables = figure.axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), run.loss.values[1:])
    assert [line.get_label() for line in states.lines[:2]] == ["a", "b"]
    np.testing.assert_array_equal(observables.lines[0].get_ydata(), run.difference.values[1:])
    assert loss.lines[-1].get_xdata()[0] == pytest.approx(float(run.learnt))
    assert "steps" in observables.get_xlabel()


def test_a_flow_without_a_loss_is_drawn() -> None:
    assert len(plot_run(mm.simulate(lotka_volterra(), t_end=10.0)).axes) == 2


def test_sweeps_over_one_and_two_axes(tmp_path: Path) -> None:
    s, a = np.geomspace(0.5, 4, 8), np.linspace(0.1, 0.5, 5)
    line = mm.sweep(two_factors(), {"s": s}, t_end=20.0, keep=["learnt"])
    figure = plot_sweep(line)
    assert figure.axes[0].get_xscale() == "log"
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), line.learnt.values)
    grid = mm.sweep(two_factors(), {"s": s, "a_0": a}, t_end=20.0, keep=["loss", "learnt"])
    mesh = plot_sweep(grid, "learnt").axes[0].collections[0]
    np.testing.assert_allclose(np.ravel(mesh.get_array()), grid.learnt.values.T.ravel())
    for ending in ("png", "pdf", "svg"):
        write_figure(plot_sweep(grid), tmp_path / f"grid.{ending}")
        assert (tmp_path / f"grid.{ending}").stat().st_size > 1000


def test_figures_that_cannot_be() -> None:
    cube = mm.sweep(two_factors(), {"s": [1.0, 2.0], "a_0": [0.1, 0.2], "b_0": [0.1, 0.2]}, t_end=1.0, keep=["a"])
    with pytest.raises(mm.InputError, match="one or two axes"):
        plot_sweep(cube)
    with pytest.raises(mm.InputError, match="a figure ends in"):
        write_figure(plot_run(mm.simulate(two_factors(), t_end=1.0)), "figure.jpeg")
