"""Models of a user's own, by the place where they are stated: a file, or a module that Python finds.

``path/to/file.py:name``, ``package.module:name`` and ``package.module.name`` name a model (`GradientFlow`, `Flow`,
`Map`) or a function that builds one; without a name, the only one that is there. A file is read anew every time, by
what it says now. Files and modules beside it may be imported by it; what is installed comes before them.
"""

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from minimodels.errors import InputError, check_path, shown, unknown
from minimodels.model import Model

Source: TypeAlias = "Model | Callable[..., Model]"
AS = "as in own.py:model"
LONGEST = 220  # letters of what their code says
NOT_THEIRS = (str(Path(__file__).parent), str(Path(importlib.__file__).parent), "<frozen importlib")


def is_own(name: str) -> bool:
    """Whether a name is that of a file or a module rather than of a built-in model."""
    paths = any(mark in name for mark in ("/", os.sep, ":")) or name.endswith(".py")
    return paths or ("." in name and all(part.isidentifier() for part in name.split(".")))


def find(name: str) -> Source:
    """Return the model, or the function that builds it, that a file or a module has under a name.

    Raises
    ------
    InputError
        If there is no such file, module or name, if reading it fails, or if it is no model.
    """
    place, inside = split(name)
    if place.endswith(".py") or "/" in place or os.sep in place:
        module = from_file(place)
    elif inside or not all(part.isidentifier() for part in place.split(".")):
        module = from_module(place)
    else:
        module, inside = from_dots(place)
    there = models_in(module)
    if not inside and len(there) != 1:
        listed = f"name one of {', '.join(there)}, {AS.replace('model', next(iter(there)))}" if there else "state one"
        raise InputError(f"{place!r} has {len(there) or 'no'} model{'s' * (len(there) != 1)}: {listed}.")
    inside = inside or next(iter(there))
    if inside not in vars(module):
        raise unknown(f"model in {place!r}", inside, there)
    found: Any = vars(module)[inside]
    if not (isinstance(found, Model) or inspect.isroutine(found)):
        listed = f"; there are {', '.join(there)}" if there else ""
        raise InputError(
            f"{inside!r} of {place!r} is neither a GradientFlow, a Flow or a Map nor a function that builds one: "
            f"{shown(found)}{listed}."
        )
    return found


def build(source: Source, name: str, choices: Mapping[str, Any]) -> tuple[Model, dict[str, Any]]:
    """Return a user's model with its options chosen, and those of the choices that are values of its parameters."""
    if isinstance(source, Model):
        return source, dict(choices)
    taken = takes(source, name)
    options = {k: v for k, v in choices.items() if k in taken}
    for key, argument in taken.items():
        if argument.default is argument.empty and key not in options:
            raise InputError(f"{name!r} needs a value of `{key}`: give one, as {key}=2 or --{key} 2.")
    try:
        built = source(**options)
    except (Exception, SystemExit) as error:
        raise raised(name, error) from error
    if not isinstance(built, Model):
        raise InputError(f"{name!r} returns no GradientFlow, Flow or Map but {shown(built)}.")
    return built, {k: v for k, v in choices.items() if k in built.parameters or k not in {**taken, **built.options}}


def takes(builder: Callable[..., Model], name: str) -> dict[str, inspect.Parameter]:
    """Return the arguments of a function that builds a model; those that have no name are refused."""
    try:
        taken = dict(inspect.signature(builder).parameters)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name!r} is not a function of Python that builds a model.") from error
    for key, argument in taken.items():
        if argument.kind not in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY):
            raise InputError(f"{name!r} must take its options by name, as attend='all'; it takes {str(argument)!r}.")
        if key == "name":
            raise InputError(f"{name!r} must not call an option `name`, which is that of the model; rename it.")
    return taken


