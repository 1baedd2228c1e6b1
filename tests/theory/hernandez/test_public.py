"""The public functions of the wing answer an argument that cannot be with one sentence, and none with a traceback."""

import inspect
import math
from typing import Any

import pytest

import theory
from tests.theory.hernandez.calls import CALLS
from tests.theory.test_public import NOT_NUMBERS, refused
from theory import hernandez

RIGHT = {function.__name__: (function, arguments) for function, arguments in CALLS}
LISTS: tuple[Any, ...]
LISTS = (None, "x", b"x", [], {}, {"zz": 1}, [None], ["x"], math.nan, [math.nan], [math.inf], len, [-1.0], 1e300)
NUMBERS: tuple[Any, ...] = (-1.0, math.nan, math.inf, "x", None, True, [1.0, 2.0], {}, 1j)
SHARE = (*NUMBERS, 1.0, 1.5)
WRONG: dict[str, dict[str, tuple[Any, ...]]] = {
    "fresh_ridge": {"y": LISTS, "f": SHARE},
    "fresh_ridge_course": {
        "t": LISTS, "f": (*NUMBERS, 1.5), "c": (0.0, *NUMBERS), "S0": NUMBERS, "sigma2": NUMBERS,
    },
    "shift_factor": {"spectrum": (*LISTS, [0.0, 1.0], 1.0), "evaluation": (*LISTS, [1.0])},
    "weighted_risk": {
        "multiplicities": (*LISTS, [0, 1], [1.0], 3), "counts": (*LISTS, [0, 0], [1.0], 3),
        "p": (0, *(x for x in NUMBERS if x is not None)),
        "spectrum": (*LISTS[1:], [0.0, 1.0]), "ridge": NUMBERS, "sigma2": NUMBERS,
        "target": ("x", [1.0], [math.nan, 1.0], -1.0, math.inf),
    },
    "capacity_market": {"f": (*SHARE, 0.0), "al": (*NUMBERS, 0.0, 1.0)},
    "scaling_law": {"name": ("hofman", None, 3, [])},
    "chinchilla_loss": {"N": LISTS, "D": (*LISTS, 0.0), "law": ("hofman", None, 3, {})},
    "data_constrained_loss": {"N": LISTS, "D": LISTS, "unique": LISTS, "R_D": (0, *NUMBERS), "R_N": (0, *NUMBERS)},
    "epoch_penalty_loss": {"N": LISTS, "unique": LISTS, "repeats": LISTS, "P": NUMBERS, "delta": (*NUMBERS, 1e4)},
    "saturating_loss": {"N": LISTS, "T": LISTS, "unique": LISTS, "E": NUMBERS, "alpha": NUMBERS, "delta": NUMBERS},
    "memorisation_kinetics": {"N": (0, *NUMBERS), "f": SHARE, "b_0": (math.nan, 1e3, "x"), "nu": (0, *NUMBERS)},
    "detect_repeats": {
        "loss_repeated": (*LISTS, [1.0], 1.0), "loss_fresh": (*LISTS, [0.0, 1.0], [1.0], 1.0), "f": SHARE,
    },
    "effective_size": {"V": LISTS, "al": (*NUMBERS, 1.0), "wt": (0, *NUMBERS)},
    "published_band": {"N": (0, *NUMBERS)},
    "read_histogram": {"path": (None, 3, "", "no/such.csv", [], "\0"), "distinct": (None, 1, "yes")},
    "repeat_costs": {
        "multiplicities": (*LISTS, [0, 300], [0.5, 300], [1.0]), "token_counts": (*LISTS, [-1, 1], [1.0], [1e12, 1]),
        "tokens": (0, *NUMBERS), "parameters": (0, *NUMBERS), "width": NUMBERS, "vocabulary": NUMBERS,
        "distinct": (None, 1, "yes"), "al": (*NUMBERS, 1.0), "wt": (0, *NUMBERS), "per_token": (0, *NUMBERS),
        "law": ("hofman", None),
    },
    "plot_repeats": {"costs": (None, 3, "x", {})},
    "derive_repeats": {"about": ("fresh", None, 3)},
}  # fmt: skip


@pytest.mark.parametrize(("name", "argument"), [(name, argument) for name in WRONG for argument in WRONG[name]])
def test_what_cannot_be_is_one_sentence(name: str, argument: str) -> None:
    function, arguments = RIGHT[name]
    refused(lambda v: function(**(arguments | {argument: v})), WRONG[name][argument])


def test_every_public_name_is_found_and_called() -> None:
    assert set(hernandez.PUBLIC) == set(RIGHT) == set(WRONG)
    assert set(hernandez.PUBLIC) <= set(dir(theory))
    assert all(inspect.isfunction(getattr(theory, name)) for name in hernandez.PUBLIC)
    for function, arguments in CALLS:
        function(**arguments)


def test_signatures_are_those_that_were_agreed() -> None:
    shown = {name: str(inspect.signature(RIGHT[name][0])) for name in RIGHT}
    names = {name: list(inspect.signature(RIGHT[name][0]).parameters) for name in RIGHT}
    assert names["fresh_ridge"] == ["y", "f"]
    assert names["fresh_ridge_course"] == ["t", "f", "c", "S0", "sigma2"]
    assert names["weighted_risk"] == ["multiplicities", "counts", "p", "spectrum", "ridge", "sigma2", "target"]
    assert names["capacity_market"] == ["f", "al"]
    assert names["detect_repeats"] == ["loss_repeated", "loss_fresh", "f"]
    assert "sigma2: float = 1.0, target: Any = None" in shown["weighted_risk"]


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=lambda v: str(type(v)))
def test_a_share_that_is_no_number_is_one_sentence(value: Any) -> None:
    refused(lambda v: theory.fresh_ridge(1.0, v), (value,))


def test_a_market_is_asked_for_sizes() -> None:
    made = theory.capacity_market(0.1, 0.1)
    for ask in (made.x, made.memorised):
        refused(ask, LISTS)


def test_a_sum_without_directions_is_refused() -> None:
    refused(lambda _: theory.weighted_risk([1], [10]), (None,))
