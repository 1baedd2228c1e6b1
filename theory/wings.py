"""The wings, one folder a paper: found, not listed.

A folder of `theory` whose ``PUBLIC`` maps names to its files is a wing. A file of it with the name of a model derives
that model's theory; a file ``every`` derives what holds for every model, also of a user's own; a file ``laws`` states
growth laws.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import theory


@cache
def wings() -> dict[str, ModuleType]:
    """Return the wings by name."""
    folders = [entry.name for entry in iter_modules(theory.__path__) if entry.ispkg]
    found = {name: import_module(f"theory.{name}") for name in folders}
    return {name: wing for name, wing in found.items() if hasattr(wing, "PUBLIC")}


@cache
def public() -> dict[str, str]:
    """Return the module of every public name of the wings."""
    return {name: f"theory.{wing}.{file}" for wing, made in wings().items() for name, file in made.PUBLIC.items()}


@cache
def derivations() -> dict[str, str]:
    """Return the modules that derive the theory of a model, by its name."""
    models = {entry.name for entry in iter_modules(import_module("minimodels.models").__path__)}
    return {name: module for wing in wings() for name, module in _files(wing).items() if name in models}


def modules(name: str) -> list[ModuleType]:
    """Return the files of this name of all wings."""
    return [import_module(files[name]) for files in map(_files, wings()) if name in files]


def _files(wing: str) -> dict[str, str]:
    return {entry.name: f"theory.{wing}.{entry.name}" for entry in iter_modules(wings()[wing].__path__)}
