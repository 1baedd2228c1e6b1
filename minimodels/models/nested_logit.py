r"""Three nested logits of induction-head formation (Reddy 2024): previous-token, matching and read-out logit.

Layer 1 attends from a label to its item with logit :math:`\beta_1` against :math:`M` other keys, layer 2
attends from the target to a label with logit :math:`\alpha p`, the classifier reads context labels with gain
:math:`\xi`:

.. math::

    p &= \frac{e^{\beta_1}}{e^{\beta_1}+M}, \qquad
    q_c = \frac{B e^{\alpha p}}{B e^{\alpha p}+N-B+E}, \qquad
    q_o = \frac{B}{B e^{\alpha p}+N-B+E}, \\
    \mathcal L &= -\xi q_c + \log\left[e^{\xi q_c} + (N/B-1)\,e^{\xi q_o} + L-N/B\right].

:math:`E` is the weight of the tokens that are not labels: 0 (``attend="labels"``) or
:math:`(N+1)e^{-\beta_2}` (``"all"``). The exact-position forms keep every position of the sequence and average
over the slots of the target's class; there :math:`N` and :math:`B` are structural (one kernel each).

Source: G. Reddy, "The mechanistic basis of data dependence and abrupt learning in an in-context
classification task", ICLR 2024 (arXiv 2312.03002), phenomenological model; the exact-position form is the
large-D limit of its two-parameter induction head.
"""

from collections import Counter
from functools import cache
from itertools import combinations
from math import factorial

import sympy as sp

from minimodels.errors import InputError, check_choice, check_number
from minimodels.model import Constraint, Event, GradientFlow, Parameter, State
from minimodels.primitives import logsumexp, sigmoid, softmax

ATTEND = ("all", "labels", "exact", "exact-labels")
MAX_ARRANGEMENTS = 500
WARM = ({"attend": "labels"}, {"attend": "all"}, {"attend": "all", "beta_2": "free"})


def build(attend: str = "all", beta_2: str | float = "fixed", N: float = 8, B: float = 1) -> GradientFlow:
    """Return the nested-logit model.

    Parameters
    ----------
    attend : {"all", "labels", "exact", "exact-labels"}
        Keys of layer 2: every token or the labels only, in the mean field or with exact positions.
    beta_2 : {"fixed", "free"} or float
        Whether the logit of attending to labels is a parameter (of this value, else 0) or a fourth state.
    N, B : float
        Item-label pairs and copies of each class in the context; integers with exact positions.
    """
    check_choice(attend, "`attend`", ATTEND)
    if isinstance(beta_2, str) and beta_2 not in ("fixed", "free"):
        raise InputError(f"`beta_2` is a number, 'fixed' or 'free' (a state); got {beta_2!r}.")
    labels_only = attend.endswith("labels")
    if labels_only and beta_2 != "fixed":
        raise InputError("`beta_2` needs attend='all' or 'exact': with labels only it has no effect.")
    to_labels, beta_2 = (0.0, beta_2) if isinstance(beta_2, str) else (check_number(beta_2, "`beta_2`"), "fixed")
    exact = attend.startswith("exact")
    N, B = check_number(N, "parameter N"), check_number(B, "parameter B")
    loss, observables = exact_positions(labels_only, N, B) if exact else mean_field(labels_only)
    state = {
        "beta_1": State(0.01, "layer-1 logit: attend to the previous token"),
        "alpha": State(0.01, "layer-2 logit: match of buffered item and target item"),
        "xi": State(0.01, "classifier gain on the attended label"),
    }
    parameters = {
        "N": Parameter(N, "item-label pairs in the context", *((N, N) if exact else (1,))),
        "L": Parameter(32, "number of labels", 1),
        "B": Parameter(B, "burstiness: copies of each context class", *((B, B) if exact else (1,))),
    }
    if exact:
        parameters["eps"] = Parameter(0, "within-class noise", 0)
    else:
        parameters["M"] = Parameter("N", "keys competing with the previous token in layer 1", 1e-9)
    if beta_2 == "free":
        state["beta_2"] = State(0.01, "layer-2 logit: attend to label tokens")
    elif not labels_only:
        parameters["beta_2"] = Parameter(to_labels, "layer-2 logit: attend to label tokens")
    return GradientFlow(
        name="nested_logit",
        state=state,
        parameters=parameters,
        loss=loss,
        observables=observables,
        events={"escape_time": Event(observables["correct"], 0.5)},
        constraints=(
            Constraint("L - N/B", "`L` must be at least N/B, the labels in a context; got L={L:g}, N={N:g}, B={B:g}."),
            Constraint("N - B", "`B` must not exceed N; got B={B:g}, N={N:g}."),
        ),
        source="Reddy, ICLR 2024 (arXiv 2312.03002), nested-logit model of the induction head",
        options={"attend": attend, "beta_2": beta_2},
    )


def mean_field(labels_only: bool) -> tuple[sp.Expr, dict[str, sp.Expr]]:
    """Return loss and observables when all positions are alike."""
    N, L, B, M, beta_1, alpha, xi, beta_2 = sp.symbols("N L B M beta_1 alpha xi beta_2", real=True)
    E = sp.Integer(0) if labels_only else (N + 1) * sp.exp(-beta_2)
    p = sigmoid(beta_1 - sp.log(M))
    keys = ((B, alpha * p), (N - B + E, 0))
    q_c = softmax(0, *keys)
    q_o = B * sp.exp(-logsumexp(*keys))
    labels = ((1, 0), (N / B - 1, xi * (q_o - q_c)), (L - N / B, -xi * q_c))
    correct = softmax(0, *labels)
    return logsumexp(*labels), {
        "correct": correct,
        "CLA": correct + softmax(1, *labels),
        "ILA1": p,
        "TILA2": q_c,
        "TLA2": q_c + (N / B - 1) * q_o,
    }


