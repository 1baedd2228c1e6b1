"""The figures of the page: made once for a structure, then only their data change."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.core.properties import Any as Any_
from bokeh.core.properties import String
from bokeh.events import Tap
from bokeh.model import DataModel
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    CustomJS,
    Div,
    HoverTool,
    HSpan,
    LabelSet,
    LinearColorMapper,
    LogColorMapper,
    Range1d,
    VSpan,
)  # fmt: skip
from bokeh.palettes import Viridis256
from bokeh.plotting import figure

from minimodels.explore import looks
from minimodels.explore.curves import Curves, time_label
from minimodels.explore.flow import Field
from minimodels.explore.map import REASONS, Diagram, described
from minimodels.explore.state import State
from minimodels.fixed_points import FixedPoint

HEIGHTS = {"loss": 170, "states": 190, "observables": 190}
MARGIN = 0.03  # of an axis, beyond its values
LABELS = 40  # pixels of the axis of time, below the last
SHAPE = (320, 290)  # of the frame of the flow, about
UNPACK = """
    const {flat, events, ends} = cb_obj.run
    const count = flat.length / order.length, quiet = {sync: false}
    const data = {}
    order.forEach((name, k) => { data[name] = flat.slice(k * count, (k + 1) * count) })
    spans.forEach((span, k) => {
      const [start, end] = ends[k]
      if (span.start !== start || span.end !== end) span.setv({start, end}, quiet)
    })
    marks.setv({data: {x: events}}, quiet)
    source.setv({data}, quiet)
"""  # in the browser, and nothing of it is sent back
AXIS = {
    "axis_label_text_font_style": "normal",
    "axis_label_text_font_size": "12px",
    "major_label_text_font_size": "11px",
    "axis_line_color": "#888888",
    "major_tick_line_color": "#888888",
    "minor_tick_line_color": None,
}


def new_figure(height: int, about: str, **options: Any) -> Any:
    """Return an empty figure in the page's style."""
    made = figure(
        height=height, sizing_mode="stretch_width", toolbar_location=None, tools="", min_border_left=58,
        min_border_right=12, outline_line_color=None, name=f"{about} figure", **options,
    )  # fmt: skip
    for axis in made.axis:
        axis.update(**AXIS)
    made.grid.grid_line_color = "#eeeeee"
    return made


def heading(text: str) -> Div:
    """Return the title of a panel."""
    shown = f"<h3 style='margin:6px 0 0;font:600 14px system-ui'>{text}</h3>"
    return Div(text=shown, sizing_mode="stretch_width", margin=(0, 5))


class Wire(DataModel):
    """What the server tells in one message, without a view: of a run its numbers, the times of events, the ends of all
    axes and how many events it answers; and the link to the state.
    """

    run = Any_()
    link = String("")


def beside(times: Sequence[tuple[float, str]], near: Callable[[float, float], bool]) -> tuple[list[float], list[str]]:
    """Return times in their order, with the numbers of those that are near each other all at the first of them."""
    x: list[float] = []
    text: list[str] = []
    at = 0
    for k, (time, word) in enumerate(sorted(times)):
        together = k > 0 and near(x[-1], time)
        x.append(time)
        text.append("" if together else word)
        if not together:
            at = k
        elif word not in text[at].split(", "):
            text[at] += f", {word}"
    return x, text


