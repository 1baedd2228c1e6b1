"""Claims without trainings measure the model and its theory: with a wrong one in its place the verdict turns."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import theory
from theory.reddy.error_map import RATES
from validation.ledger import Context, Outcome
from validation.papers import claims_of
from validation.reddy.claims import experiments, model
from validation.verdicts import settle

CLAIMS = claims_of("reddy")
Function = Callable[..., Any]
Wrong = tuple[ModuleType, str, Callable[[Function], Function]]  # where it stands, its name, and what is made of it


def rate(**factors: float) -> Wrong:
    """The flow with some states this much faster."""

    def wrong(right: Function) -> Function:
        def flow(*given: Any, rates: tuple[tuple[str, Any], ...] = (), **options: Any) -> Any:
            stated = dict(rates)
            faster = {name: f"({stated.get(name, 1)})*{factor}" for name, factor in factors.items()}
            return right(*given, rates=tuple({**stated, **faster}.items()), **options)

        return flow

    return model, "flow", wrong


def arguments(where: ModuleType, name: str, change: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]) -> Wrong:
    """The function, given others in the place of its arguments."""

    def wrong(right: Function) -> Function:
        def other(*given: Any, **options: Any) -> Any:
            given, options = change(*given, **options)
            return right(*given, **options)

        return other

    return where, name, wrong


def result(where: ModuleType, name: str, change: Callable[..., Any]) -> Wrong:
    """The function, whose result is changed."""
    return where, name, lambda right: lambda *given, **options: change(right(*given, **options), *given)


def without(option: str, where: ModuleType, name: str, only: Callable[[Any], bool] = bool) -> Wrong:
    """The function, deaf to an option where it has such values."""
    return arguments(where, name, lambda *given, **options: (
        given, {k: v for k, v in options.items() if k != option or not only(v)}
    ))  # fmt: skip


def given(value: Mapping[str, float] | None) -> bool:
    return bool(value) and any(value.values())


def of_flow(change: Callable[..., tuple[Any, ...]]) -> Wrong:
    """The flow, of another N, L, ... than those it is asked for."""
    return arguments(model, "flow", lambda *given, **options: (change(*given), options))


def of_simulate(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Wrong:
    """The experiments' simulations, with other options."""
    return arguments(experiments, "simulate", lambda one, **options: ((one,), {**options, **change(options)}))


FASTER = rate(alpha=1.5)
LEARNED = {"beta_1": 5.0, "alpha": 10.0, "xi": 10.0}
WRONG: dict[str, list[Wrong]] = {  # by the id of the claim, one after the other; every check notices one of them
    "R1m": [FASTER, of_flow(lambda N, L, *rest: (12 - N, 48 - L, *rest))],
    "R3m": [of_flow(lambda N, L, B: (N, L, 1))],
    "R14": [
        FASTER,
        of_flow(lambda N, L, *rest: (N, L + 1, *rest)),
        arguments(model, "bound", lambda N, L, *rest: ((N, L + 1, *rest), {})),
    ],
    "R14p": [
        (experiments, "_escape", lambda _: lambda N, L: (100.0, {})),
        arguments(experiments, "sweep", lambda *given, **options: (given, {**options, "clamp": {"xi": 0.0}})),
    ],
    "R15m": [
        (experiments, "_escape_from", lambda _: lambda start, _: (1 / abs(start["xi"]), start["xi"] > 0)),
        (experiments, "_escape_from", lambda _: lambda start, _: (-np.log(abs(start["xi"])), True)),
    ],
    "R20m": [without("start", experiments, "_escape")],
    "R21m": [
        without("clamp", experiments, "_escape"),
        without("clamp", experiments, "_escape", given),
        of_simulate(lambda options: {"init": experiments.ORIGIN}),
        of_simulate(lambda options: {"init": LEARNED} if options["t_end"] < 1e-6 else {}),
    ],
    "R24": [
        result(experiments, "_slope", lambda slope, _: {**slope, "alpha": 1e-3}),
        result(experiments, "_slope", lambda slope, _: {**slope, "xi": 0.0}),
        arguments(experiments, "bound", lambda N, L, **options: ((N, L + 1), options)),
        result(experiments, "_origin", lambda origin, _: replace(origin, eigenvalues=origin.eigenvalues**2)),
    ],
    "R25": [
        of_flow(lambda N, L, *rest: (N, 2 * N, *rest)),
        of_flow(lambda N, L, B, attend, start: (N, L, B, attend, (0.0, 3.0, 3.0) if L == N else start)),
        arguments(model, "flow", lambda *given: (given, {"t_end": 400.0})),
    ],
    "R27m": [without("rates", model, "flow"), of_flow(lambda N, L: (N, 512 // L))],
    "R28m": [result(model, "exact_transition_time", lambda time, *_: 1.5 * time)],
    "T6.1": [FASTER, rate(beta_1=1.5)],
    "T6.2": [FASTER, rate(xi=1.5)],
    "T6.2b": [
        FASTER,
        of_flow(lambda N, L, B, attend, start: (N, L, B, attend, model.SMALL)),
        of_flow(lambda N, L, *rest: (N, N, *rest)),
    ],
    "T6.3": [rate(xi=1.5), arguments(theory, "predict", lambda _, init: ((model.bound(8, 16, 1, "labels"),), {}))],
    "T6.4": [FASTER, of_flow(lambda N, L, *rest: (N, L + 1, *rest))],
    "T6.4p": [
        rate(alpha=0.5),
        (theory, "transition_error_map", lambda right: lambda **_: 1 + right(N=(4,), rates=RATES[:1])),
    ],
    "T6.4r": [FASTER, without("rates", model, "flow")],
}
UNLIKE = {"R10m": [rate(xi=10)]}  # these disagree, and would agree with such a model


def settled(id: str) -> Outcome:
    outcome = settle(CLAIMS[id], Context(False), "reddy")
    assert outcome.recorded is None
    assert not outcome.reason
    return outcome


@pytest.mark.parametrize("id", [*WRONG, *UNLIKE])
def test_a_wrong_model_turns_the_verdict(id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    due, other = ("agrees", "disagrees") if id in WRONG else ("disagrees", "agrees")
    right = settled(id)
    assert right.verdict == due
    unnoticed = {check.what for check in right.checks if check.verdict == due}
    for number, (where, name, wrong) in enumerate({**WRONG, **UNLIKE}[id]):
        with monkeypatch.context() as patched:
            patched.setattr(where, name, wrong(getattr(where, name)))
            outcome = settled(id)
        assert outcome.verdict == other, number
        unnoticed -= {check.what for check in outcome.checks if check.verdict == other}
    assert not unnoticed
