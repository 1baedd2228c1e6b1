"""From a model and a user's options to arrays the engine integrates, and back to named results."""

import json
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from minimodels.bounds import check_inside
from minimodels.clamp import Window, Windows, windows, windows_of
from minimodels.compiled import compiled
from minimodels.engine.ensemble import Batch, Control, Segment, Watch, integrate
from minimodels.engine.kernel import Floats, Kernel
from minimodels.engine.stepper.methods import Method, methods
from minimodels.engine.stepper.status import PENDING, Status
from minimodels.errors import (
    InputError,
    by_name,
    check_array,
    check_number,
    check_positive,
    check_whole,
    numbers_by_name,
    shown,
    unknown,
)
from minimodels.model import Event, Map, Model, Statement, check_model
from minimodels.primitives import ON_ARRAYS


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `simulate`, `sweep` and `descend` are told besides a model and an end, as it was given; their defaults."""

    init: Mapping[str, float] | None = None
    rates: Mapping[str, Statement] | None = None
    clamp: Mapping[str, Windows] | None = None
    schedule: Mapping[str, Windows] | None = None
    method: str = "tsit5"
    rtol: float = 1e-6
    atol: float = 1e-9
    step: float | None = None
    max_step: float = np.inf
    save: ArrayLike | None = None
    events: Mapping[str, Event] | None = None
    stop_at: str | None = None
    max_steps: int = 1_000_000
    steady: float = 0.0
    lr: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A model together with everything that is the same for all points of an ensemble."""

    model: Model
    end: float
    init: Mapping[str, float]
    clamp: Mapping[str, tuple[tuple[float | sp.Expr, float, float], ...]]
    schedule: Mapping[str, tuple[Window, ...]]
    method: Method
    control: Control
    save: Floats
    events: Mapping[str, Event]
    stop_at: str | None
    lr: float = 1.0

    @property
    def observables(self) -> list[str]:
        """Names of what can be evaluated besides the states."""
        return [*([] if self.model.loss is None else ["loss"]), *self.model.observables]

    def settings(self, varied: Container[str] = ()) -> dict[str, float | str]:
        """Return how it is integrated, as a result tells it; initial values that vary between its points are not."""
        return {
            "method": self.method.name,
            "rtol": self.control.rtol,
            "atol": self.control.atol,
            "init": json.dumps({k: v for k, v in self.init.items() if f"{k}_0" not in varied}),
            "clamp": json.dumps(self.clamp, default=str),
            "schedule": json.dumps(self.schedule),
        }

    def stated_values(self) -> dict[str, float | str]:
        """Return the parameters, those that follow others as the expression they follow."""
        m = self.model
        follows = {k for k, e in m.defaults.items() if e.free_symbols and k not in m.given}
        return {k: str(m.defaults[k]) if k in follows else v for k, v in m.values.items()}

    @property
    def axes(self) -> list[str]:
        """Names that may vary between points: parameters, initial values, rates, the learning rate of descent."""
        m = self.model
        descends = self.method.discrete and not isinstance(m, Map) and "lr" not in m.namespace
        return [
            *m.parameters, *(f"{k}_0" for k in m.state), *(f"rate_{k}" for k in m.state), *(["lr"] if descends else []),
        ]  # fmt: skip

    def kernel(self) -> Kernel:
        """Return the compiled programs of the integration."""
        expressions = [e.expr for e in self.events.values()]
        m = self.method
        return compiled(self.model).flow(expressions, implicit=m.implicit, discrete=m.discrete)

    def points(self, given: Mapping[str, ArrayLike], count: int) -> tuple[Floats, Floats, NDArray[np.int8]]:
        """Return initial states (P, n), parameters and rates (P, m), and statuses, for ``count`` points."""
        m = self.model
        columns: dict[str, Floats] = {}
        for key, default in m.defaults.items():
            if key in given:
                columns[key] = np.asarray(given[key], dtype=np.float64)
            elif key in m.given:
                columns[key] = np.array(m.given[key])
            else:
                columns[key] = self._column(default, columns)
        inside = np.ones(count, dtype=bool)
        for key, parameter in m.parameters.items():
            inside &= np.isfinite(columns[key]) & (columns[key] >= parameter.low) & (columns[key] <= parameter.high)
        for constraint in m.constraints:
            inside &= self._column(constraint.expr, columns) >= -1e-9
        rates = {
            k: np.asarray(given[f"rate_{k}"], dtype=np.float64) if f"rate_{k}" in given else self._column(e, columns)
            for k, e in m.rates.items()
        }
        start = {k: given.get(f"{k}_0", self.init[k]) for k in m.state}
        lr = np.asarray(given["lr"] if "lr" in given and "lr" in self.axes else self.lr, dtype=np.float64)
        inside &= lr > 0
        y0, par = np.empty((count, len(m.state))), np.empty((count, len(m.parameters) + len(m.state)))
        for i, key in enumerate(m.state):
            y0[:, i] = start[key]
            par[:, len(m.parameters) + i] = lr * rates[key]
        for i, key in enumerate(m.parameters):
            par[:, i] = columns[key]
        status = np.where(inside, PENDING, Status.OUT_OF_DOMAIN).astype(np.int8)
        return y0, par, status

    def _column(self, expr: sp.Expr, columns: Mapping[str, Floats]) -> Floats:
        names, function = _numeric(expr)
        try:
            with np.errstate(all="ignore"):
                values = np.asarray(function(*(columns[k] for k in names)))
                real = np.where(values.imag == 0, values.real, np.nan)
                return real.astype(np.float64)
        except (NameError, TypeError, AttributeError, OverflowError, ZeroDivisionError) as error:
            raise InputError(f"{shown(expr)} of the parameters cannot be worked out as numbers ({error}).") from error

    @cached_property
    def segments(self) -> list[Segment]:
        """Return the stretches of time between the edges of all windows."""
        m = self.model
        held = [(m.state.index(k), *w) for k, ws in self.clamp.items() for w in ws]
        changed = [(list(m.parameters).index(k), *w) for k, ws in self.schedule.items() for w in ws]
        edges = {0.0, self.end}
        edges |= {t for _, _, *times in (*held, *changed) for t in times if 0 < t < self.end}
        return [
            Segment(
                a,
                b,
                {i: v for i, v, on, off in held if on <= a and b <= off},
                {i: v for i, v, on, off in changed if on <= a and b <= off},
            )
            for a, b in pairwise(sorted(edges))
        ]

    def scheduled(self, par: Floats, times: Floats) -> Floats:
        """Return the parameters of every point at times (P or 1, T), row by row; the same rows without a schedule."""
        if not self.schedule:
            return par
        count = times.shape[1]
        rows = np.repeat(par, count, axis=0)
        at = np.broadcast_to(times, (len(par), count)).ravel()
        for key, found in self.schedule.items():
            for value, on, off in found:  # at an edge the earlier stretch still holds, as in `segments`
                inside = ((at > on) | ((at == 0) & (on == 0))) & (at <= off)
                rows[inside, list(self.model.parameters).index(key)] = value
        return rows

    def run(
        self, y0: Floats, par: Floats, status: NDArray[np.int8], interrupt: NDArray[np.uint8], room: int = 0
    ) -> Batch:
        """Integrate some points in this thread; with ``room``, keep every crossing of one."""
        events = [Watch(float(e.level), e.direction, name == self.stop_at) for name, e in self.events.items()]
        columns = dict(zip(self.model.parameters, par.T, strict=False))
        segments = [  # a state may be held at what the parameters of its point say
            replace(s, held={i: self._column(v, columns) if isinstance(v, sp.Expr) else v for i, v in s.held.items()})
            for s in self.segments
        ]
        return integrate(
            self.kernel(), self.method, y0, par, status,
            segments=segments, control=self.control, save=self.save, events=events, interrupt=interrupt, room=room,
        )  # fmt: skip

    def named(
        self, batch: Batch, par: Floats, keep: Sequence[str], *, on_failure: str = "keep"
    ) -> dict[str, NDArray[Any]]:
        """Return results by name: (P,) at the end, or (P, T) at the saved times; nan where a point failed, if asked."""
        series = len(self.save) > 0
        states = batch.saved if series else batch.state[:, None, :]
        count, times, n = states.shape
        out: dict[str, NDArray[Any]] = {}
        values = None
        for name in keep:
            if name in self.model.state:
                out[name] = states[:, :, self.model.state.index(name)]
            elif name in self.observables:
                if values is None:
                    kernel = compiled(self.model).observe()
                    here = self.scheduled(par, self.save[None, :] if series else batch.time[:, None])
                    flat = kernel.evaluate("observe", states.reshape(-1, n), kernel.table(here))
                    values = flat.reshape(count, times, -1)
                out[name] = values[:, :, self.observables.index(name)]
            elif name in self.events:
                j = list(self.events).index(name)
                out[name] = batch.events[:, j]
                ended = (batch.status == Status.SUCCESS) | (batch.status == Status.CENSORED)
                out[f"{name}_censored"] = np.isnan(batch.events[:, j]) & (ended | (batch.status == Status.STEADY))
            else:
                out[name] = {"stop_time": batch.time, "steps": batch.steps}[name]
        for name, array in out.items():
            if array.ndim == 2 and not series:
                out[name] = np.ascontiguousarray(array[:, 0])
        if on_failure == "nan":
            failed = batch.status >= Status.MAX_STEPS
            for name, array in out.items():
                if array.dtype.kind == "f" and name != "stop_time" and failed.any():
                    out[name] = np.where(failed.reshape(-1, *[1] * (array.ndim - 1)), np.nan, array)
        return out | {"status": batch.status}

    def crossings(self, batch: Batch, par: Floats) -> dict[str, NDArray[Any]]:
        """Return every crossing (c,) of a single trajectory in order of time: time, event, states, observables."""
        found = batch.crossings[np.lexsort((batch.crossings[:, 0], batch.crossings[:, 1]))]
        numbers, times, states = found[:, 0].astype(int), found[:, 1], found[:, 2:]
        kernel = compiled(self.model).observe()
        tables = kernel.table(np.broadcast_to(self.scheduled(par, times[None, :]), (len(times), par.shape[1])).copy())
        observed = kernel.evaluate("observe", np.ascontiguousarray(states), tables) if len(times) else np.empty((0, 0))
        at = dict(zip([*self.model.state, *self.observables], [*states.T, *observed.T], strict=False))
        return {
            "crossing_time": times,
            "crossing_event": np.array(list(self.events), dtype=object)[numbers].astype(str),
            **{f"{name}_at_crossing": values for name, values in at.items()},
        }

    @property
    def results(self) -> list[str]:
        """Names a caller may keep."""
        return [*self.model.state, *self.observables, *self.events, "stop_time", "steps"]


