"""Small attention networks trained in PyTorch, their comparison with minimal models, and the ledgers of claims.

The public names below load on first use; PyTorch is imported only by what trains.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minimodels.tasks.item_label import ItemLabelTask
    from validation import report
    from validation.attention import attention_maps
    from validation.checkpoint import load_parameters
    from validation.comparison import compare, fit_clock
    from validation.evaluation import evaluate
    from validation.ledger import Outcome
    from validation.network import AttentionOnly
    from validation.optimisers import SGD, Adam
    from validation.training import train
    from validation.verdicts import claims

_HOMES = {
    "minimodels.tasks.item_label": ("ItemLabelTask",),
    "validation.attention": ("attention_maps",),
    "validation.checkpoint": ("load_parameters",),
    "validation.comparison": ("compare", "fit_clock"),
    "validation.evaluation": ("evaluate",),
    "validation.ledger": ("Outcome",),
    "validation.network": ("AttentionOnly",),
    "validation.optimisers": ("SGD", "Adam"),
    "validation.training": ("train",),
    "validation.verdicts": ("claims",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "SGD",
    "Adam",
    "AttentionOnly",
    "ItemLabelTask",
    "Outcome",
    "attention_maps",
    "claims",
    "compare",
    "evaluate",
    "fit_clock",
    "load_parameters",
    "report",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "report":
        return import_module("validation.report")
    if name not in _HOME:
        raise AttributeError(f"module 'validation' has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors"):
            raise
        raise ModuleNotFoundError(
            f"{error.name} is needed to train networks: pip install 'minimodels[validation]'.", name=error.name
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
