r"""In-context regression of sine waves: pairs (x_i, y_i = A sin(x_i + phase)), then x_q whose label is asked for.

von Oswald et al. (ICML 2023). In the authors' program amplitude and phase come of one random key, so that

.. math:: A\sim U(0.1, 0.5),\qquad \text{phase} = \pi\,(A - 0.1)/0.4

is a family of one parameter. Task i of a seed is a function of (seed, i) alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from minimodels.errors import InputError, check_flag, check_memory, check_number, check_whole, shown, unknown
from minimodels.streams import Stream
from minimodels.tasks.linear_regression import Regressions, drawn


@dataclass(frozen=True)
class SineRegressionTask:
    r"""Predict :math:`A\sin(x_q+\text{phase})` from N pairs, with :math:`x\sim U(-\text{reach}, \text{reach})`.

    ==========  ======================================================================================================
    N           context pairs; inputs have d = 1 coordinate
    low, high   amplitudes are U(low, high)
    reach       largest input, in absolute value
    one_key     whether the phase is pi (A - low)/(high - low), as in the authors' program; else U(0, pi) by itself
    ==========  ======================================================================================================

    Raises
    ------
    InputError
        For an option that cannot be.

    Examples
    --------
    >>> batch = SineRegressionTask(N=4).sample(0, 0, 5)
    >>> batch.x.shape, batch.y.shape, bool(abs(batch.y).max() <= 0.5)
    ((5, 4, 1), (5, 4), True)

    References
    ----------
    J. von Oswald et al., Transformers learn in-context by gradient descent, ICML 2023 (arXiv 2212.07677), whose text
    has amplitudes U(0.1, 5); their program, as here, U(0.1, 0.5).
    """

    N: int = 10
    low: float = 0.1
    high: float = 0.5
    reach: float = 5.0
    one_key: bool = True

    d: ClassVar[int] = 1
    usual_tests: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "N", check_whole(self.N, "`N`", 1, 2**31))
        low, high = check_number(self.low, "`low`"), check_number(self.high, "`high`")
        if not 0 <= low < high:
            raise InputError(f"amplitudes are from `low` to a larger `high`, not negative; got low={low}, high={high}.")
        if not check_number(self.reach, "`reach`") > 0:
            raise InputError(f"`reach` must be positive; got {shown(self.reach)}.")
        object.__setattr__(self, "one_key", check_flag(self.one_key, "`one_key`"))

    @property
    def tests(self) -> Mapping[str, str]:
        """One test set, drawn as in training."""
        return {"train": "train"}

    def sample(self, seed: int, start: int, count: int, *, stream: int = Stream.TRAINING, draw: int = 0) -> Regressions:
        """Tasks `start`, ..., `start + count - 1` of a stream of this seed; draws by number are independent."""
        start, count = check_whole(start, "`start`", 0), check_whole(count, "`count`", 1)
        seed, draw = check_whole(seed, "`seed`", 0, 2**64 - 1), check_whole(draw, "`draw`", 0, 2**31 - 1)
        blocks = -(-(self.N + 3) // 4)  # the generator counts in blocks of four
        check_memory(32.0 * blocks * count, f"a sample of {count:.3g} tasks")
        u = drawn(seed, stream + (draw << 32), start * blocks, (count, 4 * blocks))
        amplitude = self.low + (self.high - self.low) * u[:, :1]
        phase = np.pi * (u[:, :1] if self.one_key else u[:, 1:2])
        x = self.reach * (2 * u[:, 2 : self.N + 3] - 1)
        labels = amplitude * np.sin(x + phase)
        return Regressions(x[:, :-1, None], labels[:, :-1], x[:, -1:], labels[:, -1])

    def test_set(self, name: str, seed: int, count: int, *, draw: int = 0) -> Regressions:
        """Fixed tasks of this seed, drawn apart from training."""
        if name != "train":
            raise unknown("test", name, list(self.tests))
        return self.sample(seed, 0, count, stream=Stream.HELD_OUT, draw=draw)

    def check_stage(self, last: "SineRegressionTask") -> None:
        """Any of these may come before another in one training: tokens have one width."""