class CurvePanel:
    """Loss, states and observables over time, with the events of the run and what is predicted of them."""

    def __init__(self, state: State) -> None:
        m, observed = state.model, state.problem.observables
        self.groups: dict[str, list[str]] = {
            "loss": [k for k in observed if k == "loss"],
            "states": list(m.state),
            "observables": [k for k in state.show if k != "loss"],
        }
        self.groups = {what: names for what, names in self.groups.items() if names}
        names = [name for group in self.groups.values() for name in group]
        self.source = ColumnDataSource({"time": [], **{name: [] for name in names}})
        self.events = ColumnDataSource({"x": []})
        self.wire = Wire(name="wire", run={"asked": 0})
        self.order = ["time", *names]
        self.times = ColumnDataSource({"x": [], "text": []})
        self.levels = {what: ColumnDataSource({"y": [], "colour": []}) for what in self.groups}
        self.courses = {what: ColumnDataSource({"xs": [], "ys": [], "colour": []}) for what in self.groups}
        self.colours: dict[str, str] = {}
        self.spans = [Range1d(1, 2) for _ in range(1 + len(self.groups))]  # of time, then of every figure
        parts = {"source": self.source, "marks": self.events, "spans": self.spans, "order": self.order}
        self.wire.js_on_change("run", CustomJS(args=parts, code=UNPACK))
        self.near = (lambda a, b: b < 1.5 * a) if state.time == "log" else (lambda a, b: b < a + 0.04 * state.end)
        self.figures: list[Any] = []
        self.children: list[Any] = []
        meanings = {k: s.meaning for k, s in m.state_info.items()}
        for span, (what, group) in zip(self.spans[1:], self.groups.items(), strict=True):
            last = what == list(self.groups)[-1]
            made = new_figure(
                HEIGHTS[what] + (LABELS if last else 0), what, x_axis_type=state.time, y_axis_type=state.values,
                x_axis_label=time_label(state) if last else None, x_range=self.spans[0], y_range=span,
            )  # fmt: skip
            made.xaxis.visible = last  # painting labels is much of the time of a frame
            made.xgrid.visible = False
            made.yaxis.ticker.update(desired_num_ticks=4, num_minor_ticks=0)
            shades = looks.palette(len(group))
            self.colours |= dict(zip(group, shades, strict=True))
            lines = [
                made.line("time", name, source=self.source, line_color=shade, line_width=2)
                for name, shade in zip(group, shades, strict=True)
            ]
            made.add_glyph(self.levels[what], HSpan(y="y", line_color="colour", line_dash="dotted", line_width=1.5))
            made.multi_line(
                "xs", "ys", source=self.courses[what], line_color="colour", line_dash="dashed", line_width=1.5
            )
            made.add_glyph(self.events, VSpan(x="x", line_color="#333333", line_width=1))
            made.add_glyph(self.times, VSpan(x="x", line_color="#777777", line_dash="dashed", line_width=1))
            made.add_tools(
                HoverTool(renderers=lines[:1], tooltips=[("at", "$x{0.00 a}"), (what, "$y{0.000 a}")], mode="vline")
            )
            if not self.figures:
                made.add_layout(
                    LabelSet(
                        x="x", y=4, y_units="screen", x_offset=3, text="text", source=self.times,
                        text_font_size="11px", text_color="#555555",
                    )
                )  # fmt: skip
            self.figures.append(made)
            made.tags = [self.wire]
            known = looks.legend(group, shades, meanings) if what != "loss" else ""
            self.children += [heading(what.capitalize()), *([self._legend(known)] if known else []), made]

    @staticmethod
    def _legend(text: str) -> Div:
        return Div(text=text, sizing_mode="stretch_width", stylesheets=[looks.LEGEND], margin=(0, 5))

    def _told(self, curves: Curves, state: State) -> tuple[Any, list[float], list[tuple[float, float]]]:
        """Return the time and all values (rows, T), times of events, and the ends of all axes."""
        rows = np.stack([curves.time, *(curves.values[k] for k in self.order[1:])])
        if state.values == "log":  # what has no place on the axis is left out
            rows[1:][~(rows[1:] > 0)] = np.nan
        first = float(curves.time[curves.time > 0][0])
        ends = [(first, 1.15 * state.end) if state.time == "log" else (0.0, 1.02 * state.end)]
        ends += [
            spanned(rows[[self.order.index(name) for name in group]], state.values == "log")
            for group in self.groups.values()
        ]
        return rows, [t for t in curves.events.values() if np.isfinite(t)], ends

    def begin(self, curves: Curves, state: State) -> None:
        """Show the first run, before there is a browser."""
        rows, happened, ends = self._told(curves, state)
        self.source.data = dict(zip(self.order, rows, strict=True))
        self.events.data = {"x": happened}
        for span, (start, end) in zip(self.spans, ends, strict=True):
            span.update(start=start, end=end)

    def show(self, curves: Curves, state: State, asked: int) -> None:
        """Show a run: all its numbers in one array, which the browser takes apart, as the answer to so many events."""
        rows, happened, ends = self._told(curves, state)
        self.wire.run = {"flat": rows.ravel(), "events": happened, "ends": ends, "asked": asked}

    def predict(
        self,
        times: Sequence[tuple[float, str]],
        levels: Sequence[tuple[str, float]],
        courses: Mapping[str, tuple[Any, Any]],
    ) -> None:
        """Draw what is predicted: times with their number, levels and courses of what is drawn."""
        x, text = beside(times, self.near)
        self.times.data = {"x": x, "text": text}
        for what, group in self.groups.items():
            mine = [(value, self.colours[name]) for name, value in levels if name in group]
            self.levels[what].data = {"y": [v for v, _ in mine], "colour": [c for _, c in mine]}
            drawn = [(*courses[name], self.colours[name]) for name in group if name in courses]
            self.courses[what].data = {
                "xs": [x for x, _, _ in drawn], "ys": [y for _, y, _ in drawn], "colour": [c for *_, c in drawn],
            }  # fmt: skip


