"""Figures of competing strategies: data in, figure and a caption that states the finding out."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from validation.drawing import subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TESTS = {"Flip": "Flip (in context: 1)", "ICL": "ICL", "CIWL": "CIWL"}
RUNS = {"same": "query: the exemplar in the context", "another": "query: another exemplar"}


def strategies(data: xr.Dataset) -> tuple["Figure", str]:
    """Accuracies over sequences, a panel a run: means over seeds and their range."""
    figure, panels = subplots(1, data.sizes["run"], figsize=(7.2, 2.8), sharey=True)
    found = data["accuracy"]
    for axes, run in zip(panels, data.run.values, strict=True):
        for k, (test, label) in enumerate(TESTS.items()):
            each = found.sel(run=run, test=test)
            axes.plot(1e3 * data.step, each.mean("seed"), color=f"C{k}", label=label)
            axes.fill_between(1e3 * data.step, each.min("seed"), each.max("seed"), color=f"C{k}", alpha=0.2, lw=0)
        axes.axhline(0.5, color="0.6", lw=0.8, ls=":")
        axes.set(title=RUNS[str(run)], xlabel="sequences / 1000", ylim=(0, 1.02))
    panels[0].set_ylabel("accuracy among labels of the context")
    panels[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    end = {str(run): float(np.mean(found.sel(run=run, test="Flip").isel(step=-1))) for run in data.run.values}
    return figure, (
        f"At the end the flipped label is the answer in {100 * end['same']:.0f}% of the sequences where the query is "
        f"the exemplar in the context, and in {100 * end['another']:.0f}% where it is another of its class. Lines are "
        f"means, bands the range of {data.sizes['seed']} seeds."
    )
