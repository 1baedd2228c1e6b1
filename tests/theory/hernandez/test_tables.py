"""Every table of the specification that is theory, to the digits that it gives."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import theory
from tests.theory.hernandez.reference import NUMBERS, T, printed
from theory.hernandez.effective import effective_edges, published_depth
from theory.hernandez.market import PER_TOKEN

SIZES = NUMBERS["sizes"]


def close(value: float, stated: float, loose: float = 1.0) -> None:
    assert value == pytest.approx(stated, abs=loose * printed(stated))


@pytest.mark.parametrize("f", NUMBERS["worst"])
def test_the_worst_point(f: str) -> None:
    made = theory.fresh_ridge(1.0, float(f))
    close(made.excess, NUMBERS["worst"][f])
    assert made.excess == pytest.approx(made.worst_excess, rel=1e-12)
    assert made.worst_y == 1


@pytest.mark.parametrize("f", NUMBERS["collapse"])
def test_the_loss_on_the_repeated_set_at_the_worst_point(f: str) -> None:
    close(theory.fresh_ridge(1.0, float(f)).train_ratio, NUMBERS["collapse"][f])
    assert theory.detect_repeats(1.0, 1.0, float(f)).peak_ratio == pytest.approx(
        theory.fresh_ridge(1.0, float(f)).train_ratio, rel=1e-12
    )


def test_the_bands() -> None:
    for f, stated in NUMBERS["band_of_V"].items():
        low, high = theory.fresh_ridge(1.0, float(f)).band
        close(high / low, stated)
    ratios = {}
    for f in (0.03, 0.1, 0.2, 0.5, 0.9):
        low, high = effective_edges(f)
        ratios[f] = high / low
        edge = theory.fresh_ridge(low, f).excess
        half = math.log(theory.effective_size(theory.fresh_ridge(1.0, f).excess)) / 2
        assert math.log(theory.effective_size(edge)) == pytest.approx(half, rel=1e-9)
    for f, stated in NUMBERS["band_of_x"].items():
        close(ratios[float(f)], stated)
    close(float(np.exp(np.mean(np.log(list(ratios.values()))))), NUMBERS["band_of_x_mean"])


def test_the_course_goes_down_up_and_down_only_near_two_directions_a_sample() -> None:
    times = np.geomspace(1e-2, 400, 1000)

    def rise(f: float, c: float) -> tuple[float, bool]:
        """Return by how much the excess rises after its minimum, and whether it falls again."""
        e = theory.fresh_ridge_course(times, f, c)
        low = int(np.argmin(e[: int(np.argmax(e[1:] - e[:-1] > 0)) + 1])) if (np.diff(e) > 0).any() else len(e) - 1
        top = e[low:].max()
        return float(top / e[low] - 1), bool(e[-1] < top * (1 - 1e-3))

    stated = NUMBERS["course"]
    for c, value in stated["rise"].items():
        found, _ = rise(0.9, float(c))
        assert found == pytest.approx(value, abs=0.0006), c
    assert rise(0.9, 2.0)[1]
    assert not rise(0.9, 1.5)[1]
    assert not rise(0.9, 1.0)[1]
    assert rise(0.9, 10.0)[0] <= 0.003
    e = theory.fresh_ridge_course(times, 0.9, 1.0)
    close(float(e.min()), stated["c1"][0])
    close(float(e[-1]), stated["c1"][1])
    assert max(rise(0.5, c)[0] for c in (0.3, 0.5, 1.0, 1.5, 2.0)) <= 0.051
    assert not any(rise(0.5, c)[1] for c in (0.5, 1.0, 1.5, 2.0))
    assert rise(0.5, 3.0)[0] <= 1e-3
    assert max(rise(0.1, c)[0] for c in (0.05, 0.1, 0.3, 1.0)) <= 0.0035


@pytest.mark.parametrize("row", NUMBERS["location"], ids=lambda row: str(row["d"]))
def test_the_worst_repeats_against_the_published_band(row: dict[str, float]) -> None:
    made = theory.repeat_costs([50], [3e9], tokens=T, parameters=row["N"], width=row["d"])
    assert made.worst_r == pytest.approx(row["T/p"], rel=2e-3)
    band = theory.published_band(row["N"])
    assert band.center == pytest.approx(row["center"], rel=5e-3)
    close(band.center / made.worst_r, row["ratio"], 1.6)


def test_how_the_ratio_goes_on_and_the_slopes() -> None:
    N, d = np.array(SIZES["N"]), np.array(SIZES["d"])
    untied, tied = N + 2 * 50304 * d, N + 50304 * d
    centers = np.array([theory.published_band(x).center for x in N])
    ratio = centers / (T / untied)
    assert (np.diff(ratio[2:]) > 0).all()  # it keeps growing with N
    assert ratio[-1] == pytest.approx(2.53, abs=0.01)  # of this repository
    log_n = np.log(N)
    slope = {k: np.polyfit(log_n, np.log(v), 1)[0] for k, v in {
        "untied": T / untied, "tied": T / tied, "published": centers, "alone": T / N}.items()}  # fmt: skip
    for name, stated in NUMBERS["slopes"].items():
        close(slope[name], stated)
    assert slope["alone"] == pytest.approx(-1, abs=1e-12)
    assert (pytest.approx(82e6, rel=1e-3), pytest.approx(820e6, rel=1e-3)) == (T / 1220, T / 122)
    for size, (low, high) in NUMBERS["edges"].items():
        band = theory.published_band(float(size))
        assert (band.low, band.high) == (pytest.approx(low, rel=0.05), pytest.approx(high, rel=0.01))


def test_the_dip_and_recovery_in_size() -> None:
    stated = NUMBERS["dip"]
    y = 1220 * np.array(stated["N"]) / T
    for found, x in zip(theory.effective_size(theory.fresh_ridge(y, 0.1).excess), stated["x"], strict=True):
        close(found, x)


@pytest.mark.parametrize("row", NUMBERS["weighted"], ids=str)
def test_weighted_samples(row: dict[str, float]) -> None:
    f, r = row["f"], row["r"]
    groups = ([1, r], [(1 - f) * 3000, f * 3000 / r])
    close(theory.weighted_risk(*groups, p=100).excess, row["excess"])


@pytest.mark.parametrize("per_direction", NUMBERS["optimum"])
def test_the_worst_repeats_of_a_finite_stream(per_direction: str) -> None:
    p, f = 1000.0, 0.1
    tokens = float(per_direction) * p

    def negative(log_r: float) -> float:
        r = math.exp(log_r)
        return -theory.weighted_risk([1, r], [(1 - f) * tokens, f * tokens / r], p=p).excess

    found = minimize_scalar(negative, bounds=(0, 12), method="bounded", options={"xatol": 1e-6})
    close(math.exp(found.x) * p / tokens, NUMBERS["optimum"][per_direction])


@pytest.mark.parametrize("al", NUMBERS["market"])
def test_the_depth_of_the_market(al: str) -> None:
    for f, stated in NUMBERS["market"][al].items():
        close(theory.capacity_market(float(f), float(al)).x_min, stated)


def test_the_market_at_the_published_sizes() -> None:
    made = theory.capacity_market(0.1, 0.1)
    worst = PER_TOKEN * 0.1 * T / (made.u_c * 800e6)
    assert worst == pytest.approx(100, abs=0.5)
    close(made.x(PER_TOKEN * 0.1 * T / (122 * 805e6)), 0.57)
    close(made.x(PER_TOKEN * 0.1 * T / (1220 * 101e6)), 0.66)


def test_memorising_pays_from_nine_per_cent_on() -> None:
    """Half of a model of 2.0 nats at 2.2 nats, for what is memorised at none: the two losses imply al = .1375."""
    al = math.log(2.2 / 2.0) / math.log(2)
    assert al == pytest.approx(0.1375, abs=5e-5)
    even = 1 - 2.0 / 2.2
    assert (1 - even) * 0.5**-al == pytest.approx(1, abs=1e-12)
    assert even == pytest.approx(0.091, abs=5e-4)


def test_the_example_of_the_specification() -> None:
    stated = NUMBERS["example"]
    made = theory.repeat_costs([50], [0.03 * T], tokens=T, parameters=197e6, width=640)
    close(made.y[0], stated["y"])
    close(made.alone[0], stated["V"])
    by = {d.model: d for d in made.damages}
    close(by["A"].low, stated["A"])
    assert by["C"].low == by["C"].high == stated["C"]
    close(PER_TOKEN * made.distinct[0] / 197e6, stated["u"])
    band = theory.published_band(197e6)
    assert (band.low, band.high) == tuple(pytest.approx(x, rel=2e-3) for x in stated["band"])
    close(theory.effective_size(theory.fresh_ridge(1.0, 0.03).excess), stated["worst_A"])
    close(theory.capacity_market(0.03, 0.1).x_min, stated["worst_C"])
    close(published_depth(0.03), stated["published"])
    assert not by["epochs"].applies


def test_published_constants() -> None:
    law = theory.scaling_law("hoffmann")
    assert (law.E, law.A, law.a, law.B, law.b) == (1.69, 406.4, 0.34, 410.7, 0.28)
    law = theory.scaling_law("besiroglu")
    assert (law.E, law.A, law.a, law.B, law.b) == (1.8172, 482.01, 0.3478, 2085.43, 0.3658)
    law = theory.scaling_law("muennighoff")
    assert (law.E, law.A, law.a, law.B, law.b) == (1.87, 521.0, 0.353, 1488.0, 0.353)
    assert all("arXiv" in theory.scaling_law(k).source for k in ("hoffmann", "besiroglu", "muennighoff"))


def test_four_epochs_are_nearly_free_and_forty_worthless() -> None:
    N, unique = 8.7e9, 44e9
    four = theory.data_constrained_loss(N, 4 * unique, unique)
    fresh = theory.data_constrained_loss(N, 4 * unique, 4 * unique)
    assert 0 < four / fresh - 1 < 0.01
    forty, eighty = (theory.data_constrained_loss(N, k * unique, unique) for k in (40, 80))
    gained = (forty - eighty) / (theory.data_constrained_loss(N, unique, unique) - eighty)
    assert 0 < gained < 0.1


def test_a_share_of_documents_is_no_share_of_the_tokens() -> None:
    """Of unique documents the share x seen r times is f = x r/(1 - x + x r): .1 % seen 100 times is 9.1 %."""
    x, r = 1e-3, 100
    unique = T / (1 - x + x * r)
    made = theory.repeat_costs([r], [x * unique], tokens=T, parameters=1e8, distinct=True)
    assert made.f == pytest.approx(0.091, abs=5e-4)
    assert made.f == pytest.approx(x * r / (1 - x + x * r), rel=1e-12)
