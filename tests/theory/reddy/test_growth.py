"""How the times of nested logits grow with size, measured by sweeps."""

import math

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
import theory
from theory.reddy.laws import LAWS


def test_measured_exponents_tend_to_the_laws() -> None:
    expected = {
        "nested logits, L = 4N": 1.5,
        "nested logits, L = 4N, read-out at rate 1/(L-1)": 2,
        "nested logits, L = N, from 0.01": 2,
    }
    assert {law.name: law.limit for law in LAWS} == expected
    table = theory.emergence_scaling().sel(law=list(expected))
    gaps = abs(table.exponent - table.limit)
    assert dict(zip(table.law.values.tolist(), table.limit.values.tolist(), strict=True)) == expected
    assert float(gaps.isel(interval=-1).max()) < 1e-3
    assert (gaps.diff("interval") < 0).all()


def test_growth_with_size_of_nested_logits() -> None:
    """Prefactors too: T* at L = 4N and the time of an e-fold at L = N."""
    for attend, weight in (("labels", 1), ("all", 2)):
        m = mm.model("nested_logit", attend=attend, N=1e6, L=4e6)
        made = theory.predict(m)["growth_with_size"]
        assert made.value == pytest.approx(weight * 1e9 * (2 * math.pi) ** 0.25 / math.sqrt(0.75), rel=1e-5)
        assert made.values["exponent"] == pytest.approx(1.5, abs=1e-9)
        run = mm.sweep(
            m, {"xi_0": [0.0]}, t_end=1e12, init={"alpha": 0, "beta_1": 0}, keep=["escape_time"], stop_at="escape_time"
        )
        assert made.value == pytest.approx(float(run.escape_time[0]), rel=1e-4)
        assert made.error < 1e-4
        own = theory.predict(m.with_rates(xi="1/(L-1)"))["growth_with_size"]
        assert own.values["exponent"] == pytest.approx(2, abs=1e-5)
    m = mm.model("nested_logit", attend="labels", N=1e5, L=1e5)
    starts = [1e-3, 1e-5]
    times = [
        float(mm.sweep(m, {"alpha_0": [x]}, t_end=1e15, init={"xi": x, "beta_1": 0}, keep=["escape_time"],
                       stop_at="escape_time", rtol=1e-9).escape_time[0])
        for x in starts
    ]  # fmt: skip
    made = theory.predict(m)["growth_with_size"]
    assert made.value == pytest.approx((times[1] - times[0]) / math.log(1e2), rel=1e-4)
    assert made.values["exponent"] == pytest.approx(2, abs=1e-9)


def test_exact_positions_add_a_logarithm() -> None:
    """1/lambda = 2N(2N+1)/(H_N - 1): the local exponent is 2 less one over the logarithm."""
    growth = theory.derive("nested_logit", attend="exact")["saddle_exact_positions"].explicit.rhs
    others = {s: {"eps": 0, "beta_2": 0}.get(s.name, 1) for s in growth.free_symbols if s.name != "N"}
    (size,) = [s for s in growth.free_symbols if s.name == "N"]
    rates = [float(sp.N(growth.subs(others).subs(size, sp.Float(n)))) for n in (10**3, 2 * 10**3, 10**6, 2 * 10**6)]
    for first, n in ((0, 1.4e3), (2, 1.4e6)):
        local = math.log2(rates[first] / rates[first + 1])
        assert local == pytest.approx(2 - 1 / (math.log(n) + np.euler_gamma - 1), abs=2e-3)
