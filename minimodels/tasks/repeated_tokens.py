r"""The repeated-token task: next tokens of a Markov chain with copied segments, a share of whose sequences is repeated.

After Hernandez et al. (2022): a share f of the training tokens comes from a small set of sequences, each seen many
times, the others are seen once. Sequence i of a seed is a function of (seed, i) alone.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError, check_between, check_memory, check_number, check_whole, unknown
from minimodels.streams import Stream, generator
from minimodels.tasks.item_label_draws import word
from minimodels.tasks.repeated_tokens_draws import write

DRAWS = 2**31 - 1
FINEST = 10**6  # f is a fraction with at most this denominator


@dataclass(frozen=True)
class TokenSequences:
    """A batch of n sequences of T tokens.

    Attributes
    ----------
    tokens : (n, T) whole numbers below V.
    copied : (n, T) whether a token continues a copy, so that it and the one before it have been there together.
    """

    tokens: NDArray[np.int64]
    copied: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class RepeatedTokensTask:
    r"""Predict every token from those before it.

    =============  ============================================================================================
    V              tokens in the vocabulary
    T              tokens of a sequence
    f              share of the training sequences that are repeats: of sequences 0, ..., i - 1, floor(f i) are
    distinct       sequences of the repeated set; it is gone through again and again, in a new order every time
    q              expected share of tokens, after the first `longest`, that lie in a copied segment
    shortest,      lengths of copied segments are uniform between these; a segment is copied from anywhere before it in
    longest        its sequence
    alpha          the next-token probabilities of every token are a draw from a Dirichlet law with this parameter
    source         number of the chain: the same for all seeds
    =============  ============================================================================================

    With f i = r * `distinct` repeats among i sequences, every sequence of the repeated set is seen r times. Repeats
    are whole sequences, evenly spaced among the others, that are all different. At f = 0 nothing is repeated.

    Raises
    ------
    InputError
        If an option cannot be; the sentence says what is allowed.

    Examples
    --------
    >>> task = RepeatedTokensTask(V=16, T=32, f=0.5, distinct=2)
    >>> batch = task.sample(0, 0, 8)
    >>> len(np.unique(batch.tokens, axis=0)), batch.tokens.shape
    (6, (8, 32))

    References
    ----------
    D. Hernandez et al., Scaling Laws and Interpretability of Learning from Repeated Data (arXiv 2205.10487). A chain
    with copies stands in for text.
    """

    V: int = 64
    T: int = 64
    f: float = 0.0
    distinct: int = 1
    q: float = 0.5
    shortest: int = 4
    longest: int = 12
    alpha: float = 0.4
    source: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (("V", 2, 2**12), ("T", 2, 2**16), ("distinct", 1, 2**31), ("source", 0, 2**32)):
            object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", low, high))
        for name in ("shortest", "longest"):
            object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", 2, 2**16))
        object.__setattr__(self, "f", check_between(self.f, "`f`", 0, 1))
        object.__setattr__(self, "q", check_between(self.q, "`q`", 0, 1))
        object.__setattr__(self, "alpha", check_number(self.alpha, "`alpha`"))
        if self.alpha <= 0:
            raise InputError(f"`alpha` must be positive; got {self.alpha:g}.")
        if not self.shortest <= self.longest < self.T:
            raise InputError(
                "copies have shortest <= longest < T; "
                f"got shortest={self.shortest}, longest={self.longest}, T={self.T}."
            )
        if self.q == 1:
            raise InputError("`q` must be below 1: what is copied has to be there first.")

    @property
    def share(self) -> Fraction:
        """The share f, exactly as it is used."""
        return Fraction(self.f).limit_denominator(FINEST)

    def repeats(self, sequences: int) -> Fraction:
        """How often every sequence of the repeated set is seen among so many, on average."""
        return Fraction(int(check_whole(sequences, "`sequences`", 0) * self.share), self.distinct)

    def transitions(self) -> NDArray[np.float64]:
        """Probabilities of the next token (V, V), the same for every seed."""
        return _transitions(self.V, self.alpha, self.source)

    def sample(self, seed: int, start: int, count: int) -> TokenSequences:
        """Sequences `start`, ..., `start + count - 1` of this seed's training."""
        start, count = check_whole(start, "`start`", 0, DRAWS), self._count(count)
        top, bottom = self.share.as_integer_ratio()
        before = np.arange(start, start + count + 1) * top // bottom  # repeats before each
        again = before[1:] > before[:-1]
        out = self._written(seed, np.arange(start, start + count), Stream.TRAINING)
        if again.any():
            epochs, places = np.divmod(before[:-1][again], self.distinct)
            members = np.array(
                [_order(seed, e, self.distinct)[p] for e, p in zip(epochs.tolist(), places, strict=True)]
            )
            repeated = self._written(seed, members, Stream.REPEATED)
            out.tokens[again], out.copied[again] = repeated.tokens, repeated.copied
        return out

    @property
    def tests(self) -> dict[str, str]:
        """The tests of `test_set`, each drawn as itself."""
        names = ("train", *(("repeated",) if self.f else ()), *(name for name, (m, _) in self.blocks.items() if m))
        return {name: name for name in names}

    @property
    def blocks(self) -> dict[str, tuple[int, int]]:
        """Of the tests that say a block again and again, its length and how often; 0: there is no room."""
        copies, blocks = min(10, self.T // 11), min(25, self.T // 4, self.V - 2)
        return {"copies": (copies if copies > 2 else 0, 11), "blocks": (blocks if blocks > 1 else 0, 4)}

    @property
    def usual_tests(self) -> tuple[str, ...]:
        """Those a training records unless told otherwise."""
        return tuple(name for name in self.tests if name != "train")

    def test_set(self, name: str, seed: int, count: int, *, draw: int = 0) -> TokenSequences:
        """Sequences of a fixed test of this seed; draws by number are independent.

        =========  ==================================================================================================
        train      fresh sequences of the same chain, none of which is repeated: the paper's test set
        repeated   members of the repeated set, drawn at random (f > 0)
        copies     a segment of the chain, 10 tokens if there is room, 11 times
        blocks     a block, 25 different tokens if there is room, not the most and the least frequent one, 4 times
        =========  ==================================================================================================
        """
        if name not in self.tests:
            raise unknown("test", name, list(self.tests))
        count, draw = self._count(count), check_whole(draw, "`draw`", 0, DRAWS)
        seed = check_whole(seed, "`seed`", 0, 2**64 - 1)
        if name == "train":
            return self._written(seed, np.arange(count), Stream.HELD_OUT + (draw << 32))
        rng = generator(seed, (Stream.REPEATED if name == "repeated" else Stream.COPIES) + ((draw + 1) << 32))
        if name == "repeated":
            return self._written(seed, rng.integers(self.distinct, size=count), Stream.REPEATED)
        length, times = self.blocks[name]
        if name == "blocks":
            known = np.argsort(self.frequencies())[1:-1]
            return _again(np.array([rng.permutation(known)[:length] for _ in range(count)]), times)
        short = replace(self, T=length, f=0, q=0, shortest=2, longest=2)
        return _again(short._written(seed, np.arange(count), Stream.COPIES + (draw << 32)).tokens, times)

    def frequencies(self) -> NDArray[np.float64]:
        """Shares of the tokens (V,) in the long run of the chain."""
        values, vectors = np.linalg.eig(self.transitions().T)
        found = np.abs(np.real(vectors[:, np.argmax(np.real(values))]))
        return found / found.sum()

    def check_stage(self, last: "RepeatedTokensTask") -> None:
        """Refuse to come before `last` in one training: the sizes of the network stay."""
        for name in ("V", "T"):
            if getattr(self, name) != getattr(last, name):
                raise InputError(
                    f"`{name}` must be the same in all stages, the network has tables of that size; got "
                    f"{getattr(self, name)} and, at last, {getattr(last, name)}."
                )

    def _count(self, count: int) -> int:
        count = check_whole(count, "`count`", 1)
        check_memory(9.0 * count * self.T, f"a sample of {count:.3g} sequences")
        return count

    def _written(self, seed: int, numbers: NDArray[np.int64], stream: int) -> TokenSequences:
        seed, count = check_whole(seed, "`seed`", 0, 2**64 - 1), len(numbers)
        tokens, copied = np.empty((count, self.T), np.int64), np.empty((count, self.T), np.bool_)
        begin = self.q / (self.q + (1 - self.q) * (self.shortest + self.longest) / 2)  # mean runs: 1/begin - 1 and l
        write(
            word(np.uint64(seed), stream), numbers.astype(np.int64), _cumulative(self.V, self.alpha, self.source),
            begin, self.shortest, self.longest, tokens, copied,
        )  # fmt: skip
        return TokenSequences(tokens, copied)


def _again(block: NDArray[np.int64], times: int) -> TokenSequences:
    """A block (n, m) so many times; from the second time on, all but its first token continue a copy."""
    copied = np.tile(np.arange(block.shape[1] * times) >= block.shape[1], (len(block), 1))
    return TokenSequences(np.tile(block, times).astype(np.int64), copied)


@lru_cache(maxsize=8)
def _transitions(V: int, alpha: float, source: int) -> NDArray[np.float64]:
    weights = generator(source, Stream.EMBEDDINGS).standard_gamma(alpha, (V, V)) + np.finfo(float).tiny
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@lru_cache(maxsize=8)
def _cumulative(V: int, alpha: float, source: int) -> NDArray[np.float64]:
    return np.cumsum(_transitions(V, alpha, source), axis=1)


@lru_cache(maxsize=256)
def _order(seed: int, epoch: int, distinct: int) -> NDArray[np.int64]:
    """The order in which the repeated set is gone through at a time."""
    return generator(seed, Stream.ORDER + (epoch << 32)).permutation(distinct)
