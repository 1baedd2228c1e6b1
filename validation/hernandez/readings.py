"""What is read off a curve over repeats, sizes or time: its peak, its half-effect band, a rise and a second fall."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def peak(x: Array, values: Array) -> float:
    """Return where a curve over a logarithmic axis is largest, by the parabola through its top and both neighbours.

    It is nan where the top is an end of the grid: the peak was not seen.
    """
    top = int(np.argmax(values))
    if not 0 < top < len(x) - 1:
        return float("nan")
    at = np.log(x[top - 1 : top + 2])
    a, b, _ = np.polyfit(at - at[1], values[top - 1 : top + 2], 2)
    return float(np.exp(at[1] - b / (2 * a))) if a < 0 else float(x[top])


def band(x: Array, damage: Array) -> tuple[float, float]:
    """Return the x to the left and right of the peak where the damage is half of its largest, linearly in ln x.

    An edge beyond the grid is nan.
    """
    top = int(np.argmax(damage))
    half, at = damage[top] / 2, np.log(x)

    def edge(places: range) -> float:
        for k in places:
            inner, outer = damage[k], damage[k + places.step]
            if outer <= half <= inner:
                return float(np.exp(at[k] + (inner - half) / (inner - outer) * (at[k + places.step] - at[k])))
        return float("nan")

    return edge(range(top, 0, -1)), edge(range(top, len(x) - 1))


def rise_and_fall(values: Array) -> tuple[float, float]:
    """Return the largest relative rise above what was least before, and the relative fall from that top to the end."""
    before = np.minimum.accumulate(values)
    top = int(np.argmax(values / before))
    return float(values[top] / before[top] - 1), float(1 - values[-1] / values[top])
