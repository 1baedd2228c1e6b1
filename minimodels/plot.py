"""Figures of results: a run over time, a sweep over one or two parameters."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import cycle, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minimodels.engine.kernel import Floats
from minimodels.errors import InputError, shown, unknown
from minimodels.files import write_file
from minimodels.plot_map import MISSING, cell_edges, draw_map, explain_missing, is_log, missing_numbers
from minimodels.plot_words import fitted, label, meaning, stated, title, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

FORMATS = (".png", ".pdf", ".svg")
SERIES = ("time", "step")
ENTRIES = 8  # of one kind in a legend: as many as there are colours
MARKED = 40  # fewer points than these are marked
DASHES = ("--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)))
DESCRIBED = 4  # lines that a legend has room to describe
LEGEND = 140  # points of width
TICKED = 8  # values of a map's axis that have a tick each


@contextmanager
def style() -> Iterator[None]:
    """Use the project's figure style: Okabe-Ito colours, text kept as text."""
    import matplotlib.pyplot as plt

    with plt.style.context(Path(__file__).with_name("minimodels.mplstyle")):
        yield


def check_figure(path: str | Path) -> Path:
    """Return a path a figure can be written to, or say what is wrong with it."""
    target = Path(path)
    if target.suffix not in FORMATS:
        raise InputError(f"a figure ends in {', '.join(FORMATS)}; got {target.name!r}.")
    if not target.parent.is_dir():
        raise InputError(f"the folder {str(target.parent)!r} does not exist; make it or choose another figure path.")
    if target.is_dir() or not os.access(target.parent, os.W_OK):
        raise InputError(f"cannot write {str(target)!r}; choose another figure path.")
    return target


def plot_run(run: "xr.Dataset", *, ax: "Axes | Sequence[Axes] | None" = None) -> "Figure":
    """Draw a run: loss, states and observables over time, with the events marked.

    Time is linear where the saved times are evenly spread, and otherwise logarithmic, linear from 0 to the first
    positive time. The title says what was set.

    Parameters
    ----------
    run : xarray.Dataset
        As from `simulate` or `descend`, or one point of a sweep with saved times. ``run[["loss"]]`` draws the loss
        alone.
    ax : matplotlib Axes or sequence of Axes
        Where to draw, one for each panel: the loss, the states, the observables, as far as there are any; a new
        figure without a window unless given.

    Returns
    -------
    matplotlib.figure.Figure
        ``figure.savefig("run.png")`` writes it.

    Raises
    ------
    InputError
        If it is not one run of this library, holds nothing over time, or ``ax`` does not fit.

    Examples
    --------
    >>> import minimodels as mm
    >>> well = mm.GradientFlow(name="well", state={"x": mm.State(0.1, "position")}, loss="(x**2 - 1)**2/4")
    >>> figure = mm.plot_run(mm.simulate(well, t_end=10.0))
    >>> [panel.get_ylabel() for panel in figure.axes]
    ['loss', 'position, x']
    """
    _check_result(run)
    axes = [str(d) for d in run.dims if d in run.coords and d not in SERIES]
    if axes:
        raise InputError(f"a run has no axis, and this has {', '.join(axes)}: select a point first, or use plot_sweep.")
    dim = next((d for d in SERIES if d in run.dims), "")
    series = [str(k) for k in run.data_vars if run[k].dims == (dim,) and run[k].dtype.kind in "fiu"]
    states = [k for k in stated(run, "rates") if k in series]
    groups = {
        "loss": [k for k in series if k == "loss"],
        "states": states,
        "observables": [k for k in series if k not in ("loss", *states)],
    }
    panels = {what: names for what, names in groups.items() if names}
    if not panels:
        raise InputError("the run holds nothing over time that could be drawn; save some times of a state or the loss.")
    with _drawing(ax, list(panels), (6.8, 1.9 * len(panels) + 0.6), title(run)) as (figure, places):
        for place, (what, names) in zip(places, panels.items(), strict=True):
            lines = _draw_series(place, run, dim, names, described=ax is None and len(names) <= DESCRIBED)
            events = _mark_events(place, run)
            place.set_ylabel(_fit(place, label(run, names[0]) if len(names) == 1 else what, vertical=True))
            if ax is not None or place is places[-1]:
                place.set_xlabel(_fit(place, label(run, dim)))
            _add_legend(place, what, lines, events if place is places[0] else [], outside=ax is None)
    return figure


