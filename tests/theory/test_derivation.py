"""What every derivation is: steps that are checked, wrong ones that are caught, a text that can be read."""

import re
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
import theory
from minimodels.errors import InputError
from minimodels.primitives import elementary
from tests.theory import toy
from tests.theory.toy import REACTION, draw
from theory import wings
from theory.checks import converges, identity, vanishes
from theory.derivation import Check, is_built_in

LOGITS = mm.model("nested_logit")


def somewhere(rng: np.random.Generator) -> dict[str, float]:
    """A point of the nested logits: their parameters and states."""
    names = [*LOGITS.parameters, *LOGITS.state]
    return {name: rng.uniform(2, 4) * {"L": 10}.get(name, 1) for name in names}


def test_a_wrong_step_is_caught() -> None:
    drift = elementary(LOGITS.drift["beta_1"])
    right = -sp.diff(elementary(LOGITS.loss), LOGITS.symbols["beta_1"])
    assert identity(drift, right, somewhere, symbolic=False).passed
    assert not identity(drift, right * (1 + sp.Float("1e-20", 40)), somewhere, symbolic=False).passed
    assert not identity(REACTION.drift["x"], REACTION.drift["y"], draw).passed
    assert not converges([0.1, 0.05], 0.1, "a sequence that converges too slowly").passed
    assert not vanishes([0.0, 1e-3], 1e-6, "a residual").passed
    assert not Check("numerical", float("nan"), 1e-6).passed


def test_a_limit_and_a_residual_that_are_right_pass() -> None:
    assert converges([0.1, 0.01, 0.001], 0.11, "a sequence").passed
    assert vanishes([0.0, -1e-7], 1e-6, "a residual").passed
    assert str(vanishes([1e-3], 1e-6, "a residual")).startswith("FAILS (a residual, residual 1.0e-03")


def test_checks_are_seeded() -> None:
    left, right = elementary(LOGITS.observables["correct"]), elementary(LOGITS.observables["TILA2"])
    first, second, other = (identity(left, right, somewhere, symbolic=False, seed=seed).residual for seed in (0, 0, 1))
    assert first == second != other
    assert np.isfinite(first)


@pytest.mark.usefixtures("toy_wing")
def test_every_step_holds() -> None:
    derivation = theory.derive(REACTION)
    assert derivation.verified
    assert derivation.names == ["half_life", "whole"]
    assert len(derivation) == 2
    assert all(result.verified for result in derivation)
    assert all(result.reference == "made up here" for result in derivation)


@pytest.mark.usefixtures("toy_wing")
def test_latex_and_markdown() -> None:
    derivation = theory.derive(REACTION)
    text, tex = derivation.markdown(), derivation.latex()
    assert text.startswith("## reaction_1 (order = first)\n")
    for result in derivation:
        assert f"### {result.title}" in text
        assert result.markdown() in text
        assert result.latex() in tex
        assert result.regime.sentence in result.markdown()
    assert "where $k = a \\eta_{x}$." in derivation["half_life"].markdown()
    assert "where" not in derivation["whole"].markdown()
    assert text.count("*check:* holds") == sum(len(r.steps) for r in derivation)
    assert tex.count(r"\begin{equation}") == tex.count(r"\end{equation}")
    assert tex.count(r"\begin{enumerate}") == tex.count(r"\end{enumerate}") == len(derivation)
    assert text.count("$") % 2 == 0
    prose = re.sub(r"\\begin\{equation\}.*?\\end\{equation\}|\$[^$]*\$", "", tex, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)[_&#%^]", prose)  # these stop LaTeX outside of a formula
    assert r"\& its slope, at 100\% of \_k\_" in prose
    assert r"reaction\_1" in prose


@pytest.mark.usefixtures("toy_wing")
def test_explicit_statement_has_only_model_symbols() -> None:
    right = theory.derive(REACTION)["half_life"].explicit.rhs
    assert {str(s) for s in right.free_symbols} == {"a", "eta_x"}


@pytest.mark.usefixtures("toy_wing")
def test_index_by_name_and_position() -> None:
    derivation = theory.derive(REACTION)
    assert derivation[0] is derivation["half_life"]
    assert derivation[-1] is derivation["whole"]
    with pytest.raises(InputError, match="did you mean 'half_life'"):
        derivation["half_lif"]


def test_a_model_with_a_wing_has_its_own_theory_also_as_a_model() -> None:
    for name in wings.derivations():
        model = mm.model(name)
        assert is_built_in(model)
        assert theory.derive(model) is theory.derive(name, **model.options)
    with pytest.raises(InputError, match="has its own: leave them out"):
        theory.derive(mm.model("nested_logit"), attend="labels")
    with pytest.raises(InputError, match="`model` is a built-in model's name or a GradientFlow"):
        theory.derive(3)  # type: ignore[arg-type]


@pytest.mark.usefixtures("toy_wing")
def test_a_model_without_a_wing_gets_what_holds_for_every_one() -> None:
    for derivation in (theory.derive("nested_logit", attend="labels"), theory.derive(mm.model("memorisation_race"))):
        assert derivation.names == ["half_life", "whole"]
    assert theory.derive("nested_logit", attend="labels").options["attend"] == "labels"


def test_what_several_wings_say_of_every_model_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wings, "modules", lambda name: [toy, toy])
    assert theory.derive(REACTION).names == ["half_life", "whole"] * 2


def test_without_any_wing_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.alone(monkeypatch)
    for call in (lambda: theory.derive(REACTION), lambda: theory.predict(REACTION)):
        with pytest.raises(InputError, match=r"nothing is derived about 'reaction_1': no wing of `theory`.*\.$"):
            call()
    with pytest.raises(InputError, match="nothing is derived about 'nested_logit'"):
        theory.derive("nested_logit")
    with pytest.raises(InputError, match="no wing of `theory` states one"):
        theory.emergence_scaling()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: theory.derive("nested_logits"), "did you mean 'nested_logit'"),
        (lambda: theory.derive("nested_logit", atend="labels"), "did you mean 'attend'"),
        (lambda: theory.derive("nested_logit", attend="label"), "`attend` must be one of"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_import_is_light() -> None:
    code = "import sys, theory; print([m for m in ('sympy', 'numpy', 'xarray', 'scipy', 'torch') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_public_names() -> None:
    assert set(theory.__all__) <= set(dir(theory))
    for name in theory.__all__:
        assert getattr(theory, name).__doc__
    with pytest.raises(AttributeError):
        theory.no_such_name  # noqa: B018


def test_an_option_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="unknown option of 'nested_logit' 'atend'; did you mean 'attend'"):
        theory.derive("nested_logit", atend="labels")
