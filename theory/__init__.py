"""Derivations that run: results about a model, from the model's own expressions, each step checked.

``derive("nested_logit")`` gives the results with their checked steps, as LaTeX or Markdown;
``predict(model)`` evaluates every result at a bound model and says which do not apply, and why.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory.derivation import Check, Derivation, Regime, Result, Step, derive
    from theory.emergence import emergence_scaling
    from theory.prediction import Prediction, Predictions, predict

_HOME = {
    "derive": "theory.derivation",
    "Derivation": "theory.derivation",
    "Result": "theory.derivation",
    "Regime": "theory.derivation",
    "Step": "theory.derivation",
    "Check": "theory.derivation",
    "predict": "theory.prediction",
    "Prediction": "theory.prediction",
    "Predictions": "theory.prediction",
    "emergence_scaling": "theory.emergence",
}

__all__ = [
    "Check",
    "Derivation",
    "Prediction",
    "Predictions",
    "Regime",
    "Result",
    "Step",
    "derive",
    "emergence_scaling",
    "predict",
]


def _home() -> dict[str, str]:
    """Return the module of every public name, those of the wings among them."""
    return _HOME | import_module("theory.wings").public()


def __getattr__(name: str) -> Any:
    home = _HOME.get(name) or (None if name.startswith("_") else _home().get(name))
    if home is None:
        raise AttributeError(f"module 'theory' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(_home())
