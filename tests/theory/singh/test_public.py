"""The public functions of the wing answer an argument that cannot be with one sentence, and none with a traceback."""

import inspect
from typing import Any

import pytest

import theory
from tests.theory.singh.calls import CALLS
from tests.theory.test_public import NOT_NUMBERS, refused
from theory import singh

RIGHT = {function.__name__: (function, arguments) for function, arguments in CALLS}
LISTS = (None, "x", b"x", [], {}, {"zz": 1}, [None], ["x"], [[1.0]], [float("nan")], len)
WRONG: dict[str, dict[str, tuple[Any, ...]]] = {
    "tensor_escape_time": {
        "T": (*LISTS, [4.0, 4.0], [0.0, 1.0, 1.0], [-1.0, 1.0, 1.0]),
        "n": (*LISTS, [1.0], [100.0] * 3, [-1.0] * 3),
        "s": (*LISTS, [1.0], [3.0] * 3),
        "d": (None, "x", 0, -1, [3.0], [0.5, 3, 3], {}, float("nan")),
        "clamped": (None, 3, "x", [3], [-1], [0.5], [True], [0, 1, 2], {"1": 2}),
    },
    "cooperation_map": {
        "sigma_d": (*LISTS, 1.0, [1e300]),
        "drive": (*LISTS, 1.0, [-0.1]),
        "sigma": (*LISTS, [1.0, 1.0], [0.0, 0.0, 0.0], [1e300, 1.0, 1.0]),
    },
}


@pytest.mark.parametrize(("name", "argument"), [(name, argument) for name in WRONG for argument in WRONG[name]])
def test_what_cannot_be_is_one_sentence(name: str, argument: str) -> None:
    function, arguments = RIGHT[name]
    refused(lambda v: function(**(arguments | {argument: v})), WRONG[name][argument])


def test_every_public_name_is_found_and_called() -> None:
    assert set(singh.PUBLIC) == set(RIGHT) == set(WRONG)
    assert set(singh.PUBLIC) <= set(dir(theory))
    assert all(inspect.isfunction(getattr(theory, name)) for name in singh.PUBLIC)


@pytest.mark.parametrize("model", ["tensor_product", "aligned_product", "coopetition"])
def test_an_option_that_cannot_be_is_one_sentence(model: str) -> None:
    option = "form" if model == "coopetition" else "k"
    refused(lambda v: theory.derive(model, **{option: v}), (*NOT_NUMBERS[:7], "vectors", 0, -1, 0.5))
