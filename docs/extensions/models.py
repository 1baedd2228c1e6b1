"""A page for every model, from its statement and its derivation: nothing of it is typed."""

import inspect
import math
from importlib import import_module
from pathlib import Path
from typing import Any

import sympy as sp
from numpydoc.docscrape import FunctionDoc
from sphinx.application import Sphinx
from sphinx.util import logging

import minimodels as mm
import theory
from extensions.pages import table, write_pages
from extensions.regimes import Regimes
from minimodels.bounds import written
from minimodels.model import Model, Parameter
from minimodels.plot import plot_run, write_figure
from theory.derivation import Derivation, Result

HERE = Path(__file__).parent.parent
KINDS = {"gradient_flow": "a gradient flow, stated by its loss", "flow": "a flow, stated by its drift", "map": "a map"}
LONGEST = 170  # characters of an expression that a table has room for
ROWS = 10  # states that are listed
ENCODED = ("SoftMax", "LogSumExp")  # functions that print as their arguments only
TINY = 1e-8  # a lower limit that stands for zero left out
FIRST, LAST = 1e2, 1e7  # times tried until the model's events have happened


def formula(expr: sp.Basic) -> str:
    """Return an expression as a formula of a table, empty if it is too long to be read there."""
    text = sp.latex(expr)
    return f"${text}$" if len(text) <= LONGEST and not any(name in text for name in ENCODED) else ""


def page(name: str) -> str:
    """Return the page of a model."""
    model, derivation = mm.model(name), theory.derive(name)
    module = import_module(f"minimodels.models.{name}")
    first, _, about = (module.__doc__ or "").partition("\n")
    lines = [f"# {name}", "", first, "", "```{eval-rst}", *inspect.cleandoc(about).splitlines(), "```", ""]
    end = end_of(model)
    lines += statement(model, module.build) + run(model, end) + regimes(model, derivation, end)
    lines += ["## Predictions", "", f"At the parameters and the start above, by `theory.predict(mm.model({name!r}))`:"]
    lines += ["", *theory.predict(model).markdown().splitlines()[2:], "", "## Derivations", ""]
    lines += [f"From the model's own expressions, each step checked, by `theory.derive({name!r})`.", ""]
    return "\n".join(lines + [line for result in derivation for line in derived(result)])


def statement(model: Model, build: Any) -> list[str]:
    """Return what the statement says: options, states, parameters, observables, events."""
    lines = ["## Statement", "", f"`mm.model({model.name!r})` is {KINDS[model.kind]}. Source: {model.source}.", ""]
    meanings = {p.name: f"{p.type}. {' '.join(p.desc)}" for p in FunctionDoc(build)["Parameters"]}
    options = [[f"`{k}`", f"`{v!r}`", meanings.get(k, "").replace("``", "`")] for k, v in model.options.items()]
    bounds = dict.fromkeys(written(model))
    states = [
        [f"`{k}`", f"${sp.latex(model.symbols[k])}$", f"{s.init:g}", f"${sp.latex(model.rates[k])}$", s.meaning]
        for k, s in model.state_info.items()
    ]
    more = len(states) - ROWS if len(states) > ROWS else 0
    parameters = [
        [f"`{k}`", f"${sp.latex(model.symbols[k])}$", f"{model.values[k]:.6g}", domain(p), p.meaning]
        for k, p in model.parameters.items()
    ]
    observables = [[f"`{k}`", formula(v) or "as the equation above"] for k, v in model.observables.items()]
    ways = {1: "rises through", -1: "falls through", 0: "crosses"}
    known = {v: f"`{k}`" for k, v in model.observables.items()}
    events = [
        [f"`{k}`", f"{known.get(e.expr) or formula(e.expr) or 'an expression'} {ways[e.direction]} {e.level:g}"]
        for k, e in model.events.items()
    ]
    lines += table(["option", "here", "may be"], options) if options else []
    lines += table(["state", "symbol", "starts at", "rate", "meaning"], states[:ROWS])
    lines += [f"And {more} states more of the same form.", ""] if more else []
    lines += [f"Bounds: {', '.join(f'`{text}`' for text in bounds)}.", ""] if bounds else []
    lines += table(["parameter", "symbol", "default", "domain", "meaning"], parameters) if parameters else []
    lines += table(["observable", "expression"], observables) if observables else []
    return lines + (table(["event", "first time that"], events) if events else [])


