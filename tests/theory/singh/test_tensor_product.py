"""Predictions about tensor products of vectors against the specification and against runs."""

import math

import numpy as np
import pytest

import minimodels as mm
import theory
from minimodels.published import CLAMPS, HALVED, SMALL, THREE
from tests.theory.singh.reference import NUMBERS, three
from theory.singh.escape import aligned_time, constant

SHAPES = [(), ("3",), ("2", "3")]
RESULT = {(): "three_free", ("3",): "two_free", ("2", "3"): "exponential"}


@pytest.mark.parametrize("form", ["overlaps", "components"])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_every_step_holds(k: int, form: str) -> None:
    derivation = theory.derive("tensor_product", k=k, form=form)
    assert not [(r.name, s.sentence, str(s.check)) for r in derivation for s in r.steps if not s.check.passed]
    assert derivation.latex().count(r"\begin{equation}") == derivation.latex().count(r"\end{equation}")
    others = theory.derive("tensor_product", k=k)
    assert derivation.names == others.names


def test_tau_half_and_the_constants() -> None:
    for start, stated in NUMBERS["tau_half"].items():
        made = theory.predict(mm.model("aligned_product", k=3), init={"u": float(start)})
        assert made["escape_time"].values["tau_half"] == pytest.approx(stated, abs=1e-6)
    for k, stated in NUMBERS["constants"].items():
        assert constant(int(k)) == pytest.approx(stated, abs=1e-7)
        made = theory.predict(mm.model("aligned_product", k=int(k)), init={"u": 0.01})["small_start"]
        assert made.values["constant"] == pytest.approx(stated, abs=1e-7)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 6])
def test_the_aligned_product_escapes_as_predicted(k: int) -> None:
    m = mm.model("aligned_product", k=k, X=3.0, N=70.0)
    times = np.linspace(0, 400, 41)
    run = mm.simulate(m, t_end=1e6, init={"u": 0.3}, rtol=1e-11, atol=1e-13, stop_at="escape_time")
    made = theory.predict(m, init={"u": 0.3})
    assert made["escape_time"].value == pytest.approx(float(run.escape_time), rel=1e-8)
    assert made["small_start"].value == pytest.approx(float(run.escape_time), rel=2 * made["small_start"].error + 1e-9)
    from_default = theory.predict(m)["shape"].curve(times)
    run = mm.simulate(m, t_end=400.0, save=times, rtol=1e-11, atol=1e-13)
    assert from_default.u.values == pytest.approx(run.u.values, rel=1e-8)


@pytest.mark.parametrize(("seed", "scale"), SMALL, ids=str)
def test_the_published_escape_times_are_predicted(seed: int, scale: float) -> None:
    start = THREE[seed]
    for j, (held, descent, predicted) in enumerate(zip(CLAMPS, *SMALL[seed, scale], strict=True)):
        m, init = three(seed, held, scale=scale)
        made = theory.predict(m, init=init)[RESULT[held]]
        n, s = scale**2 * np.array(start.n), scale * np.array(start.s)
        found = theory.tensor_escape_time(start.T, n, s, 20, clamped=[int(x) - 1 for x in held])
        if j < 2:
            assert found == pytest.approx(predicted, abs=0.051)
            assert made.value == pytest.approx(found, rel=1e-12)
        else:
            assert made.values["steps_small_start"] == pytest.approx(predicted, abs=0.051)
            assert math.floor(made.values["steps"]) + 1 == descent
        assert descent == pytest.approx(predicted, rel=0.12 if j else 0.01)


def test_the_scale_of_the_start_decides_by_the_number_of_free_vectors() -> None:
    T, n, s = (np.array(x) for x in (THREE[2].T, THREE[2].n, THREE[2].s))
    times = [
        [theory.tensor_escape_time(T, e**2 * n, e * s, 20, clamped=held) for e in (1e-2, 1e-3, 1e-4)]
        for held in ((), [2], [1, 2])
    ]
    assert times[0][2] / times[0][1] == pytest.approx(10, rel=1e-3)
    assert times[1][2] - times[1][1] == pytest.approx(times[1][1] - times[1][0], rel=1e-9)
    assert len(set(times[2])) == 1


def test_a_negative_product_waits_for_the_smallest() -> None:
    for sigma in ([0.02, 0.03, 0.05], [0.01, 0.05, 0.06]):
        plus, minus = (
            theory.tensor_escape_time([4.0] * 3, np.square(sigma), 2 * np.array(sigma) * [sign, 1, 1], 3)
            for sign in (1, -1)
        )
        assert minus > plus
        for sign, time in ((1, plus), (-1, minus)):
            assert time == pytest.approx(aligned_time(np.array(sigma) * [sign, 1, 1], 8.0, 27.0), rel=1e-3)
    assert math.isinf(theory.tensor_escape_time([4.0] * 3, [1e-4] * 3, [-0.02, 0.02, 0.02], 3))


