"""Derivations that run: results about a model, from the model's own expressions, each step checked.

``derive("nested_logit")`` gives the results with their checked steps, as LaTeX or Markdown;
``predict(model)`` evaluates every result at a bound model and says which do not apply, and why.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory.derivation import Check, Derivation, Regime, Result, Step, derive
    from theory.error_map import summarise, transition_error_map
    from theory.exact_positions import exact_transition_time
    from theory.prediction import Prediction, Predictions, predict
    from theory.read_out import head_rates, label_gain_rates
    from theory.reduced_flow import transition_time
    from theory.scaling import emergence_scaling

_HOME = {
    "derive": "derivation",
    "Derivation": "derivation",
    "Result": "derivation",
    "Regime": "derivation",
    "Step": "derivation",
    "Check": "derivation",
    "predict": "prediction",
    "Prediction": "prediction",
    "Predictions": "prediction",
    "transition_time": "reduced_flow",
    "exact_transition_time": "exact_positions",
    "head_rates": "read_out",
    "label_gain_rates": "read_out",
    "transition_error_map": "error_map",
    "summarise": "error_map",
    "emergence_scaling": "scaling",
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
    "exact_transition_time",
    "head_rates",
    "label_gain_rates",
    "predict",
    "summarise",
    "transition_error_map",
    "transition_time",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'theory' has no attribute {name!r}")
    return getattr(import_module(f"theory.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
