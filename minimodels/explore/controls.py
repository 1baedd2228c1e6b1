"""The widgets of the page: a field and a slider for every number, and what chooses the run and the view."""

from collections.abc import Callable, Mapping
from typing import Any

from bokeh.models import (
    Button,
    Column,
    CustomJSTickFormatter,
    Div,
    MultiChoice,
    RadioButtonGroup,
    Row,
    Select,
    Slider,
    TextInput,
)  # fmt: skip

from minimodels.explore import looks
from minimodels.explore.ranges import STEPS, Range, around, factor, number
from minimodels.explore.state import ALWAYS, METHODS, SCALES, State, as_stated

Set = Callable[..., None]  # settings by name, None takes one back
MANY = 12  # states beyond which one is chosen at a time
SMALL = "label { font-size: 12px; margin-bottom: 1px } .bk-input { height: 28px; padding: 0 6px; font-size: 13px }"
LABEL = "label { width: 264px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; color: #444 }"


class Knob:
    """A number as a text field and a slider beside it; the field also takes what the slider does not reach."""

    def __init__(self, key: str, label: str, meaning: str, spread: Range, set_: Set) -> None:
        self.key, self.spread, self._set, self._quiet = key, spread, set_, False
        low, high = spread.ends
        shown = (
            "Number((10 ** tick).toPrecision(4)).toString()" if spread.log else "Number(tick.toPrecision(4)).toString()"
        )
        words = f"{label}, {meaning}" if meaning else label
        self.field = TextInput(title=words, width=84, margin=(2, 6, 2, 0),
                               stylesheets=[SMALL, LABEL], name=key)  # fmt: skip
        self.slider = Slider(
            start=low, end=high, value=low, step=(high - low) / STEPS, title=None, show_value=False,
            tooltips=False, sizing_mode="stretch_width", margin=(24, 8, 2, 8), name=f"{key} slider",
            tags=[words], format=CustomJSTickFormatter(code=f"return {shown}"), bar_color="#56B4E9",
        )  # fmt: skip
        self.field.on_change("value", self._typed)
        self.slider.on_change("value", self._slid)
        self.row = Row(self.field, self.slider, sizing_mode="stretch_width")

    def show(self, text: str, value: float) -> None:
        """Show a setting as it is written, and its value on the track."""
        self._quiet = True
        try:
            if self.field.value != text:
                self.field.value = text
            at = self.spread.position(value)
            if self.spread.value(self.slider.value) != self.spread.value(at):  # to the digits that it is read with
                self.slider.value = at
        finally:
            self._quiet = False

    def _typed(self, attr: str, old: str, new: str) -> None:
        if not self._quiet:
            self._set(**{self.key: new})

    def _slid(self, attr: str, old: float, new: float) -> None:
        if not self._quiet:
            self._set(**{self.key: number(self.spread.value(new))})

    def echo(self, text: str) -> None:
        """Write into the field what the slider asked for."""
        self._quiet = True
        self.field.value = text
        self._quiet = False


