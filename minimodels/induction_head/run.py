"""One training of the induction head: its loop, what is recorded, and the measures on sequences."""

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minimodels.clamp import active, windows
from minimodels.engine.stepper.status import Status
from minimodels.induction_head import kernels
from minimodels.induction_head.head import LOGITS, InductionHead
from minimodels.tasks.item_label import ItemLabelTask, Sequences

SMOOTH = 9  # steps of the centred running mean in which the transition is looked for


class HeadRun:
    """The training of one seed."""

    def __init__(
        self, stages: Sequence[tuple[int, ItemLabelTask]], head: InductionHead, optimiser: str, lr: float,
        decay: float, seed: int, batch: int, held_out: int, tests: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.stages, self.head, self.optimiser, self.seed, self.batch = stages, head, optimiser, seed, batch
        self.task = stages[-1][1]
        self.rate, self.keep = lr, 1.0 - decay
        self.logits = np.array([head.init.get(k, 0.0) for k in LOGITS])
        relative = {"beta_2": 1.0 if head.beta_2 == "free" else 0.0}
        self.rates = np.array([head.rates.get(k, 1.0) * relative.get(k, 1.0) for k in LOGITS])
        self.flat = head.initial(self.task, seed)
        self.moments = np.zeros((2, self.flat.size), np.float32), np.zeros((2, len(LOGITS)))
        self.shape = (head.depth, head.width, self.task.L)
        self.reading = (head.mode, float(head.gain), head.keys == "labels")
        self.sets = {name: self.task.test_set(name, seed, held_out) for name in ("train", *tests)}
        self.labels = stages[0][1].embeddings(seed).labels
        self.held = windows(head.clamp, LOGITS, "clamp", "logit")
        self.steps: list[int] = []
        self.records: list[dict[str, float]] = []
        self.gains: list[NDArray[np.float32]] = []  # of every label, if the read-out is linear
        self.course: list[tuple[float, float]] = []  # loss and correct probability of every minibatch
        self.status = Status.SUCCESS

    def go(self, steps: int, every: int, level: float | None, stop: threading.Event, tick: Any) -> None:
        """Train until the end, the level or the stop."""
        grad, head_grad = np.empty_like(self.flat), np.empty(len(LOGITS))
        self.hold(0)
        self.record(0)
        for step in range(steps):
            if stop.is_set():
                self.status = Status.INTERRUPTED
                return
            task = next(t for first, t in reversed(self.stages) if first <= step)
            data = task.sample(self.seed, step * self.batch, self.batch)
            self.course.append(
                kernels.loss_and_gradients(
                    data.content, data.target, self.logits, self.flat, *self.shape, *self.reading, head_grad, grad
                )
            )
            if self.optimiser == "sgd":
                kernels.descend_sgd(self.flat, grad, self.rate, self.keep)
                self.logits -= self.rate * self.rates * head_grad
            else:
                kernels.descend_adam(self.flat, grad, *self.moments[0], step + 1, self.rate, self.keep)
                before = self.logits.copy()
                kernels.descend_adam(self.logits, head_grad, *self.moments[1], step + 1, self.rate, 1.0)
                self.logits = before + self.rates * (self.logits - before)
            self.hold(step + 1)
            tick()
            if not math.isfinite(self.course[-1][0]):
                self.status = Status.NON_FINITE
            recent = [c for _, c in self.course[-SMOOTH:]]
            reached = level is not None and len(recent) == SMOOTH and np.mean(recent) > level
            done = reached or self.status == Status.NON_FINITE
            if (step + 1) % every == 0 or step + 1 == steps or done:
                self.record(step + 1)
            if done:
                self.status = self.status if self.status == Status.NON_FINITE else Status.EVENT
                return

    def hold(self, step: int) -> None:
        """Set the logits that are clamped at this step."""
        for key, value in active(self.held, step).items():
            self.logits[LOGITS.index(key)] = value

    def record(self, step: int) -> None:
        """Measure on the test sets."""
        since = self.steps[-1] if self.steps else 0
        row = dict.fromkeys(("train_loss", "train_correct"), math.nan)
        if self.course[since:]:
            row = dict(zip(row, np.mean(self.course[since:], axis=0).tolist(), strict=True))
        for name, data in self.sets.items():
            logits, p = kernels.respond(data.content, self.logits, self.flat, *self.shape, *self.reading)
            if name == "train":
                row |= measures(logits, p, data, self.logits[0])
            else:
                row[f"{name}_accuracy"] = float((logits.argmax(axis=1) == data.target).mean())
        row |= dict(zip(LOGITS, self.logits.tolist(), strict=True))
        if not self.head.depth:
            kappa = self.flat.reshape(self.task.L, -1)[:, -self.task.D :]
            overlap = self.head.gain * (kappa @ self.labels.T)
            own = overlap.diagonal()
            self.gains.append(own - (overlap.sum(axis=0) - own) / (self.task.L - 1))
        self.steps.append(step)
        self.records.append(row)

    def escape(self) -> float:
        """Step at which the smoothed correct probability first exceeds 1/2, interpolated."""
        correct = np.array([c for _, c in self.course])
        if len(correct) < SMOOTH:
            return math.nan
        smooth = np.convolve(correct, np.full(SMOOTH, 1 / SMOOTH), "valid")
        above = np.flatnonzero(smooth > 0.5)
        if not above.size:
            return math.nan
        i = int(above[0])
        part = (0.5 - smooth[i - 1]) / (smooth[i] - smooth[i - 1]) if i else 1.0
        return i - 1 + part + SMOOTH // 2


def measures(logits: NDArray[Any], p: NDArray[Any], data: Sequences, beta_1: float) -> dict[str, float]:
    """Loss, accuracy and progress measures, given logits (n, L) and layer-2 attention (n, T) on n sequences."""
    with np.errstate(over="ignore"):
        others = np.arange(1, p.shape[1] - 1, 2) * np.exp(-beta_1)
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    probability = np.exp(shifted)
    probability /= probability.sum(axis=1, keepdims=True)
    rows = np.arange(len(data))
    chosen = probability[rows, data.target]
    inside = np.zeros_like(probability)
    inside[rows[:, None], data.labels] = 1.0
    to_labels = p[:, 1::2]
    return {
        "loss": float(-np.log(np.maximum(chosen, 1e-300)).mean()),
        "correct": float(chosen.mean()),
        "accuracy": float((logits.argmax(axis=1) == data.target).mean()),
        "CLA": float((probability * inside).sum(axis=1).mean()),
        "ILA1": float((1 / (1 + others)).mean()),
        "TILA2": float((to_labels * (data.labels == data.target[:, None])).sum(axis=1).mean()),
        "TLA2": float(to_labels.sum(axis=1).mean()),
    }
