"""The public functions of the paper answer an argument that cannot be with one sentence."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import minimodels as mm
import validation
from minimodels.errors import InputError
from tests.validation.oswald.calls import CALLS, DRAWN, NETWORK, ONE_STEP, TASK, WEIGHTS
from validation import oswald, records
from validation.papers import claims_of

RIGHT = {getattr(function, "__name__", ""): (function, arguments) for function, arguments in CALLS}
OTHER = mm.ItemLabelTask()
KINDS: tuple[Any, ...] = (None, 3, "x", b"x", 0.5, True, [None], {}, np.array([1.0, 2.0]), OTHER)
NOT_NUMBERS: tuple[Any, ...] = (None, "x", "", math.nan, math.inf, True, 1j, b"x", [], {}, len, 10**400)
WHOLE = (*NOT_NUMBERS, -1, 0.5, np.array([1.0, 2.0]))
LOOSE = torch.ones(4, requires_grad=True)


def predictors(n: int) -> tuple[Any, ...]:
    """What is no function, and functions that return what is no prediction of n tasks."""
    returned: tuple[Any, ...] = (
        None, "x", [None] * n, np.zeros(n + 1), np.full(n, math.nan), np.full((n, 1), 1.0), ["a"] * n, 1j * np.ones(n),
        LOOSE, [math.inf] * n, {},
    )  # fmt: skip
    return (None, 3, "x", [], TASK, dict, *((lambda *given, v=v: v) for v in returned))


WRONG: dict[str, dict[str, tuple[Any, ...]]] = {
    "descent": {
        "a": (*NOT_NUMBERS, [math.nan], [True], [[0.5]], 1e300, [0.1] * 60), "gamma": ([0.1] * 3, "x", [None], 1e300),
    },
    "loss": {"predictor": predictors(10), "task": KINDS, "tasks": (*WHOLE, 0, 1, 10**12), "seed": WHOLE},
    "losses_over": {
        "predictor": predictors(10), "task": KINDS, "option": (*KINDS, "alpha", "spectrum"), "tasks": (*WHOLE, 0, 1),
        "values": (None, "x", 3, [], [None], [math.nan], [-1.0], ["x"], [[1.0]], {}, 0.5), "seed": WHOLE,
    },
    "alignment": {
        "one": predictors(10), "other": predictors(10), "task": (*KINDS, mm.LinearRegressionTask(x_scale=0.0)),
        "tasks": (*WHOLE, 0, 1), "seed": WHOLE,
    },
    "implicit_weights": {"predictor": predictors(4), "tasks": (*KINDS, TASK, mm.LinearRegressionTask)},
    "repeated": {"layer": predictors(0)[:6], "times": (*WHOLE, 0, 10**9), "damping": (*NOT_NUMBERS, 1e300)},
    "sample": dict.fromkeys(("seed", "start", "count", "draw"), WHOLE),
    "SelfAttention": {
        **dict.fromkeys(("layers", "heads"), (*WHOLE, 0, 10**6)),
        **dict.fromkeys(("recurrent", "merged", "average", "layer_norm", "double"),
                        (None, 0, 1, "yes", 0.5, [], np.array([1, 0]))),
        "softmax": (None, True, "some", [], 3), "pairs": (None, True, "three", [], 3),
        **dict.fromkeys(("clip", "scale", "start"), (*NOT_NUMBERS[1:], 0, -1, 1e300)),
    },
    "initial": {"task": KINDS, "seed": WHOLE},
    "predictor": {
        "task": (*KINDS, mm.LinearRegressionTask()), "seed": (*WHOLE, 1),
        "parameters": (None, 3, "x", [], {}, {"K": 1}, WEIGHTS, {k: w[None, :1] for k, w in WEIGHTS.items()}),
    },
    "steps_of_descent": {
        "network": (*KINDS, validation.SelfAttention(softmax="all"), validation.SelfAttention(average=True),
                    validation.SelfAttention(merged=True), TASK),
        "task": KINDS, "a": (*NOT_NUMBERS, [0.1], [0.1] * 3, [True, 0.1]), "gamma": (None, "x", [0.1], [math.nan] * 2),
        "W_0": ("x", 3, [1.0], [math.nan, 1.0], [[1.0, 1.0]], {}, [None, 1.0]),
    },
    "read_steps": {
        "weights": (*KINDS, {k: w[0] for k, w in WEIGHTS.items()}, {k: w[None] for k, w in WEIGHTS.items()},
                    {k: w for k, w in WEIGHTS.items() if k != "P"}, {k: math.nan * w for k, w in WEIGHTS.items()}),
        "layer": (*WHOLE, 2),
    },
}  # fmt: skip


@pytest.mark.parametrize(("name", "argument"), [(name, argument) for name in WRONG for argument in WRONG[name]])
def test_what_cannot_be_is_one_sentence(name: str, argument: str) -> None:
    function, arguments = RIGHT[name]
    for value in WRONG[name][argument]:
        with pytest.raises(InputError) as caught:
            function(**(arguments | {argument: value}))
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 320
        assert str(caught.value).endswith((".", "?"))


def test_right_calls_are_right() -> None:
    for function, arguments in CALLS:
        if "start" not in arguments or function is not validation.SelfAttention:
            function(**arguments)


def test_every_public_name_is_found_and_called_here() -> None:
    assert set(oswald.PUBLIC) - set(WRONG) == {"Alignment", "LinearRegressionTask"}
    assert set(oswald.PUBLIC) <= set(dir(validation))
    assert all(hasattr(validation, name) for name in oswald.PUBLIC)
    assert validation.LinearRegressionTask is mm.LinearRegressionTask


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: validation.loss(validation.repeated(lambda x, y, query: [1.0], 2), TASK), "one number for each"),
        (lambda: validation.loss(validation.descent([1e6] * 50), TASK, tasks=99), "a predictor diverges"),
        (
            lambda: validation.loss(validation.repeated(validation.descent(1e5), 99), TASK, tasks=99),
            "a predictor diverges",
        ),
        (lambda: validation.train(OTHER, NETWORK, steps=1), "learns a LinearRegressionTask"),
        (lambda: validation.train(TASK, validation.SelfAttention(start=0.5, heads=2), steps=1), "`start` is of layers"),
        (lambda: mm.LinearRegressionTask(N=3, corrupted=4), "at most N=3 labels"),
        (lambda: mm.LinearRegressionTask(s=-0.1), "`s` must be positive; got -0.1"),
        (lambda: mm.LinearRegressionTask(d=2, spectrum=(1.0, -0.5)), "between 1e-12 and"),
        (lambda: validation.losses_over(ONE_STEP, TASK, "corrupted", [0, 9]), "at most N=3 labels"),
    ],
)
def test_what_cannot_be_together_or_diverges_is_one_sentence(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()


def test_a_network_that_diverges_ends_with_a_sentence() -> None:
    options: dict[str, Any] = {"batch": 8, "held_out": 8, "record_every": 20, "progress": False}
    with pytest.raises(mm.RunFailed, match="lower `lr`"):
        validation.train(TASK, NETWORK, optimiser=validation.SGD(lr=1e9), steps=200, **options)


def test_a_misspelt_option_is_refused() -> None:
    for call in (
        lambda: validation.SelfAttention(layer=1), lambda: validation.loss(ONE_STEP, TASK, task_count=3),
        lambda: validation.alignment(ONE_STEP, ONE_STEP, TASK, number=3), lambda: mm.LinearRegressionTask(n=3),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            call()
    assert len(DRAWN) == 4


def test_the_records_that_are_kept_speak_for_their_claims() -> None:
    """One that is stale is made anew, or removed."""
    claims = claims_of("oswald")
    names = {path.stem for path in (Path(oswald.__file__).parent / "records").glob("*.json")}
    assert {"O4", "O13n"} <= names <= set(claims)
    found = {name: records.read("oswald", claims[name]) for name in names}
    assert not {name: stale for name, (record, stale) in found.items() if record is None}
