"""Gaussian numbers by counter against their distribution, and contents against a literal loop."""

import math

import numpy as np
import pytest
from scipy import stats

from minimodels.tasks.item_label_draws import BLOCK, MEANS, NOISE, below, contents, normals, unit, word

SIZE = 2_000_000


def drawn(key: int, size: int = SIZE) -> np.ndarray:
    out = np.empty(size, np.float32)
    normals(np.uint64(key), out)
    return out.astype(np.float64)


def independent(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether values, squares and sizes are uncorrelated, within 4.5 standard errors."""
    pairs = ((x, y), (x**2, y**2), (x, y**2), (x**2, y), (np.abs(x), np.abs(y)))
    return all(abs(np.corrcoef(a, b)[0, 1]) < 4.5 / math.sqrt(len(x)) for a, b in pairs)


@pytest.mark.parametrize("key", [0, 1, 2**64 - 1, 0x9E3779B97F4A7C15])
def test_normals_are_normal(key: int) -> None:
    x = drawn(key)
    assert stats.kstest(x, "norm").pvalue > 1e-4
    moments = [1, 0, 1, 0, 3, 0, 15, 0, 105, 0, 945, 0, 10395]
    for order in range(1, 7):
        error = math.sqrt((moments[2 * order] - moments[order] ** 2) / SIZE)
        assert abs((x**order).mean() - moments[order]) < 4.5 * error, order
    for edge in (2.0, 3.0, 4.0, 4.5):  # tails, each side
        expected = SIZE * stats.norm.sf(edge)
        for count in ((x > edge).sum(), (x < -edge).sum()):
            assert abs(count - expected) < 4.5 * math.sqrt(expected) + 1, edge
    assert 4.7 < np.abs(x).max() < 6.8


def test_normals_fill_all_bins_of_equal_probability() -> None:
    counts = np.bincount((stats.norm.cdf(drawn(5)) * 1000).astype(int), minlength=1000)
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("lag", [1, 2, 63, SIZE // 4])
def test_normals_of_one_key_are_independent(lag: int) -> None:
    x = drawn(3)[: SIZE // 2]  # the first of every Box-Muller pair
    assert independent(x[:-lag], x[lag:])


def test_the_two_of_a_pair_are_independent() -> None:
    """Their radius is exponential in half its square and their angle uniform, independently."""
    first, second = drawn(4)[: SIZE // 2], drawn(4)[SIZE // 2 :]
    assert independent(first, second)
    assert independent(first[1:], second[:-1])
    radius, angle = (first**2 + second**2) / 2, np.arctan2(second, first)
    assert stats.kstest(radius, "expon").pvalue > 1e-4
    assert stats.kstest(angle, "uniform", args=(-math.pi, 2 * math.pi)).pvalue > 1e-4
    assert independent(radius, angle)


def test_a_key_gives_its_numbers_again_and_others_other_ones() -> None:
    np.testing.assert_array_equal(drawn(7, 1000), drawn(7, 1000))
    for other in (8, 7 ^ 2**63, 7 + 2**32):
        assert independent(drawn(7), drawn(other))
    assert drawn(7, 0).size == 0


def test_normals_are_the_box_muller_transform_of_splitmix64() -> None:
    key, half, mask = 12345, 500, 2**64 - 1
    expected = np.empty(2 * half)
    for i in range(half):
        x = (key + (i + 1) * 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        x ^= x >> 31
        radius = math.sqrt(-2 * math.log(((x >> 32) + 0.5) / 2**32))
        low = x & 0xFFFFFFFF  # its two highest bits: quarter turns back, the others: an angle in the middle quarter
        angle = (((low & 0x3FFFFFFF) + 0.5) / 2**30 - 0.5 - (low >> 30)) * math.pi / 2
        expected[i], expected[half + i] = radius * math.cos(angle), radius * math.sin(angle)
    np.testing.assert_allclose(drawn(key, 2 * half), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("end", [1, 2, 7, 1000])
def test_whole_numbers_below_an_end_are_equally_frequent(end: int) -> None:
    found = np.array([below(np.uint64(9), i, end) for i in range(100 * end)])
    assert found.min() == 0
    assert found.max() == end - 1
    assert stats.chisquare(np.bincount(found, minlength=end)).pvalue > 1e-4 or end == 1


def test_uniform_numbers_of_neighbouring_keys_are_uniform_and_independent() -> None:
    """A sequence's key is a word of its stream's, its first numbers are words of that."""
    keys = [word(np.uint64(3), i) for i in range(20_000)]
    x, y = (np.array([unit(key, i) for key in keys]) for i in (0, 1))
    for each in (x, y):
        assert stats.kstest(each, "uniform").pvalue > 1e-4
    assert independent(x, y)
    assert independent(x[1:], x[:-1])


@pytest.mark.parametrize("pool", [0, 12])
@pytest.mark.parametrize("eps", [0.0, 0.1, 2.0])
def test_contents_are_what_a_literal_loop_writes(eps: float, pool: int) -> None:
    rng = np.random.default_rng(0)
    n, N, D, K, L, key, first = 5, 3, 7, 6, 4, np.uint64(11), BLOCK - 2  # the first two are of another block
    means, vectors = (rng.standard_normal(shape).astype(np.float32) for shape in ((K, D), (L, D)))
    classes, labels = rng.integers(0, K, (n, N + 1)), rng.integers(0, L, (n, N))
    classes[1:4] = K + rng.integers(0, L * N, (3, N + 1))  # novel
    out = np.full((n, 2 * N + 1, D), np.nan, np.float32)
    contents(key, first, pool, means, classes, vectors, labels, np.float32(eps), out)
    for i in range(n):
        own = word(key, first + i)
        noise = drawn(word(own, NOISE), (N + 1) * D).reshape(N + 1, D)
        block = drawn(word(word(key, MEANS), int(i >= 2)), 12 * D).reshape(12, D)
        places = drawn(word(own, MEANS), (N + 1) * D).reshape(N + 1, D)
        for t in range(2 * N + 1):
            slot = t // 2
            k = classes[i, slot]
            if k < K:
                mean = means[k]
            elif pool:
                mean = block[k - K] / math.sqrt(D)
            else:
                mean = places[(k - K) // L] / math.sqrt(D)
            item = (mean + eps * noise[slot] / math.sqrt(D)) / math.sqrt(1 + eps**2)
            expected = vectors[labels[i, slot]] if t % 2 else item
            np.testing.assert_allclose(out[i, t], expected, rtol=1e-5, atol=1e-6)