@lru_cache(maxsize=256)
def _numeric(expr: sp.Expr) -> tuple[list[str], Callable[..., Any]]:
    symbols = sorted(expr.free_symbols, key=str)
    special = expr.has(sp.erf, sp.erfc, sp.gamma, sp.loggamma, *ON_ARRAYS)
    ours = {function.__name__: on_arrays for function, on_arrays in ON_ARRAYS.items()}
    return [s.name for s in symbols], sp.lambdify(symbols, expr, [ours, "scipy", "numpy"] if special else "numpy")


def state_values(model: Model, given: Mapping[str, float] | None, what: str) -> dict[str, float]:
    """Check a mapping of state -> number."""
    return numbers_by_name(given, what, model.state, kind="state", example="{'x': 1.0}")


def held_at(model: Model, value: Any, what: str) -> float | sp.Expr:
    """Return what a state is held at: a number, or an expression of the parameters."""
    if not isinstance(value, str | sp.Expr):
        return check_number(value, what)
    read = model.parameter_expression(value, what)
    return read if read.free_symbols else check_number(float(read), what)


def inside_domain(
    model: Model, schedule: dict[str, tuple[Window, ...]], held: Mapping[str, tuple[tuple[Any, float, float], ...]]
) -> dict[str, tuple[Window, ...]]:
    """Refuse a schedule that takes a parameter out of its domain, or one that others follow: they would stay behind."""
    for key, found in schedule.items():
        following = [
            k for k, e in model.defaults.items() if model.symbols[key] in e.free_symbols and k not in model.given
        ]
        following += [f"the rate of {k}" for k, e in model.rates.items() if model.symbols[key] in e.free_symbols]
        following += [f"the clamp of {k}" for k, found in held.items() for v, *_ in found if key in names_in(v)]
        if following:
            raise InputError(
                f"schedule[{key!r}] would leave behind what follows {key}: {following[0]}; give that a number."
            )
        for value, _, _ in found:
            model.with_values(**{key: value})
    return schedule


