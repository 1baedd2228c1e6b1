"""The aligned product of depth k: closed forms, and the vectors that it stands for."""

import numpy as np
import pytest
from scipy.integrate import quad

import minimodels as mm
from tests.minimodels.systems import TIGHT

# tau_half without its leading term at small w_0; k = 2: ln(sqrt(2) - 1)/2
CONSTANTS = {2: -0.4406868, 3: -1.2533912, 4: -0.6209567, 5: -0.3592869}


def escape(k: int, w_0: float, **options: float) -> float:
    m = mm.model("aligned_product", k=k, **options)
    start = w_0 * m.values["X"] ** (1 / k)
    return float(mm.simulate(m, t_end=1e8, init={"u": start}, stop_at="escape_time", **TIGHT).escape_time)


@pytest.mark.parametrize(("w_0", "expected"), [(0.1, 8.741607), (0.01, 98.746559)])
def test_the_published_escape_times(w_0: float, expected: float) -> None:
    assert escape(3, w_0) == pytest.approx(expected, abs=1e-6)
    assert escape(3, w_0, X=60.0, N=8000.0) * 60 ** (4 / 3) / 8000 == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 8])
def test_the_escape_time_is_the_quadrature(k: int) -> None:
    half = (1 - 0.5**0.5) ** (1 / k)
    for w_0 in (0.05, 0.25):
        expected = quad(lambda w: 1 / (w ** (k - 1) * (1 - w**k)), w_0, half, epsrel=1e-12)[0]
        assert escape(k, w_0) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("k", CONSTANTS)
def test_the_escape_law_of_depth_k(k: int) -> None:
    w_0 = 1e-4 if k == 2 else 0.02
    leading = -np.log(w_0) if k == 2 else w_0 ** (2 - k) / (k - 2)
    assert escape(k, w_0) - leading == pytest.approx(CONSTANTS[k], abs=1e-3)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_it_is_the_tensor_product_of_equal_aligned_vectors(k: int) -> None:
    truth, size, lr = 2.0, 1.1, 0.07
    m = mm.model("tensor_product", k=k, **{f"d_{i}": 2.0 for i in range(1, k + 1)})
    m = m.with_values(**{f"T_{i}": truth**2 for i in range(1, k + 1)})
    init = {f"n_{i}": size**2 for i in range(1, k + 1)} | {f"s_{i}": size * truth for i in range(1, k + 1)}
    aligned = mm.model("aligned_product", k=k, X=truth**k, N=2.0**k)
    steps = [0, 1, 10, 40]
    whole = mm.descend(m, lr=lr, steps=40, init=init, save=steps)
    one = mm.descend(aligned, lr=lr, steps=40, init={"u": size}, save=steps)
    np.testing.assert_allclose(whole.norm_1, one.u, rtol=1e-12)
    np.testing.assert_allclose(whole.loss, one.loss, rtol=1e-12, atol=1e-12)


def test_a_depth_that_cannot_be_is_refused() -> None:
    with pytest.raises(mm.InputError, match="`k` must be a whole number of at least 1"):
        mm.model("aligned_product", k=0.5)
