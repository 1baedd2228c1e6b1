"""Every table of the specification, to the digits that it gives."""

import math
from typing import Any

import pytest

import theory
from tests.theory.oswald.reference import NUMBERS, printed

BEST = 1 / (19.8 / 12)  # of one step at N = d = 10


def close(value: float, stated: float, loose: float = 1.0) -> Any:
    assert value == pytest.approx(stated, abs=loose * printed(stated))


@pytest.mark.parametrize("row", NUMBERS["one_step"])
def test_one_step(row: dict[str, float]) -> None:
    best = theory.gd_optimum(int(row["N"]), int(row["d"]))
    close(best.a[0], row["a"])
    close(best.loss, row["loss"])
    close(best.zero_loss, NUMBERS["zero_loss"])
    close(best.a[0] * row["N"], row.get("eta", best.a[0] * row["N"]))
    assert best.gamma == ()
    assert (best.error, best.fitted) == (0, best.loss)


@pytest.mark.parametrize("name", ["corrupted", "x_scale", "test_N"])
def test_other_data(name: str) -> None:
    for setting, stated in NUMBERS[name].items():
        value = float(setting) if name == "x_scale" else int(setting)
        close(theory.gd_loss(BEST, N=10, d=10, **{name: value}), stated)


def test_a_context_of_norm_one() -> None:
    for factor, stated in NUMBERS["frobenius"].items():
        close(theory.gd_loss(BEST, N=10, d=10, law="gaussian", frobenius=float(factor)), stated)


@pytest.mark.parametrize(("name", "kind"), [("x_scale_gd_2", "gd"), ("x_scale_gd_plus_plus_2", "gd++")])
def test_two_layers_on_scaled_inputs(name: str, kind: str) -> None:
    best = theory.gd_optimum(10, 10, K=2, kind=kind)
    for factor, stated in NUMBERS[name].items():
        found = theory.gd_loss(best.a, best.gamma or None, N=10, d=10, x_scale=float(factor))
        close(found, stated, 1 if stated < 1000 else 2)


def test_moments() -> None:
    for k, stated in enumerate(NUMBERS["moments_uniform"], 1):
        assert theory.moments(k, 10, 10) == pytest.approx(stated, rel=1e-6)
    for k, exact in NUMBERS["moments_gaussian_7_4"].items():
        assert theory.moments(int(k), 7, 4, law="gaussian", s=1) == exact


@pytest.mark.parametrize(("name", "tied"), [("free", False), ("tied", True)])
def test_plain_descent(name: str, tied: bool) -> None:
    for row in NUMBERS[name]:
        best = theory.gd_optimum(row["N"], 10, K=row["K"], tied=tied)
        close(best.loss, row["loss"])
        stated = [row["a"]] * row["K"] if tied else row.get("a", best.a)
        for found, step in zip(best.a, stated, strict=True):
            close(found, step, 1 if "a" in row else math.inf)


@pytest.mark.parametrize("row", NUMBERS["gd_plus_plus_tied"])
def test_tied_gd_plus_plus_and_the_transform_that_the_paper_reports(row: dict[str, float]) -> None:
    best = theory.gd_optimum(int(row["N"]), 10, K=2, kind="gd++")
    for found, name in ((best.a[0], "a"), (best.gamma[0], "gamma"), (best.loss, "loss")):
        if name in row:
            close(found, row[name])
    assert best.gamma[0] == pytest.approx(row["reported"], abs=row["within"])


@pytest.mark.parametrize("row", NUMBERS["gd_plus_plus_untied"])
def test_untied_gd_plus_plus_has_three_minima(row: dict[str, Any]) -> None:
    """The specification knows the third of them only."""
    found = theory.gd_optimum(row["N"], 10, K=2, kind="gd++", tied=False).minima
    for one, stated in zip(found, row["minima"], strict=True):
        close(one.loss, stated["loss"])
        close(one.gamma[0], stated["gamma"])
        for step, other in zip(one.a, stated["a"], strict=True):
            close(step, other)


@pytest.mark.parametrize("row", NUMBERS["proportional_gd_plus_plus"])
def test_the_proportional_limit_of_gd_plus_plus(row: dict[str, float]) -> None:
    best = theory.proportional_optimum(row["c"], K=2, kind="gd++")
    for found, name in ((best.a[0], "a"), (best.gamma[0], "gamma"), (best.loss, "loss")):
        close(found, row[name])


def test_squared_errors_of_the_setting_of_ahn_and_others() -> None:
    stated, setting = NUMBERS["squared_error_gaussian_20_5"], {"law": "gaussian", "s": 1.0}
    one = theory.gd_optimum(20, 5, **setting)
    close(2 * one.zero_loss, stated["zero"])
    close(2 * one.loss, stated["one"])
    close(2 * theory.gd_optimum(20, 5, K=2, tied=False, **setting).loss, stated["free_2"])
    close(2 * theory.gd_optimum(20, 5, K=2, kind="gd++", **setting).loss, stated["tied_plus_plus"])
    untied = theory.gd_optimum(20, 5, K=2, kind="gd++", tied=False, **setting)
    close(2 * untied.minima[-1].loss, stated["untied_plus_plus"])
    assert 2 * untied.loss == pytest.approx(0.0575012, abs=1e-7)  # better than what the specification knows


@pytest.mark.parametrize("factor", NUMBERS["damping"])
def test_damped_repeats(factor: str) -> None:
    for k, stated in enumerate(NUMBERS["damping"][factor], 1):
        close(theory.gd_loss([float(factor) * BEST] * k, N=10, d=10), stated)


@pytest.mark.parametrize("row", NUMBERS["sampled"], ids=str)
def test_deep_stacks_on_sampled_spectra(row: dict[str, Any]) -> None:
    best = theory.gd_optimum(10, 10, K=row["K"], kind=row["kind"], spectra=20_000)
    assert best.loss == pytest.approx(row["loss"], abs=5 * best.error)
    assert best.fitted < best.loss + 5 * best.error
    assert 0 < best.error < 0.02 * best.loss
    if row["kind"] == "gd++":
        assert best.a[0] == pytest.approx(row["a"], rel=0.04)
        assert best.gamma[0] == pytest.approx(row["gamma"], rel=0.04)


def test_two_softmax_heads() -> None:
    best = theory.two_head_optimum(10, 10)
    close(best.loss, NUMBERS["two_heads"])
    assert best.loss / theory.gd_optimum(10, 10).loss == pytest.approx(1.059, abs=5e-4)


def test_the_example_of_the_staircase() -> None:
    stated = NUMBERS["directions"]
    ladder = theory.saddle_ladder(stated["eigenvalues"], stated["N"])
    pairs = [*zip(ladder.gamma, stated["gamma"], strict=True), *zip(ladder.plateaus, stated["plateaus"], strict=True)]
    v, u = ladder.merged_limit
    for found, number in [*pairs, (v, stated["merged_v"]), *zip(u, stated["merged_u"], strict=True)]:
        close(found, number)


def test_bayes_is_zero_with_as_many_points_as_dimensions() -> None:
    plus, plain = (theory.gd_optimum(10, 10, K=2, kind=kind) for kind in ("gd++", "gd"))
    assert 0 == theory.bayes_risk(10, 10).loss < plus.loss < plain.loss < plain.zero_loss