def names_in(value: Any) -> set[str]:
    """Return the names of the symbols in a number or an expression."""
    return {symbol.name for symbol in value.free_symbols} if isinstance(value, sp.Expr) else set()


def problem(model: Model, end: float, options: Options, *, what: str = "t_end") -> Problem:
    """Check a user's options and return the problem they state; ``what`` the end is called."""
    check_model(model)
    end = check_positive(end, f"`{what}`")
    method = _method(model, options)
    control, lr = _control(options), _rate(model, options)
    events = model.with_events(options.events)
    if options.stop_at is not None and not (isinstance(options.stop_at, str) and options.stop_at in events):
        raise unknown("event in `stop_at`", options.stop_at, events)
    save = _times(options.save, end, discrete=method.discrete)
    rates = {} if options.rates is None else by_name(options.rates, "`rates`", "{'x': 0.1}")
    model = model.with_rates(**rates)
    start = dict(model.init) | state_values(model, options.init, "init")
    held = windows_of(
        options.clamp, model.state, "clamp", "state", lambda value, what: held_at(model, value, what), "{'x': 0.5}"
    )
    changed = inside_domain(model, windows(options.schedule, list(model.parameters), "schedule", "parameter"), held)
    return Problem(
        model=model, end=end, init=start, clamp=held, schedule=changed, method=method, control=control, save=save,
        events=events, stop_at=options.stop_at, lr=lr,
    )  # fmt: skip


