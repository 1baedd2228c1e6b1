"""Starts of models made of vectors: from a seed, from invariants."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, kstest, norm

import minimodels as mm
from minimodels.vectors import draw_vectors, place_vectors, vectors_of

M = mm.model("tensor_product", k=2, d_1=3, d_2=6)
PARTS = mm.model("tensor_product", k=2, d_1=3, d_2=6, form="components")


def test_a_seed_has_the_same_vectors_in_any_company() -> None:
    many, few = draw_vectors(M, 5000), draw_vectors(M, [4999, 7])
    for name, values in few.items():
        assert values.tolist() == [many[name][4999], many[name][7]]
    assert len(np.unique(many["T_1"])) == 5000


def test_the_columns_are_those_of_the_vectors() -> None:
    clamp = {"1": 3, "2": 2}
    columns, parts = draw_vectors(M, [8], scale=0.3, clamp=clamp), draw_vectors(PARTS, [8], scale=0.3, clamp=clamp)
    drawn = vectors_of(M, 8, scale=0.3, clamp=clamp)
    for name, (truth, start) in drawn.items():
        np.testing.assert_array_equal(start[: clamp[name]], truth[: clamp[name]])
        assert columns[f"T_{name}"] == pytest.approx(truth @ truth, rel=1e-14)
        assert columns[f"n_{name}_0"] == pytest.approx(start @ start, rel=1e-14)
        assert columns[f"s_{name}_0"] == pytest.approx(start @ truth, rel=1e-14)
    assert columns["C_1"] == columns["T_1"] == columns["n_1_0"] == columns["s_1_0"]
    one, two = (
        mm.sweep(m, points=c, steps=1, save=[0], keep=["loss", "alignment_2"])
        for m, c in ((M, columns), (PARTS, parts))
    )
    np.testing.assert_allclose(one.loss, two.loss, rtol=1e-12)
    np.testing.assert_allclose(one.alignment_2, two.alignment_2, rtol=1e-12)


def test_their_distribution() -> None:
    columns = draw_vectors(M, 4000, scale=2.0)
    assert kstest(columns["T_2"], chi2(6).cdf).pvalue > 1e-3
    assert kstest(columns["n_1_0"] / 4, chi2(3).cdf).pvalue > 1e-3
    assert kstest(columns["s_2_0"] / 2 / np.sqrt(columns["T_2"]), norm.cdf).pvalue > 1e-3


def test_invariants_are_placed_in_either_form() -> None:
    columns = draw_vectors(M, 50)
    given = {letter: {x: columns[f"{letter}_{x}_0"] for x in "12"} for letter in "ns"}
    given["T"] = {x: columns[f"T_{x}"] for x in "12"}
    again = place_vectors(M, **given)
    assert all((again[k] == columns[k]).all() for k in columns)
    parts = mm.sweep(PARTS, points=place_vectors(PARTS, **given), steps=1, save=[0], keep=["n_1", "s_1", "n_2", "s_2"])
    for x in "12":
        np.testing.assert_allclose(parts[f"n_{x}"][:, 0], given["n"][x], rtol=1e-13)
        np.testing.assert_allclose(parts[f"s_{x}"][:, 0], given["s"][x], rtol=1e-13)
    perfect = place_vectors(PARTS, T={"1": 2.0, "2": 3.0}, n={"1": 2.0, "2": 3.0}, s={"1": 2.0, "2": 3.0})
    assert perfect["r_1_0"] == pytest.approx(0, abs=1e-7)


GOOD = {"T": {"1": 1.0, "2": 1.0}, "n": {"1": 1.0, "2": 1.0}, "s": {"1": 0.0, "2": 0.0}}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: draw_vectors(mm.model("nested_logit"), 3), "'nested_logit' is not made of vectors"),
        (lambda: draw_vectors(M.with_values(d_1=2.5), 3), "whole dimensions; got d_1=2.5"),
        (lambda: draw_vectors(M, 0), "`seeds` must be a whole number of at least 1"),
        (lambda: draw_vectors(M, []), "`seeds` is empty"),
        (lambda: draw_vectors(M, [1.5]), "a seed must be a whole number"),
        (lambda: draw_vectors(M, None), "`seeds` is how many, or a list of whole numbers"),
        (lambda: draw_vectors(M, 3, scale=0), "`scale` must be"),
        (lambda: draw_vectors(M, 3, clamp={"3": 1}), "unknown vector '3' in `clamp`"),
        (lambda: draw_vectors(M, 3, clamp={"1": 4}), "the clamped coordinates of '1' must be at most 3"),
        (lambda: place_vectors(M, **(GOOD | {"s": {"1": 0.0}})), "`s` has a number for each of 1, 2"),
        (lambda: place_vectors(M, **(GOOD | {"s": {"1": 1.1, "2": 0.0}})), "no vector '1' with s^2 above n T"),
        (lambda: place_vectors(M, **(GOOD | {"T": {"1": -1.0, "2": 1.0}})), "`T` of '1' must be positive"),
        (lambda: place_vectors(M, **(GOOD | {"n": {"1": [1.0, 2.0], "2": [1.0] * 3}})), "arrays of one length"),
    ],
)
def test_what_cannot_be_is_said(call: Any, sentence: str) -> None:
    with pytest.raises(mm.InputError) as caught:
        call()
    assert sentence in str(caught.value)
