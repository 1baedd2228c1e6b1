"""Write the self-contained module of one model and one method: its arithmetic, its stepper, its driver."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sympy as sp

from minimodels.engine import lane_math
from minimodels.engine.driver import driver, entry, function
from minimodels.engine.layout import LANES, Layout
from minimodels.engine.lower import Assignment, Program, program, share, tangents
from minimodels.engine.methods import METHODS, Method, dense, error_terms, step
from minimodels.engine.printing import code


@dataclass(frozen=True)
class Field:
    """What an engine needs to know of a model: expressions in its symbols, nothing else.

    ``potential`` is a loss whose negative gradient, times the rates, is the drift; else ``drift`` is given.
    Every event is an expression that crosses zero in a direction (+1, -1, or 0 for either).
    """

    states: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    rates: tuple[sp.Symbol, ...]
    potential: sp.Expr | None
    drift: tuple[sp.Expr, ...]
    observables: tuple[sp.Expr, ...]
    events: tuple[tuple[sp.Expr, int], ...]

    def renamed(self) -> "Field":
        """Return the field with kernel names: y0.. for states, p0.. for parameters and rates."""
        table = {x: sp.Symbol(f"y{i}", real=True) for i, x in enumerate(self.states)}
        table |= {p: sp.Symbol(f"p{i}", real=True) for i, p in enumerate((*self.parameters, *self.rates))}

        def new(e: sp.Expr) -> sp.Expr:
            return sp.sympify(e).xreplace(table)

        return Field(
            tuple(table[x] for x in self.states),
            tuple(table[p] for p in self.parameters),
            tuple(table[p] for p in self.rates),
            None if self.potential is None else new(self.potential),
            tuple(map(new, self.drift)),
            tuple(map(new, self.observables)),
            tuple((new(e), d) for e, d in self.events),
        )

    def flow(self, extra: Sequence[sp.Expr] = ()) -> tuple[list[Assignment], list[sp.Expr], list[sp.Expr]]:
        """Return shared terms, the drift with rates, and the extra expressions."""
        if self.potential is None:
            lets, outs = share([*self.drift, *extra], "a")
            drift, rest = outs[: len(self.states)], outs[len(self.states) :]
        else:
            lets, (loss, *rest) = share([self.potential, *extra], "a")
            more, ((*slopes,),) = tangents(lets, [loss], self.states)
            lets, drift = [*lets, *more], [-x for x in slopes]
        return lets, [r * x for r, x in zip(self.rates, drift, strict=True)], rest


HEADER = "from numpy import isfinite, nan, zeros\n"


# Long dependent chains leave the processor waiting: short loops over independent lanes overlap. The limit is in
# arithmetic operations, an exponential counting as COST; large models get fewer and longer loops, for every loop
# costs compile time.
SEGMENT = 45
MAX_SEGMENTS = 15
# Statements from which a kernel is kept short rather than fast.
LARGE = 300
COST = {"exp_": 20, "log_": 25, "log1p_": 30, "/": 6}


def evaluation(
    name: str, field: Field, layout: Layout, prog: Program, source: str, targets: Sequence[str], block: bool = True
) -> str:
    """Return functions that evaluate a program from the rows ``source`` into ``targets``.

    ``name(s)`` does so in all lanes, unless ``block`` is off, and ``name_lane(s, w)`` in one. The body is cut into
    parts that both inline, each a loop of its own in the first; what a later part needs passes through rows.
    """
    home, statements = straight(field, layout, prog, source, targets)
    costs = [1 + text.count("*") + sum(c * text.count(f) for f, c in COST.items()) for _, text, _ in statements]
    limit = max(SEGMENT, sum(costs) // MAX_SEGMENTS)
    segments: list[list[Statement]] = [[]]
    spent = 0
    for statement, cost in zip(statements, costs, strict=True):
        if spent and spent + cost > limit:
            segments.append([])
            spent = 0
        segments[-1].append(statement)
        spent += cost
    text = ""
    free = 0
    calls = [f"{name}_{number}(s, w)" for number in range(len(segments))]
    for number, segment in enumerate(segments):
        made = {target for target, _, _ in segment}
        later = set().union(*(used for after in segments[number + 1 :] for _, _, used in after))
        stores = []
        body = loaded(home, segment)
        for kept in sorted(made & later):
            home[kept] = f"s[{layout.scratch(free)} + w]"
            free += 1
            stores.append(f"{home[kept]} = {kept}")
        text += function(f"{name}_{number}", "s, w", [*body, *stores, "return"], "PART")
    if block:
        text += function(name, "s", [line for call in calls for line in layout.loop([call])])
    return text + function(f"{name}_lane", "s, w", [*calls, "return"])


Statement = tuple[str, str, set[str]]


def straight(
    field: Field, layout: Layout, prog: Program, source: str, targets: Sequence[str]
) -> tuple[dict[str, str], list[Statement]]:
    """Return where the inputs of a program live, and its statements: target, expression, names used."""
    home = {str(x): row for x, row in zip(field.states, layout.rows(source), strict=True)}
    home |= {str(p): row for p, row in zip(inputs(field), layout.rows("P"), strict=True)}
    home |= {str(c): layout.row(f"C_{c}") for c, _ in prog.constants if f"C_{c}" in layout.blocks}
    statements = [(str(name), code(e), names(e)) for name, e in prog.body]
    return home, statements + [(row, code(e), names(e)) for row, e in zip(targets, prog.outputs, strict=True)]


def loaded(home: dict[str, str], statements: Sequence[Statement]) -> list[str]:
    """Return statements as source, after loading what they use and do not make."""
    made = {target for target, _, _ in statements}
    used = sorted(set().union(*(names for _, _, names in statements)) - made)
    return [*(f"{name} = {home[name]}" for name in used), *(f"{target} = {text}" for target, text, _ in statements)]


def names(e: sp.Expr) -> set[str]:
    """Return the names an expression uses."""
    return {str(x) for x in e.free_symbols}


def inputs(field: Field) -> tuple[sp.Symbol, ...]:
    """Return parameters and rates, the columns of the parameter array."""
    return (*field.parameters, *field.rates)


def prepare(field: Field, layout: Layout, programs: Sequence[Program]) -> list[str]:
    """Return source that puts parameters and the constants made of them into lane ``w``."""
    lines = [f"{p} = par[i, {k}]" for k, p in enumerate(inputs(field))]
    lines += [f"{row} = {p}" for row, p in zip(layout.rows("P"), inputs(field), strict=True)]
    for prog in programs:
        lines += [f"{name} = {code(e)}" for name, e in prog.constants]
        lines += [f"s[{layout.base(f'C_{c}')} + w] = {c}" for c, _ in prog.constants if f"C_{c}" in layout.blocks]
    return lines


def tagged(prog: Program, tag: str) -> Program:
    """Return the program with its constants renamed, so that several can share one lane."""
    table = {c: sp.Symbol(f"{tag}_{c}", real=True) for c, _ in prog.constants}
    return Program(
        [(table[c], e.xreplace(table)) for c, e in prog.constants],
        [(s, e.xreplace(table)) for s, e in prog.body],
        [e.xreplace(table) for e in prog.outputs],
    )


def compile_program(
    field: Field, layout: Layout, lets: Sequence[Assignment], outs: Sequence[sp.Expr], tag: str
) -> Program:
    """Lower a program and give its constants rows of their own."""
    prog = tagged(program(lets, outs, inputs(field)), tag)
    used: set[sp.Symbol] = set().union(*(e.free_symbols for _, e in prog.body), *(e.free_symbols for e in prog.outputs))
    for c, _ in prog.constants:
        if c in used:
            layout.add(f"C_{c}", 1)
    return prog


def preamble() -> str:
    """Return the lane arithmetic and the options shared by all functions of a kernel."""
    text = Path(lane_math.__file__).read_text(encoding="utf-8")
    return (
        text
        + "\nENTRY = {'nogil': True, 'error_model': 'numpy', 'fastmath': {'contract'}}\n"
        + "LANE = {**ENTRY, 'no_cpython_wrapper': True, 'no_cfunc_wrapper': True}\n"
        + "PART = {**LANE, 'forceinline': True}\n"
        + HEADER
        + f"W = {LANES}\n"
    )


def observing(field: Field) -> str:
    """Return the module whose ``evaluate(y, par, out)`` gives the observables, then the drift."""
    field = field.renamed()
    lets, drift, observables = field.flow(field.observables)
    return evaluating(field, lets, [*observables, *drift])


def linearising(field: Field) -> str:
    """Return the module whose ``evaluate(y, par, out)`` gives the drift, then its Jacobian row by row."""
    field = field.renamed()
    lets, drift, _ = field.flow()
    more, slopes = tangents(lets, drift, field.states)
    return evaluating(field, [*lets, *more], [*drift, *(x for row in slopes for x in row)])


def evaluating(field: Field, lets: Sequence[Assignment], outputs: Sequence[sp.Expr]) -> str:
    """Return the module whose ``evaluate(y, par, out)`` evaluates expressions at many points."""
    layout = Layout(len(field.states))
    for name, count in (("Y", layout.n), ("P", len(inputs(field))), ("OUT", len(outputs))):
        layout.add(name, count)
    prog = compile_program(field, layout, lets, outputs, "c")
    text = preamble() + evaluation("lanes", field, layout, prog, "Y", layout.rows("OUT"))
    text += function("prepare", "s, w, par, i", [*prepare(field, layout, [prog]), "return"])
    lines = [
        f"s = zeros({layout.size * LANES})",
        "for first in range(0, len(y), W):",
        "    count = min(W, len(y) - first)",
        "    for w in range(count):",
        "        prepare(s, w, par, first + w)",
        *(f"        {row} = y[first + w, {i}]" for i, row in enumerate(layout.rows("Y"))),
        "    lanes(s)",
        "    for w in range(count):",
        *(f"        out[first + w, {i}] = {row}" for i, row in enumerate(layout.rows("OUT"))),
    ]
    return text + entry("evaluate", "y, par, out", "void(float64[:,::1], float64[:,::1], float64[:,::1])", lines)


def integrating(field: Field, method_name: str) -> str:
    """Return the module whose ``integrate`` runs many trajectories of the field by one method."""
    method: Method = METHODS[method_name]
    field = field.renamed()
    layout = Layout(len(field.states))
    n, n_events = layout.n, len(field.events)
    for name in ("Y", "YN", "YS", "KS", "KN", *(f"K{m}" for m in range(method.slopes))):
        layout.add(name)
    if method.implicit:
        for m in range(6):
            layout.add(f"U{m}")
        layout.add("J", n * n)
        layout.add("PIVOT")
    for name in ("G", "GN", "GS", "SLOPE", "SLOPE_N", "PENDING"):
        layout.add(name, n_events)
    for name in ("T", "H", "HS", "LAST", "OK", "ERR", "ERR_LOG", "HELD", "STEPS", "NEED", "SAVE"):
        layout.add(name, 1)
    layout.add("P", len(inputs(field)))
    events = [e for e, _ in field.events]
    lets, drift, rest = field.flow(events)
    more, slopes = tangents(lets, rest, field.states)
    kn = [sp.Symbol(f"kn{i}", real=True) for i in range(n)]
    rate_of_change = [sp.Add(*(g * k for g, k in zip(row, kn, strict=True))) for row in slopes]
    ahead = compile_program(
        field, layout, [*lets, *more, *zip(kn, drift, strict=True)], [*kn, *rest, *rate_of_change], "n"
    )
    programs = [ahead]
    text = preamble()
    after = [*layout.rows("KN"), *layout.rows("GN"), *layout.rows("SLOPE_N")]
    if len(ahead.body) > LARGE:
        # one program for all purposes: it compiles in half the time, and runs a fifth slower
        layout.add("SLOPE_S", n_events)
        made = [*layout.rows("KS"), *layout.rows("GS"), *layout.rows("SLOPE_S")]
        text += evaluation("drift", field, layout, ahead, "YS", made)
        before = [f"{ys} = {yn}" for ys, yn in zip(layout.rows("YS"), layout.rows("YN"), strict=True)]
        copies = [f"{new} = {stage}" for new, stage in zip(after, made, strict=True)]
        text += function("advance", "s", [*layout.loop(before), "drift(s)", *layout.loop(copies)])
        text += function("advance_lane", "s, w", [*before, "drift_lane(s, w)", *copies])
        text += function("levels_lane", "s, w", ["drift_lane(s, w)", "return"])
    else:
        programs.append(compile_program(field, layout, lets, drift, "d"))
        text += evaluation("drift", field, layout, programs[1], "YS", layout.rows("KS"))
        text += evaluation("advance", field, layout, ahead, "YN", after)
        if events:
            programs.append(compile_program(field, layout, lets, rest, "g"))
            text += evaluation("levels", field, layout, programs[2], "YS", layout.rows("GS"), block=False)
    if method.implicit:
        more, slopes = tangents(lets, drift, field.states)
        programs.append(compile_program(field, layout, [*lets, *more], [x for row in slopes for x in row], "j"))
        text += evaluation("jacobian", field, layout, programs[-1], "Y", layout.rows("J"))
        text += linear_algebra(layout)
    text += function("prepare", "s, w, par, i", [*prepare(field, layout, programs), "return"])
    text += function("interpolate", "s, w, x", [*dense(method, layout), "return"])
    directions = [direction for _, direction in field.events]
    return text + driver(layout, method, step(method, layout), error_terms(method, layout), directions)


def linear_algebra(layout: Layout) -> str:
    """Return LU factorisation with partial pivoting of g - J in one lane, and the solve."""
    n, j, pivot = layout.n, layout.base("J"), layout.base("PIVOT")
    factor = f"""
