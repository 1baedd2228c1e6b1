"""Numbers for a bound model: what every result predicts, or why it does not apply."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minimodels.bounds import check_inside, limits
from minimodels.errors import InputError, check_numbers, numbers_by_name
from minimodels.model import Model, check_model
from minimodels.models import model as build
from theory.arguments import LARGEST, check_dataset
from theory.derivation import Result, derive
from theory.listing import Listing

SHOWN = 12  # states whose start is written out


@dataclass(frozen=True)
class Prediction:
    """What one result says about one bound model.

    Attributes
    ----------
    name, title : str
    applies : bool
    reason : str
        Why the result does not apply; empty if it does.
    values : dict of float
        Numbers by name; empty if the result does not apply. The first is the main one.
    error : float
        Expected relative error of the main value; 0 for exact results, nan where no estimate exists.
    """

    name: str
    title: str
    applies: bool
    reason: str
    values: dict[str, float]
    error: float
    result: Result = field(repr=False)
    model: Model = field(repr=False)

    @property
    def value(self) -> float:
        """The main value, nan if the result does not apply."""
        return next(iter(self.values.values()), math.nan)

    def curve(self, times: Any) -> Any:
        """Return the predicted functions of time as an ``xarray.Dataset`` with dimension ``time``."""
        import xarray as xr

        if self.result.curve is None or not self.applies:
            why = f"it does not apply: {self.reason}" if self.result.curve is not None else "it gives numbers only"
            raise InputError(f"result {self.name!r} has no curve for this model; {why}.")
        grid = check_numbers(times, "`times`", 0.0, math.inf)
        curves = self.result.curve(self.model, grid)
        return xr.Dataset({k: ("time", v) for k, v in curves.items()}, coords={"time": grid})

    def _cells(self) -> tuple[str, str]:
        if not self.applies:
            return "does not apply", f"because {self.reason}"
        error = "no estimate" if math.isnan(self.error) else "exact" if self.error == 0 else f"{self.error:.2g}"
        return "; ".join(f"{k} = {v:.6g}" for k, v in self.values.items()), error

    def __str__(self) -> str:
        values, remark = self._cells()
        return f"{self.title}: {values}" + (f" {remark}" if not self.applies else f" (relative error: {remark})")


@dataclass(frozen=True)
class Predictions(Listing[Prediction]):
    """All predictions for one bound model, in the order of the derivation; index by position or by name."""

    model: Model = field(repr=False)
    init: Mapping[str, float]
    predictions: tuple[Prediction, ...] = field(repr=False)

    def members(self) -> tuple[Prediction, ...]:
        """Return the predictions, in order."""
        return self.predictions

    def member(self) -> str:
        """Return what a prediction is called in an error."""
        return f"prediction about {self.model.name!r}"

    def beside(self, run: Any) -> Any:
        """Return predicted and simulated values side by side.

        Parameters
        ----------
        run : xarray.Dataset
            A simulated run of the same model from the same start: states and ``escape_time``.

        Returns
        -------
        xarray.Dataset
            Variables predicted, measured, difference and (relative) deviation over the dimension ``result``: the
            results that apply and that a run can show. An invariant has a difference only, its zero being arbitrary.
        """
        import xarray as xr

        events = tuple(k for k in self.model.events if k == "escape_time")
        check_dataset(run, "run", (*self.model.state, *events), "a run of this model, as mm.simulate returns")
        shown = [(p, p.result.measure) for p in self.predictions if p.applies and p.result.measure is not None]
        predicted = np.array([p.value for p, _ in shown])
        measured = np.array([measure(self.model, run) for _, measure in shown])
        arbitrary = np.array([p.result.arbitrary_zero for p, _ in shown], dtype=bool)
        difference = predicted - measured
        columns = {"predicted": predicted, "measured": measured, "difference": difference}
        columns["deviation"] = np.where(arbitrary, math.nan, difference / measured)
        return xr.Dataset({k: ("result", v) for k, v in columns.items()}, coords={"result": [p.name for p, _ in shown]})

    def _title(self) -> str:
        values = {**self.model.options, **self.model.values}
        start = ", ".join(f"{k} = {v:g}" for k, v in list(self.init.items())[:SHOWN])
        start += f" and {len(self.init) - SHOWN} more" if len(self.init) > SHOWN else ""
        named = ", ".join(f"{k} = {v:g}" if isinstance(v, float) else f"{k} = {v}" for k, v in values.items())
        return f"{self.model.name}: {named}; start: {start}" if named else f"{self.model.name}; start: {start}"

    def markdown(self) -> str:
        """Return a Markdown table: result, numbers (or why it does not apply), expected relative error."""
        rows = ["| result | prediction | relative error |", "|---|---|---|"]
        rows += [f"| {p.title} | {' | '.join(p._cells())} |" for p in self.predictions]
        return "\n".join([f"**{self._title()}**", "", *rows, ""])

    def document(self) -> dict[str, Any]:
        """Return model, start and predictions as plain values, for machines; nan where there is no number."""
        return {
            "model": self.model.name,
            "options": dict(self.model.options),
            "parameters": self.model.values,
            "rates": self.model.rate_values(),
            "start": dict(self.init),
            "predictions": [
                {
                    "name": p.name,
                    "title": p.title,
                    "applies": p.applies,
                    "reason": p.reason,
                    "values": p.values,
                    "relative_error": p.error,
                    "regime": p.result.regime.sentence,
                }
                for p in self.predictions
            ],
        }

    def __str__(self) -> str:
        return "\n".join([self._title(), *(f"  {p}" for p in self.predictions)])


def predict(model: str | Model, *, init: Mapping[str, float] | None = None) -> Predictions:
    """Evaluate every derived result at a bound model.

    Parameters
    ----------
    model : str or Model
        With its parameter values and rates: a built-in model, or one of your own, for which `derive` gives what holds
        for every one; by name or file (``"own.py:model"``) with its defaults.
    init : mapping of str to float, optional
        Where the flow starts; states not named start at the model's own initial value.

    Returns
    -------
    Predictions
        One entry per result, with numbers, or with the reason why it does not apply.

    Raises
    ------
    InputError
        For something that is no model, an unknown name, or an initial value that is unknown, not finite or beyond its
        bounds.
    """
    model = build(model) if isinstance(model, str) else check_model(model)
    reach = max([LARGEST, *(abs(b) for b in np.ravel(limits(model)).tolist() if math.isfinite(b))])
    start = dict(model.init) | numbers_by_name(init, "init", model.state, low=-reach, high=reach)
    check_inside(model, {k: start[k] for k in model.bounds}, "the start")
    made = []
    for result in derive(model):
        reason, values = result.regime.obstacle(model, start), {}
        try:
            values = {} if reason else result.evaluate(model, start)
        except ArithmeticError:
            reason = "its numbers leave the range of floating point at these parameters."
        if values and math.isnan(next(iter(values.values()))):
            reason, values = "it gives no number from this start.", {}
        error = math.nan if reason else result.error(model, start, values)
        made.append(Prediction(result.name, result.title, not reason, reason or "", values, error, result, model))
        parts = {} if reason or result.parts is None else result.parts(model, start)
        for k, (title, numbers) in enumerate(parts.items(), 1):
            made.append(Prediction(f"{result.name}_{k}", title, True, "", numbers, error, result, model))
    return Predictions(model, start, tuple(made))