def check_starts(stated: Problem) -> None:
    """Refuse states that begin, or are held, beyond their bounds at the model's own parameters."""
    m, held = stated.model, stated.clamp
    from_the_start = [k for k, found in held.items() if found[0][1] == 0]
    check_inside(m, {k: v for k, v in stated.init.items() if k in m.bounds and k not in from_the_start}, "the start")
    for key in [k for k in held if k in m.bounds]:
        for value, *_ in held[key]:
            check_inside(m, {key: m.evaluate(sp.sympify(value))}, "the clamp")


def at_a_point(model: Model, init: Mapping[str, float] | None = None) -> tuple[Problem, Floats]:
    """Return the problem of a model that is not run, and its parameters and rates (1, m)."""
    stated = problem(model, 1.0, Options(init=init, method="map" if isinstance(model, Map) else Options.method))
    _, par, status = stated.points({}, 1)
    if (status != PENDING).any():
        raise InputError("the model's parameters lie outside its domain.")
    return stated, par


def _method(model: Model, options: Options) -> Method:
    chosen = methods().get(options.method) if isinstance(options.method, str) else None
    if isinstance(model, Map) and not (chosen and chosen.discrete):
        raise InputError(f"{model.name!r} is a map: iterate it with descend instead.")
    if chosen is None:
        raise unknown("method", options.method, [name for name, m in methods().items() if not m.discrete])
    if chosen.fixed and options.step is None:
        raise InputError(f"method={chosen.name!r} has a fixed step: give `step`.")
    if options.step is not None and not chosen.fixed:
        fixed = " or ".join(f"method={name!r}" for name, m in methods().items() if m.fixed)
        raise InputError(f"`step` is for {fixed}; the others choose it themselves from `rtol` and `atol`.")
    return chosen


def _control(options: Options) -> Control:
    rtol, atol = check_positive(options.rtol, "`rtol`"), check_positive(options.atol, "`atol`")
    fixed = 1.0 if options.step is None else check_positive(options.step, "`step`")
    longest = options.max_step
    if not (isinstance(longest, Real) and not isinstance(longest, bool) and longest > 0):
        raise InputError(f"`max_step` must be a positive number; got {shown(longest)}.")
    max_steps, steady = check_whole(options.max_steps, "`max_steps`"), check_number(options.steady, "`steady`")
    if steady < 0:
        raise InputError(f"`steady` must be positive, or 0 to go on to the end; got {steady:g}.")
    return Control(rtol, atol, fixed, float(longest), max_steps, steady)


def _rate(model: Model, options: Options) -> float:
    lr = check_positive(options.lr, "`lr`")
    if isinstance(model, Map) and lr != 1:
        raise InputError(f"{model.name!r} is a map and has no learning rate; leave `lr` at 1.")
    return lr


def _times(save: ArrayLike | None, end: float, *, discrete: bool) -> Floats:
    times = np.zeros(0) if save is None else check_array(save, "`save`", f"np.linspace(0, {end:g}, 100)")
    if len(times) and end < times[-1] <= end * (1 + 4e-16):  # what arithmetic on the times may add
        times = np.minimum(times, end)
    if len(times) and ((np.diff(times) <= 0).any() or times[0] < 0 or times[-1] > end):
        raise InputError(f"`save` must be increasing times within [0, {end:g}].")
    if discrete and (times != np.round(times)).any():
        raise InputError("`save` must be whole numbers of steps.")
    return times
