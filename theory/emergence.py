"""How the time to emergence grows with the size of the problem: the laws of every wing, and what sweeps measure.

A wing's file ``laws`` states its laws. The two-variable models share one flow, whose time is linear in the context;
nested logits pass through two stages, hence the powers 3/2 and 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from minimodels.errors import InputError
from minimodels.models import model as build
from minimodels.sweep import sweep
from theory import wings


@dataclass(frozen=True)
class Law:
    """A sweep along one variable, others tied to it by a factor, and the exponent that its times tend to."""

    name: str
    model: str
    variable: str
    limit: float
    sizes: tuple[float, ...]
    choices: Mapping[str, Any] = field(default_factory=dict)
    tied: Mapping[str, float] = field(default_factory=dict)
    init: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, Any] = field(default_factory=dict)

    def times(self) -> np.ndarray:
        """Return the located escape times at the sizes."""
        axes = {self.variable: np.array(self.sizes)}
        axes |= {k: factor * axes[self.variable] for k, factor in self.tied.items()}
        run = sweep(
            build(self.model, **self.choices), points=axes, t_end=1e18, keep=("escape_time",), init=self.init,
            rates=self.rates, rtol=1e-9, atol=1e-12, stop_at="escape_time", progress=False,
        )  # fmt: skip
        return np.asarray(run["escape_time"].values)


def powers(first: float, last: float) -> tuple[float, ...]:
    """Return five sizes at equal ratios."""
    return tuple(np.geomspace(first, last, 5).tolist())


def emergence_scaling() -> xr.Dataset:
    """Measure by sweeps how the time to emergence grows, for every law.

    Returns
    -------
    xarray.Dataset
        Dimensions law, step and interval: ``size`` and ``time`` at each step, the local ``exponent`` between two
        steps, its ``limit``, and the ``model`` and ``variable`` of each law. A second or two once kernels are warm.

    Raises
    ------
    InputError
        If no wing states a law.
    """
    laws = [law for module in wings.modules("laws") for law in module.LAWS]
    if not laws:
        raise InputError("there is no growth law to measure: no wing of `theory` states one.")
    times, sizes = np.stack([law.times() for law in laws]), np.array([law.sizes for law in laws])
    exponents = np.diff(np.log(times), axis=1) / np.diff(np.log(sizes), axis=1)
    return xr.Dataset(
        {
            "model": ("law", [law.model for law in laws]),
            "variable": ("law", [law.variable for law in laws]),
            "size": (("law", "step"), sizes),
            "time": (("law", "step"), times),
            "exponent": (("law", "interval"), exponents),
            "limit": ("law", np.array([law.limit for law in laws])),
        },
        coords={"law": [law.name for law in laws]},
        attrs={"event": "escape_time, located", "method": "tsit5, rtol 1e-9"},
    )
