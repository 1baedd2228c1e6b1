"""The built-in minimal models, one file each: the mathematics and nothing else.

A file of this folder with a function ``build`` is a model, of the file's name: the arguments of ``build`` are its
options (structural choices), its docstring says what they mean, and ``WARM`` may name the options, a tuple of
dictionaries, whose kernels `minimodels warmup` compiles (the default ones otherwise).
"""

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from minimodels.bounds import written
from minimodels.errors import unknown
from minimodels.model import Model, check_model


def _modules() -> dict[str, ModuleType]:
    found = {entry.name: import_module(f"{__name__}.{entry.name}") for entry in iter_modules(__path__)}
    return {name: found[name] for name in sorted(found) if hasattr(found[name], "build")}


def models() -> dict[str, str]:
    """Return the built-in models: name -> one-line meaning.

    Examples
    --------
    >>> "nested_logit" in models()
    True
    """
    return {name: (module.__doc__ or "").partition("\n")[0] for name, module in _modules().items()}


def model(name: str, **choices: Any) -> Model:
    """Return a built-in model with its options chosen and its parameters set.

    Parameters
    ----------
    name : str
        One of `models`.
    **choices
        Options of the model (structural) and values of its parameters, by the papers' symbols.

    Raises
    ------
    InputError
        For an unknown model, option or parameter, or a value outside its domain.

    Examples
    --------
    >>> model("nested_logit", N=4, L=16, attend="labels").values["N"]
    4.0
    """
    built, values = structure(name, **choices)
    return built.with_values(**values)


def structure(name: str, **choices: Any) -> tuple[Model, dict[str, Any]]:
    """Return a model with its options chosen, and those of the choices that are values of its parameters."""
    modules = _modules()
    if not (isinstance(name, str) and name in modules):
        raise unknown("model", name, modules)
    taken = inspect.signature(modules[name].build).parameters
    built: Model = modules[name].build(**{k: v for k, v in choices.items() if k in taken})
    return built, {k: v for k, v in choices.items() if k not in built.options}


def builder(name: str) -> Callable[..., Model] | None:
    """Return the function that states a built-in model with its options, None if there is no model of this name."""
    module = _modules().get(name)
    return None if module is None else module.build


def variants() -> list[Model]:
    """Return every model with each of the options that its file declares worth compiling ahead."""
    default: tuple[dict[str, Any], ...] = ({},)
    return [module.build(**options) for module in _modules().values() for options in getattr(module, "WARM", default)]


def describe(model: Model) -> str:
    """Return a readable statement of a model: options, states, parameters, observables, events, source."""
    check_model(model)
    meanings = _meanings(model.name)
    lines = [f"{model.name} ({model.kind.replace('_', ' ')})", model.source, ""]
    lines += [f"  option     {k:<12} = {v}{meanings.get(k, '')}" for k, v in model.options.items()]
    lines += [f"  state      {k:<12} starts at {s.init:g}. {s.meaning}" for k, s in model.state_info.items()]
    lines += [f"  bounds     {text}" for text in written(model)]
    lines += [f"  parameter  {k:<12} = {model.values[k]:g}. {p.meaning}" for k, p in model.parameters.items()]
    lines += [f"  rate       {k:<12} = {rate}" for k, rate in model.rates.items() if rate != 1]
    lines += [f"  descent    {k:<12} exact at any learning rate, not the Euler step" for k in model.descent or ()]
    lines += [f"  observable {k}" for k in model.observables]
    lines += [f"  event      {k}" for k in model.events]
    return "\n".join(lines)


def _meanings(name: str) -> dict[str, str]:
    """Return what the options of a built-in model may be, from the docstring of its ``build``."""
    module = _modules().get(name)
    text = inspect.getdoc(module.build) if module else ""
    found = re.findall(r"^(\w+) : (.+)\n((?: {4}.+\n?)+)", text or "", re.MULTILINE)
    return {option: f" ({kind}). {' '.join(meaning.split())}" for option, kind, meaning in found}
