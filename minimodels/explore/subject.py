"""The model that is explored: where it comes from, and the choices that make another kernel of it."""

import copy
import inspect
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from minimodels.engine.stepper.status import Status
from minimodels.errors import InputError
from minimodels.explore.ranges import number
from minimodels.model import NONE, Model, check_model
from minimodels.models import builder, meanings
from minimodels.own import is_own

LONGEST = 1e6  # time that is looked at for the end of a run
PATIENCE = 20_000  # steps that this may take


@dataclass(frozen=True)
class Choice:
    """A structural option: the words it may be, or None for a number or a text."""

    words: tuple[str, ...] | None
    whole: bool


@dataclass(frozen=True)
class Subject:
    """A model without values: its structural options, and how it is made with others.

    ``build`` is None for a statement that stands as it is; ``name`` is what `minimodels.model` finds it by, empty where
    it cannot; ``given`` are the settings it is opened with.
    """

    model: Model
    name: str = ""
    build: Any = field(default=None, compare=False)
    chosen: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, model: Model, *, name: str | None = None, choices: Mapping[str, Any] = NONE) -> "Subject":
        """Return the subject of a model, opened with its parameters and rates as they are.

        Parameters
        ----------
        name : str
            That the model was made by; a built-in one is recognised without.
        choices : mapping
            That it was made with besides.
        """
        check_model(model)
        given = {k: number(v) for k, v in model.given.items()}
        name = name or (model.name if _is_built_in(model) else "")
        build = builder(name) if name else None
        if build is None:
            plain = copy.copy(model)
            plain.given = {}
            return cls(plain, name, given=given)
        chosen = _chosen(build, model, choices)
        plain = build(**chosen)
        rates = {f"rate.{k}": str(e) for k, e in model.rates.items() if e != plain.rates[k]}
        return cls(plain, name, build, chosen, given | rates | {k: str(v) for k, v in chosen.items()})

    @cached_property
    def options(self) -> dict[str, Choice]:
        """What the structure depends on, by name."""
        return {} if self.build is None else _choices(self.build, self.model)

    def with_options(self, settings: Mapping[str, str]) -> tuple["Subject", set[str]]:
        """Return the subject with the structural options among some settings, and which settings these are."""
        if self.build is None:
            return self, set()
        taken = inspect.signature(self.build).parameters
        numbers = self.model.parameters
        used = {
            k for k, text in settings.items() if k in taken and k in {**self.model.options, **self.options}
            and (k not in numbers or not _is_number(text))
        }  # fmt: skip
        model, chosen = self.model, {k: setting(settings[k]) for k in used}
        if chosen != {k: v for k, v in self.chosen.items() if k in used} or used - set(self.chosen):
            model = self.build(**chosen)
        fixed = {k for k in settings if k in taken and k in model.parameters and _is_fixed(model, k)}
        fixed |= {k for k in settings if k in taken and k in model.options and k not in model.parameters}
        chosen |= {k: setting(settings[k]) for k in fixed}
        whole = {k: v for k, v in self.chosen.items() if k in used | fixed}
        if model is self.model and chosen == whole:
            return self, used | fixed
        model = self.build(**chosen)
        kept = _chosen(self.build, model, chosen)
        return Subject(model, self.name, self.build, kept, self.given), used | fixed

    def usual_end(self, model: Model, *, discrete: bool, lr: float) -> float:
        """Return an end at which what happens can be seen: ten times the last event or more, or when it rests."""
        if model.kind == "map":
            return 100.0
        time = self._time(model)
        return min(1e6, max(100.0, _rounded(time / lr))) if discrete else time

    def _time(self, model: Model) -> float:
        import minimodels as mm

        times = np.concatenate([[0.0], np.geomspace(1e-6 * LONGEST, LONGEST, 400)])
        run = mm.simulate(model, t_end=LONGEST, save=times, on_failure="keep", max_steps=PATIENCE, rtol=1e-4)
        blown = (
            float(run.stop_time) if Status(int(run.status)).failed and int(run.status) != Status.MAX_STEPS else np.inf
        )
        found = [float(run[k]) for k in model.events if math.isfinite(float(run[k])) and float(run[k]) > 0]
        last = 0.0
        for name in model.state:
            x = run[name].values[np.isfinite(run[name].values)]
            if len(x) and np.ptp(x) > 0:
                moving = np.flatnonzero(np.abs(x - x[-1]) > 0.02 * np.ptp(x))
                last = max(last, times[min(moving[-1] + 1, len(times) - 1)] if len(moving) else 0.0)
        end = 3 * last if last else 100.0
        if found:
            end = max(10 * max(found), min(1.5 * last, 30 * max(found)))
        return _rounded(end) if _rounded(end) < blown else float(f"{0.9 * blown:.2g}")


def _is_built_in(model: Model) -> bool:
    """Tell whether a model is the built-in one of its name, and not only called so."""
    build = None if is_own(model.name) else builder(model.name)
    if build is None:
        return False
    try:
        same = build(**_chosen(build, model, NONE))
    except InputError:
        return False
    alike = (same.kind, same.source, same.state, same.loss, same.defaults) == (
        model.kind, model.source, model.state, model.loss, model.defaults
    )  # fmt: skip
    return bool(alike and (model.kind == "gradient_flow" or same.drift == model.drift))


def _chosen(build: Any, model: Model, choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the structural options of a model, as they were chosen or as it tells them."""
    taken = inspect.signature(build).parameters
    found = {k: p.default for k, p in taken.items() if k not in model.parameters and p.default is not p.empty}
    found |= {k: v for k, v in model.options.items() if k in taken}
    found |= {k: p.low for k, p in model.parameters.items() if k in taken and p.low == p.high}
    return found | {k: v for k, v in choices.items() if k in taken and (k in found or k not in model.parameters)}


def _choices(build: Any, model: Model) -> dict[str, Choice]:
    told, found = meanings(model), {}
    for name in inspect.signature(build).parameters:
        if name not in model.options and name in model.parameters and not _is_fixed(model, name):
            continue  # the structure does not depend on it
        kind = told.get(name, "").removeprefix(" (")
        words = re.match(r"\{(.+?)\}", kind)
        either = tuple(word.strip(" \"'") for word in words.group(1).split(",")) if words else None
        found[name] = Choice(either, kind.startswith("int"))
    return found


def _is_fixed(model: Model, name: str) -> bool:
    return name in model.parameters and model.parameters[name].low == model.parameters[name].high


def _is_number(text: str) -> bool:
    return isinstance(setting(text), int | float) and text not in ("True", "False")


def setting(text: str) -> Any:
    """Return a structural option as it is written: a number, a word, True or False."""
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return int(value) if math.isfinite(value) and value == math.floor(value) else value
    return text


def _rounded(value: float) -> float:
    """Return the next number above of one digit, 1, 2 or 5."""
    if not 0 < value < math.inf:
        return 100.0
    size = 10.0 ** math.floor(math.log10(value))
    return float(f"{next(k for k in (1, 2, 5, 10) if value <= k * size * (1 + 1e-9)) * size:.3g}")
