"""What every derivation about the nested-logit model starts from: its own expressions and compact symbols."""

from dataclasses import dataclass

import numpy as np
import sympy as sp

from minimodels.model import Model
from minimodels.models import model as build
from minimodels.primitives import elementary

A_0, N_c, c, f, p_0, delta, lam, t, u, x_0 = sp.symbols("A_0 N_c c f p_0 delta lambda t u x_0", positive=True)
eta_xi, eta_alpha, eta_beta_1 = sp.symbols("eta_xi eta_alpha eta_beta_1", positive=True)
W, CLA = sp.symbols("W CLA", positive=True)
SOURCE = "Reddy, ICLR 2024 (arXiv 2312.03002), phenomenological model"
HERE = "derived here from the loss of the model of " + SOURCE


def rate(state: str) -> sp.Symbol:
    """Return the symbol of the rate of a state."""
    return sp.Symbol(f"eta_{state}", positive=True)


@dataclass(frozen=True)
class Setting:
    """A mean-field form of the model and the compact symbols of its theory.

    Attributes
    ----------
    model : Model
    where : dict
        Compact symbols -> model parameters, in order of dependence.
    loss, p, q_c, q_o, r, r_C : sympy.Expr
        The model's loss and attention, with plain exponentials.
    drift : dict
        The model's drift without rates, with plain exponentials.
    """

    model: Model
    where: dict[sp.Symbol, sp.Expr]
    loss: sp.Expr
    drift: dict[str, sp.Expr]
    p: sp.Expr
    q_c: sp.Expr
    q_o: sp.Expr
    r: sp.Expr
    r_C: sp.Expr

    @property
    def s(self) -> dict[str, sp.Symbol]:
        """Symbols of states and parameters by name."""
        return self.model.symbols

    def at(self, expr: sp.Expr, **states: sp.Expr | int) -> sp.Expr:
        """Return ``expr`` with some states replaced."""
        return expr.subs({self.s[k]: v for k, v in states.items()})

    def change(self, expr: sp.Expr) -> sp.Expr:
        """Return the rate of change of ``expr`` along the flow, with a rate for every state."""
        return sp.Add(*(sp.diff(expr, self.s[k]) * rate(k) * v for k, v in self.drift.items()))

    def linear(self) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
        """Return the model's flow at the origin: speed of xi, of alpha per unit of xi, of xi per alpha."""
        speed = eta_xi * self.at_origin(self.drift["xi"])
        onto_alpha = eta_alpha * self.at_origin(sp.diff(self.drift["alpha"], self.s["xi"]))
        onto_xi = eta_xi * self.at_origin(sp.diff(self.drift["xi"], self.s["alpha"]))
        return speed, onto_alpha, onto_xi

    def at_origin(self, expr: sp.Expr) -> sp.Expr:
        """Return ``expr`` at the state 0."""
        return self.at(expr, **dict.fromkeys(self.model.state, 0))


def setting(attend: str, beta_2: str) -> Setting:
    """Return the setting of the mean-field form that belongs to ``attend``."""
    labels_only = attend.endswith("labels")
    m = build("nested_logit", attend="labels" if labels_only else "all", beta_2=beta_2)
    s = m.symbols
    q_c, tla = elementary(m.observables["TILA2"]), elementary(m.observables["TLA2"])
    r, on_context = elementary(m.observables["correct"]), elementary(m.observables["CLA"])
    rest = {s["alpha"]: 0, **({s["beta_2"]: 0} if "beta_2" in m.state else {})}
    where = {
        N_c: s["N"] / s["B"],
        A_0: sp.factor(sp.simplify(q_c.subs(rest))),
        p_0: sp.simplify(elementary(m.observables["ILA1"]).subs(s["beta_1"], 0)),
        c: N_c / (s["L"] - N_c),
        f: 1 - A_0 - (N_c / s["L"]) * (1 / N_c - A_0),
    }
    return Setting(
        model=m,
        where=where,
        loss=elementary(m.loss),
        drift={k: elementary(v) for k, v in m.drift.items()},
        p=elementary(m.observables["ILA1"]),
        q_c=q_c,
        q_o=(tla - q_c) / (s["N"] / s["B"] - 1),
        r=r,
        r_C=on_context - r,
    )


def draw(rng: np.random.Generator) -> dict[str, float]:
    """Draw a random point: parameters, states, rates and the auxiliary variables of the derivations."""
    n = rng.uniform(2, 16)
    b = rng.uniform(1, min(4, n / 1.5))
    point = {"N": n, "B": b, "L": n / b * rng.uniform(1.05, 16), "M": rng.uniform(0.5, 20)}
    point |= {k: rng.normal(0, 1.5) for k in ("beta_1", "alpha", "xi")}
    point |= {"beta_2": rng.uniform(-1, 1), "t": rng.uniform(1, 100), "u": rng.uniform(0.1, 3)}
    point |= {k: rng.lognormal(0, 1) for k in ("eta_xi", "eta_alpha", "eta_beta_1", "W", "x_0")}
    return point | {"eta_beta_2": rng.lognormal(0, 1)}
