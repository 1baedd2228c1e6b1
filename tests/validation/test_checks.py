"""Verdicts follow from numbers and their uncertainty: each can come out, at the rate that the confidence promises."""

import math

import numpy as np
import pytest
from scipy import stats

from validation.checks import (
    CONFIDENCE,
    Check,
    between,
    difference,
    near,
    ordered,
    resampled,
    share,
    undecided,
    verdict_of,
)


def made(value: float, half: float, low: float = 0.9, high: float = 1.1, **options: object) -> Check:
    return Check("x", value, half / 2, value - half, value + half, low, high, 1.0, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "half", "verdict"),
    [
        (1.0, 0.0, "agrees"), (1.09, 0.0, "agrees"), (1.11, 0.0, "disagrees"), (1.05, 0.04, "agrees"),
        (1.05, 0.06, "inconclusive"), (1.15, 0.06, "inconclusive"), (1.15, 0.04, "disagrees"), (0.8, 0.05, "disagrees"),
        (math.nan, 0.0, "inconclusive"), (math.inf, 0.0, "disagrees"),
    ],
)  # fmt: skip
def test_a_check_compares_its_interval_of_confidence_with_the_interval_allowed(
    value: float, half: float, verdict: str
) -> None:
    if math.isinf(value):
        assert between("x", value, 0.9, 1.1, 1.0).verdict == verdict
    else:
        assert made(value, half).verdict == verdict
        assert made(value, half, missing="1 of 3 seeds did not").verdict == "not converged"


def test_an_exact_infinity_agrees_only_where_it_is_allowed() -> None:
    assert between("T*", math.inf, math.inf, math.inf, "never").verdict == "agrees"
    assert between("T*", 20.0, math.inf, math.inf, "never").verdict == "disagrees"


def test_zero_is_no_effect() -> None:
    assert ordered("x", 0.0, "positive").verdict == "disagrees"
    assert ordered("x", [0.0, 0.0, 0.0], "positive").verdict == "disagrees"
    assert ordered("x", 1e-9, "positive").verdict == "agrees"
    assert ordered("x", [0.5, 0.6, 0.7, 0.5], "positive").verdict == "agrees"
    assert ordered("x", [0.5, 0.6, 0.7, 0.5], "large", margin=1.0).verdict == "disagrees"
    assert ordered("x", [-0.5, 0.6, 0.2], "positive").verdict == "inconclusive"
    assert difference("x", [0.0] * 6, [0.0] * 6, "positive").verdict == "disagrees"


@pytest.mark.parametrize("seeds", [2, 3, 6])
def test_the_mean_of_few_seeds_is_covered_as_often_as_promised(seeds: int) -> None:
    """Two standard errors would cover it in 70 % (2 seeds), 82 % (3), 90 % (6)."""
    rng = np.random.default_rng(1)
    draws = rng.normal(3.0, 2.0, (4000, seeds))
    checks = [near("x", each, 3.0, rel=0.1) for each in draws]
    covered = np.mean([check.least <= 3.0 <= check.most for check in checks])
    assert covered == pytest.approx(CONFIDENCE, abs=4 * math.sqrt(0.05 * 0.95 / 4000))
    assert checks[0].value == pytest.approx(draws[0].mean())
    assert checks[0].error == pytest.approx(draws[0].std(ddof=1) / math.sqrt(seeds))
    assert checks[0].seeds == seeds


def test_one_seed_has_no_uncertainty_to_judge_by() -> None:
    assert near("x", [1.0], 1.0, rel=0.1).verdict == "inconclusive"
    assert near("x", 1.0, 1.0, rel=0.1).verdict == "agrees"


def test_the_difference_of_two_groups_is_welchs() -> None:
    rng = np.random.default_rng(2)
    larger, smaller = rng.normal(2.0, 0.5, 6), rng.normal(1.0, 2.0, 4)
    check = difference("x", larger, smaller, "larger")
    found = stats.ttest_ind(larger, smaller, equal_var=False).confidence_interval(CONFIDENCE)
    assert (check.least, check.most) == pytest.approx((found.low, found.high))
    assert check.seeds == 10


