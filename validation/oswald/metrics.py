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
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from minimodels.errors import InputError, check_number, check_whole, shown
from minimodels.tasks.linear_regression import LinearRegressionTask, Regressions

Array = NDArray[np.float64]
Predictor = Callable[[Array, Array, Array], Any]
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
    if not callable(predictor):
        raise InputError(f"a predictor is a function of (x, y, query); got {shown(predictor)}.")
    found = np.asarray(predictor(tasks.x, tasks.y, tasks.query if query is None else query), float)
    if found.shape != (len(tasks),):
        raise InputError(f"a predictor returns one number for each of {len(tasks)} tasks; got shape {found.shape}.")
    if not np.isfinite(found).all():
        raise InputError(f"a predictor returned {int((~np.isfinite(found)).sum())} numbers that are not finite.")
    return found


def implicit_weights(predictor: Predictor, tasks: Regressions) -> Array:
    r"""Return :math:`\partial\hat y/\partial x_q`, (n, d), by central differences.

    They are exact where the prediction is linear in x_q; where it jumps they are zero, or at few tasks large.
    """
    n, d = tasks.query.shape
    size = STEP * float(np.sqrt((tasks.query**2).mean()))
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
    sample = task.test_set("train", seed, check_whole(tasks, "`tasks`", 2))
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
    sample = task.test_set("train", seed, check_whole(tasks, "`tasks`", 2))
    each = 0.5 * (predicted(predictor, sample) - sample.target) ** 2
    return float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))


def losses_over(
    predictor: Predictor, task: LinearRegressionTask, option: str, values: Sequence[float], *, tasks: int = 1000,
    seed: int = 0,
) -> xr.Dataset:  # fmt: skip
    """The loss over values of an option of the task, on the same draws, as ``losses_over(f, task, "tau", [1, 2])``."""
    if option not in task.__dataclass_fields__:
        raise InputError(f"`option` is one of the task's, {', '.join(task.__dataclass_fields__)}; got {shown(option)}.")
    found = []
    for value in values:
        changed: dict[str, Any] = {option: value}
        found.append(loss(predictor, replace(task, **changed), tasks=tasks, seed=seed))
    mean, error = zip(*found, strict=True)
    return xr.Dataset({"loss": (option, list(mean)), "error": (option, list(error))}, coords={option: list(values)})


def repeated(layer: Predictor, times: int, damping: float = 1.0) -> Predictor:
    """The predictor that takes the update of a one-layer predictor `times` times, each multiplied by `damping`.

    With the layer's answers at the context's own inputs as its updates of the labels there: the answers of a linear
    layer are linear in y, and what is left of the labels is what the next update reads.
    """
    times, damping = check_whole(times, "`times`", 1), check_number(damping, "`damping`")

    def predict(x: Array, y: Array, query: Array) -> Array:
        left, answer = np.array(y, float), np.zeros(len(y))
        for _ in range(times):
            at = [np.asarray(layer(x, left, points), float) for points in (*np.moveaxis(x, 1, 0), query)]
            left, answer = left - damping * np.stack(at[:-1], axis=1), answer + damping * at[-1]
        return answer

    return predict


def descent(a: Any, gamma: Any = 0.0) -> Predictor:
    """The predictor that makes steps a, transforming the data by gamma, as `theory.gd_optimum` gives them."""
    steps = np.atleast_1d(a)
    transforms = np.zeros(len(steps))
    transforms[: np.size(gamma)] = gamma

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
