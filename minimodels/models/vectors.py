r"""Vectors that are learned, by what a loss knows of each: its squared norm and its overlap with its truth.

For a vector :math:`x` with truth :math:`x^*`, let :math:`n=\|x\|^2`, :math:`s=x\cdot x^*` and :math:`T=\|x^*\|^2`. If
the loss depends on vectors through these alone, then

.. math::

    \nabla_x\mathcal L = A\,x - B\,x^*, \qquad
    A = 2\,\partial\mathcal L/\partial n, \quad B = -\partial\mathcal L/\partial s,

and gradient descent closes in them. The first coordinates of a vector may be clamped to the truth, of squared norm
:math:`C` there; the others then have :math:`n-C`, :math:`s-C` and :math:`T-C`. With
:math:`g=1-\mathrm{lr}\,A` the exact update, without clamp, is

.. math::

    s \leftarrow g s+\mathrm{lr}\,B\,T, \qquad n\leftarrow g^2 n+2g\,\mathrm{lr}\,B\,s+\mathrm{lr}^2B^2\,T .

In components, :math:`\sigma` along the truth and the orthogonal remainder :math:`r`, both of the free coordinates,

.. math::

    n=C+\sigma^2+r^2, \qquad s=C+\sigma\sqrt{T-C}, \qquad
    n-\frac{s^2}{T}=r^2+\frac CT\big(\sqrt{T-C}-\sigma\big)^2,

the flow is the gradient flow, and its Euler step the exact descent; near the truth nothing cancels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from minimodels.model import Parameter, State

FORMS = ("overlaps", "components")
lr = sp.Symbol("lr", real=True)


@dataclass(frozen=True)
class Vector:
    """One vector: the symbols of its state and its parameters, and what they mean."""

    name: str
    form: str

    def symbol(self, letter: str) -> sp.Symbol:
        """Return a symbol with the name of the vector for its suffix."""
        return sp.Symbol(f"{letter}_{self.name}", real=True)

    @property
    def d(self) -> sp.Symbol:
        """Dimension."""
        return self.symbol("d")

    @property
    def T(self) -> sp.Symbol:
        """Squared norm of the truth."""
        return self.symbol("T")

    @property
    def C(self) -> sp.Symbol:
        """Squared norm of the truth on the clamped coordinates."""
        return self.symbol("C")

    @cached_property
    def n(self) -> sp.Expr:
        """Squared norm."""
        if self.form == "overlaps":
            return self.symbol("n")
        return self.C + self.symbol("sigma") ** 2 + self.symbol("r") ** 2

    @cached_property
    def s(self) -> sp.Expr:
        """Overlap with the truth."""
        return self.symbol("s") if self.form == "overlaps" else self.C + self.symbol("sigma") * sp.sqrt(self.T - self.C)

    @cached_property
    def remainder(self) -> sp.Expr:
        """Squared part orthogonal to the truth, n - s^2/T."""
        if self.form == "overlaps":
            return self.n - self.s**2 / self.T
        away = sp.sqrt(self.T - self.C) - self.symbol("sigma")
        return self.symbol("r") ** 2 + self.C / self.T * away**2

    @property
    def states(self) -> tuple[sp.Symbol, sp.Symbol]:
        """The two states."""
        letters = ("n", "s") if self.form == "overlaps" else ("sigma", "r")
        return self.symbol(letters[0]), self.symbol(letters[1])

    def stated(self) -> dict[str, State]:
        """Return the states as a model states them."""
        x, first, second = f"vector {self.name}", *self.states
        if self.form == "overlaps":
            norm = State(20.0, f"squared norm of {x}")
            return {str(first): norm, str(second): State(1.0, f"overlap of {x} with its truth")}
        along = State(0.2, f"component of {x} along its truth")
        return {str(first): along, str(second): State(4.0, f"norm of the part of {x} orthogonal to its truth")}

    def parameters(self, dimension: int = 20) -> dict[str, Parameter]:
        """Return the parameters as a model states them."""
        x = self.name
        return {
            f"d_{x}": Parameter(dimension, f"dimension of vector {x}", 1),
            f"T_{x}": Parameter(f"d_{x}", f"squared norm of the truth of vector {x}", 1e-300),
            f"C_{x}": Parameter(0, "squared norm of that truth on the first coordinates, which are clamped to it", 0),
        }

    def observables(self) -> dict[str, sp.Expr]:
        """Return norm and alignment, and in components the invariants."""
        x = self.name
        found = {f"norm_{x}": sp.sqrt(self.n), f"alignment_{x}": self.s / sp.sqrt(self.n * self.T)}
        return found if self.form == "overlaps" else {f"n_{x}": self.n, f"s_{x}": self.s, **found}


def product_loss(vectors: Sequence[Vector]) -> sp.Expr:
    """Return half the mean squared difference between the tensor product of the truths and that of the vectors."""
    size = sp.Mul(*(v.d for v in vectors))
    if vectors[0].form == "overlaps":
        norms, overlaps, truths = (sp.Mul(*(getattr(v, letter) for v in vectors)) for letter in "nsT")
        return (norms - 2 * overlaps + truths) / (2 * size)
    along = [v.s / sp.sqrt(v.T) for v in vectors]
    truth = sp.Mul(*(sp.sqrt(v.T) for v in vectors))
    orthogonal = [
        sp.Mul(*(a**2 for a in along[:i]), v.remainder, *(w.n for w in vectors[i + 1 :])) for i, v in enumerate(vectors)
    ]
    return ((sp.Mul(*along) - truth) ** 2 + sp.Add(*orthogonal)) / (2 * size)


def zero_loss(vectors: Sequence[Vector]) -> sp.Expr:
    """Return the loss of predicting zero."""
    return sp.Mul(*(v.T for v in vectors)) / (2 * sp.Mul(*(v.d for v in vectors)))


def motion(
    vectors: Sequence[Vector], gradient: Callable[[Vector, sp.Symbol], sp.Expr]
) -> tuple[dict[str, sp.Expr], dict[str, sp.Expr]]:
    """Return flow and exact descent of norms and overlaps; ``gradient(v, x)`` is the slope of the loss that v sees."""
    drift: dict[str, sp.Expr] = {}
    descent: dict[str, sp.Expr] = {}
    for v in vectors:
        n, s = v.states
        A, B = 2 * gradient(v, n), -gradient(v, s)
        g, step = 1 - lr * A, lr * B
        free_n, free_s, free_T = n - v.C, s - v.C, v.T - v.C
        drift |= {str(n): 2 * (B * free_s - A * free_n), str(s): B * free_T - A * free_s}
        descent |= {
            str(n): v.C + g**2 * free_n + 2 * g * step * free_s + step**2 * free_T,
            str(s): v.C + g * free_s + step * free_T,
        }
    return drift, descent


def progress(first: Vector, others: Sequence[Vector]) -> dict[str, sp.Expr]:
    """Return the two progress measures of a vector: its misalignment, and the loss if the others were the truth.

    Both leave the sign of the vector open, which the product does not identify.
    """
    misaligned = first.remainder / first.n
    size, truths = first.d * sp.Mul(*(v.d for v in others)), sp.Mul(*(v.T for v in others))
    return {
        "progress_1": sp.Max(0, misaligned) if first.form == "overlaps" else misaligned,
        "progress_2": truths * (first.n - 2 * sp.Abs(first.s) + first.T) / (2 * size),
    }
