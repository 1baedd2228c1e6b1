"""The two mechanisms of the coopetition model: compact symbols, and numbers of a start."""

from dataclasses import dataclass

import sympy as sp

from minimodels.model import Model
from theory.derivation import Init
from theory.singh.setting import symbol

N_1, N_2, N_c, L_1, L_2, Z_1, Z_2 = (
    sp.Symbol(k, positive=True) for k in ("N_1", "N_2", "N_c", "L_1", "L_2", "Z_1", "Z_2")
)
mu_1, mu_2, share_1, share_2 = (symbol(k, i) for k in ("mu", "share") for i in (1, 2))
alpha = sp.Symbol("cost", real=True)
NAMES = ("a", "b", "c", "d")


def sizes() -> dict[sp.Symbol, sp.Expr]:
    """Return numbers of entries and losses of the two tensors."""
    made: dict[sp.Symbol, sp.Expr] = {}
    for size, of in ((N_1, "abc"), (N_2, "dbc"), (N_c, "ad")):
        made[size] = sp.Mul(*(symbol("d", k) for k in of))
    for loss, size, of in ((L_1, N_1, "abc"), (L_2, N_2, "dbc")):
        n, s, T = (sp.Mul(*(symbol(letter, k) for k in of)) for letter in "nsT")
        made[loss] = (n - 2 * s + T) / (2 * size)
    return made


@dataclass(frozen=True)
class Here:
    """Numbers of a bound model at a start."""

    n: dict[str, float]
    s: dict[str, float]
    T: dict[str, float]
    N_1: float
    N_2: float
    N_c: float
    mu: tuple[float, float]
    cost: float
    shares: tuple[float, float]

    @property
    def loss(self) -> tuple[float, float]:
        """Losses of the two mechanisms."""
        return self._loss("a", self.N_1), self._loss("d", self.N_2)

    def _loss(self, x: str, size: float) -> float:
        n, s, T = (v[x] * v["b"] * v["c"] for v in (self.n, self.s, self.T))
        return (n - 2 * s + T) / (2 * size)


def at(model: Model, init: Init) -> Here:
    """Return the numbers of a start."""
    v = model.values
    n, s = dict[str, float](), dict[str, float]()
    for x in NAMES:
        if f"n_{x}" in model.state:
            n[x], s[x] = init[f"n_{x}"], init[f"s_{x}"]
        else:
            n[x] = v[f"C_{x}"] + init[f"sigma_{x}"] ** 2 + init[f"r_{x}"] ** 2
            s[x] = v[f"C_{x}"] + init[f"sigma_{x}"] * max(0.0, v[f"T_{x}"] - v[f"C_{x}"]) ** 0.5
    b_c = v["d_b"] * v["d_c"]
    return Here(
        n, s, {x: v[f"T_{x}"] for x in NAMES}, v["d_a"] * b_c, v["d_d"] * b_c, v["d_a"] * v["d_d"],
        (v["mu_1"], v["mu_2"]), v["cost"], (v["share_1"], v["share_2"]),
    )  # fmt: skip
