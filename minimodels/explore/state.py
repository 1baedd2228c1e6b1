"""What the explorer shows, apart from any page: one frozen state, read from a link and written to one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode

from minimodels.errors import (
    InputError,
    by_name,
    check_choice,
    check_number,
    check_positive,
    check_steps,
    shown,
    unknown,
)  # fmt: skip
from minimodels.explore.ranges import Range, around, factor, number
from minimodels.explore.subject import Subject
from minimodels.model import Map, Model
from minimodels.problem import Options, Problem, check_starts, problem

METHODS = ("tsit5", "rodas4", "descent")
SCALES = ("log", "linear")
ALWAYS = (0.0, math.inf)
SHOWN = 6  # observables that are drawn unless others are asked for
MAX_STEPS = 100_000  # of an integration, so that no setting holds the page up for long
MAX_ITERATIONS = 2_000_000

Held = tuple[float | str, float, float]
Axis = tuple[str, Range]


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything that a page shows: the model with its parameters and rates, its run, and the view of it.

    Attributes
    ----------
    subject : Subject
        Where the model comes from, and its structural options.
    model : Model
        With its parameters and rates set.
    init : mapping of str to float
        Initial values that differ from the model's own.
    clamp : mapping of str to (value, start, end)
        States that are held, for a window of time or of steps.
    end : float
        End time, or the number of steps.
    method : str
        ``tsit5``, ``rodas4`` or ``descent``; of a map, ``map``.
    lr : float
        Learning rate of a descent.
    time, values : str
        Scales of the curves' axes: ``log`` or ``linear``.
    show : tuple of str
        Observables that are drawn.
    diagram : ((str, Range), (str, Range))
        Axes of the phase diagram, across and up; None where there are not two numbers to vary.
    target : str
        What it shows: an event, or the final value of a loss, a state or an observable.
    slice : (str, str)
        States whose plane the flow is shown in.
    at : str
        Where in the run all other states are held: ``start``, ``end`` or an event.
    """

    subject: Subject
    model: Model
    init: Mapping[str, float]
    clamp: Mapping[str, Held]
    end: float
    method: str
    lr: float
    rtol: float
    atol: float
    time: str
    values: str
    show: tuple[str, ...]
    diagram: tuple[Axis, Axis] | None
    target: str
    slice: tuple[str, str] | None
    at: str

    @property
    def discrete(self) -> bool:
        """Whether time is counted in steps."""
        return self.method in ("descent", "map")

    @property
    def start(self) -> dict[str, float]:
        """Initial value of every state."""
        return dict(self.model.init) | dict(self.init)

    def options(self, save: Any = None) -> Options:
        """Return it as the options of a run."""
        given = Options(init=self.init, clamp=self.clamp, save=save)
        if self.discrete:
            return replace(given, method="map", lr=self.lr, max_steps=int(self.end) + 1)
        return replace(given, method=self.method, rtol=self.rtol, atol=self.atol, max_steps=MAX_STEPS)

    @cached_property
    def problem(self) -> Problem:
        """The run without saved times."""
        return problem(self.model, self.end, self.options(), what="steps" if self.discrete else "t_end")

    @property
    def axes(self) -> list[str]:
        """Names that the phase diagram may have as an axis."""
        fixed = {k for k, p in self.model.parameters.items() if p.low == p.high}
        return [name for name in self.problem.axes if name not in fixed]

    def number(self, axis: str) -> float:
        """Return the value of a parameter, an initial value ``x_0``, a rate ``rate_x`` or the learning rate."""
        m = self.model
        if axis in m.parameters:
            return m.values[axis]
        if axis == "lr":
            return self.lr
        if axis.startswith("rate_") and axis[5:] in m.state:
            return m.rate_values()[axis[5:]]
        return self.start[axis[:-2]]

    def key(self, axis: str) -> str:
        """Return the setting that moves along an axis of the phase diagram."""
        if axis in self.model.parameters or axis == "lr":
            return axis
        if axis.startswith("rate_") and axis[5:] in self.model.state:
            return f"rate.{axis[5:]}"
        return f"init.{axis[:-2]}"

    def range(self, axis: str) -> Range:
        """Return the range of an axis that is shown unless another is asked for."""
        m, value = self.model, self.number(axis)
        if axis in m.parameters:
            return around(value, m.parameters[axis].low, m.parameters[axis].high)
        return around(value) if axis.endswith("_0") and axis[:-2] in m.state else factor(value)

    @property
    def targets(self) -> list[str]:
        """What the phase diagram may show."""
        return [*self.problem.events, *self.problem.observables, *self.model.state]

    def settings(self) -> dict[str, str]:
        """Return the whole state as texts by name, those that are as stated left out."""
        m, plain = self.model, self.subject.model
        found = {k: str(v) for k, v in self.subject.chosen.items()}
        found |= {k: number(v) for k, v in m.given.items()}
        found |= {f"init.{k}": number(v) for k, v in self.init.items() if v != m.init[k]}
        found |= {f"rate.{k}": str(e) for k, e in m.rates.items() if e != plain.rates[k]}
        found |= {
            f"clamp.{k}": ":".join([str(v), *(number(t) for t in when if tuple(when) != ALWAYS)])
            for k, (v, *when) in self.clamp.items()
        }
        found |= {"end": number(self.end), "method": self.method, "lr": number(self.lr)}
        found |= {"rtol": number(self.rtol), "atol": number(self.atol), "time": self.time, "values": self.values}
        found |= {"show": ",".join(self.show), "target": self.target, "at": self.at}
        if self.diagram is not None:
            found |= {which: f"{name}={r.text()}" for which, (name, r) in zip("xy", self.diagram, strict=True)}
        if self.slice is not None:
            found["slice"] = ",".join(self.slice)
        return found

    def link(self) -> str:
        """Return the query of a link that holds the whole state."""
        return urlencode(self.settings(), safe=":=,")

    def changed(self, **settings: str | None) -> "State":
        """Return the state with some settings changed, by the names of `settings`; None takes one back."""
        now = {**self.settings(), **settings}
        return read(self.subject, {k: v for k, v in now.items() if v is not None})

    def restructured(self, **options: str | None) -> "State":
        """Return the state with another structure, and of its settings those that have a meaning there."""
        if any(k in self.subject.options for k in options):
            options = {"end": None, **options}  # it has a time of its own
        now = {k: v for k, v in self.settings().items() if k not in options}
        chosen = {k: now[k] for k in self.subject.chosen if k in now}
        chosen |= {k: v for k, v in options.items() if v is not None}
        views = dict.fromkeys(("x", "y", "target", "show", "slice", "at"))
        parts = {k for k in now if "." in k}
        for dropped in ({}, views, {*views, *parts}):
            try:
                return read(self.subject, {k: v for k, v in now.items() if k not in dropped} | chosen)
            except InputError:
                continue
        return read(self.subject, chosen | {k: now[k] for k in ("time", "values") if k in now})


