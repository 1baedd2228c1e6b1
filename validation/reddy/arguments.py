"""What the public functions say about an argument that cannot be: one sentence, with what was given."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from minimodels.errors import InputError, shown
from minimodels.tasks.item_label import ItemLabelTask, Sequences, check_task
from validation.protocols import Parameters
from validation.reddy.network import AttentionOnly


def check_trained(network: Any, parameters: Any, task: Any, what: str = "parameters") -> Parameters:
    """Return the parameters of a network for a task, or say what does not fit."""
    if not isinstance(network, AttentionOnly):
        raise InputError(f"`network` is an AttentionOnly, as AttentionOnly(layers=3); got {shown(network)}.")
    check_task(task)
    source = "a dictionary of tensors by name, as load_parameters returns"
    if not isinstance(parameters, Mapping) or not all(torch.is_tensor(t) for t in parameters.values()):
        raise InputError(f"`{what}` is {source}; got {shown(parameters)}.")
    d = task.width
    shapes: dict[str, tuple[int, ...]] = {"S": (task.L, d)}
    shapes |= {f"{name}{layer}": (d, d) for layer in (1, 2) for name in "QKV"}
    for layer in range(1, network.layers + 1):
        shapes |= {f"W{layer}": (d, d)} | ({} if network.biases == "held" else {f"b{layer}": (1,)})
    for name, shape in shapes.items():
        if name not in parameters:
            raise InputError(f"`{what}` lacks {name!r} of a network with layers={network.layers}; give {source}.")
        found = tuple(parameters[name].shape)
        if len(found) != 1 + len(shape) or found[1:] != shape or found[0] != len(parameters["S"]):
            raise InputError(
                f"{name!r} of `{what}` has the shape {found}, not (seeds, {', '.join(map(str, shape))}): it is of "
                "another task or network."
            )
    return dict(parameters)


def check_sequences(sequences: Any, task: ItemLabelTask, seeds: int) -> list[Sequences]:
    """Return sequences of a task, one for each seed."""
    each = [sequences] if isinstance(sequences, Sequences) else sequences
    source = "Sequences, as task.test_set('IC', seed, 512), or a list of one for each seed"
    if isinstance(each, str | bytes) or not isinstance(each, Sequence):
        raise InputError(f"`sequences` are {source}; got {shown(sequences)}.")
    if len(each) != seeds:
        raise InputError(
            f"the parameters are of {seeds} seed{'s' * (seeds > 1)}; got sequences of {len(each)}: "
            "give one `Sequences` for each seed."
        )
    if not all(isinstance(one, Sequences) for one in each):
        raise InputError(f"`sequences` are {source}; got {shown(sequences)}.")
    for one in each:
        if one.content.shape[1:] != (task.length, task.D):
            raise InputError(
                f"`sequences` have {one.content.shape[1]} tokens of dimension {one.content.shape[2]}, not "
                f"{task.length} of {task.D}: they are of another task."
            )
    return list(each)
