"""Right calls of the public functions of the wing, which `tests.minimodels.generated` makes wrong."""

from importlib.util import find_spec
from typing import Any

from minimodels.tasks.repeated_tokens import RepeatedTokensTask

TASK = RepeatedTokensTask(V=12, T=44, f=0.25, distinct=4)
CALLS: list[tuple[Any, dict[str, Any]]] = [
    (RepeatedTokensTask, {"V": 12, "T": 44, "f": 0.25, "distinct": 4, "q": 0.5, "shortest": 3, "longest": 6,
                          "alpha": 0.5, "source": 1}),
    (TASK.sample, {"seed": 0, "start": 3, "count": 2}),
    (TASK.test_set, {"name": "copies", "seed": 0, "count": 2, "draw": 1}),
    (TASK.repeats, {"sequences": 32}),
]  # fmt: skip

if find_spec("torch"):
    import validation

    CALLS += [
        (validation.TokenTransformer, {"layers": 1, "heads": 2, "width": 8}),
        (validation.TokenTransformer(heads=2, width=8).initial, {"task": TASK, "seed": 0}),
    ]