def from_link(subject: Subject, query: str) -> State:
    """Return the state that a link holds; one that holds nothing is the subject as it was given."""
    pairs = parse_qsl(query, keep_blank_values=True)
    for k, (name, _) in enumerate(pairs):
        if name in dict(pairs[:k]):
            raise InputError(f"the link gives {name} twice; leave one out.")
    return read(subject, dict(pairs) if pairs else subject.given)


def read(subject: Subject, settings: Mapping[str, str]) -> State:
    """Return the state of texts by name; what cannot be is one sentence.

    Raises
    ------
    InputError
        For an unknown name, a value that is not what the name takes, or one outside of the model's domain.
    """
    left = dict(by_name(settings, "the settings of the explorer", "{'N': '8'}"))
    for name, text in left.items():
        if not isinstance(text, str):
            raise InputError(f"a setting of the explorer is a text; got {shown(text)} for {name}.")
    subject, used = subject.with_options(left)
    left = {k: text for k, text in left.items() if k not in used}
    m = subject.model
    parts: dict[str, dict[str, str]] = {"init": {}, "rate": {}, "clamp": {}}
    for name in list(left):
        kind, dot, of = name.partition(".")
        if dot and kind in parts:
            if of not in m.state:
                raise unknown(f"state in {kind}", of, m.state)
            parts[kind][of] = left.pop(name)
    values = {k: left.pop(k) for k in list(left) if k in m.parameters}
    given = {k: numeric(text, k) for k, text in values.items() if text.strip() != as_stated(m, k)}
    m = m.with_values(**given)
    if parts["rate"]:
        m = m.with_rates(**parts["rate"])
    a_map = isinstance(m, Map)
    method = left.pop("method", "map" if a_map else "tsit5")
    check_choice(method, "`method`", ("map",) if a_map else METHODS)
    discrete = method in ("descent", "map")
    lr = numeric(left.pop("lr", "1" if a_map else "0.01"), "lr")
    events = {"start", "end", *m.events}
    drawn = left.pop("show", ",".join(list(m.observables)[:SHOWN]))
    time, scale = left.pop("time", "linear" if a_map else "log"), left.pop("values", "linear")
    end = left.pop("end", None)
    state = State(
        subject=subject,
        model=m,
        init={k: numeric(v, f"the initial value of {k}") for k, v in parts["init"].items()},
        clamp={k: window(k, v) for k, v in parts["clamp"].items()},
        end=subject.usual_end(m, discrete=discrete, lr=lr) if end is None else limit(end, discrete=discrete),
        method=method,
        lr=lr,
        rtol=check_positive(numeric(left.pop("rtol", "1e-6"), "rtol"), "`rtol`"),
        atol=check_positive(numeric(left.pop("atol", "1e-9"), "atol"), "`atol`"),
        time=check_choice(time, "the scale of time", SCALES),
        values=check_choice(scale, "the scale of the values", SCALES),
        show=names(drawn, m.observables, "observable"),
        diagram=None,
        target="",
        slice=None,
        at=check_choice(left.pop("at", "start"), "the place of the slice", events),
    )
    check_starts(state.problem)
    state = _with_views(state, left)
    if left:
        known = [*subject.options, *m.parameters, "end", "method", "lr", "rtol", "atol", "show", "x", "y", "target"]
        raise unknown("setting of the explorer", next(iter(left)), known)
    return state


