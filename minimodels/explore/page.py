"""The page: settings go in, the curve comes out at once, and everything else from behind."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic
from typing import Any

from bokeh.document import Document, without_document_lock
from bokeh.models import Column, CustomJS, Div

from minimodels.errors import InputError
from minimodels.explore import looks, tables
from minimodels.explore.background import Background
from minimodels.explore.controls import Controls
from minimodels.explore.curves import Curves, event_text, trace
from minimodels.explore.flow import Field, field, place, rests
from minimodels.explore.map import Diagram, diagrams, key
from minimodels.explore.panels import CurvePanel, FlowPanel, MapPanel
from minimodels.explore.state import State, from_link
from minimodels.explore.subject import Subject
from minimodels.models import models

SECTIONS = ("options", "parameters", "initial", "rates", "clamps", "run", "view")
PANELS = ("said", "events", "curves", "map", "flow", "predictions", "rests")
SETTLED = 0.25  # seconds without a change before what takes long is begun
FOLLOW = 70  # milliseconds without a change before the other panels follow the curve,
PATIENCE = 0.3  # or seconds since they did
WORK = ("flow", "map", "rests", "predictions")
SETTLED_JS = """
    if (wire.link) history.replaceState(null, '', '?' + wire.link)
    for (const view of Bokeh.index.all_views())
      if (view.model.type === "Slider")
        view.el.shadowRoot.querySelector(".noUi-handle")?.setAttribute("aria-label", view.model.tags[0])