class MapPanel:
    """The phase diagram: an image, the point that the sliders stand at, and a click that moves it."""

    def __init__(self, state: State, moved: Callable[[float, float], None]) -> None:
        assert state.diagram is not None
        (first, across), (second, up) = state.diagram
        self.axes, self.spread = (first, second), (across, up)
        self.picture = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        self.blanks = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        self.point = ColumnDataSource({"x": [], "y": []})
        self.mapper: Any = LinearColorMapper(Viridis256, low=0, high=1, nan_color="rgba(0,0,0,0)")
        self.figure = new_figure(
            360, "phase diagram", x_axis_type="log" if across.log else "linear",
            y_axis_type="log" if up.log else "linear", x_axis_label=axis_label(state, first),
            y_axis_label=axis_label(state, second), x_range=Range1d(*_edge(across)), y_range=Range1d(*_edge(up)),
        )  # fmt: skip
        self.figure.grid.visible = False
        self.figure.background_fill_color = "#f5f5f5"
        where = {"image": "image", "x": "x", "y": "y", "dw": "dw", "dh": "dh"}
        blank = LinearColorMapper(list(looks.MISSING.values()), low=-0.5, high=3.5, low_color="rgba(0,0,0,0)")
        self.figure.image(**where, source=self.blanks, color_mapper=blank)
        self.image = self.figure.image(**where, source=self.picture, color_mapper=self.mapper)
        self.bar = ColorBar(color_mapper=self.mapper, width=12, padding=4, major_label_text_font_size="11px")
        self.figure.add_layout(self.bar, "right")
        self.figure.scatter("x", "y", source=self.point, marker="circle_cross", size=17, line_color="#000000",
                            line_width=2, fill_color="white", fill_alpha=0.75)  # fmt: skip
        self.figure.on_event(Tap, lambda event: moved(event.x, event.y))
        self.title = heading("")
        self.legend = Div(text="", sizing_mode="stretch_width", stylesheets=[looks.LEGEND])
        self.children = [self.title, self.figure, self.legend]
        self.place(state)

    def place(self, state: State) -> None:
        """Mark the point of a state."""
        self.point.data = {"x": [state.number(self.axes[0])], "y": [state.number(self.axes[1])]}

    def wait(self) -> None:
        """Dim what belongs to settings that have changed."""
        self.image.glyph.global_alpha = 0.3

    def show(self, found: Diagram, state: State) -> None:
        """Show a diagram, as far as it is computed."""
        box: dict[str, list[float]] = {}
        for name, side, values, spread in zip("xy", ("dw", "dh"), (found.x, found.y), self.spread, strict=True):
            half = (values[1] / values[0]) ** 0.5 if spread.log else (values[1] - values[0]) / 2
            low, high = (values[0] / half, values[-1] * half) if spread.log else (values[0] - half, values[-1] + half)
            box |= {name: [low], side: [high - low]}
        good = found.values[np.isfinite(found.values)]
        low, high = (float(good.min()), float(good.max())) if len(good) else (0.0, 1.0)
        spread_out = low > 0 and high > 20 * low
        kind = LogColorMapper if spread_out else LinearColorMapper
        if not isinstance(self.mapper, kind):
            self.mapper = kind(Viridis256, low=low, high=high, nan_color="rgba(0,0,0,0)")
            self.image.glyph.color_mapper = self.bar.color_mapper = self.mapper
        self.mapper.update(low=low, high=high if high > low else low + (abs(low) or 1.0) * 1e-6)
        self.picture.data = {"image": [found.values], **box}
        self.blanks.data = {"image": [found.reason.astype(float)], **box}
        self.image.glyph.global_alpha = 1.0
        size = f"{len(found.x)} × {len(found.y)}"
        self.title.text = heading(f"Phase diagram: {described(state)}").text
        seen = [(why, (found.reason == k).any()) for k, why in enumerate(REASONS)]
        entries = [("box", looks.MISSING[why], why) for why, there in seen if there]
        more = "" if found.final else ", refining"
        note = f"<p style='margin:2px 0;color:#666'>{size} points{more}. A click moves the sliders there.</p>"
        self.legend.text = looks.marks(entries) + note


