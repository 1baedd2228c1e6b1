"""The public functions of the wing answer an argument that cannot be with one sentence, and none with a traceback."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

import minimodels as mm
import theory
from minimodels.errors import InputError
from tests.theory.oswald.calls import CALLS
from tests.theory.test_public import NOT_NUMBERS, refused
from theory import oswald

RIGHT = {function.__name__: (function, arguments) for function, arguments in CALLS}
WRONG: dict[str, dict[str, tuple[Any, ...]]] = {
    "moments": {
        "k": (0, -1, 9, 1.5), "N": (0, -3, 2.5, sp.zoo), "d": (0, -3), "s": (0, -1, sp.nan), "law": ("normal", ()),
    },
    "gd_loss": {
        "a": ([[0.1]], [0.1] * 60, 1e300), "gamma": ([0.1] * 3, 1e300), "N": (0, -1, 2.5), "d": (0, -1, 2.5),
        "s": (0, -1), "tau": (0, -1), "sigma": (-1,), "x_scale": (1e300,), "w_scale": (1e300,), "corrupted": (-1, 3),
        "law": ("normal", (0.5,)),
    },
    "gd_optimum": {
        "N": (0, -1, 2.5), "d": (0, -1), "K": (0, 5, 51), "kind": ("gd+", None), "tied": (1, "yes"),
        "law": ("normal", (9.0, 1.0)), "s": (0, -1), "sigma": (-1,),
    },
    "proportional_optimum": {"c": (0, -1), "K": (0, 1.5), "kind": ("x",), "tied": (2,)},
    "proportional_loss": {"c": (0, -1), "K": (0, 1.5, -1)},
    "bayes_risk": {
        "N": (0, -1), "d": (0,), "law": ("normal", (1.8,)), "s": (-1,), "sigma": (-0.1,), "spectra": (1, 10**15),
        "seed": (-1,),
    },
    "saddle_ladder": {
        "eigenvalues": ([], [1.0, 0.0], [1.0, -0.5], [1.0] * 100, "x", 3, [[1.0]]), "N": (0, -1, 2.5),
        "start": (0, -1, 0.9, sp.Rational(9, 10)), "tau": (0,), "sigma": (-1,),
    },
    "two_head_loss": {
        "B": ([[1.0, 2.0]], [1.0], "x", [[1.0, "x"], [0.0, 1.0]], []), "N": (0, -1),
        "s": ([1.0, -1.0], [1.0], [[1.0, 0.2], [0.2, 0.5]], 0, -1),
    },
    "two_head_optimum": {"N": (0,), "d": (0, 3), "s": ([[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.2], [0.3, 1.0]])},
}  # fmt: skip
NUMBERS = {"k", "N", "d", "s", "tau", "sigma", "x_scale", "w_scale", "corrupted", "K", "c", "spectra", "seed", "start"}


def may_be(value: Any, name: str, argument: str) -> bool:
    """Whether one of the values that are no numbers is right here."""
    return (name, argument) in {("proportional_loss", "K")} and value == float("inf")


@pytest.mark.parametrize(("name", "argument"), [(name, argument) for name in WRONG for argument in WRONG[name]])
def test_what_cannot_be_is_one_sentence(name: str, argument: str) -> None:
    function, arguments = RIGHT[name]
    wrong = [*WRONG[name][argument]]
    if argument in NUMBERS and not (argument == "s" and name.startswith("two_head")):
        wrong += [v for v in NOT_NUMBERS if isinstance(v, str | bytes | float | complex | bool) or v is None]
    wrong = [v for v in wrong if not (isinstance(v, float) and may_be(v, name, argument))]
    refused(lambda v: function(**(arguments | {argument: v})), tuple(wrong))


def test_every_public_name_is_found_and_called() -> None:
    assert set(oswald.PUBLIC) == set(RIGHT) == set(WRONG)
    assert set(oswald.PUBLIC) <= set(dir(theory))
    assert all(inspect.isfunction(getattr(theory, name)) for name in oswald.PUBLIC)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: theory.gd_optimum(10, 10, K=3, kind="gd++"), "degree 26 .* at most 4 steps of GD, 2 of GD"),
        (lambda: theory.gd_optimum(10, 10, K=5), "or sampled spectra"),
        (lambda: theory.gd_loss([1e6] * 50, N=10, d=10, law="gaussian"), "they diverge"),
        (lambda: theory.gd_loss([0.1, 0.1], N=10, d=10, corrupted=1), "is for one step"),
        (lambda: theory.gd_loss(0.1, N=10, d=10, corrupted=11), "at most the 10 labels"),
        (lambda: theory.gd_loss(0.1, N=10, d=10, frobenius=1.0), "law='gaussian'"),
        (lambda: theory.gd_optimum(10, 10, law=(9.0, 1.0, 1.0), K=2), "no law has"),
        (lambda: theory.gd_optimum(10, 10, law=(1.8,), spectra=10), "by its name"),
        (lambda: theory.bayes_risk(500, 500, law="gaussian", sigma=0.1), "up to min"),
        (lambda: theory.saddle_ladder([1, 0.5], 20, start=0.5), "`start` must be small"),
        (lambda: theory.derive("gd_plus_plus", K=5), "at most K=2"),
        (lambda: theory.derive("gd_plus_plus", tied="no"), "True or False"),
        (lambda: theory.derive("linear_attention", weights="merge"), "one of 'merged'"),
        (lambda: theory.derive("linear_attention", d=3), "unknown option"),
        (lambda: mm.model("gd_plus_plus", K=5, kind="gd"), "at most K=4"),
        (lambda: mm.model("linear_attention", weights="saturation", d=2.5), "whole number"),
        (lambda: mm.model("linear_attention", s=-1), "`s` must lie in"),
    ],
)
def test_bad_input(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)
