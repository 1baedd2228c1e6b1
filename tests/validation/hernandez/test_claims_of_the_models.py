"""Every claim on the models and on experiments without attention, and the other way round with wrong ones."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
import xarray as xr

import theory
from validation import records
from validation.hernandez.claims import capacity, crosstalk, noise, regression
from validation.hernandez.solvable import effective
from validation.ledger import Context, collected
from validation.verdicts import settle

MODULES = (noise, capacity, crosstalk, regression)
CLAIMS = {one.id: one for module in MODULES for one in collected(vars(module))}
Wrong = tuple[Any, str, Callable[[Any], Any]]  # where, a name there, and what is made of its value or result


@pytest.fixture(autouse=True)
def _nothing_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "read", lambda paper, claim: (None, ""))


def verdict(id: str) -> str:
    outcome = settle(CLAIMS[id], Context(False), "hernandez")
    assert not outcome.reason
    assert outcome.verdict != "agrees" or not outcome.why
    return outcome.verdict


def times(factor: Any) -> Callable[[Any], Any]:
    return lambda value: factor * value


def plus(more: Any) -> Callable[[Any], Any]:
    return lambda value: value + more


def power(exponent: float) -> Callable[[Any], Any]:
    return lambda value: value**exponent


def moved(value: Any) -> Any:
    """A curve that has its peak elsewhere."""
    return np.roll(value, 100, axis=0)


def one_place(value: Any) -> Any:
    """A size that is least in the middle of the axis, whatever else."""
    return 1 - np.exp(-((np.arange(value.size) - value.size // 2) ** 2) / 100.0)


def narrow(x: Any) -> Any:
    return np.exp(-((-np.log(x)) ** 60))


def table(**changed: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Experiments, or damages, with some of their numbers changed."""
    return lambda found: (found.assign if isinstance(found, xr.Dataset) else lambda new: found | new)(
        {name: change(found[name]) for name, change in changed.items()}
    )


def heads(**changed: Callable[[Any], Any]) -> Wrong:
    return crosstalk, "heads", lambda pair: (pair[0], table(**changed)(pair[1]))


def alike(made: dict[str, float]) -> dict[str, float]:
    """One capacity: copying is hurt as the loss is."""
    more = {"test": 1.1 * made["test"], "copy": 1.1 * made["copy"], "relative_copy": 1.1 * made["relative_copy"]}
    return made | more | {"relative_test": made["relative_copy"]}


