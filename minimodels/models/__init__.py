"""The built-in minimal models, one file each: the mathematics and nothing else."""

import inspect
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from minimodels.errors import unknown
from minimodels.model import Model


def names() -> list[str]:
    """Return the names of the built-in models."""
    return sorted(module.name for module in iter_modules(__path__))


def models() -> dict[str, str]:
    """Return the built-in models: name -> one-line meaning.

    Examples
    --------
    >>> list(models())
    ['nested_logit']
    """
    return {name: (import_module(f"{__name__}.{name}").__doc__ or "").splitlines()[0] for name in names()}


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
    if name not in names():
        raise unknown("model", name, names())
    module = import_module(f"{__name__}.{name}")
    allowed = inspect.signature(module.build).parameters
    built: Model = module.build(**{k: v for k, v in choices.items() if k in allowed})
    return built.with_values(**{k: v for k, v in choices.items() if k not in built.options})


def describe(model: Model) -> str:
    """Return a readable statement of a model: states, parameters, observables, events, source."""
    lines = [f"{model.name} ({model.kind.replace('_', ' ')})  {dict(model.options) or ''}".rstrip(), model.source, ""]
    lines += [f"  state      {k:<12} starts at {s.init:g}. {s.meaning}" for k, s in model.state_info.items()]
    lines += [f"  parameter  {k:<12} = {model.values[k]:g}. {p.meaning}" for k, p in model.parameters.items()]
    lines += [f"  rate       {k:<12} = {rate}" for k, rate in model.rates.items() if rate != 1]
    lines += [f"  observable {k}" for k in model.observables]
    lines += [f"  event      {k}" for k in model.events]
    return "\n".join(lines)
