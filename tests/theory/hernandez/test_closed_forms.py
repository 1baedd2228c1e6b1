"""Limits and symmetries of the closed forms, with no simulation."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import minimodels as mm
import theory
from theory.hernandez.arguments import check_values
from theory.hernandez.effective import published_depth
from theory.hernandez.ridge import edges
from theory.hernandez.scaling import tokens_for
from theory.marchenko_pastur import atom, bulk


def test_few_repeats_cost_in_proportion() -> None:
    for f in (1e-12, 0.1, 0.9, 1 - 1e-9):
        made = theory.fresh_ridge(1e-12, f)
        assert made.excess == pytest.approx(f * 1e-12, rel=1e-9)
        assert made.train_ratio == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize("y", [0.01, 0.5, 0.9, 1.1, 2.0, 100.0])
def test_without_a_stream_it_is_regression_without_a_ridge(y: float) -> None:
    made = theory.fresh_ridge(y, 1 - 1e-13)
    expected = y / (1 - y) if y < 1 else 1 / (y - 1)
    assert made.excess == pytest.approx(expected, rel=1e-9)
    classical = theory.weighted_risk([1], [1000], p=1000 * y).excess
    assert classical == pytest.approx(expected, rel=1e-9)


def test_the_excess_is_the_same_at_y_and_one_over_y_and_largest_between() -> None:
    y = np.geomspace(1e-6, 1e6, 301)
    for f in (0.0, 0.03, 0.5, 0.99):
        made = theory.fresh_ridge(y, f)
        assert made.excess == pytest.approx(theory.fresh_ridge(1 / y, f).excess, rel=1e-10)
        assert made.excess.max() <= made.worst_excess * (1 + 1e-12)
        assert (np.diff(made.train_ratio) <= 0).all()
        low, high = made.band
        assert low * high == pytest.approx(1, rel=1e-12)
        if f:
            assert theory.fresh_ridge([low, high], f).excess == pytest.approx(made.worst_excess / 2, rel=1e-9)
    assert theory.fresh_ridge(1.0, 0.0).band[1] == pytest.approx(3 + math.sqrt(8))
    assert edges(1e-18, 8e-18)[1] == pytest.approx(3 + math.sqrt(8), rel=1e-6)


def test_the_excess_is_the_sum_over_the_law_of_the_spectrum() -> None:
    for f, c in ((0.1, 0.2), (0.5, 1.0), (0.9, 7.0)):
        s, weight = bulk(c)
        assert weight.sum() + atom(c) == pytest.approx(1, abs=1e-12)
        assert (weight * s).sum() == pytest.approx(1, abs=1e-12)
        a = (1 - f) / f
        assert c * (weight * s / (a + s) ** 2).sum() == pytest.approx(theory.fresh_ridge(f * c, f).excess, rel=1e-9)


def test_the_course_without_a_stream_is_that_of_training_on_samples_alone() -> None:
    times, c = np.array([0.1, 1.0, 10.0]), 2.5
    s, weight = bulk(c)
    decay = np.exp(-s * times[:, None])
    expected = (weight * decay**2).sum(1) + atom(c) + c * (weight * (1 - decay) ** 2 / s).sum(1)
    assert theory.fresh_ridge_course(times, 1.0, c) == pytest.approx(expected, rel=1e-9)
    assert theory.fresh_ridge_course(times, 1 - 1e-12, c) == pytest.approx(expected, rel=1e-6)
    assert theory.fresh_ridge_course(times, 0.0, c) == pytest.approx(np.exp(-2 * times), rel=1e-12)
    assert theory.fresh_ridge_course([[0.0, 1.0]], 0.3, c, S0=2.0).shape == (1, 2)


def test_detection_inverts_the_ratio() -> None:
    for f in (0.03, 0.5, 0.9):
        y = np.geomspace(1e-3, 1e3, 40)
        test = theory.detect_repeats(theory.fresh_ridge(y, f).train_ratio, np.ones(40), f)
        assert test.y == pytest.approx(y, rel=1e-6)
        assert theory.detect_repeats(test.peak_ratio, 1.0, f).y == pytest.approx(1, rel=1e-12)
        assert test.stage == "past the peak"
        assert theory.detect_repeats(0.99, 1.0, f).stage == "before the peak"
    gone = theory.detect_repeats(0.0, 1.0, 0.1)
    assert (gone.y, gone.stage) == (math.inf, "past the peak")
    assert theory.detect_repeats(1.2, 1.0, 0.1).y == 0  # sampling


def test_the_signature_is_a_flat_fresh_loss_beside_a_falling_repeated_one() -> None:
    steps = np.linspace(0, 1, 200)
    falling = 3 * np.exp(-3 * steps)
    assert not theory.detect_repeats(falling, falling, 0.1).signature
    assert not theory.detect_repeats(np.full(200, 2.0), np.full(200, 2.0), 0.1).signature
    assert theory.detect_repeats(falling, np.maximum(falling, 1.5), 0.1).signature


def test_the_market_is_continuous_and_has_its_least_at_the_worst_set() -> None:
    for f, al in ((0.03, 0.1), (0.5, 0.076), (0.9, 0.3)):
        made = theory.capacity_market(f, al)
        u = np.linspace(0, 1.2 * made.u_on, 5001)
        x = made.x(u)
        assert np.abs(np.diff(x)).max() < 2.1 * (u[1] - u[0]) * max(1, al / (f * (1 - al)))
        assert x.min() == pytest.approx(made.x_min, abs=u[1] * max(1, al / f))
        assert made.x(made.u_c) == pytest.approx(made.x_min, rel=1e-12)
        assert made.x(made.u_on) == pytest.approx(1, rel=1e-12)
        share = made.memorised(u[1:])
        assert (share <= 1).all()
        assert x[1:] == pytest.approx(1 - u[1:] * share, abs=1e-12)


def test_tokens_worth_give_the_loss_back() -> None:
    law = theory.scaling_law()
    for ratio in (1.0, 1.02, 1.3):
        tokens = float(tokens_for(ratio, 2e8, 1e11, law))
        assert theory.chinchilla_loss(2e8, tokens) == pytest.approx(
            ratio * theory.chinchilla_loss(2e8, 1e11), rel=1e-12
        )


def test_repeats_of_a_whole_corpus_are_worth_less_and_less() -> None:
    epochs = np.array([1.0, 2.0, 4.0, 16.0, 100.0, 1e4])
    made = theory.data_constrained_loss(1e8, epochs * 1e10, 1e10)
    assert made[0] == pytest.approx(theory.chinchilla_loss(1e8, 1e10, "muennighoff"), rel=1e-12)
    assert (np.diff(made) <= 0).all()
    limit = theory.chinchilla_loss(1e8, 1e10 * 16.39, "muennighoff")
    assert made[-1] == pytest.approx(limit, rel=1e-6)
    own = theory.data_constrained_loss(1e8, 1e11, 1e10, theory.scaling_law("hoffmann"), R_D=1e9)
    assert own == pytest.approx(theory.chinchilla_loss(1e8, 1e11, "hoffmann"), rel=1e-6)


def test_the_drive_that_a_circuit_needs_is_that_of_its_equations() -> None:
    N, b_0 = 50.0, 0.5
    made = theory.memorisation_kinetics(N, 0.4, b_0=b_0)

    def flow(drive: float, y: np.ndarray) -> list[float]:
        return [math.exp(y[1]) / N, y[0] * math.exp(y[1]) / N]

    def gone(drive: float, y: np.ndarray) -> float:
        return float(y[1]) - 25

    gone.terminal = True  # type: ignore[attr-defined]
    run = solve_ivp(flow, (0, 10 * made.drive), [0.0, b_0], method="LSODA", rtol=1e-10, atol=1e-12, events=gone)
    assert run.t[-1] == pytest.approx(made.drive, rel=1e-4)
    assert made.K_star**0.7 == pytest.approx(made.drive, rel=1e-12)
    assert made.delay == pytest.approx(1 / 0.6)


def test_the_race_has_the_same_drive() -> None:
    """The model of the race, without saturation, runs away after that integral of its drive."""
    m = mm.model("memorisation_race", form="two-variable", N=200, c2=0, K=1e12)
    run = mm.simulate(m, t_end=1e6, init={"v": 0.0}, stop_at="escape_time")
    assert float(run.escape_time) / 2 == pytest.approx(theory.memorisation_kinetics(200).drive, rel=0.02)


def test_published_depths_join_the_published_numbers() -> None:
    assert [round(published_depth(f), 3) for f in (0.03, 0.1, 0.5, 0.9)] == [0.87, 0.5, 0.1, 0.014]
    assert published_depth(0.01) == pytest.approx(0.87 ** (1 / 3), rel=1e-3)
    depths = [published_depth(f) for f in np.linspace(0.01, 0.9, 60)]
    assert (np.diff(depths) < 0).all()


def test_every_result_says_its_regime_and_what_is_uncertain() -> None:
    made = [
        theory.fresh_ridge(1.0, 0.1), theory.weighted_risk([1], [100], p=10), theory.capacity_market(0.1, 0.1),
        theory.memorisation_kinetics(10), theory.detect_repeats(1.0, 1.0, 0.1), theory.published_band(1e8),
    ]  # fmt: skip
    for result in made:
        assert len(result.regime) > 20
        assert len(result.uncertain) > 20


def test_numbers_of_other_libraries_are_numbers() -> None:
    import sympy as sp

    assert check_values(sp.Rational(1, 2), "`y`") == 0.5
    assert theory.fresh_ridge(sp.Integer(1), sp.Rational(1, 10)).excess == pytest.approx(0.02704628, rel=1e-6)
