"""What a derivation is: steps with checks, results with a regime, LaTeX and Markdown."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np
import sympy as sp

from minimodels.errors import InputError, check_setting, shown, unknown
from minimodels.model import Model
from minimodels.models import model as build
from minimodels.models import options_of, structure
from minimodels.own import is_own
from theory import wings
from theory.listing import Listing

NOTATION = {"eta_beta_1": r"\eta_{\beta_1}", "eps": r"\varepsilon", "CLA": r"\mathrm{CLA}"}
Init = Mapping[str, float]
Evaluate = Callable[[Model, Init], dict[str, float]]  # numbers by name, the main one first
Condition = Callable[[Model, Init], str | None]  # the reason why it is not met, or None


@dataclass(frozen=True)
class Check:
    """Outcome of the check of one step: how it was checked and what was left over."""

    method: str
    residual: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the residual is within the tolerance."""
        return bool(self.residual <= self.tolerance)

    def __str__(self) -> str:
        verdict = "holds" if self.passed else "FAILS"
        return f"{verdict} ({self.method}, residual {self.residual:.1e}, tolerance {self.tolerance:.0e})"


@dataclass(frozen=True)
class Step:
    """One step: a sentence, the equation it arrives at, the outcome of its check, and what checks an equation here."""

    sentence: str
    equation: sp.Basic
    check: Check
    test: Callable[[sp.Basic], Check] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def tested(cls, sentence: str, equation: sp.Basic, test: Callable[[sp.Basic], Check]) -> "Step":
        """Return the step whose very equation is put to a test, which any other equation can be put to as well."""
        return cls(sentence, equation, test(equation), test)


class Regime:
    """Where a result holds: a sentence, and conditions that each give the reason why it does not hold (or None)."""

    def __init__(self, sentence: str, *conditions: Condition) -> None:
        self.sentence = sentence
        self.conditions = conditions

    def obstacle(self, model: Model, init: Init) -> str | None:
        """Return the first reason why the result does not hold for a bound model and a start, if there is one."""
        return next((why for condition in self.conditions if (why := condition(model, init))), None)


@dataclass(frozen=True, kw_only=True)
class Result:
    """A derived result.

    Attributes
    ----------
    name, title : str
    statement : sympy expression
        In the compact symbols of ``where``.
    where : mapping
        Compact symbols -> expressions of the model's parameters; those of the derivation unless given.
    steps : tuple of Step
    regime : Regime
    reference : str
        Where it comes from; that of the derivation unless given.
    evaluate : callable
        (bound model, init) -> dict of numbers, all keyed by name.
    error : callable
        (bound model, init, values) -> expected relative error of the first value, nan where unknown.
    curve : callable or None
        (bound model, times) -> dict of arrays, for results that are functions of time.
    measure : callable or None
        (bound model, simulated run) -> the main value as the run shows it, for a comparison.
    arbitrary_zero : bool
        Whether the zero of the main value means nothing, so that a relative deviation does not either.
    parts : callable or None
        (bound model, init) -> title of a part -> its numbers, for results about several things, as fixed points.
    """

    name: str
    title: str
    statement: sp.Basic
    where: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    steps: tuple[Step, ...]
    regime: Regime
    reference: str = ""
    evaluate: Evaluate
    error: Callable[[Model, Init, Mapping[str, float]], float] = lambda model, init, values: 0.0
    curve: Callable[[Model, np.ndarray], dict[str, np.ndarray]] | None = None
    measure: Callable[[Model, Any], float] | None = None
    arbitrary_zero: bool = False
    parts: Callable[[Model, Init], dict[str, dict[str, float]]] | None = None

    @property
    def verified(self) -> bool:
        """Whether every step's check passed."""
        return all(step.check.passed for step in self.steps)

    @property
    def explicit(self) -> sp.Basic:
        """The statement with the compact symbols replaced by their expressions."""
        return expand(self.statement, self.where)

    def definitions(self) -> list[sp.Eq]:
        """Return the compact symbols that the statement and the steps use, with their meaning."""
        used = self.statement.free_symbols.union(*(s.equation.free_symbols for s in self.steps))
        for symbol in reversed(self.where):
            if symbol in used:
                used |= self.where[symbol].free_symbols
        return [sp.Eq(k, v, evaluate=False) for k, v in self.where.items() if k in used]

    def markdown(self) -> str:
        """Return the result as Markdown with LaTeX formulas."""
        lines = [f"### {self.title}", "", f"$${latex(self.statement)}$$", ""]
        if self.definitions():
            lines += ["where " + ", ".join(f"${latex(d)}$" for d in self.definitions()) + ".", ""]
        lines += [f"*Regime:* {self.regime.sentence}", ""]
        for k, step in enumerate(self.steps, 1):
            lines += [f"{k}. {step.sentence}", "", f"   $${latex(step.equation)}$$", "", f"   *check:* {step.check}"]
            lines += [""]
        return "\n".join([*lines, f"*Reference:* {self.reference}", ""])

    def latex(self) -> str:
        """Return the result as a LaTeX fragment: a subsection with numbered equations."""
        lines = [rf"\subsection*{{{_text(self.title)}}}", *_equation(self.statement)]
        if self.definitions():
            lines += ["where " + ", ".join(f"${latex(d)}$" for d in self.definitions()) + "."]
        lines += [rf"\emph{{Regime:}} {_text(self.regime.sentence)}", r"\begin{enumerate}"]
        for step in self.steps:
            lines += [rf"\item {_text(step.sentence)}", *_equation(step.equation)]
            lines += [rf"\emph{{check:}} {_text(str(step.check))}"]
        return "\n".join([*lines, r"\end{enumerate}", rf"\emph{{Reference:}} {_text(self.reference)}", ""])

    def _repr_markdown_(self) -> str:
        return self.markdown()


