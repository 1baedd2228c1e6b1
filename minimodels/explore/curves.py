"""The run that a state shows: its curves, when its events happen, and what there is to say about its end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minimodels.engine.stepper.status import REMEDIES, WHAT, Status
from minimodels.explore.looks import symbol
from minimodels.explore.state import State
from minimodels.model import GradientFlow
from minimodels.problem import check_starts, problem

POINTS = 401  # saved times of a run, as many as `simulate` has

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """A run: ``time`` (T,), every state, loss and observable over it (T,), first times of events.

    ``said`` tells what happened if the run did not get to its end; its curves end where it did.
    """

    time: Floats
    values: dict[str, Floats]
    events: dict[str, float]
    said: str


def times(state: State) -> Floats:
    """Return the saved times: spread as the axis of time is, from 0."""
    end = state.end
    if state.time == "linear":
        grid = np.linspace(0, end, POINTS)
    else:
        grid = np.concatenate([[0.0], np.geomspace(1.0 if state.discrete else 1e-4 * end, end, POINTS - 1)])
    return np.unique(np.round(grid)) if state.discrete else np.minimum(grid, end)


def trace(state: State) -> Curves:
    """Run the model at a state; one run, some milliseconds."""
    stated = problem(state.model, state.end, state.options(times(state)), what="steps" if state.discrete else "t_end")
    check_starts(stated)
    y0, par, status = stated.points({}, 1)
    batch = stated.run(y0, par, status, np.zeros(1, dtype=np.uint8))
    found = stated.named(batch, par, stated.results)
    code = Status(int(batch.status[0]))
    said = (
        "" if not code.failed else f"The run {WHAT[code]} at {time_word(state)} {batch.time[0]:.4g}: {REMEDIES[code]}."
    )
    return Curves(
        time=stated.save,
        values={k: found[k][0] for k in (*state.model.state, *stated.observables)},
        events={k: float(found[k][0]) for k in stated.events},
        said=said,
    )


def time_word(state: State) -> str:
    """Return what the time of a run is called."""
    return "step" if state.discrete else "time"


def time_label(state: State) -> str:
    """Return the words of the axis of time, with its unit where it has one."""
    if state.discrete:
        return "step"
    return "time (learning rate × steps)" if isinstance(state.model, GradientFlow) else "time"


def event_text(name: str, when: float, state: State) -> str:
    """Return when an event happens, in words."""
    shown = symbol(name)
    return f"{shown} {when:.5g}" if np.isfinite(when) else f"{shown}: none by {time_word(state)} {state.end:g}"
