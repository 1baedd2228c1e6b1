"""The built-in minimal models, one file each: the mathematics and nothing else.

A file of this folder with a function ``build`` is a model, of the file's name: the arguments of ``build`` are its
options (structural choices), its docstring says what they mean, and ``WARM`` may name the options, a tuple of
dictionaries, whose kernels `minimodels warmup` compiles (the default ones otherwise).
"""

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from minimodels import own
from minimodels.bounds import written
from minimodels.errors import InputError, unknown
from minimodels.model import Model, check_model
from minimodels.statement import Identity

_TOLD: "WeakKeyDictionary[Identity, str]" = WeakKeyDictionary()  # docstrings of functions of a user's own


def _modules() -> dict[str, ModuleType]:
    names = sorted(entry.name for entry in iter_modules(__path__))
    return {name: module for name in names if (module := _module(name)) is not None}


def _module(name: object) -> ModuleType | None:
    """Return the file of a model, which is all that is loaded for it; None if there is none of this name."""
    if not isinstance(name, str) or name not in [entry.name for entry in iter_modules(__path__)]:
        return None
    module = import_module(f"{__name__}.{name}")
    return module if hasattr(module, "build") else None


def models() -> dict[str, str]:
    """Return the built-in models: name -> one-line meaning.

    Examples
    --------
    >>> "nested_logit" in models()
    True
    """
    return {name: (module.__doc__ or "").partition("\n")[0] for name, module in _modules().items()}


def model(name: str, **choices: Any) -> Model:
    """Return a built-in model, or one of a user's own file, with its options chosen and its parameters set.

    Parameters
    ----------
    name : str
        One of `models`; or ``path/to/file.py:name`` or ``package.module:name``, a model of your own or a function that
        builds one with its options as arguments (``:name`` may be left out where there is only one).
    **choices
        Options of the model (structural) and values of its parameters, by the papers' symbols.

    Raises
    ------
    InputError
        For an unknown model, file, option or parameter, a value outside its domain, or a file that raises.

    Examples
    --------
    >>> model("nested_logit", N=4, L=16, attend="labels").values["N"]
    4.0
    """
    built, values = structure(name, **choices)
    return built.with_values(**values)


def structure(name: str, /, **choices: Any) -> tuple[Model, dict[str, Any]]:
    """Return a model with its options chosen, and those of the choices that are values of its parameters."""
    if isinstance(name, str) and own.is_own(name):
        source = own.find(name)
        built, values = own.build(source, name, choices)
        _TOLD[built.statement] = "" if isinstance(source, Model) else inspect.getdoc(source) or ""
        return built, values
    module = _module(name)
    if module is None:
        if isinstance(name, str) and name.isidentifier() and Path(f"{name}.py").is_file():
            raise InputError(f"unknown model {name!r}; a model of your own is given by its file: '{name}.py'.")
        raise unknown("model", name, _modules())
    taken = inspect.signature(module.build).parameters
    built = module.build(**{k: v for k, v in choices.items() if k in taken})
    return built, {k: v for k, v in choices.items() if k not in built.options}


def builder(name: str) -> Callable[..., Model] | None:
    """Return the function that builds a model with its options, None where a name has none."""
    if own.is_own(name):
        source = own.find(name)
        return None if isinstance(source, Model) else source
    module = _modules().get(name)
    return None if module is None else module.build


def options_of(name: str) -> list[str]:
    """Return the names of the options that a model of a user's own is built with."""
    build = builder(name) if own.is_own(name) else None
    return [] if build is None else list(own.takes(build, name))


def variants() -> list[Model]:
    """Return every model with each of the options that its file declares worth compiling ahead."""
    default: tuple[dict[str, Any], ...] = ({},)
    return [module.build(**options) for module in _modules().values() for options in getattr(module, "WARM", default)]


def describe(model: Model) -> str:
    """Return a readable statement of a model: options, states, parameters, observables, events, source."""
    check_model(model)
    told = meanings(model)
    lines = [f"{model.name} ({model.kind.replace('_', ' ')})", model.source, ""]
    lines += [f"  option     {k:<12} = {v}{told.get(k, '')}" for k, v in model.options.items()]
    lines += [f"  state      {k:<12} starts at {s.init:g}. {s.meaning}" for k, s in model.state_info.items()]
    lines += [f"  bounds     {text}" for text in written(model)]
    lines += [f"  parameter  {k:<12} = {model.values[k]:g}. {p.meaning}" for k, p in model.parameters.items()]
    lines += [f"  rate       {k:<12} = {rate}" for k, rate in model.rates.items() if rate != 1]
    lines += [f"  descent    {k:<12} exact at any learning rate, not the Euler step" for k in model.descent or ()]
    lines += [f"  observable {k}" for k in model.observables]
    lines += [f"  event      {k}" for k in model.events]
    return "\n".join(lines)


def meanings(model: Model) -> dict[str, str]:
    """Return what the options of a model may be, from the docstring of the function that builds it."""
    module = _module(model.name)
    text = _TOLD.get(model.statement, inspect.getdoc(module.build) if module else "")
    found = re.findall(r"^(\w+) : (.+)\n((?: {4}.+\n?)+)", text or "", re.MULTILINE)
    return {option: f" ({kind}). {' '.join(meaning.split())}" for option, kind, meaning in found}
