"""A laboratory for minimal models of in-context learning.

The public names below load on first use, so that ``import minimodels`` is immediate.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from minimodels.descend import descend
    from minimodels.engine.stepper.status import Status
    from minimodels.errors import InputError, RunFailed
    from minimodels.evaluate import evaluate
    from minimodels.explore.server import explore
    from minimodels.fixed_points import FixedPoint, fixed_points
    from minimodels.forecast.fit import fit
    from minimodels.forecast.forecast import forecast
    from minimodels.forecast.logs import read_curve
    from minimodels.forecast.plot import plot_forecast
    from minimodels.forecast.prior import Prior
    from minimodels.induction_head.head import InductionHead
    from minimodels.induction_head.train import train_head
    from minimodels.model import Constraint, Event, Flow, GradientFlow, Map, Parameter, State
    from minimodels.models import describe, model, models
    from minimodels.plot import plot_run, plot_sweep
    from minimodels.primitives import logsumexp, sigmoid, softmax, softplus
    from minimodels.reductions import coarse, histogram, quantiles
    from minimodels.results import load, save
    from minimodels.simulate import simulate
    from minimodels.store import open_sweep
    from minimodels.sweep import sweep
    from minimodels.tasks.item_label import ItemLabelTask
    from minimodels.tasks.item_label_oracles import oracles
    from minimodels.tasks.linear_regression import LinearRegressionTask
    from minimodels.vectors import draw_vectors, place_vectors

_HOMES = {
    "descend": ("descend",),
    "engine.stepper.status": ("Status",),
    "errors": ("InputError", "RunFailed"),
    "evaluate": ("evaluate",),
    "explore.server": ("explore",),
    "fixed_points": ("FixedPoint", "fixed_points"),
    "forecast.fit": ("fit",),
    "forecast.forecast": ("forecast",),
    "forecast.logs": ("read_curve",),
    "forecast.plot": ("plot_forecast",),
    "forecast.prior": ("Prior",),
    "induction_head.head": ("InductionHead",),
    "induction_head.train": ("train_head",),
    "model": ("Constraint", "Event", "Flow", "GradientFlow", "Map", "Parameter", "State"),
    "models": ("describe", "model", "models"),
    "plot": ("plot_run", "plot_sweep"),
    "primitives": ("logsumexp", "sigmoid", "softmax", "softplus"),
    "reductions": ("coarse", "histogram", "quantiles"),
    "results": ("load", "save"),
    "tasks.item_label": ("ItemLabelTask",),
    "tasks.item_label_oracles": ("oracles",),
    "tasks.linear_regression": ("LinearRegressionTask",),
    "simulate": ("simulate",),
    "store": ("open_sweep",),
    "sweep": ("sweep",),
    "vectors": ("draw_vectors", "place_vectors"),
}
_HOME = {name: f"minimodels.{module}" for module, names in _HOMES.items() for name in names}

__all__ = [
    "Constraint",
    "Event",
    "FixedPoint",
    "Flow",
    "GradientFlow",
    "InductionHead",
    "InputError",
    "ItemLabelTask",
    "LinearRegressionTask",
    "Map",
    "Parameter",
    "Prior",
    "RunFailed",
    "State",
    "Status",
    "coarse",
    "descend",
    "describe",
    "draw_vectors",
    "evaluate",
    "explore",
    "fit",
    "fixed_points",
    "forecast",
    "histogram",
    "load",
    "logsumexp",
    "model",
    "models",
    "open_sweep",
    "oracles",
    "place_vectors",
    "plot_forecast",
    "plot_run",
    "plot_sweep",
    "quantiles",
    "read_curve",
    "save",
    "sigmoid",
    "simulate",
    "softmax",
    "softplus",
    "sweep",
    "train_head",
]


class _Package(ModuleType):
    """Keeps ``minimodels.simulate`` the function when its home, the file of the same name, is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:  # functions of a notebook that use it go to other processes
        return import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'minimodels' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
