"""Updates against those of PyTorch: clipping by seed, schedules of the learning rate."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.validation.toy import Product, Slope  # noqa: E402
from validation import SGD, Adam, train  # noqa: E402

SEEDS, SHAPES = 3, ((4, 5), (7,))


def tensors(scale: float = 1.0) -> list[torch.Tensor]:
    """Parameters or gradients of three seeds, of very different size."""
    generator = torch.Generator().manual_seed(int(10 * scale))
    sizes = torch.tensor([0.01, 1.0, 100.0], dtype=torch.float64)
    made = [torch.randn(SEEDS, *shape, generator=generator, dtype=torch.float64) for shape in SHAPES]
    return [scale * t * sizes.view(-1, *[1] * len(shape)) for t, shape in zip(made, SHAPES, strict=True)]


def turned(t: torch.Tensor) -> torch.Tensor:
    """The same numbers in another order of memory."""
    return t.mT.contiguous().mT if t.dim() > 2 else t


@pytest.mark.parametrize("parameters_turned", [False, True])
@pytest.mark.parametrize("gradients_turned", [False, True])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_every_seed_is_clipped_and_scheduled_as_it_would_be_alone(
    kind: str, gradients_turned: bool, parameters_turned: bool
) -> None:
    schedule = ((0, 0.0), (2, 1.0), (4, 0.5))
    ours = {"SGD": SGD(lr=0.1, decay=0.0, clip=2.0, schedule=schedule),
            "Adam": Adam(lr=0.1, clip=2.0, schedule=schedule)}[kind]  # fmt: skip
    together = [turned(t) if parameters_turned else t for t in tensors()]
    alone = [[torch.nn.Parameter(t[seed].clone()) for t in together] for seed in range(SEEDS)]
    theirs = [getattr(torch.optim, kind)(parameters, lr=0.1) for parameters in alone]
    state = ours.start(together)
    for step in range(6):
        gradients = tensors(0.5 + step)
        ours.update(together, [turned(g) if gradients_turned else g for g in gradients], state, step)
        for seed, (parameters, optimiser) in enumerate(zip(alone, theirs, strict=True)):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient[seed].clone()
            torch.nn.utils.clip_grad_norm_(parameters, 2.0)
            optimiser.param_groups[0]["lr"] = 0.1 * float(np.interp(step, [0, 2, 4], [0.0, 1.0, 0.5]))
            optimiser.step()
    for seed in range(SEEDS):
        for mine, other in zip(together, alone[seed], strict=True):
            torch.testing.assert_close(mine[seed], other.detach(), rtol=1e-6, atol=1e-9)


def test_a_gradient_below_the_limit_is_left_as_it_is() -> None:
    options = {"steps": 6, "record_every": 1, "held_out": 8, "batch": 8, "progress": False}
    free, clipped, tight = (
        train(Slope(), Product(), optimiser=SGD(lr=0.1, clip=clip), **options) for clip in (None, 1e6, 1e-3)
    )
    np.testing.assert_array_equal(free["loss"], clipped["loss"])
    assert (free["loss"][1:] < tight["loss"][1:]).all()
    still = train(Slope(), Product(), optimiser=SGD(lr=0.1, decay=0.0, schedule=((3, 0.0), (4, 1.0))), **options)
    assert (still["share"][:5] == still["share"][0]).all()  # the rate of updates 0 to 3 is zero
    assert still["share"][5] > still["share"][0]
