"""The induction head: its backward pass, its large-D limit, its updates, its options and a real training run."""

import os
import signal
import threading
from collections.abc import Mapping
from itertools import product
from typing import Any, Literal

import numpy as np
import pytest
import torch
import xarray as xr
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

import minimodels as mm
from minimodels.errors import InputError
from minimodels.induction_head import kernels
from minimodels.induction_head.head import INPUTS
from minimodels.induction_head.run import LOGITS, measures
from minimodels.induction_head.train import TESTS
from minimodels.tasks.item_label import Sequences
from tests.minimodels.systems import at

SMALL = mm.ItemLabelTask(N=4, L=16, K=64, D=63, p_C=1.0)
LINEAR = mm.InductionHead(classifier="linear")
BRIEF: dict[str, Any] = {"lr": 1.0, "steps": 12, "record_every": 1, "held_out": 8, "tests": (), "progress": False}


def literal(
    X: torch.Tensor, head: Mapping[str, torch.Tensor], classifier: dict[str, Any], mode: str, gain: float,
    labels_only: bool,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Logits and layer-2 attention, read off the definitions: both attention matrices, the buffers, the layers."""
    T = X.shape[1]
    previous = head["beta_1"] * torch.diag(torch.ones(T - 1, dtype=X.dtype), -1)
    seen = torch.tril(torch.ones(T, T, dtype=torch.bool))
    p1 = torch.softmax(previous.masked_fill(~seen, -torch.inf), dim=1)
    buffers = p1 @ X
    label = torch.arange(T) % 2 == 1
    scores = head["alpha"] * (buffers * X[:, -1:]).sum(-1) + head["beta_2"] * label
    p2 = torch.softmax(scores.masked_fill(~label & torch.tensor(labels_only), -torch.inf), dim=1)
    output = gain * (p2[:, :, None] * X).sum(1)
    h = {"output": output, "sum": X[:, -1] + output, "concat": torch.cat([X[:, -1], output], dim=1)}[mode]
    for W, b in zip(classifier["W"], classifier["b"], strict=True):
        h = torch.relu(h @ W.T + b)
    return h @ classifier["S"].T, p2


def parts(flat: NDArray[Any], layers: int, inputs: int, width: int, L: int) -> dict[str, Any]:
    """The classifier's vector as leaves for autograd."""
    shapes = [(width, inputs if k == 0 else width) for k in range(layers)] + [()] * layers
    shapes.append((L, width if layers else inputs))
    leaves, start = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        leaves.append(torch.tensor(flat[start : start + size].reshape(shape)).requires_grad_())
        start += size
    assert start == len(flat)
    return {"W": leaves[:layers], "b": leaves[layers : 2 * layers], "S": leaves[-1], "all": leaves}


@pytest.mark.parametrize("mode", INPUTS)
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_gradients_are_those_of_autograd(layers: int, mode: str) -> None:
    rng = np.random.default_rng(layers)
    n, T, D, L, width = 6, 7, 5, 4, 8
    inputs = 2 * D if mode == "concat" else D
    size = L * inputs if not layers else width * inputs + (layers - 1) * width**2 + layers + L * width
    X, target = rng.normal(size=(n, T, D)), rng.integers(0, L, n)
    for labels_only, gain in product((False, True), (1.0, 3.5)):
        flat, logits = rng.normal(size=size) * 0.5, rng.normal(size=3)
        grad, head_grad = np.full(size, np.nan), np.full(3, np.nan)
        options = layers, width, L, INPUTS.index(mode), gain, labels_only
        loss, correct = kernels.loss_and_gradients(X, target, logits, flat, *options, head_grad, grad)
        answer, p = kernels.respond(X, logits, flat, *options)

        head = {k: torch.tensor(v).requires_grad_() for k, v in zip(LOGITS, logits, strict=True)}
        classifier = parts(flat, layers, inputs, width, L)
        expected, p2 = literal(torch.tensor(X), head, classifier, mode, gain, labels_only)
        reference = cross_entropy(expected, torch.tensor(target))
        slopes = torch.autograd.grad(reference, [*head.values(), *classifier["all"]], materialize_grads=True)
        np.testing.assert_allclose(answer, expected.detach(), rtol=0, atol=1e-10)
        np.testing.assert_allclose(p, p2.detach(), rtol=0, atol=1e-10)
        assert loss == pytest.approx(reference.item(), abs=1e-10)
        assert correct == pytest.approx(expected.softmax(1)[range(n), target].mean().item(), abs=1e-10)
        np.testing.assert_allclose(head_grad, slopes[:3], rtol=0, atol=1e-10)
        np.testing.assert_allclose(grad, torch.cat([s.flatten() for s in slopes[3:]]), rtol=0, atol=1e-10)


def orthonormal(N: int, L: int) -> Sequences:
    """Sequences of rows of an identity, the target's class in every slot once."""
    D = N + L
    content: NDArray[Any] = np.zeros((N, 2 * N + 1, D))
    content[:, 0:-1:2, :N] = np.eye(N)
    content[:, 1::2, N : 2 * N] = np.eye(N)
    content[np.arange(N), -1, np.arange(N)] = 1
    rows = np.arange(N)
    labels = np.tile(rows, (N, 1))
    return Sequences(content, rows * 0, labels, rows, labels == rows[:, None], rows == -1)


def test_large_D_limit_is_the_exact_nested_logit() -> None:
    N, L = 4, 9
    model = mm.model("nested_logit", attend="exact", N=N, L=L, beta_2="free")
    data = orthonormal(N, L)
    regression = np.eye(L, N + L, N)
    for point in np.array([[0, 0, 0, 0], [2.8, 8, 8, 0.5], [-1, 3, -4, 1], [1.3, -2.5, 6, -0.7], [4, 9, 12, 2.0]]):
        beta_1, alpha, xi, beta_2 = point
        head, grad, head_grad = np.array([beta_1, alpha, beta_2]), np.empty(regression.size), np.empty(3)
        options = 0, 1, L, 0, 1.0, False
        flat = (xi * regression).ravel()
        loss, _ = kernels.loss_and_gradients(data.content, data.target, head, flat, *options, head_grad, grad)
        logits, attention = kernels.respond(data.content, head, flat, *options)
        found = measures(logits, attention, data, beta_1)
        expected = at(model, point)
        assert loss == pytest.approx(expected["loss"][0], rel=1e-12)
        for name, value in zip(LOGITS, head_grad, strict=True):
            assert value == pytest.approx(-expected[f"d_{name}"][0], rel=1e-10, abs=1e-14)
        assert (grad * regression.ravel()).sum() == pytest.approx(-expected["d_xi"][0], rel=1e-10, abs=1e-14)
        for name in ("correct", "CLA", "ILA1", "TILA2", "TLA2"):
            assert found[name] == pytest.approx(expected[name][0], rel=1e-12)


def test_oracle_values() -> None:
    data = orthonormal(8, 32)
    flat = (8 * np.eye(32, 40, 8)).ravel()
    logits, attention = kernels.respond(data.content, np.array([2.8, 8, 0]), flat, 0, 1, 32, 0, 1.0, False)
    found = measures(logits, attention, data, 2.8)
    expected = {"loss": 0.134178, "ILA1": 0.697951, "TILA2": 0.831270, "TLA2": 0.869839, "CLA": 0.925426}
    for name, value in (expected | {"correct": 0.903291}).items():
        assert found[name] == pytest.approx(value, abs=6e-7), name


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_saturated_first_layer_does_not_overflow(sign: int) -> None:
    data = orthonormal(4, 9)
    flat = (8 * np.eye(9, 13, 4)).ravel()
    options = flat, 0, 1, 9, 0, 1.0, False
    losses = []
    for size in (60.0, 5000.0):
        head, head_grad = np.array([sign * size, 8, 0]), np.empty(3)
        losses.append(
            kernels.loss_and_gradients(data.content, data.target, head, *options, head_grad, np.empty_like(flat))[0]
        )
        assert abs(head_grad[0]) < 1e-15
    assert losses[1] == pytest.approx(losses[0], rel=1e-12)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_updates_are_those_of_torch(optimiser: str) -> None:
    # torch multiplies its weight decay by the learning rate; here it is per step
    rng = np.random.default_rng(0)
    lr, decay, x = 0.03, 0.002, rng.normal(size=50)
    theirs = torch.tensor(x).requires_grad_()
    kind = torch.optim.SGD if optimiser == "sgd" else torch.optim.AdamW
    descent = kind([theirs], lr=lr, weight_decay=decay / lr)
    moments = np.zeros((2, len(x)))
    for step in range(6):
        grad = rng.normal(size=50) * 10.0 ** rng.integers(-9, 2, 50)
        theirs.grad = torch.tensor(grad)
        descent.step()
        if optimiser == "sgd":
            kernels.descend_sgd(x, grad, lr, 1 - decay)
        else:
            kernels.descend_adam(x, grad, *moments, step + 1, lr, 1 - decay)
        np.testing.assert_allclose(x, theirs.detach(), rtol=1e-12)


TRAININGS: dict[str, tuple[Literal["sgd", "adam"], mm.InductionHead, float]] = {
    "two-parameter": ("sgd", LINEAR, 1.0),
    "rates": ("sgd", mm.InductionHead(classifier="linear", beta_2="free", rates={"alpha": 3.0, "beta_2": 9}), 1.0),
    "adam": ("adam", mm.InductionHead(width=16, layers=2, beta_2="free", rates={"beta_1": 4.0, "beta_2": 0.0}), 0.01),
    "deep": ("sgd", mm.InductionHead(width=16, gain=9.0, keys="labels", init={"alpha": 1.0, "beta_1": -0.5}), 0.05),
}


@pytest.mark.parametrize("case", TRAININGS)
def test_training_is_that_of_the_literal_model(case: str) -> None:
    optimiser, options, lr = TRAININGS[case]
    decay, steps, batch = 0.01, 15, 32
    run = mm.train_head(
        SMALL, options, optimiser=optimiser, lr=lr, decay=decay, steps=steps, record_every=1, held_out=4, tests=(),
        batch=batch, seed=5, progress=False,
    )  # fmt: skip
    inputs = options.inputs(SMALL)
    classifier = parts(options.initial(SMALL, 5), options.depth, inputs, options.width, SMALL.L)
    head = {k: torch.tensor(float(options.init.get(k, 0))).requires_grad_() for k in LOGITS}
    rates = {"beta_1": 1.0, "alpha": 1.0, "beta_2": 0.0 if options.beta_2 == "fixed" else 1.0} | dict(options.rates)
    groups: list[dict[str, Any]] = [{"params": [head[k]], "lr": lr * rates[k], "weight_decay": 0.0} for k in LOGITS]
    groups.append({"params": classifier["all"], "lr": lr, "weight_decay": decay / lr})
    descent = (torch.optim.SGD if optimiser == "sgd" else torch.optim.AdamW)(groups, lr=lr)
    for step in range(steps):
        data = SMALL.sample(5, step * batch, batch)
        mode = INPUTS[options.mode]
        answer, _ = literal(
            torch.tensor(data.content), head, classifier, mode, options.gain, options.keys == "labels"
        )  # fmt: skip
        loss = cross_entropy(answer, torch.tensor(data.target))
        descent.zero_grad()
        loss.backward()
        descent.step()
        assert float(run.train_loss[step + 1]) == pytest.approx(loss.item(), rel=2e-5)
        for name in LOGITS:
            assert float(run[name][step + 1]) == pytest.approx(head[name].item(), rel=1e-3, abs=1e-6), (step, name)
    if not options.depth:
        kappa = classifier["S"].detach().numpy() @ SMALL.embeddings(5).labels.T
        off = (kappa.sum() - kappa.trace()) / (SMALL.L * (SMALL.L - 1))
        assert float(run.xi[-1]) == pytest.approx(kappa.trace() / SMALL.L - off, rel=1e-4)


def test_a_clamped_logit_stays_where_it_is_held() -> None:
    held = mm.InductionHead(classifier="linear", clamp={"alpha": 2.0})
    run = mm.train_head(SMALL, held, **BRIEF)
    assert (run.alpha == 2).all()
    assert (np.diff(run.beta_1[1:]) != 0).all()  # the first gradient is 0, the regression vectors being 0
    window = mm.InductionHead(classifier="linear", init={"alpha": 1.0}, clamp={"alpha": (2.0, 4, 9)})
    run = mm.train_head(SMALL, window, **BRIEF)
    assert list(np.flatnonzero(run.alpha == 2)) == [4, 5, 6, 7, 8]
    assert float(run.alpha[0]) == 1
    assert 2 < float(run.alpha[9]) < 2.2


def test_stages_are_a_curriculum() -> None:
    easy = mm.ItemLabelTask(N=2, L=16, K=64, D=63, p_C=1.0)
    run = mm.train_head(((0, easy), (6, SMALL)), LINEAR, **BRIEF)
    first, alone = mm.train_head(easy, LINEAR, **BRIEF), mm.train_head(SMALL, LINEAR, **BRIEF)
    np.testing.assert_array_equal(run.alpha[:7], first.alpha[:7])
    assert float(run.alpha[7]) != float(first.alpha[7])
    np.testing.assert_array_equal(run.loss[0], alone.loss[0])  # measured on the last stage
    assert run.attrs["stages"] == "[0, 6]"


def test_known_classes_stay_when_more_come() -> None:
    few = mm.ItemLabelTask(N=2, L=4, K=8, D=9)
    many = mm.ItemLabelTask(N=2, L=4, K=16, D=9)
    run = mm.train_head(((0, few), (6, many)), LINEAR, **BRIEF)
    alone = mm.train_head(few, LINEAR, **BRIEF)
    np.testing.assert_array_equal(run.train_loss[:7], alone.train_loss[:7])
    assert (run.train_loss[7:] != alone.train_loss[7:]).all()
    np.testing.assert_array_equal(many.embeddings(0).means[:8], few.embeddings(0).means)


def test_a_run_stops_at_the_level() -> None:
    run = mm.train_head(SMALL, LINEAR, **BRIEF | {"stop_above": 0.07, "steps": 200})
    last = int(run.step[-1])
    probability = run.train_correct
    assert run.status == mm.Status.EVENT
    assert 9 < last < 200
    assert float(probability[last - 8 :].mean()) > 0.07
    assert float(probability[last - 9 : -1].mean()) <= 0.07


def test_records_of_seeds_that_stop_apart_keep_their_steps() -> None:
    options = BRIEF | {"stop_above": 0.07, "steps": 200, "record_every": 10}
    both = mm.train_head(SMALL, LINEAR, **options | {"seed": (0, 1)})
    for number in (0, 1):
        alone = mm.train_head(SMALL, LINEAR, **options | {"seed": number})
        mine = both.isel(seed=number)
        xr.testing.assert_equal(mine.sel(step=alone.step), alone)
        assert np.isnan(mine.loss.drop_sel(step=alone.step)).all()
    assert len(set(both.step.values[both.step.values % 10 > 0])) == 2  # their last steps differ


def test_an_interrupted_run_keeps_its_records() -> None:
    done = mm.train_head(SMALL, LINEAR, **BRIEF | {"steps": 20, "record_every": 10})
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    run = mm.train_head(SMALL, LINEAR, **BRIEF | {"steps": 10**8, "record_every": 10, "seed": (0, 1), "threads": 1})
    assert list(run.status) == [mm.Status.INTERRUPTED] * 2
    np.testing.assert_array_equal(run.train_loss.isel(seed=0, step=slice(3)), done.train_loss)
    assert np.isnan(run.loss.isel(seed=1, step=slice(1, None))).all()  # it had not begun


def test_a_run_that_diverges_says_so() -> None:
    run = mm.train_head(SMALL, LINEAR, **BRIEF | {"lr": 1e30, "seed": (0,)})
    assert run.status == [mm.Status.NON_FINITE]
    assert run.sizes["step"] < 12
    assert np.isnan(run.escape_step).all()
    assert run.escape_step_censored.all()


def test_seeds_do_not_depend_on_each_other_nor_on_threads(tmp_path: Any) -> None:
    head = mm.InductionHead(width=16, gain=9.0)
    both = mm.train_head(SMALL, head, **BRIEF | {"seed": (3, 4), "threads": 2, "tests": TESTS})
    one = mm.train_head(SMALL, head, **BRIEF | {"seed": (4,), "threads": 1, "tests": TESTS})
    alone = mm.train_head(SMALL, head, **BRIEF | {"seed": 4, "threads": 1, "tests": TESTS})
    xr.testing.assert_identical(both.sel(seed=[4]), one)
    xr.testing.assert_identical(one.isel(seed=0), alone)
    assert (both.loss[0] != both.loss[1]).all()
    mm.save(both, tmp_path / "run.nc")
    xr.testing.assert_identical(mm.load(tmp_path / "run.nc"), both)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"classifier": "shallow"}, "`classifier` must be one of 'deep', 'linear'; got 'shallow'."),
        ({"input": "both"}, "`input` must be one of 'output', 'sum', 'concat'; got 'both'."),
        ({"keys": "items"}, "`keys` must be one of 'all', 'labels'"),
        ({"beta_2": "held"}, "`beta_2` must be one of 'fixed', 'free'"),
        ({"layers": 0}, "`layers` must be a whole number of at least 1; got 0"),
        ({"width": 2.5}, "`width` must be a whole number of at least 1; got 2.5"),
        ({"gain": np.nan}, "`gain` must be finite"),
        ({"init": {"alpa": 1.0}}, "alpa"),
        ({"rates": {"beta_1": np.inf}}, r"rates\['beta_1'\] must be finite; got inf"),
        ({"clamp": {"alpha": (1.0, 2)}}, r"clamp\['alpha'\] must be a value or"),
        ({"clamp": {"alpha": (1.0, 5, 2)}}, r"clamp\['alpha'\] must be a value or"),
        ({"init": {"alpha": (1.0, 2, 3)}}, r"init\['alpha'\] must be a number"),
    ],
)
def test_wrong_options_of_the_head(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        mm.InductionHead(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "`steps` must be a whole number of at least 1"),
        ({"batch": 1.5}, "`batch` must be"),
        ({"seed": -1}, "`seed` must be"),
        ({"seed": ()}, "`seed` is empty"),
        ({"threads": 0}, "`threads` must be"),
        ({"optimiser": "lion"}, "`optimiser` must be one of 'sgd', 'adam'; got 'lion'"),
        ({"lr": 0.0}, "`lr` must be positive"),
        ({"decay": 1.0}, r"`decay` in \[0, 1\)"),
        ({"stop_above": 1.5}, "`stop_above` must be"),
        ({"tests": ("ICL",)}, "ICL"),
        ({"task": ((1, SMALL),)}, "stages must begin at step 0"),
        ({"task": ((0, SMALL), (5, mm.ItemLabelTask(L=32)))}, "`L` must be the same in all stages"),
    ],
)
def test_wrong_settings_of_a_training(options: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"task": SMALL, "head": LINEAR, **options}
    with pytest.raises(InputError, match=sentence):
        mm.train_head(**given)


@pytest.mark.parametrize("test", ["IC", "IC2", "IW", "IW_absent"])
def test_every_test_set_is_recorded_and_where_all_logits_are_zero_label_0_is_answered(test: str) -> None:
    task = mm.ItemLabelTask(N=4, L=8, K=32, D=15, N_max=4, zipf=1.0, unique_labels=False)
    run = mm.train_head(task, LINEAR, steps=1, seed=3, held_out=256, tests=(test,), progress=False)
    share = float((task.test_set(test, 3, 256).target == 0).mean())
    assert 0 < share < 0.9
    assert float(run[f"{test}_accuracy"][0]) == share
