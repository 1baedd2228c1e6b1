"""What the page's figures are told, without a browser."""

import numpy as np
import pytest

pytest.importorskip("bokeh", reason="the explorer needs Bokeh (minimodels[explore])")

from bokeh.document import Document

from minimodels.explore.page import Page
from minimodels.explore.panels import beside, spanned
from minimodels.explore.subject import Subject
from tests.minimodels.explore.test_state import valley


@pytest.mark.parametrize(
    ("values", "log", "ends"),
    [
        ([0.0, np.nan, 10.0, np.inf], False, (-0.3, 10.3)),
        ([1e-3, np.nan, 1e3], True, (10**-3.18, 10**3.18)),
        ([2.0, 2.0], False, (0.0, 4.0)),
        ([0.0, 0.0], False, (-1.0, 1.0)),
        ([5.0], True, (0.5, 50.0)),
        ([np.nan], False, (-0.03, 1.03)),
    ],
)
def test_an_axis_holds_all_finite_values_and_a_margin(
    values: list[float], log: bool, ends: tuple[float, float]
) -> None:
    assert spanned(np.array(values), log) == pytest.approx(ends)


def test_numbers_of_times_that_are_near_each_other_stand_side_by_side() -> None:
    times = [(50.0, "2"), (10.0, "1"), (14.0, "3"), (20.0, "4"), (20.0, "4"), (0.0, "5")]
    x, text = beside(times, lambda a, b: b < 1.5 * a)
    assert x == [0.0, 10.0, 14.0, 20.0, 20.0, 50.0]
    assert text == ["5", "1, 3, 4", "", "", "", "2"]


def test_every_figure_is_told_its_curves_and_an_axis_that_holds_them() -> None:
    page = Page(Document(), Subject.of(valley()), "", None)
    for a in ("1", "3"):
        page.set(a=a)
        page._answer()
        told = page.panel.wire.run
        rows = dict(zip(page.panel.order, told["flat"].reshape(len(page.panel.order), -1), strict=True))
        assert np.array_equal(rows["x"], page.curves.values["x"])
        for (low, high), group in zip(told["ends"][1:], page.panel.groups.values(), strict=True):
            values = np.concatenate([rows[name] for name in group])
            assert low < np.nanmin(values) <= np.nanmax(values) < high
            assert high - low < 1.1 * np.ptp(values)
    page.behind.close()


def test_a_field_says_what_its_slider_asked_for_possible_or_not() -> None:
    page = Page(Document(), Subject.of(valley()), "", None)
    knob = page.controls.knobs["init.x"]
    knob.slider.value = knob.spread.position(0.5)
    page._answer()
    assert float(knob.field.value) == page.state.start["x"] == pytest.approx(0.5)
    knob = page.controls.knobs["a"]
    page.set(**{"init.x": "nan"})  # a field that nobody corrected
    knob.slider.value = knob.spread.position(2.0)
    page._answer()
    assert float(knob.field.value) == pytest.approx(2.0)
    assert page.said.text
    assert page.state.model.values["a"] != pytest.approx(2.0)
    page.behind.close()
