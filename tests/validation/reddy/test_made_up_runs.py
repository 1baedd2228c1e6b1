"""Every claim of the paper agrees with a made-up run that is as it says, and disagrees with ones that are not."""

import pytest

pytest.importorskip("torch")

from tests.validation.reddy import made_up_course, made_up_data  # noqa: F401, they register their runs
from tests.validation.reddy.made_up import MADE_UP
from validation.ledger import Context
from validation.papers import claims_of
from validation.verdicts import settle

CLAIMS = claims_of("reddy")


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