def split(name: str) -> tuple[str, str]:
    """Return the place of a model and its name there, which may be missing."""
    place, colon, inside = name.rpartition(":")
    if not colon or inside.endswith(".py") or "/" in inside or os.sep in inside:
        return name, ""
    if not (place and inside.isidentifier()):
        raise InputError(f"{shown(name)} must have a file or a module before its colon and a name after it, {AS}.")
    return place, inside


def models_in(module: ModuleType) -> list[str]:
    """Return the names of a module's models, one each, and of its functions that build one."""
    found: dict[int, str] = {}
    for name, value in vars(module).items():
        if not name.startswith("_") and (isinstance(value, Model) or _builds(value, name, module)):
            found.setdefault(id(value), name)
    return list(found.values())


def _builds(value: Any, name: str, module: ModuleType) -> bool:
    """Whether a function is called ``build``, or says that it returns a model, and stands in this module."""
    if not inspect.isfunction(value) or value.__module__ != module.__name__:
        return False
    returned = value.__annotations__.get("return")
    kinds: list[type] = [Model, *Model.__subclasses__()]
    if isinstance(returned, str):
        returned = {kind.__name__: kind for kind in kinds}.get(returned.rpartition(".")[2])
    return name == "build" or (isinstance(returned, type) and issubclass(returned, Model))


def from_file(place: str) -> ModuleType:
    """Run a file of Python and return what it made."""
    path = check_path(place, "the file of a model")
    if path.suffix != ".py":
        raise InputError(f"the file of a model ends in .py, {AS}; got {shown(place)}.")
    if not path.is_file():
        raise InputError(f"there is no file {place!r}{_beside(path)}.")
    module = ModuleType(f"_own_{path.stem}")
    module.__file__ = str(path.absolute())
    sys.modules[module.__name__] = module  # dataclasses look up their module there
    try:
        with found_last(path.absolute().parent):
            exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except (Exception, SystemExit) as error:
        raise raised(place, error) from error
    return module


def _beside(path: Path) -> str:
    """Say which other files of Python a folder has, if it has few."""
    there = sorted(other.name for other in path.parent.glob("*.py"))[:6] if path.parent.is_dir() else []
    if not path.parent.is_dir():
        return f"; the folder {str(path.parent)!r} does not exist either"
    return f"; the folder has {', '.join(there)}" if there else ""


def from_module(place: str) -> ModuleType:
    """Import a module by its dotted name; the current folder is looked in after what is installed."""
    if not all(part.isidentifier() for part in place.split(".")):
        raise InputError(f"{shown(place)} is neither a file that ends in .py nor a module; give one, {AS}.")
    try:
        with found_last(Path.cwd()):
            return importlib.import_module(place)
    except (Exception, SystemExit) as error:
        gone = error.name if isinstance(error, ModuleNotFoundError) else None
        if gone and f"{place}.".startswith(f"{gone}."):
            raise InputError(f"there is no module {gone!r}; models in a file are given {AS}.") from error
        raise raised(place, error) from error


def from_dots(place: str) -> tuple[ModuleType, str]:
    """Return a module and a name in it, from ``package.module.name`` or ``package.module``."""
    before, _, last = place.rpartition(".")
    module = from_module(before)
    if last not in vars(module) and hasattr(module, "__path__"):
        return from_module(place), ""
    found = vars(module).get(last)
    return (found, "") if isinstance(found, ModuleType) else (module, last)


@contextmanager
def found_last(folder: Path) -> Iterator[None]:
    """Let a folder be looked in for modules, after all other places."""
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.reverse()
        sys.path.remove(str(folder))  # the last one
        sys.path.reverse()


def raised(place: str, error: BaseException) -> InputError:
    """Return what a user's code raised as one sentence, with the line of that code, the last of its file."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(NOT_THEIRS)]
    lines = [f.lineno for f in frames if f.filename == frames[0].filename]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    text = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split()).rstrip(".")
    text = text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
    what = text if isinstance(error, InputError) else f"{type(error).__name__}{': ' * bool(text)}{text}"
    return InputError(f"{place}{f', line {line}' if line else ''}: {what}.")
