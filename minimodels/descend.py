"""Gradient descent, and the iteration of maps."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from minimodels.clamp import Windows
from minimodels.errors import check_steps
from minimodels.model import Event, Model, Statement, check_model
from minimodels.problem import Options, problem
from minimodels.simulate import single

if TYPE_CHECKING:
    import xarray as xr


def descend(
    model: Model,
    *,
    lr: float = Options.lr,
    steps: int,
    init: Mapping[str, float] | None = None,
    rates: Mapping[str, Statement] | None = None,
    clamp: Mapping[str, Windows] | None = None,
    save: ArrayLike | None = None,
    events: Mapping[str, Event] | None = None,
    stop_at: str | None = None,
    crossings: bool = False,
    on_failure: Literal["raise", "keep"] = "raise",
) -> "xr.Dataset":
    r"""Iterate :math:`x_i \leftarrow x_i + \mathrm{lr}\,\eta_i f_i(x)`: gradient descent where f is minus a gradient.

    A `Map` is iterated as it is (``lr=1``). Clamps with a window are in steps. A flow that states its exact ``descent``
    :math:`F(x, \mathrm{lr})` takes that instead, :math:`x_i \leftarrow F_i(x, \mathrm{lr}\,\eta_i)`: every state by its
    own learning rate. Where several states describe one parameter vector (its norm and its overlap), give all of them
    the same rate.

    Parameters
    ----------
    lr : float
        Learning rate; ``rates`` scale it by parameter.
    steps : int
        Number of iterations.
    save : array of int
        Steps to keep; 0 and a logarithmic grid unless given.

    Returns
    -------
    xarray.Dataset
        As from `simulate`, over the integer coordinate ``step``; an event's time is the first step at which it
        has happened. See `simulate` for the other arguments and the errors.

    Examples
    --------
    >>> import minimodels as mm, sympy as sp
    >>> x = sp.Symbol("x")
    >>> bowl = mm.GradientFlow(name="bowl", state={"x": 1.0}, loss=x**2 / 2)
    >>> float(mm.descend(bowl, lr=0.5, steps=2).x[-1])
    0.25

    The same descent seen in u = x**2, whose Euler step is another:

    >>> square = mm.Flow(name="square", state={"u": 1.0}, drift={"u": "-2*u"}, descent={"u": "(1 - lr)**2*u"})
    >>> float(mm.descend(square, lr=0.5, steps=2).u[-1])
    0.0625
    """
    check_model(model)
    steps = check_steps(steps)
    grid: ArrayLike = [0.0, *np.unique(np.round(np.geomspace(1, steps, 400)))] if save is None else save
    options = Options(
        init=init, rates=rates, clamp=clamp, method="map", save=grid, events=events, stop_at=stop_at,
        max_steps=steps + 1, lr=lr,
    )  # fmt: skip
    stated = problem(model, steps, options, what="steps")
    return single(stated, "step", stated.save.astype(np.int64), on_failure, crossings, lr=stated.lr)
