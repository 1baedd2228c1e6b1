"""The independent random streams of one seed, all in one table.

A new use takes a new number and leaves the old draws as they are. Those of a single paper begin at `FREE`.
"""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a stream of a seed is for."""

    EMBEDDINGS = 0
    TRAINING = 1
    HELD_OUT = 2
    IN_CONTEXT = 3
    NETWORK = 4  # initial parameters
    RATES = 5  # samples that effective rates are averaged over
    SWAPPED = 6
    IN_WEIGHTS = 7
    ABSENT = 8
    HEAD = 9  # the induction head's initial classifier
    VECTORS = 10  # truths and starts of models made of vectors
    OTHER_LABELS = 11  # sequences with combinations of labels that training never shows
    OTHER_EXEMPLARS = 12
    REPEATED = 13  # the sequences that are repeated
    ORDER = 14  # in which they are gone through
    COPIES = 15  # segments that are copied again and again
    FORECAST = 2**32  # draws of what is unknown of a training; beyond the numbers of all papers


FREE = 16


def generator(seed: int, stream: int) -> np.random.Generator:
    """Return the generator of a stream: counter-based, keyed by (seed, stream)."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, stream], np.uint64)))
