r"""The two- and three-parameter induction head with its classifier, trained on sampled sequences (Reddy 2024).

Contents :math:`c_j` (no positions), :math:`j=1..n`, :math:`n=2N+1`:

.. math::

    p^1_{ij} &= \frac{e^{\beta_1[j=i-1]}}{\sum_{k\le i} e^{\beta_1[k=i-1]}}, \qquad
    b_i = \sum_{j\le i} p^1_{ij} c_j, \\
    p^2_{j} &\propto e^{\alpha\, b_j\cdot c_n + \beta_2[j\ \mathrm{label}]}, \qquad
    o = \sum_j p^2_{j} c_j ,

and a classifier reads :math:`c_n` and ``gain`` :math:`\times\,o`. This is the one model here that is not a symbolic
statement: it is trained by stochastic gradient descent, forward and backward pass in `kernels` beside this file. For
:math:`D\to\infty`, :math:`\epsilon\to 0` and a linear read-out its expected loss is that of
``nested_logit(attend="exact")``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from minimodels.clamp import Windows, windows
from minimodels.errors import by_name, check_choice, check_number, check_whole, unknown
from minimodels.streams import Stream, generator
from minimodels.tasks.item_label import ItemLabelTask

LOGITS = ("beta_1", "alpha", "beta_2")
INPUTS = ("output", "sum", "concat")


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
    clamp       logits that are held: a value, (value, first step, step of release), or several windows
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
    clamp: Mapping[str, Windows] = field(default_factory=dict)

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
        for what in ("init", "rates"):
            for key, value in by_name(getattr(self, what), f"`{what}`", "{'alpha': 0.1}").items():
                if key not in LOGITS:
                    raise unknown(f"logit in {what}", key, LOGITS)
                check_number(value, f"{what}[{key!r}]")
        windows(self.clamp, LOGITS, "clamp", "logit", example="{'alpha': 0.1}")

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
        """The classifier's parameters of one seed, in the order of `minimodels.induction_head.kernels`."""
        inputs, w = self.inputs(task), self.width
        if not self.depth:
            return np.zeros(task.L * inputs, np.float32)
        rng = generator(seed, Stream.HEAD)

        def gaussian(variance: float, count: int) -> NDArray[np.float64]:
            return rng.standard_normal(count) * math.sqrt(variance)

        parts = [gaussian(2 / inputs, w * inputs), gaussian(2 / w, (self.depth - 1) * w * w)]
        parts += [gaussian(1 / w, self.depth), gaussian(1 / w, task.L * w)]
        return np.concatenate(parts).astype(np.float32)
