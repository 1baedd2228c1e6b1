"""A ledger of claims: each is a statement with checks whose numbers are computed, and so is the verdict.

Every check is one number with its uncertainty and the interval the claim allows. Let m be the number and s its standard
error; the interval [m - 2s, m + 2s] lies inside the allowed one (*agrees*), outside (*disagrees*) or across its edge
(*inconclusive*). A claim agrees if all its checks do, and disagrees if one does.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr

Verdict = Literal["agrees", "disagrees", "inconclusive", "not run"]
Level = Literal["model", "theory", "network"]


@dataclass(frozen=True)
class Check:
    """One measured number, its standard error, the interval allowed, and what is expected, in words or as a number."""

    what: str
    value: float
    error: float
    low: float
    high: float
    expected: float | str

    @property
    def verdict(self) -> Verdict:
        """Where the number, with two standard errors either side, lies relative to the interval allowed."""
        if math.isnan(self.value) or math.isnan(self.error):
            return "inconclusive"
        if math.isinf(self.value):
            return "agrees" if self.low <= self.value <= self.high else "disagrees"
        low, high = self.value - 2 * self.error, self.value + 2 * self.error
        if self.low <= low and high <= self.high:
            return "agrees"
        if high < self.low or low > self.high:
            return "disagrees"
        return "inconclusive"

    @property
    def tolerance(self) -> str:
        """The interval allowed, as text."""
        if math.isinf(self.low):
            return f"at most {self.high:.4g}"
        return f"at least {self.low:.4g}" if math.isinf(self.high) else f"{self.low:.4g} to {self.high:.4g}"


def near(what: str, values: float | Sequence[float] | np.ndarray, expected: float, *, rel: float) -> Check:
    """The mean of the values is `expected` up to a relative tolerance."""
    mean, error = mean_and_error(values)
    margin = rel * abs(expected)
    return Check(what, mean, error, expected - margin, expected + margin, expected)


def between(
    what: str, values: float | Sequence[float] | np.ndarray, low: float, high: float, expected: float | str
) -> Check:
    """The mean of the values lies between two bounds; one may be infinite."""
    return Check(what, *mean_and_error(values), low, high, expected)


def ordered(what: str, values: float | Sequence[float] | np.ndarray, expected: str) -> Check:
    """The mean of the values is positive: pass later minus earlier, or larger minus smaller."""
    return Check(what, *mean_and_error(values), 0.0, math.inf, expected)


def mean_and_error(values: float | Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Mean and its standard error; a single number is taken as exact, an infinity among several decides the mean."""
    each = np.atleast_1d(np.asarray(values, float))
    if each.size == 1 or not np.isfinite(each).all():
        return float(each.sum() / each.size), 0.0
    return float(each.mean()), float(each.std(ddof=1) / math.sqrt(each.size))


def verdict_of(checks: Sequence[Check]) -> Verdict:
    """One disagreement decides; otherwise one inconclusive check does."""
    verdicts = {check.verdict for check in checks}
    if not verdicts:
        return "inconclusive"
    if "disagrees" in verdicts:
        return "disagrees"
    return "inconclusive" if "inconclusive" in verdicts else "agrees"


@dataclass(frozen=True)
class Finding:
    """What a claim's function returns: the checks, and the data of its figure."""

    checks: Sequence[Check]
    data: xr.Dataset | None = None


@dataclass(frozen=True)
class Claim:
    """A line of a ledger.

    Attributes
    ----------
    id : the ledger's number, with a letter where one line makes several statements.
    statement, level : what is claimed, and of what: the model, the theory of the model, or a trained network.
    setting : the settings in words, one quick and one full.
    measure : computes the finding from the results of the trainings.
    trainings : the trainings needed, quick or full.
    figure : name of the figure that shows it (claims with the same figure share its data).
    full_only : why it is left out of a quick run.
    """

    id: str
    statement: str
    level: Level
    setting: dict[str, str]
    measure: Callable[["Context"], Finding]
    trainings: Callable[[bool], Sequence[Any]] = field(default=lambda full: ())
    figure: str | None = None
    full_only: str = ""

    def obstacle(self, full: bool) -> str:
        """Why it is not run at these settings; empty if it is."""
        return "" if full else self.full_only


@dataclass(frozen=True)
class Context:
    """What a claim may use: whether the full setting is asked for, and the trainings by name.

    `failures` says why a training is missing, `seconds` how long each took.
    """

    full: bool
    runs: dict[str, xr.Dataset]
    failures: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """A claim with what was found; `measured`, `expected` and `tolerance` are by check.

    `seconds` counts its trainings too, also those it shares with other claims. `recorded` is the date of the full run
    that the numbers are taken from, None if they were measured now; `beside` says what such a run gave where both
    exist.
    """

    id: str
    statement: str
    level: Level
    setting: str
    measured: dict[str, float]
    expected: dict[str, float | str]
    tolerance: dict[str, str]
    verdict: Verdict
    recorded: str | None
    seconds: float
    checks: Sequence[Check] = ()
    reason: str = ""
    figure: str | None = None
    data: xr.Dataset | None = field(default=None, repr=False, compare=False)
    beside: str = ""

    def record(self) -> dict[str, Any]:
        """The entry of `claims.json`; a number that is not finite becomes text."""

        def plain(value: float | str) -> float | str:
            return value if isinstance(value, str) or math.isfinite(value) else str(value)

        return {
            "id": self.id,
            "statement": self.statement,
            "level": self.level,
            "setting": self.setting,
            "measured": {k: plain(v) for k, v in self.measured.items()},
            "expected": {k: plain(v) for k, v in self.expected.items()},
            "tolerance": self.tolerance,
            "verdict": self.verdict,
            "recorded": self.recorded,
            "seconds": round(self.seconds, 3),
            **({"reason": self.reason} if self.reason else {}),
            **({"beside": self.beside} if self.beside else {}),
        }
