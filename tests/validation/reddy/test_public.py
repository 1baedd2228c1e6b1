"""The public functions of the paper answer an argument that cannot be with one sentence."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import validation
from minimodels.errors import InputError
from validation import reddy

TASK = validation.ItemLabelTask(N=4, L=8, K=16, D=5, N_max=4, K_c=16)
OTHER = validation.ItemLabelTask()
NET = validation.AttentionOnly(layers=1)
PARAMETERS = NET.stacked(TASK, (0,))
SHORT = validation.ItemLabelTask(N=3, L=6, K=6, D=5, N_max=3, p_C=1.0, K_c=None)
ONE = NET.stacked(SHORT, (0,))
SEQUENCES = TASK.sample(0, 0, 4)
KINDS: tuple[Any, ...] = (3, "x", b"x", 0.5, True, [None], len, np.array([1.0, 2.0]))
NOT_NUMBERS: tuple[Any, ...] = (None, "x", "", math.nan, math.inf, True, 1j, b"x", [], {}, np.array([1.0, 2.0]), len)
MAPPINGS: tuple[Any, ...] = (0, "", "x", [], 3, len, {1: 2}, {"p1": None}, {"p3": "uniform"})

CALLS: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "evaluate, network": (lambda v: validation.evaluate(v, PARAMETERS, TASK, SEQUENCES), (None, *KINDS, OTHER)),
    "evaluate, other network": (
        lambda v: validation.evaluate(v, PARAMETERS, TASK, SEQUENCES), (validation.AttentionOnly(layers=2),)
    ),
    "evaluate, parameters": (
        lambda v: validation.evaluate(NET, v, TASK, SEQUENCES),
        (None, *KINDS, {}, {"Q1": 1}, {"Q1": PARAMETERS["Q1"]}, PARAMETERS | {"V1": PARAMETERS["S"]}),
    ),
    "evaluate, task": (lambda v: validation.evaluate(NET, PARAMETERS, v, SEQUENCES), (None, *KINDS, OTHER)),
    "evaluate, sequences": (
        lambda v: validation.evaluate(NET, PARAMETERS, TASK, v),
        (None, *KINDS, [], OTHER.sample(0, 0, 4), [SEQUENCES] * 2),
    ),
    "evaluate, clamp": (
        lambda v: validation.evaluate(NET, PARAMETERS, TASK, SEQUENCES, clamp=v),
        (*MAPPINGS, {"p1": "unifrm"}, {"p1": ("uniform", 0, 5)}),
    ),
    "evaluate, patch": (
        lambda v: validation.evaluate(NET, PARAMETERS, TASK, SEQUENCES, patch=v),
        (*MAPPINGS, {"head1": {}}, {"head1": NET.stacked(TASK, (0, 1))}),
    ),
    "attention_maps, network": (lambda v: validation.attention_maps(v, PARAMETERS, TASK, SEQUENCES), (None, *KINDS)),
    "attention_maps, parameters": (lambda v: validation.attention_maps(NET, v, TASK, SEQUENCES), (None, *KINDS, {})),
    "attention_maps, task": (lambda v: validation.attention_maps(NET, PARAMETERS, v, SEQUENCES), (None, *KINDS, OTHER)),
    "attention_maps, sequences": (lambda v: validation.attention_maps(NET, PARAMETERS, TASK, v), (None, *KINDS, [])),
    "effective_rates, network": (lambda v: validation.effective_rates(SHORT, v, ONE), (None, *KINDS)),
    "effective_rates, task": (lambda v: validation.effective_rates(v, NET, ONE), (None, *KINDS, OTHER, TASK)),
    "effective_rates, parameters": (
        lambda v: validation.effective_rates(SHORT, NET, v), (None, *KINDS, {}, PARAMETERS, NET.stacked(SHORT, (0, 1)))
    ),
    "effective_rates, seed": (lambda v: validation.effective_rates(SHORT, NET, ONE, seed=v), (*NOT_NUMBERS, -1, 0.5)),
    "effective_rates, sequences": (
        lambda v: validation.effective_rates(SHORT, NET, ONE, sequences=v), (*NOT_NUMBERS, 0, -1, 0.5)
    ),
    "predict_transition, task": (lambda v: validation.predict_transition(v, NET, draws=1), (None, *KINDS, OTHER, TASK)),
    "predict_transition, network": (
        lambda v: validation.predict_transition(SHORT, v, draws=1), (*KINDS, OTHER)
    ),
    "predict_transition, optimiser": (
        lambda v: validation.predict_transition(SHORT, NET, optimiser=v, draws=1), (*KINDS, validation.Adam())
    ),
    **{
        f"predict_transition, {name}": (
            lambda v, name=name: validation.predict_transition(SHORT, NET, **{name: v}), (*NOT_NUMBERS, -1, 0.5, 2**70)
        )
        for name in ("draws", "seed")
    },
    "AttentionOnly, layers": (lambda v: validation.AttentionOnly(layers=v), (*NOT_NUMBERS, -1, 0.5, 10**400)),
    "AttentionOnly, scale": (lambda v: validation.AttentionOnly(scale=v), (*NOT_NUMBERS, 0, -1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_is_one_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call, wrong = CALLS[name]
    for value in wrong:
        with pytest.raises(InputError) as caught:
            call(value)
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith((".", "?"))
    assert not list(tmp_path.iterdir())


def test_every_public_name_is_found_and_called_here() -> None:
    called = {name.split(",")[0] for name in CALLS}
    assert set(reddy.PUBLIC) - called == {"ItemLabelTask"}
    assert set(reddy.PUBLIC) <= set(dir(validation))
    assert all(hasattr(validation, name) for name in reddy.PUBLIC)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: validation.claims("redy"), "did you mean 'reddy'"),
        (lambda: validation.train(TASK, tests=["IW_absnt"]), "did you mean 'IW_absent'"),
        (lambda: validation.train(TASK, clamp={"p1": "prevous"}), "did you mean 'previous'"),
        (lambda: validation.evaluate(NET, PARAMETERS, TASK, SEQUENCES, patch={"hed1": PARAMETERS}), "mean 'head1'"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_right_one(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: validation.evaluate(NET, PARAMETERS, TASK, SEQUENCES, clamps={}),
        lambda: validation.attention_maps(NET, PARAMETERS, TASK, SEQUENCES, mean=True),
        lambda: validation.AttentionOnly(layer=1),
    ],
)
def test_a_misspelt_option_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        call()
