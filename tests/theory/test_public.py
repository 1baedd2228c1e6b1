"""Every public function of theory answers an argument that cannot be with one sentence, and none with a traceback."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

import minimodels as mm
import theory
from minimodels.errors import InputError

LOGITS = mm.model("nested_logit", attend="labels")
WELL = mm.GradientFlow(name="well", state={"x": 0.1}, loss="(x**2 - 1)**2/4")
HALVED = mm.Map(name="halved", state={"x": 0.1}, update={"x": "x/2"})
RATES = {"beta_1": 1.0, "alpha": 1.0, "xi": 1.0}
NOT_NUMBERS: tuple[Any, ...] = (
    None, "x", "", math.nan, math.inf, -math.inf, True, 1j, b"x", 10**400, [], {}, {"zz": 1}, [None], np.arange(2.0),
    WELL, HALVED, mm.ItemLabelTask(), len, xr.Dataset(),
)  # fmt: skip


def error_map(**options: Any) -> xr.Dataset:
    chosen = {"N": (4,), "ratio": (2,), "B": (1,), "attend": ("labels",), "rates": [RATES]}
    return theory.transition_error_map(**(chosen | options))


CALLS: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "derive": (theory.derive, (None, 3, 0.5, "", [], {}, len, True)),
    "derive, option": (lambda v: theory.derive("memorisation_race", form=v), NOT_NUMBERS),
    "predict": (theory.predict, (None, 3, "nested_logit", [], {}, len, mm.ItemLabelTask())),
    "predict, init": (lambda v: theory.predict(WELL, init=v), (0, "", "x", [], 3, np.array([1.0]), {1: 2}, {"y": 1})),
    "predict, value": (lambda v: theory.predict(WELL, init={"x": v}), NOT_NUMBERS),
    "transition_time": (theory.transition_time, (*NOT_NUMBERS, 3, mm.model("single_location"))),
    "transition_time, init": (lambda v: theory.transition_time(LOGITS, init=v), (0, "", "x", [], {"x": 1}, {1: 2})),
    "transition_time, value": (lambda v: theory.transition_time(LOGITS, init={"xi": v}), (*NOT_NUMBERS, 1e300)),
    "transition_time, order": (lambda v: theory.transition_time(LOGITS, order=v), (*NOT_NUMBERS, 0, -1, 1.5, 10**9)),
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
    "derivation": (lambda v: theory.derive(WELL)[v], (None, 0.5, True, [], 99, -99, "fixd_points", 10**400)),
    "prediction": (lambda v: theory.predict(WELL)[v], (None, 0.5, True, [], 99, -99, "fixd_points", 10**400)),
    "curve": (
        lambda v: theory.predict(LOGITS)["slow_phase"].curve(v),
        (None, 3, "x", [], {}, [None], [-1.0], [math.nan], [[1.0]]),
    ),
    "beside": (theory.predict(LOGITS).beside, (None, 3, "x", [], {}, xr.Dataset())),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_is_one_sentence(name: str) -> None:
    call, wrong = CALLS[name]
    for value in wrong:
        with pytest.raises(InputError) as caught:
            call(value)
        sentence = str(caught.value)
        assert "\n" not in sentence
        assert len(sentence) < 320, sentence
        assert sentence.endswith((".", "?")), sentence


def test_every_public_function_is_called_here() -> None:
    functions = {k for k in theory.__all__ if inspect.isfunction(getattr(theory, k))}
    assert functions - {name.split(",")[0] for name in CALLS} == {"emergence_scaling"}  # which takes no argument


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: theory.derive("nested_logit", atend="labels"), "did you mean 'attend'"),
        (lambda: theory.derive("nested_logitt"), "did you mean 'nested_logit'"),
        (lambda: theory.predict(LOGITS, init={"alfa": 0.1}), "did you mean 'alpha'"),
        (lambda: theory.transition_time(LOGITS, init={"bta_1": 0.1}), "did you mean 'beta_1'"),
        (lambda: theory.exact_transition_time(4, 16, rates={"alfa": 0.1}), "did you mean 'alpha'"),
        (lambda: theory.exact_transition_time(4, 16, init={"x": 0.1}), "did you mean 'xi'"),
        (lambda: error_map(rates=[{"beta": 1, "alpha": 1, "xi": 1}]), "did you mean 'beta_1'"),
        (lambda: theory.predict(WELL)["fixed_point"], "did you mean 'fixed_points'"),
        (lambda: theory.derive(WELL)["conservd"], "did you mean 'conserved'"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_right_one(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: theory.predict(WELL, initial={}),
        lambda: theory.transition_time(LOGITS, ordr=2),
        lambda: theory.exact_transition_time(4, 16, epsilon=0.1),
        lambda: theory.head_rates(8, layer=1),
        lambda: theory.label_gain_rates(mm.ItemLabelTask(), gain=2),
        lambda: theory.transition_error_map(ratios=(2,)),
        lambda: theory.summarise(xr.Dataset(), dim="x"),
        lambda: theory.emergence_scaling(sizes=3),
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


@pytest.mark.parametrize("values", [{"nu": 1e-300}, {"N": 1e300}])
def test_parameters_at_the_ends_of_floating_point_are_no_traceback(values: dict[str, float]) -> None:
    predictions = theory.predict(mm.model("memorisation_race", **values))
    assert any("range of floating point" in p.reason for p in predictions)
