"""Small attention networks trained in PyTorch, their comparison with minimal models, and the ledgers of claims.

The public names below load on first use, those of a paper from its folder; PyTorch is imported only by what trains.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from validation import report
    from validation.checkpoint import load_parameters
    from validation.comparison import compare, fit_clock
    from validation.ledger import Outcome
    from validation.optimisers import SGD, Adam
    from validation.training import train
    from validation.verdicts import claims

_HOME = {
    "SGD": "validation.optimisers",
    "Adam": "validation.optimisers",
    "Outcome": "validation.ledger",
    "claims": "validation.verdicts",
    "compare": "validation.comparison",
    "fit_clock": "validation.comparison",
    "load_parameters": "validation.checkpoint",
    "train": "validation.training",
}

__all__ = ["SGD", "Adam", "Outcome", "claims", "compare", "fit_clock", "load_parameters", "report", "train"]


def _homes() -> dict[str, str]:
    """Return the module of every public name, those of the papers among them."""
    return _HOME | import_module("validation.papers").public()


def __getattr__(name: str) -> Any:
    if name == "report":
        return import_module("validation.report")
    home = _HOME.get(name) or (None if name.startswith("_") else _homes().get(name))
    if home is None:
        raise AttributeError(f"module 'validation' has no attribute {name!r}")
    try:
        value = getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors"):
            raise
        raise ModuleNotFoundError(
            f"{error.name} is needed to train networks: pip install 'minimodels[validation]'.", name=error.name
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_homes(), "report"])
