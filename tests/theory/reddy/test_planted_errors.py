"""Every published statement about the nested logits is checked: an error planted into it is noticed."""

import pytest

import theory
from minimodels.models import model
from minimodels.models.nested_logit import ATTEND
from tests.theory.planting import unnoticed

FORMS = [{"attend": "labels"}, {"attend": "all"}, {"attend": "all", "beta_2": "free"}]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_planted_error_is_noticed(form: dict[str, str]) -> None:
    state = model("nested_logit", **form).state
    found = {result.name: unnoticed(result, state) for result in theory.derive("nested_logit", **form)}
    assert not {name: missed for name, (missed, _) in found.items() if missed}
    assert all(count > 0 for _, count in found.values())


def test_the_exact_positions_have_the_statements_of_the_mean_field() -> None:
    for attend in ATTEND:
        other = "labels" if attend.endswith("labels") else "all"
        mine, theirs = (theory.derive("nested_logit", attend=a) for a in (attend, other))
        assert [r.statement for r in mine] == [r.statement for r in theirs]