def exact_positions(labels_only: bool, N: float, B: float) -> tuple[sp.Expr, dict[str, sp.Expr]]:
    """Return loss and observables averaged over the arrangements of the classes in the context.

    Contents are orthonormal: the buffer of token j overlaps with the target by the layer-1 attention that j
    pays to the items of the target's class, those being reduced by 1/(1+eps^2).
    """
    found, n, b = arrangements(N, B), int(N), int(B)
    L, eps, beta_1, alpha, xi, beta_2 = sp.symbols("L eps beta_1 alpha xi beta_2", real=True)
    match = alpha / (1 + eps**2)
    to_label = sp.Integer(0) if labels_only else beta_2

    def spread(token: int) -> sp.Expr:
        return softmax(1, (1, beta_1), (token - 1, 0)) / (token - 1) if token > 1 else sp.Integer(1)

    def previous(token: int) -> sp.Expr:
        return softmax(0, (1, beta_1), (token - 1, 0))

    @cache
    def logits(slot: int, seen: int, hit: bool) -> tuple[sp.Expr, sp.Expr]:
        """Return the logits of the item and the label in a slot after ``seen`` copies of the target."""
        item, label = (seen + hit) * spread(2 * slot - 1), seen * spread(2 * slot)
        label += previous(2 * slot) if hit else 0
        return match * item, match * label + to_label

    @cache
    def onwards(slot: int, seen: int, left: Slots) -> sp.Expr:
        """Return the log-sum-exp over the tokens from a slot on, with copies of the target in the slots ``left``."""
        if slot > n:
            return (match * b + alpha) * spread(2 * n + 1)
        hit = slot in left
        item, label = logits(slot, seen, hit)
        if labels_only and slot == n:
            return label
        terms = [(1, label), (1, onwards(slot + 1, seen + hit, left[hit:]))]
        return logsumexp(*terms) if labels_only else logsumexp((1, item), *terms)

    @cache
    def attended(slot: int, target: Slots) -> sp.Expr:
        """Return the layer-2 attention to the label in a slot, 0 standing for any slot before the target's."""
        first = target[0]
        total = onwards(first, 0, target)
        if first > 1:
            blank = [(first - 1, to_label)] if labels_only else [(first - 1, 0), (first - 1, to_label)]
            total = logsumexp(*blank, (1, total))
        seen = sum(k < slot for k in target)
        return sp.exp((logits(slot, seen, slot in target)[1] if slot else to_label) - total)

    losses, correct, context, tila, tla = [], [], [], [], []
    for (target, others), count in found.items():
        q_c = sp.Add(*(attended(k, target) for k in target))
        q_o = [(w, sp.Add(*(attended(k, target) for k in slots))) for slots, w in others]
        labels = [(1, 0), *((w, xi * (q - q_c)) for w, q in q_o)]
        loss = logsumexp(*labels, (L - n // b, -xi * q_c))
        losses.append(count * loss)
        correct.append(count * sp.exp(-loss))
        context.append(count * sp.exp(logsumexp(*labels) - loss))
        tila.append(count * q_c)
        tla.append(count * sp.Add(q_c, *(w * q for w, q in q_o)))

    def mean(values: list[sp.Expr]) -> sp.Expr:
        return sp.Add(*values) / found.total()

    ila = sp.Add(*(previous(2 * k) for k in range(1, n + 1))) / n
    return mean(losses), {
        "correct": mean(correct),
        "CLA": mean(context),
        "ILA1": ila,
        "TILA2": mean(tila),
        "TLA2": mean(tla),
    }


Slots = tuple[int, ...]
Arrangement = tuple[Slots, tuple[tuple[Slots, int], ...]]


def arrangements(N: float, B: float) -> Counter[Arrangement]:
    """Return the ways to give B of the N slots to the target's class and the rest, by B, to the others.

    Slots before the target's first are alike and written 0; classes with the same slots are counted together, and
    so are arrangements that differ in nothing else.
    """
    if int(N) != N or int(B) != B or N < 2 or not 1 <= B < N or N % B:
        raise InputError(f"exact positions need integers N >= 2 and B < N that divides N; got N={N:g}, B={B:g}.")
    n, b = int(N), int(B)
    contexts = factorial(n) // factorial(b) ** (n // b) // factorial(n // b - 1)
    if contexts > MAX_ARRANGEMENTS:
        raise InputError(
            f"exact positions at N={n}, B={b} average over {contexts} arrangements, the limit is {MAX_ARRANGEMENTS}: "
            "lower N, use B=1 or the mean field (attend='all')."
        )

    def split(slots: Slots) -> list[list[Slots]]:
        if not slots:
            return [[]]
        first, rest = slots[0], slots[1:]
        groups = [(first, *more) for more in combinations(rest, b - 1)]
        return [[group, *tail] for group in groups for tail in split(tuple(k for k in rest if k not in group))]

    every = tuple(range(1, n + 1))
    found: Counter[Arrangement] = Counter()
    for target in combinations(every, b):
        for others in split(tuple(k for k in every if k not in target)):
            alike = Counter(tuple(k if k > target[0] else 0 for k in slots) for slots in others)
            found[target, tuple(sorted(alike.items()))] += 1
    return found
