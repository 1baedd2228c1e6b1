"""In-context linear regression: pairs (x_i, y_i = w . x_i), then x_q whose label is asked for.

von Oswald et al. (ICML 2023). Task i of a seed is a function of (seed, i) alone: it takes its own stretch of a
counter-based stream, turned into its laws by their inverse distribution functions, so that options which only scale or
shift (a range of x, a scale of w, the law) keep the underlying draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from minimodels.errors import (
    InputError,
    check_choice,
    check_flag,
    check_memory,
    check_number,
    check_numbers,
    check_whole,
    shown,
    unknown,
)
from minimodels.streams import Stream, generator

Array: TypeAlias = NDArray[np.float64]
Law = Literal["uniform", "gaussian", "laplace", "exponential", "mixed"]
SMALLEST, LARGEST = 1e-12, 1e12  # of a variance or a scale
TINY = 2.0**-54  # keeps the logarithms and normal quantiles of a draw of 0 finite
NUMBERS = 2**16  # drawn at a time, so that they stay in the cache


@dataclass(frozen=True)
class Regressions:
    """n regression tasks: `x` (n, N, d) and `y` (n, N) in the context; `query` (n, d) and its label `target` (n,)."""

    x: Array
    y: Array
    query: Array
    target: Array

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class LinearRegressionTask:
    r"""Predict :math:`w\cdot x_q` from N pairs :math:`(x_i, w\cdot x_i)`, with :math:`w\sim N(0, \tau^2 I)`.

    ==========  ======================================================================================================
    N, d        context pairs, input dimension
    law         of a coordinate of x: "uniform", "gaussian", "laplace" (all centred, variance s), "exponential" (not
                centred, scale sqrt(s)); "mixed": gaussian, exponential or laplace, one third of the tasks each
    s           variance of a coordinate; 1/12 is that of U(-1/2, 1/2), the paper's
    tau         standard deviation of the entries of w
    x_scale     factor of all x, context and query
    sigma       standard deviation of the noise of context labels
    corrupted   labels of the context that are replaced by N(0, 1)
    spectrum    variances of the coordinates in place of s: anisotropic inputs
    frobenius   whether x, context and query, is divided by the Frobenius norm of the context, before `x_scale`
    pool        tasks that there are, taken in turn; None: a fresh one every time
    ==========  ======================================================================================================

    Raises
    ------
    InputError
        For an option that cannot be.

    Examples
    --------
    >>> batch = LinearRegressionTask(N=4, d=3).sample(0, 0, 5)
    >>> batch.x.shape, batch.y.shape, bool(abs(batch.x).max() <= 0.5)
    ((5, 4, 3), (5, 4), True)

    References
    ----------
    J. von Oswald et al., Transformers learn in-context by gradient descent, ICML 2023 (arXiv 2212.07677); draws as in
    the authors' program, whose inputs are U(-1/2, 1/2).
    """

    N: int = 10
    d: int = 10
    law: Law = "uniform"
    s: float = 1 / 12
    tau: float = 1.0
    x_scale: float = 1.0
    sigma: float = 0.0
    corrupted: int = 0
    spectrum: tuple[float, ...] | None = None
    frobenius: bool = False
    pool: int | None = None

    usual_tests: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name, low in (("N", 1), ("d", 1), ("corrupted", 0), ("pool", 1)):
            if name != "pool" or self.pool is not None:
                object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", low, 2**31))
        check_choice(self.law, "`law`", get_args(Law))
        for name, zero in (("s", False), ("tau", True), ("x_scale", True), ("sigma", True)):
            value = check_number(getattr(self, name), f"`{name}`")
            if not (value > 0 or (zero and value == 0)):
                raise InputError(f"`{name}` must be {'not negative' if zero else 'positive'}; got {shown(value)}.")
            if not (value == 0 or SMALLEST <= value <= LARGEST):
                raise InputError(f"`{name}` must lie between {SMALLEST:g} and {LARGEST:g}; got {shown(value)}.")
        if self.corrupted > self.N:
            raise InputError(f"at most N={self.N} labels can be corrupted; got corrupted={self.corrupted}.")
        object.__setattr__(self, "frobenius", check_flag(self.frobenius, "`frobenius`"))
        if self.spectrum is not None:
            values = tuple(check_numbers(self.spectrum, "`spectrum`", SMALLEST, LARGEST).tolist())
            if len(values) != self.d:
                raise InputError(f"`spectrum` is d={self.d} positive variances; got {shown(self.spectrum)}.")
            object.__setattr__(self, "spectrum", values)

    @property
    def tests(self) -> Mapping[str, str]:
        """One test set, drawn as in training."""
        return {"train": "train"}

    def sample(self, seed: int, start: int, count: int, *, stream: int = Stream.TRAINING, draw: int = 0) -> Regressions:
        """Tasks `start`, ..., `start + count - 1` of a stream of this seed; draws by number are independent."""
        start, count = check_whole(start, "`start`", 0), check_whole(count, "`count`", 1)
        seed, draw = check_whole(seed, "`seed`", 0, 2**64 - 1), check_whole(draw, "`draw`", 0, 2**31 - 1)
        N, d = self.N, self.d
        sizes = [(N + 1) * d, d, N, N, 1]  # uniform numbers of a task: inputs, w, noise, other labels, a third
        counters = -(-sum(sizes) // 4)  # the generator counts in blocks of four
        check_memory(32.0 * counters * (count + 2), f"a sample of {count:.3g} tasks")
        x, y, target = np.empty((count, N + 1, d)), np.empty((count, N)), np.empty(count)
        stretch, stream = max(1, NUMBERS // (4 * counters)), stream + (draw << 32)
        pool = self.pool if stream == Stream.TRAINING else None
        done = 0
        while done < count:
            number = start + done if pool is None else (start + done) % pool
            size = min(stretch, count - done, stretch if pool is None else pool - number)
            part = slice(done, done + size)
            u = drawn(seed, stream, number * counters, (size, 4 * counters))
            inputs, w, noise, others, third, _ = np.split(u, np.cumsum(sizes), axis=1)
            x[part] = self._inputs(inputs.reshape(size, N + 1, d), third[:, 0])
            labels = np.einsum("nid,nd->ni", x[part], self.tau * ndtri(w))
            y[part] = labels[:, :N] + (self.sigma * ndtri(noise) if self.sigma else 0.0)
            y[part, : self.corrupted] = ndtri(others[:, : self.corrupted])
            target[part] = labels[:, N]
            done += size
        return Regressions(x[:, :N], y, x[:, N], target)

    def test_set(self, name: str, seed: int, count: int, *, draw: int = 0) -> Regressions:
        """Fixed tasks of this seed, drawn apart from training."""
        if name != "train":
            raise unknown("test", name, list(self.tests))
        return self.sample(seed, 0, count, stream=Stream.HELD_OUT, draw=draw)

    def check_stage(self, last: "LinearRegressionTask") -> None:
        """Refuse to come before `last` in one training: the width of the tokens stays."""
        if self.d != last.d:
            raise InputError(f"`d` must be the same in all stages; got {self.d} and, at last, {last.d}.")

    def _inputs(self, u: Array, third: Array) -> Array:
        """Inputs from uniform numbers, by the inverse distribution functions."""
        scale = np.sqrt(self.s if self.spectrum is None else np.array(self.spectrum))
        if self.law == "mixed":
            x = np.empty_like(u)
            for number, law in enumerate(("gaussian", "exponential", "laplace")):
                chosen = np.minimum((3 * third).astype(int), 2) == number
                x[chosen] = INVERSE[law](u[chosen])
        else:
            x = INVERSE[self.law](u)
        x *= scale
        if self.frobenius:
            x /= np.sqrt((x[:, : self.N] ** 2).sum((1, 2), keepdims=True))
        if self.x_scale != 1:
            x *= self.x_scale
        return x


def drawn(seed: int, stream: int, first: int, shape: tuple[int, int]) -> Array:
    """Uniform numbers in (0, 1) of a stream from a place of its counter on."""
    rng = generator(seed, stream)
    rng.bit_generator.advance(first)  # type: ignore[attr-defined]
    u = rng.random(shape)
    u += TINY
    return u


def _uniform(u: Array) -> Array:
    x = u - 0.5
    x *= np.sqrt(12)
    return x


def _laplace(u: Array) -> Array:
    away = u - 0.5
    return np.asarray(-np.sign(away) * np.log1p(-2 * np.abs(away)) / np.sqrt(2))


INVERSE: dict[str, Any] = {  # of laws of variance 1
    "uniform": _uniform,
    "gaussian": ndtri,
    "laplace": _laplace,
    "exponential": lambda u: -np.log1p(-u),
}
