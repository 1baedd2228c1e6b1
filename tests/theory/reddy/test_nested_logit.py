"""Every step about the nested logits is checked; a wrong step is caught; the text can be read."""

import re

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
import theory
from minimodels.errors import InputError
from theory.checks import identity
from theory.reddy.setting import draw, setting

FORMS = [{"attend": "labels"}, {"attend": "all"}, {"beta_2": "free"}, {"attend": "exact"}, {"attend": "exact-labels"}]
NAMES = [
    "origin_gradient",
    "critical_point",
    "saddle",
    "saddle_exact_positions",
    "escape_from_saddle",
    "slow_phase",
    "plateaus",
    "half_time",
    "plateau_drives",
    "invariant",
    "second_invariant",
    "transition_time_leading",
    "transition_time_crossover",
    "transition_time",
    "growth_with_size",
    "sufficient_parameters",
    "sign_symmetry",
    "anti_induction",
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_step_holds(form: dict[str, str]) -> None:
    derivation = theory.derive("nested_logit", **form)
    failed = [(r.name, s.sentence, str(s.check)) for r in derivation for s in r.steps if not s.check.passed]
    assert not failed
    assert derivation.verified
    assert derivation.names == NAMES
    assert len(derivation) == len(NAMES)
    assert all(len(r.steps) > 0 for r in derivation)


def test_a_wrong_step_is_caught() -> None:
    st = setting("labels", "fixed")
    s = st.s
    right = s["alpha"] * (1 - st.p) * st.drift["alpha"]
    assert identity(st.drift["beta_1"], right, draw, symbolic=False).passed
    assert not identity(st.drift["beta_1"], right * (1 + sp.Float("1e-20", 40)), draw, symbolic=False).passed
    assert not identity(st.at_origin(st.loss), sp.log(s["N"]), draw).passed


def test_steps_use_the_models_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another loss in the model the derivation must fail, so nothing is proved about a retyped formula."""
    from theory.reddy import nested_logit

    st = setting("labels", "fixed")
    changed = {k: v * 2 if k == "xi" else v for k, v in st.drift.items()}
    wrong = type(st)(**{**st.__dict__, "drift": changed})
    assert not nested_logit.origin_gradient(wrong).verified
    assert not nested_logit.slow_phase(wrong).verified
    assert not nested_logit.plateau_drives(wrong).verified


def test_latex_and_markdown() -> None:
    derivation = theory.derive("nested_logit", attend="labels")
    text, tex = derivation.markdown(), derivation.latex()
    for result in derivation:
        assert f"### {result.title}" in text
        assert result.markdown() in text
        assert result.latex() in tex
        assert result.regime.sentence in result.markdown()
    assert text.count("*check:* holds") == sum(len(r.steps) for r in derivation)
    assert tex.count(r"\begin{equation}") == tex.count(r"\end{equation}")
    assert tex.count(r"\begin{enumerate}") == tex.count(r"\end{enumerate}") == len(derivation)
    assert text.count("$") % 2 == 0
    assert r"\beta_{1}" in tex
    prose = re.sub(r"\\begin\{equation\}.*?\\end\{equation\}|\$[^$]*\$", "", tex, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)[_&#%^]", prose)  # these stop LaTeX outside of a formula
    assert r"beta\_2 = fixed" in prose


def test_explicit_statement_has_only_model_symbols() -> None:
    derivation = theory.derive("nested_logit", attend="labels")
    right = derivation["origin_gradient"].explicit.rhs
    assert {str(s) for s in right.free_symbols} == {"N", "L", "B"}
    point = {"N": 8, "L": 32, "B": 1}
    assert float(right.subs({s: point[s.name] for s in right.free_symbols})) == -0.09375


def test_index_by_name_and_position() -> None:
    derivation = theory.derive("nested_logit")
    assert derivation[0] is derivation["origin_gradient"]
    with pytest.raises(InputError, match="did you mean 'slow_phase'"):
        derivation["slow_fase"]


def test_checks_are_seeded() -> None:
    st = setting("all", "fixed")
    first, second = (identity(st.r, st.q_c, draw, symbolic=False).residual for _ in range(2))
    assert first == second
    assert np.isfinite(first)


@pytest.mark.parametrize("form", [{"attend": "labels"}, {"attend": "exact", "N": 4, "L": 16}], ids=str)
def test_the_model_itself_has_the_theory_of_its_name(form: dict[str, object]) -> None:
    model = mm.model("nested_logit", **form)
    assert theory.derive(model) is theory.derive("nested_logit", **model.options)


def test_a_model_of_that_name_that_is_another_has_not() -> None:
    mine = mm.GradientFlow(name="nested_logit", state={"x": 0.1}, loss="(x**2 - 1)**2/4")
    with pytest.raises(InputError, match="nested_logit with attend="):
        theory.transition_time(mine)
