r"""Optimisers, as frozen options: what one update does to a list of parameters.

The weight decay is **per step**, as in the author's program: it is not multiplied by the learning rate. (In a framework
that multiplies, 1e-6 a step at learning rate 0.01 is weight_decay = 1e-4.) A gradient is clipped for every seed by
itself: if the norm over all its parameters is above `clip`, it is scaled down to it. A `schedule` of points
``((step, share), ...)`` multiplies the learning rate, linearly between the points and constantly beyond them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from minimodels.errors import InputError, check_number, check_whole, shown

State = dict[str, list[Tensor]]


@dataclass(frozen=True)
class Descent:
    """What optimisers share: learning rate, decay a step, largest norm of a gradient, shares of the rate by step."""

    lr: float = 0.01
    decay: float = 0.0
    clip: float | None = None
    schedule: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        _positive("decay", self.decay, zero=True)
        if self.decay >= 1:
            raise InputError(
                f"`decay`, the share of every parameter that is lost in a step, must be below 1; got {self.decay}."
            )
        if self.clip is not None:
            _positive("clip", self.clip)
        object.__setattr__(self, "schedule", _points(self.schedule))

    def rate(self, step: int) -> float:
        """Learning rate of an update."""
        if not self.schedule:
            return self.lr
        steps, shares = np.array(self.schedule).T
        return self.lr * float(np.interp(step, steps, shares))

    def clipped(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """The gradients, those of a seed scaled down together where their norm is too large."""
        if self.clip is None:
            return gradients
        squares = sum(g.flatten(1).square().sum(1) for g in gradients)
        factor = (self.clip / torch.as_tensor(squares).sqrt()).clamp(max=1.0)
        return [g * factor.view(-1, *[1] * (g.dim() - 1)) for g in gradients]


@dataclass(frozen=True)
class SGD(Descent):
    r""":math:`\theta \leftarrow (1 - \text{decay})\,\theta - \text{lr}\,\nabla\mathcal L`, for every parameter."""

    decay: float = 1e-6

    def start(self, parameters: Sequence[Tensor]) -> State:
        """Nothing to remember."""
        return {}

    def update(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], state: State, step: int) -> None:
        """Take one step in place."""
        if self.decay:
            torch._foreach_mul_(parameters, 1 - self.decay)
        torch._foreach_add_(parameters, self.clipped(gradients), alpha=-self.rate(step))


@dataclass(frozen=True)
class Adam(Descent):
    r""":math:`\theta \leftarrow (1-\text{decay})\,\theta - \text{lr}\,\hat m/(\sqrt{\hat v} + \text{eps})`."""

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("eps", self.eps)
        for name in ("beta1", "beta2"):
            if not 0 <= check_number(getattr(self, name), f"`{name}`") < 1:
                raise InputError(f"`{name}` must be at least 0 and below 1; got {getattr(self, name)}.")

    def start(self, parameters: Sequence[Tensor]) -> State:
        """First and second moments, zero."""
        return {name: [torch.zeros_like(p) for p in parameters] for name in ("m", "v")}

    def update(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], state: State, step: int) -> None:
        """Take one step in place; `step` counts from 0."""
        if self.decay:
            torch._foreach_mul_(parameters, 1 - self.decay)
        steps = torch.full((len(parameters),), float(step), device=parameters[0].device)
        alike = [  # the kernel takes numbers as they lie in memory
            g if g.stride() == p.stride() else torch.empty_like(p).copy_(g)
            for g, p in zip(self.clipped(gradients), parameters, strict=True)
        ]
        adam(
            list(parameters), alike, state["m"], state["v"], [], list(steps.unbind()),
            fused=True, amsgrad=False, beta1=self.beta1, beta2=self.beta2, lr=self.rate(step), weight_decay=0.0,
            eps=self.eps, maximize=False,
        )  # fmt: skip


def _positive(name: str, value: float, *, zero: bool = False) -> None:
    number = check_number(value, f"`{name}`")
    if not (number > 0 or (zero and number == 0)):
        raise InputError(f"`{name}` must be finite and {'not negative' if zero else 'positive'}; got {value}.")


def _points(schedule: object) -> tuple[tuple[int, float], ...]:
    """Check the points of a schedule."""
    example = "points (step, share), as ((0, 0.0), (100, 1.0))"
    if not isinstance(schedule, tuple | list) or not all(isinstance(p, tuple | list) and len(p) == 2 for p in schedule):
        raise InputError(f"`schedule` is {example}; got {shown(schedule)}.")
    found = tuple((check_whole(step, "a step of `schedule`", 0), check_number(s, "a share")) for step, s in schedule)
    if any(a[0] >= b[0] for a, b in pairwise(found)) or any(share < 0 for _, share in found):
        raise InputError(f"`schedule` has rising steps and shares that are not negative; got {shown(schedule)}.")
    return found
