"""The transition time: the table, random points of the phase diagram, the error map."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory
from minimodels.models import model
from tests.minimodels.systems import TRANSITION_TIMES
from theory.reddy.error_map import NETWORK, UNIT_RATES
from theory.reddy.flow import measured_time
from theory.reddy.reduced_flow import reduced_flow, slow_phase_root, transition_times

ZERO = {"beta_1": 0.0, "alpha": 0.0, "xi": 0.0}
UNIT = {"beta_1": 1.0, "alpha": 1.0, "xi": 1.0}


@pytest.mark.parametrize(("n", "size", "b", "labels", "every"), TRANSITION_TIMES)
def test_table(n: float, size: float, b: float, labels: float, every: float) -> None:
    for attend, expected in (("labels", labels), ("all", every)):
        m = model("nested_logit", attend=attend, N=n, L=size, B=b)
        time, error = theory.transition_time(m, init=ZERO)
        assert time == pytest.approx(expected, abs=6e-3)
        assert error < 1e-3
        assert measured_time(attend, m.values, UNIT) == pytest.approx(expected, abs=6e-3)


@pytest.mark.parametrize(("attend", "slow"), [("labels", 91.02), ("all", 180.64)])
def test_slow_attention(attend: str, slow: float) -> None:
    m = model("nested_logit", attend=attend).with_rates(alpha=0.3, beta_1=0.3)
    assert theory.transition_time(m, init=ZERO)[0] == pytest.approx(slow, abs=6e-3)


points = st.fixed_dictionaries(
    {
        "N": st.floats(2, 16),
        "ratio": st.floats(1.02, 16),
        "B": st.floats(1, 1.9),
        "attend": st.sampled_from(["labels", "all"]),
        "M": st.floats(1, 20),
        "rates": st.tuples(*[st.floats(0.1, 10)] * 3),
        "start": st.tuples(*[st.sampled_from([0.0, 1e-6, 0.01, 0.2])] * 3),
    }
)


@settings(deadline=None, max_examples=15, derandomize=True)
@given(points)
def test_quadratures_agree_with_the_flow(point: dict[str, object]) -> None:
    n, b = float(point["N"]), float(point["B"])  # type: ignore[arg-type]
    size = max(n / b * float(point["ratio"]), 2.5)  # type: ignore[arg-type]
    rates = dict(zip(UNIT, point["rates"], strict=True))  # type: ignore[call-overload]
    init = dict(zip(UNIT, point["start"], strict=True))  # type: ignore[call-overload]
    attend = str(point["attend"])
    m = model("nested_logit", attend=attend, N=n, L=size, B=b, M=point["M"]).with_rates(**rates)
    time, error = theory.transition_time(m, init=init)
    measured = measured_time(attend, m.values, rates, init)
    assert time == pytest.approx(measured, rel=1e-2)
    assert abs(time / measured - 1) < 3 * error + 2e-4


@settings(deadline=None, max_examples=6, derandomize=True)
@given(st.floats(2.5, 16), st.sampled_from(["labels", "all"]), st.floats(1e-8, 0.1), st.floats(0.3, 3), st.booleans())
def test_order_0_is_exact_at_the_saddle(n: float, attend: str, start: float, rate: float, down: bool) -> None:
    init = {"beta_1": 0.0, "alpha": -start if down else start, "xi": 0.0}
    values, rates = {"N": n, "L": n, "B": 1.0, "M": n}, {"beta_1": 1.0, "alpha": rate, "xi": 1.0}
    measured = measured_time(attend, values, rates, init)
    assert transition_times(attend, values, rates, init) == pytest.approx(np.full(3, measured), rel=1e-3)
    m = model("nested_logit", attend=attend, N=n, L=n).with_rates(**rates)
    time, error = theory.transition_time(m, init=init)
    assert abs(time / measured - 1) < error + 1e-6  # here the error is that of the quadrature alone


def test_orders_improve() -> None:
    errors = theory.transition_error_map(N=(3, 8), ratio=(1.1, 4), B=(1,), rates=(*UNIT_RATES, {**UNIT, "xi": NETWORK}))
    worst = theory.summarise(errors)["max"]
    leading, crossover, *orders = (float(v) for v in worst)
    assert orders[0] < min(leading, crossover) / 5
    assert orders[1] < orders[0] / 10
    assert max(orders[1:]) < 1e-3
    assert int(theory.summarise(errors)["points"][0]) == 16


def test_where_the_leading_order_fails_and_the_crossover_helps() -> None:
    near = theory.transition_error_map(N=(8, 16), ratio=(1.02,), B=(1,), rates=UNIT_RATES)
    size = abs(near["error"]).max(["attend", "N", "B", "ratio", "rates"])
    assert float(size.sel(predictor="leading")) > 0.25
    assert float(near["error"].sel(predictor="leading").min()) > 0  # predicted too late
    assert float(size.sel(predictor="crossover")) < 0.05
    far = theory.transition_error_map(N=(16,), ratio=(4,), B=(1,), rates=UNIT_RATES)
    assert float(abs(far["error"].sel(predictor="leading")).max()) < 0.01


def test_map_leaves_out_what_does_not_exist() -> None:
    made = theory.transition_error_map(N=(2, 4), ratio=(1.5,), B=(1, 2), attend=("labels",), rates=UNIT_RATES)
    measured = made["measured"].isel(attend=0, ratio=0, rates=0)
    assert np.isfinite(measured.sel(N=2, B=1))
    assert np.isnan(measured.sel(N=2, B=2))  # B = N
    assert np.isfinite(measured.sel(N=4, B=2))
    assert made["predicted"].notnull().sum() == 5 * made["measured"].notnull().sum()


def test_scaling_with_the_context() -> None:
    n = np.array([256.0, 1024.0])
    labels, every = (
        transition_times(attend, {"N": n, "L": 4 * n, "B": 1, "M": n}, UNIT, ZERO)[-1] for attend in ("labels", "all")
    )
    assert np.diff(np.log(labels)) / np.diff(np.log(n)) == pytest.approx(1.5, abs=0.005)
    assert every / labels == pytest.approx(2, abs=0.005)


@pytest.mark.parametrize("competing", [1e-6, 1.0, 1e4, 1e8])
def test_any_number_of_competing_keys(competing: float) -> None:
    m = model("nested_logit", attend="labels", M=competing)
    measured = measured_time("labels", m.values, UNIT)
    assert theory.transition_time(m, init=ZERO)[0] == pytest.approx(measured, rel=1e-4)


def test_frozen_first_layer() -> None:
    m = model("nested_logit", attend="labels").with_rates(beta_1=0)
    measured = measured_time("labels", m.values, m.rate_values())
    assert theory.transition_time(m, init=ZERO)[0] == pytest.approx(measured, rel=1e-4)


def test_order_0_contains_both_limits() -> None:
    """The leading order where the plateau is long (M large), the exact flow at the saddle, both within 0.1%."""
    values = {"N": 8.0, "L": 32.0, "B": 1.0, "M": 1e4}
    long = transition_times("labels", values, UNIT, ZERO, order=0)[0]
    m = model("nested_logit", attend="labels", M=1e4)
    assert long == pytest.approx(theory.predict(m, init=ZERO)["transition_time_leading"].value, rel=1e-3)
    near = transition_times("labels", values | {"L": 8.0 * (1 + 1e-6)}, UNIT, ZERO)
    assert near[0] == pytest.approx(near[2], rel=1e-3)


@pytest.mark.parametrize(("attend", "others"), [("labels", 6.0), ("all", 15.0)])
def test_split_of_the_drive_at_xi_0(attend: str, others: float) -> None:
    """N = 8, B = 2, L = 20: weights of the keys written out, for a match of weight alpha p = 0.7."""
    match = np.exp(0.7)
    q_c, q_o = 2 * match / (2 * match + others), 2 / (2 * match + others)
    slow, induction = (1 - 4 / 20) * q_o, (1 - 1 / 20) * (q_c - q_o)
    flow = reduced_flow(attend)
    at = (np.log(8.0), 1.4, 0.0, 8.0, 20.0, 2.0, 8.0, 0.0)  # p = 1/2
    assert flow.xi(*at) == pytest.approx(slow + induction, rel=1e-12)
    assert flow.slow_share(*at) == pytest.approx(slow / (slow + induction), rel=1e-12)
    drive = 0.5 * q_c * ((1 - 1 / 20) * (1 - q_c) + 3 / 20 * q_o)
    assert flow.slope_at_zero(*at) == pytest.approx((slow + induction) / drive, rel=1e-12)


def test_slow_phase_root() -> None:
    needed = np.geomspace(1e-16, 1e9, 40)
    for ratio in (1e-6, 0.3, 50.0, 1e8):
        u = slow_phase_root(needed, ratio)
        with mpmath.workdps(40):
            back = [float(mpmath.mpf(x) ** 2 / 2 + ratio * (mpmath.exp(x) * (mpmath.mpf(x) - 1) + 1)) for x in u]
        assert back == pytest.approx(needed.tolist(), rel=1e-6)
    assert slow_phase_root(0.0, 0.3) == 0


def test_rates_rescale_time() -> None:
    values = {"N": 8, "L": 32, "B": 1, "M": 8}
    slow = transition_times("all", values, dict.fromkeys(UNIT, 0.01), ZERO)
    assert slow == pytest.approx(100 * transition_times("all", values, UNIT, ZERO), rel=1e-9)
