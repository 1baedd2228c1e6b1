"""The public names, what an import loads, and what models refuse."""

import copy
import inspect
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
from minimodels.models import describe
from tests.minimodels.systems import double_well, logistic, lotka_volterra

HERE = Path(__file__).parent.parent.parent
NAMES = [
    "Constraint",
    "Event",
    "FixedPoint",
    "Flow",
    "GradientFlow",
    "InductionHead",
    "InputError",
    "ItemLabelTask",
    "LinearRegressionTask",
    "Map",
    "Parameter",
    "Prior",
    "RunFailed",
    "State",
    "Status",
    "coarse",
    "descend",
    "describe",
    "draw_vectors",
    "evaluate",
    "explore",
    "fit",
    "fixed_points",
    "forecast",
    "histogram",
    "load",
    "logsumexp",
    "model",
    "models",
    "open_sweep",
    "oracles",
    "place_vectors",
    "plot_forecast",
    "plot_run",
    "plot_sweep",
    "quantiles",
    "read_curve",
    "save",
    "sigmoid",
    "simulate",
    "softmax",
    "softplus",
    "sweep",
    "train_head",
]


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE,
        env=os.environ | {"PYTHONPATH": str(HERE)},
    ).stdout  # fmt: skip


def test_the_public_names() -> None:
    assert mm.__all__ == NAMES
    assert dir(mm) == NAMES
    for name in NAMES:
        assert callable(getattr(mm, name))
    with pytest.raises(AttributeError, match="simulat"):
        mm.simulat  # noqa: B018


def test_functions_that_use_the_package_reach_other_processes() -> None:
    assert pickle.loads(pickle.dumps(mm)) is mm


def test_an_import_loads_nothing_heavy() -> None:
    heavy = {"sympy", "numba", "xarray", "torch", "matplotlib", "scipy", "numpy", "theory", "validation"}
    heavy |= {"dask", "distributed", "zarr", "bokeh", "tornado", "jinja2"}
    loaded = python("import sys, minimodels; print(*{m.split('.')[0] for m in sys.modules})").split()
    assert "minimodels" in loaded
    assert not heavy & set(loaded)


def test_the_command_line_knows_the_methods_without_numba() -> None:
    code = "import sys; from minimodels.cli.options import FlowMethod; print(FlowMethod, *sys.modules)"
    found = python(code)
    assert "'tsit5'" in found
    assert not {"numba", "sympy", "xarray"} & set(found.split())


def test_simulating_loads_no_torch_and_no_matplotlib() -> None:
    loaded = python(
        "import sys, minimodels as mm; mm.simulate; mm.sweep; mm.forecast; mm.read_curve; print(*sys.modules)"
    ).split()
    assert not {"torch", "matplotlib", "tensorboard", "theory", "validation"} & set(loaded)


def test_verbs_are_functions_in_any_order_of_imports() -> None:
    code = (
        "import minimodels.sweep, minimodels.simulate, minimodels as mm; print(mm.sweep.__name__, mm.simulate.__name__)"
    )
    assert python(code).split() == ["sweep", "simulate"]


def test_the_builtin_models_describe_themselves() -> None:
    assert list(mm.models()) == [
        "aligned_product", "capacity_market", "coopetition", "fresh_ridge", "gd_plus_plus", "linear_attention",
        "memorisation_race", "nested_logit", "shared_head", "single_location", "tensor_product",
    ]  # fmt: skip
    text = describe(mm.model("nested_logit", N=4, beta_2="free"))
    for word in ("2312.03002", "beta_1", "xi", "= 4.", "starts at 0.01", "TILA2", "escape_time"):
        assert word in text


def test_parameters_follow_others_until_set() -> None:
    m = mm.model("nested_logit", N=5)
    assert m.values["M"] == 5
    assert m.with_values(N=7).values["M"] == 7
    assert m.with_values(M=3).with_values(N=7).values["M"] == 3
    assert m.values["N"] == 5  # models do not change
    assert m.with_rates(xi="1/(L-1)").rate_values()["xi"] == pytest.approx(1 / 31)


