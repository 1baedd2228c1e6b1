"""Small attention networks trained in PyTorch, their comparison with minimal models, and the ledgers of claims.

The public names below load on first use; PyTorch is imported only by what trains.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minimodels.sequences import ItemLabelTask
    from validation.network import AttentionOnly
    from validation.optimisers import SGD, Adam
    from validation.training import train

_HOMES = {
    "minimodels.sequences": ("ItemLabelTask",),
    "validation.network": ("AttentionOnly",),
    "validation.optimisers": ("SGD", "Adam"),
    "validation.training": ("train",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
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
    return __all__
