"""Training of the induction head, several seeds at once, with what is recorded."""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minimodels.errors import InputError, check_choice, check_flag, check_names, check_number, check_whole, shown
from minimodels.induction_head.head import InductionHead
from minimodels.induction_head.run import HeadRun
from minimodels.notices import bar
from minimodels.pool import available_threads
from minimodels.results import FORMAT
from minimodels.tasks.item_label import TESTS as KINDS
from minimodels.tasks.item_label import ItemLabelTask, check_task

if TYPE_CHECKING:
    import xarray as xr

TESTS = ("IC", "IC2", "IW")  # recorded unless told otherwise
Stages = ItemLabelTask | Sequence[tuple[int, ItemLabelTask]]


def train_head(
    task: Stages,
    head: InductionHead | None = None,
    *,
    optimiser: Literal["sgd", "adam"] = "sgd",
    lr: float = 0.01,
    decay: float = 0.0,
    steps: int = 10_000,
    seed: int | Sequence[int] = 0,
    batch: int = 128,
    record_every: int = 50,
    held_out: int = 512,
    tests: Sequence[str] = TESTS,
    stop_above: float | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> "xr.Dataset":
    r"""Minimise :math:`-\log p(\text{label of } x_q)` on a fresh minibatch at every step.

    Parameters
    ----------
    task : ItemLabelTask, or sequence of (first step, ItemLabelTask)
        The second is a curriculum: L and D stay, and the embeddings (a smaller K is the first classes of a larger
        one); tests are of the last stage.
    head : InductionHead
        Options of the head and its classifier.
    optimiser, lr, decay
        "sgd": theta <- (1 - decay) theta - lr grad (the paper's classifier: lr 0.01, decay 1e-6); "adam": the same
        decay, then Adam (0.9, 0.999, 1e-8). The head's logits do not decay.
    steps, batch, record_every, held_out : int
        Updates, sequences in a minibatch, steps between records, sequences in each test set.
    seed : int or sequence of int
        Each seed has its own embeddings, data and initial classifier.
    tests : sequence of str
        Test sets recorded beside that of the task: IC, IC2, IW, IW_absent (`ItemLabelTask.test_set`).
    stop_above : float
        Stop a seed, with a last record, when its smoothed correct probability on the minibatches exceeds this.
    threads : int
        Seeds trained at once, BLAS with one thread each; all processors unless given. Results do not depend on it.
    progress : bool
        Show a bar; on terminals unless given.

    Returns
    -------
    xarray.Dataset
        Over ``step`` (and ``seed`` if a sequence was given): ``train_loss, train_correct`` (means since the last
        record); on held-out sequences of the task ``loss, correct, accuracy, CLA, ILA1, TILA2, TLA2``;
        ``<test>_accuracy``; the logits ``beta_1, alpha, beta_2``; of a linear read-out ``xi_label``, the gain of every
        ``label``, gain x (kappa_l . l_l - mean over k != l of kappa_k . l_l), and ``xi``, their mean. Per seed:
        ``escape_step``, where the correct probability of the minibatches, in a centred running mean of 9 steps,
        exceeds 1/2 (nan if it does not; ``escape_step_censored`` says so), and ``status``. Seeds that stop earlier are
        nan afterwards; after Ctrl-C the result holds what was recorded (INTERRUPTED).

    Raises
    ------
    InputError

    Examples
    --------
    >>> import minimodels as mm
    >>> task = mm.ItemLabelTask(N=4, L=16, K=64, D=63, p_C=1.0)
    >>> run = mm.train_head(task, mm.InductionHead(classifier="linear"), lr=1.0, steps=20, record_every=10)
    >>> dict(run.sizes), bool(run.train_loss[-1] < 2.8)
    ({'step': 3, 'label': 16}, True)
    """
    import xarray as xr
    from threadpoolctl import threadpool_limits

    head = InductionHead() if head is None else head
    if not isinstance(head, InductionHead):
        raise InputError(f"`head` is an InductionHead, as mm.InductionHead(classifier='linear'); got {shown(head)}.")
    stages = _stages(task)
    several: Any = seed if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str) else None
    seeds = [check_whole(s, "`seed`", 0, 2**64 - 1) for s in ([seed] if several is None else several)]
    steps, batch = check_whole(steps, "`steps`"), check_whole(batch, "`batch`")
    record_every, held_out = check_whole(record_every, "`record_every`"), check_whole(held_out, "`held_out`")
    if threads is not None:
        threads = check_whole(threads, "`threads`", high=4096)
    if not seeds:
        raise InputError("`seed` is empty: give one seed or more.")
    check_choice(optimiser, "`optimiser`", ("sgd", "adam"))
    lr, decay = check_number(lr, "`lr`"), check_number(decay, "`decay`")
    if not (lr > 0 and 0 <= decay < 1):
        raise InputError(f"`lr` must be positive and `decay` in [0, 1); got lr={lr}, decay={decay}.")
    if stop_above is not None and not 0 <= check_number(stop_above, "`stop_above`") < 1:
        raise InputError(f"`stop_above` must be a probability below 1; got {stop_above}.")
    wanted = tuple(check_choice(name, "a test", KINDS[1:]) for name in check_names(tests, "`tests`"))
    if progress is not None:
        check_flag(progress, "`progress`")
    runs = [HeadRun(stages, head, optimiser, lr, decay, s, batch, held_out, wanted) for s in seeds]
    stop = threading.Event()
    with (
        bar(steps * len(runs), "steps", progress, leave=True) as under_way,
        threadpool_limits(1),
        ThreadPoolExecutor(threads or available_threads()) as pool,
    ):
        try:
            futures = [pool.submit(run.go, steps, record_every, stop_above, stop, under_way.update) for run in runs]
            for future in futures:
                future.result()
        except KeyboardInterrupt:
            pass  # what was recorded is kept
        finally:
            stop.set()
    recorded = sorted({step for run in runs for step in run.steps})
    names = list(runs[0].records[0])
    values = np.full((len(names), len(runs), len(recorded)), np.nan)
    for i, run in enumerate(runs):
        values[:, i, np.searchsorted(recorded, run.steps)] = np.transpose([list(r.values()) for r in run.records])
    variables: dict[str, Any] = {name: (("seed", "step"), v) for name, v in zip(names, values, strict=True)}
    last_task = stages[-1][1]
    if not head.depth:
        gains = np.full((len(runs), len(recorded), last_task.L), np.nan)
        for i, run in enumerate(runs):
            gains[i, np.searchsorted(recorded, run.steps)] = run.gains
        variables |= {"xi_label": (("seed", "step", "label"), gains), "xi": (("seed", "step"), gains.mean(axis=2))}
    statuses = np.array([int(run.status) for run in runs], np.int8)
    escapes = np.array([run.escape() for run in runs])
    result = xr.Dataset(
        variables
        | {
            "escape_step": ("seed", escapes),
            "escape_step_censored": ("seed", np.isnan(escapes)),
            "status": ("seed", statuses),
        },
        coords={"step": np.array(recorded, np.int64), "seed": np.array(seeds, np.int64)},
        attrs={
            "format": FORMAT,
            "title": "training run of an induction head",
            "task": json.dumps(asdict(last_task)),
            "stages": json.dumps([first for first, _ in stages]),
            "head": json.dumps(asdict(head)),
            "optimiser": json.dumps({"name": optimiser, "lr": lr, "decay": decay}),
            "batch": batch,
            "held_out": held_out,
            "versions": json.dumps({name: version(name) for name in ("minimodels", "numpy", "numba")}),
        },
    )
    return result.isel(seed=0) if several is None else result


def _stages(task: Stages) -> tuple[tuple[int, ItemLabelTask], ...]:
    if isinstance(task, ItemLabelTask):
        return ((0, task),)
    if not isinstance(task, Sequence) or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in task):
        raise InputError(f"`task` is an ItemLabelTask, or pairs (first step, ItemLabelTask); got {shown(task)}.")
    stages = tuple((check_whole(first, "the first step of a stage", 0), check_task(stage)) for first, stage in task)
    firsts = [first for first, _ in stages]
    if not firsts or firsts[0] != 0 or sorted(set(firsts)) != firsts:
        raise InputError(f"stages must begin at step 0 and at increasing steps; got {firsts}.")
    for name in ("L", "D"):
        if len({getattr(stage, name) for _, stage in stages}) > 1:
            raise InputError(f"`{name}` must be the same in all stages, so that the embeddings stay.")
    return stages
