r"""How a minimal model is stated: symbols, parameters, one expression, observables, source.

Three kinds share one statement:

===============  ============================================  =======================
`GradientFlow`   :math:`\dot x_i = -\eta_i\,\partial\mathcal L/\partial x_i`  given by its loss
`Flow`           :math:`\dot x_i = \eta_i f_i(x)`               given by its drift
`Map`            :math:`x_i \leftarrow x_i + \eta_i (F_i(x) - x_i)`  given by its update
===============  ============================================  =======================

The rates :math:`\eta_i` are 1 unless stated. Everything else (kernels, Jacobians, fixed points,
derivations, LaTeX) is taken from these expressions.

Gradient descent is the Euler step of its flow where the states are the parameters themselves. Where they are functions
of these (the norm of a vector, its overlap with another), it is not, and a flow may state what descent does to them:
``descent``, the update :math:`F(x, \mathrm{lr})` with the symbol ``lr``, which `minimodels.descend` then iterates,
:math:`x_i \leftarrow F_i(x, \mathrm{lr}\,\eta_i)`. To first order in ``lr`` it is the Euler step (checked).
"""

import copy
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from numbers import Real
from types import MappingProxyType
from typing import Any, ClassVar, Self

import sympy as sp

from minimodels.bounds import Bound, read_bounds
from minimodels.errors import InputError, by_name, check_number, shown, unknown
from minimodels.exact import LR, check_descent
from minimodels.expressions import parse
from minimodels.naming import add_event, check_name, namespace
from minimodels.primitives import elementary
from minimodels.statement import Constraint, Event, Identity, Parameter, State, Statement

NONE: Mapping[str, Any] = MappingProxyType({})


