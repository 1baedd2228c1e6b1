r"""Gradient flows of the weights of one linear self-attention layer that learns linear regression in context.

With :math:`W_{KQ}` and :math:`-W_{PV}` (entry of the label) multiples :math:`W` of the identity and :math:`A` of one,
the layer makes one step :math:`a=AW/n` of gradient descent on its context, and half its mean squared error is

.. math::

    \mathcal L = \frac{\tau^2 s}{2}\Big[d - 2Ns\,\frac{A\,\mathrm{tr}W}{n}
    + Ns\Big(sD+\frac{\sigma^2}{\tau^2}\Big)\frac{A^2\|W\|_F^2}{n^2}\Big], \qquad D=N+d+\kappa-2 .

``weights`` says which of its parameters move:

- ``merged``: :math:`W=u`, :math:`A=v`; :math:`u` fills the diagonal of a matrix and moves at the rate :math:`1/d`;
- ``separate``: :math:`W=kq`, :math:`A=pv`, the first two as :math:`u`;
- ``onset``: matrices of small random entries before the loss falls, closed in :math:`A=p\cdot v`,
  :math:`B=\mathrm{tr}\,K^\top Q` and the squared norms :math:`S_1=|p|^2+|v|^2`, :math:`S_2=\|K\|^2+\|Q\|^2`,
  :math:`\dot A=gBS_1`, :math:`\dot B=gAS_2`, :math:`\dot S_1=\dot S_2=4gAB`, :math:`g=\tau^2s^2N/n`;
- ``saturation``: what follows, :math:`K=Q` with singular values :math:`m_i`, :math:`W=\mathrm{diag}(m_i^2)`,
  :math:`A=p^2`, moving at half the rate of their factors;
- ``anisotropic-merged`` and ``anisotropic-separate``: Gaussian inputs of covariance
  :math:`\mathrm{diag}(\lambda_i)` and :math:`n=N`, with :math:`W=\mathrm{diag}(u_i)` and :math:`u_i=k_iq_i`,

.. math::

    \mathcal L = \frac{\tau^2}{2}\sum_i\big[\lambda_i - 2v\lambda_i^2u_i + v^2\lambda_i^2\Gamma_iu_i^2\big], \qquad
    \Gamma_i = \Big(1+\frac1N\Big)\lambda_i + \frac{\sum_j\lambda_j+\sigma^2/\tau^2}{N} .

Source: layer and task of J. von Oswald et al., ICML 2023 (arXiv 2212.07677); the anisotropic limit is that of R. Zhang,
S. Frei and P. Bartlett, JMLR 2024 (arXiv 2306.09927), the staircase that of Y. Zhang, A. Singh, P. Latham and A. Saxe,
ICML 2025 (arXiv 2501.16265); losses and reductions are derived here.
"""

from math import inf, sqrt

import sympy as sp

from minimodels.errors import check_between, check_choice, check_whole
from minimodels.model import Event, Flow, GradientFlow, Model, Parameter, State

WEIGHTS = ("merged", "separate", "onset", "saturation", "anisotropic-merged", "anisotropic-separate")
WARM = tuple({"weights": weights} for weights in WEIGHTS)
SOURCE = "von Oswald et al., ICML 2023 (arXiv 2212.07677), one linear self-attention layer"
N, d, s, kappa, tau, sigma, norm = sp.symbols("N d s kappa tau sigma norm", real=True)
STEP = 1 / (s * (N + d + kappa - 2) + sigma**2 / tau**2)  # the best one, on the sum over the context
DRIVE = tau**2 * s**2 * N / norm


def build(weights: str = "merged", d: float = 0) -> Model:
    """Return a flow of the layer's weights.

    Parameters
    ----------
    weights : {"merged", "separate", "onset", "saturation", "anisotropic-merged", "anisotropic-separate"}
        Which parameters move.
    d : int
        Dimension of the inputs; structural where every direction has a state, a number otherwise. 0: 10 of equal
        variance, and 3 if ``anisotropic``.

    Notes
    -----
    ``escape_time`` is half of the way to the final step, ``half_drop`` half of that to the final loss, and ``exit_i``
    half of the way to the final weight of direction i (``anisotropic``).
    """
    check_choice(weights, "`weights`", WEIGHTS)
    check_between(d, "`d`", 0, inf)
    anisotropic = weights.startswith("anisotropic")
    size = d or (3 if anisotropic else 10)
    if anisotropic:
        return directions(weights, check_whole(size, "`d`", high=64))
    if weights == "saturation":
        return saturation(check_whole(size, "`d`", high=64))
    return {"merged": merged, "separate": separate, "onset": onset}[weights](float(size))


