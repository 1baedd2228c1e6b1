"""Every claim of the paper agrees with a made-up run that is as it says, and disagrees with ones that are not."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")

from tests.validation.reddy import made_up_course, made_up_data, made_up_times  # noqa: F401, they register their runs
from tests.validation.reddy.made_up import MADE_UP
from validation.ledger import Context, Finding
from validation.papers import claims_of
from validation.reddy.claims import head, network
from validation.reddy.transition import TransitionPrediction
from validation.trainings import NetworkTraining
from validation.verdicts import settle

CLAIMS = claims_of("reddy")
# Claims without trainings, which measure the model itself: what would be made up is another flow. Only T6.1 and T6.4
# have one, in test_claims. This list must shrink: give a claim runs, and remove it here.
WITHOUT = {
    *("R1m", "R3m", "R10m", "R14", "R14p", "R15m", "R20m", "R21m", "R24", "R25", "R27m", "R28m"),
    *("T6.1", "T6.2", "T6.2b", "T6.3", "T6.4", "T6.4p", "T6.4r"),
}
KNOWN: dict[str, Any] = {}


def remembered(function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
    """Compute each prediction once."""

    def known(*given: Any, **options: Any) -> Any:
        key = f"{function.__name__} {name(*given, **options)}"
        if key not in KNOWN:
            KNOWN[key] = function(*given, **options)
        return KNOWN[key]

    return known


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
    assert due == {"agrees", "disagrees"}


def test_every_claim_of_the_ledger_has_made_up_runs() -> None:
    assert set(CLAIMS) - set(MADE_UP) == WITHOUT
    assert not [id for id in WITHOUT if CLAIMS[id].trainings(True)]


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
    assert "0 of 12 seeds had no transition" in caption
    assert len(figure.axes[0].lines) == 1 + 2 * 4  # the diagonal; seeds and spread of four configurations
