"""The explorer's state and what its panels show, without a page."""

import time
from typing import Any

import numpy as np
import pytest

import minimodels as mm
from minimodels.explore import curves, flow, looks, map, ranges, tables
from minimodels.explore.background import LATER, Background
from minimodels.explore.state import State, from_link, read
from minimodels.explore.subject import Subject


def opened(name: str = "nested_logit", **choices: Any) -> State:
    subject = Subject.of(mm.model(name, **choices))
    return from_link(subject, "")


def labels(**more: str) -> State:
    return opened(N=8, L=32, attend="labels").changed(**more)


def valley() -> mm.GradientFlow:
    return mm.GradientFlow(
        name="valley",
        state={"x": mm.State(0.1, "position"), "y": 1.5},
        parameters={"a": mm.Parameter(1.0, "depth", 0, 5)},
        loss="a*(x**2 - 1)**2/4 + y**2/2",
        observables={"r": "sqrt(x**2 + y**2)"},
        events={"over": mm.Event("x", 0.5)},
    )


@pytest.mark.parametrize("name", list(mm.models()))
def test_a_link_holds_the_whole_state_of_every_model(name: str) -> None:
    state = opened(name)
    again = from_link(state.subject, state.link())
    assert again.settings() == state.settings()
    assert again.model.values == state.model.values
    assert again.subject is state.subject  # no kernel is compiled anew


def test_a_link_holds_what_was_set_and_opens_in_another_process() -> None:
    state = labels(**{
        "L": "64", "init.xi": "0.5", "rate.xi": "1/(L-1)", "clamp.beta_1": "2:0:10", "end": "5000", "method": "rodas4",
        "rtol": "1e-8", "time": "linear", "values": "log", "show": "correct", "x": "alpha_0=0:1", "y": "rate_xi",
        "target": "loss", "slice": "xi,alpha", "at": "escape_time",
    })  # fmt: skip
    other = Subject.of(mm.model("nested_logit", attend="all"))
    again = from_link(other, state.link())
    assert again.settings() == state.settings()
    assert again.model.rate_values()["xi"] == pytest.approx(1 / 63)
    assert again.clamp == {"beta_1": (2.0, 0.0, 10.0)}
    assert again.diagram is not None
    assert again.diagram[0] == ("alpha_0", ranges.Range(0, 1))
    assert curves.trace(again).events == curves.trace(state).events


def test_a_parameter_follows_another_until_it_is_set() -> None:
    state = labels(N="12")
    assert state.model.values["M"] == 12
    assert state.changed(M="3").changed(N="4").model.values["M"] == 3
    assert state.changed(M="3").changed(M="N").model.values["M"] == 12


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"L": "4"}, "`L` must be at least N/B"),
        ({"N": "many"}, "N must be a finite number; got 'many'"),
        ({"N": "inf"}, "N must be a finite number"),
        ({"init.z": "1"}, "unknown state 'z' in init"),
        ({"init.xi": ""}, "the initial value of xi must be a finite number"),
        ({"rate.xi": "1/q"}, "unknown symbol 'q'"),
        ({"clamp.xi": "1:5"}, "a clamp is a value or value:start:end"),
        ({"clamp.xi": "1:5:2"}, "start < end"),
        ({"end": "0"}, "the end must be positive"),
        ({"method": "euler"}, "`method` must be one of"),
        ({"method": "descent", "end": "1e9"}, "at most 2000000 steps"),
        ({"rtol": "-1"}, "`rtol` must be positive"),
        ({"time": "cubic"}, "the scale of time"),
        ({"show": "nothing"}, "unknown observable 'nothing'"),
        ({"x": "Q"}, "unknown axis of the phase diagram 'Q'"),
        ({"x": "N=5:2"}, "lower end below its upper one"),
        ({"x": "N=log:0:2"}, "logarithmic range begins above 0"),
        ({"x": "N=2"}, "a range is written as"),
        ({"x": "L", "y": "L"}, "two different axes"),
        ({"target": "gain"}, "unknown result for the phase diagram"),
        ({"slice": "xi"}, "two different states"),
        ({"at": "noon"}, "the place of the slice"),
        ({"colour": "red"}, "unknown setting of the explorer 'colour'"),
    ],
)
def test_what_cannot_be_is_one_sentence(settings: dict[str, str], words: str) -> None:
    state = labels()
    with pytest.raises(mm.InputError, match=words):
        state.changed(**settings)
    assert state.changed(L="40").model.values["L"] == 40  # and nothing is lost


