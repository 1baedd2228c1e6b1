"""Objects as plain JSON values and back: frozen dataclasses by their dotted type name, functions by their own."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
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


def without_defaults(value: Any, left_out: dict[str, dict[str, Any]]) -> Any:
    """Return a spelled value without what its types would put there themselves, which is noted in ``left_out``.

    Types and functions go by their names alone, wherever they are: a new option, or another room, changes nothing.
    """
    if isinstance(value, list):
        return [without_defaults(each, left_out) for each in value]
    if not isinstance(value, dict):
        return value
    if "function" in value:
        return {"function": value["function"].partition(":")[2]}
    if "type" not in value:
        return {key: without_defaults(each, left_out) for key, each in value.items()}
    kind = _found(value["type"])
    usual = {f.name: spell(default(f)) for f in fields(kind) if f.init and default(f) is not MISSING}
    same = {name: each for name, each in usual.items() if value[name] == each}
    left_out.setdefault(kind.__qualname__, {}).update(same)
    given = {name: without_defaults(each, left_out) for name, each in value.items() if name not in (*same, "type")}
    return {"type": kind.__qualname__, **given}


def default(f: Field[Any]) -> Any:
    """Return what a field of a dataclass has unless it is given."""
    return f.default_factory() if f.default_factory is not MISSING else f.default


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