class Model:
    """What every kind of model shares; use `GradientFlow`, `Flow` or `Map`.

    Parameters
    ----------
    name : str
        A Python identifier.
    state : mapping of str to State or float
        State variables with their initial values, in order.
    parameters : mapping of str to Parameter or float
        Real parameters with their defaults.
    observables : mapping of str to expression
        Named functions of states and parameters, e.g. progress measures; of a flow or a map one may be the ``loss``.
    events : mapping of str to Event
        Crossings located during every integration, e.g. ``escape_time``.
    rates : mapping of str to expression
        Rate of a state, a number or an expression of the parameters (default 1).
    constraints : sequence of Constraint
        Conditions on the parameters.
    bounds : mapping of str to (low, high)
        Bounds of a state, each a number, an expression of the parameters, or None where there is none. A state stops
        at a bound and stays as long as the drift points outwards; a step of a map or descent beyond it ends on it.
    source : str
        Paper and equation.
    options : mapping of str to str or int
        Structural choices this statement was built with.

    Symbols are matched by name: any SymPy symbol called ``x`` means the state or parameter ``x``.
    """

    kind: ClassVar[str]
    name: str
    state: tuple[str, ...]
    state_info: dict[str, State]
    init: dict[str, float]
    parameters: dict[str, Parameter]
    defaults: dict[str, sp.Expr]
    given: dict[str, float]
    symbols: dict[str, sp.Symbol]
    loss: sp.Expr | None = None
    descent: dict[str, sp.Expr] | None = None
    observables: dict[str, sp.Expr]
    events: dict[str, Event]
    rates: dict[str, sp.Expr]
    constraints: tuple[Constraint, ...]
    bounds: dict[str, tuple[sp.Expr | None, sp.Expr | None]]
    source: str
    options: dict[str, Any]
    namespace: dict[str, str]
    statement: Identity

    def __init__(
        self,
        dynamics: Any,
        name: str,
        state: Mapping[str, State | float],
        parameters: Mapping[str, Parameter | float],
        observables: Mapping[str, Statement],
        events: Mapping[str, Event],
        rates: Mapping[str, Statement],
        constraints: Sequence[Constraint],
        bounds: Mapping[str, Bound],
        source: str,
        options: Mapping[str, Any],
    ) -> None:
        self.statement, self.name, self.source, self.given = Identity(), check_name(name), source, {}
        self.options = self._stated("options", options, "{'form': 'loss'}")
        stated = self._stated("state", state, "{'x': 1.0}")
        self.state_info = {k: v if isinstance(v, State) else State(v) for k, v in stated.items()}
        if not stated:
            raise InputError(f"model {name!r} has no state variable; give at least one.")
        stated = self._stated("parameters", parameters, "{'a': 1.0}")
        self.parameters = {k: v if isinstance(v, Parameter) else Parameter(v) for k, v in stated.items()}
        self.state = tuple(self.state_info)
        self.init = {k: check_number(s.init, f"the initial value of {k!r}") for k, s in self.state_info.items()}
        self.symbols = {k: sp.Symbol(k, real=True) for k in (*self.state, *self.parameters)}
        observed = self._stated("observables", observables, "{'square': 'x**2'}")
        watched = self._stated("events", events, "{'half': Event('x', 0.5)}")
        paced = self._stated("rates", rates, "{'x': 0.1}")
        # a flow may tell a loss that it is not the gradient of
        named = [k for k in observed if k != "loss" or self.kind == "gradient_flow"]
        self.namespace = namespace(name, self.state, self.parameters, named, watched)
        self._dynamics(dynamics)
        self.observables = {k: self.expression(v, f"observable {k!r}") for k, v in observed.items()}
        self.events = {k: self.event(k, e) for k, e in watched.items()}
        for key in paced:
            if key not in self.state:
                raise unknown("state in rates", key, self.state)
        self.defaults = {}
        for k, p in self.parameters.items():  # one may follow those before it
            self.defaults[k] = self._parse(p.default, f"default of {k!r}", {e: self.symbols[e] for e in self.defaults})
        self.rates = {k: self.parameter_expression(paced.get(k, 1), f"rate of {k!r}") for k in self.state}
        if not isinstance(constraints, tuple | list) or any(not isinstance(c, Constraint) for c in constraints):
            raise InputError(f"`constraints` of {name!r} is a list of Constraint; got {shown(constraints)}.")
        self.constraints = tuple(
            Constraint(self.parameter_expression(c.expr, "a constraint"), c.sentence) for c in constraints
        )
        self.bounds = read_bounds(self, self._stated("bounds", bounds, "{'x': (0, 'x_max')}"))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, state={self.state!r})"

    def _dynamics(self, stated: Any) -> None:
        """Read the loss, the drift or the update; each kind of model its own."""
        raise NotImplementedError

    @cached_property
    def drift(self) -> dict[str, sp.Expr]:
        """Rate of change of every state, without its rate; each kind of model its own, derived when it is asked for."""
        raise NotImplementedError

    def _stated(self, what: str, given: Any, example: str) -> dict[str, Any]:
        return by_name(given, f"`{what}` of {self.name!r}", example)

    def event(self, name: str, event: Any) -> Event:
        """Return an event with its expression in this model's symbols; observables are known by their names."""
        if not isinstance(event, Event):
            raise InputError(f"the event {name!r} must be an Event, as in Event('x', 0.5); got {shown(event)}.")
        known = self.symbols | self.observables | ({} if self.loss is None else {"loss": self.loss})
        expr = self._parse(event.expr, f"event {name!r}", known)
        return Event(expr, check_number(event.level, f"the level of {name!r}"), event.direction)

    def with_events(self, events: Any) -> dict[str, Event]:
        """Return the events of this model and others besides, which may not have the name of anything else."""
        others = by_name({} if events is None else events, "`events`", "{'half': Event('x', 0.5)}")
        names = dict(self.namespace)
        for name in others:
            add_event(names, name, self.name)
        return {**self.events, **{k: self.event(k, e) for k, e in others.items()}}

    def expression(self, statement: Statement, what: str) -> sp.Expr:
        """Return ``statement`` in this model's symbols; unknown symbols are an error."""
        return self._parse(statement, what, self.symbols)

    def parameter_expression(self, statement: Statement, what: str) -> sp.Expr:
        """Return ``statement`` in this model's parameters."""
        return self._parse(statement, what, {k: self.symbols[k] for k in self.parameters})

    def _parse(self, statement: Any, what: str, known: Mapping[str, sp.Expr]) -> sp.Expr:
        what = f"{what} of {self.name!r}"
        if isinstance(statement, str):
            return parse(statement, known, what)
        if isinstance(statement, Real) and not isinstance(statement, bool):
            check_number(statement, f"the {what}")
            return sp.sympify(statement)
        if not isinstance(statement, sp.Expr):
            raise InputError(f"the {what} is not a formula, a text or a number: {shown(statement)}.")
        if statement.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
            raise InputError(f"the {what} is not finite: {shown(statement)}.")
        for symbol in sorted(statement.free_symbols, key=str):
            if symbol.name not in known:
                raise unknown(f"symbol in the {what}", symbol.name, known)
        table = {s: known[s.name] for s in statement.free_symbols if s != known[s.name]}
        return statement.xreplace(table) if table else statement

    def _per_state(self, stated: Any, what: str, known: Mapping[str, sp.Expr] = NONE) -> dict[str, sp.Expr]:
        given = self._stated(what, stated, "{'x': '-x'}")
        for key in given:
            if key not in self.state:
                raise unknown(f"state in the {what} of {self.name!r}", key, self.state)
        for key in self.state:
            if key not in given:
                raise InputError(f"the {what} of {self.name!r} lacks the state {key!r}; give one expression per state.")
        return {k: self._parse(given[k], f"{what} of {k!r}", {**self.symbols, **known}) for k in self.state}

    def _descent(self, stated: Any) -> None:
        """Read the exact update of gradient descent."""
        if stated is None:
            return
        if "lr" in self.namespace:
            raise InputError(f"'lr' is the learning rate of a descent; rename {self.namespace['lr']} of {self.name!r}.")
        self.descent = self._per_state(stated, "descent", {"lr": LR})

    @property
    def values(self) -> dict[str, float]:
        """Value of every parameter: as given, else its default."""
        values: dict[str, float] = {}
        for key, default in self.defaults.items():
            if key in self.given:
                values[key] = self.given[key]
            elif default.is_Rational or default.is_Float:
                values[key] = float(default)
            else:
                earlier = {symbol: sp.Float(values[symbol.name]) for symbol in default.free_symbols}
                values[key] = float(elementary(default).xreplace(earlier))
        return values

    def with_values(self, /, **values: float) -> Self:
        """Return the model with some parameters set; every value is checked."""
        new = copy.copy(self)
        new.given = dict(self.given)
        for key, value in values.items():
            if key not in self.parameters:
                raise unknown(f"parameter of {self.name!r}", key, [*self.parameters, *self.options])
            number = new.given[key] = check_number(value, f"parameter {key}")
            bounds = self.parameters[key]
            if not bounds.low <= number <= bounds.high:
                raise InputError(f"`{key}` must lie in [{bounds.low:g}, {bounds.high:g}]; got {key}={number:g}.")
        for constraint in self.constraints:
            if not new.evaluate(constraint.expr) >= -1e-9:
                raise InputError(constraint.sentence.format(**new.values))
        return new

    def with_rates(self, /, **rates: Statement) -> Self:
        """Return the model with some rates set to a number or an expression of the parameters."""
        new = copy.copy(self)
        for key in rates:
            if key not in self.state:
                raise unknown("state in rates", key, self.state)
        new.rates = self.rates | {k: self.parameter_expression(v, f"rate of {k!r}") for k, v in rates.items()}
        return new

    def evaluate(self, expr: sp.Expr) -> float:
        """Evaluate an expression of the parameters at this model's values (nan where undefined)."""
        value = sp.N(elementary(expr).xreplace({self.symbols[k]: sp.Float(v) for k, v in self.values.items()}))
        return float(value) if value.is_real else math.nan

    def rate_values(self) -> dict[str, float]:
        """Return the rate of every state at this model's parameter values."""
        return {k: float(expr) if expr.is_Integer else self.evaluate(expr) for k, expr in self.rates.items()}