def plot_sweep(grid: "xr.Dataset", name: str | None = None, *, ax: "Axes | None" = None) -> "Figure":
    """Draw one result of a sweep: a line over one axis, a map over two.

    Where there is no number, a legend says why: no event by the end, outside the model's domain, failed. An axis is
    logarithmic where its values are spread so.

    Parameters
    ----------
    grid : xarray.Dataset
        As from `sweep`. Of more than two axes, select some first: ``grid.sel(N=8)``; the title says what was selected.
    name : str
        Variable to draw; the first event, else the first variable, unless given.
    ax : matplotlib Axes
        Where to draw; a new figure without a window unless given.

    Returns
    -------
    matplotlib.figure.Figure
        ``figure.savefig("grid.png")`` writes it.

    Raises
    ------
    InputError
        If it is not a sweep of this library, the variable is not in it or has more than two axes, or ``ax`` does not
        fit.

    Examples
    --------
    >>> import minimodels as mm
    >>> m = mm.model("nested_logit", attend="labels")
    >>> grid = mm.sweep(m, {"N": [2, 4, 6], "L": [16, 32, 64]}, t_end=300.0)
    >>> mm.plot_sweep(grid).axes[0].get_xlabel()
    'item-label pairs in the context, N'
    """
    _check_result(grid)
    if all(d in SERIES for d in grid.dims):
        raise InputError("a sweep has an axis, and this result has none: draw a run with plot_run.")
    names = [str(k) for k in grid.data_vars if grid[k].dtype.kind in "fiu" and k != "status" and grid[k].ndim]
    if not names:
        raise InputError("the sweep holds no numbers that could be drawn; keep a state, the loss or an event.")
    if name is not None and not (isinstance(name, str) and name in names):
        raise unknown("variable to draw", name, names)
    name = name or next((k for k in names if f"{k}_censored" in grid), names[0])
    dims = sorted(map(str, grid[name].dims), key=lambda d: d not in SERIES)
    if len(dims) > 2:
        raise InputError(
            f"a figure shows one or two axes; {name!r} has {', '.join(dims)}: select some first, "
            f"as in grid.isel({dims[-1]}=0)."
        )
    grid = grid.sortby(dims)
    values = grid[name].transpose(*dims).values.astype(float)
    missing = missing_numbers(grid, name, dims, values)
    with _drawing(ax, [name], (5.2, 3.7), title(grid)) as (figure, (place,)):
        x = cell_edges(grid[dims[0]].values)
        _set_scale(place, "x", grid[dims[0]].values)
        if len(dims) == 1:
            _draw_line(place, grid[dims[0]].values, values)
            for kind, mask in missing.items():
                for first, last in np.flatnonzero(np.diff(np.pad(mask, 1).astype(int))).reshape(-1, 2):
                    place.axvspan(x[first], x[last], linewidth=0, zorder=0, **MISSING[kind])
            place.set_ylabel(_fit(place, label(grid, name), vertical=True))
            if not np.isfinite(values).any():
                place.set_yticks([])
        else:
            y = cell_edges(grid[dims[1]].values)
            _set_scale(place, "y", grid[dims[1]].values)
            for axis, dim in zip((place.xaxis, place.yaxis), dims, strict=True):
                if grid.sizes[dim] <= TICKED:
                    axis.set_ticks(grid[dim].values, labels=[f"{v:g}" for v in grid[dim].values])
                    axis.set_ticks([], minor=True)
            draw_map(place, x, y, values, missing, _fit(place, label(grid, name), vertical=True))
            place.set_ylabel(_fit(place, label(grid, dims[1]), vertical=True))
        place.set_xlabel(_fit(place, label(grid, dims[0])))
        explain_missing(place, missing, grid.attrs.get("t_end"), outside=ax is None)
    return figure


def _check_result(result: Any) -> None:
    import xarray as xr

    if not isinstance(result, xr.Dataset) or not str(result.attrs.get("format", "")).startswith("minimodels"):
        what = "a dataset of another origin" if isinstance(result, xr.Dataset) else type(result).__name__
        raise InputError(f"give a result of simulate, descend or sweep; got {what}.")


@contextmanager
def _drawing(
    ax: Any, panels: Sequence[str], size: tuple[float, float], heading: str
) -> Iterator[tuple["Figure", list["Axes"]]]:
    """Give a figure and an Axes for every panel: those of the user as they are, or new ones in the project's style."""
    if ax is None:
        with style():
            figure, places = new_figure(len(panels), size)
            yield figure, places
            text = figure.suptitle("", x=0.01, ha="left", fontsize="medium")
            text.set_text(fitted(heading, 0.98 * 72 * size[0], float(text.get_fontsize())))
        return
    from matplotlib.axes import Axes

    places = list(np.ravel(np.array(ax, dtype=object)))
    if not all(isinstance(place, Axes) for place in places):
        raise InputError(f"`ax` is a matplotlib Axes, or a sequence of them for several panels; got {shown(ax)}.")
    if len(places) != len(panels):
        several = f"; give as many, or draw one alone, as in run[[{panels[0]!r}]]" if len(panels) > 1 else ""
        raise InputError(
            f"{len(panels)} Axes {'are' if len(panels) > 1 else 'is'} needed ({', '.join(panels)}) and `ax` holds "
            f"{len(places)}{several}."
        )
    yield places[0].figure.figure, places
    places[0].set_title(_fit(places[0], heading, size=float(places[0].title.get_fontsize())), loc="left")


