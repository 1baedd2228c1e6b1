"""Figures of results: a run over time, a sweep over one or two parameters."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minimodels.errors import InputError
from minimodels.files import write_file

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".pdf", ".svg")
SYMBOLS = {"beta_1": r"$\beta_1$", "beta_2": r"$\beta_2$", "alpha": r"$\alpha$", "xi": r"$\xi$", "eps": r"$\epsilon$"}


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


def new_figure(rows: int = 1, columns: int = 1, size: tuple[float, float] | None = None) -> tuple["Figure", Any]:
    """Return a figure without a window, and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)


def symbol(name: str) -> str:
    """Return a parameter or state as it is written in the papers."""
    return SYMBOLS.get(name, name)


def plot_run(run: "xr.Dataset") -> "Figure":
    """Plot a run: loss, states and observables over time, with the events marked."""
    dim = "time" if "time" in run.dims else "step"
    states = [k for k in _parameters_of_run(run) if k in run]
    observables = [str(k) for k in run.data_vars if run[k].dims == (dim,) and k not in (*states, "loss")]
    panels = [p for p in (["loss"] if "loss" in run else [], states, observables) if p]
    with style():
        figure, axes = new_figure(len(panels), 1, (5.2, 1.9 * len(panels) + 0.4))
        t = run[dim].values
        for ax, names in zip(np.atleast_1d(axes), panels, strict=True):
            for name in names:
                ax.plot(t[1:], run[name].values[1:], label=symbol(name))
            ax.set_xscale("log")
            ax.set_ylabel(
                "loss (nats)"
                if names == ["loss"]
                else ", ".join(map(symbol, names))
                if len(names) < 4
                else "progress measures"
            )
            if len(names) > 1:
                ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
            _mark_events(ax, run, label=ax is np.atleast_1d(axes)[0])
        np.atleast_1d(axes)[-1].set_xlabel("time (learning rate x steps)" if dim == "time" else "step")
        figure.suptitle(f"{run.attrs.get('model', '')}  {_settings(run)}", x=0.01, ha="left", fontsize="medium")
    return figure


def _parameters_of_run(run: "xr.Dataset") -> list[str]:
    import json

    return list(json.loads(run.attrs.get("rates", "{}")))


def _settings(run: "xr.Dataset") -> str:
    import json

    values = json.loads(run.attrs.get("parameters", "{}"))
    return ", ".join(f"{symbol(k)}={v if isinstance(v, str) else format(v, 'g')}" for k, v in values.items())


def _mark_events(ax: "Axes", run: "xr.Dataset", *, label: bool) -> None:
    for name in run.data_vars:
        if f"{name}_censored" in run and np.isfinite(run[name].item()):
            ax.axvline(run[name].item(), color="0.6", linewidth=0.9, linestyle="--")
            if label:
                text = f" {str(name).replace('_', ' ')} {run[name].item():.4g}"
                ax.annotate(
                    text, (run[name].item(), 1.0), xycoords=("data", "axes fraction"), fontsize="small", color="0.35"
                )


def plot_sweep(grid: "xr.Dataset", name: str | None = None) -> "Figure":
    """Plot one result of a sweep: lines over one axis, a map over two.

    Parameters
    ----------
    name : str
        Variable to show; the first event, else the first variable, unless given.
    """
    names = [str(k) for k in grid.data_vars if grid[k].dtype.kind == "f"]
    name = name or next((k for k in names if f"{k}_censored" in grid), names[0])
    values = grid[name]
    dims = [str(d) for d in values.dims]
    if len(dims) > 2:
        raise InputError(f"a figure shows one or two axes; {name!r} has {', '.join(dims)}: select some first.")
    with style():
        figure, ax = new_figure()
        title = name.replace("_", " ") + (
            " (learning rate x steps)" if f"{name}_censored" in grid or name == "stop_time" else ""
        )
        if len(dims) == 1:
            ax.plot(grid[dims[0]], values, marker="o" if values.size < 40 else None, markersize=3)
            ax.set_ylabel(title)
        else:
            from matplotlib.colors import LogNorm

            shown = np.ma.masked_invalid(values.values.T.astype(float))
            spread = shown.count() and shown.min() > 0 and shown.max() > 20 * shown.min()
            mesh = ax.pcolormesh(
                grid[dims[0]],
                grid[dims[1]],
                shown,
                norm=LogNorm() if spread else None,
                shading="nearest",
                rasterized=True,
            )
            ax.set_facecolor("0.85")
            figure.colorbar(mesh, label=title)
            ax.set_ylabel(symbol(dims[1]))
        for axis, dim in zip((ax.xaxis, ax.yaxis), dims, strict=False):
            steps = (
                np.diff(np.log(np.abs(grid[dim].values)))
                if grid[dim].size > 2 and (grid[dim] > 0).all()
                else np.array([1.0, 2.0])
            )
            if np.allclose(steps, steps[0]) and abs(steps[0]) > 1e-9:
                axis.axes.set(**{f"{'x' if axis is ax.xaxis else 'y'}scale": "log"})
        ax.set_xlabel(symbol(dims[0]))
        note = "; grey: none by the end" if np.isnan(values.values).any() else ""
        ax.set_title(f"{grid.attrs.get('model', '')}  {_settings(grid)}{note}")
    return figure


def write_figure(figure: "Figure", path: str | Path) -> None:
    """Write a figure as PNG, PDF or SVG, whole or not at all."""
    target, drawn = check_figure(path), BytesIO()
    with style():
        figure.savefig(drawn, format=target.suffix[1:])
    write_file(target, drawn.getvalue())