def shared(n: float | str) -> dict[str, Parameter]:
    """Return the parameters of flows with inputs of equal variance."""
    return {
        "N": Parameter(10, "points in the context", 1),
        "s": Parameter("1/12", "variance of a coordinate; 1/12 for uniform between -1/2 and 1/2", 1e-12),
        "kappa": Parameter("9/5", "fourth moment of a coordinate over s^2: 9/5 uniform, 3 Gaussian", 1),
        "tau": Parameter(1, "standard deviation of a weight of the task", 1e-12),
        "sigma": Parameter(0, "standard deviation of the labels' noise", 0),
        "norm": Parameter(n, "what the sum over the context is divided by: 1 or N", 1e-12),
    }


def dimension(size: float) -> dict[str, Parameter]:
    """Return the dimension as a parameter."""
    return {"d": Parameter(size, "dimension of the inputs", 1)}


def half_error(value: sp.Expr, trace: sp.Expr, square: sp.Expr) -> sp.Expr:
    """Return the loss of A and of the trace and the squared norm of W."""
    a = value / norm
    return tau**2 * s / 2 * (d - 2 * N * s * a * trace + N * s * a**2 * square / STEP)


def one_step(step: sp.Expr) -> tuple[dict[str, sp.Expr], dict[str, Event]]:
    """Return observables and events of a layer that makes one step."""
    progress = step / STEP
    seen = {"a": step, "eta": step * N, "progress": progress}
    return seen, {"escape_time": Event(progress, 0.5), "half_drop": Event(2 * progress - progress**2, 0.5)}


def merged(size: float) -> GradientFlow:
    """Return the flow of merged weights, W = u and A = v."""
    u, v = sp.symbols("u v", real=True)
    observables, events = one_step(u * v / norm)
    return GradientFlow(
        name="linear_attention",
        state={"u": State(1e-3, "diagonal of W_KQ"), "v": State(1e-3 * sqrt(size), "entry of the label in -W_PV")},
        parameters=dimension(size) | shared("N"),
        loss=half_error(v, d * u, d * u**2),
        observables=observables,
        events=events,
        rates={"u": 1 / d},
        source=SOURCE,
        options={"weights": "merged"},
    )


def separate(size: float) -> GradientFlow:
    """Return the flow of separate keys, queries, values and projection, W = kq and A = pv."""
    k, q, p, v = sp.symbols("k q p v", real=True)
    observables, events = one_step(k * q * p * v / norm)
    x = 0.05
    return GradientFlow(
        name="linear_attention",
        state={
            "k": State(x, "diagonal of the keys' matrix"),
            "q": State(x, "diagonal of the queries' matrix"),
            "p": State(x * sqrt(size), "minus the projection of the label's value"),
            "v": State(x * sqrt(size), "value of the label"),
        },
        parameters=dimension(size) | shared(1),
        loss=half_error(p * v, d * k * q, d * (k * q) ** 2),
        observables=observables,
        events=events,
        rates={"k": 1 / d, "q": 1 / d},
        source=SOURCE,
        options={"weights": "separate"},
    )


def onset(size: float) -> Flow:
    """Return the flow of random weights of any scale before the loss falls."""
    A, B, S1, S2 = sp.symbols("A B S1 S2", real=True)
    observables, events = one_step(A * B / (d * norm))
    return Flow(
        name="linear_attention",
        state={
            "A": State(6e-4, "minus the entry of the label in W_PV, p.v"),
            "B": State(2e-3, "tr K'Q over the inputs"),
            "S1": State(4e-3, "|p|^2 + |v|^2; at least 2|A|"),
            "S2": State(4e-2, "|K|^2 + |Q|^2; at least 2|B|"),
        },
        parameters=dimension(size) | shared(1),
        drift={"A": DRIVE * B * S1, "B": DRIVE * A * S2, "S1": 4 * DRIVE * A * B, "S2": 4 * DRIVE * A * B},
        observables=observables,
        events={"escape_time": events["escape_time"]},
        source=SOURCE,
        options={"weights": "onset"},
    )


