"""What figures of all papers are drawn with; matplotlib is loaded when the first is drawn."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from validation.ledger import Figure as Draw


def subplots(rows: int = 1, columns: int = 1, **options: Any) -> tuple["Figure", Any]:
    """Return a figure and its axes, as `matplotlib.pyplot.subplots` does, laid out without overlaps."""
    from matplotlib import pyplot as plt

    return plt.subplots(rows, columns, layout="constrained", **options)


def plain_ticks(axis: Any) -> None:
    """Plain numbers along a logarithmic axis of few decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def draw(function: "Draw", data: "xr.Dataset", folder: Path) -> str:
    """Draw a figure of some data into `figures/`, keep the data in `data/`, and return the caption."""
    from matplotlib import pyplot as plt

    from minimodels.plot import style, write_figure
    from minimodels.results import FORMAT, save

    name = function.__name__
    for kind in ("figures", "data"):
        (folder / kind).mkdir(exist_ok=True)
    save(data.assign_attrs(format=FORMAT), folder / "data" / f"{name}.nc", overwrite=True)
    with style():
        figure, caption = function(data)
        for ending in ("png", "svg"):
            write_figure(figure, folder / "figures" / f"{name}.{ending}")
        plt.close(figure)
    return caption