@dataclass(frozen=True)
class Derivation(Listing[Result]):
    """The results about one model, in order; index by position or by name."""

    model: str
    options: Mapping[str, object]
    results: tuple[Result, ...] = field(repr=False)

    @classmethod
    def stating(
        cls,
        model: str,
        options: Mapping[str, object],
        results: Iterable[Result],
        *,
        reference: str,
        where: Mapping[sp.Symbol, sp.Expr] | None = None,
    ) -> "Derivation":
        """Return the results about a model, with this reference and these compact symbols where they give none."""
        stated = (replace(r, reference=r.reference or reference, where=r.where or where or {}) for r in results)
        return cls(model, dict(options), tuple(stated))

    def members(self) -> tuple[Result, ...]:
        """Return the results, in order."""
        return self.results

    def member(self) -> str:
        """Return what a result is called in an error."""
        return f"result about {self.model!r}"

    @property
    def verified(self) -> bool:
        """Whether every check of every step passed."""
        return all(result.verified for result in self.results)

    def _title(self) -> str:
        options = ", ".join(f"{k} = {v}" for k, v in self.options.items())
        return f"{self.model} ({options})" if options else self.model

    def document(self) -> dict[str, Any]:
        """Return the results as plain values, for machines: formulas as SymPy prints them and as LaTeX."""
        return {
            "model": self.model,
            "options": dict(self.options),
            "verified": self.verified,
            "results": [
                {
                    "name": r.name,
                    "title": r.title,
                    "statement": str(r.statement),
                    "latex": latex(r.statement),
                    "where": {str(d.lhs): str(d.rhs) for d in r.definitions()},
                    "regime": r.regime.sentence,
                    "reference": r.reference,
                    "verified": r.verified,
                    "steps": [
                        {
                            "sentence": s.sentence,
                            "equation": str(s.equation),
                            "method": s.check.method,
                            "residual": s.check.residual,
                            "tolerance": s.check.tolerance,
                            "passed": s.check.passed,
                        }
                        for s in r.steps
                    ],
                }
                for r in self.results
            ],
        }

    def markdown(self) -> str:
        """Return all results as Markdown."""
        return "\n".join([f"## {self._title()}", "", *(result.markdown() for result in self.results)])

    def latex(self) -> str:
        """Return all results as a LaTeX section (needs amsmath)."""
        return "\n".join([rf"\section*{{{_text(self._title())}}}", *(result.latex() for result in self.results)])