def check_model(model: Any) -> Model:
    """Return ``model`` if it is one, or say what is."""
    if not isinstance(model, Model):
        raise InputError(
            f"`model` is a GradientFlow, a Flow or a Map, as mm.model('nested_logit') returns; got {shown(model)}."
        )
    return model


class GradientFlow(Model):
    """Gradient flow of a loss, one rate per state; see `Model` for the shared arguments.

    Examples
    --------
    >>> import sympy as sp
    >>> x = sp.Symbol("x")
    >>> well = GradientFlow(name="double_well", state={"x": 0.1}, loss=(x**2 - 1) ** 2 / 4)
    >>> well.drift["x"]
    -x*(x**2 - 1)
    """

    kind = "gradient_flow"
    loss: sp.Expr

    def __init__(
        self,
        *,
        name: str,
        state: Mapping[str, State | float],
        parameters: Mapping[str, Parameter | float] = NONE,
        observables: Mapping[str, Statement] = NONE,
        events: Mapping[str, Event] = NONE,
        rates: Mapping[str, Statement] = NONE,
        constraints: Sequence[Constraint] = (),
        bounds: Mapping[str, Bound] = NONE,
        source: str = "",
        options: Mapping[str, Any] = NONE,
        loss: Statement,
        descent: Mapping[str, Statement] | None = None,
    ) -> None:
        both = loss, descent
        super().__init__(
            both, name, state, parameters, observables, events, rates, constraints, bounds, source, options
        )
        check_descent(self)

    def _dynamics(self, stated: Any) -> None:
        self.loss = self.expression(stated[0], "loss")
        self._descent(stated[1])

    @cached_property
    def drift(self) -> dict[str, sp.Expr]:
        """Minus the gradient of the loss."""
        return {k: -sp.diff(self.loss, self.symbols[k]) for k in self.state}