KINDS = {  # the same motion, -a x in a unit of time or a step
    mm.GradientFlow: {"loss": "a*x**2/2"},
    mm.Flow: {"drift": {"x": "-a*x"}},
    mm.Map: {"update": {"x": "x - a*x"}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_parsed_alike_and_tells_its_loss_and_drift(kind: Any) -> None:
    m = kind(name="m", state={"x": 1.0}, parameters={"a": 2}, observables={"twice": "2*x"}, **KINDS[kind])
    for same in (m, m.with_values(a=3).with_rates(x="a"), pickle.loads(pickle.dumps(m)), copy.deepcopy(m)):
        assert same.statement is m.statement
        assert same.state == ("x",)
        assert list(same.drift) == ["x"]
        assert sp.expand(same.drift["x"] + same.symbols["a"] * same.symbols["x"]) == 0
        assert (same.loss is None) == (kind is not mm.GradientFlow)
        assert same.observables == {"twice": 2 * same.symbols["x"]}
        assert same.parameters == {"a": mm.Parameter(2)}
    assert m.rates == {"x": 1}
    assert repr(m) == f"{kind.__name__}(name='m', state=('x',))"


def test_the_three_kinds_take_the_same_arguments_besides_their_own() -> None:
    signatures = {kind: inspect.signature(kind).parameters for kind in KINDS}
    for kind, parameters in signatures.items():
        assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())
        shared = [str(p) for name, p in parameters.items() if name not in (*KINDS[kind], "descent")]
        assert shared == [str(p) for name, p in signatures[mm.Flow].items() if name not in ("drift", "descent")]
        assert ("descent" in parameters) == (kind is not mm.Map)


x, y = sp.symbols("x y")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mm.model("nested_logits"), "unknown model 'nested_logits'; did you mean 'nested_logit'"),
        (lambda: mm.model("qqq"), "known: aligned_product, capacity_market, coopetition, fresh_ridge"),
        (lambda: mm.model("nested_logit", NN=3), "did you mean 'N'"),
        (lambda: mm.model("nested_logit", attent="all"), "did you mean 'attend'"),
        (lambda: mm.model("nested_logit", attend="some"), "one of 'all', 'labels'"),
        (lambda: mm.model("nested_logit", N=0.5), r"`N` must lie in \[1, inf\]; got N=0.5"),
        (lambda: mm.model("nested_logit", N=8, L=4), r"`L` must be at least N/B.*L=4, N=8, B=1"),
        (lambda: mm.model("nested_logit", N=2, B=4), "`B` must not exceed N"),
        (lambda: mm.model("nested_logit", N="many"), "must be a number; got 'many'"),
        (lambda: mm.model("nested_logit", L=np.inf), "must be finite"),
        (lambda: mm.GradientFlow(name="a b", state={"x": 1.0}, loss=x), "Python identifier"),
        (lambda: mm.GradientFlow(name="m", state={}, loss=x), "no state variable"),
        (lambda: mm.GradientFlow(name="m", state={"x": 1.0}, loss=x * y), "unknown symbol 'y' in the loss of 'm'"),
        (lambda: mm.GradientFlow(name="m", state={"x": 1.0}, loss="x +"), "not an expression"),
        (lambda: mm.GradientFlow(name="m", state={"x": 1.0}, parameters={"x": 1.0}, loss=x), "both a state and"),
        (lambda: mm.GradientFlow(name="m", state={"loss": 1.0}, loss="loss"), "name of a result"),
        (lambda: mm.GradientFlow(name="m", state={"x": 1.0}, loss=x, rates={"y": 1}), "unknown state 'y' in rates"),
        (lambda: mm.Flow(name="m", state={"x": 1.0, "y": 1.0}, drift={"x": x}), "lacks the state 'y'"),
        (lambda: mm.Flow(name="m", state={"x": 1.0}, drift={"x": x, "z": x}), "unknown state"),
        (lambda: mm.Event(x, direction=2), "direction"),
    ],
)
def test_bad_models(make: Any, words: str) -> None:
    with pytest.raises(mm.InputError, match=words):
        make()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"t_end": 0}, "`t_end` must be positive; got 0"),
        ({"t_end": np.nan}, "must be finite"),
        ({"t_end": -np.inf}, "must be finite"),
        ({"init": {"x": np.nan}}, "must be finite"),
        ({"init": {"x": "one"}}, "must be a number"),
        ({"init": {"z": 1.0}}, "unknown state 'z' in init"),
        ({"rates": {"z": 1.0}}, "unknown state 'z' in rates"),
        ({"rates": {"x": "1/q"}}, "unknown symbol"),
        ({"clamp": {"x": (1.0, 5.0, 2.0)}}, "start < end"),
        ({"clamp": {"x": (1.0, "0", "2")}}, "start < end"),
        ({"clamp": {"x": (1.0, False, True)}}, "start < end"),
        ({"clamp": {"x": (1.0, 5.0)}}, "a value or"),
        ({"clamp": {"z": 1.0}}, "unknown state 'z' in clamp"),
        ({"method": "tsit"}, "did you mean 'tsit5'"),
        ({"method": "rk4"}, "give `step`"),
        ({"step": 0.1}, "method='rk4'"),
        ({"rtol": 0.0}, "`rtol` must be positive"),
        ({"max_steps": 0}, "at least 1"),
        ({"save": [2.0, 1.0]}, "increasing"),
        ({"save": [0.0, 11.0]}, r"within \[0, 10\]"),
        ({"stop_at": "escape"}, "unknown event"),
        ({"events": {"e": mm.Event("q")}}, "unknown symbol"),
    ],
)
def test_bad_runs(options: dict[str, Any], words: str) -> None:
    with pytest.raises(mm.InputError, match=words):
        mm.simulate(double_well(), **({"t_end": 10.0} | options))


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (double_well(), {"steps": 0}, "must be a whole number of at least 1"),
        (double_well(), {"steps": 2.5}, "must be a whole number of at least 1"),
        (double_well(), {"steps": 5, "lr": -1.0}, "`lr` must be positive"),
        (double_well(), {"steps": 5, "save": [0.5]}, "whole numbers"),
        (logistic(), {"steps": 5, "lr": 0.1}, "no learning rate"),
    ],
)
def test_bad_descents(model: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(mm.InputError, match=words):
        mm.descend(model, **options)


def test_a_map_is_not_simulated_and_a_model_is_a_model() -> None:
    with pytest.raises(mm.InputError, match="descend"):
        mm.simulate(logistic(), t_end=1.0)
    with pytest.raises(mm.InputError, match="`model` is a GradientFlow, a Flow or a Map"):
        mm.simulate("nested_logit", t_end=1.0)  # type: ignore[arg-type]
    assert lotka_volterra().kind == "flow"
