"""Ranges of sliders and axes: the domain that a statement gives, and where it is open, the surroundings of a value."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError, check_number, shown

STEPS = 400  # of a slider, from end to end


def number(value: float) -> str:
    """Return the shortest text that is read as the same number."""
    short = f"{value:g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
    return short if float(short) == value else repr(float(value))


@dataclass(frozen=True)
class Range:
    """An interval, spread evenly or in its logarithm."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(f"a range needs its lower end below its upper one; got {self.low:g} to {self.high:g}.")
        if self.log and self.low <= 0:
            raise InputError(f"a logarithmic range begins above 0; got {self.low:g} to {self.high:g}.")

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of a slider's track."""
        return (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)

    def position(self, value: float) -> float:
        """Return where a value lies on the track, at the end if it lies beyond."""
        if self.log and value <= 0:
            return self.ends[0]
        return min(max(math.log10(value) if self.log else value, self.ends[0]), self.ends[1])

    def value(self, position: float) -> float:
        """Return the value at a place on the track, to four digits."""
        return float(f"{10**position if self.log else position:.4g}")

    def points(self, count: int) -> NDArray[np.float64]:
        """Return this many values from end to end."""
        spaced = np.geomspace if self.log else np.linspace
        return spaced(self.low, self.high, count)

    def text(self) -> str:
        """Return it as `read` takes it: ``2:16``, ``log:8:512``."""
        return f"{'log:' if self.log else ''}{number(self.low)}:{number(self.high)}"

    @classmethod
    def read(cls, text: str) -> "Range":
        """Read a range such as ``2:16`` or ``log:8:512``."""
        first, *rest = text.split(":")
        parts = rest if first == "log" else [first, *rest]
        try:
            low, high = map(float, parts)
        except ValueError as error:
            raise InputError(f"a range is written as 2:16 or log:8:512; got {shown(text)}.") from error
        return cls(check_number(low, "a range's end"), check_number(high, "a range's end"), first == "log")


def around(value: float, low: float = -math.inf, high: float = math.inf) -> Range:
    """Return the range of a number within its domain: the domain, or a few times the value where that is open."""
    size = abs(value) or 1.0
    if math.isfinite(low) and math.isfinite(high) and low < high:
        edge = 1e-3 * (high - low)  # an end that only keeps a pole out is not shown to nine digits
        if 0 < low < edge:
            low = float(f"{low + edge:.3g}")
        if 0 < 1 - high < edge:
            high = float(f"{high - edge:.3g}")
        return Range(low, high)
    if low > 0 and value > 0:  # a number that is positive by its domain has no natural zero
        return Range(max(low, float(f"{value / 16:.2g}")), max(min(high, 16 * value), 2 * max(low, value / 16)), True)
    if math.isfinite(low):
        return Range(low, low + max(2.0 if value <= low else 0.0, 4 * abs(value - low)))
    if math.isfinite(high):
        return Range(high - max(2.0, 4 * abs(high - value)), high)
    if size <= 1:
        return Range(-3.0, 3.0)
    return Range(min(0.0, 3 * value), max(0.0, 3 * value))


def factor(value: float, times: float = 100.0) -> Range:
    """Return the range of a positive number that is known by its order of magnitude."""
    middle = float(f"{value:.2g}") if value > 0 else 1.0
    return Range(float(f"{middle / times:.2g}"), float(f"{middle * times:.2g}"), True)