class Flow(Model):
    """An autonomous flow given by its drift; for explicit time add a state with drift 1."""

    kind = "flow"

    def __init__(
        self,
        *,
        name: str,
        state: Mapping[str, State | float],
        parameters: Mapping[str, Parameter | float] = NONE,
        observables: Mapping[str, Statement] = NONE,
        events: Mapping[str, Event] = NONE,
        rates: Mapping[str, Statement] = NONE,
        constraints: Sequence[Constraint] = (),
        bounds: Mapping[str, Bound] = NONE,
        source: str = "",
        options: Mapping[str, Any] = NONE,
        drift: Mapping[str, Statement],
        descent: Mapping[str, Statement] | None = None,
    ) -> None:
        both = drift, descent
        super().__init__(
            both, name, state, parameters, observables, events, rates, constraints, bounds, source, options
        )
        check_descent(self)

    def _dynamics(self, stated: Any) -> None:
        self.drift = self._per_state(stated[0], "drift")
        self._descent(stated[1])


class Map(Model):
    """A discrete map given by its update, ``x <- F(x)``; iterate it with `minimodels.descend`."""

    kind = "map"
    update: dict[str, sp.Expr]

    def __init__(
        self,
        *,
        name: str,
        state: Mapping[str, State | float],
        parameters: Mapping[str, Parameter | float] = NONE,
        observables: Mapping[str, Statement] = NONE,
        events: Mapping[str, Event] = NONE,
        rates: Mapping[str, Statement] = NONE,
        constraints: Sequence[Constraint] = (),
        bounds: Mapping[str, Bound] = NONE,
        source: str = "",
        options: Mapping[str, Any] = NONE,
        update: Mapping[str, Statement],
    ) -> None:
        super().__init__(
            update, name, state, parameters, observables, events, rates, constraints, bounds, source, options
        )

    def _dynamics(self, stated: Any) -> None:
        self.update = self._per_state(stated, "update")

    @cached_property
    def drift(self) -> dict[str, sp.Expr]:
        """Change of every state in one iteration, F(x) - x."""
        return {k: self.update[k] - self.symbols[k] for k in self.state}
