"""Every public function of validation answers an argument that cannot be with one sentence, none with a traceback."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

import validation
from minimodels.errors import InputError
from tests.validation.test_compare import model, network
from tests.validation.toy import Product, Slope
from validation import report

TASK, NET = Slope(), Product()
RUN, CURVE = model(), network(0.1)
KINDS: tuple[Any, ...] = (3, "x", b"x", 0.5, True, [None], len, np.array([1.0, 2.0]), RUN)
NOT_NUMBERS: tuple[Any, ...] = (None, "x", "", math.nan, math.inf, True, 1j, b"x", [], {}, np.array([1.0, 2.0]), len)
MAPPINGS: tuple[Any, ...] = (0, "", "x", [], 3, len, {1: 2}, {"u": None}, {"v": "one"})


def train(**options: Any) -> Any:
    small = {"network": NET, "steps": 1, "batch": 4, "record_every": 1, "held_out": 4, "tests": (), "progress": False}
    return validation.train(options.pop("task", TASK), **(small | options))


def claims(**options: Any) -> Any:
    return validation.claims(**({"only": [], "progress": False} | options))


CALLS: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "compare, run": (lambda v: validation.compare(v, CURVE), (None, *KINDS[:-1], CURVE, xr.Dataset())),
    "compare, curve": (lambda v: validation.compare(RUN, v), (None, *KINDS, xr.Dataset())),
    "compare, clock": (lambda v: validation.compare(RUN, CURVE, clock=v), (*NOT_NUMBERS, 0, -1, 1e300, "fitt")),
    "compare, learning rate": (
        lambda v: validation.compare(RUN, CURVE.assign_attrs(optimiser=v), clock="learning rate"),
        (None, "", "{}", '{"lr": 0}', '{"lr": "x"}', 3),
    ),
    "fit_clock, run": (lambda v: validation.fit_clock(v, CURVE), (None, *KINDS[:-1], CURVE)),
    "fit_clock, curve": (lambda v: validation.fit_clock(RUN, v), (None, *KINDS)),
    "load_parameters": (validation.load_parameters, (None, 3, 0.5, [], {}, "", "\0", "no/such/folder")),
    "load_parameters, step": (
        lambda v: validation.load_parameters("no", v), (*(v for v in NOT_NUMBERS if v is not None), -1)
    ),
    "SGD, lr": (lambda v: validation.SGD(lr=v), (*NOT_NUMBERS, 0, -1, 10**400)),
    "SGD, decay": (lambda v: validation.SGD(decay=v), (*NOT_NUMBERS, -1, 1, 2)),
    "SGD, clip": (lambda v: validation.SGD(clip=v), (*(v for v in NOT_NUMBERS if v is not None), 0, -1)),
    "SGD, schedule": (
        lambda v: validation.SGD(schedule=v), (3, "x", {}, [1], [(1,)], [(0, -1.0)], [(5, 1.0), (5, 2.0)], [(0.5, 1.0)])
    ),
    **{
        f"Adam, {name}": (lambda v, name=name: validation.Adam(**{name: v}), (*NOT_NUMBERS, -1, 10**400))
        for name in ("lr", "beta1", "beta2", "eps", "decay")
    },
    "train, task": (
        lambda v: train(task=v), (None, *KINDS, [], [(0, 3)], [(1, TASK)], [(0.5, TASK)], [(0, Slope), (5, TASK)])
    ),
    "train, network": (lambda v: train(network=v), (*KINDS, 0, "", {}, Product, TASK)),
    "train, optimiser": (lambda v: train(optimiser=v), (*KINDS, 0, "", {}, "SGD", validation.SGD)),
    **{
        f"train, {name}": (lambda v, name=name: train(**{name: v}), (*NOT_NUMBERS, 0, -1, 0.5))
        for name in ("steps", "batch", "record_every", "held_out", "checkpoint_every", "threads")
    },
    "train, seed": (lambda v: train(seed=v), (*NOT_NUMBERS, -1, 0.5, [None], [0.5], 10**400)),
    "train, tests": (lambda v: train(tests=v), ("wide", 3, {}, ["wdie"], ["train"], [None], (1, 2))),
    "train, snapshots": (lambda v: train(snapshots=v), (None, "x", 3, {}, [None], [-1], [0.5])),
    "train, stop_above": (lambda v: train(stop_above=v), (*(v for v in NOT_NUMBERS if v is not None), -1, 1, 2)),
    "train, clamp": (lambda v: train(clamp=v), (*MAPPINGS, {"u": ("one", 5, 1)}, {"u": ("one", 0)}, {"u": "two"})),
    "train, stop_below": (
        lambda v: train(stop_below=v), (*(v for v in NOT_NUMBERS if v is not None), {"los": 1.0}, {"loss": math.nan})
    ),
    "train, data_seed": (lambda v: train(data_seed=v), ("", 0.5, -1, [None], [1, 2], 10**400)),
    "train, test_seed": (lambda v: train(test_seed=v), (*NOT_NUMBERS, -1, 0.5, 2**31)),
    "train, device": (lambda v: train(device=v), (None, 3, [], {}, "gpu0")),
    "train, out": (lambda v: train(out=v), (3, 0.5, [], {}, "", "\0", "/proc/none")),
    "claims, ledger": (lambda v: claims(ledger=v), (3, [], {}, "redy")),
    "claims, headlines": (lambda v: claims(headlines=v), (3, "yes", [])),
    "claims, only": (lambda v: claims(only=v), (3, "R27", {}, [None], ["nothing like it"], len)),
    "claims, workers": (lambda v: claims(workers=v), (*(v for v in NOT_NUMBERS if v is not None), 0, -1, 0.5, 10**400)),
    "claims, device": (lambda v: claims(device=v), (None, 3, [], {}, "gpu0")),
    "claims, full": (lambda v: claims(full=v), (None, 3, "yes", [])),
    "claims, record": (lambda v: claims(record=v), (None, 3, "yes", [], True)),
    "claims, out": (lambda v: claims(out=v), (3, "", [], {})),
    "claims, each": (lambda v: claims(each=v), (None, 3, "x")),
    "report.table": (report.table, (None, *KINDS, {})),
    "report.summary": (report.summary, (None, *KINDS, {})),
    "report.write": (lambda v: report.write(v, "report"), (None, *KINDS, {})),
    "report.write, folder": (lambda v: report.write([], v), (None, 3, 0.5, [], {}, "", "\0", "/proc/none")),
    "report.Report": (report.Report, (None, 3, 0.5, [], {}, "", "\0", "/proc/none")),
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


def test_every_public_function_is_called_here() -> None:
    called = {name.split(",")[0].split(".")[0] for name in CALLS}
    assert set(validation.__all__) - called == {"Outcome"}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: train(tests=["wdie"]), "did you mean 'wide'"),
        (lambda: train(clamp={"u": "oen"}), "did you mean 'one'"),
        (lambda: train(stop_below={"los": 1.0}), "no measure 'los' is recorded to stop at"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_right_one(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: validation.compare(RUN, CURVE, clok=1),
        lambda: validation.fit_clock(RUN, CURVE, level=1),
        lambda: validation.load_parameters("x", steps=1),
        lambda: validation.SGD(learning_rate=1),
        lambda: validation.Adam(beta=1),
        lambda: train(epochs=1),
        lambda: claims(onl=["R27"]),
        lambda: report.table([], widht=1),
        lambda: report.write([], "x", titel=""),
    ],
)
def test_a_misspelt_option_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        call()