def new_figure(panels: int, size: tuple[float, float]) -> tuple["Figure", list["Axes"]]:
    """Return a figure without a window, and its axes, one below the other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])


def _fit(ax: "Axes", text: str, *, vertical: bool = False, size: float | None = None) -> str:
    """Break a text beside an axis into lines that it has room for."""
    box = ax.get_window_extent()
    room = 72 * (box.height if vertical else box.width) / ax.figure.dpi
    return fitted(text, room, size or float(ax.xaxis.label.get_fontsize()))


def _set_scale(ax: "Axes", which: Literal["x", "y"], values: Floats) -> None:
    """Make an axis logarithmic, and linear from 0 to the first positive value, where its values are spread so."""
    from matplotlib.ticker import FixedLocator, LogFormatter

    if not is_log(values):
        return
    axis, set_scale = (ax.xaxis, ax.set_xscale) if which == "x" else (ax.yaxis, ax.set_yscale)
    first, last = values[values > 0][0], values[-1]
    if values[0] == 0:
        decades = np.log10([first, last])
        set_scale("symlog", linthresh=first, linscale=max(0.4, np.ptp(decades) / 8), subs=range(2, 10))
        powers = np.arange(np.ceil(decades[0]), decades[1] + 1)
        axis.set_major_locator(FixedLocator([0.0, *10.0 ** powers[:: -(-len(powers) // 8)]]))
    else:
        set_scale("log")
        if first >= 1 and last < 1e4:
            axis.set_major_formatter(LogFormatter())
            axis.set_minor_formatter(LogFormatter())


def _draw_line(ax: "Axes", x: Floats, y: Floats, **how: Any) -> "Line2D":
    marker = "o" if len(x) < MARKED else None
    return ax.plot(x, np.where(np.isfinite(y), y, np.nan), marker=marker, markersize=3, **how)[0]


def _draw_series(ax: "Axes", run: "xr.Dataset", dim: str, names: Sequence[str], *, described: bool) -> list["Line2D"]:
    """Draw variables over time; many of them in the order of a colour map."""
    from matplotlib import colormaps

    _set_scale(ax, "x", run[dim].values)
    shades = colormaps["viridis"](np.linspace(0, 0.9, len(names)))
    lines = []
    for name, shade in zip(names, shades, strict=True):
        about = meaning(run, name) if described else ""
        colour = {"color": shade} if len(names) > ENTRIES else {}
        text = f"{words(name)}: {about}" if about else words(name)
        lines.append(_draw_line(ax, run[dim].values, run[name].values, label=text, **colour))
    return lines


def _mark_events(ax: "Axes", run: "xr.Dataset") -> list["Line2D"]:
    found = [str(k) for k in run.data_vars if f"{k}_censored" in run and run[k].ndim == 0 and np.isfinite(run[k])]
    return [
        ax.axvline(
            float(run[name]), color=grey, linestyle=dashes, linewidth=1, label=f"{words(name)} = {float(run[name]):.4g}"
        )
        for name, (grey, dashes) in zip(found, cycle(product(("0.2", "0.6"), DASHES)), strict=False)
    ]


def _add_legend(ax: "Axes", what: str, lines: Sequence["Line2D"], events: Sequence["Line2D"], *, outside: bool) -> None:
    """Name the lines, if there are several, and the events; of many lines some, and how many there are."""
    from matplotlib.lines import Line2D

    def more(hidden: int) -> list["Line2D"]:
        return [Line2D([], [], linestyle="", label=f"and {hidden} more")] if hidden > 0 else []

    shown = list(lines) if len(lines) > 1 else []
    if len(lines) > ENTRIES:
        shown = [lines[i] for i in np.linspace(0, len(lines) - 1, ENTRIES).round().astype(int)]
    handles = [*shown, *events[:ENTRIES], *more(len(events) - ENTRIES)]
    if handles:
        if outside:
            for handle in handles:
                handle.set_label(fitted(str(handle.get_label()), LEGEND, 7.5))
        ax.legend(
            handles=handles,
            title=f"{len(lines)} {what}" if len(lines) > ENTRIES else None,
            fontsize="small",
            title_fontsize="small",
            ncols=1 + (len(handles) > 10),
            **({"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if outside else {"loc": "best"}),
        )


def write_figure(figure: "Figure", path: str | Path) -> None:
    """Write a figure as PNG, PDF or SVG, whole or not at all."""
    target, drawn = check_figure(path), BytesIO()
    with style():
        figure.savefig(drawn, format=target.suffix[1:])
    write_file(target, drawn.getvalue())
