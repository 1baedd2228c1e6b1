"""The tensor product of vectors: its scalars against whole tensors, and the published runs."""

from typing import Any

import numpy as np
import pytest

import minimodels as mm
from minimodels.published import (
    BELOW,
    CLAMPS,
    HALVED,
    LOSSES,
    MEASURES,
    SMALL,
    ZERO_LOSS,
    at_truth,
    bound,
    published_vectors,
)
from minimodels.vectors import draw_vectors, vectors_of
from tests.minimodels.systems import states_of
from tests.minimodels.toys import invariants, mean_square, outer

FORMS = ["overlaps", "components"]
LEADING: list[dict[str, int]] = [{}, {"1": 2}, {"1": 99, "2": 1}]  # leading coordinates; 99 for all


def literal(
    m: Any, seed: int, lr: float, steps: int, clamp: dict[str, int], rates: Any = None
) -> dict[str, np.ndarray]:
    """Descend whole vectors by the gradient of the whole tensor."""
    drawn = vectors_of(m, seed)
    truths, vectors = [t for t, _ in drawn.values()], [x.copy() for _, x in drawn.values()]
    found: dict[str, list[float]] = {}

    def hold() -> None:
        for name, count in clamp.items():
            vectors[int(name) - 1][:count] = truths[int(name) - 1][:count]

    hold()
    for _ in range(steps + 1):
        loss, gradients = mean_square(truths, vectors)
        found.setdefault("loss", []).append(loss)
        for i, (truth, x) in enumerate(zip(truths, vectors, strict=True), 1):
            n, s = invariants(truth, x)
            found.setdefault(f"n_{i}", []).append(n)
            found.setdefault(f"s_{i}", []).append(s)
        sign = np.sign(vectors[0] @ truths[0])
        aided = [mean_square(truths, [sign * vectors[0], *truths[1:]])[0]]
        found.setdefault("progress_2", []).append(aided[0])
        cosine = vectors[0] @ truths[0] / np.linalg.norm(vectors[0]) / np.linalg.norm(truths[0])
        found.setdefault("progress_1", []).append(1 - cosine**2)
        for i, gradient in enumerate(gradients):
            vectors[i] -= lr * (rates or {}).get(i + 1, 1.0) * gradient
        hold()
    return {k: np.array(v) for k, v in found.items()}


@pytest.mark.parametrize("clamp", LEADING, ids=str)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dimensions", [(7,), (5, 8), (4, 7, 3), (3, 2, 4, 3)], ids=str)
def test_the_scalars_descend_as_the_whole_tensor_does(
    dimensions: tuple[int, ...], form: str, clamp: dict[str, int]
) -> None:
    k, rng = len(dimensions), np.random.default_rng(len(dimensions))
    sizes = {f"d_{i}": d for i, d in enumerate(dimensions, 1)}
    m = mm.model("tensor_product", k=k, form=form, **sizes)
    clamp = {x: min(c, dimensions[int(x) - 1]) for x, c in clamp.items() if int(x) <= k}
    for seed in rng.integers(0, 2**63, 3).tolist():
        exact = literal(m, seed, 0.5, 200, clamp)
        at, init = bound(m, draw_vectors(m, [seed], clamp=clamp))
        run = mm.descend(at, lr=0.5, steps=200, init=init, save=np.arange(201))
        for name, values in exact.items():
            np.testing.assert_allclose(run[name], values, rtol=1e-12, atol=1e-12 * max(1, abs(values[0])), err_msg=name)


@pytest.mark.parametrize("form", FORMS)
def test_vectors_have_learning_rates_of_their_own(form: str) -> None:
    m = mm.model("tensor_product", k=3, form=form, d_1=6, d_2=5, d_3=4)
    rates = {1: 0.3, 2: 2.0, 3: 0.0}
    exact = literal(m, 5, 0.4, 150, {}, rates)
    at, init = bound(m, draw_vectors(m, [5]))
    given = {k: rates[int(k[-1])] for k in m.state}
    run = mm.descend(at, lr=0.4, steps=150, init=init, rates=given, save=np.arange(151))
    for name in ("loss", "n_1", "s_1", "n_2", "s_2", "n_3", "s_3"):
        np.testing.assert_allclose(run[name], exact[name], rtol=1e-12, atol=1e-12 * abs(exact[name][0]), err_msg=name)
    assert len(set(run.n_3.values)) == 1  # to the last bit


