r"""Optimisers, as frozen options: what one update does to a list of parameters.

The weight decay is **per step**, as in the author's program: it is not multiplied by the learning rate. (In a framework
that multiplies, 1e-6 a step at learning rate 0.01 is weight_decay = 1e-4.)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from minimodels.errors import InputError, check_number

State = dict[str, list[Tensor]]


def _decay(value: float) -> None:
    _positive("decay", value, zero=True)
    if value >= 1:
        raise InputError(f"`decay`, the share of every parameter that is lost in a step, must be below 1; got {value}.")


def _positive(name: str, value: float, *, zero: bool = False) -> None:
    number = check_number(value, f"`{name}`")
    if not (number > 0 or (zero and number == 0)):
        raise InputError(f"`{name}` must be finite and {'not negative' if zero else 'positive'}; got {value}.")


@dataclass(frozen=True)
class SGD:
    r""":math:`\theta \leftarrow (1 - \text{decay})\,\theta - \text{lr}\,\nabla\mathcal L`, for every parameter."""

    lr: float = 0.01
    decay: float = 1e-6
    kind: str = field(default="SGD", init=False)

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        _decay(self.decay)

    def start(self, parameters: Sequence[Tensor]) -> State:
        """Nothing to remember."""
        return {}

    def update(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], state: State, step: int) -> None:
        """Take one step in place."""
        if self.decay:
            torch._foreach_mul_(parameters, 1 - self.decay)
        torch._foreach_add_(parameters, gradients, alpha=-self.lr)


@dataclass(frozen=True)
class Adam:
    r""":math:`\theta \leftarrow (1-\text{decay})\,\theta - \text{lr}\,\hat m/(\sqrt{\hat v} + \text{eps})`."""

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    decay: float = 0.0
    kind: str = field(default="Adam", init=False)

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        _positive("eps", self.eps)
        _decay(self.decay)
        for name in ("beta1", "beta2"):
            if not 0 <= check_number(getattr(self, name), f"`{name}`") < 1:
                raise InputError(f"`{name}` must be at least 0 and below 1; got {getattr(self, name)}.")

    def start(self, parameters: Sequence[Tensor]) -> State:
        """First and second moments, zero."""
        return {name: [torch.zeros_like(p) for p in parameters] for name in ("m", "v")}

    def update(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], state: State, step: int) -> None:
        """Take one step in place; `step` counts from 0."""
        m, v = state["m"], state["v"]
        torch._foreach_lerp_(m, gradients, 1 - self.beta1)
        torch._foreach_mul_(v, self.beta2)
        torch._foreach_addcmul_(v, gradients, gradients, value=1 - self.beta2)
        scale = torch._foreach_sqrt(v)
        torch._foreach_div_(scale, (1 - self.beta2 ** (step + 1)) ** 0.5)
        torch._foreach_add_(scale, self.eps)
        if self.decay:
            torch._foreach_mul_(parameters, 1 - self.decay)
        torch._foreach_addcdiv_(parameters, m, scale, value=-self.lr / (1 - self.beta1 ** (step + 1)))
