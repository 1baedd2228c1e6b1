r"""Loss against parameters and tokens: published constants, and what repeats do to the laws.

Chinchilla, and with the data that is there only U_D times (Muennighoff et al. 2023):

.. math::

    L=E+\frac A{N^a}+\frac B{D^b}; \qquad D'=U_D+U_DR_D^*(1-e^{-R_D/R_D^*}),\ R_D=\frac D{U_D}-1
    \quad\text{in the place of } D, \text{ and } N' \text{ likewise.}
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minimodels.errors import InputError, check_between, check_choice, check_number, shown
from theory.hernandez.arguments import Array, check_values, plain

R_D = 15.39  # repeats of data that are worth as much as new data, over all (Muennighoff et al. 2023, arXiv 2305.16264)
R_N = 5.31  # the same of parameters beyond those that the unique data call for (ibid.)
PER_UNIQUE = 0.051  # parameters that a unique token calls for, U_N = 0.051 U_D (ibid.)


@dataclass(frozen=True)
class ScalingLaw:
    """Constants of L = E + A/N^a + B/D^b, and where they come from."""

    E: float
    A: float
    a: float
    B: float
    b: float
    source: str
    uncertain: str


LAWS = {
    "hoffmann": ScalingLaw(
        1.69, 406.4, 0.34, 410.7, 0.28, "Hoffmann et al. 2022 (arXiv 2203.15556)", "known from memory, not re-read"
    ),
    "besiroglu": ScalingLaw(
        1.8172, 482.01, 0.3478, 2085.43, 0.3658, "refit of Hoffmann's data, Besiroglu et al. 2024 (arXiv 2404.10102)",
        "as reported by others",
    ),
    "muennighoff": ScalingLaw(
        1.87, 521.0, 0.353, 1488.0, 0.353, "C4, Muennighoff et al. 2023 (arXiv 2305.16264)", "as reported by others"
    ),
}  # fmt: skip


def scaling_law(name: str = "besiroglu") -> ScalingLaw:
    """Return published constants of L = E + A/N^a + B/D^b, in nats per token.

    Parameters
    ----------
    name : {"hoffmann", "besiroglu", "muennighoff"}

    Examples
    --------
    >>> law = scaling_law("muennighoff")
    >>> law.E, law.b
    (1.87, 0.353)
    """
    return LAWS[check_choice(name, "`name`", LAWS)]


def chinchilla_loss(N: Any, D: Any, law: str | ScalingLaw = "besiroglu") -> Any:
    r"""Return the loss of a model of N parameters after D tokens, each seen once.

    .. math:: L=E+A/N^a+B/D^b

    Parameters
    ----------
    N, D : float or array_like
        Parameters and tokens, above 0.
    law : str or ScalingLaw
        Constants by name (see `scaling_law`), or your own.

    Examples
    --------
    >>> round(chinchilla_loss(70e9, 1.4e12, "hoffmann"), 2)
    1.94
    """
    return plain(_chinchilla(_sizes(N, "`N`"), _sizes(D, "`D`"), _law(law)))


def data_constrained_loss(
    N: Any, D: Any, unique: Any, law: str | ScalingLaw = "muennighoff", *, R_D: float = R_D, R_N: float = R_N
) -> Any:
    r"""Return the loss where only some tokens are unique and the whole corpus is seen again and again.

    .. math::

        U_D=\min(D_C,D), \quad D'=U_D+U_DR_D^*\big(1-e^{-R_D/R_D^*}\big), \quad R_D=D/U_D-1, \qquad
        U_N=\min(0.051\,U_D,N), \quad N'=U_N+U_NR_N^*\big(1-e^{-R_N/R_N^*}\big), \quad R_N=N/U_N-1

    Parameters
    ----------
    N, D : float or array_like
        Parameters, and tokens trained on.
    unique : float or array_like
        :math:`D_C`, tokens of the corpus.
    law : str or ScalingLaw
        Constants by name (see `scaling_law`), or your own.
    R_D, R_N : float
        :math:`R_D^*` and :math:`R_N^*`, the published ones unless given.

    Notes
    -----
    Holds for epochs over a whole corpus, not for a repeated part of it. Runs whose loss rose were left out of the fit:
    it falls with D always and cannot show double descent. Source: Muennighoff et al. 2023 (arXiv 2305.16264), as
    reported by others.

    Examples
    --------
    >>> data_constrained_loss(8.7e9, [k * 44e9 for k in (1, 4, 40, 80)], 44e9).round(3).tolist()
    [2.303, 2.206, 2.142, 2.14]
    """
    size, tokens, corpus = _sizes(N, "`N`"), _sizes(D, "`D`"), _sizes(unique, "`unique`")
    there = np.minimum(corpus, tokens)
    called = np.minimum(PER_UNIQUE * there, size)
    most = check_between(R_D, "`R_D`", 1e-3, 1e9), check_between(R_N, "`R_N`", 1e-3, 1e9)
    return plain(_chinchilla(_decaying(size, called, most[1]), _decaying(tokens, there, most[0]), _law(law)))


def epoch_penalty_loss(
    N: Any, unique: Any, repeats: Any, *, P: float, delta: float, kappa: float, law: str | ScalingLaw = "besiroglu"
) -> Any:
    r"""Return a loss that can rise with epochs: a penalty on repeats of what is small for the model.

    .. math:: L=E+\frac A{N^a}+\frac B{(U_D(1+R_D))^b}+P\,R_D^\delta\,(N/U_D)^\kappa

    Parameters
    ----------
    N, unique, repeats : float or array_like
        Parameters, unique tokens :math:`U_D`, and epochs beyond the first, :math:`R_D`.
    P, delta, kappa : float
        Constants of the penalty; none is at hand.
    law : str or ScalingLaw
        Constants of the rest.

    Notes
    -----
    Source: arXiv 2605.01640, as reported by others.

    Examples
    --------
    >>> seen = epoch_penalty_loss(1e9, 1e9, [0.0, 3.0, 300.0], P=0.01, delta=1.0, kappa=0.5)
    >>> bool(seen[1] < seen[0] < seen[2])
    True
    """
    size, corpus = _sizes(N, "`N`"), _sizes(unique, "`unique`")
    more = check_values(repeats, "`repeats`")
    weight, first, second = _constants(P=P, delta=delta, kappa=kappa)
    with np.errstate(over="ignore", invalid="ignore"):
        penalty = weight * more**first * (size / corpus) ** second
    return _finite(_chinchilla(size, corpus * (1 + more), _law(law)) + penalty)


def saturating_loss(
    N: Any, T: Any, unique: Any, *, E: float, L0: float, a: float, alpha: float, b: float, beta: float, c: float,
    gamma: float, delta: float,
) -> Any:  # fmt: skip
    r"""Return a loss that rises with parameters over unique tokens and never exceeds that of no training.

    .. math:: L=E+(L_0-E)\frac h{1+h}, \qquad h=\frac a{N^\alpha}+\frac b{T^\beta}+\frac{c\,N^\gamma}{D^\delta}

    Parameters
    ----------
    N, T, unique : float or array_like
        Parameters, tokens trained on, unique tokens D.
    E, L0 : float
        Least loss, and that of an untrained model.
    a, alpha, b, beta, c, gamma, delta : float
        Constants; none is at hand.

    Notes
    -----
    Source: arXiv 2605.09189, as reported by others.

    Examples
    --------
    >>> made = dict(E=1.7, L0=11.0, a=50.0, alpha=0.34, b=150.0, beta=0.28, c=1.0, gamma=0.5, delta=0.5)
    >>> bool(saturating_loss(1e9, 1e11, 1e8, **made) > saturating_loss(1e9, 1e11, 1e11, **made))
    True
    """
    size, tokens, corpus = _sizes(N, "`N`"), _sizes(T, "`T`"), _sizes(unique, "`unique`")
    least, first = _constants(E=E, L0=L0)
    a, alpha, b, beta, c, gamma, delta = _constants(a=a, alpha=alpha, b=b, beta=beta, c=c, gamma=gamma, delta=delta)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        h = a / size**alpha + b / tokens**beta + c * size**gamma / corpus**delta
        return _finite(least + (first - least) * h / (1 + h))


def tokens_for(loss_ratio: Any, N: float, D: float, law: ScalingLaw) -> Any:
    """Return the tokens after which a clean model has the loss of N and D times a ratio of at least 1."""
    height = np.asarray(loss_ratio) * _chinchilla(np.asarray(N), np.asarray(D), law) - law.E - law.A / N**law.a
    return (law.B / height) ** (1 / law.b)


def _sizes(value: Any, what: str) -> Array:
    return check_values(value, what, 1e-3)


def _constants(**given: Any) -> list[float]:
    return [check_between(value, f"`{name}`", 0.0, 1e6) for name, value in given.items()]


def _finite(loss: Any) -> Any:
    if not np.isfinite(loss).all():
        raise InputError("the loss is beyond floating point at these constants; use smaller exponents.")
    return plain(loss)


def _law(law: Any) -> ScalingLaw:
    if isinstance(law, ScalingLaw):
        for name in ("E", "A", "a", "B", "b"):
            check_number(getattr(law, name), f"`{name}` of the law")
        return law
    if not isinstance(law, str):
        raise InputError(f"`law` is a name, as 'hoffmann', or a ScalingLaw; got {shown(law)}.")
    return LAWS[check_choice(law, "`law`", LAWS)]


def _chinchilla(N: Array, D: Array, law: ScalingLaw) -> Any:
    return law.E + law.A / N**law.a + law.B / D**law.b


def _decaying(seen: Array, there: Array, scale: float) -> Array:
    """Return what repeats of a resource are worth, the more of them the less."""
    return there - there * scale * np.expm1(-(seen / there - 1) / scale)