def later_draws_doubled() -> Callable[[Any], Any]:
    calls = count()
    return lambda value: value * (1 + next(calls) // 8 % 2)


def band_twice_as_low(band: Any) -> Any:
    return type(band)(2 * band.low, band.high, band.center)


WRONG: dict[str, list[Wrong]] = {  # of every claim, so that each of its checks notices one
    "H1m": [(noise, "effective", moved), (noise, "capacity", moved), (noise, "effective", times(1 / 3)),
            (noise, "capacity", times(1 / 3))],
    "H1x": [(regression, "regressions", table(excess=times(1.1))),
            (regression, "regressions", table(excess=times(-1)))],
    "H2m": [(noise, "noise", lambda v: np.roll(v, 20)), (noise, "market", one_place)],
    "H3c": [(noise, "effective", narrow)],
    "H3m": [(noise, "noise", power(2))],
    "H3p": [(noise, "effective_edges", lambda edges: (edges[0], 3 * edges[1]))],
    "H4l": [(noise, "P", times(4))],
    "H4m": [(noise, "P", power(0.9)), (noise, "WIDTHS", power(0.5))],
    "H4p": [(noise, "P", power(0.5))],
    "H4u": [(noise, "worst_size", lambda n: 0 * n + 10)],
    "H5m": [(noise, "market", one_place), (noise, "_growth", plus(0.5))],
    "H5u": [(noise, "_growth", plus(0.5))],
    "H6m": [(capacity, "effective", moved), (capacity, "capacity", moved)],
    "H7m": [(regression, "regressions", table(rep=times(1.1)))],
    "H8a": [(capacity, "excess", times(3)), (capacity, "excess", times(0.1))],
    "H8f": [(capacity, "market", times(1.001))],
    "H8m": [(capacity, "_depths", lambda found: {f: x**3 for f, x in found.items()})],
    "H8p": [(capacity, "_depths", lambda found: {f: x / 2 for f, x in found.items()})],
    "H9c": [(capacity, "capacity", moved), (capacity, "capacity", power(3)), (capacity, "capacity", power(0.1))],
    "H9m": [(capacity, "effective", moved), (capacity, "effective", power(3)), (capacity, "effective", power(0.1))],
    "H10c": [(capacity, "market_courses", lambda loss: loss[:, ::-1])],
    "H10m": [(noise, "noise_courses", lambda e: np.minimum.accumulate(e, axis=1)),
             (noise, "noise_courses", lambda e: np.maximum.accumulate(e, axis=1)),
             (noise, "noise_courses", lambda e: e * np.linspace(1, 2, e.shape[1]))],
    "H11m": [(crosstalk, "damages", alike)],
    "H11n": [(crosstalk, "_unhurt", plus(0.1))],
    "H12m": [(crosstalk, "damages", table(score=plus(0.02), control_score=plus(0.02)))],
    "H12p": [(crosstalk, "damages", lambda made: made | {"relative_copy": made["relative_test"] / 2}),
             (crosstalk, "damages", lambda made: made | {"relative_copy": 2 * made["relative_test"]})],
    "H13m": [(crosstalk, "copies", lambda loss: loss[::-1]),
             (crosstalk, "copies", lambda loss: loss - crosstalk.COPIES),
             (crosstalk, "copies", lambda loss: 0 * loss - crosstalk.COPIES)],
    "H14c": [(crosstalk, "onset_delay", power(3))],
    "H14m": [(crosstalk, "onset_delay", times(1.1)), heads(escape_time=times(1.1)),
             (crosstalk, "heads", lambda pair: (table(escape_time=times(1.1))(pair[0]), pair[1]))],
    "H15m": [(regression, "_bigrams", lambda e: np.roll(e, 5, axis=1)), (regression, "_heights", times(2)),
             (regression, "_bigrams", lambda e: np.sort(e, axis=1)),
             (regression, "_bigrams", lambda e: np.sort(e, axis=1)[:, ::-1])],
    "H16m": [(noise, "_against_dropping", lambda ratios: [ratio / 100 for ratio in ratios])],
    "H17m": [heads(gamma=times(0)), heads(beta=times(0.5))],
    "H18m": [(noise, "drawn_excess", times(np.array([1, 1.2]))), (noise, "drawn_excess", times(1.1))],
    "H19m": [(noise, "fine_tuned", times(1.1)), (noise, "fine_tuned", plus(1e-3))],
    "H20b": [(regression, "_ratio", plus(1.0))],
    "H20m": [(regression, "regressions", table(excess=times(0.05)))],
    "H20s": [(regression, "_ratio", plus(-1.0))],
    "H20t": [(regression, "_bigrams", lambda e: np.roll(e, 3, axis=1))],
    "H21m": [(theory, "published_band", band_twice_as_low), (noise, "T", times(2))],
    "H22m": [(noise, "drawn_excess", later_draws_doubled())],
}  # fmt: skip
RIGHT: dict[str, Wrong] = {  # of those that do not agree, made up so that they do
    "H3p": (noise, "effective_edges", lambda edges: (edges[0], 1.5 * edges[1])),
    "H4p": (noise, "P", power(0.79)),
    "H4u": (noise, "worst_size", power(0.9)),
    "H5u": (noise, "_growth", plus(-0.13)),
    "H8p": (capacity, "_depths", lambda found: {f: x + 0.06 for f, x in found.items()}),
    "H9c": (capacity, "capacity", lambda x: effective(0.1, 1220, capacity.SIZES)),
    "H12p": (crosstalk, "damages", lambda d: d | {"relative_copy": d["relative_copy"] * (0.3 if d["test"] > 1 else 1)}),
    "H14c": (crosstalk, "onset_delay", lambda delay: 1.5),
    "H20b": (regression, "_ratio", plus(-0.94)),
    "H20s": (regression, "_ratio", plus(1.1)),
}


def with_one(wrong: Wrong, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, change = wrong
    right = getattr(where, name)
    made = (lambda *given, **options: change(right(*given, **options))) if callable(right) else change(right)
    monkeypatch.setattr(where, name, made)


@pytest.mark.parametrize("id", CLAIMS)
def test_a_claim_is_what_the_models_make_of_it(id: str) -> None:
    assert verdict(id) == ("inconclusive" if id == "H4u" else "disagrees" if id in RIGHT else "agrees")


@pytest.mark.parametrize("id", CLAIMS)
def test_each_check_of_a_claim_notices_a_wrong_model(id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checks: dict[str, bool] = {}
    for number, wrong in enumerate(WRONG[id]):
        with monkeypatch.context() as patch:
            with_one(wrong, patch)
            outcome = settle(CLAIMS[id], Context(False), "hernandez")
        assert outcome.verdict == "disagrees", (number, outcome.reason, outcome.measured)
        checks |= {c.what: checks.get(c.what, False) or c.verdict == "disagrees" for c in outcome.checks}
    assert not [what for what, noticed in checks.items() if not noticed]


@pytest.mark.parametrize("id", RIGHT)
def test_what_does_not_agree_would_agree_with_other_models(id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_one(RIGHT[id], monkeypatch)
    assert verdict(id) == "agrees"


def test_no_claim_is_left_out_and_bare_ids_are_for_networks() -> None:
    assert set(CLAIMS) == set(WRONG)
    assert all(id[-1].isalpha() for id in CLAIMS)
