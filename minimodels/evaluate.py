"""Values of a model at a point, without a run."""

from collections.abc import Mapping

import numpy as np

from minimodels.bounds import check_inside, limits, pushed
from minimodels.compiled import compiled
from minimodels.model import Map, Model
from minimodels.problem import at_a_point, state_values


def evaluate(model: Model, state: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return the loss, if the model has one, its observables, and the rate of change of every state.

    Parameters
    ----------
    state : mapping of str to float
        Where; the model's own initial value for a state that is not given.

    Returns
    -------
    dict of str to float
        ``loss`` and observables by name; ``d_<state>``, the drift with its rate (for a map, the change in a step); 0
        at a bound that it points out of.

    Raises
    ------
    InputError
        For a name that is not a state's, a value that is not a number, parameters outside the model's domain.

    Examples
    --------
    >>> import minimodels as mm, sympy as sp
    >>> x = sp.Symbol("x")
    >>> bowl = mm.GradientFlow(name="bowl", state={"x": 1.0}, loss=x**2 / 2)
    >>> mm.evaluate(bowl, {"x": 3.0})
    {'loss': 4.5, 'd_x': -3.0}
    """
    stated, par = at_a_point(model)
    values = dict(model.init) | state_values(model, state, "state")
    check_inside(model, {k: values[k] for k in model.bounds}, "the state")
    y = np.array([[values[k] for k in model.state]])
    observing, linearising = compiled(model).observe(), compiled(model).linearise()
    observed = observing.evaluate("observe", y, observing.table(par))[0].tolist()
    drift = linearising.evaluate("linearise", y, linearising.table(par))[0, : y.shape[1]]
    low, high = limits(model)
    if isinstance(model, Map):
        drift = np.clip(y[0] + drift, low, high) - y[0] if model.bounds else drift
    else:
        drift = np.where(pushed(y[0], drift, low, high), 0.0, drift)
    names = [*stated.observables, *(f"d_{k}" for k in model.state)]
    return dict(zip(names, [*observed, *drift.tolist()], strict=True))
