"""What a claim reads off the trained cells: the losses of a scan by its number of repeats, beside its clean control."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from minimodels.tasks.repeated_tokens import RepeatedTokensTask
from validation.hernandez import damage, settings
from validation.hernandez.damage import Floats
from validation.ledger import Context
from validation.trainings import NetworkTraining


def evaluated_of(context: Context, training: NetworkTraining) -> xr.Dataset:
    """The network at the end of a training."""
    from validation.hernandez.analyses import evaluated

    return context.of(training, evaluated)


@dataclass(frozen=True)
class Scan:
    """The cells of one share f, by the number of repeats, and the control without repeats."""

    f: float
    cells: Mapping[int, xr.Dataset]
    clean: xr.Dataset

    def damage(self, name: str = "loss") -> tuple[Floats, Floats]:
        """Return ln r (R,) and ln(L/L_clean) (seeds, R)."""
        return damage.logs({r: cell[name].values for r, cell in self.cells.items()}, self.clean[name].values)

    def at_worst(self, values: Mapping[int, Floats]) -> Floats:
        """Values of every seed where the loss of the other seeds is worst."""
        return damage.at_worst(self.damage()[1], np.stack([values[r] for r in self.cells], axis=1))

    def read(self, name: str) -> Floats:
        """A column of the cells, of every seed where the loss of the other seeds is worst."""
        return self.at_worst({r: cell[name].values for r, cell in self.cells.items()})


def scan(context: Context, f: float) -> Scan:
    """The main scan at a share."""
    cells = {r: evaluated_of(context, training) for r, training in settings.scan(context.full, f).items()}
    return Scan(f, cells, evaluated_of(context, control(context)))


def control(context: Context) -> NetworkTraining:
    """The main scan's network, without repeats."""
    return settings.controls(context.full)[settings.width(context.full)]


def sizes(context: Context) -> dict[int, dict[str, int]]:
    """Numbers of parameters of the controls, by width."""
    return {d: training.network.sizes(RepeatedTokensTask()) for d, training in settings.controls(context.full).items()}  # type: ignore[attr-defined]


def tokens_a_parameter(context: Context) -> float:
    """T/p of the main scan."""
    training = control(context)
    tokens = training.steps * training.batch * training.task.T  # type: ignore[attr-defined]
    return float(tokens / sizes(context)[settings.width(context.full)]["p"])


def clean(context: Context, name: str = "loss") -> tuple[list[float], list[float]]:
    """N of the controls and their mean losses."""
    each = settings.controls(context.full)
    numbers = [sizes(context)[d]["N"] for d in each]
    losses = [evaluated_of(context, training)[name] for training in each.values()]
    return [float(n) for n in numbers], [float(loss.mean()) for loss in losses]


def multiplier(context: Context, values: Floats, name: str = "loss") -> Floats:
    """Return ln x = ln(N_eff/N) of losses of the main scan's network, by interpolation on the controls."""
    numbers, losses = clean(context, name)
    return damage.effective(numbers, losses, values) - np.log(numbers[-1])
