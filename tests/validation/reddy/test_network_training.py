"""The paper's network in training: a run that transitions, and steps equal to those of the plain network."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.validation.reddy import plain  # noqa: E402
from validation import SGD, Adam, AttentionOnly, ItemLabelTask, train  # noqa: E402
from validation.loop import Loop, Plan  # noqa: E402

TASK = ItemLabelTask(N=2, L=8, K=8, D=15, N_max=2, p_C=1.0, K_c=None)


def test_a_small_network_learns_in_context_by_an_abrupt_transition() -> None:
    run = train(TASK, optimiser=SGD(lr=0.2), steps=3000, record_every=50, held_out=256, stop_above=0.9, progress=False)
    assert run.attrs["status"] == "STOPPED"
    assert run.step[-1] < 3000
    assert run.IC_accuracy[0] < 0.35
    assert run.IC_accuracy[-1] > 0.9
    assert run.TILA2[-1] > 2 * run.TILA2[0]
    assert run.ILA1[-1] > run.ILA1[0]
    assert np.isclose(run.loss[0], np.log(8), atol=0.5)
    assert run.train_loss[-1] < 0.6
    assert np.isnan(run.train_loss[0])


@pytest.mark.parametrize("optimiser", [SGD(lr=0.1, decay=1e-3), Adam(lr=1e-3, decay=1e-3)])
def test_steps_are_those_of_the_plain_network_with_decay_per_step(optimiser: SGD | Adam) -> None:
    """Three steps: SGD by hand; Adam by torch.optim.AdamW, whose decoupled decay is lr * weight_decay a step."""
    run = Loop(Plan(stages=[(0, TASK)], network=AttentionOnly(), optimiser=optimiser, seeds=(5,), data_seeds=(5,),
                    batch=16, held_out=32, held={}))  # fmt: skip
    theirs = {name: t[0].clone().requires_grad_() for name, t in run.parameters.items()}
    adam = torch.optim.AdamW(theirs.values(), lr=1e-3, eps=1e-8, weight_decay=1e-3 / 1e-3)
    ours = [t.requires_grad_() for t in run.parameters.values()]
    for step in range(3):
        batch = TASK.sample(5, 16 * step, 16)
        u, target = torch.from_numpy(batch.tokens(TASK.positions)), torch.from_numpy(batch.target)
        if isinstance(optimiser, SGD):
            plain.step(theirs, u, target, optimiser.lr, optimiser.decay)
        else:
            adam.zero_grad()
            plain.loss(theirs, u, target).backward()
            adam.step()
        run.update(ours)
    for name, tensor in theirs.items():
        torch.testing.assert_close(run.parameters[name][0], tensor, rtol=1e-4, atol=2e-5, msg=name)
