"""Values of a model at a point, without a run."""

from collections.abc import Mapping

import numpy as np

from minimodels.compiled import compiled
from minimodels.model import Model
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
        ``loss`` and observables by name; ``d_<state>``, the drift with its rate (for a map, the change in a step).

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
    y = np.array([[values[k] for k in model.state]])
    observing, linearising = compiled(model).observe(), compiled(model).linearise()
    observed = observing.evaluate("observe", y, observing.table(par))[0].tolist()
    linear = linearising.evaluate("linearise", y, linearising.table(par))[0].tolist()
    names = [*stated.observables, *(f"d_{k}" for k in model.state)]
    return dict(zip(names, [*observed, *linear[: len(model.state)]], strict=True))
