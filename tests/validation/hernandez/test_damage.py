"""What is read off scans: against curves whose worst point, band and effective size are known."""

import numpy as np
import pytest

import theory
from validation.hernandez import damage

R = [1, 4, 16, 64, 256, 1024, 4096]


def bumps(center: float, width: float, height: float = 0.2, seeds: int = 3) -> tuple[np.ndarray, np.ndarray]:
    x = np.log(R)
    one = height / np.cosh((x - center) / width)
    return x, np.stack([one * (1 + 0.01 * seed) for seed in range(seeds)])


def test_damage_is_the_logarithm_of_the_ratio_of_losses() -> None:
    clean = np.array([2.0, 3.0])
    x, found = damage.logs({2: 1.1 * clean, 8: clean}, clean)
    np.testing.assert_allclose(x, np.log([2, 8]))
    np.testing.assert_allclose(found, [[np.log(1.1), 0]] * 2, atol=1e-15)


def test_the_place_of_a_seed_is_that_of_the_others() -> None:
    found = np.array([[0.0, 9.0, 1.0, 0.0], [0.0, 1.0, 2.0, 0.0], [0.0, 1.0, 2.0, 0.0]])
    assert damage.left_out(found).tolist() == [2, 1, 1]
    assert damage.at_worst(found).tolist() == [1.0, 1.0, 1.0]


def test_noise_alone_does_not_rise_above_its_ends() -> None:
    noise = np.random.default_rng(0).normal(size=(4000, 7))
    groups = np.concatenate([damage.above_ends(group) for group in noise.reshape(1000, 4, 7)])
    assert groups.mean() < 0  # the larger of two ends has a positive mean; the largest of all would be above it


@pytest.mark.parametrize("center", [3.0, 4.0, 5.5])
def test_the_worst_number_of_repeats_of_a_bump(center: float) -> None:
    assert damage.peak(*bumps(center, 1.5)) == pytest.approx(center, abs=0.15)


def test_there_is_no_worst_number_at_an_end() -> None:
    assert np.isnan(damage.peak(*bumps(9.0, 1.5))).all()


def test_the_band_of_a_ridge_is_the_one_that_theory_gives() -> None:
    y = np.exp(np.linspace(-5, 5, 41))
    ridge = theory.fresh_ridge(y, 0.5)
    low, high = (float(edge) for edge in np.ravel(theory.fresh_ridge(1.0, 0.5).band))
    found = damage.band(np.log(y), np.asarray(ridge.excess)[None])
    assert found == pytest.approx(np.log(high / low), abs=0.02)
    assert np.isnan(damage.band(np.log(y[:20]), np.asarray(ridge.excess)[None, :20])).all()


def test_the_effective_size_of_a_clean_loss_is_its_size() -> None:
    sizes = np.array([1e2, 1e3, 1e4])
    clean = 5.0 * sizes**-0.1
    np.testing.assert_allclose(np.exp(damage.effective(sizes, clean, clean)), sizes)
    between = damage.effective(sizes, clean, np.array([clean[:2].mean(), clean[2] - 1, clean[0] + 1e-9]))
    assert between[0] == pytest.approx(np.log(np.sqrt(1e5)))
    assert between[1] == pytest.approx(np.log(1e4))
    assert np.isnan(between[2])
    assert damage.elasticity(sizes, clean) == pytest.approx(0.1)


def test_turns_of_a_course() -> None:
    assert damage.turns(np.array([3.0, 2.0, 2.5, 1.0])) == pytest.approx((0.25, 0.6))
    assert damage.turns(np.array([3.0, 2.0, 1.0])) == (0.0, pytest.approx(2 / 3))
    assert damage.turns(np.array([3.0, 2.0, 2.2])) == pytest.approx((0.1, 0.0))
