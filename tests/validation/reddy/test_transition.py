"""The predicted transition: against the theory at planted rates, draws by hand, and a classifier that unlearns."""

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import validation  # noqa: E402
from minimodels.errors import InputError  # noqa: E402
from minimodels.streams import Stream  # noqa: E402
from minimodels.tasks.item_label import ItemLabelTask  # noqa: E402
from tests.validation.reddy import plain  # noqa: E402
from theory.reddy.exact_positions import exact_transition_time  # noqa: E402
from theory.reddy.unlearning import Onset, unlearning_slopes  # noqa: E402
from validation import SGD, Adam, AttentionOnly, predict_transition  # noqa: E402
from validation.reddy import transition  # noqa: E402

TASK = ItemLabelTask(N=3, L=12, K=12, D=15, N_max=3, p_C=1.0, K_c=None)
HELD, FAST = AttentionOnly(biases="held"), SGD(lr=0.1)
PLANTED = {"beta_1": 1.2, "alpha": 0.15, "xi": 0.3}


@pytest.fixture
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {name: (0.0, rate) for name, rate in PLANTED.items()}
    monkeypatch.setattr(transition, "effective_rates", lambda *given, **options: rates)


@pytest.mark.usefixtures("_planted")
def test_at_given_rates_and_biases_held_it_is_the_time_of_the_flow_over_the_learning_rate() -> None:
    time = exact_transition_time(3, 12, eps=TASK.eps, D=15, rates=PLANTED)
    for lr in (0.1, 0.05):
        found = predict_transition(TASK, HELD, optimiser=SGD(lr=lr), draws=3)
        assert found.step == pytest.approx(time / lr)
        assert found.spread == pytest.approx(0.0, abs=1e-12)
        assert (found.onset, found.draws, dict(found.rates)) == (0.0, 3, pytest.approx(PLANTED))


@pytest.mark.usefixtures("_planted")
def test_orthonormal_labels_have_no_overlaps() -> None:
    task = ItemLabelTask(**{**vars(TASK), "label_vectors": "orthonormal"})
    found = predict_transition(task, HELD, optimiser=FAST, draws=1)
    assert found.step == pytest.approx(exact_transition_time(3, 12, eps=TASK.eps, rates=PLANTED) / 0.1)
    assert math.isnan(found.spread)


@pytest.mark.usefixtures("_planted")
def test_the_flow_goes_on_from_the_end_of_the_first_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def onset(biases: list[float], power: float, **options: Any) -> Onset:
        seen.append((biases, power, options))
        return Onset(7.0, 0.9)

    monkeypatch.setattr(transition, "slow_phase_onset", onset)
    found = predict_transition(TASK, AttentionOnly(), optimiser=FAST, draws=1, seed=4)
    rest = exact_transition_time(3, 12, eps=TASK.eps, D=15, rates=PLANTED, init={"xi": 0.9})
    assert found.step == pytest.approx((7.0 + rest) / 0.1)
    assert found.onset == pytest.approx(70.0)
    ((biases, power, options),) = seen
    p = {name: torch.from_numpy(matrix) for name, matrix in AttentionOnly().initial(TASK, 4).items()}
    assert biases == pytest.approx([p[f"b{layer}"].item() for layer in (1, 2, 3)])
    u = torch.from_numpy(TASK.sample(4, 0, 256, stream=Stream.RATES).tokens(TASK.positions))
    last = plain.intervened({**p, "S": torch.eye(TASK.width)}, u, 0)[0]
    assert power == pytest.approx(float((last**2).mean()), rel=1e-5)
    assert options == {"N": 3, "L": 12, "B": 1, "width": 22, "rate": 0.3, "read_out": 1.0}


