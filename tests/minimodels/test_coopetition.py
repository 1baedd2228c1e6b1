"""The coopetition model: its eight scalars against whole tensors, and the published runs."""

from typing import Any

import numpy as np
import pytest

import minimodels as mm
from minimodels.published import (
    DIVOTS,
    HALF_TIMES,
    HALF_TIMES_2,
    ROUNDING,
    STEPS,
    STOPPED,
    STOPPED_PERFECT,
    TRAJECTORY,
    bound,
    published_vectors,
)
from minimodels.vectors import draw_vectors, vectors_of
from tests.minimodels.toys import both, invariants

FORMS = ["overlaps", "components"]
SMALL = {"d_a": 4, "d_b": 5, "d_c": 3, "d_d": 7}
STOP = {"done": mm.Event("loss", 1e-6, -1), "near": mm.Event("loss", 1e-3, -1)}


def literal(m: Any, seed: int, lr: float, steps: int, clamp: dict[str, int], **weights: float) -> dict[str, np.ndarray]:
    """Descend whole vectors by the gradient of the whole tensors."""
    drawn = vectors_of(m, seed)
    truths, vectors = {x: t for x, (t, _) in drawn.items()}, {x: v.copy() for x, (_, v) in drawn.items()}
    found: dict[str, list[float]] = {}
    for step in range(steps + 1):
        for x, count in clamp.items():
            vectors[x][:count] = truths[x][:count]
        losses, gradients = both(truths, vectors, **weights)
        for name, value in losses.items():
            found.setdefault(name, []).append(value)
        for x in "abcd":
            n, s = invariants(truths[x], vectors[x])
            found.setdefault(f"n_{x}", []).append(n)
            found.setdefault(f"s_{x}", []).append(s)
            vectors[x] = vectors[x] - (lr if step < steps else 0.0) * gradients[x]
    return {k: np.array(v) for k, v in found.items()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("clamp", "weights"),
    [
        ({}, {"mu_1": 0.1, "mu_2": 0.0, "cost": 0.1}),
        ({}, {"mu_1": 0.3, "mu_2": 0.2, "cost": 0.4, "share_1": 0.0, "share_2": 0.5}),
        ({"b": 5, "c": 1, "d": 3}, {"mu_1": 0.1, "mu_2": 0.05, "cost": 0.2}),
    ],
    ids=str,
)
def test_the_scalars_descend_as_the_whole_tensors_do(
    form: str, clamp: dict[str, int], weights: dict[str, float]
) -> None:
    m = mm.model("coopetition", form=form, **SMALL, **weights)
    for seed in np.random.default_rng(4).integers(0, 2**63, 3).tolist():
        exact = literal(m, seed, 0.3, 150, clamp, **weights)
        at, init = bound(m, draw_vectors(m, [seed], clamp=clamp))
        run = mm.descend(at, lr=0.3, steps=150, init=init, save=np.arange(151))
        for name, values in exact.items():
            np.testing.assert_allclose(run[name], values, rtol=1e-12, atol=1e-12 * max(1, abs(values[0])), err_msg=name)


@pytest.mark.parametrize("form", FORMS)
def test_the_published_ends(form: str) -> None:
    m = mm.model("coopetition", form=form)
    found = mm.sweep(m, points=published_vectors(m), steps=STEPS, events=STOP, keep="done")
    np.testing.assert_array_equal(found.done, list(STOPPED.values()))
    perfect = mm.sweep(
        m.with_values(mu_1=0), points=published_vectors(m), steps=STEPS, events=STOP, keep="near", stop_at="near"
    )
    for seed, time in zip(STOPPED_PERFECT, perfect.near.values, strict=True):
        if seed in ROUNDING:
            assert abs(time - STOPPED_PERFECT[seed]) < 300
        else:
            np.testing.assert_equal(time, STOPPED_PERFECT[seed])