def saturation(size: int) -> GradientFlow:
    """Return the flow of aligned keys and queries, W of eigenvalues m_i^2 and A = p^2."""
    p, *m = sp.symbols(f"p m_1:{size + 1}", real=True)
    mu, A = [x**2 for x in m], p**2
    trace = sp.Add(*mu)
    loss = half_error(A, trace, sp.Add(*(x**2 for x in mu)))
    fall = 1 - loss / (tau**2 * s * d / 2)
    return GradientFlow(
        name="linear_attention",
        state={"p": State(0.1, "root of A: length of the projection and of the value of the label")}
        | {str(x): State(0.1 / (k + 1), f"singular value {k + 1} of keys and queries") for k, x in enumerate(m)},
        parameters={"d": Parameter(size, "dimension of the inputs", size, size)} | shared(1),
        loss=loss,
        observables={"A": A, "a": A * trace / (d * norm), "eta": A * trace * N / (d * norm)}
        | {f"mu_{k + 1}": x for k, x in enumerate(mu)},
        events={"half_drop": Event(fall / (N * s * STEP), 0.5)},
        rates=dict.fromkeys(("p", *map(str, m)), 0.5),
        source=SOURCE,
        options={"weights": "saturation", "d": size},
    )


def directions(weights: str, size: int) -> GradientFlow:
    """Return a flow with Gaussian inputs of covariance diag(lambda_i), W = diag(u_i), A = v."""
    v, x = sp.Symbol("v", real=True), 1e-3
    names = {kind: sp.symbols(f"{kind}_1:{size + 1}", real=True) for kind in ("lambda", "u", "k", "q")}
    variances, apart = names["lambda"], weights.endswith("separate")
    u = [k * q for k, q in zip(names["k"], names["q"], strict=True)] if apart else list(names["u"])
    gamma = [damping(one, variances) for one in variances]
    parts = [(one, one**2 * w, g) for one, w, g in zip(variances, u, gamma, strict=True)]
    loss = tau**2 / 2 * sp.Add(*(one - 2 * v * w + v**2 * g * w**2 / one**2 for one, w, g in parts))
    fall = tau**2 / 2 * sp.Add(*(one**2 / g for one, _, g in parts))
    fractions = {k + 1: v * g * w for k, (g, w) in enumerate(zip(gamma, u, strict=True))}
    kinds = {"k": "keys", "q": "queries"} if apart else {"u": "W_KQ"}
    start = 0.03 if apart else x
    return GradientFlow(
        name="linear_attention",
        state={"v": State(start * sqrt(size), "entry of the label in -W_PV")}
        | {f"{k}_{i}": State(start, f"entry {i} of {what}") for k, what in kinds.items() for i in fractions},
        parameters={
            "N": Parameter(20, "points in the context", 1),
            **{
                str(x): Parameter(f"2**(-{i})", f"variance {i + 1} of the inputs", 1e-12)
                for i, x in enumerate(variances)
            },
            "tau": Parameter(1, "standard deviation of a weight of the task", 1e-12),
            "sigma": Parameter(0, "standard deviation of the labels' noise", 0),
        },
        loss=loss,
        observables={f"progress_{i}": fraction for i, fraction in fractions.items()},
        events={"half_drop": Event((tau**2 / 2 * sp.Add(*variances) - loss) / fall, 0.5)}
        | {f"exit_{i}": Event(fraction, 0.5) for i, fraction in fractions.items()},
        source=SOURCE,
        options={"weights": weights, "d": size},
    )


def damping(variance: sp.Expr, variances: tuple[sp.Expr, ...]) -> sp.Expr:
    """Return Gamma_i of a direction."""
    return (1 + 1 / N) * variance + (sp.Add(*variances) + sigma**2 / tau**2) / N
