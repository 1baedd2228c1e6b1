"""What the drop of a model is, and when it comes at the rates and starts that are stated."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from minimodels.errors import InputError, unknown
from minimodels.model import Event, Map, Model, check_model

LONGEST = 1e12  # time in which the model's own drop is looked for


@dataclass(frozen=True)
class Drop:
    """What the drop is: the name of an event, and the events to watch besides the model's."""

    name: str
    watched: Mapping[str, Event]

    @classmethod
    def of(cls, model: Model, event: str | Event | None) -> "Drop":
        """The event of a model by name, or stated, or its first."""
        if isinstance(event, Event):
            return cls("drop", {"drop": event})
        if event is not None and not (isinstance(event, str) and event in model.events):
            raise unknown("event", event, model.events)
        if event is None and not model.events:
            raise InputError(f"{model.name!r} has no event: say what the drop is, as mm.Event('loss', 0.5, -1).")
        return cls(event or next(iter(model.events)), {})


@dataclass(frozen=True)
class Own:
    """The model at its stated rates and starts: measures at the start and at the drop, its time (inf: none comes)."""

    start: Mapping[str, float]
    at_drop: Mapping[str, float]
    time: float


def own_course(model: Model, init: Mapping[str, float] | None, drop: Drop) -> Own:
    """Run the model until its drop."""
    from minimodels.simulate import simulate

    run = simulate(
        model, t_end=LONGEST, init=init, events=drop.watched, stop_at=drop.name, save=[0.0], max_steps=200_000,
        on_failure="keep", crossings=True,
    )  # fmt: skip
    names = [*([] if model.loss is None else ["loss"]), *model.observables]
    where = np.flatnonzero(run["crossing_event"].values == drop.name)
    start = {name: float(run[name].values[0]) for name in names}
    if not len(where):
        return Own(start, {}, np.inf)
    i = int(where[0])
    at_drop = {name: float(run[f"{name}_at_crossing"].values[i]) for name in names}
    return Own(start, at_drop, float(run["crossing_time"].values[i]))


def check_flow(model: Model) -> Model:
    """Refuse a map, whose iterations have no clock."""
    if isinstance(check_model(model), Map):
        raise InputError(f"{model.name!r} is a map: a forecast needs a flow, whose time a clock turns into steps.")
    return model
