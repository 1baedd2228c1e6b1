"""A model of the user's own as every general derivation sees it: exact changes of its states, and random points."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import comb, prod

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from minimodels.conserved import echelon
from minimodels.model import Map, Model
from minimodels.primitives import elementary
from theory.checks import identity
from theory.derivation import Check, Step
from theory.numeric import function

EXPANDABLE = 2000  # terms up to which an expression is multiplied out
SIMPLE = 60  # operations up to which SymPy is asked to simplify
SHOWN = 300  # operations up to which a formula is shown
UNKNOWN = Check("nothing can be said", np.inf, 0.0)
Floats = NDArray[np.float64]
Point = Mapping[sp.Symbol, sp.Expr]


@dataclass(frozen=True)
class Motion:
    """The states of a model and what they do.

    Attributes
    ----------
    model : Model
    x : tuple of Symbol
    f : tuple of Expr
        Rate of change of every state (for a map, its change in one iteration), rates included, with exact numbers.
    """

    model: Model
    x: tuple[sp.Symbol, ...]
    f: tuple[sp.Expr, ...]

    @property
    def is_map(self) -> bool:
        """Whether time is discrete."""
        return isinstance(self.model, Map)

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """Symbols of the parameters."""
        return tuple(self.model.symbols[k] for k in self.model.parameters)

    @property
    def loss(self) -> sp.Expr | None:
        """The loss of a gradient flow, with exact numbers."""
        return None if self.model.loss is None else exact(self.model.loss)

    def rate(self, k: int) -> sp.Expr:
        """Return the rate of state number ``k``."""
        return exact(self.model.rates[self.model.state[k]])

    def change(self, quantity: sp.Expr) -> sp.Expr:
        """Return the rate of change of a function of the states (for a map, its change in one iteration)."""
        if self.is_map:
            return quantity.subs(dict(zip(self.x, self.after, strict=True)), simultaneous=True) - quantity
        return sp.Add(*(sp.diff(quantity, s) * f for s, f in zip(self.x, self.f, strict=True)))

    @property
    def after(self) -> tuple[sp.Expr, ...]:
        """The states of a map after one iteration."""
        return tuple(sp.expand(s + f) if size(f) <= SIMPLE else s + f for s, f in zip(self.x, self.f, strict=True))

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw a random point: states, and parameters near those of the model and within their bounds."""
        point = {s.name: float(rng.normal()) for s in self.x}
        for name, value in self.model.values.items():
            near = value + (abs(value) or 1.0) * float(rng.uniform(-0.2, 0.2))
            point[name] = min(max(near, self.model.parameters[name].low), self.model.parameters[name].high)
        return point

    def zero(self, expr: sp.Expr) -> Check | None:
        """Check that an expression is zero everywhere; None where nothing can be said."""
        expr = elementary(expr)
        try:
            if terms(expr) <= EXPANDABLE and sp.expand(expr) == 0:
                return Check("symbolic", 0.0, 0.0)
            return identity(expr, sp.S(0), self.draw, symbolic=size(expr) <= SIMPLE)
        except Exception:  # what cannot be evaluated at a random point is not claimed
            return None

    def zeros(self, expressions: Iterable[sp.Expr]) -> Check | None:
        """Check that several expressions are zero; None if one cannot be checked, else the worst outcome."""
        worst = Check("symbolic", 0.0, 0.0)
        for expr in expressions:
            check = self.zero(expr)
            if check is None or not check.passed:
                return check
            worst = check if check.method != "symbolic" else worst
        return worst

    def step(self, sentence: str, equation: sp.Basic, defects: Callable[[sp.Basic], Iterable[sp.Expr]]) -> list[Step]:
        """Return the step with an equation, or nothing where what must be zero for it is not: then nothing is claimed.

        ``defects`` says of any equation of this kind what must be zero for it.
        """
        step = Step.tested(sentence, equation, lambda stated: self.zeros(defects(stated)) or UNKNOWN)
        return [step] if step.check.passed else []

    def at(self, expressions: Iterable[sp.Expr], seed: int = 0) -> Callable[[Floats], Floats]:
        """Return expressions as a function of states (points, n), at one random choice of parameters near the model's.

        What cannot be evaluated is nan.
        """
        listed = list(expressions)
        try:
            made = function([*self.x, *self.parameters], listed)
        except Exception:  # a function that NumPy does not have
            return lambda states: np.full((len(states), len(listed)), np.nan)
        drawn = self.draw(np.random.default_rng(seed))

        def values(states: Floats) -> Floats:
            count = len(states)
            arguments = [*states.T, *(np.full(count, drawn[p.name]) for p in self.parameters)]
            try:
                with np.errstate(all="ignore"):
                    columns = [np.broadcast_to(v, count) for v in made(*arguments)]
                table = np.array(columns).reshape(len(listed), count).T
                return np.where(table.imag == 0, table.real, np.nan).astype(np.float64)
            except Exception:  # as above, known only at the call
                return np.full((count, len(listed)), np.nan)

        return values

    def states(self, count: int, seed: int = 0) -> Floats:
        """Return random states (count, n), half of them in the positive quadrant for those with a domain."""
        drawn = np.random.default_rng(seed).normal(size=(count, len(self.x)))
        drawn[::2] = abs(drawn[::2])
        return drawn

    def rows(self, expressions: Iterable[sp.Expr], count: int, seed: int = 0) -> Floats | None:
        """Return expressions at ``count`` random states and one choice of parameters; None where there are none."""
        table = self.at(expressions, seed)(self.states(4 * count, seed))
        table = table[np.isfinite(table).all(axis=1)]
        return table[:count] if len(table) >= count else None


def motion(model: Model) -> Motion:
    """Return what the states of a model do, from its own expressions."""
    changes = tuple(exact(model.rates[k] * model.drift[k]) for k in model.state)
    return Motion(model, tuple(model.symbols[k] for k in model.state), changes)


def exact(expr: sp.Expr) -> sp.Expr:
    """Return an expression with its decimal numbers as fractions: 0.1 is 1/10."""
    return sp.sympify(expr).xreplace({number: sp.Rational(repr(float(number))) for number in expr.atoms(sp.Float)})


def size(*expressions: sp.Basic) -> int:
    """Return the number of operations in some expressions."""
    return sum(int(sp.count_ops(e)) for e in expressions)


def terms(expr: sp.Basic) -> int:
    """Return a bound on the number of terms once an expression is multiplied out."""
    if expr.is_Add:
        return sum(map(terms, expr.args))
    if expr.is_Mul:
        return prod(map(terms, expr.args))
    if expr.is_Pow and expr.exp.is_Integer and expr.base.is_Add:
        many, power = terms(expr.base), abs(int(expr.exp))
        return comb(many + power - 1, power) if many * power < 10_000 else EXPANDABLE + 1
    return 1


def null_space(table: Floats) -> Floats:
    """Return the combinations of columns (rows of the result, reduced) that vanish in all rows of a table."""
    scaled = table / np.maximum(abs(table).max(axis=1, keepdims=True), 1e-300)
    lengths = np.where(abs(scaled).max(axis=0) > 0, np.sqrt((scaled**2).sum(axis=0)), 1.0)
    _, values, vectors = np.linalg.svd(scaled / lengths)
    small = values <= 1e-10 * max(values[0], 1e-300)
    vectors = vectors[len(values) - int(small.sum()) :] / lengths if len(values) else np.eye(table.shape[1])
    return echelon(vectors, lambda rows: 1e-7 * abs(rows).max())
