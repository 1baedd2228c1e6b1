"""A statement's kernels: its expressions read once, each kernel compiled when it is first asked for."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, wraps
from threading import RLock
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import sympy as sp

from minimodels.engine.bounds import Bounds
from minimodels.engine.calculus import gradient, tangents
from minimodels.engine.graph import Graph, Reader
from minimodels.engine.kernel import Kernel, Outputs
from minimodels.exact import LR
from minimodels.model import Model

P = ParamSpec("P")
T = TypeVar("T")
_compiling = RLock()  # a graph grows while it is read: threads take turns


def in_turn(make: Callable[P, T]) -> Callable[P, T]:
    """Let one thread at a time compile, or look up what is compiled."""

    @wraps(make)
    def one(*args: P.args, **options: P.kwargs) -> T:
        with _compiling:
            return make(*args, **options)

    return one


class Compiled:
    """The kernels of one statement, whatever the values of its parameters and rates."""

    def __init__(self, model: Model) -> None:
        g = self.graph = Graph()
        self.name = model.name
        self.states = [g.state(i) for i in range(len(model.state))]
        self.width = len(model.parameters) + len(model.state)  # parameters, then a rate for every state
        parameters = [g.parameter(i) for i in range(self.width)]
        names = [*model.state, *model.parameters]
        table = dict(zip((model.symbols[k] for k in names), [*self.states, *parameters], strict=False))
        limits = {
            model.state.index(k): tuple(None if b is None else Reader(g, table).read(b) for b in pair)
            for k, pair in model.bounds.items()
        }
        self.bounds = Bounds(g, limits)  # type: ignore[arg-type]
        self.states = [self.bounds.seen(i) for i in range(len(model.state))]
        self.reader = Reader(g, table | {model.symbols[k]: x for k, x in zip(model.state, self.states, strict=True)})
        observables = dict(model.observables)
        if model.loss is not None:  # differentiated backwards, in the graph
            loss = self.reader.read(model.loss)
            observables = {"loss": model.loss, **observables}
            fields = [g.neg(slope) for slope in gradient(g, loss, self.states)]
        else:
            fields = [self.reader.read(model.drift[k]) for k in model.state]
        rates = parameters[len(model.parameters) :]
        self.drift = [g.mul(rate, x) for rate, x in zip(rates, fields, strict=True)]
        self._descent = model.descent
        self._rates = {sp.Symbol(f"rate_{k}", real=True): r for k, r in zip(model.state, rates, strict=True)}
        self._observables = list(observables.values())
        self._kernels: dict[tuple[object, ...], Kernel] = {}

    @cached_property
    def step(self) -> list[int]:
        """Change of every state in one step of descent or of the map, before it is put on its bounds.

        A state whose rate is 0 stays to the last bit.
        """
        if self._descent is None:
            return self.drift
        g = self.graph
        self.reader.known.update(self._rates)
        changes = []
        for x, update, (symbol, rate) in zip(self.states, self._descent.values(), self._rates.items(), strict=True):
            moves = g.node("sign", rate)
            change = g.sub(self.reader.read(update.xreplace({LR: symbol})), x)
            changes.append(g.mul(g.mul(moves, moves), change))
        return changes

    @in_turn
    def flow(self, events: Sequence[sp.Expr], *, implicit: bool = False, discrete: bool = False) -> Kernel:
        """Return the programs of an integration, or of steps, as `stepper.layout.Programs` lists them."""
        key = ("flow", *events, implicit, discrete)
        if key not in self._kernels:
            g = self.graph
            changes = self.step if discrete else self.bounds.held(self.drift)
            levels = [self.reader.read(e) for e in events]
            slopes = [g.number(0)] * len(levels)
            if not discrete:  # between the steps of a map there is nothing to look at
                slopes = [
                    g.total([g.mul(d, k) for d, k in zip(row, changes, strict=True)])
                    for row in tangents(g, levels, self.states)
                ]
            if not discrete:
                switches = self.bounds.switches(self.drift)
                levels, slopes = [*levels, *(x for x, _ in switches)], [*slopes, *(k for _, k in switches)]
            with_slopes = [x for pair in zip(levels, slopes, strict=True) for x in pair]
            programs = {
                "drift": (changes, []),
                "advance": (changes, with_slopes),
                "levels": ([], [x for level in levels for x in (level, level)]),
            }
            if discrete:
                programs["leap"] = (changes, levels)
            if implicit:
                programs["jacobian"] = ([], self._jacobian(changes))
            self._kernels[key] = self._kernel(programs, self.name)
        return self._kernels[key]

    @in_turn
    def observe(self) -> Kernel:
        """Return the program ``observe``: loss, if there is one, and observables."""
        if ("observe",) not in self._kernels:
            values = [self.reader.read(e) for e in self._observables]
            self._kernels["observe",] = self._kernel({"observe": ([], values)}, f"the observables of {self.name}")
        return self._kernels["observe",]

    @in_turn
    def move(self, *, discrete: bool = False) -> Kernel:
        """Return the program ``move``: the rate of change of every state, zero where a bound holds it, or its step."""
        if ("move", discrete) not in self._kernels:
            changes = self.step if discrete else self.bounds.held(self.drift)
            self._kernels["move", discrete] = self._kernel({"move": ([], changes)}, f"the motion of {self.name}")
        return self._kernels["move", discrete]

    @in_turn
    def linearise(self) -> Kernel:
        """Return the program ``linearise``: the drift that knows of no bounds, then its Jacobian row by row."""
        if ("linearise",) not in self._kernels:
            values = [*self.drift, *self._jacobian(self.drift)]
            self._kernels["linearise",] = self._kernel({"linearise": ([], values)}, f"the Jacobian of {self.name}")
        return self._kernels["linearise",]

    def _kernel(self, programs: Mapping[str, Outputs], what: str) -> Kernel:
        return Kernel(self.graph, programs, self.width, what, self.bounds)

    def _jacobian(self, changes: Sequence[int]) -> list[int]:
        return [x for row in tangents(self.graph, changes, self.states) for x in row]


_statements: "WeakKeyDictionary[object, Compiled]" = WeakKeyDictionary()


@in_turn
def compiled(model: Model) -> Compiled:
    """Return the kernels of a model; models that differ in values and rates alone share them."""
    if model.statement not in _statements:
        _statements[model.statement] = Compiled(model)
    return _statements[model.statement]
