"""The induction head escapes when the nested logits with exact positions say so; nothing is fitted."""

import numpy as np
import pytest

import minimodels as mm
from theory.reddy.exact_positions import exact_transition_time

LINEAR = mm.InductionHead(classifier="linear")


def test_escape_is_predicted_by_the_exact_nested_logit() -> None:
    # the regression vectors move on the sequences that hold their label: rate 1/(L-1); nothing is fitted
    task = mm.ItemLabelTask(N=4, L=16, K=256, D=63, p_C=1.0, label_vectors="orthonormal")
    predicted = exact_transition_time(4, 16, eps=task.eps)
    assert predicted == pytest.approx(236.8, abs=0.1)
    run = mm.train_head(
        task, LINEAR, lr=1.0, steps=400, seed=(0, 1, 2), stop_above=0.7, record_every=400, tests=("IC", "IC2"),
        progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(run.escape_step, predicted, rtol=0.05)
    assert (run.status == mm.Status.EVENT).all()
    assert float(run.IC_accuracy.max("step").min()) > 0.9
    assert float(run.IC2_accuracy.max("step").min()) > 0.9
    assert float(run.TILA2.max("step").min()) > 0.5


def test_overlaps_of_label_vectors_delay_the_escape_as_predicted() -> None:
    task = mm.ItemLabelTask(N=3, L=48, K=48, D=63, N_max=3, p_C=1.0, K_c=None)
    run = mm.train_head(task, LINEAR, lr=1.0, steps=800, seed=range(6), stop_above=0.6, record_every=800, tests=(),
                        held_out=8, progress=False)  # fmt: skip
    found, error = float(run.escape_step.mean()), float(run.escape_step.std(ddof=1)) / np.sqrt(6)
    without, within = (exact_transition_time(3, 48, eps=task.eps, D=D) for D in (np.inf, 63))
    assert found == pytest.approx(within, abs=0.02 * within + 2 * error)
    assert found > 1.03 * without + 2 * error
