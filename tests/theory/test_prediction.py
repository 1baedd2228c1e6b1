"""What every prediction is: numbers where a result applies, and the reason where it does not."""

import math

import numpy as np
import pytest

import minimodels as mm
import theory
from minimodels.errors import InputError
from tests.theory.toy import REACTION

pytestmark = pytest.mark.usefixtures("toy_wing")


def test_numbers_are_those_of_the_bound_model() -> None:
    made = theory.predict(REACTION.with_values(a=0.5).with_rates(x=3))
    assert made["half_life"].value == pytest.approx(math.log(2) / 1.5, rel=1e-14)
    assert made["half_life"].values["rate"] == pytest.approx(1.5, rel=1e-14)
    assert made["half_life"].error == 1e-6
    assert made["whole"].values == {"C": 1.0}
    assert theory.predict(REACTION, init={"y": 0.25})["whole"].value == 1.25
    assert (made["whole"].error, made[0].name, len(made)) == (0.0, "half_life", 2)


def test_a_reason_stands_where_a_result_does_not_apply() -> None:
    for made, reason in (
        (theory.predict(REACTION.with_rates(x=0)), "the rate of x is 0; it needs a positive rate."),
        (theory.predict(REACTION, init={"x": 2.0}), "x starts at 2, not at 1."),
    ):
        assert made["half_life"].reason == reason
        assert made["whole"].applies
        for prediction in made:
            assert prediction.applies == (prediction.reason == "") == bool(prediction.values)
            assert math.isnan(prediction.value) == (not prediction.applies)
            assert math.isnan(prediction.error) == (not prediction.applies)


def test_text_of_predictions() -> None:
    made = theory.predict(REACTION, init={"x": 2.0})
    text, table = str(made), made.markdown()
    assert text.startswith("reaction_1: order = first, a = 2; start: x = 2, y = 0\n")
    assert "Half of it is left: does not apply because x starts at 2, not at 1." in text
    assert "The whole stays: C = 2 (relative error: exact)" in text
    assert ".." not in text
    assert table.count("\n|") == len(made) + 2
    assert all(p.title in table for p in made)
    assert "half_life = 0.346574; rate = 2 (relative error: 1e-06)" in str(theory.predict(REACTION))


def test_a_run_beside_its_predictions() -> None:
    run = mm.simulate(REACTION, t_end=2.0, rtol=1e-10, atol=1e-13)
    table = theory.predict(REACTION).beside(run)
    assert list(table["result"].values) == ["half_life", "whole"]
    assert abs(float(table["deviation"].sel(result="half_life"))) < 1e-8
    assert abs(float(table["difference"].sel(result="whole"))) < 1e-10
    assert np.isnan(table["deviation"].sel(result="whole"))  # its zero means nothing
    lost = run.assign(x=run.x - 0.25 * (run.time == run.time[-1]))
    assert float(theory.predict(REACTION).beside(lost)["difference"].sel(result="whole")) == pytest.approx(0.25)
    with pytest.raises(InputError, match="lacks the variable 'escape_time'"):
        theory.predict(REACTION).beside(run.drop_vars("escape_time"))


def test_a_curve_is_that_of_a_run() -> None:
    run = mm.simulate(REACTION, t_end=2.0, save=[0.0, 0.5, 2.0], rtol=1e-10, atol=1e-13)
    curve = theory.predict(REACTION)["half_life"].curve(run["time"])
    np.testing.assert_allclose(curve["x"], run["x"], rtol=1e-8)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: theory.predict(REACTION, init={"z": 1.0}), "unknown name 'z' in init"),
        (lambda: theory.predict(REACTION, init={"x": math.nan}), "finite"),
        (lambda: theory.predict(REACTION)["half_lif"], "did you mean 'half_life'"),
        (lambda: theory.predict(REACTION)["whole"].curve([1.0]), "numbers only"),
        (lambda: theory.predict(REACTION.with_rates(x=0))["half_life"].curve([1.0]), "does not apply"),
        (lambda: theory.predict("reaction_1"), "unknown model 'reaction_1'"),
        (lambda: theory.predict(1), "`model` is a GradientFlow, a Flow or a Map"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