def test_both_forms_flow_alike_and_conserve_differences_of_norms() -> None:
    drawn, runs = {}, []
    times = np.geomspace(1, 400, 30)
    for form in FORMS:
        m = mm.model("tensor_product", k=3, form=form)
        at, init = bound(m, draw_vectors(m, [3]))
        runs.append(mm.simulate(at, t_end=400.0, init=init, save=times, rtol=1e-11, atol=1e-12))
        drawn[form] = (at, init)
    for name in ("n_1", "s_1", "n_2", "s_2", "n_3", "s_3", "loss", "alignment_2", "norm_3"):
        np.testing.assert_allclose(runs[0][name], runs[1][name], rtol=1e-8, atol=1e-9)
    for i in (2, 3):
        difference = runs[0].n_1 - runs[0][f"n_{i}"]
        np.testing.assert_allclose(difference, difference[0], rtol=0, atol=1e-8)
    assert (np.diff(runs[1].loss) < 0).all()
    drifts = []
    for lr in (1.0, 0.5):  # descent conserves them to the order of lr
        at, init = drawn["overlaps"]
        run = mm.descend(at, lr=lr, steps=int(400 / lr), init=init, save=[0, int(400 / lr)])
        drifts.append(float(abs(np.diff(run.n_1 - run.n_2)[0])))
    assert drifts[0] / drifts[1] == pytest.approx(2, rel=0.1)


def test_the_flow_of_norms_is_that_of_the_vectors() -> None:
    """At small learning rates the whole vectors follow it, to first order."""
    m = mm.model("tensor_product", k=3, d_1=6, d_2=5, d_3=4)
    at, init = bound(m, draw_vectors(m, [11]))
    end = states_of(mm.simulate(at, t_end=20.0, init=init, save=[20.0], rtol=1e-12, atol=1e-12), m)[0]
    gaps = []
    for lr in (0.02, 0.01):
        exact = literal(m, 11, lr, round(20 / lr), {})
        gaps.append(np.abs(np.array([exact[k][-1] for k in m.state]) - end).max())
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("form", FORMS)
def test_the_published_run(form: str) -> None:
    m = mm.model("tensor_product", k=3, form=form)
    columns = published_vectors(m, [1])
    truth = float(np.prod([columns[f"T_{i}"] for i in (1, 2, 3)]))
    assert truth / 16000 == pytest.approx(ZERO_LOSS, rel=1e-6)
    for j, held in enumerate(CLAMPS):
        at, init = bound(m, at_truth(columns, *held))
        events = {f"below_{i}": mm.Event("loss", level * truth / 16000, -1) for i, level in enumerate(BELOW)}
        run = mm.descend(at, steps=1000, init=init, save=sorted(LOSSES), events=events)
        for iteration, losses in LOSSES.items():
            loss = float(run.loss.sel(step=iteration))
            assert loss == pytest.approx(losses[j], rel=1e-5, abs=1e-15)
        assert [int(run[k]) for k in events] == [times[j] for times in BELOW.values()]
        assert int(run.escape_time) == BELOW[0.5][j]
    at, init = bound(m, columns)
    run = mm.descend(at, steps=400, init=init, save=[0, 50, 200, 400])
    for name, values in MEASURES.items():
        np.testing.assert_allclose(run[name], values, rtol=0, atol=6e-7)
    at, init = bound(m, at_truth(columns, "2", "3"))
    loss = mm.descend(at, steps=100, init=init, save=np.arange(101)).loss.values
    shrinks = float((1 - columns["T_2"] * columns["T_3"] / 8000).item() ** 2)
    assert loss[1:] / loss[:-1] == pytest.approx(shrinks, rel=1e-9)
    assert shrinks == pytest.approx(0.956769550, rel=1e-8)