def test_a_link_with_a_name_twice_is_refused() -> None:
    with pytest.raises(mm.InputError, match="gives N twice"):
        from_link(labels().subject, "N=8&N=9")


def test_structural_options_make_another_kernel_and_keep_what_has_a_meaning_there() -> None:
    state = labels(**{"L": "20", "init.xi": "0.2"})
    exact = state.restructured(attend="exact", N="4")
    assert exact.subject.chosen == {"attend": "exact", "beta_2": "fixed", "N": 4, "B": 1}
    assert exact.model.values["L"] == 20
    assert exact.init == {"xi": 0.2}
    assert exact.restructured(N="3").model.values["N"] == 3
    free = state.restructured(attend="all", beta_2="free")
    assert "beta_2" in free.model.state
    assert free.restructured(attend="labels", beta_2="fixed").model.state == ("beta_1", "alpha", "xi")
    with pytest.raises(mm.InputError, match="the limit is 500"):
        state.restructured(attend="exact", N="20", B="2")
    assert state.changed(L="21").subject is state.subject  # no kernel is compiled anew


def test_options_are_read_from_the_docstring_of_a_model() -> None:
    assert opened("nested_logit").subject.options["attend"].words == ("all", "labels", "exact", "exact-labels")
    assert opened("tensor_product").subject.options["k"].whole
    assert Subject.of(valley()).options == {}


def test_a_model_that_is_only_called_like_a_built_in_one_is_ones_own() -> None:
    mine = mm.GradientFlow(name="nested_logit", state={"x": 1.0}, loss="x**2")
    assert Subject.of(mine).build is None


@pytest.mark.parametrize(
    ("value", "low", "high", "found"),
    [
        (8.0, 1.0, np.inf, ranges.Range(1, 128, True)),
        (0.3, 0.0, 1.0, ranges.Range(0, 1)),
        (0.0, 0.0, np.inf, ranges.Range(0, 2)),
        (0.01, -np.inf, np.inf, ranges.Range(-3, 3)),
        (20.0, -np.inf, np.inf, ranges.Range(0, 60)),
    ],
)
def test_ranges_come_from_the_domain(value: float, low: float, high: float, found: ranges.Range) -> None:
    assert ranges.around(value, low, high) == found
    assert ranges.Range.read(found.text()) == found
    assert found.value(found.position(value)) == pytest.approx(value, rel=1e-3)


def test_curves_are_those_of_simulate() -> None:
    state = labels()
    found = curves.trace(state)
    run = mm.simulate(mm.model("nested_logit", N=8, L=32, attend="labels"), t_end=state.end, save=found.time)
    for name in ("xi", "loss", "correct"):
        np.testing.assert_array_equal(found.values[name], run[name])
    assert found.events["escape_time"] == pytest.approx(float(run.escape_time))
    assert found.said == ""


def test_a_run_that_fails_says_so_and_shows_what_there_is() -> None:
    burst = mm.Flow(name="burst", state={"x": 1.0}, drift={"x": "x**2"})
    found = curves.trace(read(Subject.of(burst), {"end": "3"}))
    assert "time 1:" in found.said or "time 0.99" in found.said
    assert np.isnan(found.values["x"][-1])
    assert found.values["x"][0] == 1


