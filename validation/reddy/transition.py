r"""The transition step of the network, from initial draws alone: no training, nothing fitted.

For each draw of the initial parameters

.. math:: \ln T = \ln\frac{t_1 + T_2(\eta;\,\xi_1)}{\mathrm{lr}},

1. :math:`t_1, \xi_1`: the classifier's random logits are unlearned, which switches units off, and on again when the
   read-out gain has begun to grow (`theory.reddy.unlearning`); 0, 0 where the biases are held at 0;
2. :math:`T_2`: from there the flow with exact positions and the overlaps of label vectors
   (`theory.exact_transition_time`), at the rates :math:`\eta=|\nabla_\theta\phi|^2` of the draw with biases at 0.

`step` is the geometric mean over draws, `spread` the standard deviation of :math:`\ln T`. Derived here; claims R28e and
R28p say how well it does. What it lacks: the rate of xi grows along the run, which makes predictions late at large L;
near L = 2N they are early, since the classifier learns there that a label is present rather than how much of it, and
beta_1 falls before it rises; and the noise of minibatches, which keeps silent classifiers silent, at N of 7 and more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from minimodels.errors import InputError, check_whole, shown
from minimodels.streams import Stream
from minimodels.tasks.item_label import ItemLabelTask, check_task
from theory.reddy.exact_positions import exact_transition_time
from theory.reddy.unlearning import Onset, slow_phase_onset
from validation.optimisers import SGD
from validation.protocols import Parameters
from validation.reddy.batch import Batch
from validation.reddy.effective_rates import effective_rates
from validation.reddy.network import AttentionOnly

SEQUENCES = 256  # of a draw, for the power of the classifier's input


@dataclass(frozen=True)
class TransitionPrediction:
    """A predicted transition.

    Attributes
    ----------
    step : first step with correct probability above 1/2: geometric mean over draws.
    spread : standard deviation of the logarithm over draws; nan for one draw.
    onset : mean step at which the first stage ends; 0 with biases held.
    rates : mean rates of beta_1, alpha and xi in the second stage.
    draws : how many draws have a prediction; others, as those whose classifier stays silent, do not count.
    """

    step: float
    spread: float
    onset: float
    rates: Mapping[str, float]
    draws: int


def predict_transition(
    task: ItemLabelTask,
    network: AttentionOnly | None = None,
    *,
    optimiser: SGD | None = None,
    draws: int = 48,
    seed: int = 0,
) -> TransitionPrediction:
    """Predict the transition step of the network on novel items, from draws of its initial parameters.

    Parameters
    ----------
    task : ItemLabelTask
        L > N/B > 2, novel items in every sequence (`p_C` = 1), `unique_labels`, no position shift (`N_max` = N).
    network : AttentionOnly, optional
        By default the paper's.
    optimiser : SGD, optional
        Plain, by default at 0.01; only its `lr` enters.
    draws : int
        Draws of the initial parameters, about 0.1 s each.
    seed : int
        The draws are the networks, embeddings and sequences of the seeds `seed` to `seed` + `draws` - 1.

    Raises
    ------
    InputError
        For a task, network or optimiser that the theory does not cover, or if no draw has a transition.

    Examples
    --------
    >>> from minimodels.tasks.item_label import ItemLabelTask
    >>> from validation import SGD, AttentionOnly, predict_transition
    >>> task = ItemLabelTask(N=4, L=16, K=16, D=31, N_max=4, p_C=1.0, K_c=None)
    >>> found = predict_transition(task, AttentionOnly(biases="held"), optimiser=SGD(lr=0.1), draws=4)
    >>> 1000 < found.step < 2000
    True
    """
    network = AttentionOnly() if network is None else network
    optimiser = SGD() if optimiser is None else optimiser
    _check(task, network, optimiser)
    draws = check_whole(draws, "`draws`", high=2**31)
    seed = check_whole(seed, "`seed`", low=0, high=2**63 - draws)
    found = [_of_draw(task, network, number) for number in range(seed, seed + draws)]
    found = [each for each in found if math.isfinite(each[0])]
    if not found:
        raise InputError(
            f"none of {draws} draws has a transition in theory: its classifier is silent or D={task.D} too small; take "
            "more `draws` or a larger `D`."
        )
    times, onsets, rates = zip(*found, strict=True)
    logs = np.log(np.array(times) / optimiser.lr)
    return TransitionPrediction(
        step=float(np.exp(logs.mean())),
        spread=float(logs.std(ddof=1)) if logs.size > 1 else math.nan,
        onset=float(np.mean(onsets)) / optimiser.lr,
        rates={name: float(np.mean([each[name] for each in rates])) for name in rates[0]},
        draws=logs.size,
    )


def _of_draw(task: ItemLabelTask, network: AttentionOnly, seed: int) -> tuple[float, float, dict[str, float]]:
    """Transition time and end of the first stage of one draw (learning rate x steps), and its rates.

    The time is nan where the noise of the sequences leaves a rate negative, or the overlaps are beyond the theory.
    """
    parameters, held = network.stacked(task, (seed,)), replace(network, biases="held")
    found = effective_rates(task, held, parameters, seed=seed)
    rates = {name: rate for name, (_, rate) in found.items()}
    if min(rates.values()) <= 0:
        return math.nan, math.nan, rates
    onset = Onset(0.0, 0.0) if network.biases == "held" else _onset(task, network, parameters, rates["xi"], seed)
    if math.isinf(onset.time):
        return math.inf, math.inf, rates
    D = math.inf if task.label_vectors == "orthonormal" else task.D
    try:
        rest = exact_transition_time(task.N, task.L, task.B, eps=task.eps, D=D, rates=rates, init={"xi": onset.xi})
    except InputError:
        if math.isinf(D):
            raise
        rest = math.nan
    return onset.time + rest, onset.time, rates


@torch.no_grad()
def _onset(task: ItemLabelTask, network: AttentionOnly, parameters: Parameters, rate: float, seed: int) -> Onset:
    """The end of the first stage, from the biases of a draw and the power of its classifier's input."""
    batch = Batch.of(task, [task.sample(seed, 0, SEQUENCES, stream=Stream.RATES)])
    heads = network.attend(parameters, batch.tokens)
    power = float((heads.stream + heads.written).square().mean())
    biases = [float(parameters[f"b{layer}"][0, 0]) for layer in range(1, network.layers + 1)]
    return slow_phase_onset(
        biases, power, N=task.N, L=task.L, B=task.B, width=task.width, rate=rate,
        read_out=float(network.read_out == "random"),
    )  # fmt: skip


def _check(task: Any, network: Any, optimiser: Any) -> None:
    """Refuse what the theory does not cover."""
    check_task(task)
    if not isinstance(network, AttentionOnly):
        raise InputError(f"`network` is an AttentionOnly, as AttentionOnly(layers=3); got {shown(network)}.")
    if not isinstance(optimiser, SGD) or optimiser.clip is not None or optimiser.schedule:
        raise InputError(f"`optimiser` is plain SGD, as SGD(lr=0.1), whose steps are a flow; got {shown(optimiser)}.")
    if task.N_c == 2:
        raise InputError(
            f"at N/B = 2 the plateau itself is at probability one half, and its end is no transition; got N={task.N}, "
            f"B={task.B}: use N/B of 3 or more."
        )
    if task.p_C != 1 or not task.unique_labels:
        raise InputError(
            "the theory is of novel items and distinct labels, p_C=1 and unique_labels=True; got "
            f"p_C={task.p_C:g}, unique_labels={task.unique_labels}."
        )
