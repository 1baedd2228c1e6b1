"""The unlearning of random logits: against quadrature, random networks, and Euler steps written out."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from theory.reddy.unlearning import slow_phase_onset, transmitted, unlearning_slopes

BIASES, POWER = [0.05, -0.1, 0.08], 0.06


def by_quadrature(biases: list[float], power: float) -> tuple[float, float]:
    """q of the last layer and ln G, each layer an integral over its normal pre-activations."""
    log_G = 0.0
    for b in biases:
        width = math.sqrt(2 * power)

        def density(z: float, b: float = b, width: float = width) -> float:
            return math.exp(-((z - b) ** 2) / (2 * width**2)) / width / math.sqrt(2 * math.pi)

        power = quad(lambda z: z**2 * density(z), 0, b + 12 * width)[0]
        log_G += 0.5 * math.log(2 * quad(density, 0, b + 12 * width)[0])
    return power, log_G


def test_power_and_transmission_are_integrals_over_normal_pre_activations() -> None:
    for biases in (BIASES, [-0.3, 0.2], [0.0]):
        q, log_G = transmitted(biases, POWER)
        assert (q.real, log_G.real) == pytest.approx(by_quadrature(biases, POWER), rel=1e-8)


def test_without_biases_a_classifier_passes_on_power_and_signal_as_they_are() -> None:
    q, log_G = transmitted([0.0] * 3, POWER)
    assert (q.real, log_G.real) == pytest.approx((POWER, 0.0), abs=1e-15)


def test_a_wide_random_network_has_this_power_and_these_active_units() -> None:
    rng, d = np.random.default_rng(0), 2000
    h, active = rng.standard_normal(d) * math.sqrt(POWER), 1.0
    for b in BIASES:
        z = rng.standard_normal((d, d)) @ h * math.sqrt(2 / d) + b
        h, active = np.maximum(z, 0), active * 2 * float((z > 0).mean())
    q, log_G = transmitted(BIASES, POWER)
    assert float(h @ h) / d == pytest.approx(float(q.real), rel=0.1)
    assert active == pytest.approx(math.exp(2 * log_G.real), rel=0.1)


def test_slopes_are_those_of_the_equations_by_finite_differences() -> None:
    s, y, step = 0.8, 0.7, 1e-6
    options = {"N_c": 3, "L": 12, "A0": 1 / 7, "width": 40, "rate": 0.4}
    found = unlearning_slopes(np.array([*BIASES, s, y]), POWER, **options)
    q, log_G = by_quadrature(BIASES, POWER)
    xi = math.exp(log_G) * y
    drive = 1 / 7 * 9 / (3 * math.exp(xi / 7) + 9)
    for layer in range(3):
        moved = [[b + sign * step * (i == layer) for i, b in enumerate(BIASES)] for sign in (1, -1)]
        (q_up, G_up), (q_down, G_down) = (by_quadrature(each, POWER) for each in moved)
        expected = -0.5 * s**2 * (q_up - q_down) / (2 * step) + drive * xi * (G_up - G_down) / (2 * step)
        assert found[layer] == pytest.approx(expected, rel=1e-4)
    assert found[3] == pytest.approx(-40 / 12 * q * s, rel=1e-7)
    assert found[4] == pytest.approx(0.4 * math.exp(log_G) * drive, rel=1e-7)


def test_the_end_of_the_stage_is_that_of_small_euler_steps() -> None:
    N, L, width, rate, dt = 4, 16, 40, 0.5, 0.01
    x, t, below = np.array([*BIASES, 1.0, 0.0]), 0.0, False
    while t < 100:
        log_G = float(transmitted(x[:3], POWER)[1].real)
        if below and log_G >= 0:
            break
        below = below or log_G < 0
        x = x + dt * unlearning_slopes(x, POWER, N_c=N, L=L, A0=1 / 9, width=width, rate=rate)
        t += dt
    found = slow_phase_onset(BIASES, POWER, N=N, L=L, B=1, width=width, rate=rate)
    assert found.time == pytest.approx(t, rel=5e-3)
    assert found.xi == pytest.approx(x[-1], rel=5e-3)  # G = 1


@pytest.mark.parametrize(("N", "B"), [(4, 1), (8, 2)])
def test_where_all_units_are_active_the_stage_is_the_slow_phase_of_frozen_attention(N: int, B: int) -> None:
    """t(u) = [u + c (e^u - 1)]/(eta G^2 A0^2) at u = 1, with G^2 = 2, where nothing is unlearned; N/B = 4, c = 4/12."""
    found = slow_phase_onset([10.0], POWER, N=N, L=16, B=B, width=40, rate=0.5, read_out=0.0)
    A0 = B / (2 * N + 1)
    assert found.time == pytest.approx((1 + 4 / 12 * (math.e - 1)) / (0.5 * 2 * A0**2), rel=1e-4)
    assert found.xi == pytest.approx(1 / A0, rel=1e-4)


def test_without_biases_and_logits_there_is_no_first_stage() -> None:
    for biases in ([], [0.0] * 3):
        found = slow_phase_onset(biases, POWER, N=4, L=16, B=1, width=40, rate=0.5, read_out=0.0)
        assert found == (0.0, 0.0)


def test_a_classifier_that_is_switched_off_has_no_slow_phase() -> None:
    found = slow_phase_onset([-0.5] * 3, POWER, N=7, L=28, B=1, width=46, rate=0.3)
    assert math.isinf(found.time)
