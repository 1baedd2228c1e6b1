"""What is seen, taken along: a figure, the data, and the lines of Python that reproduce them."""

import io
import pprint
from typing import TYPE_CHECKING, Any

from minimodels.explore.curves import POINTS
from minimodels.explore.state import ALWAYS, MAX_STEPS, State

if TYPE_CHECKING:
    import xarray as xr

FILES = {
    "figure.svg": "image/svg+xml",
    "figure.pdf": "application/pdf",
    "data.nc": "application/x-netcdf",
    "lines.py": "text/x-python; charset=utf-8",
}


def exported(name: str, state: State) -> bytes:
    """Return a file of `FILES` for a state.

    Raises
    ------
    InputError, RunFailed
        If there is no run at this state.
    """
    if name == "lines.py":
        return lines(state).encode()
    result = run(state)
    if name == "data.nc":
        from minimodels.results import checksum

        return bytes(result.assign_attrs(checksum=checksum(result)).to_netcdf(engine="h5netcdf"))
    from minimodels.plot import plot_run, style

    drawn = io.BytesIO()
    kept = [k for k in result.data_vars if k not in state.model.observables or k in (*state.show, "loss")]
    figure = plot_run(result[kept])
    with style():
        figure.savefig(drawn, format=name.rpartition(".")[2])
    return drawn.getvalue()


def run(state: State) -> "xr.Dataset":
    """Return the run of a state, as the lines of `lines` compute it."""
    import minimodels as mm

    verb = mm.descend if state.discrete else mm.simulate
    found: xr.Dataset = verb(state.model, **arguments(state, save=times(state)))
    return found


def times(state: State) -> Any:
    """Return the saved times of a linear axis of time; None for the logarithmic one that is usual."""
    import numpy as np

    if state.time == "log":
        return None
    grid = np.linspace(0, state.end, POINTS)
    return np.unique(np.round(grid)) if state.discrete else grid


def arguments(state: State, save: Any = None) -> dict[str, Any]:
    """Return the arguments of `simulate` or `descend` that make the run of a state."""
    given: dict[str, Any] = {"steps": int(state.end)} if state.discrete else {"t_end": state.end}
    if state.method == "descent":
        given["lr"] = state.lr
    if not state.discrete:
        given |= {"method": state.method, "rtol": state.rtol, "atol": state.atol, "max_steps": MAX_STEPS}
        given = {k: v for k, v in given.items() if v != {"method": "tsit5", "rtol": 1e-6, "atol": 1e-9}.get(k)}
    if state.init:
        given["init"] = dict(state.init)
    if state.clamp:
        given["clamp"] = {k: v if tuple(when) == ALWAYS else (v, *when) for k, (v, *when) in state.clamp.items()}
    return given | ({} if save is None else {"save": save})


def lines(state: State) -> str:
    """Return Python that reproduces the run, its figure and the phase diagram of a state.

    For a statement of one's own, ``m`` is the model that was explored, and has to be there.
    """
    chosen = {**state.subject.chosen, **state.model.given}
    rates = {k: str(e) for k, e in state.model.rates.items() if e != state.subject.model.rates[k]}
    made = ["import minimodels as mm", "import numpy as np", ""]
    if state.subject.name:
        made.append(f"m = {_call('mm.model', repr(state.subject.name), **chosen)}")
    else:
        made.append(f"# m is {state.model.name!r}, the model that was explored")
        if state.model.given:
            made.append(f"m = {_call('m.with_values', **state.model.given)}")
    if rates:
        made.append(f"m = {_call('m.with_rates', **rates)}")
    verb = "mm.descend" if state.discrete else "mm.simulate"
    spread = f"np.linspace(0, {state.end!r}, {POINTS})"
    save = {} if state.time == "log" else {"save": Raw(f"np.unique(np.round({spread}))" if state.discrete else spread)}
    made += [f"run = {_call(verb, 'm', **arguments(state), **save)}", "figure = mm.plot_run(run)"]
    if state.diagram is not None:
        axes = {
            name: Raw(f"np.{'geom' if r.log else 'lin'}space({r.low!r}, {r.high!r}, 65)") for name, r in state.diagram
        }
        end = {k: v for k, v in arguments(state).items() if k != "max_steps"}
        made += [f"grid = {_call('mm.sweep', 'm', repr_of(axes), **end, keep=[state.target])}",
                 f"diagram = mm.plot_sweep(grid, {state.target!r})"]  # fmt: skip
    return "\n".join(made) + "\n"


class Raw:
    """A piece of Python that is written as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def repr_of(value: Any) -> str:
    """Return a value as Python; infinity is written so that it is read again."""
    return pprint.pformat(value, width=10**6, sort_dicts=False, compact=True).replace("inf)", 'float("inf"))')


def _call(function: str, *args: str, **options: Any) -> str:
    text = ", ".join([*args, *(f"{k}={repr_of(v)}" for k, v in options.items())])
    return f"{function}({text})"
