"""Damage by repeats, by seed: where it is worst, how wide its band is, and what it makes of the size of a network."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def logs(values: Mapping[int, Floats], clean: Floats) -> tuple[Floats, Floats]:
    """Return ln r (R,) and the damage ln(L/L_clean) (seeds, R), of losses by the number of repeats r."""
    return np.log(list(values)), np.log(np.stack(list(values.values()), axis=1) / clean[:, None])


def left_out(damage: Floats) -> NDArray[np.int64]:
    """For every seed, where the mean damage of the others is worst: a place that its own noise has no part in."""
    total = damage.sum(axis=0)
    return np.array([int(np.argmax(total - own)) for own in damage])


def at_worst(damage: Floats, values: Floats | None = None) -> Floats:
    """By seed, the damage, or other values (seeds, R), where the others have their worst."""
    rows = np.arange(len(damage))
    return np.asarray((damage if values is None else values)[rows, left_out(damage)])


def above_ends(damage: Floats) -> Floats:
    """By seed, the damage where that of the others is worst, minus its own at the larger one of the two ends."""
    return np.asarray(at_worst(damage) - np.maximum(damage[:, 0], damage[:, -1]))


def peak(x: Floats, damage: Floats) -> Floats:
    """The worst ln r, by seed: of the parabola through the largest damage and its neighbours; nan at an end."""
    found = np.full(len(damage), np.nan)
    for seed, y in enumerate(damage):
        i = int(np.argmax(y))
        if 0 < i < len(x) - 1:
            a, b, _ = np.polyfit(x[i - 1 : i + 2] - x[i], y[i - 1 : i + 2], 2)
            found[seed] = x[i] + np.clip(-b / (2 * a), x[i - 1] - x[i], x[i + 1] - x[i])
    return found


def band(x: Floats, damage: Floats) -> Floats:
    """The ln of the ratio of the band's edges, by seed, where half of the largest damage is left; nan without one."""
    found = np.full(len(damage), np.nan)
    for seed, y in enumerate(damage):
        i, half = int(np.argmax(y)), y.max() / 2
        left, right = np.flatnonzero(y[: i + 1] < half), np.flatnonzero(y[i:] < half)
        if left.size and right.size:
            low, high = left[-1], i + right[0]
            edges = [np.interp(half, y[[low, low + 1]], x[[low, low + 1]]),
                     np.interp(-half, -y[[high - 1, high]], x[[high - 1, high]])]  # fmt: skip
            found[seed] = edges[1] - edges[0]
    return found


def effective(sizes: ArrayLike, clean: ArrayLike, values: Floats) -> Floats:
    """The ln of the size whose clean loss is each of these, interpolated; at most the largest, nan below all.

    `clean` are means over seeds by rising size, made to fall by their running minimum.
    """
    falling = np.minimum.accumulate(np.asarray(clean, float))
    return np.where(values <= falling[0], np.interp(-values, -falling, np.log(sizes)), np.nan)


def elasticity(sizes: ArrayLike, clean: ArrayLike) -> float:
    """Elasticity al = -d ln L/d ln N of clean losses, by least squares."""
    return float(-np.polyfit(np.log(sizes), np.log(clean), 1)[0])


def turns(course: Floats) -> tuple[float, float]:
    """The largest relative rise of a course above its least value until then, and the relative fall after it."""
    least = np.minimum.accumulate(course)
    top = int(np.argmax(course / least))
    return float(course[top] / least[top] - 1), float(1 - course[top:].min() / course[top])
