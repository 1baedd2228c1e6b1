"""The figure of a forecast: what was seen, the band ahead, when the drop comes, and the baseline."""

from typing import TYPE_CHECKING, Any

import numpy as np

from minimodels.errors import InputError
from minimodels.plot import new_figure, style
from minimodels.plot_words import fitted, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 6.8  # inches
FAR = 3.0  # of the last step: what is drawn, unless the drop's band goes further
INK, BAND, AHEAD = "0.15", "C0", "C1"


def plot_forecast(result: "xr.Dataset") -> "Figure":
    """Draw a forecast: every measure as seen, fitted and ahead (80 % and 50 %), the drop, and the baselines.

    Below them stands the probability that the drop has come. Where nothing can be said, or the model does not fit, the
    title says so and there is no band ahead.

    Parameters
    ----------
    result : xarray.Dataset
        From `forecast`.

    Returns
    -------
    matplotlib.figure.Figure
        ``figure.savefig("forecast.png")`` writes it.

    Raises
    ------
    InputError
        If it is not a forecast.

    Examples
    --------
    >>> import numpy as np
    >>> import minimodels as mm
    >>> m = mm.model("nested_logit", N=8, L=32, attend="labels")
    >>> run = mm.simulate(m, t_end=35.0, save=np.linspace(0, 35, 36))
    >>> curve = {"step": 100 * run.time.values, "loss": run.loss.values}
    >>> figure = mm.plot_forecast(mm.forecast(curve, m, samples=10_000))
    >>> [place.get_ylabel() for place in figure.axes]
    ['loss', 'probability']
    """
    import xarray as xr

    if not isinstance(result, xr.Dataset) or "verdict" not in result.attrs or "none_before" not in result:
        raise InputError("give a result of forecast.")
    names = [str(k).removesuffix("_seen") for k in result if str(k).endswith("_seen")]
    said = result.attrs["verdict"] == "forecast"
    now, far = result.attrs["now"], _far(result)
    with style():
        figure, places = new_figure(len(names) + said, (WIDTH, 2.1 * (len(names) + said) + 0.8))
        for place, name in zip(places, names, strict=False):
            _draw_measure(place, result, name, far)
        if said:
            _draw_probability(places[-1], result)
        for place in places:
            place.axvline(now, color="0.6", linewidth=0.8, zorder=0)
            place.set_xlim(0, far)
        places[0].annotate(
            "now", (now, 1), (3, -3), xycoords=("data", "axes fraction"), textcoords="offset points", va="top",
            fontsize="small", color="0.4",
        )  # fmt: skip
        places[-1].set_xlabel("step")
        places[0].legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
        text = f"{result.attrs['model']}, {result.attrs['verdict']}: {result.attrs['reason']}"
        title = figure.suptitle("", x=0.01, ha="left", fontsize="medium")
        title.set_text(fitted(text, 0.98 * 72 * WIDTH, float(title.get_fontsize())))
    return figure


def _far(result: "xr.Dataset") -> float:
    """Last step that is drawn."""
    now, end = float(result.attrs["now"]), float(result["step"][-1])
    late = result["drop_step"].values
    late = late[np.isfinite(late)]
    return min(end, max(FAR * now if not late.size else 1.3 * now, 1.3 * float(late.max(initial=0.0))))


def _draw_measure(ax: "Axes", result: "xr.Dataset", name: str, far: float) -> None:
    step, now = result["step"].values, result.attrs["now"]
    band: dict[float, Any] = {q: result[name].sel(quantile=q).values for q in result["quantile"].values}
    for part, colour, what in ((step <= now, BAND, "fitted"), (step >= now, AHEAD, "ahead")):
        if np.isfinite(band[0.5][part]).sum() < 2:  # the last step seen is in both
            continue
        ax.fill_between(step[part], band[0.1][part], band[0.9][part], color=colour, alpha=0.2, linewidth=0)
        ax.fill_between(step[part], band[0.25][part], band[0.75][part], color=colour, alpha=0.3, linewidth=0)
        ax.plot(step[part], band[0.5][part], color=colour, label=f"{what}, 50 and 80 %")
    ax.plot(step, result[f"{name}_seen"].values, color=INK, linestyle="", marker=".", markersize=3, label="seen")
    inside = np.concatenate(
        [v[(step <= far) & np.isfinite(v)] for v in (*band.values(), result[f"{name}_seen"].values)]
    )
    low, high = float(inside.min()), float(inside.max())
    room = 0.06 * max(high - low, 1e-12)
    if result.attrs["baseline_of"] == name:
        for which, dashes in zip(result["which"].values, ("--", ":"), strict=False):
            line = np.where(step >= now / 2, result["baseline"].sel(which=which).values, np.nan)
            ax.plot(step, line, color="0.5", linestyle=dashes, label=f"baseline: {which}")
    ax.set_ylim(low - room, high + room)
    ax.set_ylabel(words(name))


def _draw_probability(ax: "Axes", result: "xr.Dataset") -> None:
    ahead = result["step"].values >= 0
    ax.plot(result["step"].values[ahead], 1 - result["none_before"].values[ahead], color=AHEAD)
    low, middle, high = (float(result["drop_step"].sel(quantile=q)) for q in (0.1, 0.5, 0.9))
    ax.axvspan(low, high, color=AHEAD, alpha=0.2, linewidth=0)
    ax.axvline(middle, color=AHEAD, linewidth=0.8)
    ax.annotate(
        f"{words(result.attrs['drop'])} {middle:.4g}, 80 %: {low:.4g} to {high:.4g}", (0.02, 0.9),
        xycoords="axes fraction", va="top", fontsize="small",
    )  # fmt: skip
    ax.set_ylim(0, 1)
    ax.set_ylabel("probability")