@pytest.mark.parametrize("form", FORMS)
def test_the_published_half_loss_times(form: str) -> None:
    m = mm.model("tensor_product", k=3, form=form)
    columns = published_vectors(m)
    for j, held in enumerate(CLAMPS):
        found = mm.sweep(m, points=at_truth(columns, *held), steps=8000, keep="escape_time")
        assert found.escape_time.values.tolist() == [times[j] for times in HALVED.values()]


def test_the_published_escape_times_from_small_starts() -> None:
    m = mm.model("tensor_product", k=3)
    columns = published_vectors(m, [seed for seed, _ in SMALL], scale=[scale for _, scale in SMALL])
    for j, held in enumerate(CLAMPS):
        found = mm.sweep(m, points=at_truth(columns, *held), steps=50_000, keep="escape_time", stop_at="escape_time")
        assert found.escape_time.values.tolist() == [descent[j] for descent, _ in SMALL.values()]


def test_a_window_clamps_vectors_to_the_truth_of_every_point() -> None:
    m = mm.model("tensor_product", k=3)
    columns = published_vectors(m)
    window = {f"{x}_3": ("T_3", 0, 100) for x in "ns"}
    found = mm.sweep(m, points=columns, steps=100, save=[40, 100], clamp=window, keep=["n_3", "s_3", "loss"])
    alone = mm.sweep(m, points=at_truth(columns, "3"), steps=100, save=[40, 100], keep=["n_3", "s_3", "loss"])
    for name in ("n_3", "s_3"):
        assert (found[name] == columns["T_3"][:, None]).all()
    np.testing.assert_allclose(found.loss, alone.loss, rtol=1e-11)
    released = mm.sweep(m, points=columns, steps=101, save=[101], clamp=window, keep=["n_3"])
    assert (released.n_3.values[:, 0] != columns["T_3"]).all()


def test_tails_keep_their_digits_in_components() -> None:
    m = mm.model("tensor_product", k=3, form="components")
    at, init = bound(m, published_vectors(m, [1], clamped=["2", "3"]))
    loss = mm.descend(at, steps=1200, init=init, save=[0, 1200]).loss.values
    shrinks = 1 - at.values["T_2"] * at.values["T_3"] / 8000
    assert loss[1] / loss[0] == pytest.approx(shrinks**2400, rel=1e-3, abs=0)  # overlaps end at 1e-15
    assert loss[1] < 1e-23


def test_a_descent_of_the_whole_tensor_stays_below_its_limit_of_stability() -> None:
    """Greatest eigenvalue at an optimum (n_b n_c + n_a n_c + n_a n_b)/N, from the Jacobian of the gradient flow."""
    m = mm.model("tensor_product", k=3, form="components", T_1=18.0, T_2=22.0, T_3=20.0)
    point = {"sigma_1": 18**0.5, "sigma_2": 22**0.5, "sigma_3": 20**0.5, "r_1": 0.0, "r_2": 0.0, "r_3": 0.0}
    found = mm.fixed_points(m, init=point, starts=5)
    here = min(found, key=lambda p: max(abs(p.state[k] - v) for k, v in point.items()))
    expected = [(22 * 20 + 18 * 20 + 18 * 22) / 8000, 22 * 20 / 8000, 18 * 20 / 8000, 18 * 22 / 8000, 0, 0]
    np.testing.assert_allclose(sorted(-here.eigenvalues.real), sorted(expected), atol=1e-8)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"k": 0}, "`k` must be a whole number of at least 1"),
        ({"k": 17}, "`k` must be at most 16"),
        ({"form": "norms"}, "one of 'overlaps', 'components'"),
        ({"k": 2, "T_3": 1.0}, "unknown parameter"),
        ({"C_1": 21.0}, "`C_1` must not exceed `T_1`"),
        ({"T_1": 0.0}, "`T_1` must lie in"),
    ],
)
def test_choices_that_cannot_be_are_refused(choices: dict[str, Any], sentence: str) -> None:
    with pytest.raises(mm.InputError, match=sentence):
        mm.model("tensor_product", **choices)


def test_a_tensor_of_the_truths_has_no_loss() -> None:
    truths = [np.arange(1.0, 4), np.arange(2.0, 4)]
    assert mean_square(truths, truths)[0] == 0
    assert outer(truths).shape == (3, 2)