def test_a_share_of_few_seeds_bounds_little() -> None:
    assert share("learn", [False] * 3, 0.0, 0.5, "few").verdict == "inconclusive"  # 0 of 3: below .71
    assert share("learn", [False] * 6, 0.0, 0.5, "few").verdict == "agrees"
    assert share("learn", [True] * 6, 0.0, 0.5, "few").verdict == "disagrees"
    check = share("learn", [True] * 2 + [False] * 8, 0.0, 1.0, "some")
    assert check.least == pytest.approx(stats.beta.ppf(0.025, 2, 9))
    assert check.most == pytest.approx(stats.beta.ppf(0.975, 3, 8))


def test_a_ratio_of_means_is_resampled_by_group() -> None:
    rng = np.random.default_rng(3)
    top, bottom = rng.normal(10.0, 1.0, 40), rng.normal(5.0, 1.0, 40)
    ratio = resampled("x", lambda a, b: float(a.mean() / b.mean()), [top, bottom], 1.5, 3.0, "about 2")
    error = 2 * math.hypot(top.std() / 10, bottom.std() / 5) / math.sqrt(40)  # by linear propagation
    assert ratio.value == pytest.approx(top.mean() / bottom.mean())
    assert ratio.error == pytest.approx(error, rel=0.15)
    assert ratio.most - ratio.least == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert ratio.verdict == "agrees"
    again = resampled("x", lambda a, b: float(a.mean() / b.mean()), [top, bottom], 1.5, 3.0, "about 2")
    assert again == ratio


@pytest.mark.parametrize("lost", [math.inf, math.nan])
def test_a_seed_beyond_its_budget_refutes_nothing(lost: float) -> None:
    values = [3.0, 3.1, 2.9, lost]
    for check in (
        between("T*", values, 0.0, 10.0, "soon"), difference("T*", values, [1.0, 1.1], "later"),
        resampled("T*", lambda a: float(a.mean()), [values], 0.0, 10.0, "soon"),
    ):  # fmt: skip
        assert check.verdict == "not converged"
        assert "1 of" in check.missing
        assert "did not get so far within their budget" in undecided([check])
    assert between("T*", values, 0.0, 10.0, "soon").value == pytest.approx(3.0)
    assert between("T*", [lost] * 3, 0.0, 10.0, "soon").verdict == "not converged"


def test_a_claim_disagrees_if_one_check_does_and_agrees_if_all_do() -> None:
    good, bad, open_ = made(1.0, 0.0), made(2.0, 0.0), made(1.1, 0.1)
    late = made(1.0, 0.0, missing="1 of 3 seeds did not")
    assert verdict_of([good, good]) == "agrees"
    assert verdict_of([good, open_]) == "inconclusive"
    assert verdict_of([good, open_, late]) == "not converged"
    assert verdict_of([good, open_, late, bad]) == "disagrees"
    assert verdict_of([]) == "inconclusive"


def test_what_is_inconclusive_says_how_many_seeds_would_decide() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(0.1, 1.0, 6)
    values += 0.1 - values.mean()
    said = undecided([ordered("gain", values, "positive")])
    needed = int(said.split("about ")[1].split()[0])
    spread = values.std(ddof=1)

    def decides(seeds: int) -> bool:
        return stats.t.ppf(0.975, seeds - 1) * spread / math.sqrt(seeds) < 0.1

    assert decides(needed)
    assert not decides(needed - 1)
    elsewhere = undecided([ordered("gain", values + 3, "above", margin=3.0)])
    assert elsewhere.split("lies")[1].replace("bound 3", "bound 0") == said.split("lies")[1]


def test_the_bound_that_is_named_is_one_that_the_interval_crosses() -> None:
    check = share("learn", [True] * 5 + [False], 0.5, 1.0, "most")
    assert check.least < 0.5 < check.value < check.most < 1
    assert "from the bound 0.5" in undecided([check])


def test_what_is_allowed_is_said() -> None:
    assert ordered("x", 1.0, "positive").tolerance == "above 0"
    assert between("x", 1.0, 0.5, math.inf, "large").tolerance == "at least 0.5"
    assert between("x", 1.0, -math.inf, 0.5, "small").tolerance == "at most 0.5"
    assert near("x", 1.0, 2.0, rel=0.1).tolerance == "1.8 to 2.2"
