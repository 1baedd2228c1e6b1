"""The race between memorisation and in-context learning against the literal attention layer."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

import minimodels as mm
from tests.minimodels.systems import at, plain_drift

POINTS = np.array([[0.0, 0.0, 0.1], [0.8, 0.5, 0.6], [2.5, -1.0, -0.7], [-1.5, 2.0, 0.3], [4.0, 5.0, 0.9]])


def read_out(w: Any, beta: Any, contents: np.ndarray, labels: np.ndarray, target: np.ndarray) -> Any:
    """Return w times the label that one softmax layer with logits beta x_j.x_q attends to."""
    logits = beta * np.einsum("...jd,...d->...j", contents, target)
    weights = np.exp(logits - logits.real.max(axis=-1, keepdims=True))
    return w * (weights * labels).sum(axis=-1) / weights.sum(axis=-1)


def literal(w: Any, beta: Any, v: Any, *, n: int) -> dict[str, Any]:
    """Return loss and c1 on orthonormal contents, averaged over all labels of the other tokens."""
    contents = np.eye(n)  # the target copies token 0, whose label is +1
    count = np.arange(n)
    labels = np.where(np.arange(n - 1)[None, :] < count[:, None], 1.0, -1.0)
    labels = np.concatenate([np.ones((n, 1)), labels], axis=1)  # k of the others are +1: binomially often
    logit = v**3 + read_out(w, beta, contents[None], labels, contents[0])
    weights = binom.pmf(count, n - 1, 0.5)
    return {"loss": (weights * np.log1p(np.exp(-logit))).sum(), "c1": (weights / (1 + np.exp(logit))).sum()}


def test_the_loss_and_its_gradient_are_those_of_an_attention_layer() -> None:
    errors = []
    for n in (50, 200, 800):
        m = mm.model("memorisation_race", N=n, K=1)
        found, error = at(m, POINTS), 0.0
        for i, point in enumerate(POINTS):
            exact = literal(*point, n=n)
            error = max(error, abs(found["loss"][i] / exact["loss"] - 1), abs(found["c1"][i] / exact["c1"] - 1))
            for k, name in enumerate(m.state):
                step = point.astype(complex)
                step[k] += 1e-30j
                slope = literal(*step, n=n)["loss"].imag / 1e-30
                error = max(error, abs(-found[f"d_{name}"][i] - slope) / max(abs(slope), 1e-2))
        errors.append(error)
    assert errors[0] < 0.01  # labels are +-1, the model's are Gaussian: the fourth moment differs by 2/N
    assert errors[1] < errors[0] / 3
    assert errors[2] < errors[1] / 3


def test_contents_of_finite_dimension_tend_to_the_model() -> None:
    """Monte Carlo over contents and labels, paired with orthonormal contents and the same labels."""
    rng, (w, beta, v), n = np.random.default_rng(0), (2.0, 1.5, 0.5), 30
    shifts = []
    for dimension in (64, 512):
        gap = []
        for _ in range(6):
            contents = rng.normal(0, dimension**-0.5, (150, n, dimension))
            labels = np.where(rng.random((150, n)) < 0.5, 1.0, -1.0)
            labels[:, 0] = 1
            logits = [
                read_out(w, beta, contents, labels, contents[:, 0]),
                read_out(w, beta, np.eye(n), labels, np.eye(n)[0]),
            ]
            gap.append(np.log1p(np.exp(-(v**3) - logits[0])) - np.log1p(np.exp(-(v**3) - logits[1])))
        shifts.append((np.mean(gap), np.std(gap) / np.sqrt(np.size(gap))))
    assert abs(shifts[0][0]) < 0.02
    assert abs(shifts[1][0]) < 2e-3 + 4 * shifts[1][1]
    assert shifts[1][1] < shifts[0][1] / 2


@pytest.mark.parametrize("form", ["loss", "two-variable"])
def test_the_two_variables_move_as_the_attention_layer_does_in_a_long_context(form: str) -> None:
    n, (w, beta, v) = 4000, (0.8, 0.5, 0.6)
    m = mm.model(
        "memorisation_race", form=form, N=n, K=1, **({"c2": 1 - 1 / (1 + np.exp(v**3))} if form != "loss" else {})
    )
    drift = plain_drift(m)(0.0, np.array([w, beta, v]))
    for k in range(3):
        step = np.array([w, beta, v], dtype=complex)
        step[k] += 1e-30j
        assert drift[k] == pytest.approx(-literal(*step, n=n)["loss"].imag / 1e-30, rel=3e-3)


def test_more_nodes_change_nothing() -> None:
    coarse, fine = (plain_drift(mm.model("memorisation_race", N=16, nodes=k, K=1)) for k in (16, 40))
    for point in POINTS[:4]:
        assert coarse(0.0, point) == pytest.approx(fine(0.0, point), rel=1e-9)


def test_unlimited_pairs_make_time_twice_the_in_context_time() -> None:
    run = mm.simulate(mm.model("memorisation_race", N=50), t_end=50.0, init={"v": 0.0}, save=[1.0, 50.0])
    assert run.v.values == pytest.approx([0, 0])
    assert np.isinf(run.I_left).all()
    assert run.c1[0] == pytest.approx(0.5, abs=1e-3)


def test_memorisation_wins_below_and_loses_above_a_number_of_pairs() -> None:
    grid = mm.sweep(
        mm.model("memorisation_race"), {"K": [50.0, 2000.0]}, t_end=1e4, keep=["escape_time", "phi", "accuracy"]
    )
    assert np.isfinite(grid.escape_time.values).tolist() == [False, True]
    assert grid.phi.values[0] > 5
    assert grid.accuracy.values[0] < 0.65
    assert grid.accuracy.values[1] > 0.999


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"form": "exact"}, "one of 'loss', 'two-variable'"),
        ({"nodes": 0}, "whole number of at least 1"),
        ({"nodes": 2.5}, "whole number of at least 1"),
        ({"nodes": "many"}, "whole number of at least 1"),
        ({"form": "two-variable", "nodes": 8}, "unknown parameter"),
        ({"N": 1}, "`N` must lie in"),
        ({"c2": 0.5}, "unknown parameter"),
    ],
)
def test_choices_that_cannot_be_are_refused(choices: dict[str, Any], sentence: str) -> None:
    with pytest.raises(mm.InputError, match=sentence):
        mm.model("memorisation_race", **choices)