@pytest.mark.parametrize(("held", "k"), [((), 3), (("3",), 3), (("2", "3"), 3), ((), 4), ((), 2)])
def test_random_small_starts_escape(held: tuple[str, ...], k: int) -> None:
    rng = np.random.default_rng(7)
    m = mm.model("tensor_product", k=k, form="components")
    for _ in range(3):
        init = {f"{x}_{i}": float(rng.normal(0, 0.05)) for x in ("sigma", "r") for i in range(1, k + 1)}
        init |= {f"r_{i}": abs(init[f"r_{i}"]) for i in range(1, k + 1)}
        at = m.with_values(**{f"C_{i}": m.values[f"T_{i}"] for i in held})
        init |= {f"{x}_{i}": 0.0 for x in ("sigma", "r") for i in held}
        run = mm.simulate(at, t_end=1e9, init=init, rtol=1e-10, atol=1e-12, stop_at="escape_time", save=[0.0])
        made = theory.predict(at, init=init)
        name = {1: "exponential", 2: "two_free", 3: "three_free", 4: "many_free"}[k - len(held)]
        assert made[name].value == pytest.approx(float(run.escape_time), rel=2 * made[name].error + 1e-7)
        assert not [p.name for p in made if p.name.endswith("_free") and p.name != name and p.applies]
        exact = {
            f"{x}_{i}": v * (x == "sigma") for x in ("sigma", "r") for i in range(1, k + 1) for v in [init[f"{x}_{i}"]]
        }
        run = mm.simulate(at, t_end=1e9, init=exact, rtol=1e-11, atol=1e-13, stop_at="escape_time", save=[0.0])
        assert theory.predict(at, init=exact)["aligned"].value == pytest.approx(float(run.escape_time), rel=1e-7)


def test_one_free_vector_is_an_exponential_and_two_a_logistic() -> None:
    m, init = three(1, ("2", "3"))
    made = theory.predict(m, init=init)["exponential"]
    assert made.values["ratio"] == pytest.approx(NUMBERS["ratio"], rel=1e-8)
    assert math.floor(made.values["steps"]) + 1 == HALVED[1][2]
    m = mm.model("tensor_product", k=3, C_3=20)
    init = {f"{x}_{i}": 0.04 if x == "n" else 0.2 * 20**0.5 for i in (1, 2) for x in "ns"} | {"n_3": 20.0, "s_3": 20.0}
    run = mm.simulate(m, t_end=1e5, init=init, rtol=1e-11, atol=1e-12, stop_at="escape_time")
    made = theory.predict(m, init=init)["logistic"]
    assert made.value == pytest.approx(float(run.escape_time), rel=1e-8)
    assert made.values["rate"] == pytest.approx(2 * 20**0.5 * 20**1.5 / 8000, rel=1e-12)


def test_the_plateau_and_its_onset() -> None:
    m, init = three(1)
    made, stated = theory.predict(m, init=init), NUMBERS["plateau"]
    assert made["plateau"].values["predict_zero"] == pytest.approx(stated["predict_zero"], rel=1e-6)
    assert "the product of norms" in made["onset"].reason
    run = mm.descend(m, steps=500, init=init, save=np.arange(501))
    on = run.loss.values[50:]
    assert (abs(on / stated["predict_zero"] - 1) < stated["within"]).all()
    for iteration, time in NUMBERS["onset"].items():
        state = {k: float(run[k][int(iteration)]) for k in m.state}
        later = theory.predict(m, init=state)
        assert int(iteration) + later["onset"].value == pytest.approx(time, abs=0.51)
        assert later["plateau"].value == pytest.approx(float(run.loss[int(iteration)]), rel=5e-3)


def test_the_learning_rate_that_is_stable() -> None:
    m = mm.model("tensor_product", k=3)
    made = theory.predict(m)["stability"].values
    assert made["lambda_max"] == pytest.approx(NUMBERS["stability"]["lambda_max"], rel=1e-9)
    assert made["lambda_perp_1"] == pytest.approx(NUMBERS["stability"]["lambda_perp"], rel=1e-9)
    near = {f"{x}_{i}": 20.0 + 0.01 * (x == "n") for i in (1, 2, 3) for x in "ns"}
    for factor, grows in ((0.98, False), (1.02, True)):
        run = mm.descend(m, lr=factor * made["lr_max"], steps=60, init=near, save=np.arange(61))
        assert bool(run.loss[-1] > run.loss[1]) == grows


def test_what_does_not_apply_says_why() -> None:
    m, init = three(1)
    made = theory.predict(m, init=init)
    assert "0.1" in made["three_free"].reason
    assert "the number of free vectors is 3" in made["two_free"].reason
    part = m.with_values(C_3=5.0)
    assert "coordinates of vector 3 are clamped" in theory.predict(part, init=init)["three_free"].reason
    odd = m.with_rates(n_1=0.5, s_1=0.5)
    assert "rates of the free vectors differ" in theory.predict(odd, init=init)["plateau"].reason
