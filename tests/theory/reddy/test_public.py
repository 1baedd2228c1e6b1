"""The public functions of the wing answer an argument that cannot be with one sentence, and none with a traceback."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import xarray as xr

import minimodels as mm
import theory
from minimodels.errors import InputError
from tests.theory.test_public import LOGITS, NOT_NUMBERS, WELL, refused
from theory import reddy

RATES = {"beta_1": 1.0, "alpha": 1.0, "xi": 1.0}


def error_map(**options: Any) -> xr.Dataset:
    chosen = {"N": (4,), "ratio": (2,), "B": (1,), "attend": ("labels",), "rates": [RATES]}
    return theory.transition_error_map(**(chosen | options))


CALLS: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "transition_time": (theory.transition_time, (*NOT_NUMBERS, 3, mm.model("single_location"))),
    "transition_time, init": (lambda v: theory.transition_time(LOGITS, init=v), (0, "", "x", [], {"x": 1}, {1: 2})),
    "transition_time, value": (lambda v: theory.transition_time(LOGITS, init={"xi": v}), (*NOT_NUMBERS, 1e300)),
    "transition_time, order": (lambda v: theory.transition_time(LOGITS, order=v), (*NOT_NUMBERS, 0, -1, 1.5, 21)),
    "exact_transition_time, N": (lambda v: theory.exact_transition_time(v, 16), (*NOT_NUMBERS, 0, -4, 1.5, 1e300)),
    "exact_transition_time, L": (lambda v: theory.exact_transition_time(4, v), (*NOT_NUMBERS, 0, -4, 3, 1e300)),
    "exact_transition_time, B": (lambda v: theory.exact_transition_time(4, 16, v), (*NOT_NUMBERS, 0, -1, 3, 4)),
    "exact_transition_time, eps": (lambda v: theory.exact_transition_time(4, 16, eps=v), (*NOT_NUMBERS, -1, 1e300)),
    "exact_transition_time, D": (
        lambda v: theory.exact_transition_time(4, 16, D=v),
        (*(v for v in NOT_NUMBERS if v is not math.inf), 0, 1, -3, 1.5),
    ),
    "exact_transition_time, rates": (lambda v: theory.exact_transition_time(4, 16, rates=v), (0, "", [], {"x": 1})),
    "exact_transition_time, rate": (
        lambda v: theory.exact_transition_time(4, 16, rates={"xi": v}), (*NOT_NUMBERS, -1, 1e300)
    ),
    "exact_transition_time, init": (lambda v: theory.exact_transition_time(4, 16, init={"xi": v}), NOT_NUMBERS),
    "head_rates": (theory.head_rates, (*NOT_NUMBERS, 0, 1, -3, 8.5)),
    "head_rates, layers": (lambda v: theory.head_rates(8, layers=v), (*NOT_NUMBERS, -1, 1.5, 10**9)),
    "head_rates, gain": (lambda v: theory.head_rates(8, gain=v), (*NOT_NUMBERS, 0, -1, 1e300)),
    "label_gain_rates": (theory.label_gain_rates, (None, "x", 3, [], {}, WELL, mm.ItemLabelTask)),
    "transition_error_map, N": (lambda v: error_map(N=v), (None, 3, "x", [], [None], ["x"], [0], [-2], [math.nan])),
    "transition_error_map, B": (lambda v: error_map(B=v), (None, 3, "x", [], [None], ["x"], [0], [-2], [math.nan])),
    "transition_error_map, ratio": (lambda v: error_map(ratio=v), (None, 3, "x", [], [1.0], [-2], [math.inf])),
    "transition_error_map, attend": (lambda v: error_map(attend=v), (None, 3, "labels", [], [None], ["label"])),
    "transition_error_map, rates": (
        lambda v: error_map(rates=v),
        (None, 3, "x", [], [None], [{"xi": 1}], [RATES | {"x": 1}], RATES),
    ),
    "transition_error_map, rate": (
        lambda v: error_map(rates=[RATES | {"xi": v}]), (*NOT_NUMBERS, 0, -1, "1/L", 1e300)
    ),
    "summarise": (theory.summarise, (None, 3, "x", [], {}, xr.Dataset(), xr.Dataset({"error": ("x", [1.0])}))),
    "curve": (
        lambda v: theory.predict(LOGITS)["slow_phase"].curve(v),
        (None, 3, "x", [], {}, [None], [-1.0], [math.nan], [[1.0]]),
    ),
    "beside": (lambda v: theory.predict(LOGITS).beside(v), (None, 3, "x", [], {}, xr.Dataset())),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_is_one_sentence(name: str) -> None:
    refused(*CALLS[name])


def test_every_public_name_is_found_and_called_here() -> None:
    assert set(reddy.PUBLIC) == {name.split(",")[0] for name in CALLS} - {"curve", "beside"}
    assert set(reddy.PUBLIC) <= set(dir(theory))
    assert all(inspect.isfunction(getattr(theory, name)) for name in reddy.PUBLIC)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: theory.transition_time(LOGITS, init={"bta_1": 0.1}), "did you mean 'beta_1'"),
        (lambda: theory.exact_transition_time(4, 16, rates={"alfa": 0.1}), "did you mean 'alpha'"),
        (lambda: theory.exact_transition_time(4, 16, init={"x": 0.1}), "did you mean 'xi'"),
        (lambda: error_map(rates=[{"beta": 1, "alpha": 1, "xi": 1}]), "did you mean 'beta_1'"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_right_one(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: theory.transition_error_map(ratio=(1.0,)), "above 1"),
        (lambda: theory.transition_error_map(attend=("exact",)), "'labels' or 'all'"),
    ],
)
def test_bad_input(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: theory.transition_time(LOGITS, ordr=2),
        lambda: theory.exact_transition_time(4, 16, epsilon=0.1),
        lambda: theory.head_rates(8, layer=1),
        lambda: theory.label_gain_rates(mm.ItemLabelTask(), gain=2),
        lambda: theory.transition_error_map(ratios=(2,)),
        lambda: theory.summarise(xr.Dataset(), dim="x"),
    ],
)
def test_a_misspelt_option_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        call()


@pytest.mark.parametrize(
    ("model", "init"),
    [
        (mm.model("nested_logit", attend="labels", N=4, B=4, L=16), None),
        (LOGITS.with_rates(alpha=0), None),
        (mm.model("nested_logit", attend="labels", N=8, L=8), {"beta_1": 0.0, "alpha": 0.0, "xi": 0.0}),
    ],
)
def test_no_transition_is_a_sentence_and_not_a_nan(model: Any, init: Any) -> None:
    with pytest.raises(InputError, match="reason says why"):
        theory.transition_time(model, init=init)
    assert theory.predict(model, init=init)["transition_time"].reason
