"""Claims on networks of twelve layers with perceptrons, which learn in context and may lose it again.

The released option of the regularisation penalises norms of weights, here it is their squares.
"""

import math

import numpy as np
import xarray as xr

from validation.checks import Check, between, ordered
from validation.ledger import Context, Finding
from validation.singh import coopetition as settings
from validation.singh.claims.competing import at, peak, slow

LENGTH = settings.DEEP_LENGTH


def faded(run: xr.Dataset) -> np.ndarray:
    """The largest ICL accuracy of every seed minus that at the end."""
    return peak(run, "ICL") - at(run, "ICL")


@slow("S69", "In-context learning of deep networks rises and later decays while the training loss keeps falling",
      settings.depths, millions=(1 + 2) * LENGTH, layers=12)  # fmt: skip
def rises_and_decays(context: Context) -> Finding:
    """S69: with twelve layers, and with twice as many."""
    checks: list[Check] = []
    for layers, training in settings.depths().items():
        run = context.of(training)
        loss, top = run["train_loss"], run["ICL_context_accuracy"].argmax("step")
        falls = np.log((loss.isel(step=top) / loss.isel(step=-1)).values)
        checks += [
            ordered(f"{layers} layers: largest ICL accuracy", peak(run, "ICL"), "above chance", margin=0.7),
            ordered(f"{layers} layers: minus that at the end", faded(run), "positive", margin=0.1),
            ordered(f"{layers} layers: log of the training loss at the peak over that at the end", falls, "falls"),
        ]
    return Finding(checks)


@slow("S64b", "In deep networks too in-context learning stays if the query is the exemplar in the context",
      settings.deep_same, settings.deep_usual, millions=2 * LENGTH, layers=12)  # fmt: skip
def matched(context: Context) -> Finding:
    """S64 for twelve layers."""
    same, other = context.of(settings.deep_same()), context.of(settings.deep_usual())
    lost = [peak(run, "Flip") - at(run, "Flip") for run in (same, other)]
    return Finding(
        [
            ordered("Flip accuracy at the end", at(same, "Flip"), ".9", margin=0.8),
            between("lost since the peak", lost[0], -math.inf, 0.08, "stable"),
            ordered("lost by other exemplars", lost[1], ".17", margin=0.08),
        ]
    )


@slow("S70", "Wider embeddings and more classes soften the decay of in-context learning", settings.softened,
      millions=(1 + 2 + 3) * LENGTH, layers=12)  # fmt: skip
def softened(context: Context) -> Finding:
    """S70, without frequencies: all classes of the task are as frequent."""
    lost = {name: faded(context.of(run)) for name, run in settings.softened().items()}
    return Finding([ordered(f"ICL accuracy lost since the peak, usual minus with {name}", lost["usual"] - lost[key],
                            "positive", margin=0.02)
                    for key, name in (("wider", "wider embeddings"), ("classes", "more classes"))])  # fmt: skip


@slow("S71", "Weak L2 regularisation of all weights, or of perceptrons, removes the decay; of attention it does not; "
      "strong regularisation prevents learning", settings.regularised, millions=5 * LENGTH, layers=12)  # fmt: skip
def regularised(context: Context) -> Finding:
    """S71."""
    runs = {name: context.of(run) for name, run in settings.regularised().items()}
    lost = {name: faded(run) for name, run in runs.items()}
    return Finding(
        [
            *(ordered(f"ICL accuracy lost since the peak: {name}", lost[name], "decays", margin=0.1)
              for name in ("none", "attention")),
            *(between(f"ICL accuracy lost since the peak: {name}", lost[name], -math.inf, 0.05, "kept")
              for name in ("all", "mlp")),
            ordered("largest ICL accuracy, weakly minus strongly regularised",
                    peak(runs["all"], "ICL") - peak(runs["strong"], "ICL"), "positive", margin=0.1),
        ]
    )  # fmt: skip
