r"""The two- and three-parameter induction head with its classifier, trained on sampled sequences (Reddy 2024).

Contents :math:`c_j` (no positions), :math:`j=1..n`, :math:`n=2N+1`:

.. math::

    p^1_{ij} &= \frac{e^{\beta_1[j=i-1]}}{\sum_{k\le i} e^{\beta_1[k=i-1]}}, \qquad
    b_i = \sum_{j\le i} p^1_{ij} c_j, \\
    p^2_{j} &\propto e^{\alpha\, b_j\cdot c_n + \beta_2[j\ \mathrm{label}]}, \qquad
    o = \sum_j p^2_{j} c_j ,

and a classifier reads :math:`c_n` and ``gain`` :math:`\times\,o`. This is the one model here that is not a symbolic
statement: it is trained by stochastic gradient descent, forward and backward pass in `minimodels.head_kernels`. For
:math:`D\to\infty`, :math:`\epsilon\to 0` and a linear read-out its expected loss is that of
``nested_logit(attend="exact")``.
"""

import json
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from minimodels.engine.ensemble import available_threads
from minimodels.errors import InputError, check_choice, check_flag, check_names, check_whole, shown, unknown
from minimodels.head_training import LOGITS, HeadRun
from minimodels.model import by_name, check_number
from minimodels.results import FORMAT
from minimodels.sequences import ItemLabelTask, check_task

if TYPE_CHECKING:
    import xarray as xr

INPUTS = ("output", "sum", "concat")
TESTS = ("IC", "IC2", "IW")
_INITIAL = 9  # stream of a seed, after those of minimodels.sequences
Clamp = float | tuple[float, float, float]
Stages = ItemLabelTask | Sequence[tuple[int, ItemLabelTask]]


@dataclass(frozen=True)
class InductionHead:
    """Options of the head and its classifier.

    ==========  ======================================================================================================
    classifier  "deep": `layers` ReLU layers of `width` with one scalar bias each, then logits S h (initialisation of
                the author's program: W entries N(0, 2/inputs), b and S entries N(0, 1/width)); "linear": regression
                vectors kappa_l, logits kappa_l . z, from 0
    input       "concat": [c_n; gain o]; "sum": c_n + gain o; "output": gain o. By default concat for the deep and
                output for the linear classifier
    gain        factor of the attention output
    keys        of layer 2: "all" tokens or the "labels" only
    beta_2      "fixed" (two-parameter head) or "free" (three)
    init        initial beta_1, alpha, beta_2; 0 where not given
    rates       learning rates of beta_1, alpha, beta_2 relative to that of the classifier; 1 where not given
    clamp       logits that are held, at a value or (value, first step, step of release)
    ==========  ======================================================================================================

    Raises
    ------
    InputError
        For an option that cannot be.
    """

    classifier: Literal["deep", "linear"] = "deep"
    layers: int = 3
    width: int = 128
    input: Literal["concat", "sum", "output"] | None = None
    gain: float = 1.0
    keys: Literal["all", "labels"] = "all"
    beta_2: Literal["fixed", "free"] = "fixed"
    init: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    clamp: Mapping[str, Clamp] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, allowed in (
            ("classifier", ("deep", "linear")),
            ("input", (None, *INPUTS)),
            ("keys", ("all", "labels")),
            ("beta_2", ("fixed", "free")),
        ):
            if getattr(self, name) is not None or None not in allowed:
                check_choice(getattr(self, name), f"`{name}`", [word for word in allowed if word])
        for name in ("layers", "width"):
            object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", 1, 2**20))
        check_number(self.gain, "`gain`")
        for what in ("init", "rates", "clamp"):
            for key, value in by_name(getattr(self, what), f"`{what}`", "{'alpha': 0.1}").items():
                if key not in LOGITS:
                    raise unknown(f"logit in {what}", key, LOGITS)
                window = list(value) if isinstance(value, tuple | list) else []
                check_number(window[0] if what == "clamp" and window else value, f"{what}[{key!r}]")
                steps = [check_number(step, f"a step of {what}[{key!r}]") for step in window[1:]]
                if window and not (len(window) == 3 and steps[0] < steps[1]):
                    raise InputError(
                        f"{what}[{key!r}] is one value or (value, first step, last + 1); got {shown(value)}."
                    )

    @property
    def depth(self) -> int:
        """Layers before the logits: 0 for the linear read-out."""
        return self.layers if self.classifier == "deep" else 0

    @property
    def mode(self) -> int:
        """Number of the input: 0 output, 1 sum, 2 concat."""
        return INPUTS.index(self.input or ("concat" if self.classifier == "deep" else "output"))

    def inputs(self, task: ItemLabelTask) -> int:
        """Width of the classifier's input."""
        return (2 if self.mode == 2 else 1) * task.D

    def initial(self, task: ItemLabelTask, seed: int) -> NDArray[np.float32]:
        """The classifier's parameters of one seed, in the order of `minimodels.head_kernels`."""
        inputs, w = self.inputs(task), self.width
        if not self.depth:
            return np.zeros(task.L * inputs, np.float32)
        rng = np.random.Generator(np.random.Philox(key=np.array([seed, _INITIAL], np.uint64)))

        def gaussian(variance: float, count: int) -> NDArray[np.float64]:
            return rng.standard_normal(count) * math.sqrt(variance)

        parts = [gaussian(2 / inputs, w * inputs), gaussian(2 / w, (self.depth - 1) * w * w)]
        parts += [gaussian(1 / w, self.depth), gaussian(1 / w, task.L * w)]
        return np.concatenate(parts).astype(np.float32)


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
        exceeds 1/2 (nan if it does not), and ``status``. Seeds that stop earlier are nan afterwards; after Ctrl-C the
        result holds what was recorded (INTERRUPTED).

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
    wanted = tuple(check_choice(name, "a test", TESTS) for name in check_names(tests, "`tests`"))
    if progress is not None:
        check_flag(progress, "`progress`")
    runs = [HeadRun(stages, head, optimiser, lr, decay, s, batch, held_out, wanted) for s in seeds]
    stop = threading.Event()
    with (
        tqdm(total=steps * len(runs), unit="step", disable=None if progress is None else not progress) as bar,
        threadpool_limits(1),
        ThreadPoolExecutor(threads or available_threads()) as pool,
    ):
        try:
            futures = [pool.submit(run.go, steps, record_every, stop_above, stop, bar.update) for run in runs]
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
    result = xr.Dataset(
        variables | {"escape_step": ("seed", [run.escape() for run in runs]), "status": ("seed", statuses)},
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