def test_descent_and_maps_count_in_steps() -> None:
    state = labels(method="descent", lr="0.1", end="2000")
    found = curves.trace(state)
    run = mm.descend(state.model, lr=0.1, steps=2000)
    assert found.values["loss"][-1] == run.loss[-1]
    assert (found.time == np.round(found.time)).all()
    logistic = mm.Map(name="logistic", state={"x": 0.3}, parameters={"r": 3.2}, update={"x": "r*x*(1 - x)"})
    state = read(Subject.of(logistic), {"end": "50"})
    assert curves.trace(state).time[-1] == 50
    assert state.axes == ["r", "x_0", "rate_x"]


def test_the_map_is_that_of_sweep_from_coarse_to_fine() -> None:
    state = labels(x="N=log:2:16", y="L=log:8:128", end="100")
    found = [d for d in map.diagrams(state, np.zeros(1, np.uint8)) if isinstance(d, map.Diagram)]
    assert [len(d.x) for d in found][:3] == [9, 17, 33]
    assert [d.final for d in found] == [False] * (len(found) - 1) + [True]
    coarse, fine = found[0], found[1]
    np.testing.assert_array_equal(coarse.values, fine.values[::2, ::2])
    grid = mm.sweep(state.model, {"N": coarse.x, "L": coarse.y}, t_end=state.end)
    np.testing.assert_allclose(coarse.values, grid.escape_time.values.T, rtol=1e-12)
    assert (coarse.reason[np.isfinite(coarse.values)] == -1).all()
    outside = coarse.y[:, None] < coarse.x
    assert (coarse.reason[outside] == map.REASONS.index("outside the domain")).all()
    never = (grid.escape_time_censored.values.T) & ~outside
    assert never.any()
    assert (coarse.reason[never] == map.REASONS.index("none by the end")).all()


def test_a_map_that_is_superseded_stops() -> None:
    flag = np.zeros(1, np.uint8)
    found = map.diagrams(labels(), flag)
    next(found)
    flag[0] = 1
    assert list(found) == []


def test_a_move_along_the_axes_needs_no_new_map() -> None:
    state = labels()
    assert map.key(state) == map.key(state.changed(L="50", values="log"))
    assert map.key(state) != map.key(state.changed(B="2"))


def test_the_flow_has_the_drift_its_nullclines_and_the_kinds_of_fixed_points() -> None:
    state = from_link(Subject.of(valley()), "")
    run = curves.trace(state)
    field = flow.field(state, run)
    x0, _, x1, _ = field.arrows.T
    middle = (x0 + x1) / 2
    moved = np.abs(middle**3 - middle) > 1e-6
    assert (np.sign(x1 - x0)[moved] == -np.sign(middle**3 - middle)[moved]).all()
    for x, y in field.nullclines["y"]:
        np.testing.assert_allclose(y, 0, atol=0.02)
        assert len(x) > 10
    assert sorted(flow.counted(flow.rests(state)).items()) == [("saddle", 1), ("stable", 2)]
    assert "saddle" in tables.fixed_points(flow.rests(state), state)


def test_a_slice_holds_the_other_states_where_it_is_asked() -> None:
    state = labels(slice="alpha,xi")
    run = curves.trace(state)
    assert flow.field(state, run).held == {"beta_1": pytest.approx(0.01)}
    late = flow.field(state.changed(at="escape_time"), run)
    assert late.held["beta_1"] == pytest.approx(np.interp(run.events["escape_time"], run.time, run.values["beta_1"]))


def test_bounds_hold_the_flow() -> None:
    state = opened("shared_head")
    field = flow.field(state, curves.trace(state))
    assert field.box[1] <= 5.5


class Said:
    """What theory says of one result."""

    def __init__(self, name: str, applies: bool, values: dict[str, float], reason: str = "") -> None:
        self.title, self.applies, self.values, self.reason, self.error = name, applies, values, reason, 0.01
        self.result = type("Result", (), {"regime": type("Regime", (), {"sentence": "always"}), "curve": None})


