"""One trajectory of a flow."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from minimodels.clamp import Windows
from minimodels.engine.stepper.status import Status
from minimodels.errors import InputError, RunFailed, check_choice, check_flag, check_number
from minimodels.failure import reason
from minimodels.model import Event, Model, Statement, check_model
from minimodels.problem import Options, Problem, check_starts, problem
from minimodels.results import dataset

if TYPE_CHECKING:
    import xarray as xr

CROSSINGS = 2**16  # the most of a run


def simulate(
    model: Model,
    *,
    t_end: float,
    init: Mapping[str, float] | None = None,
    rates: Mapping[str, Statement] | None = None,
    clamp: Mapping[str, Windows] | None = None,
    schedule: Mapping[str, Windows] | None = None,
    method: str = Options.method,
    rtol: float = Options.rtol,
    atol: float = Options.atol,
    step: float | None = None,
    max_step: float = Options.max_step,
    save: ArrayLike | None = None,
    events: Mapping[str, Event] | None = None,
    stop_at: str | None = None,
    crossings: bool = False,
    max_steps: int = Options.max_steps,
    steady: float = Options.steady,
    on_failure: Literal["raise", "keep"] = "raise",
) -> "xr.Dataset":
    r"""Integrate :math:`\dot x_i = \eta_i f_i(x)` from 0 to ``t_end``.

    Of a gradient flow, time is learning rate x steps. A state with bounds stops where it meets one, located like an
    event, and leaves it where the drift turns inwards.

    Parameters
    ----------
    model : GradientFlow or Flow
        With its parameters set.
    init : mapping of str to float
        Initial values; the model's own where not given.
    rates : mapping of str to number or expression
        Rate of a state, e.g. ``{"xi": "1/(L-1)"}``.
    clamp : mapping of str to value, (value, start, end) or a sequence of these
        States held at a number or an expression of the parameters, for all times or within windows, whose edges the
        steps hit exactly.
    schedule : mapping of str to the same
        Parameters that have another number within windows, for the flow, observables and events alike. One that a
        default, a rate or a clamp follows is refused.
    method : str
        ``tsit5`` unless the flow is stiff (``rodas4``); ``rk4`` takes a fixed ``step``.
    rtol, atol : float
        Local error is kept below ``atol + rtol*|x|`` in root mean square over the states.
    max_step : float
        Longest step. Error control sees the flow at the places where it is evaluated, and nothing between: a pulse
        that is short against the steps around it is stepped over with every tolerance met. Give it a window of a
        ``schedule``, or bound the steps.
    save : array of times
        Increasing, within [0, t_end]; 0 and a logarithmic grid of 400 unless given. Dense output: steps are not
        shortened.
    events : mapping of str to Event
        Crossings to locate besides the model's own; none is missed that the dense output shows. An event has the time
        of its first crossing, continuous or by the jump of a clamp. If there is none it is 0 where the run starts on
        the level or beyond it, in the direction of the event, and else nan and censored.
    stop_at : str
        Event that ends the run.
    crossings : bool
        Whether to return every crossing of every event, in order of time, with the state there: ``crossing_time``,
        ``crossing_event`` (its name) and ``<name>_at_crossing`` of states, loss and observables, over ``crossing``.
    steady : float
        End the run when every rate of change is below this, now or, for a flow that an explicit method only holds at
        rest within the tolerance, on average.
    on_failure : {"raise", "keep"}
        Whether a run that fails raises `RunFailed` or is returned with its status.

    Returns
    -------
    xarray.Dataset
        States, loss and observables over ``time``; each event's first time (nan if it did not happen, then
        ``..._censored`` tells whether the run got to its end); ``status`` and ``steps``.

    Raises
    ------
    InputError, RunFailed

    Examples
    --------
    >>> import minimodels as mm
    >>> m = mm.model("nested_logit", N=8, L=32, attend="labels")
    >>> run = mm.simulate(m, t_end=200.0, init={"beta_1": 0, "alpha": 0, "xi": 0})
    >>> round(float(run.escape_time), 2)
    49.53
    """
    end = check_number(t_end, "`t_end`")
    check_model(model)
    times = save
    if save is None and end > 1e-300:
        times = np.minimum(np.concatenate([[0.0], np.geomspace(1e-4 * end, end, 400)]), end)
    elif save is None:
        times = [0.0, end]
    options = Options(
        init=init, rates=rates, clamp=clamp, schedule=schedule, method=method, rtol=rtol, atol=atol, step=step,
        max_step=max_step, save=times, events=events, stop_at=stop_at, max_steps=max_steps, steady=steady,
    )  # fmt: skip
    stated = problem(model, t_end, options)
    return single(stated, "time", stated.save, on_failure, crossings, t_end=stated.end)


def single(
    stated: Problem, dim: str, coordinate: ArrayLike, on_failure: str, crossings: bool, **attrs: float | str
) -> "xr.Dataset":
    """Run one point of a problem and return it as a dataset over ``dim``."""
    if check_flag(crossings, "`crossings`") and not stated.events:
        raise InputError(f"{stated.model.name!r} has no event to cross; give `events`.")
    check_choice(on_failure, "`on_failure`", ("raise", "keep"))
    check_starts(stated)
    y0, par, status = stated.points({}, 1)
    try:
        batch = stated.run(y0, par, status, np.zeros(1, dtype=np.uint8), CROSSINGS if crossings else 0)
    except OverflowError as error:
        remedy = "end it earlier or watch fewer events"
        raise RunFailed(f"the run of {stated.model.name!r} has {error}; {remedy}.") from error
    code = Status(int(batch.status[0]))
    if code.failed and on_failure == "raise":
        raise RunFailed(reason(stated, batch, par, dim))
    data = {
        name: ((dim,) if values.ndim == 2 else (), values[0])
        for name, values in stated.named(batch, par, stated.results).items()
    }
    if crossings:
        data |= {name: (("crossing",), values) for name, values in stated.crossings(batch, par).items()}
    return dataset(stated.model, {dim: np.asarray(coordinate)}, data, **stated.settings(), **attrs)