class FlowPanel:
    """The plane of two states: field, nullclines, the run, and fixed points by kind."""

    def __init__(self, state: State) -> None:
        assert state.slice is not None
        first, second = state.slice
        self.slice = state.slice
        self.arrows = ColumnDataSource({"x0": [], "y0": [], "x1": [], "y1": [], "angle": [], "colour": []})
        self.lines = {k: ColumnDataSource({"xs": [], "ys": []}) for k in state.slice}
        self.run = ColumnDataSource({first: [], second: []})
        self.rests = ColumnDataSource({"x": [], "y": [], "colour": [], "fill": []})
        self.figure = new_figure(
            340, "flow", x_axis_label=looks.symbol(first), y_axis_label=looks.symbol(second),
            x_range=Range1d(0, 1), y_range=Range1d(0, 1),
        )  # fmt: skip
        self.figure.segment("x0", "y0", "x1", "y1", source=self.arrows, line_color="colour", line_width=1)
        self.figure.scatter("x1", "y1", source=self.arrows, size=5, marker="triangle", angle="angle", color="colour")
        for name, colour in zip(state.slice, ("#56B4E9", "#E69F00"), strict=True):
            self.figure.multi_line("xs", "ys", source=self.lines[name], line_color=colour, line_width=2)
        self.figure.line(first, second, source=self.run, line_color="#000000", line_width=2)
        self.figure.scatter("x", "y", source=self.rests, size=11, line_color="colour", fill_color="fill", line_width=2)
        self._entries: list[tuple[str, str, str]] = []
        self._note, self._open = "", False
        self.title = heading("Flow")
        self.legend = Div(text="", sizing_mode="stretch_width", stylesheets=[looks.LEGEND])
        self.children = [self.title, self.figure, self.legend]

    def follow(self, curves: Curves) -> None:
        """Show the run in the plane."""
        self.run.data = {k: curves.values[k] for k in self.slice}

    def show(self, found: Field, state: State) -> None:
        """Show the field around a run."""
        from bokeh.palettes import Greys256

        x0, x1, y0, y1 = found.box
        self.figure.x_range.update(start=x0, end=x1)
        self.figure.y_range.update(start=y0, end=y1)
        shades = [Greys256[int(190 - 110 * s)] for s in found.speed]
        a, b, c, d = found.arrows.T if len(found.arrows) else np.empty((4, 0))
        angle = np.arctan2((d - b) / (y1 - y0) * SHAPE[1], (c - a) / (x1 - x0) * SHAPE[0]) - np.pi / 2
        self.arrows.data = {"x0": a, "y0": b, "x1": c, "y1": d, "angle": angle, "colour": shades}
        for name, lines in found.nullclines.items():
            self.lines[name].data = {"xs": [x for x, _ in lines], "ys": [y for _, y in lines]}
        held = looks.numbers(dict(list(found.held.items())[:6]), 3)
        more = f" and {len(found.held) - 6} more" if len(found.held) > 6 else ""
        where = f"; the others held at the {state.at.replace('_', ' ')}: {held}{more}" if found.held else ""
        names = [looks.symbol(k) for k in self.slice]
        self.title.text = heading(f"Flow of {names[0]} and {names[1]}").text
        entries = [("", "#000000", "the run")]
        entries += [
            ("", colour, f"{name} does not move") for name, colour in zip(names, ("#56B4E9", "#E69F00"), strict=True)
        ]
        self._entries = entries
        self._note = f"<p style='margin:2px 0;color:#666'>Arrows from slow (light) to fast (dark){where}.</p>"
        self._explain([])

    def _explain(self, kinds: Sequence[str]) -> None:
        dots = [("dot", looks.KINDS[kind], kind) for kind in kinds]
        open_ones = (
            "<p style='margin:2px 0;color:#666'>Open circles lie outside of this slice.</p>" if self._open else ""
        )
        self.legend.text = looks.marks([*self._entries, *dots]) + self._note + open_ones

    def rest(self, points: Sequence[FixedPoint], held: Mapping[str, float]) -> None:
        """Mark the fixed points: filled where they lie in the slice, open where they are only seen along it."""
        first, second = self.slice
        inside = [all(abs(p.state[k] - v) <= 1e-3 * (1 + abs(v)) for k, v in held.items()) for p in points]
        colours = [looks.KINDS[p.kind] for p in points]
        self._open = not all(inside)
        self._explain(list(dict.fromkeys(p.kind for p in points)))
        self.rests.data = {
            "x": [p.state[first] for p in points],
            "y": [p.state[second] for p in points],
            "colour": colours,
            "fill": [c if there else "#ffffff" for c, there in zip(colours, inside, strict=True)],
        }


def spanned(values: Any, log: bool) -> tuple[float, float]:
    """Return the ends of an axis that holds values, those that are finite, with a margin."""
    good = values[np.isfinite(values)]
    good = np.log10(good) if log else good
    low, high = (good.min(), good.max()) if len(good) else (0.0, 1.0)
    margin = MARGIN * (high - low)
    if high - low <= 1e-12 * max(abs(low), abs(high)):  # a constant: a decade or its own size on either side
        margin = 1.0 if log else abs(low) or 1.0
    ends = float(low - margin), float(high + margin)
    return (10 ** ends[0], 10 ** ends[1]) if log else ends


def axis_label(state: State, axis: str) -> str:
    """Return the words of an axis of the phase diagram."""
    m = state.model
    if axis in m.parameters:
        meaning = m.parameters[axis].meaning
        return f"{looks.symbol(axis)}, {meaning}" if 0 < len(meaning) < 45 else looks.symbol(axis)
    if axis == "lr":
        return "learning rate"
    key = state.key(axis)
    return f"{'rate of' if key.startswith('rate.') else 'initial'} {looks.symbol(key.partition('.')[2])}"


def _edge(spread: Any) -> tuple[float, float]:
    return spread.low, spread.high
