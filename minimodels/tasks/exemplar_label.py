r"""The exemplar-label task: sequences x_1, l_1, ..., x_P, l_P, x_q whose query asks for the label of its class.

Singh et al. (2024, 2025). Sequence i of a seed is a function of (seed, i) alone, and so is exemplar e of class c of
(seed, c, e): any range can be drawn again, in any order. The classes of a seed are

.. math:: x_c = \sqrt r\,m + \sqrt{1-r}\,g_c, \qquad x_{c,e} = \sqrt{1-w}\,x_c + \sqrt w\,g_{c,e},

with one m for all, and m, g of independent N(0, 1) coordinates.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import (
    InputError,
    check_between,
    check_choice,
    check_flag,
    check_memory,
    check_whole,
    unknown,
)
from minimodels.streams import Stream, generator
from minimodels.tasks.exemplar_label_draws import ABSENT, FIXED, FLIPPED, PLANTED, RELABELLED, choose, contents
from minimodels.tasks.item_label_draws import word

FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]

KINDS = {"relabelled": RELABELLED, "fixed": FIXED, "planted": PLANTED}
MOST_SETS = 200_000  # combinations of labels that can be listed
SECOND = 1 << 32  # a second stream under the same number
DRAWS = 2**31 - 1


@dataclass(frozen=True)
class ExemplarSequences:
    """A batch of n sequences.

    Attributes
    ----------
    exemplars : (n, P + 1, D) those of the context, then the query.
    labels : (n, P) the label behind each exemplar of the context.
    target : (n,) the label that is asked for.
    classes : (n, P + 1) the class of every exemplar; from C on unseen in training.
    """

    exemplars: FloatArray
    labels: IntArray
    target: IntArray
    classes: IntArray

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class ExemplarLabelTask:
    r"""Predict the label that the class of the query has in the context, or has always.

    =============  ============================================================================================
    P              exemplar-label pairs in the context (2P + 1 tokens)
    K              labels
    C              classes in training
    D              dimension of an exemplar
    labels         "relabelled": a context's classes get the labels of one combination, in any order, anew in every
                   sequence; "fixed": class c has label c (K = C); "planted": fixed, and the query's class is not in
                   the context, but its label is, behind an exemplar of another class
    held_out       share of the combinations of labels that training never shows ("relabelled"); 0: all are shown
    B              copies of every class in a context; divides P
    exemplars      exemplars of a class in training; None: fresh ones everywhere
    query          "same": all tokens of a class in a sequence are one exemplar, bit by bit; "another": each is drawn
    r              expected cosine of two classes, before any clipping
    w              share of an exemplar's variance that is its own
    clip           whether negative coordinates of exemplars become 0
    unseen         classes that only a test shows
    =============  ============================================================================================

    Every label is in some combination of training. The classes of a context are uniform, and different from each other.

    Raises
    ------
    InputError
        If an option cannot be; the sentence says what is allowed.

    Examples
    --------
    >>> batch = ExemplarLabelTask(D=16).sample(0, 0, 3)
    >>> batch.exemplars.shape, batch.labels.shape, bool((batch.labels == batch.target[:, None]).any(axis=1).all())
    ((3, 3, 16), (3, 2), True)

    References
    ----------
    A. K. Singh et al., What needs to go right for an induction head? (arXiv 2404.07129), and Strategy coopetition
    explains the emergence and transience of in-context learning (arXiv 2503.05631). Gaussian exemplars stand in for
    features of images.
    """

    P: int = 2
    K: int = 5
    C: int = 50
    D: int = 512
    labels: Literal["relabelled", "fixed", "planted"] = "relabelled"
    held_out: float = 0.2
    B: int = 1
    exemplars: int | None = 1
    query: Literal["same", "another"] = "same"
    r: float = 0.0
    w: float = 0.0
    clip: bool = False
    unseen: int = 100

    def __post_init__(self) -> None:
        lows = {"P": 2, "K": 2, "C": 2, "D": 1, "B": 1, "unseen": 0}
        for name, low in lows.items():
            object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", low, 2**24))
        if self.exemplars is not None:
            object.__setattr__(self, "exemplars", check_whole(self.exemplars, "`exemplars`, if any,", 1, 2**31))
        for name in ("held_out", "r", "w"):
            object.__setattr__(self, name, check_between(getattr(self, name), f"`{name}`", 0, 1))
        check_choice(self.labels, "`labels`", tuple(KINDS))
        check_choice(self.query, "`query`", ("same", "another"))
        object.__setattr__(self, "clip", check_flag(self.clip, "`clip`"))
        if self.P % self.B or self.B == self.P:
            raise InputError(f"`B` must divide `P` and be below it; got B={self.B}, P={self.P}: use 1.")
        need = self.distinct + (self.labels == "planted")
        if need > self.C:
            raise InputError(f"`C` must be at least {need}, the classes of a sequence; got C={self.C}.")
        if 0 < self.unseen < self.distinct:
            raise InputError(f"`unseen` is 0 or at least P/B = {self.distinct}; got unseen={self.unseen}.")
        if self.labels != "relabelled" and self.K != self.C:
            raise InputError(f"labels={self.labels!r} has one label a class: K = C; got K={self.K}, C={self.C}.")
        if self.labels == "relabelled":
            self._check_sets()
        if self.w == 0 and (self.query == "another" or self.exemplars != 1):
            raise InputError("at w = 0 all exemplars of a class are one: raise `w`, or leave `exemplars` and `query`.")
        check_memory(4.0 * self.D * (self.C + self.unseen), f"the vectors of {self.C + self.unseen} classes")

    def _check_sets(self) -> None:
        if self.distinct > self.K:
            raise InputError(f"`K` must be at least P/B = {self.distinct}, the labels of a context; got K={self.K}.")
        total = math.comb(self.K, self.distinct)
        if self.held_out and total > MOST_SETS:
            raise InputError(
                f"{self.distinct} of K={self.K} labels have {total} combinations, more than the {MOST_SETS} that can "
                "be held out from: set `held_out` to 0, or lower `K`."
            )
        if self.held_out and (total - round(self.held_out * total)) * self.distinct < self.K:
            raise InputError(
                f"held_out={self.held_out:g} leaves too few of the {total} combinations for every label to be in "
                "some: lower it."
            )

    @property
    def distinct(self) -> int:
        """Classes in a context, P/B."""
        return self.P // self.B

    @property
    def length(self) -> int:
        """Tokens in a sequence, 2P + 1."""
        return 2 * self.P + 1

    def label_sets(self, seed: int) -> tuple[IntArray, IntArray]:
        """Combinations of labels of this seed: those of training (m, P/B), and those held out."""
        return _label_sets(self, check_whole(seed, "`seed`", 0, 2**64 - 1))

    def vectors(self, seed: int) -> FloatArray:
        """The vectors of all classes of this seed (C + unseen, D), unseen ones last, before any clipping."""
        return _vectors(self, check_whole(seed, "`seed`", 0, 2**64 - 1))

    def sample(self, seed: int, start: int, count: int) -> ExemplarSequences:
        """Sequences `start`, ..., `start + count - 1` of this seed, as in training."""
        return self._drawn(KINDS[self.labels], seed, start, count, Stream.TRAINING)

    @property
    def tests(self) -> dict[str, str]:
        """The tests of `test_set`, each drawn as itself."""
        if self.labels != "relabelled":
            names = ["train", "ICL", "Flip", "CIWL", "IWL"] if self.distinct < self.C else ["train", "ICL", "Flip"]
        else:
            names = ["train"]
            names += ["labels"] if self.held_out and len(self.label_sets(0)[1]) else []
            names += ["classes"] if self.unseen else []
        names += ["exemplars"] if self.w and self.exemplars is not None else []
        return {name: name for name in names}

    @property
    def usual_tests(self) -> tuple[str, ...]:
        """Those a training records unless told otherwise."""
        return tuple(name for name in self.tests if name != "train")

    def test_set(self, name: str, seed: int, count: int, *, draw: int = 0) -> ExemplarSequences:
        """Sequences of a fixed test of this seed; draws by number are independent.

        =========  ==================================================================================================
        train      as in training
        labels     combinations of labels that training never shows ("relabelled")
        classes    unseen classes ("relabelled")
        exemplars  other exemplars of the classes, as many as there are sequences (w > 0, not with fresh exemplars)
        ICL        labels 0, ..., P/B - 1 for the classes of the context, in any order ("fixed", and all below)
        Flip       every class of the context has the label of the next; the query's is asked for
        CIWL       the query's class is not in the context, its label is, behind an exemplar of another class
        IWL        neither is
        =========  ==================================================================================================
        """
        if name not in self.tests:
            raise unknown("test", name, list(self.tests))
        usual = KINDS[self.labels]
        kind, stream = {
            "train": (usual, Stream.HELD_OUT),
            "labels": (usual, Stream.OTHER_LABELS),
            "classes": (usual, Stream.IN_CONTEXT),
            "exemplars": (usual, Stream.OTHER_EXEMPLARS),
            "ICL": (RELABELLED, Stream.IN_CONTEXT),
            "Flip": (FLIPPED, Stream.SWAPPED),
            "CIWL": (PLANTED, Stream.IN_WEIGHTS),
            "IWL": (ABSENT, Stream.ABSENT),
        }[name]
        return self._drawn(kind, seed, 0, count, stream, draw)

    def check_stage(self, last: "ExemplarLabelTask") -> None:
        """Refuse to come before `last` in one training: the sizes of the network stay."""
        for name in ("D", "K"):
            if getattr(self, name) != getattr(last, name):
                raise InputError(
                    f"`{name}` must be the same in all stages, the width of the network follows from it; got "
                    f"{getattr(self, name)} and, at last, {getattr(last, name)}."
                )

    def _drawn(self, kind: int, seed: int, start: int, count: int, stream: int, draw: int = 0) -> ExemplarSequences:
        start, count = check_whole(start, "`start`", 0), check_whole(count, "`count`", 1)
        seed, draw = check_whole(seed, "`seed`", 0, 2**64 - 1), check_whole(draw, "`draw`", 0, DRAWS)
        check_memory(4.0 * self.D * count * (self.P + 1), f"a sample of {count:.3g} sequences")
        unseen = stream == Stream.IN_CONTEXT and self.labels == "relabelled"
        other = stream == Stream.OTHER_EXEMPLARS
        begin, number = (self.C, self.unseen) if unseen else (0, self.C)
        classes, which = np.empty((count, self.P + 1), np.int64), np.empty((count, self.P + 1), np.int64)
        labels, target = np.empty((count, self.P), np.int64), np.empty(count, np.int64)
        key = word(np.uint64(seed), stream + (draw << 32))
        choose(
            key, start, kind, begin, number, self.distinct, self.K, 0 if other else self.exemplars or 0,
            self.exemplars or 0 if other else 0, self.B, self.query == "same", self._sets(kind, seed, stream),
            classes, which, labels, target,
        )  # fmt: skip
        exemplars = np.empty((count, self.P + 1, self.D), np.float32)
        own = word(np.uint64(seed), Stream.EMBEDDINGS)
        contents(own, self.vectors(seed), classes, which, self.w, self.clip, exemplars)
        return ExemplarSequences(exemplars, labels, target, classes)

    def _sets(self, kind: int, seed: int, stream: int) -> IntArray:
        """The combinations of labels of a stream; none: any."""
        if kind == RELABELLED and self.labels != "relabelled":
            return np.arange(self.distinct)[None]
        if kind == RELABELLED and self.held_out:
            return self.label_sets(seed)[stream == Stream.OTHER_LABELS]
        return np.empty((0, self.distinct), np.int64)


@lru_cache(maxsize=8)
def _vectors(task: ExemplarLabelTask, seed: int) -> FloatArray:
    rng = generator(seed, Stream.EMBEDDINGS)
    m, unseen, seen = (rng.standard_normal((n, task.D), np.float32) for n in (1, task.unseen, task.C))
    return np.sqrt(np.float32(task.r)) * m + np.sqrt(np.float32(1 - task.r)) * np.concatenate([seen, unseen])


@lru_cache(maxsize=32)
def _label_sets(task: ExemplarLabelTask, seed: int) -> tuple[IntArray, IntArray]:
    if task.labels != "relabelled":
        raise InputError(f"labels={task.labels!r} has no combinations of labels that are held out.")
    if not task.held_out:
        raise InputError("held_out=0 holds no combinations of labels out, and lists none.")
    every = np.array(list(combinations(range(task.K), task.distinct)))
    rng, held = generator(seed, Stream.EMBEDDINGS + SECOND), round(task.held_out * len(every))
    for _ in range(10_000):
        order = rng.permutation(len(every))
        shown, hidden = every[np.sort(order[held:])], every[np.sort(order[:held])]
        if len(np.unique(shown)) == task.K:
            return np.ascontiguousarray(shown), np.ascontiguousarray(hidden)
    raise InputError(f"no choice was found in which every label is shown at held_out={task.held_out:g}: lower it.")