@pytest.mark.parametrize("form", FORMS)
def test_the_published_trajectory(form: str) -> None:
    m = mm.model("coopetition", form=form)
    at, init = bound(m, published_vectors(m, [7]))
    run = mm.descend(at, steps=9620, init=init, save=np.arange(9621))
    for iteration, expected in TRAJECTORY.items():
        for name, value in zip(("loss", "loss_1", "loss_2", "competition"), expected, strict=True):
            rounded = {"abs": 1e-15 if form == "overlaps" else 0.0, "rel": 1e-5}
            assert float(run[name][iteration]) == pytest.approx(value, **rounded), (iteration, name)
    assert (int(run.t_1), int(run.t_2)) == (4667, 5516)
    assert int(run.loss_1.values.argmin()) == 5658
    assert float(run.loss_1.min()) == pytest.approx(0.00262807, rel=1e-5)
    decay = float(run.n_a[9001] / run.n_a[9000])
    assert decay == pytest.approx(0.997528, abs=1e-6)  # mechanism 1 is lost
    assert decay == pytest.approx((1 - 0.1 * float(run.n_d[9000]) / 3200) ** 2, rel=1e-6)
    difference = (run.n_b - run.n_c).values
    assert np.ptp(difference) < 0.7  # of descent at lr = 1; the flow conserves it


def test_the_published_divots() -> None:
    """Loss 2 rises when mechanism 1 emerges."""
    m = mm.model("coopetition")
    found = mm.sweep(
        m, points=published_vectors(m, list(DIVOTS)), steps=12_000, save=np.arange(12_001),
        keep=["loss_2", "t_1"],
    )  # fmt: skip
    for loss, t_1, (low, high) in zip(found.loss_2.values, found.t_1.values, DIVOTS.values(), strict=True):
        window = loss[max(0, int(t_1) - 600) : int(t_1) + 601]
        rise = window - np.minimum.accumulate(window)
        top = int(rise.argmax())
        assert window[: top + 1].min() == pytest.approx(low, abs=6e-5)
        assert window[top] == pytest.approx(high, abs=6e-5)


def test_the_published_interventions() -> None:
    m = mm.model("coopetition")
    for name, expected in HALF_TIMES.items():
        there = published_vectors(m, [0, 4, 7], clamped=["b", "c"] if name == "clamped" else [])
        changed = m.with_values(**{name: 0}) if name.startswith("share") else m
        found = mm.sweep(changed, points=there, steps=STEPS, keep=["t_1", "t_2"])
        assert found.t_1.values.tolist() == list(expected), name
        assert found.t_2.values.tolist() == list(HALF_TIMES_2.get(name, found.t_2.values)), name


def test_transience_needs_competition_and_an_imperfect_mechanism() -> None:
    m = mm.model("coopetition")
    columns = published_vectors(m, [7])
    free = mm.sweep(m, {"cost": [0.0]}, points=columns, steps=STEPS, events=STOP, keep=["loss_1", "done"])
    assert bool(free.done_censored.item())
    assert free.loss_1.item() == pytest.approx(0.00132662, rel=1e-5)
    perfect = mm.sweep(m, {"mu_1": [0.0]}, points=columns, steps=STEPS, keep=["loss_1", "loss_2"])
    assert perfect.loss_1.item() == pytest.approx(5.8e-7, rel=0.01)
    assert perfect.loss_2.item() == pytest.approx(1.132, abs=5e-4)


def test_what_the_flow_conserves() -> None:
    m = mm.model("coopetition")
    at, init = bound(m, draw_vectors(m, [2]))
    times = np.linspace(0, 3000, 200)
    run = mm.simulate(at, t_end=3000.0, init=init, save=times, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(run.n_b - run.n_c, float((run.n_b - run.n_c)[0]), rtol=0, atol=1e-7)
    sums = run.n_a + run.n_d - run.n_b
    assert float(sums[-1]) < float(sums[0]) - 1
    free = mm.simulate(at.with_values(cost=0), t_end=3000.0, init=init, save=times, rtol=1e-11, atol=1e-12)
    sums = free.n_a + free.n_d - free.n_b
    np.testing.assert_allclose(sums, float(sums[0]), rtol=0, atol=1e-7)
    assert (np.diff(run.loss) < 1e-12).all()


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"form": "vectors"}, "one of 'overlaps', 'components'"),
        ({"mu_1": -0.1}, "`mu_1` must lie in"),
        ({"C_d": 161.0}, "`C_d` must not exceed `T_d`"),
        ({"mu": 0.1}, "unknown parameter"),
    ],
)
def test_choices_that_cannot_be_are_refused(choices: dict[str, Any], sentence: str) -> None:
    with pytest.raises(mm.InputError, match=sentence):
        mm.model("coopetition", **choices)