def said(model: mm.GradientFlow, init: Any = None) -> list[Said]:
    return [
        Said("no", False, {}, "the start is <odd>."),
        Said("time", True, {"escape_time": 49.0, "other": 3.0}),
        Said("end", True, {"loss": 0.25}),
    ]


def test_predictions_become_lines_or_grey_rows_with_the_reason() -> None:
    state = labels()
    found = tables.rows(state, curves.trace(state), said)
    assert [row.title for row in found] == ["time", "end", "no"]
    assert found[0].times == {"escape_time": 49.0}
    assert found[1].levels == {"loss": 0.25}
    text = tables.predictions(found, state)
    assert 'class="no"' in text
    assert "does not apply: the start is &lt;odd&gt;." in text
    assert "± 1 %" in text
    steps = tables.rows(state.changed(method="descent", lr="0.1", end="5000"), curves.trace(state), said)
    assert steps[0].times == {"escape_time": pytest.approx(490.0)}


def test_under_a_clamp_nothing_is_predicted() -> None:
    state = labels(**{"clamp.xi": "1"})
    found = tables.rows(state, curves.trace(state), said)
    assert all(row.reason for row in found)
    assert any("xi is held" in row.reason for row in found)


def test_names_are_written_by_hand_where_plain_text_can() -> None:
    assert looks.symbol("beta_1") == "β₁"
    assert looks.symbol("escape_time") == "escape time"
    assert "<script>" not in looks.said("<script>")


def test_work_behind_takes_the_urgent_first_and_drops_what_is_superseded() -> None:
    order: list[str] = []
    failures: list[str] = []
    behind = Background(("first", "second"), lambda key, error: failures.append(f"{key}: {error}"))

    def steps(name: str, count: int) -> Any:
        def run(flag: Any) -> Any:
            for k in range(count):
                time.sleep(0.01)
                yield f"{name} {k}"

        return run

    def broken(flag: Any) -> Any:
        raise ValueError("no")
        yield

    behind.ask("second", steps("late", 100), order.append)
    behind.ask("first", steps("urgent", 2), order.append)
    behind.ask("second", steps("newer", 2), order.append, after=0.05)
    deadline = time.monotonic() + 5
    while "newer 1" not in order and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [o for o in order if not o.startswith("late")] == ["urgent 0", "urgent 1", "newer 0", "newer 1"]
    assert len([o for o in order if o.startswith("late")]) <= 1
    order.clear()

    def patient(flag: Any) -> Any:
        yield "coarse"
        yield LATER
        yield "fine"

    behind.ask("first", patient, order.append)
    behind.ask("second", steps("other", 1), order.append)
    while "fine" not in order and time.monotonic() < deadline:
        time.sleep(0.01)
    assert order == ["coarse", "other 0", "fine"]
    behind.ask("first", broken, order.append)
    while not failures and time.monotonic() < deadline:
        time.sleep(0.01)
    assert failures == ["first: no"]
    behind.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": "nested_logit"}, "`model` is a GradientFlow, a Flow or a Map"),
        ({"model": valley(), "port": -1}, "`port` must be a whole number of at least 0"),
        ({"model": valley(), "browser": "no"}, "`browser` must be True or False"),
        ({"model": valley(), "predict": 3}, "`predict` is theory.predict; got 3"),
    ],
)
def test_wrong_arguments_of_explore_are_one_sentence(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(mm.InputError, match=words):
        mm.explore(**arguments)


def test_every_structure_of_a_model_is_reached_from_every_other() -> None:
    state = opened("linear_attention")
    for weights in ("onset", "saturation", "anisotropic-merged", "separate"):
        state = state.restructured(weights=weights)
        assert state.subject.chosen["weights"] == weights
        assert "infinity" not in curves.trace(state).said  # it ends before a blow-up
    with pytest.raises(mm.InputError, match="`beta_2` needs attend='all'"):
        labels().restructured(beta_2="free")