"""  # in the browser: the address, and names of the sliders for those who do not see them
WAITING = "<p>Being computed …</p>"


class Page:
    """One session: the state that is shown, the panels, and the work behind them.

    Parameters
    ----------
    document : bokeh Document
    subject : Subject
    query : str
        Of the link that was opened.
    predict : callable or None
        ``theory.predict``.
    """

    def __init__(self, document: Document, subject: Subject, query: str, predict: tables.Predict | None) -> None:
        self.document, self.predict = document, predict
        said = ""
        try:
            state = from_link(subject, query)
        except InputError as error:
            state, said = from_link(subject, ""), f"{error} The model is shown as it was given."
        self.state: State
        self.wanted: dict[str, str | None] = {}
        self.asked = self.answered = self.drained = 0
        self.curves: Curves
        self.diagram_key: Any = None
        self.following: Any = None
        self.followed = 0.0
        self.roots = {name: Column(name=name, sizing_mode="stretch_width") for name in (*SECTIONS, *PANELS)}
        self.said = Div(text="", visible=False, margin=0, sizing_mode="stretch_width", stylesheets=[looks.SAID])
        self.roots["said"].children = [self.said]
        self.behind = Background(WORK, self._failed)
        self.build(state)
        self.say(said)
        for root in self.roots.values():
            document.add_root(root)
        document.on_session_destroyed(lambda context: self.behind.close())

    def build(self, state: State) -> None:
        """Make all panels and widgets anew, for a model of another structure or another view."""
        self.state, self.curves = state, trace(state)
        self.wanted = {}
        self.controls = Controls(state, self.set, self.restructure)
        self.controls.show(state)
        self.panel = CurvePanel(state)
        told = CustomJS(args={"wire": self.panel.wire}, code=SETTLED_JS)
        self.panel.wire.js_on_change("link", told)
        self.document.js_on_event("document_ready", told)  # what settled before the browser listened
        self.map = MapPanel(state, self.move) if state.diagram is not None else None
        self.flow = FlowPanel(state) if state.slice is not None else None
        self.events = Div(text="", margin=(4, 5, 0, 5), sizing_mode="stretch_width", stylesheets=[looks.LEGEND])
        self.predictions = Div(text=WAITING, sizing_mode="stretch_width", stylesheets=[looks.TABLE])
        self.rests = Div(text=WAITING, sizing_mode="stretch_width", stylesheets=[looks.TABLE, looks.LEGEND])
        for name, children in self.controls.roots.items():
            self.roots[name].children = children
        self.roots["events"].children = [self.events]
        self.roots["curves"].children = self.panel.children
        self.roots["map"].children = self.map.children if self.map else [Div(visible=False)]
        self.roots["flow"].children = self.flow.children if self.flow else [Div(visible=False)]
        self.roots["predictions"].children = [self.predictions]
        self.roots["rests"].children = [self.rests]
        self.diagram_key = None
        self.panel.begin(self.curves, state)
        self._shown()
        self._follow()
        self._behind(after=0.0)

    def say(self, sentence: str) -> None:
        """Show a sentence above everything, or take it away."""
        text = looks.said(sentence)
        if self.said.text != text:
            self.said.update(text=text, visible=bool(text))

    def set(self, **settings: str | None) -> None:
        """Ask for some settings; the newest of each counts, and one answer serves all that have come in."""
        self.wanted |= settings
        self.asked += 1
        if self.asked == self.drained + 1:
            self.document.add_next_tick_callback(self._drain)

    @without_document_lock
    async def _drain(self) -> None:
        """Wait until all messages that have arrived are read: what they supersede is never computed."""
        seen = -1
        while seen != self.asked:
            seen = self.asked
            for _ in range(6):
                await asyncio.sleep(0)
        self.document.add_next_tick_callback(self._answer)

    def _answer(self) -> None:
        wanted, self.wanted, self.drained = self.wanted, {}, self.asked
        try:
            state = self.state.changed(**wanted)
            curves = trace(state)
        except InputError as error:  # the fields keep what was asked for, the picture what it showed
            self.wanted = wanted | self.wanted
            self.say(str(error))
            self.controls.echo(wanted)
            return
        self.state, self.curves = state, curves
        self.answered += 1
        self.panel.show(curves, state, self.drained)  # first: the curve is what one waits for
        self.controls.echo(wanted)
        self._shown()
        if self.following is None or monotonic() - self.followed < PATIENCE:
            if self.following is not None:
                self.document.remove_timeout_callback(self.following)
            self.following = self.document.add_timeout_callback(self._follow, FOLLOW)
        self._behind(after=SETTLED)

    def _follow(self) -> None:
        """Move the run and the point in the other panels: they are painted when the curve is there."""
        self.following, self.followed = None, monotonic()
        if self.flow:
            self.flow.follow(self.curves)
        if self.map:
            self.map.place(self.state)
            if self.diagram_key is not None and key(self.state) != self.diagram_key:
                self.map.wait()

    def restructure(self, **settings: str | None) -> None:
        """Change the structure or the view, and make the panels anew."""
        try:
            self.build(self.state.restructured(**settings))
        except InputError as error:
            self.say(str(error))

    def move(self, x: float, y: float) -> None:
        """Move to a point of the phase diagram."""
        if self.state.diagram is not None and x is not None and y is not None:
            places = zip(self.state.diagram, (x, y), strict=True)
            self.set(**{self.state.key(name): f"{value:.4g}" for (name, _), value in places})

    def _shown(self) -> None:
        """Say what there is to say of the run, and that what follows from it is of another."""
        self.say(self.curves.said)
        if "stale" not in self.predictions.css_classes:
            self.predictions.css_classes = self.rests.css_classes = ["stale"]
            self.panel.predict([], [], {})

    def _behind(self, after: float) -> None:
        """Ask for everything that follows from the state and takes longer."""
        state, curves, ask = self.state, self.curves, self.behind.ask
        ask("flow", lambda flag: self._settled(state, curves), self._deliver(self._show_flow), after=after)
        if self.map and key(state) != self.diagram_key:
            ask("map", lambda flag: diagrams(state, flag), self._deliver(partial(self._show_map, state)), after=after)
        elif self.map:
            self.behind.drop("map")
        if self.predict is not None:
            predict = self.predict
            ask("predictions", lambda flag: iter([tables.rows(state, curves, predict)]),
                self._deliver(self._show_predictions), after=after)  # fmt: skip
        ask("rests", lambda flag: iter([rests(state)]), self._deliver(self._show_rests), after=after)

    @staticmethod
    def _settled(state: State, curves: Curves) -> Iterator[Field | str]:
        yield "settled"
        if state.slice is not None:
            yield field(state, curves)

    def _deliver(self, show: Callable[[Any], None]) -> Callable[[Any], None]:
        state = self.state

        def deliver(result: Any) -> None:
            def now() -> None:
                if self.state is state:  # else it is of settings that are no more
                    show(result)

            self.document.add_next_tick_callback(now)

        return deliver

    def _show_flow(self, found: Field | str) -> None:
        if isinstance(found, Field):
            if self.flow:
                self.flow.show(found, self.state)
            return
        self.controls.show(self.state)
        self.panel.wire.link = self.state.link()
        times = [("", "#333333", event_text(k, t, self.state)) for k, t in self.curves.events.items()]
        self.events.text = looks.marks(times)

    def _show_map(self, state: State, found: Diagram) -> None:
        if self.map:
            self.map.show(found, state)
            self.diagram_key = key(state) if found.final else self.diagram_key

    def _show_predictions(self, found: list[tables.Row]) -> None:
        self.predictions.text = tables.predictions(found, self.state)
        self.predictions.css_classes = []
        numbered = list(enumerate(found, 1))
        self.panel.predict(
            [(t, str(k)) for k, row in numbered for t in row.times.values() if t <= self.state.end],
            [(name, v) for _, row in numbered for name, v in row.levels.items()],
            {name: course for _, row in numbered for name, course in row.courses.items()},
        )

    def _show_rests(self, found: Any) -> None:
        self.rests.text = tables.fixed_points(found, self.state)
        self.rests.css_classes = []
        if self.flow:
            at = place(self.state, self.curves)
            self.flow.rest(found, {k: v for k, v in at.items() if k not in self.flow.slice})

    def _failed(self, what: str, error: Exception) -> None:
        names = {"map": "phase diagram", "rests": "fixed points"}
        sentence = str(error) if isinstance(error, InputError) else f"an error ended it: {error!r}"
        self.document.add_next_tick_callback(partial(self._say_failed, what, names.get(what, what), sentence))

    def _say_failed(self, what: str, name: str, sentence: str) -> None:
        place = {"predictions": self.predictions, "rests": self.rests}.get(what)
        if place is not None:
            place.update(text=f"<p>No {name}: {sentence}</p>", css_classes=[])
        else:
            self.say(f"No {name}: {sentence}")


def variables(subject: Subject) -> dict[str, Any]:
    """Return what the page's template needs."""
    words = ("Structure", "Parameters", "Initial values", "Rates", "Clamps", "Run", "View")
    shown = [
        (key, word, key in ("parameters", "view"), key != "options" or bool(subject.options))
        for key, word in zip(SECTIONS, words, strict=True)
    ]
    about = models().get(subject.model.name, "") if subject.build is not None else ""
    return {"name": subject.model.name, "about": about, "source": subject.model.source, "sections": shown}