def domain(parameter: Parameter) -> str:
    """Return the interval that a parameter may lie in."""
    above = f"up to {parameter.high:g}" if math.isfinite(parameter.high) else ""
    low = "above 0" if 0 < parameter.low < TINY else f"from {parameter.low:g}" if math.isfinite(parameter.low) else ""
    return " ".join(filter(None, (low, above))) or "any"


def end_of(model: Model) -> float:
    """Return a time a few times that of the model's events, or one that shows most of it where there are none."""
    end = FIRST
    while model.events and end < LAST:
        happened = mm.simulate(model, t_end=end, on_failure="keep", save=[0, end])
        times = [happened[k].item() for k in model.events]
        if all(t == t for t in times):
            return float(f"{3 * max(*times, 1.0):.1g}")
        end *= 10
    return FIRST


def run(model: Model, end: float) -> list[str]:
    """Draw a run at the defaults."""
    target = HERE / "models" / f"{model.name}.png"
    result = mm.simulate(model, t_end=end)
    shown = (
        "loss",
        *model.state[:4],
        *list(model.observables)[:4],
        *(k for e in model.events for k in (e, f"{e}_censored")),
    )
    few = [k for k in dict.fromkeys(shown) if k in result]
    write_figure(plot_run(result[few]), target)
    seen = [f"`{k}` = {result[k].item():.6g}" for k in model.events if result[k].item() == result[k].item()]
    caption = f"`mm.plot_run(mm.simulate(mm.model({model.name!r}), t_end={end:g}))`" + (": " if seen else "")
    return ["## A run", "", f"![A run of {model.name}]({target.name})", "", caption + ", ".join(seen) + ".", ""]


def regimes(model: Model, derivation: Derivation, end: float) -> list[str]:
    """Draw where in the parameters which results apply, over what the model does there."""
    made = Regimes.of(model, derivation, 3 * end)
    target = HERE / "models" / f"{model.name}-regimes.png"
    lines = ["## Regime map", ""]
    if made is None:
        return []
    write_figure(made.draw(), target)
    lines += [f"![Regimes of {model.name}]({target.name})", "", made.caption(), ""]
    return lines + made.table()


def derived(result: Result) -> list[str]:
    """Return a result with its steps folded away."""
    head, _, rest = result.markdown().partition("\n1. ")
    steps, _, source = rest.rpartition("\n*Reference:* ")
    count = len(result.steps)
    summary = f"{count} step{'s' * (count != 1)}, {'all checked' if result.verified else 'NOT ALL HOLD'}"
    folded = ["```{raw} html", f"<details><summary>{summary}</summary>", "```", "", *f"1. {steps}".splitlines(), ""]
    return [*head.splitlines(), "", *folded, "```{raw} html", "</details>", "```", "", f"*Reference:* {source}", ""]


def index(meanings: dict[str, str]) -> str:
    """Return the page above those of the models."""
    rows = [[f"[`{name}`]({name}.md)", meaning] for name, meaning in meanings.items()]
    lines = ["# Models", "", "Made from the statements in `minimodels/models/` and their derivations in `theory/`.", ""]
    return "\n".join([*lines, *table(["model", "what it is"], rows), "```{toctree}", ":hidden:", "", *meanings, "```"])


def generate(app: Sphinx) -> None:
    """Write the pages of all models."""
    (HERE / "models").mkdir(exist_ok=True)
    pages = {"index": index(mm.models())}
    for name in mm.models():
        logging.getLogger(__name__).info("model %s", name)
        pages[name] = page(name)
    write_pages(HERE / "models", pages)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx reads what there is."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
