"""Tasks that follow one another in one training."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from minimodels.errors import InputError, check_whole, shown
from validation.protocols import Task

Stage = tuple[int, Task]


def stages(task: Any) -> tuple[Stage, ...]:
    """Check a curriculum ``[(first_step, task), ...]``; a task alone is a curriculum of one stage.

    What must stay the same is the task's own to say: `Task.check_stage`.

    Raises
    ------
    InputError
        Steps that do not begin at 0 or do not rise, or a task that cannot come before the last one.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from minimodels import ItemLabelTask
    >>> end = ItemLabelTask(N=8)
    >>> [first for first, _ in stages([(0, replace(end, N=2)), (500, end)])]
    [0, 500]
    """
    if is_task(task):
        return ((0, task),)
    example = "a task, as ItemLabelTask(N=8), or a curriculum, as [(0, first_task), (500, second_task)]"
    if isinstance(task, str | bytes) or not isinstance(task, Sequence):
        raise InputError(f"`task` is {example}; got {shown(task)}.")
    for pair in task:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not is_task(pair[1]):
            raise InputError(f"`task` is {example}; got a stage {shown(pair)}.")
    out = tuple((check_whole(first, "the first step of a stage", low=0), stage) for first, stage in task)
    steps = [first for first, _ in out]
    if not out or steps[0] != 0 or any(b <= a for a, b in pairwise(steps)):
        raise InputError(f"the stages of a curriculum begin at step 0 and at rising steps; got {steps}.")
    last = out[-1][1]
    for first, stage in out[:-1]:
        if type(stage) is not type(last):
            raise InputError(f"all stages are tasks of one kind; got {shown(stage)} at step {first}.")
        try:
            stage.check_stage(last)
        except InputError as error:
            raise InputError(f"{str(error).removesuffix('.')} (the stage from step {first} on).") from error
    return out


def is_task(value: Any) -> bool:
    """Whether something can be trained on."""
    return not isinstance(value, type) and all(hasattr(value, name) for name in ("sample", "test_set", "check_stage"))
