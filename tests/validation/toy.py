"""The slope of a product: two weights learn u v = a. From small weights the escape waits for their size's logarithm."""

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import xarray as xr

from minimodels.streams import Stream, generator
from validation.checks import between, ordered
from validation.ledger import Context, Finding, Ledger, claim, collected
from validation.optimisers import SGD
from validation.trainings import NetworkTraining


@dataclass(frozen=True)
class Slope:  # the task: y = a x + noise
    a: float = 1.0
    tests: ClassVar = MappingProxyType({"train": "train", "wide": "wide"})
    usual_tests: ClassVar = ()

    def sample(self, seed, start, count, stream=Stream.TRAINING):
        x, noise = np.array([generator(seed, stream + (i << 8)).normal(size=2) for i in range(start, start + count)]).T
        return np.stack([x, self.a * x + 0.1 * noise])

    def test_set(self, name, seed, count, *, draw=0):
        return self.sample(seed, draw * count, count, Stream.HELD_OUT) * (3.0 if name == "wide" else 1.0)

    def check_stage(self, last): ...


@dataclass(frozen=True)
class Product:  # the network: u v x, whose u can be held at one
    size: float = 0.1
    sites: ClassVar = MappingProxyType({"u": ("one",)})
    on_tests: ClassVar = ("loss",)
    escape: ClassVar = "share"

    def initial(self, task, seed):
        return dict(zip("uv", self.size * (1 + 0.1 * generator(seed, Stream.NETWORK).normal(size=(2, 1))), strict=True))

    def batch(self, task, samples, device="cpu"):
        import torch

        return torch.from_numpy(np.stack(samples)), task.a

    def losses(self, parameters, batch, held):
        slope = (1.0 if "u" in held else parameters["u"]) * parameters["v"]
        return {"loss": ((slope * batch[0][:, 0] - batch[0][:, 1]) ** 2).mean(1) / 2}

    def measures(self, parameters, batch, held):
        slope = (1.0 if "u" in held else parameters["u"]) * parameters["v"]
        return {"loss": self.losses(parameters, batch, held)["loss"].detach(), "share": slope[:, 0].detach() / batch[1]}

    def cost(self, task):
        return 1.0


def weights(training: NetworkTraining, folder: Path) -> xr.Dataset:
    from validation.checkpoint import load_parameters

    return xr.Dataset({name: ("seed", t.numpy()[:, 0]) for name, t in load_parameters(folder).items()})


SMALL, SMALLER = (
    NetworkTraining(
        name=f"size-{size:g}", task=Slope(), network=Product(size), optimiser=SGD(lr=0.1), steps=150, seeds=(0, 1, 2),
        batch=8, held_out=32, record_every=5, checkpoint_every=10, analyses=(weights,),
    )
    for size in (0.1, 0.01)
)  # fmt: skip


def course(data: xr.Dataset) -> tuple[object, str]:
    from validation.drawing import subplots

    figure, axes = subplots()
    axes.plot(data.step, data["share"].T)
    return figure, f"At the end {float(data['share'].isel(step=-1).mean()):.2f} of the slope is learnt."


@claim("X1", "The slope is learnt", level="network", headline=True, trainings=[SMALL], figure=course)
def learnt(context: Context) -> Finding:
    found = context.of(SMALL, weights)
    return Finding([between("u v", (found["u"] * found["v"]).values, 0.9, 1.1, 1.0)], context.of(SMALL))


@claim("X2", "Smaller weights escape later", level="network", trainings=[SMALL, SMALLER])
def later(context: Context) -> Finding:
    small, smaller = (context.of(training)["escape_step"].values for training in (SMALL, SMALLER))
    return Finding([ordered("steps from .01 minus from .1", smaller - small, "later")])


LEDGER = Ledger("The slope of a product", collected(vars()), lambda: [(Slope(), Product())])