def _with_views(state: State, left: dict[str, str]) -> State:
    """Return the state with the axes and the target of its map and the slice of its flow."""
    axes, m = state.axes, state.model
    usual = ["", ""]
    if "x" not in left or "y" not in left:
        values = m.values
        first = [k for k in axes if k in m.parameters and not m.defaults[k].free_symbols and values[k] != 0]
        usual = list(dict.fromkeys([*first, *(k for k in axes if k in m.parameters), *axes]))[:2]
    chosen: list[Axis] = []
    for which, fallback in zip("xy", usual, strict=False):
        name, _, text = left.pop(which, fallback).partition("=")
        if name not in axes:
            raise unknown("axis of the phase diagram", name, axes)
        chosen.append((name, Range.read(text) if text else state.range(name)))
    if len(chosen) == 2 and chosen[0][0] == chosen[1][0]:
        raise InputError(f"the phase diagram has two different axes; both are {chosen[0][0]!r}.")
    target = left.pop("target", state.targets[0])
    if target not in state.targets:
        raise unknown("result for the phase diagram", target, state.targets)
    plane = names(left.pop("slice", ",".join(m.state[:2])), m.state, "state")
    if len(m.state) > 1 and len(set(plane)) != 2:
        raise InputError(f"the plane of the flow is two different states; got {', '.join(plane) or 'none'}.")
    return replace(
        state,
        diagram=(chosen[0], chosen[1]) if len(chosen) == 2 else None,
        target=target,
        slice=(plane[0], plane[1]) if len(m.state) > 1 else None,
    )


def as_stated(model: Model, parameter: str) -> str:
    """Return how the default of a parameter is written: a number, or the expression that it follows."""
    default = model.defaults[parameter]
    return number(float(default)) if default.is_Float or default.is_Integer else str(default)


def numeric(text: str, what: str) -> float:
    """Read a number, or say that it must be one."""
    try:
        return check_number(float(text), what)
    except ValueError as error:
        raise InputError(f"{what} must be a finite number; got {shown(text)}.") from error


def names(text: str, known: Any, kind: str) -> tuple[str, ...]:
    """Read names that are separated by commas."""
    found = tuple(part for part in text.split(",") if part)
    for name in found:
        if name not in known:
            raise unknown(kind, name, known)
    return found


def window(state: str, text: str) -> Held:
    """Read a clamp such as ``5``, ``5:0:100`` or ``T_3``."""
    value, *times = text.split(":")
    if len(times) not in (0, 2):
        raise InputError(f"a clamp is a value or value:start:end; got {shown(text)} for {state}.")
    try:
        held: float | str = float(value)
    except ValueError:  # an expression of the parameters
        held = value
    if not times:
        return held, *ALWAYS
    low, high = (numeric(t, f"a time of the clamp of {state}") if t != "inf" else math.inf for t in times)
    return held, low, high


def limit(text: str, *, discrete: bool) -> float:
    """Read the end of a run."""
    value = numeric(text, "the end")
    if not discrete:
        return check_positive(value, "the end")
    steps = check_steps(value)
    if steps > MAX_ITERATIONS:
        raise InputError(f"the explorer takes at most {MAX_ITERATIONS} steps; got {steps}: use a larger learning rate.")
    return float(steps)
