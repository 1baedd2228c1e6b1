"""A laboratory for minimal models of in-context learning.

The public names below load on first use, so that ``import minimodels`` is immediate.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from minimodels.errors import InputError, RunFailed
    from minimodels.model import Constraint, Event, Flow, GradientFlow, Map, Parameter, State
    from minimodels.models import describe, model, models

_HOMES = {
    "minimodels.errors": ("InputError", "RunFailed"),
    "minimodels.model": ("Constraint", "Event", "Flow", "GradientFlow", "Map", "Parameter", "State"),
    "minimodels.models": ("describe", "model", "models"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'minimodels' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
