"""The two inner loops of the exemplar-label data: which classes, exemplars and labels, and what the exemplars are.

Words of random bits by counter, as in `item_label_draws`: a sequence is a function of (seed, index) alone, an exemplar
of (seed, class, number) alone, so that two tokens with the same class and number are the same to the last bit.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from minimodels.tasks.item_label_draws import OPTIONS, below, normals, word

RELABELLED, FIXED, FLIPPED, PLANTED, ABSENT = range(5)  # what the labels of a sequence are


@njit("int64(uint64, int64, int64)", **OPTIONS)
def any_exemplar(key: np.uint64, i: int, number: int) -> int:
    """A number of an exemplar, below ``number``; if that is 0, any."""
    return below(key, i, number) if number else int(np.int64(word(key, i) >> np.uint64(2)))


@njit(
    "void(uint64, int64, int64, int64, int64, int64, int64, int64, int64, int64, boolean, int64[:,::1], int64[:,::1], "
    "int64[:,::1], int64[:,::1], int64[::1])",
    **OPTIONS,
)
def choose(
    key: np.uint64,
    first: int,
    kind: int,
    begin: int,
    number: int,
    distinct: int,
    K: int,
    exemplars: int,
    from_exemplar: int,
    copies: int,
    same: bool,
    sets: NDArray[np.int64],
    classes: NDArray[np.int64],
    which: NDArray[np.int64],
    labels: NDArray[np.int64],
    target: NDArray[np.int64],
) -> None:
    """Fill classes and exemplar numbers (n, P + 1), query last, labels (n, P) and target (n,) of sequences ``first``...

    ``distinct`` classes out of ``number``, from ``begin`` on, are in a context, ``copies`` times each, in any order.
    Their labels are a row of ``sets`` in any order or, where there are none, any of K, all different (RELABELLED);
    their own (FIXED); those of the next of them (FLIPPED). The query is of one of these classes, or of none of them,
    its label in the place of one of theirs (PLANTED) or nowhere (ABSENT). ``exemplars`` of a class are there, 0: fresh
    ones, numbered from ``from_exemplar`` on; all tokens of a class are the ``same`` one, or each is one of its own.
    """
    n, P = labels.shape
    out = 1 if kind in (PLANTED, ABSENT) else 0  # whether the query's class is not in the context
    picked, its = np.empty(distinct + 1, np.int64), np.empty(distinct + 1, np.int64)
    chosen, slot = np.empty(distinct + 1, np.int64), np.empty(P, np.int64)
    for s in range(n):
        own = word(key, first + s)
        i = -1
        for k in range(distinct + out):  # the query's class first
            again = True
            while again:
                i += 1
                picked[k] = begin + below(own, i, number)
                again = False
                for m in range(k):
                    again |= picked[m] == picked[k]
        if kind == RELABELLED:
            if sets.shape[0]:
                i += 1
                row = sets[below(own, i, sets.shape[0])]
                for k in range(distinct):  # every order is as likely
                    i += 1
                    m = below(own, i, k + 1)
                    its[k] = its[m]
                    its[m] = row[k]
            else:
                for k in range(distinct):
                    again = True
                    while again:
                        i += 1
                        its[k] = below(own, i, K)
                        again = False
                        for m in range(k):
                            again |= its[m] == its[k]
        else:
            for k in range(distinct + out):
                its[k] = picked[(k + 1) % distinct] if kind == FLIPPED else picked[k]
            if kind == PLANTED:
                i += 1
                its[1 + below(own, i, distinct)] = picked[0]
        target[s] = its[0]
        for k in range(distinct + out):
            i += 1
            chosen[k] = from_exemplar + any_exemplar(own, i, exemplars)
        for j in range(P):
            i += 1
            m = below(own, i, j + 1)
            slot[j] = slot[m]
            slot[m] = j // copies
        for j in range(P + 1):
            k = slot[j] + out if j < P else 0
            classes[s, j], which[s, j] = picked[k], chosen[k]
            if j < P:
                labels[s, j] = its[k]
            if not same:
                i += 1
                which[s, j] = from_exemplar + any_exemplar(own, i, exemplars)


@njit("void(uint64, float32[:,::1], int64[:,::1], int64[:,::1], float64, boolean, float32[:,:,::1])", **OPTIONS)
def contents(
    key: np.uint64,
    vectors: NDArray[np.float32],
    classes: NDArray[np.int64],
    which: NDArray[np.int64],
    w: float,
    clip: bool,
    out: NDArray[np.float32],
) -> None:
    r"""Fill exemplars :math:`\sqrt{1-w}\,x_c + \sqrt w\,g_{c,e}` of classes c with numbers e, (n, P + 1, D).

    ``vectors`` are those of the classes, (C, D); with ``clip`` negative coordinates become 0.
    """
    n, tokens, D = out.shape
    a, b = np.float32(math.sqrt(1.0 - w)), np.float32(math.sqrt(w))
    numbers = np.zeros(D + D % 2, np.float32)
    for s in range(n):
        for j in range(tokens):
            item, vector = out[s, j], vectors[classes[s, j]]
            if b > 0:
                normals(word(word(key, classes[s, j]), which[s, j]), numbers)
                for m in range(D):
                    item[m] = a * vector[m] + b * numbers[m]
            else:
                for m in range(D):
                    item[m] = vector[m]
            if clip:
                for m in range(D):
                    item[m] = max(item[m], np.float32(0.0))
