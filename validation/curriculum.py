"""Tasks that follow one another in one training."""

from collections.abc import Sequence
from itertools import pairwise

from minimodels.errors import InputError, check_whole, shown
from minimodels.tasks.item_label import ItemLabelTask

Stage = tuple[int, ItemLabelTask]


def stages(task: ItemLabelTask | Sequence[Stage]) -> tuple[Stage, ...]:
    """Check a curriculum ``[(first_step, task), ...]``; a task alone is a curriculum of one stage.

    The token width (D, N_max) stays, and so do the label vectors and class means of a seed: embeddings are drawn labels
    first, then class after class. L may be smaller at first than at the end where all classes are novel (p_C = 1),
    since the label of an old class is k mod L.

    Raises
    ------
    InputError
        Steps that do not begin at 0 or do not rise, or a task that cannot follow the one before.

    Examples
    --------
    >>> from dataclasses import replace
    >>> end = ItemLabelTask(N=8)
    >>> [first for first, _ in stages([(0, replace(end, N=2)), (500, end)])]
    [0, 500]
    """
    if isinstance(task, ItemLabelTask):
        return ((0, task),)
    example = "an ItemLabelTask, or a curriculum as [(0, first_task), (500, second_task)]"
    if isinstance(task, str | bytes) or not isinstance(task, Sequence):
        raise InputError(f"`task` is {example}; got {shown(task)}.")
    for pair in task:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[1], ItemLabelTask):
            raise InputError(f"`task` is {example}; got a stage {shown(pair)}.")
    out = tuple((check_whole(first, "the first step of a stage", low=0), stage) for first, stage in task)
    steps = [first for first, _ in out]
    if not out or steps[0] != 0 or any(b <= a for a, b in pairwise(steps)):
        raise InputError(f"the stages of a curriculum begin at step 0 and at rising steps; got {steps}.")
    last = out[-1][1]
    for first, stage in out[:-1]:
        for name in ("D", "N_max"):
            if getattr(stage, name) != getattr(last, name):
                raise InputError(
                    f"`{name}` must be the same in all stages, the width of the network follows from it; got "
                    f"{getattr(stage, name)} at step {first} and {getattr(last, name)} in the last stage."
                )
        if stage.L > last.L or (stage.L < last.L and stage.p_C < 1):
            raise InputError(
                f"`L` may only be smaller than in the last stage, and only with p_C=1 (labels of old classes would "
                f"change); got L={stage.L}, p_C={stage.p_C} at step {first} and L={last.L} in the last stage."
            )
    return out
