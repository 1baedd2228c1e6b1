"""Objects as plain JSON values and back: frozen dataclasses by their dotted type name, functions by their own."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from inspect import isfunction
from operator import attrgetter
from typing import Any


def spell(value: Any) -> Any:
    """Return a value as plain JSON: numbers, texts, lists and dictionaries."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"type": _name(type(value)), **{f.name: spell(getattr(value, f.name)) for f in fields(value)}}
    if isfunction(value):
        return {"function": _name(value)}
    if isinstance(value, Mapping):
        return {str(key): spell(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [spell(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{value!r} cannot be spelled: only dataclasses, functions, lists, dictionaries and plain values.")


def read(value: Any) -> Any:
    """Return what `spell` spelled; lists become tuples."""
    if isinstance(value, list):
        return tuple(read(each) for each in value)
    if not isinstance(value, dict):
        return value
    if "function" in value:
        return _found(value["function"])
    if "type" in value:
        kind = _found(value["type"])
        init = {f.name for f in fields(kind) if f.init}
        return kind(**{key: read(each) for key, each in value.items() if key in init})
    return {key: read(each) for key, each in value.items()}


def _name(thing: Any) -> str:
    return f"{thing.__module__}:{thing.__qualname__}"


def _found(name: str) -> Any:
    module, _, path = name.partition(":")
    return attrgetter(path)(import_module(module))
