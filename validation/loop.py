"""The loop of a training: updates, records, checkpoints, and when it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minimodels.clamp import active
from minimodels.errors import InputError, RunFailed
from minimodels.notices import bar
from validation.checkpoint import Folder, snapshot_steps
from validation.curriculum import Stage
from validation.protocols import Held, Network, Optimiser, Parameters

Windows = Mapping[str, Sequence[tuple[str, float, float]]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a training is; the seeds of initialisation, data and tests are apart."""

    stages: Sequence[Stage]
    network: Network
    optimiser: Optimiser
    seeds: tuple[int, ...]
    data_seeds: tuple[int, ...]
    test_seed: int = 0
    batch: int = 128
    held_out: int = 1024
    tests: tuple[str, ...] = ()
    held: Windows
    device: str = "cpu"

    def initial(self) -> Parameters:
        """Fresh parameters of every seed, side by side along a first axis."""
        return stacked(self.network, self.stages[-1][1], self.seeds, self.device)


def stacked(network: Network, task: object, seeds: Sequence[int], device: str = "cpu") -> Parameters:
    """Fresh parameters of several seeds, side by side along a first axis."""
    each = [network.initial(task, seed) for seed in seeds]
    return {name: torch.from_numpy(np.stack([p[name] for p in each])).to(device) for name in each[0]}


class Loop:
    """Everything that changes during a training."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.task = plan, plan.stages[-1][1]
        self.parameters = plan.initial()
        self.state = plan.optimiser.start(list(self.parameters.values()))
        self.step = 0
        self.recorded_steps: list[int] = []
        self.records: list[NDArray[np.float64]] = []  # each (seeds, columns)
        self.columns: tuple[str, ...] = ()
        self.window: list[dict[str, Tensor]] = []  # losses since the last record
        self.drawn_as = {name: self.task.tests[name] for name in ("train", *plan.tests)}
        self.test_sets = {
            name: plan.network.batch(
                self.task,
                [self.task.test_set(name, s, plan.held_out, draw=plan.test_seed) for s in plan.data_seeds],
                plan.device,
            )
            for name in dict.fromkeys(self.drawn_as.values())
        }
        with torch.no_grad():
            known = plan.network.losses(self.parameters, self.test_sets[self.drawn_as["train"]], self.held())
        self.losses = tuple(known)  # their names

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint holds."""
        state = {f"optimiser.{k}.{i}": t for k, ts in self.state.items() for i, t in enumerate(ts)}
        return {
            **{f"parameter.{name}": t for name, t in self.parameters.items()},
            **state,
            "steps": torch.tensor(self.recorded_steps),
            "records": torch.from_numpy(np.stack(self.records)),
        }

    def restore(self, saved: tuple[int, dict[str, Tensor]] | None) -> None:
        """Go back to a checkpoint."""
        if saved is None:
            return
        self.record()  # for the names of the columns
        self.step, tensors = saved
        self.parameters = {name: tensors[f"parameter.{name}"].to(self.plan.device) for name in self.parameters}
        for kind, each in self.state.items():
            self.state[kind] = [tensors[f"optimiser.{kind}.{i}"].to(self.plan.device) for i in range(len(each))]
        self.recorded_steps = tensors["steps"].tolist()
        self.records = list(tensors["records"].numpy())

    def go(
        self,
        steps: int,
        record_every: int,
        above: Mapping[str, float],
        below: Mapping[str, float],
        folder: Folder | None,
        checkpoint_every: int,
        snapshots: Sequence[int],
        progress: bool | None,
    ) -> str:
        """Train and return the status."""
        if self.step > steps:
            raise InputError(
                f"the run in {str(folder.path) if folder else ''!r} already has {self.step} steps; got steps={steps}: "
                f"ask for {self.step} or more, or choose another folder."
            )
        missed = [s for s in snapshots if folder and s < self.step and s not in snapshot_steps(folder.path)]
        if folder and missed:
            raise InputError(
                f"the run in {str(folder.path)!r} is at step {self.step} and kept no snapshot at {missed[0]}: "
                f"ask for later ones, or choose another folder."
            )
        parameters = [t.requires_grad_() for t in self.parameters.values()]
        written = self.step
        if not self.records:
            self.record()
            if folder:
                folder.write(self.step, self.tensors())
        if unknown := [name for name in (*above, *below) if name not in self.columns]:
            raise InputError(f"no measure {unknown[0]!r} is recorded to stop at; there are {', '.join(self.columns)}.")
        if folder and self.step in snapshots:
            folder.write_snapshot(self.step, self.parameters)
        with bar(steps, "steps", progress, done=self.step, leave=True) as under_way:
            try:
                while self.step < steps and not self.passed(above, below):
                    self.update(parameters)
                    if folder and self.step in snapshots:
                        folder.write_snapshot(self.step, self.parameters)
                    under_way.update()
                    if self.step % record_every == 0 or self.step == steps:
                        self.record()
                        under_way.set_postfix(loss=f"{self.last('loss').mean():.3f}", refresh=False)
                        done = self.step == steps or self.passed(above, below)
                        if folder and (done or self.step - written >= checkpoint_every):
                            folder.write(self.step, self.tensors())
                            written = self.step
            except KeyboardInterrupt:
                return "INTERRUPTED"
        return "STOPPED" if self.passed(above, below) else "COMPLETED"

    def update(self, parameters: list[Tensor]) -> None:
        """Make one update on a fresh minibatch."""
        plan = self.plan
        task = next(stage for first, stage in reversed(plan.stages) if first <= self.step)
        samples = [task.sample(s, self.step * plan.batch, plan.batch) for s in plan.data_seeds]
        batch = plan.network.batch(task, samples, plan.device)
        losses = plan.network.losses(self.parameters, batch, self.held())
        gradients = torch.autograd.grad(losses["loss"].sum(), parameters, materialize_grads=True)  # 0 if clamped
        with torch.no_grad():
            plan.optimiser.update(parameters, gradients, self.state, self.step)
        self.window.append({name: loss.detach() for name, loss in losses.items()})
        self.step += 1

    def held(self) -> Held:
        """The clamps of the next update."""
        return active(self.plan.held, self.step)

    def record(self) -> None:
        """Measure on the test sets."""
        found = {
            name: dict(self.plan.network.measures(self.parameters, batch, self.held()))
            for name, batch in self.test_sets.items()
        }
        nothing = torch.full((len(self.plan.seeds),), torch.nan)
        row = {
            f"train_{name}": torch.stack([each[name] for each in self.window]).mean(0) if self.window else nothing
            for name in self.losses
        }
        row |= found[self.drawn_as["train"]]
        for test in self.plan.tests:
            row |= {f"{test}_{what}": found[self.drawn_as[test]][what] for what in self.plan.network.on_tests}
        self.columns = tuple(row)
        values = torch.stack([row[name].cpu().double() for name in self.columns], dim=1).numpy()
        self.recorded_steps.append(self.step)
        self.records.append(values)
        self.window = []
        if not np.isfinite(self.last("loss")).any():
            raise RunFailed(f"the loss of every seed is not finite at step {self.step}: lower `lr`.")

    def last(self, name: str) -> NDArray[np.float64]:
        """The measure of every seed in the last record."""
        return self.records[-1][:, self.columns.index(name)]

    def passed(self, above: Mapping[str, float], below: Mapping[str, float]) -> bool:
        """Whether every seed is beyond every level at which to stop."""
        each = [(self.last(name) > level).all() for name, level in above.items()]
        each += [(self.last(name) < level).all() for name, level in below.items()]
        return bool(each) and all(each)