def derive(model: str | Model, **options: object) -> Derivation:
    """Derive what is known about a model, step by step, from the model's own expressions.

    Parameters
    ----------
    model : str or Model
        A built-in model, by name (see `mm.models`) or as `mm.model` returns it; or a model of your own
        (`mm.GradientFlow`, `mm.Flow`, `mm.Map`, or by its file, as ``"own.py:model"``), which gets what holds for
        every one: the fall of the loss, fixed points in closed form where they are simple, the linearisation, conserved
        quantities up to degree 2, symmetries. So does a built-in model that no wing derives the theory of.
    **options
        With a name: the model's structural options, e.g. ``attend="labels"``.

    Returns
    -------
    Derivation
        Results in order, each with checked steps, a regime of validity and a reference.

    Raises
    ------
    InputError
        For something that is no model, an unknown name or option, or a model about which no wing says anything.

    Examples
    --------
    >>> import minimodels as mm
    >>> net = mm.GradientFlow(name="linear_net", state={"a": 0.1, "b": 0.2}, loss="(a*b - 1)**2/2")
    >>> derive(net)["conserved"].statement
    (Eq(C_{1}, a**2 - b**2),)
    """
    if isinstance(model, Model):
        if options:
            raise InputError(f"options belong to a name; {model.name!r} is a model and has its own: leave them out.")
        return derive(model.name, **model.options) if is_built_in(model) else _in_general(model)
    if not isinstance(model, str):
        raise InputError(
            f"`model` is a built-in model's name or a GradientFlow, a Flow or a Map, as mm.model('nested_logit') "
            f"returns; got {shown(model)}."
        )
    for key, value in options.items():
        check_setting(value, f"the option `{key}` of {model!r}")
    if is_own(model):
        stated, values = structure(model, **options)
        for key in values:
            raise unknown(f"option of {model!r}", key, [*options_of(model), *stated.options])
        return derive(stated)
    known = dict(build(model).options)
    known |= structure(model, **options)[0].options  # some choices bring options with them
    for key in options:
        if key not in known:
            raise unknown(f"option of {model!r}", key, known)
    homes = wings.derivations()
    if model not in homes:
        return _in_general(build(model, **options))
    derived: Derivation = import_module(homes[model]).derive(**options)
    return derived


def _in_general(model: Model) -> Derivation:
    """Return what holds for every model, of this one: what the wings with a file ``every`` derive."""
    made: list[Derivation] = [every.derive(model) for every in wings.modules("every")]
    if not made:
        raise InputError(
            f"nothing is derived about {model.name!r}: no wing of `theory` has its theory, and none tells what holds "
            "for every model."
        )
    return replace(made[0], results=tuple(result for derivation in made for result in derivation))


def is_built_in(model: Model) -> bool:
    """Whether a model is the built-in one of its name: the same states, parameters and dynamics."""
    if model.name not in wings.derivations():
        return False
    try:
        built = build(model.name, **{**model.values, **model.options})
    except InputError:
        return False
    return _stated(model) == _stated(built)


def _stated(model: Model) -> tuple[object, ...]:
    dynamics = model.drift if model.loss is None else model.loss
    return model.kind, dict(model.options), model.state, tuple(model.parameters), dynamics


def expand(expr: sp.Basic, where: Mapping[sp.Symbol, sp.Expr]) -> sp.Basic:
    """Replace compact symbols by their expressions, the later definitions first."""
    for symbol in reversed(where):
        expr = expr.xreplace({symbol: where[symbol]})
    return expr


def number(model: Model, expr: sp.Basic, where: Mapping[sp.Symbol, sp.Expr]) -> float:
    """Evaluate an expression of compact symbols, parameters and rates (``eta_<state>``) at a bound model."""
    if model.kind == "map":
        raise InputError(f"predictions need a flow; {model.name!r} is a map.")
    rates = {f"eta_{k}": sp.Float(v) for k, v in model.rate_values().items()}
    explicit = expand(expr, where)
    return model.evaluate(explicit.xreplace({s: rates[s.name] for s in explicit.free_symbols if s.name in rates}))


def latex(expr: sp.Basic) -> str:
    """Return an expression as LaTeX, in the notation of the field."""
    numbers = {h: sp.Symbol(f"H_{{{sp.latex(h.args[0])}}}") for h in expr.atoms(sp.harmonic)}
    expr = expr.xreplace(numbers)
    names = {s: NOTATION[s.name] for s in expr.free_symbols if s.name in NOTATION}
    text: str = sp.latex(expr, symbol_names=names, order="none")
    return text


def _equation(expr: sp.Basic) -> list[str]:
    return [r"\begin{equation}", latex(expr), r"\end{equation}"]


def _text(text: str) -> str:
    """Escape the characters that LaTeX reads as commands outside of formulas."""
    parts = text.split("$")
    for k in range(0, len(parts), 2):
        for character in "&%#_":
            parts[k] = parts[k].replace(character, "\\" + character)
    return "$".join(parts)
