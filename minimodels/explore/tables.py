"""What theory says of the model that is shown, and its fixed points: as rows, then as HTML."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from minimodels.explore import looks
from minimodels.explore.curves import Curves
from minimodels.explore.flow import LISTED, counted
from minimodels.explore.state import State
from minimodels.fixed_points import FixedPoint

Predict = Callable[..., Any]  # theory.predict: (model, init=...) to predictions


@dataclass(frozen=True)
class Row:
    """What one result says: numbers by name, their expected relative error, where it holds, or why it does not here.

    ``times`` are those of its numbers that are times of the run; ``levels`` those that are values of what is drawn;
    ``courses`` predicted curves.
    """

    title: str
    values: Mapping[str, float]
    error: float
    regime: str
    reason: str
    times: Mapping[str, float]
    levels: Mapping[str, float]
    courses: Mapping[str, Any]


def rows(state: State, curves: Curves, predict: Predict) -> list[Row]:
    """Return what theory predicts for the flow of a state; under a clamp nothing applies."""
    held = ", ".join(state.clamp)
    scale = 1 / state.lr if state.method == "descent" else 1.0  # steps in a unit of time
    known = {*state.model.state, *state.problem.observables}
    made = []
    for found in predict(state.model, init=state.init):
        regime = found.result.regime.sentence
        reason = f"{held} is held, and this is of the free flow." if held and found.applies else found.reason
        values = {} if reason else dict(found.values)
        courses = {}
        if not reason and found.result.curve is not None:
            grid = curves.time / scale
            drawn = found.curve(grid)
            courses = {str(k): (curves.time, drawn[k].values) for k in drawn.data_vars if str(k) in known}
        made.append(
            Row(
                title=found.title,
                values=values,
                error=found.error,
                regime=regime,
                reason=reason,
                times={k: scale * v for k, v in values.items() if is_time(k, state) and math.isfinite(v)},
                levels={k: v for k, v in values.items() if k in known and math.isfinite(v)},
                courses=courses,
            )
        )
    return sorted(made, key=lambda row: bool(row.reason))


def is_time(name: str, state: State) -> bool:
    """Return whether a predicted number is a time of the run, by its name."""
    return name in state.model.events or name.split("_")[-1] == "time" or name == "latest"


def predictions(found: Sequence[Row], state: State) -> str:
    """Return the table of predictions; those that do not apply come last, grey, with the reason."""
    if not found:
        return "<p>No result is derived for this model.</p>"
    lines = []
    for k, row in enumerate(found, 1):
        title = f"{escape(row.title)}<small>{escape(row.regime)}</small>"
        if row.reason:
            lines.append(f'<tr class="no"><td></td><td>{title}</td><td>does not apply: {escape(row.reason)}</td></tr>')
            continue
        error = "no estimate" if math.isnan(row.error) else "exact" if row.error == 0 else f"± {100 * row.error:.2g} %"
        lines.append(
            f'<tr><td>{k}</td><td>{title}</td><td class="number">{looks.numbers(row.values)}'
            f"<small>{error}</small></td></tr>"
        )
    unit = "; times are of the flow, drawn at time / learning rate" if state.method == "descent" else ""
    note = f"<p>Times are drawn as dashed lines with the number of their row, values as dotted ones{unit}.</p>"
    head = "<tr><th></th><th>result, and where it holds</th><th>prediction</th></tr>"
    return f"<table>{head}{''.join(lines)}</table>{note}"


def fixed_points(points: Sequence[FixedPoint], state: State) -> str:
    """Return the table of fixed points, each with its kind and the eigenvalue that decides."""
    if not points:
        return "<p>No fixed point was found.</p>"
    shown = [p for p in points if p.kind != "degenerate"][:LISTED]
    shown += [p for p in points if p.kind == "degenerate"][: max(2, LISTED - len(shown))]
    counts = ", ".join(f"{n} {kind}" for kind, n in counted(list(points)).items())
    lines = []
    for p in shown:
        eigenvalue = "at a bound"
        if len(p.eigenvalues):
            first = p.eigenvalues[np.argmax(np.abs(p.eigenvalues) if state.discrete else p.eigenvalues.real)]
            eigenvalue = f"{first.real if abs(first.real) > 1e-12 else 0.0:.3g}" + (
                f" ± {abs(first.imag):.3g}i" if abs(first.imag) > 1e-12 else ""
            )
        where = {k: v if abs(v) > 1e-12 else 0.0 for k, v in list(p.state.items())[:6]}
        more = " …" if len(p.state) > 6 else ""
        loss = "" if p.loss is None else f"{p.loss if abs(p.loss) > 1e-12 else 0.0:.4g}"
        lines.append(
            f'<tr><td><i class="dot" style="background:{looks.KINDS[p.kind]}"></i>{p.kind}</td>'
            f'<td class="number">{looks.numbers(where, 4)}{more}</td><td class="number">{loss}</td>'
            f'<td class="number">{eigenvalue}</td></tr>'
        )
    more = f"<p>{len(points) - len(shown)} more are not listed.</p>" if len(points) > len(shown) else ""
    continuum = "<p>So many may be a sample of a continuum.</p>" if len(points) > LISTED else ""
    free = "<p>Of the free flow, without clamps.</p>" if state.clamp else ""
    head = "<tr><th>kind</th><th>at</th><th>loss</th><th>largest eigenvalue</th></tr>"
    return f"<p>{counts} found.</p><table>{head}{''.join(lines)}</table>{more}{continuum}{free}"
