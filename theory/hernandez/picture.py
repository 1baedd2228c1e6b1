"""Where the groups of a histogram lie: their shares, the bands, and what one set of the same share would cost."""

from typing import TYPE_CHECKING

import numpy as np

from minimodels.errors import InputError, shown
from minimodels.plot import new_figure, style
from theory.hernandez.advice import leading
from theory.hernandez.costs import MOST, RepeatCosts
from theory.hernandez.damage import SHALLOW
from theory.hernandez.effective import effective_size, published_band
from theory.hernandez.market import capacity_market
from theory.hernandez.ridge import excess

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 400
MARGIN = 3.0  # factor left and right of what is shown
MARKED = 60  # groups that have a mark each; more are a line


def plot_repeats(costs: RepeatCosts) -> "Figure":
    """Draw where each group of repeats lies: above its share of the tokens, below the cost of one set of this share.

    Parameters
    ----------
    costs : RepeatCosts
        As from `repeat_costs`.

    Returns
    -------
    matplotlib.figure.Figure
        Without a window; ``figure.savefig("repeats.png")`` writes it.

    Raises
    ------
    InputError
        If it is no such result, or nothing is repeated.

    Examples
    --------
    >>> import theory
    >>> made = theory.repeat_costs([50, 400], [3e9, 1e9], tokens=1e11, parameters=197e6, width=640)
    >>> [panel.get_ylabel() for panel in plot_repeats(made).axes]
    ['share of the tokens, f', 'effective size, x']
    """
    if not isinstance(costs, RepeatCosts):
        raise InputError(f"give a result of repeat_costs; got {shown(costs)}.")
    if not costs.multiplicity.size:
        raise InputError("no token is seen twice: there is nothing to draw.")
    with style():
        figure, (top, bottom) = new_figure(2, (6.4, 5.2))
        low, high = _reach(costs)
        _shares(top, costs)
        _curves(bottom, costs, np.geomspace(low, high, POINTS))
        for place in (top, bottom):
            _bands(place, costs)
        bottom.set_xscale("log")
        bottom.set_xlim(low, high)
        bottom.set_xlabel("times seen, r")
        bottom.set_ylim(0, 1.05)
        bottom.legend(fontsize="small", loc="best")
        top.legend(fontsize="small", loc="best")
        figure.suptitle(_title(costs), x=0.01, ha="left", fontsize="medium")
    return figure


def _reach(costs: RepeatCosts) -> tuple[float, float]:
    """Return the numbers of repeats between which there is something to see."""
    low, high = costs.band
    return max(1.0, min(low, costs.multiplicity[0]) / MARGIN), max(high, costs.multiplicity[-1]) * MARGIN


def _shares(ax: "Axes", costs: RepeatCosts) -> None:
    if costs.multiplicity.size <= MARKED:
        ax.vlines(costs.multiplicity, costs.shares.min() / 10, costs.shares, color="0.7")
        ax.plot(costs.multiplicity, costs.shares, "o", color="C0", label="groups")
    else:
        ax.plot(costs.multiplicity, costs.shares, ".", markersize=2, color="C0", label=f"{costs.shares.size} groups")
    r, f = costs.multiplicity[costs.hurting], costs.shares[costs.hurting]
    ax.plot(r, f, "o", markersize=2 if costs.multiplicity.size > MARKED else None, color="C1", label="hurts most (A)")
    ax.set_yscale("log")
    ax.set_ylim(costs.shares.min() / 10, min(2.0, costs.shares.max() * 10))
    ax.set_ylabel("share of the tokens, f")


def _curves(ax: "Axes", costs: RepeatCosts, r: np.ndarray) -> None:
    """Draw what one set of the same share, all of it equally often, would cost."""
    f = min(costs.f, MOST)
    deep = "" if f <= SHALLOW else f" (too deep above f = {SHALLOW})"
    x = effective_size(excess(r / costs.worst_r, f), al=costs.al, wt=costs.wt)
    ax.plot(r, x, color="C0", linestyle="-" if f <= SHALLOW else ":", label=f"A, noise{deep}")
    sizes = costs.per_token * f * costs.tokens / r / costs.parameters
    ax.plot(r, capacity_market(f, costs.al).x(sizes), color="C1", linestyle="--", label="C, capacity")
    ax.axhspan(*costs.x, color="0.85", zorder=0, label="this histogram, over the models that apply")
    ax.set_ylabel("effective size, x")


def _bands(ax: "Axes", costs: RepeatCosts) -> None:
    low, high = costs.band
    ax.axvspan(low, high, color="C0", alpha=0.12, linewidth=0, zorder=0, label="band of model A")
    ax.axvline(costs.worst_r, color="C0", linewidth=0.8)
    seen = published_band(costs.parameters)
    for edge, name in ((seen.low, "published band, T = 1e11"), (seen.high, None)):
        ax.axvline(edge, color="0.4", linestyle=":", linewidth=1, label=name)


def _title(costs: RepeatCosts) -> str:
    most, (low, high) = leading(costs), (f"{x:.2g}" for x in costs.x)
    found = low if low == high else f"{low} to {high}"
    return f"{most.words} most, at r p/T = {most.y:.2g};\neffective size {found} (f = {costs.f:.2g})"