def test_rates_are_those_without_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first stage takes no time, random biases change nothing."""
    monkeypatch.setattr(transition, "slow_phase_onset", lambda *given, **options: Onset(0.0, 0.0))
    both = [predict_transition(TASK, network, optimiser=FAST, draws=2) for network in (AttentionOnly(), HELD)]
    assert both[0] == both[1]


def test_it_is_the_geometric_mean_over_draws_and_its_spread_the_deviation_of_the_logarithm() -> None:
    logs = []
    for seed in (11, 12, 13):
        found = validation.effective_rates(TASK, HELD, HELD.stacked(TASK, (seed,)), seed=seed)
        rates = {name: rate for name, (_, rate) in found.items()}
        logs.append(math.log(exact_transition_time(3, 12, eps=TASK.eps, D=15, rates=rates) / 0.1))
    found = predict_transition(TASK, HELD, optimiser=FAST, draws=3, seed=11)
    mean = sum(logs) / 3
    assert found.step == pytest.approx(math.exp(mean), rel=1e-5)
    assert found.spread == pytest.approx(math.sqrt(sum((x - mean) ** 2 for x in logs) / 2), rel=1e-4)
    assert found == predict_transition(TASK, HELD, optimiser=FAST, draws=3, seed=11)
    assert found.step != predict_transition(TASK, HELD, optimiser=FAST, draws=3, seed=21).step


def test_the_error_of_the_mean_falls_as_one_over_the_root_of_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(task: Any, network: Any, seed: int) -> Any:
        return math.exp(0.3 * np.random.default_rng(seed).standard_normal()), 0.0, PLANTED

    monkeypatch.setattr(transition, "_of_draw", draw)
    for draws in (4, 64):
        found = [predict_transition(TASK, HELD, draws=draws, seed=draws * i) for i in range(200)]
        error = np.std([math.log(each.step * 0.01) for each in found])
        assert error == pytest.approx(0.3 / math.sqrt(draws), rel=0.2)
    assert found[0].spread == pytest.approx(0.3, rel=0.3)


def test_draws_without_a_prediction_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, math.inf, math.nan, 4.0])
    monkeypatch.setattr(transition, "_of_draw", lambda task, network, seed: (next(times), 0.5, PLANTED))
    found = predict_transition(TASK, HELD, optimiser=FAST, draws=4)
    assert (found.draws, found.step) == (2, pytest.approx(20.0))
    monkeypatch.setattr(transition, "_of_draw", lambda task, network, seed: (math.inf, math.inf, PLANTED))
    with pytest.raises(InputError, match="none of 4 draws has a transition"):
        predict_transition(TASK, HELD, draws=4)


def test_the_biases_of_wide_classifiers_unlearn_as_in_theory() -> None:
    """Gradient descent of all parameters where the label cannot be known, for one input; mean over three draws."""
    d, L, lr, power, start = 500, 500, 0.1, 0.03, np.array([0.015, -0.03, 0.024])
    generator = torch.Generator().manual_seed(0)

    def drawn(variance: float, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64) * math.sqrt(variance)

    moved = []
    for _ in range(3):
        x, biases = drawn(power, d), list(torch.from_numpy(start))
        leaves = [*(drawn(2 / d, d, d) for _ in range(3)), drawn(1 / d, L, d), *biases]
        for _ in range(30):
            leaves = [leaf.detach().requires_grad_() for leaf in leaves]
            h = x
            for W, b in zip(leaves[:3], leaves[4:], strict=True):
                h = torch.relu(W @ h + b)
            loss = -torch.log_softmax(leaves[3] @ h, 0).mean()
            leaves = [leaf - lr * g for leaf, g in zip(leaves, torch.autograd.grad(loss, leaves), strict=True)]
        moved.append([b.item() for b in leaves[4:]] - start)

    theory = np.array([*start, 1.0, 0.0])
    for _ in range(30):
        theory += lr * unlearning_slopes(theory, power, N_c=3, L=L, A0=0.1, width=d, rate=0.0)
    assert (theory[:3] - start).max() < -0.08
    assert np.mean(moved, axis=0) == pytest.approx(theory[:3] - start, rel=0.15)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"task": {"N": 4, "B": 2}}, "at N/B = 2 the plateau itself is at probability one half"),
        ({"task": {"L": 3, "K": 3}}, "L > N/B; got L=3, N/B=3"),
        ({"task": {"N_max": 4}}, "N_max must be N; got N_max=4, N=3"),
        ({"task": {"p_C": 0.5, "K_c": 12}}, "p_C=1 and unique_labels=True; got p_C=0.5, unique_labels=True"),
        ({"optimiser": Adam()}, "is plain SGD, as SGD"),
        ({"optimiser": SGD(clip=1.0)}, "is plain SGD, as SGD"),
        ({"draws": 0}, "`draws` must be a whole number of at least 1; got 0"),
    ],
)
def test_what_the_theory_does_not_cover_is_refused(options: dict[str, Any], sentence: str) -> None:
    task = {**vars(TASK), **options.get("task", {})}
    task["N_max"] = options.get("task", {}).get("N_max", task["N"])
    rest = {"network": HELD, "optimiser": FAST, "draws": 1} | {k: v for k, v in options.items() if k != "task"}
    with pytest.raises(InputError, match=sentence):
        predict_transition(ItemLabelTask(**task), **rest)