class Controls:
    """All widgets for one structure.

    ``roots`` has the widgets of every section of the page by name; `show` sets all to a state.
    """

    def __init__(self, state: State, set_: Set, restructure: Set) -> None:
        self._set, self._restructure = set_, restructure
        self.knobs: dict[str, Knob] = {}
        self._setters: list[Callable[[State], None]] = []
        self._quiet = False
        m = state.model
        parameters = [k for k, p in m.parameters.items() if p.low < p.high]
        self.roots: dict[str, list[Any]] = {
            "options": self._options(state),
            "parameters": [self._knob(k, looks.symbol(k), m.parameters[k].meaning, state.range(k)) for k in parameters],
            "initial": self._per_state(state, "init", lambda k: around(state.start[k], *_sides(state, k))),
            "rates": self._per_state(state, "rate", lambda k: factor(m.rate_values()[k])),
            "clamps": self._clamps(state),
            "run": self._run(state),
            "view": self._view(state),
        }

    def show(self, state: State) -> None:
        """Set every widget to a state, without asking for anything."""
        for key, knob in self.knobs.items():
            knob.show(written(state, key), value(state, key))
        self._quiet = True
        try:
            for setter in self._setters:
                setter(state)
        finally:
            self._quiet = False

    def echo(self, settings: Mapping[str, str | None]) -> None:
        """Write what was asked for into the fields beside the sliders."""
        for key, text in settings.items():
            if key in self.knobs and text is not None:
                self.knobs[key].echo(text)

    def _knob(self, key: str, label: str, meaning: str, spread: Range) -> Any:
        self.knobs[key] = Knob(key, label, meaning, spread, self._set)
        return self.knobs[key].row

    def _ask(self, **settings: str | None) -> None:
        if not self._quiet:
            self._set(**settings)

    def _select(
        self, key: str, label: str, options: Any, ask: Callable[[str], None], now: Callable[[State], str]
    ) -> Any:
        made = Select(title=label, options=list(options), sizing_mode="stretch_width", stylesheets=[SMALL], name=key)
        made.on_change("value", lambda attr, old, new: None if self._quiet else ask(new))
        self._setters.append(lambda state: made.update(value=now(state)))
        return made

    def _text(self, key: str, label: str, now: Callable[[State], str], ask: Callable[[str], None] | None = None) -> Any:
        made = TextInput(title=label, sizing_mode="stretch_width", stylesheets=[SMALL], name=key)
        told = ask or (lambda text: self._set(**{key: text}))
        made.on_change("value", lambda attr, old, new: None if self._quiet else told(new))
        self._setters.append(lambda state: made.update(value=now(state)))
        return made

    def _options(self, state: State) -> list[Any]:
        made = []
        for key, choice in state.subject.options.items():

            def ask(text: str, key: str = key) -> None:
                self._restructure(**{key: text})

            def now(state: State, key: str = key) -> str:
                return str(state.subject.chosen.get(key, ""))

            words = choice.words
            if str(state.subject.chosen.get(key)) in ("True", "False"):
                words = ("True", "False")
            if words is None or now(state) not in words:
                made.append(self._text(f"option {key}", looks.symbol(key), now, ask))
            else:
                made.append(self._select(f"option {key}", looks.symbol(key), words, ask, now))
        return made or [Div(text="This model has no structural options.")]

    def _per_state(self, state: State, kind: str, spread: Callable[[str], Range]) -> list[Any]:
        m = state.model

        def knob(name: str) -> Any:
            word = "rate" if kind == "rate" else "start"
            about = m.state_info[name].meaning
            return self._knob(f"{kind}.{name}", looks.symbol(name), f"{word}: {about}" if about else word, spread(name))

        if len(m.state) <= MANY:
            return [knob(name) for name in m.state]
        one = Column(knob(m.state[0]), sizing_mode="stretch_width")
        pick = Select(title=f"One of {len(m.state)} states", options=list(m.state), value=m.state[0],
                      sizing_mode="stretch_width", stylesheets=[SMALL], name=f"{kind} of")  # fmt: skip

        def chosen(attr: str, old: str, new: str) -> None:
            self.knobs.pop(f"{kind}.{old}", None)
            one.children = [knob(new)]
            self._set()

        pick.on_change("value", chosen)
        return [pick, one]

    def _clamps(self, state: State) -> list[Any]:
        rows = Column(Div(text="No state is held."), sizing_mode="stretch_width")
        shown: list[str] = []

        def held(name: str) -> Any:
            def part(label: str, k: int) -> Any:
                field = TextInput(
                    title=label, width=70, margin=(2, 4, 2, 0), stylesheets=[SMALL], name=f"clamp {name} {k}"
                )

                def typed(attr: str, old: str, new: str) -> None:
                    if not self._quiet:
                        texts = [f.value.strip() for f in fields]
                        self._set(**{f"clamp.{name}": ":".join([texts[0], texts[1] or "0", texts[2] or "inf"])})

                field.on_change("value", typed)
                return field

            def now(state: State) -> None:
                if name in state.clamp:
                    what, *when = state.clamp[name]
                    texts = [number(what) if isinstance(what, float) else what]
                    texts += ["", ""] if tuple(when) == ALWAYS else [number(t) for t in when]
                    for field, text in zip(fields, texts, strict=True):
                        field.value = text

            fields = [part(label, k) for k, label in enumerate((f"{looks.symbol(name)} at", "from", "until"))]
            setters[name] = now
            free = Button(label="×", width=30, height=28, margin=(20, 0, 2, 0), name=f"free {name}")
            free.on_click(lambda: self._set(**{f"clamp.{name}": None}))
            return Row(*fields, free, sizing_mode="stretch_width")

        setters: dict[str, Callable[[State], None]] = {}

        def sync(state: State) -> None:
            if shown != list(state.clamp):
                shown[:] = list(state.clamp)
                setters.clear()
                rows.children = [held(name) for name in shown] or [Div(text="No state is held.")]
            for setter in setters.values():
                setter(state)

        self._setters.append(sync)
        nothing = "choose a state"
        pick = Select(title="Hold", options=[nothing, *state.model.state], value=nothing, sizing_mode="stretch_width",
                      stylesheets=[SMALL], name="hold")  # fmt: skip

        def chosen(attr: str, old: str, new: str) -> None:
            if new != nothing:
                pick.value = nothing
                self._set(**{f"clamp.{new}": number(self.start.get(new, 0.0))})

        pick.on_change("value", chosen)
        self._setters.append(lambda state: setattr(self, "start", state.start))
        return [rows, pick]

    def _run(self, state: State) -> list[Any]:
        made = [self._knob("end", "end", "steps" if state.discrete else "end of the run", factor(state.end))]
        if state.method != "map":
            made.append(
                self._select(
                    "method", "method", METHODS, lambda v: self._restructure(method=v, end=None), lambda s: s.method
                )
            )
        if state.method == "descent":
            made.append(self._knob("lr", "lr", "learning rate", factor(state.lr)))
        if not state.discrete:
            made.append(self._text("rtol", "relative tolerance", lambda s: number(s.rtol)))
            made.append(self._text("atol", "absolute tolerance", lambda s: number(s.atol)))
        return made

    def _view(self, state: State) -> list[Any]:
        made: list[Any] = []
        for key, label in (("time", "time"), ("values", "values")):

            def ask(attr: str, old: int, new: int, key: str = key) -> None:
                if not self._quiet:
                    self._restructure(**{key: SCALES[new]})

            group = RadioButtonGroup(labels=[f"{label} {s}" for s in SCALES], sizing_mode="stretch_width", name=key,
                                     active=SCALES.index(getattr(state, key)))  # fmt: skip
            group.on_change("active", ask)
            made.append(group)
        observed = [k for k in state.model.observables if k != "loss"]
        if observed:
            show = MultiChoice(title="observables", options=observed, value=[k for k in state.show if k != "loss"],
                               sizing_mode="stretch_width", name="show")  # fmt: skip
            show.on_change(
                "value", lambda attr, old, new: None if self._quiet else self._restructure(show=",".join(new))
            )
            made.append(show)
        if state.diagram is not None:
            made += [self._axis(state, k) for k in (0, 1)]
            made.append(
                self._select("target", "map: result", state.targets, lambda v: self._ask(target=v), lambda s: s.target)
            )
        if state.slice is not None:
            both = [self._side(state, k) for k in (0, 1)]
            made.append(Row(*both, sizing_mode="stretch_width"))
            self._setters.append(lambda s: setattr(self, "plane", s.slice))
            if len(state.model.state) > 2:
                places = ["start", "end", *state.model.events]
                made.append(
                    self._select("at", "flow: others held at the", places, lambda v: self._ask(at=v), lambda s: s.at)
                )
        return made

    def _axis(self, state: State, k: int) -> Any:
        key, label = (("x", "map: across"), ("y", "map: up"))[k]

        def now(state: State) -> tuple[str, str]:
            assert state.diagram is not None
            return state.diagram[k][0], state.diagram[k][1].text()

        def chosen(name: str) -> None:
            self._restructure(**{key: name})

        def typed(text: str) -> None:
            self._restructure(**{key: f"{pick.value}={text}"})

        pick = self._select(key, label, state.axes, chosen, lambda state: now(state)[0])
        text = self._text(f"{key} range", "range", lambda state: now(state)[1], typed)
        return Row(pick, text, sizing_mode="stretch_width")

    def _side(self, state: State, k: int) -> Any:
        def chosen(name: str) -> None:
            self._restructure(slice=self._plane(k, name))

        def now(state: State) -> str:
            return state.slice[k] if state.slice else ""

        return self._select(f"slice {k}", ("flow: across", "flow: up")[k], state.model.state, chosen, now)

    plane: tuple[str, str] = ("", "")
    start: Mapping[str, float]

    def _plane(self, k: int, name: str) -> str:
        pair = list(self.plane)
        if name == pair[1 - k]:  # the two change places
            pair[1 - k] = pair[k]
        pair[k] = name
        return ",".join(pair)


def _sides(state: State, name: str) -> tuple[float, float]:
    """Return the bounds of a state, as the domain of its initial value."""
    from minimodels.bounds import limits

    low, high = limits(state.model)
    i = state.model.state.index(name)
    return float(low[i]), float(high[i])


def written(state: State, key: str) -> str:
    """Return how the setting of a knob is written: a number, or the expression that it follows."""
    kind, dot, name = key.partition(".")
    if dot and kind == "rate":
        return str(state.model.rates[name])
    if not dot and key in state.model.parameters and key not in state.model.given:
        return as_stated(state.model, key)
    return number(value(state, key))


def value(state: State, key: str) -> float:
    """Return the number that a setting stands for."""
    kind, dot, name = key.partition(".")
    if dot:
        return state.start[name] if kind == "init" else state.model.rate_values()[name]
    return {"end": state.end, "lr": state.lr}[key] if key in ("end", "lr") else state.model.values[key]
