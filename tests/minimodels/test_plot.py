"""Figures show what the results hold."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import minimodels as mm
from minimodels.plot import plot_run, plot_sweep, write_figure
from minimodels.plot_words import fitted, symbol
from tests.minimodels.systems import blow_up, logistic, lotka_volterra, two_factors


def entries(axes: Any) -> list[str]:
    legend = axes.legends[0] if isinstance(axes, Figure) else axes.get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


def heading(figure: Figure) -> str:
    return figure.get_suptitle().replace("\n", " ")


def ticks(axes: Axes) -> dict[float, str]:
    axes.figure.canvas.draw()
    return dict(zip(axes.get_xticks(), [t.get_text() for t in axes.get_xticklabels()], strict=True))


def new_axes(count: int = 1) -> Any:
    figure = Figure()
    FigureCanvasAgg(figure)
    return figure.subplots(count)


def pendulum() -> mm.Flow:
    return mm.Flow(
        name="pendulum",
        state={"theta": mm.State(1.0, "angle from the vertical"), "omega": mm.State(0.0, "angular velocity")},
        parameters={"g": mm.Parameter(9.81, "gravity"), "eps_2": mm.Parameter(0.1, "friction")},
        drift={"theta": "omega", "omega": "-g*sin(theta) - eps_2*omega"},
    )


def test_a_run_is_drawn_with_its_loss_states_observables_and_events() -> None:
    run = mm.simulate(two_factors(), t_end=20.0)
    figure = plot_run(run)
    loss, states, observables = figure.axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), run.loss.values)
    assert [line.get_label() for line in states.lines[:2]] == ["a", "b"]
    np.testing.assert_array_equal(observables.lines[0].get_ydata(), run.difference.values)
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


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("beta_1", r"$\beta_1$"), ("alpha", r"$\alpha$"), ("eps", r"$\epsilon$"), ("Omega_12", r"$\Omega_{12}$"),
        ("x12", "$x_{12}$"), ("v_max", r"$v_{\mathrm{max}}$"), ("x_alpha_1", r"$x_{\alpha,1}$"), ("x", "x"),
        ("lambda", r"$\lambda$"), ("lambda_", "lambda_"), ("loss", "loss"), ("escape_time", "escape_time"),
        ("_q", "_q"),
    ],
)  # fmt: skip
def test_symbols(name: str, shown: str) -> None:
    assert symbol(name) == shown


def test_the_words_of_the_axes_are_those_of_the_statement() -> None:
    run = mm.simulate(pendulum(), t_end=5.0, save=np.linspace(0, 5, 50))
    (states,) = plot_run(run).axes
    named = " ".join(entries(states)).replace("\n", " ")
    assert named == r"$\theta$: angle from the vertical $\omega$: angular velocity"
    assert states.get_ylabel() == "states"
    assert states.get_xlabel() == "time"  # of no gradient flow: not of learning
    run["theta"].attrs["units"] = "rad"
    assert plot_run(run[["theta"]]).axes[0].get_ylabel().split() == [
        "angle",
        "from",
        "the",
        "vertical,",
        r"$\theta$",
        "(rad)",
    ]
    grid = mm.sweep(pendulum(), {"eps_2": [0.1, 0.2], "omega_0": [0.0, 1.0]}, t_end=1.0, keep="theta")
    drawn, bar = plot_sweep(grid).axes
    assert drawn.get_xlabel() == r"friction, $\epsilon_2$"
    assert drawn.get_ylabel() == r"initial $\omega$"
    assert bar.get_ylabel() == r"angle from the vertical, $\theta$"


def test_units_of_time_are_those_of_the_kind_of_model() -> None:
    flow, gradient = mm.simulate(pendulum(), t_end=1.0), mm.simulate(two_factors(), t_end=1.0)
    descent, grid = mm.descend(two_factors(), steps=3), mm.sweep(two_factors(), {"s": [1.0]}, t_end=1.0)
    assert "units" not in flow.time.attrs
    assert gradient.time.attrs["units"] == gradient.learnt.attrs["units"] == "learning rate x steps"
    assert grid.learnt.attrs["units"] == "learning rate x steps"
    assert descent.learnt.attrs["units"] == "steps"
    assert "units" not in gradient.loss.attrs


def test_time_is_linear_where_the_grid_is_and_else_logarithmic_with_zero() -> None:
    even = plot_run(mm.simulate(two_factors(), t_end=20.0, save=np.linspace(0, 20, 101)))
    assert {axes.get_xscale() for axes in even.axes} == {"linear"}
    spread = plot_run(mm.simulate(two_factors(), t_end=20.0))
    for axes in spread.axes:
        assert axes.get_xscale() == "symlog"
        assert axes.xaxis.get_transform().linthresh == pytest.approx(2e-3)
        assert axes.get_xlim()[0] <= 0 < 20 <= axes.get_xlim()[1]
        assert axes.lines[0].get_xdata()[0] == 0
    shown = ticks(spread.axes[-1])
    assert shown[0.0] == r"$\mathdefault{0}$"
    assert [t for t in shown if t] == [0.01, 0.1, 1.0, 10.0, 100.0]
    late = plot_run(mm.simulate(two_factors(), t_end=20.0, save=[1, 2, 4, 8, 16])).axes[0]
    assert late.get_xscale() == "log"
    assert plot_run(mm.descend(logistic(), steps=50)).axes[0].get_xscale() == "linear"  # every step is saved
    long = plot_run(mm.descend(logistic(), steps=5000)).axes[0]
    assert long.get_xscale() == "symlog"
    assert long.get_xlabel() == "step"


def test_the_title_says_what_was_set_and_fits() -> None:
    m = mm.model("nested_logit", attend="labels", N=4)
    run = mm.simulate(
        m, t_end=10.0, init={"alpha": 0.2, "xi": 0.01}, rates={"xi": "1/(L-1)"}, clamp={"beta_1": (3.0, 0.0, 5.0)},
        schedule={"B": (2.0, 5.0, 10.0)},
    )  # fmt: skip
    assert heading(plot_run(run)) == (
        r"nested_logit: attend=labels, $\beta_2$=fixed, N=4, initial $\alpha$=0.2, rate of $\xi$=1/(L - 1), "
        r"$\beta_1$ held at 3 from 0 to 5, B=2 from 5 to 10"
    )
    assert heading(plot_run(mm.simulate(two_factors(), t_end=1.0))) == "two_factors"
    descent = mm.descend(two_factors().with_values(s=3), lr=1 / 3, steps=2, rates={"b": 0.5}, clamp={"a": 1.0})
    assert heading(plot_run(descent)) == "two_factors: s=3, lr=0.333333, rate of b=0.5, a held at 1"
    failed = mm.simulate(blow_up(), t_end=2.0, on_failure="keep")
    assert heading(plot_run(failed)) == "blow_up: ended by NON_FINITE"
    grid = mm.sweep(m.with_values(L=40), {"N": [2, 4], "xi_0": [0.0, 0.1]}, t_end=1.0, rates={"alpha": 2}, keep="xi")
    assert heading(plot_sweep(grid)) == r"nested_logit: attend=labels, $\beta_2$=fixed, L=40, rate of $\alpha$=2"
    assert "L=40, N=2" in heading(plot_sweep(grid.sel(N=2)))


def test_no_word_leaves_the_figure() -> None:
    names = {f"a_parameter_with_a_long_name_{i}": 1.0 for i in range(20)}
    m = mm.GradientFlow(
        name="m" * 150,
        state={"a_state_with_quite_a_long_name": mm.State(1.0, "what it means, said at " + "great " * 30 + "length")},
        parameters=names,
        loss="a_state_with_quite_a_long_name**2",
        observables={
            "something_that_is_observed_and_has_an_even_longer_name": "a_state_with_quite_a_long_name",
            "o": 1,
        },
        events={"the_moment_at_which_the_state_with_the_long_name_falls": mm.Event("o", 2.0)},
    ).with_values(**names)
    grid = mm.sweep(m, {"a_state_with_quite_a_long_name_0": [1.0, 2.0]}, t_end=1.0, keep="loss")
    for figure in (plot_run(mm.simulate(m, t_end=1.0)), plot_sweep(grid)):
        figure.canvas.draw()
        inside, room = figure.get_tightbbox(), figure.get_size_inches()
        assert inside.x0 > -0.05
        assert inside.y0 > -0.05
        assert inside.x1 < room[0] + 0.05
        assert inside.y1 < room[1] + 0.05
        assert figure.get_suptitle().endswith("…")
    assert fitted("one two", 1000, 9) == "one two"
    assert fitted("one two three", 30, 9, lines=2) == "one\ntwo …"


def test_many_states_have_a_short_legend_and_different_colours() -> None:
    m = mm.Flow(name="many", state={f"x{i}": float(i) for i in range(30)}, drift={f"x{i}": f"-x{i}" for i in range(30)})
    (axes,) = plot_run(mm.simulate(m, t_end=1.0)).axes
    assert len(axes.lines) == len({to_hex(line.get_color()) for line in axes.lines}) == 30
    assert len(entries(axes)) == 8
    assert [entries(axes)[0], entries(axes)[-1]] == ["$x_0$", "$x_{29}$"]
    assert axes.get_legend().get_title().get_text() == "30 states"


def test_events_are_named_with_their_times_and_those_that_did_not_happen_are_not_drawn() -> None:
    events = {"half_way": mm.Event("x", 0.5, -1), "never": mm.Event("x", 2.0)}
    m = mm.Flow(name="decay", state={"x": 1.0}, drift={"x": "-x"}, events=events)
    (axes,) = plot_run(mm.simulate(m, t_end=5.0)).axes
    assert entries(axes) == ["half way = 0.6931"]
    assert len(axes.lines) == 2
    crowd = mm.Flow(
        name="decay",
        state={"x": 1.0},
        drift={"x": "-x"},
        events={f"e_{i}": mm.Event("x", 0.9 - i / 20, -1) for i in range(10)},
    )
    (axes,) = plot_run(mm.simulate(crowd, t_end=5.0)).axes
    assert len(axes.lines) == 11
    assert entries(axes)[-1] == "and 2 more"
    assert len({(line.get_color(), str(line._dash_pattern)) for line in axes.get_legend().get_lines()[:8]}) == 8


def test_a_map_and_a_point_of_a_sweep_are_drawn() -> None:
    run = mm.descend(logistic(), steps=20)
    (axes,) = plot_run(run).axes
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), np.arange(21))
    assert entries(axes) == [f"high = {run.high.item():g}"]
    grid = mm.sweep(two_factors(), {"s": [1.0, 2.0]}, t_end=2.0, save=[0, 1, 2], keep=["b", "loss"])
    loss, b = plot_run(grid.isel(s=1)).axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), grid.loss.values[1])
    assert b.get_ylabel() == "b"
    over_time = plot_sweep(grid, "b").axes[0]
    assert over_time.get_xlabel() == "time (learning rate x steps)"
    np.testing.assert_array_equal(np.ravel(over_time.collections[0].get_array()), grid.b.values.ravel())


def test_axes_of_the_user_are_drawn_on_as_they_are() -> None:
    run, places = mm.simulate(two_factors(), t_end=20.0), new_axes(3)
    size = places[0].xaxis.label.get_fontsize()
    figure = plot_run(run, ax=places)
    assert figure is places[0].figure
    assert figure.axes == list(places)
    np.testing.assert_array_equal(places[1].lines[1].get_ydata(), run.b.values)
    assert places[0].get_title("left") == "two_factors"
    assert all(place.get_xlabel() == "time (learning rate x steps)" for place in places)
    assert places[0].xaxis.label.get_fontsize() == size
    alone = new_axes()
    assert plot_run(run[["a", "b"]], ax=alone) is alone.figure
    assert entries(alone) == ["a", "b"]
    here = new_axes()
    grid = mm.sweep(two_factors(), {"s": [1.0, 2.0], "a_0": [0.1, 0.2]}, t_end=1.0, keep="b")
    assert plot_sweep(grid, ax=here) is here.figure
    assert here.collections
    assert here.get_xlabel() == "s"
    assert not plt.get_fignums()


def phases(**choices: Any) -> Any:
    """Return a sweep with points outside the domain, points without the event, and points that fail."""
    m = mm.Flow(
        name="growth",
        state={"x": 1.0},
        parameters={"g": mm.Parameter(0.0, "drive", low=0), "k": 1.0},
        drift={"x": "k*x**2 + 0*g"},
        events={"large": mm.Event("x", 1.5)},
    )
    axes = {"g": [-1.0, 0.0, 1.0], "k": [0.1, 0.5, 2.0]}
    with pytest.warns(RuntimeWarning, match="failed"):
        return mm.sweep(m, axes | choices, t_end=1.0, max_steps=1000)


def test_a_map_tells_apart_why_there_is_no_number() -> None:
    grid = phases()
    assert grid.large_censored.values.tolist() == [[False] * 3, [True, False, False], [True, False, False]]
    figure = plot_sweep(grid)
    axes = figure.axes[0]
    assert entries(figure) == ["outside the domain", "failed", "none by time 1"]
    outside, failed, never = figure.legends[0].get_patches()
    numbers, *marks = axes.collections
    np.testing.assert_array_equal(np.ma.getmaskarray(numbers.get_array()), np.isnan(grid.large.values.T))
    colours = {}
    for mark in marks:
        (colour,) = mark.cmap.colors
        colours[to_hex(colour)] = ~np.ma.getmaskarray(mark.get_array()).reshape(3, 3).T
    assert set(colours) == {to_hex(failed.get_facecolor()), to_hex(never.get_facecolor())}
    np.testing.assert_array_equal(colours[to_hex(never.get_facecolor())], grid.large_censored.values)
    np.testing.assert_array_equal(colours[to_hex(failed.get_facecolor())], [[False] * 3, *[[False, False, True]] * 2])
    assert outside.get_hatch()
    assert axes.patch.get_hatch() == outside.get_hatch()
    here = new_axes()
    plot_sweep(grid, ax=here)
    assert entries(here) == ["outside the domain", "failed", "none by time 1"]
    assert here.get_legend()._loc == 3  # lower left, where the domain ends


def test_a_line_tells_apart_why_there_is_no_number() -> None:
    grid = phases(g=[0.0])
    figure = plot_sweep(grid.isel(g=0))
    axes = figure.axes[0]
    assert entries(figure) == ["failed", "none by time 1"]
    spans = {
        to_hex(patch.get_facecolor()): patch.get_extents().transformed(axes.transData.inverted())
        for patch in axes.patches
    }
    failed, never = (spans[to_hex(patch.get_facecolor())] for patch in figure.legends[0].get_patches())
    k = grid.k.values
    assert never.x0 < k[0] < never.x1 < k[1] < failed.x0 < k[2] < failed.x1
    assert heading(figure) == "growth: g=0"


def test_a_grid_in_any_order_and_without_any_number_is_drawn() -> None:
    s = [4.0, 1.0, 2.0]
    line = mm.sweep(two_factors(), {"s": s}, t_end=20.0, keep="learnt")
    drawn = plot_sweep(line).axes[0].lines[0]
    np.testing.assert_array_equal(drawn.get_xdata(), sorted(s))
    np.testing.assert_array_equal(drawn.get_ydata(), line.learnt.sel(s=sorted(s)))
    none = plot_sweep(mm.sweep(two_factors(), {"s": s, "a_0": [0.1, 0.2]}, t_end=0.01, keep="learnt"))
    assert entries(none) == ["none by time 0.01"]
    assert len(none.axes) == 1  # no colour bar
    wide = plot_sweep(mm.sweep(two_factors(), {"s": [1.0, 10.0, 100.0], "a_0": [0.1]}, t_end=0.01, keep="a")).axes[0]
    assert wide.get_xscale() == "log"
    np.testing.assert_allclose(wide.get_xlim(), (10**-0.5, 10**2.5))
    assert [t.get_text() for t in wide.get_xticklabels()] == ["1", "10", "100"]


def test_what_cannot_be_drawn_is_one_sentence() -> None:
    run = mm.simulate(two_factors(), t_end=1.0)
    grid = mm.sweep(two_factors(), {"s": [1.0, 2.0]}, t_end=1.0)
    attempts: list[tuple[Any, str]] = [
        (lambda: mm.plot_run("run.nc"), "give a result of simulate, descend or sweep; got str"),
        (lambda: mm.plot_run(run.loss), "got DataArray"),
        (lambda: mm.plot_sweep(grid.drop_attrs()), "got a dataset of another origin"),
        (lambda: mm.plot_run(grid), "this has s: select a point first, or use plot_sweep"),
        (lambda: mm.plot_sweep(run), "draw a run with plot_run"),
        (lambda: mm.plot_run(run[["learnt"]]), "holds nothing over time"),
        (lambda: mm.plot_sweep(grid[["status"]]), "holds no numbers"),
        (lambda: mm.plot_sweep(grid, "lernt"), "unknown variable to draw 'lernt'; did you mean 'learnt'"),
        (lambda: mm.plot_run(run, ax="here"), "`ax` is a matplotlib Axes, or a sequence of them.*; got 'here'"),
        (lambda: mm.plot_run(run, ax=new_axes()), r"3 Axes are needed \(loss, states, observables\) and `ax` holds 1"),
        (lambda: mm.plot_sweep(grid, ax=new_axes(2)), r"1 Axes is needed \(learnt\) and `ax` holds 2"),
    ]
    for attempt, words in attempts:
        with pytest.raises(mm.InputError, match=words) as error:
            attempt()
        assert "\n" not in str(error.value)
        assert str(error.value).endswith((".", "?"))
