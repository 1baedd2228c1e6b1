"""The item-label task: sequences x_1, l_1, ..., x_N, l_N, x_q whose last item asks for its label.

Reddy (ICLR 2024), data as in the author's programs. Sequence i of a seed is a function of (seed, i) alone, so any range
can be drawn again, in any order. Novel class means are shared by blocks of 128 sequences, the paper's minibatch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError, check_choice, check_memory, check_whole, shown, unknown
from minimodels.streams import Stream, generator
from minimodels.tasks.item_label_draws import choose, contents, word

FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]

TESTS = ("train", "IC", "IC2", "IW", "IW_absent")


@dataclass(frozen=True)
class Embeddings:
    """What is drawn once per run: `labels` (L, D) and class means `means` (K, D), entries N(0, 1/D)."""

    labels: FloatArray
    means: FloatArray


@dataclass(frozen=True)
class Sequences:
    """A batch of n sequences; T = 2N + 1 tokens, token 2k an item and 2k + 1 its label (counted from 0).

    Attributes
    ----------
    content : (n, T, D) what the tokens hold.
    shift : (n,) the first position s; token t sits at position s + t.
    labels : (n, N) the label in every slot.
    target : (n,) the label of the last item.
    matches : (n, N) which slots hold an item of the target's class.
    novel : (n,) whether the classes are novel.
    """

    content: FloatArray
    shift: IntArray
    labels: IntArray
    target: IntArray
    matches: NDArray[np.bool_]
    novel: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.target)

    def tokens(self, positions: int) -> FloatArray:
        """The tokens (n, T, positions + D): a one-hot position first, then the content."""
        n, length, width = self.content.shape
        out = np.zeros((n, length, positions + width), np.float32)
        out[np.arange(n)[:, None], np.arange(length), self.shift[:, None] + np.arange(length)] = 1
        out[:, :, positions:] = self.content
        return out


@dataclass(frozen=True)
class ItemLabelTask:
    """Predict the label of x_q, where an item is x = (mu_k + eps eta)/sqrt(1 + eps^2), eta ~ N(0, I/D).

    ================  =========================================================================================
    N                 item-label pairs in the context (sequence length 2N + 1)
    L                 labels; the label of class k is k mod L (at zipf = 0 classes are alike: other maps change nothing)
    K                 classes; a multiple of L
    B                 burstiness: copies of every context class; divides N, B < N; 0: no bursty sequences
    D                 content dimension
    eps               within-class noise
    zipf              exponent of the class frequencies, P(k) proportional to k^-zipf, k = 1..K
    p_B               probability that a sequence is bursty; otherwise context and target are i.i.d. from P(k)
    p_C               probability that a sequence uses novel classes (always bursty)
    K_c               novel classes per block of 128 sequences, or None: a fresh item for every context label
    N_max             2 N_max + 1 position dimensions, the sequence shifted at random; N_max = N: no shift
    unique_labels     whether the N/B classes of a bursty context have distinct labels
    label_vectors     "gaussian": entries N(0, 1/D); "orthonormal" (L <= D): without overlaps, as for large D
    ================  =========================================================================================

    With `unique_labels` the labels of a bursty context are drawn first, then a class of each: P(k) is not used there,
    only by i.i.d. sequences. Without, its classes are i.i.d. from P(k), so that one may occur more than B times. Novel
    sequences never use it; zipf > 0 is refused where no sequence would. With B = 0 no sequence is bursty but the novel
    ones, which have N/2 copies of a class.

    Raises
    ------
    InputError
        If an option cannot be; the sentence says what is allowed.

    Examples
    --------
    >>> batch = ItemLabelTask(N=4, L=8, K=16, D=5, N_max=4).sample(0, 0, 3)
    >>> batch.content.shape, batch.labels.shape, bool(batch.matches.any(axis=1).all())
    ((3, 9, 5), (3, 4), True)

    References
    ----------
    G. Reddy, The mechanistic basis of data dependence and abrupt learning in an in-context classification task,
    ICLR 2024 (arXiv 2312.03002); sampling rules as in the author's program.
    """

    N: int = 8
    L: int = 32
    K: int = 128
    B: int = 1
    D: int = 63
    eps: float = 0.1
    zipf: float = 0.0
    p_B: float = 1.0
    p_C: float = 0.0
    K_c: int | None = 128
    N_max: int = 32
    unique_labels: bool = True
    label_vectors: Literal["gaussian", "orthonormal"] = "gaussian"

    usual_tests: ClassVar[tuple[str, ...]] = ("IC",)  # of `tests`, those a training records unless told otherwise

    def __post_init__(self) -> None:
        for name, low in (("N", 2), ("L", 2), ("K", 1), ("B", 0), ("D", 1), ("N_max", 1), ("K_c", 1)):
            if name != "K_c" or self.K_c is not None:
                object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", low, 2**31))
        if self.B == 0 and self.N % 2:
            raise InputError(f"B = 0 needs an even `N` for the copies of novel classes; got N={self.N}.")
        if self.N % self.copies or self.copies == self.N:
            divisors = [str(b) for b in range(1, self.N) if self.N % b == 0]
            raise InputError(f"`B` must divide `N` and be below it; got B={self.B}, N={self.N}: use {_or(divisors)}.")
        for name, size in (("K", self.K), ("K_c", self.K_c)):
            if size is not None and size % self.L:
                raise InputError(
                    f"`{name}` must be a multiple of `L`; got {name}={size}, L={self.L}: "
                    f"use {_or([str(m) for m in (size // self.L * self.L, (size // self.L + 1) * self.L) if m])}."
                )
        if self.unique_labels and self.N_c > self.L:
            raise InputError(
                f"`L` must be at least N/B = {self.N_c} for distinct context labels; got L={self.L}: "
                "raise `L`, or set `unique_labels` to False."
            )
        if self.N_max < self.N:
            raise InputError(f"`N_max` must be at least `N`; got N_max={self.N_max}, N={self.N}: use {self.N} or more.")
        for name, usual in (("eps", "0.1 is the paper's value"), ("zipf", "0 makes all classes equally frequent")):
            value: Any = getattr(self, name)
            if not (isinstance(value, int | float | np.number) and 0 <= value <= 1e300):
                raise InputError(f"`{name}` must be finite and not negative; got {shown(value)}: {usual}.")
        for name in ("p_B", "p_C"):
            value = getattr(self, name)
            if not (isinstance(value, int | float | np.number) and 0 <= value <= 1):
                raise InputError(f"`{name}` must be a probability; got {shown(value)}: use a value in [0, 1].")

        check_choice(self.label_vectors, "`label_vectors`", ("gaussian", "orthonormal"))
        if self.unique_labels not in (True, False):
            raise InputError(f"`unique_labels` is True or False; got {shown(self.unique_labels)}.")
        if self.label_vectors == "orthonormal" and self.L > self.D:
            raise InputError(f"at most D={self.D} label vectors can be orthonormal; got L={self.L}: raise `D`.")
        if self.zipf > 0 and self.p_C == 1:
            raise InputError(
                f"zipf={self.zipf:g} would do nothing: with p_C = 1 every sequence has novel classes, all equally "
                "frequent; set `p_C` below 1, or `zipf` to 0."
            )
        if self.zipf > 0 and self.unique_labels and self.B > 0 and self.p_B == 1:
            raise InputError(
                f"zipf={self.zipf:g} would do nothing: with `unique_labels` bursty contexts do not use the class "
                "frequencies; set `unique_labels` to False, or p_B below 1."
            )

    @property
    def copies(self) -> int:
        """Copies of every class in a bursty context: B, or N/2 for B = 0."""
        return self.B or self.N // 2

    @property
    def N_c(self) -> int:
        """Distinct classes in a bursty context, N/B."""
        return self.N // self.copies

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Class frequencies P(k), (K,)."""
        weights = np.arange(1, self.K + 1) ** -float(self.zipf)
        return np.asarray(weights / weights.sum())

    @property
    def label_frequencies(self) -> NDArray[np.float64]:
        """Frequencies of the labels under P(k), (L,)."""
        return self.frequencies.reshape(-1, self.L).sum(axis=0)

    @property
    def absent(self) -> NDArray[np.float64]:
        """Chance P(k)(1 - P(k))^N that an i.i.d. target is of class k and the context without it, (K,)."""
        return self.frequencies * (1 - self.frequencies) ** self.N

    @property
    def length(self) -> int:
        """Tokens in a sequence, 2N + 1."""
        return 2 * self.N + 1

    @property
    def positions(self) -> int:
        """Position dimensions, P = 2 N_max + 1."""
        return 2 * self.N_max + 1

    @property
    def width(self) -> int:
        """Width of a token, d = P + D."""
        return self.positions + self.D

    def embeddings(self, seed: int) -> Embeddings:
        """Label vectors and class means of the run with this seed."""
        rng = generator(_checked(seed), Stream.EMBEDDINGS)
        scale = np.float32(1 / np.sqrt(self.D))
        labels, means = (rng.standard_normal((number, self.D), np.float32) for number in (self.L, self.K))
        if self.label_vectors == "orthonormal":
            labels, scale_of_labels = np.linalg.qr(labels.T.astype(np.float64))[0].T, 1.0
        else:
            scale_of_labels = float(scale)
        return Embeddings(np.ascontiguousarray(labels * scale_of_labels, np.float32), means * scale)

    def sample(self, seed: int, start: int, count: int, *, stream: int = Stream.TRAINING, draw: int = 0) -> Sequences:
        """Sequences `start`, ..., `start + count - 1` of a stream of this seed; draws by number are independent."""
        start, count = check_whole(start, "`start`", 0), check_whole(count, "`count`", 1)
        check_memory(4.0 * self.D * (count * self.length + self.K + self.L), f"a sample of {count:.3g} sequences")
        emb, key, N = _embeddings(self, seed), word(np.uint64(seed), stream + (draw << 32)), self.N
        shift, classes = np.empty(count, np.int64), np.empty((count, N + 1), np.int64)
        content = np.empty((count, self.length, self.D), np.float32)
        pool = self.K_c or 0
        absent = _cumulative(self, absent=True) if stream == Stream.ABSENT else np.empty(0)
        choose(
            key, start, self.p_C, self.p_B if self.B else 0.0, self.N_c, self.L, self.K, pool, 2 * (self.N_max - N) + 1,
            self.unique_labels, _cumulative(self), absent, shift, classes,
        )  # fmt: skip
        labels = (classes + (stream == Stream.SWAPPED)) % self.L
        contents(key, start, pool, emb.means, classes, emb.labels, labels, np.float32(self.eps), content)
        matches, novel = classes[:, :N] == classes[:, N:], classes[:, 0] >= self.K
        return Sequences(content, shift, labels[:, :N], labels[:, N], matches, novel)

    @property
    def tests(self) -> dict[str, str]:
        """The tests of `test_set`, each with the one it is drawn as: at p_C = 1 training is IC already."""
        return {name: "train" if name == "IC" and self.p_C == 1 else name for name in TESTS}

    def check_stage(self, last: "ItemLabelTask") -> None:
        """Refuse to come before `last` in one training: token width, label vectors and class means of a seed stay.

        Embeddings are drawn labels first, then class after class. L may be smaller at first than at the end where all
        classes are novel (p_C = 1), since the label of an old class is k mod L.
        """
        for name in ("D", "N_max"):
            if getattr(self, name) != getattr(last, name):
                raise InputError(
                    f"`{name}` must be the same in all stages, the width of the network follows from it; got "
                    f"{getattr(self, name)} and, at last, {getattr(last, name)}."
                )
        if self.L > last.L or (self.L < last.L and self.p_C < 1):
            raise InputError(
                f"`L` may only be smaller than in the last stage, and only with p_C=1 (labels of old classes would "
                f"change); got L={self.L}, p_C={self.p_C} and, at last, L={last.L}."
            )

    def test_set(self, name: str, seed: int, count: int, *, draw: int = 0) -> Sequences:
        """Sequences of a fixed test of this seed; draws by number are independent.

        =========  ==================================================================================================
        train      as in training
        IC         novel classes with the old labels, bursty (B = N/2 for B = 0)
        IC2        known classes, bursty as in training; labels of context and target shown as (label + 1) mod L
        IW         context and target i.i.d. from P(k)
        IW_absent  the sequences of IW whose target class is not in the context
        =========  ==================================================================================================
        """
        if name not in TESTS:
            raise unknown("test", name, TESTS)
        if name == "IW_absent" and not self.absent.any():
            raise InputError(
                f"zipf={self.zipf:g} leaves one class only, always in the context, and the test IW_absent empty: "
                "lower `zipf`."
            )
        bursty = 1.0 if self.B else 0.0
        unused = 0.0 if self.unique_labels and self.B else self.zipf
        loose = replace(self, p_B=0.0, p_C=0.0)
        task, stream = {
            "train": (self, Stream.HELD_OUT),
            "IC": (replace(self, p_C=1.0, zipf=0.0), Stream.IN_CONTEXT),  # p_B and P(k) are not used
            "IC2": (replace(self, p_B=bursty, p_C=0.0, zipf=unused), Stream.SWAPPED),
            "IW": (loose, Stream.IN_WEIGHTS),
            "IW_absent": (loose, Stream.ABSENT),
        }[name]
        return task.sample(seed, 0, count, stream=stream, draw=draw)

    def batches(self, seed: int, size: int, *, first: int = 0, stream: int = Stream.TRAINING) -> Iterator[Sequences]:
        """Minibatches without end, beginning with number `first`; batch b holds sequences b*size, ..."""
        index = first
        while True:
            yield self.sample(seed, index * size, size, stream=stream)
            index += 1


@lru_cache(maxsize=32)
def _embeddings(task: ItemLabelTask, seed: int) -> Embeddings:
    return task.embeddings(seed)


@lru_cache(maxsize=32)
def _cumulative(task: ItemLabelTask, *, absent: bool = False) -> NDArray[np.float64]:
    """Cumulative frequencies of the classes, of absent targets; none where classes are alike."""
    if task.zipf == 0 and not absent:
        return np.empty(0)
    cumulative = np.cumsum(task.absent if absent else task.frequencies)
    return np.asarray(cumulative / cumulative[-1])


def _checked(seed: int) -> int:
    if check_whole(seed, "`seed`", 0, 2**200) >= 2**64:
        raise InputError(f"`seed` must be below 2**64; got {seed}: use a smaller one.")
    return seed


def _or(values: list[str]) -> str:
    return values[0] if len(values) == 1 else ", ".join(values[:-1]) + " or " + values[-1]


def check_task(task: Any) -> ItemLabelTask:
    """Return ``task`` if it is one, or say what is."""
    if not isinstance(task, ItemLabelTask):
        raise InputError(f"`task` is an ItemLabelTask, as mm.ItemLabelTask(N=8, L=32); got {shown(task)}.")
    return task
