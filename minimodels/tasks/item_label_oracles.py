"""What pure strategies score in the item-label task: exact baselines, computed from the law of the data."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from minimodels.tasks.item_label import ItemLabelTask, check_task

if TYPE_CHECKING:
    import xarray as xr

STRATEGIES = ("uniform", "random context label", "perfect in-context", "perfect in-weights")


def oracles(task: ItemLabelTask) -> "xr.Dataset":
    r"""Loss and expected accuracies of four pure strategies, for any options of the task.

    With :math:`P_k` the frequency of class k and :math:`P_l` that of its label, perfect in-context learning scores

    .. math:: \mathrm{IW} = \underbrace{1 - \sum_k P_k(1-P_k)^N}_{\text{class in context}}
        + \underbrace{\sum_k P_k(1-P_k)^N\,\frac{P_l-P_k}{1-P_k}}_{\text{absent, label of a random slot right}},

    where the last fraction is (K - L)/(L(K - 1)), about 1/L, at equal frequencies.

    ====================  ======================================================================================
    uniform               1/L for every label
    random context label  the label of a uniformly drawn slot
    perfect in-context    the label of the slots of the target's class; without any, of a uniformly drawn slot
    perfect in-weights    the label of the target's class; of a novel target, any that does not depend on the context
    ====================  ======================================================================================

    Parameters
    ----------
    task : ItemLabelTask

    Returns
    -------
    xarray.Dataset
        Dimension ``strategy``. ``bursty_loss``: mean loss, in nats, on the bursty sequences of training; ``IC``,
        ``IC2``, ``IW``, ``IW_absent``: accuracy on these tests of `ItemLabelTask.test_set`, a guess counted by its
        chance of being right. nan where there are no such sequences, and for the loss of in-weights learning on novel
        classes, which depends on how sure it is of them.

    Examples
    --------
    >>> oracles(ItemLabelTask(B=2)).IC.sel(strategy="random context label").item()
    0.25
    >>> round(oracles(ItemLabelTask(K=1024)).IW.sel(strategy="perfect in-context").item(), 4)
    0.0379

    References
    ----------
    G. Reddy, ICLR 2024 (arXiv 2312.03002), for the task; the values follow from its law.
    """
    import xarray as xr

    check_task(task)
    L, N_c, P, nan = task.L, task.N_c, task.frequencies, np.nan
    labels = P.reshape(-1, L).sum(axis=0)
    same = float((labels**2).sum())  # that two independent draws of a class share the label
    absent = float(task.absent.sum())
    lucky = float((P * (1 - P) ** (task.N - 1) * (np.tile(labels, task.K // L) - P)).sum())
    recall, guess = 1 - absent + lucky, lucky / absent if absent else nan

    known, novel = (1 - task.p_C) * task.p_B if task.B else 0.0, task.p_C  # bursty sequences of training
    slot, IC, IC2 = float(np.log(N_c)), 1 / N_c, 1 / N_c
    if not task.unique_labels:  # another class of the context may share the target's label
        equal = np.full(L, 1 / L)
        IC, IC2 = IC + (1 - IC) / L, IC2 + (1 - IC2) * same
        if known + novel:
            slot -= (known * _gain(labels, N_c) + novel * _gain(equal, N_c)) / (known + novel)
    columns = {
        "bursty_loss": [np.log(L), slot, 0.0, nan if novel else 0.0] if known + novel else [nan] * 4,
        "IC": [1 / L, IC, 1.0, 1 / L],  # labels of novel classes are independent of their items
        "IC2": [1 / L, IC2, 1.0, 0.0] if task.B else [1 / L, same, recall, 0.0],
        "IW": [1 / L, same, recall, 1.0],
        "IW_absent": [1 / L, guess, guess, 1.0] if absent else [nan] * 4,
    }
    return xr.Dataset({name: ("strategy", values) for name, values in columns.items()}, {"strategy": list(STRATEGIES)})


def _gain(p: NDArray[np.float64], number: int) -> float:
    """Mean log(1 + n), n ~ Binomial(number - 1, p_l) the other classes of a context that share the label l ~ p."""
    n = np.arange(number)
    return float(p @ (binom.pmf(n, number - 1, p[:, None]) @ np.log1p(n)))
