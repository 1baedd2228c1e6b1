"""What a paper brings to be trained: a task, a network and an optimiser; and what a training of any kind is.

Tasks, networks, optimisers and trainings are frozen dataclasses: options, no state. `tests/validation/test_conformance`
holds every pair of a task and a network that a ledger names against what is said here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from validation.words import Setting

if TYPE_CHECKING:
    from torch import Tensor

Parameters = dict[str, "Tensor"]  # of several seeds, side by side along the first axis
Held = Mapping[str, str]  # what is clamped now: site -> word


class Task(Protocol):
    """Where samples come from.

    Attributes
    ----------
    tests
        The fixed test sets by name, each with the name of the set that it is drawn as (its own but where two are the
        same); "train" is drawn as in training.
    usual_tests
        Those that a training records beside "train" unless told otherwise.
    """

    @property
    def tests(self) -> Mapping[str, str]: ...  # noqa: D102

    @property
    def usual_tests(self) -> Sequence[str]: ...  # noqa: D102

    def sample(self, seed: int, start: int, count: int) -> Any:
        """Samples `start`, ..., `start + count - 1` of a seed: each a function of the seed and its number alone."""

    def test_set(self, name: str, seed: int, count: int, *, draw: int = 0) -> Any:
        """`count` samples of a fixed test of a seed; draws with other numbers are independent of each other."""

    def check_stage(self, last: Any) -> None:
        """Raise an InputError if this task cannot come before `last` in one training."""


class Network(Protocol):
    """What is trained.

    Attributes
    ----------
    sites
        What can be clamped: the words for every site.
    on_tests
        Which of its measures are recorded on test sets other than "train"; there are all.
    escape
        The measure whose first crossing of one half is the escape; "" if there is none.
    """

    @property
    def sites(self) -> Mapping[str, Sequence[str]]: ...  # noqa: D102

    @property
    def on_tests(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def escape(self) -> str: ...  # noqa: D102

    def initial(self, task: Any, seed: int) -> dict[str, NDArray[Any]]:
        """Fresh parameters of one seed."""

    def batch(self, task: Any, samples: Sequence[Any], device: str) -> Any:
        """One batch of the samples of every seed, on a device."""

    def losses(self, parameters: Parameters, batch: Any, held: Held) -> Mapping[str, "Tensor"]:
        """Losses of a minibatch by name, each (seed,): "loss" is minimised, all are recorded as `train_<name>`."""

    def measures(self, parameters: Parameters, batch: Any, held: Held) -> Mapping[str, "Tensor"]:
        """Measures by name, each (seed,), "loss" among them."""

    def cost(self, task: Any) -> float:
        """Relative cost of a step of one seed."""


class Optimiser(Protocol):
    """What one update does to the parameters."""

    @property
    def lr(self) -> float: ...  # noqa: D102

    def start(self, parameters: Sequence["Tensor"]) -> dict[str, list["Tensor"]]:
        """What is remembered between updates, at the beginning: lists of tensors by name."""

    def update(
        self,
        parameters: Sequence["Tensor"],
        gradients: Sequence["Tensor"],
        state: dict[str, list["Tensor"]],
        step: int,
    ) -> None:
        """Take one step in place; `step` counts from 0, the first axis of every tensor is that of the seeds."""


class Training(Protocol):
    """One training that claims ask for, in a folder of its own; written to disk by the names of its types.

    Attributes
    ----------
    name
        Of its folder, unique within a paper.
    cost
        Relative cost: the longest are begun first.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def cost(self) -> float: ...  # noqa: D102

    def settings(self) -> Mapping[str, Setting]:
        """What a report says of it, by name: options, steps, seeds."""

    def run(self, folder: Path) -> None:
        """Train, going on from what is in the folder; leaves `run.nc`, and a file NAME.nc for every analysis."""
