r"""How alike two learners in context are, and how one does off the data it was trained on: any callable predictors.

A predictor takes ``(x, y, query)``, arrays (n, N, d), (n, N) and (n, d), and returns predictions (n,). Its implicit
weights are :math:`g=\partial\hat y/\partial x_q`, by central differences.

=============  =====================================================================================================
`predictions`  mean :math:`|\hat y_A-\hat y_B|` ("Preds diff")
`cosine`       mean of :math:`\cos(g_A, g_B)`, 1e-8 added to each norm ("Model cos")
`weights`      mean of :math:`\|g_A-g_B\|_2` ("Model diff")
=============  =====================================================================================================

Definitions: von Oswald et al. 2023 and the authors' program, over 10 000 tasks there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from minimodels.errors import InputError, check_between, check_list, check_setting, check_whole, shown
from minimodels.tasks.linear_regression import LinearRegressionTask, Regressions
from theory.oswald.loss import LARGEST, schedule

Array = NDArray[np.float64]
Predictor = Callable[[Array, Array, Array], Any]
BEYOND = 1e150  # a prediction that cannot be squared
STEP = 1e-3  # of central differences, in units of the query's root mean square


@dataclass(frozen=True)
class Alignment:
    """How alike two predictors are, over tasks: mean and standard error of each metric."""

    predictions: float
    cosine: float
    weights: float
    errors: dict[str, float]


def predicted(predictor: Predictor, tasks: Regressions, query: Array | None = None) -> Array:
    """Predictions (n,) for tasks, at their queries or others.

    Raises
    ------
    InputError
        If what comes back is not one finite number for every task.
    """
    given = _function(predictor)(_drawn(tasks).x, tasks.y, tasks.query if query is None else query)
    found = _numbers(given, len(tasks))
    lost = int((~(abs(found) < BEYOND)).sum())
    if lost:
        raise InputError(f"a predictor diverges: {lost} of {len(tasks)} numbers are not finite, or beyond {BEYOND:g}.")
    return found


def implicit_weights(predictor: Predictor, tasks: Regressions) -> Array:
    r"""Return :math:`\partial\hat y/\partial x_q`, (n, d), by central differences.

    They are exact where the prediction is linear in x_q; where it jumps they are zero, or at few tasks large.
    """
    n, d = _drawn(tasks).query.shape
    size = STEP * float(np.sqrt((tasks.query**2).mean()))
    if size == 0:
        raise InputError("all queries are zero: there is no scale for differences.")
    out = np.empty((n, d))
    for k in range(d):
        shift = np.zeros(d)
        shift[k] = size
        above, below = (predicted(predictor, tasks, tasks.query + sign * shift) for sign in (1, -1))
        out[:, k] = (above - below) / (2 * size)
    return out


def alignment(
    one: Predictor, other: Predictor, task: LinearRegressionTask, *, tasks: int = 10_000, seed: int = 0
) -> Alignment:
    """Compare two predictors on the same held-out tasks.

    Examples
    --------
    A predictor of one's own, one step of gradient descent, beside the zero predictor:

    >>> import numpy as np
    >>> from minimodels.tasks.linear_regression import LinearRegressionTask
    >>> def descent(x, y, query):
    ...     return 0.606061 * np.einsum("ni,nid,nd->n", y, x, query)
    >>> found = alignment(descent, lambda x, y, query: np.zeros(len(y)), LinearRegressionTask(), tasks=2000)
    >>> abs(found.weights / 2.082 - 1) < 0.03
    True
    """
    sample = _sample(task, tasks, seed)
    apart = np.abs(predicted(one, sample) - predicted(other, sample))
    a, b = implicit_weights(one, sample), implicit_weights(other, sample)
    norms = [np.linalg.norm(g, axis=1) + 1e-8 for g in (a, b)]
    each = {
        "predictions": apart, "cosine": (a * b).sum(1) / (norms[0] * norms[1]),
        "weights": np.linalg.norm(a - b, axis=1),
    }  # fmt: skip
    errors = {name: float(v.std(ddof=1) / np.sqrt(len(v))) for name, v in each.items()}
    return Alignment(**{name: float(v.mean()) for name, v in each.items()}, errors=errors)


def loss(
    predictor: Predictor, task: LinearRegressionTask, *, tasks: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    r"""Return :math:`\tfrac12\langle(y-\hat y)^2\rangle` over held-out tasks, and its standard error."""
    sample = _sample(task, tasks, seed)
    each = 0.5 * (predicted(predictor, sample) - sample.target) ** 2
    return float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))


def losses_over(
    predictor: Predictor, task: LinearRegressionTask, option: str, values: Sequence[float], *, tasks: int = 1000,
    seed: int = 0,
) -> xr.Dataset:  # fmt: skip
    """The loss over values of an option of the task, on the same draws, as ``losses_over(f, task, "tau", [1, 2])``."""
    names = [name for name in _task(task).__dataclass_fields__ if name != "spectrum"]
    if not (isinstance(option, str) and option in names):
        raise InputError(f"`option` is one of the task's, {', '.join(names)}; got {shown(option)}.")
    given, found = check_list(values, "`values`", "[0.5, 1.0]"), []
    for value in given:
        check_setting(value, "a value of `values`")
        changed: dict[str, Any] = {option: value}
        found.append(loss(predictor, replace(task, **changed), tasks=tasks, seed=seed))
    mean, error = zip(*found, strict=True)
    return xr.Dataset({"loss": (option, list(mean)), "error": (option, list(error))}, coords={option: given})


def repeated(layer: Predictor, times: int, damping: float = 1.0) -> Predictor:
    """The predictor that takes the update of a one-layer predictor `times` times, each multiplied by `damping`.

    With the layer's answers at the context's own inputs as its updates of the labels there: the answers of a linear
    layer are linear in y, and what is left of the labels is what the next update reads.
    """
    layer, times = _function(layer), check_whole(times, "`times`", 1, 10**6)
    damping = check_between(damping, "`damping`", -LARGEST, LARGEST)

    @np.errstate(over="ignore", invalid="ignore")
    def predict(x: Array, y: Array, query: Array) -> Array:
        left, answer = np.array(y, float), np.zeros(len(y))
        for _ in range(times):
            at = [_numbers(layer(x, left, points), len(y)) for points in (*np.moveaxis(x, 1, 0), query)]
            left, answer = left - damping * np.stack(at[:-1], axis=1), answer + damping * at[-1]
        return answer

    return predict


def descent(a: Any, gamma: Any = None) -> Predictor:
    """The predictor that makes steps a, transforming the data by gamma: both as `theory.gd_loss` takes them.

    Those of `theory.gd_optimum` fit, also its empty `gamma` of plain descent.
    """
    steps, found = schedule(a, None if np.ndim(gamma) == 1 and len(gamma) == 0 else gamma)
    transforms = np.zeros(steps.size) if found is None else found

    @np.errstate(over="ignore", invalid="ignore")
    def predict(x: Array, y: Array, query: Array) -> Array:
        x, left, at, answer = np.array(x), np.array(y), np.array(query), np.zeros(len(y))
        for step, transform in zip(steps, transforms, strict=True):
            gram = np.einsum("nid,nie->nde", x, x)
            pull = np.einsum("ni,nid->nd", left, x)
            left = left - step * np.einsum("nd,nid->ni", pull, x)
            answer = answer + step * (pull * at).sum(1)
            x, at = x - transform * x @ gram, at - transform * np.einsum("nd,nde->ne", at, gram)
        return answer

    return predict


def _function(predictor: Any) -> Predictor:
    if not callable(predictor) or isinstance(predictor, type):
        raise InputError(f"a predictor is a function of (x, y, query); got {shown(predictor)}.")
    return cast(Predictor, predictor)


def _numbers(given: Any, count: int) -> Array:
    try:
        found = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged, or with a gradient
        raise InputError(f"a predictor returns an array of numbers; got {shown(given)}.") from error
    if found.dtype.kind not in "iuf":
        raise InputError(f"a predictor returns an array of numbers; got {shown(given)}.")
    if found.shape != (count,):
        raise InputError(f"a predictor returns one number for each of {count} tasks; got shape {found.shape}.")
    return found.astype(float)


def _drawn(tasks: Any) -> Regressions:
    if not isinstance(tasks, Regressions):
        raise InputError(f"`tasks` are drawn by the `sample` of a LinearRegressionTask; got {shown(tasks)}.")
    return tasks


def _task(task: Any) -> LinearRegressionTask:
    if not isinstance(task, LinearRegressionTask):
        raise InputError(f"`task` is a LinearRegressionTask; got {shown(task)}.")
    return task


def _sample(task: Any, tasks: Any, seed: Any) -> Regressions:
    return _task(task).test_set("train", seed, check_whole(tasks, "`tasks`", 2))