for i in range({n}):
    for k in range({n}):
        s[{j} + (i*{n} + k)*W + w] = (g if i == k else 0.0) - s[{j} + (i*{n} + k)*W + w]
for k in range({n}):
    best = k
    for i in range(k + 1, {n}):
        if abs(s[{j} + (i*{n} + k)*W + w]) > abs(s[{j} + (best*{n} + k)*W + w]):
            best = i
    s[{pivot} + k*W + w] = best
    if best != k:
        for m in range({n}):
            a = s[{j} + (k*{n} + m)*W + w]
            s[{j} + (k*{n} + m)*W + w] = s[{j} + (best*{n} + m)*W + w]
            s[{j} + (best*{n} + m)*W + w] = a
    for i in range(k + 1, {n}):
        a = s[{j} + (i*{n} + k)*W + w]/s[{j} + (k*{n} + k)*W + w]
        s[{j} + (i*{n} + k)*W + w] = a
        for m in range(k + 1, {n}):
            s[{j} + (i*{n} + m)*W + w] -= a*s[{j} + (k*{n} + m)*W + w]"""
    solve = f"""
for k in range({n}):
    best = int(s[{pivot} + k*W + w])
    a = s[base + best*W + w]
    s[base + best*W + w] = s[base + k*W + w]
    s[base + k*W + w] = a
for i in range({n}):
    for k in range(i):
        s[base + i*W + w] -= s[{j} + (i*{n} + k)*W + w]*s[base + k*W + w]
for i in range({n - 1}, -1, -1):
    for k in range(i + 1, {n}):
        s[base + i*W + w] -= s[{j} + (i*{n} + k)*W + w]*s[base + k*W + w]
    s[base + i*W + w] /= s[{j} + (i*{n} + i)*W + w]"""
    return function("factor", "s, w, g", factor.strip().splitlines()) + function(
        "solve", "s, w, base", solve.strip().splitlines()
    )
