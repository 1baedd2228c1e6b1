"""Every claim of the paper agrees with a made-up run that is as it says, and disagrees with ones that are not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.validation.reddy import made_up_course, made_up_data, made_up_times  # noqa: F401, they register their runs
from tests.validation.reddy.made_up import MADE_UP
from tests.validation.reddy.test_claims_of_the_model import UNLIKE, WRONG
from validation import records
from validation.ledger import Context, Finding
from validation.papers import claims_of
from validation.reddy.claims import head, network
from validation.reddy.transition import TransitionPrediction
from validation.trainings import NetworkTraining
from validation.verdicts import settle

CLAIMS = claims_of("reddy")
KNOWN: dict[str, Any] = {}


def remembered(function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
    """Compute each prediction once."""

    def known(*given: Any, **options: Any) -> Any:
        key = f"{function.__name__} {name(*given, **options)}"
        if key not in KNOWN:
            KNOWN[key] = function(*given, **options)
        return KNOWN[key]

    return known


@pytest.fixture(autouse=True)
def _nothing_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "read", lambda paper, claim: (None, ""))


@pytest.fixture
def _predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is judged is the claim: predictions are the theory's, but for one with overlaps, which is a tenth later."""
    predicted = head._predicted
    monkeypatch.setattr(head, "_predicted", lambda key, D=float("inf"): predicted(key) * (1.0 if D > 1e6 else 1.1))
    by_options = remembered(head.exact_transition_time, lambda *given, **options: f"{given} {options}")
    monkeypatch.setattr(head, "exact_transition_time", by_options)
    flows = remembered(network._model_run, lambda training, effective: f"{training.name} {effective}")
    monkeypatch.setattr(network, "_model_run", flows)
    monkeypatch.setattr(network, "_prediction", made_up_prediction)


def made_up_prediction(training: NetworkTraining) -> TransitionPrediction:
    """Later with more pairs and labels, in a moment."""
    task = training.last_task
    step = 100.0 * task.N * task.L**0.5 / task.B
    return TransitionPrediction(step=step, spread=0.1, onset=0.0, rates={}, draws=48)


@pytest.mark.usefixtures("_predictions")
@pytest.mark.parametrize("id", list(MADE_UP))
def test_a_claim_agrees_with_runs_as_it_says_and_disagrees_with_others(id: str) -> None:
    claim = CLAIMS[id]
    due = set()
    for number, (verdict, runs) in enumerate(MADE_UP[id](claim)):
        outcome = settle(claim, Context(bool(claim.full_only), runs), "reddy")
        assert outcome.verdict == verdict, (number, outcome.measured, outcome.reason)
        assert outcome.recorded is None
        due.add(verdict)
    assert due >= {"agrees", "disagrees"}


def test_every_claim_of_the_ledger_has_made_up_runs_or_if_it_has_no_trainings_a_wrong_model() -> None:
    trained = {id for id, claim in CLAIMS.items() if claim.trainings(True)}
    assert set(MADE_UP) == trained
    assert set(WRONG) | set(UNLIKE) == set(CLAIMS) - trained


@pytest.mark.usefixtures("_predictions")
def test_transitions_are_drawn_where_the_reference_has_none_to_fit_a_clock_on() -> None:
    runs = [runs for verdict, runs in MADE_UP["R3t"](CLAIMS["R3t"]) if verdict == "not converged"][-2]
    outcome = settle(CLAIMS["R3t"], Context(False, runs), "reddy")
    assert outcome.figure is not None
    assert outcome.data is not None
    assert np.isnan(outcome.data.attrs["clock"])
    assert "none could be fitted" in outcome.figure(outcome.data)[1]


@pytest.mark.usefixtures("_predictions")
def test_predictions_are_drawn_beside_the_seeds_where_all_configurations_have_one_burstiness() -> None:
    claim = CLAIMS["R28p"]
    runs = made_up_times.shifts(claim, lambda t: 1.1 * network._prediction(t).step)
    found = claim.measure(Context(False, runs))
    assert isinstance(found, Finding)
    assert found.data is not None
    assert claim.figure is not None
    figure, caption = claim.figure(found.data)
    assert "lies between 1.10 and 1.10" in caption
    assert "0 of 24 seeds had no transition" in caption
    assert len(figure.axes[0].lines) == 1 + 2 * 4  # the diagonal; seeds and spread of four configurations
