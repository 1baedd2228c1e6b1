r"""Checks: a number, how well it is known, and the interval a claim allows; the verdict follows.

The number has an interval of 95 % confidence. It lies inside the allowed one (*agrees*), outside (*disagrees*) or
across its edge (*inconclusive*). Where a seed did not get as far as the number within its budget the check is *not
converged*: later than the budget is no refutation.

=============  ======================================================================================================
number         interval
=============  ======================================================================================================
one, computed  exact: the number itself
mean of seeds  Student's t, :math:`m \pm t_{n-1} s/\sqrt n`
difference     Welch's t of two groups of seeds
share          Clopper and Pearson's, of binomial numbers
any function   bootstrap over seeds: the middle 95 % of 2000 resamples, each group by itself
=============  ======================================================================================================
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Verdict = Literal["agrees", "disagrees", "not converged", "inconclusive", "not run"]
Values = float | Sequence[float] | NDArray[Any]
CONFIDENCE, RESAMPLES = 0.95, 2000


@dataclass(frozen=True)
class Check:
    """One measured number, its interval of confidence, the interval allowed, and what is expected.

    Attributes
    ----------
    what, value, expected : what was measured, the number, and what is expected, in words or as a number.
    error : standard error, 0 where the number is exact.
    least, most : the interval of confidence.
    low, high : the interval allowed.
    strict : whether `low` itself is not allowed: zero is no effect.
    seeds : how many the number comes from; 0 if it does not come from seeds.
    missing : why some seeds are not among them.
    """

    what: str
    value: float
    error: float
    least: float
    most: float
    low: float
    high: float
    expected: float | str
    strict: bool = False
    seeds: int = 0
    missing: str = ""

    @property
    def verdict(self) -> Verdict:
        """Where the interval of confidence lies relative to the interval allowed."""
        if self.missing:
            return "not converged"
        if math.isnan(self.least) or math.isnan(self.most):
            return "inconclusive"
        above = self.least > self.low if self.strict else self.least >= self.low
        below = self.most <= self.low if self.strict else self.most < self.low
        if above and self.most <= self.high:
            return "agrees"
        return "disagrees" if below or self.least > self.high else "inconclusive"

    @property
    def tolerance(self) -> str:
        """The interval allowed, as text."""
        if math.isinf(self.high):
            return f"{'above' if self.strict else 'at least'} {self.low:.4g}"
        return f"at most {self.high:.4g}" if math.isinf(self.low) else f"{self.low:.4g} to {self.high:.4g}"


def near(what: str, values: Values, expected: float, *, rel: float) -> Check:
    """The mean of the values is `expected` up to a relative tolerance."""
    margin = rel * abs(expected)
    return _mean(what, values, expected - margin, expected + margin, expected)


def between(what: str, values: Values, low: float, high: float, expected: float | str) -> Check:
    """The mean of the values lies between two bounds; one may be infinite."""
    return _mean(what, values, low, high, expected)


def ordered(what: str, values: Values, expected: str, *, margin: float = 0.0) -> Check:
    """The mean of the values is above `margin`: pass later minus earlier, or larger minus smaller, seed by seed."""
    return _mean(what, values, margin, math.inf, expected, strict=True)


def difference(what: str, larger: Values, smaller: Values, expected: str, *, margin: float = 0.0) -> Check:
    """The mean of one group of seeds is above that of another by more than `margin`."""
    (a, lost_a), (b, lost_b) = _finite(larger), _finite(smaller)
    value = float(a.mean() - b.mean()) if a.size and b.size else math.nan
    parts = [group.var(ddof=1) / group.size if group.size > 1 else math.nan for group in (a, b)]
    error = math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(p**2 / (g.size - 1) for p, g in zip(parts, (a, b), strict=True)) if error else 1.0
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    return Check(
        what, value, error, value - half, value + half, margin, math.inf, expected, True, a.size + b.size,
        _lost(lost_a + lost_b, a.size + b.size + lost_a + lost_b),
    )  # fmt: skip


def share(
    what: str, hits: Sequence[bool] | NDArray[np.bool_], low: float, high: float, expected: float | str, *,
    strict: bool = False,
) -> Check:  # fmt: skip
    """The chance of a seed lies between two bounds: `hits` says of each whether it did."""
    each = np.asarray(hits, bool)
    found = stats.binomtest(int(each.sum()), each.size).proportion_ci(CONFIDENCE)
    error = math.sqrt(each.mean() * (1 - each.mean()) / each.size)
    return Check(what, float(each.mean()), error, found.low, found.high, low, high, expected, strict,
                 each.size)  # fmt: skip


def resampled(
    what: str, function: Callable[..., float], groups: Sequence[Values], low: float, high: float,
    expected: float | str, *, strict: bool = False,
) -> Check:  # fmt: skip
    """A function of groups of seeds, as a ratio or a correlation, lies between two bounds."""
    found = [_finite(group) for group in groups]
    data, lost = [each for each, _ in found], sum(count for _, count in found)
    seeds = sum(each.size for each in data)
    missing = _lost(lost, seeds + lost)
    if any(each.size < 2 for each in data):
        return Check(what, math.nan, math.nan, math.nan, math.nan, low, high, expected, strict, seeds, missing)
    rng = np.random.default_rng(0)
    drawn = [[rng.choice(each, each.size) for each in data] for _ in range(RESAMPLES)]
    values = np.array([function(*sample) for sample in drawn])
    least, most = np.nanquantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    error = float(np.nanstd(values))
    return Check(
        what, float(function(*data)), error, float(least), float(most), low, high, expected, strict, seeds, missing
    )


def verdict_of(checks: Sequence[Check]) -> Verdict:
    """One disagreement decides; else one that is not converged, else one that is inconclusive."""
    verdicts = {check.verdict for check in checks}
    order: tuple[Verdict, ...] = ("disagrees", "not converged", "inconclusive", "agrees")
    return next((verdict for verdict in order if verdict in verdicts), "inconclusive")


def undecided(checks: Sequence[Check]) -> str:
    """Why checks neither agree nor disagree: what is missing, or which bound is near and how many seeds decide."""
    check = next(c for c in checks if c.verdict in ("not converged", "inconclusive"))
    if check.missing:
        return f"{check.what}: {check.missing}."
    if not math.isfinite(check.value) or not check.error or not math.isfinite(check.error):
        return f"{check.what}: no number with an uncertainty, from {check.seeds} seeds."
    crossed = [bound for bound in (check.low, check.high) if check.least <= bound <= check.most]
    bound = min(crossed, key=lambda b: abs(check.value - b))
    away = abs(check.value - bound) / check.error
    needed = next((n for n in range(2, 1000) if _decides(away, check.seeds, n)), None)
    enough = f"about {needed} seeds" if needed else "not even a thousand"
    return (
        f"{check.what}: {check.value:.4g} from {check.seeds} seeds lies {away:.2g} standard errors from the bound "
        f"{bound:.4g}; with the same scatter {enough} would decide."
    )


def _decides(away: float, seeds: int, number: int) -> bool:
    """Whether a mean so many standard errors from a bound would be clear of it with another number of seeds."""
    return away * math.sqrt(number / max(seeds, 1)) > float(stats.t.ppf((1 + CONFIDENCE) / 2, number - 1))


def _mean(what: str, values: Values, low: float, high: float, expected: float | str, *, strict: bool = False) -> Check:
    if np.ndim(values) == 0:
        exact = float(np.asarray(values))
        return Check(what, exact, 0.0, exact, exact, low, high, expected, strict)
    each, lost = _finite(values)
    if each.size < 2:
        value = float(each[0]) if each.size else math.nan
        return Check(
            what, value, math.nan, math.nan, math.nan, low, high, expected, strict, each.size,
            _lost(lost, each.size + lost),
        )  # fmt: skip
    value, error = float(each.mean()), float(each.std(ddof=1) / math.sqrt(each.size))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, each.size - 1)) * error
    return Check(
        what, value, error, value - half, value + half, low, high, expected, strict, each.size,
        _lost(lost, each.size + lost),
    )  # fmt: skip


def _finite(values: Values) -> tuple[NDArray[np.float64], int]:
    each = np.atleast_1d(np.asarray(values, np.float64))
    return each[np.isfinite(each)], int((~np.isfinite(each)).sum())


def _lost(lost: int, seeds: int) -> str:
    return f"{lost} of {seeds} seeds did not get so far within their budget" if lost else ""
