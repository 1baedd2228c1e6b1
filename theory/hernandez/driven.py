r"""Derivation of the kinetics: what a copying circuit needs of the drive that memorisation leaves."""

import mpmath
import sympy as sp

from theory.checks import together, vanishes
from theory.derivation import Check, Regime, Result, Step
from theory.hernandez.kinetics import memorisation_kinetics
from theory.hernandez.setting import N, f, real, same
from theory.vocabulary import equal, label

w, x, I = sp.symbols("w x I", positive=True)  # noqa: E741
b_0 = sp.Symbol("b_0", real=True)
KEY = label("b")
SOURCE = "Nguyen & Reddy, ICLR 2025 (arXiv 2412.00104)"


def results() -> list[Result]:
    """Return the result about the drive that a circuit needs."""
    drive = N * sp.exp(-b_0) * sp.sqrt(sp.pi / 2)
    stated_ = sp.Tuple(
        equal(KEY, b_0 + w**2 / 2), equal(label(r"\int I\,dt"), drive), equal(label(r"t_f/t_0"), 1 / (1 - f))
    )

    def kept(stated: sp.Basic) -> Check:
        """The slope of b over w, db/dt over dw/dt, and the start."""
        return same((sp.diff(stated.rhs, w), w), (stated.rhs.subs(w, 0), b_0))

    def needs(stated: sp.Basic) -> Check:
        """The integral of N e^-b over w, by quadrature."""
        left = []
        with mpmath.workdps(20):
            for places, start in ((10, 0.0), (100, 1.0), (37, -2.0)):
                whole = mpmath.quad(lambda v: places * mpmath.exp(-start - v**2 / 2), [0, 4, mpmath.inf])  # noqa: B023
                left.append(real(stated.rhs.subs({N: places, b_0: start})) / float(whole) - 1)
        return vanishes(left, 1e-10, "quadrature at 3 points")

    def delays(stated: sp.Basic) -> Check:
        """The time at the drive (1-f)I over that at I."""
        slow, fast = drive / ((1 - f) * I), drive / I
        number = memorisation_kinetics(10, 0.5).delay
        return together(
            same((stated.rhs, slow / fast)),
            lambda: vanishes([real(stated.rhs.subs(f, 0.5)) / number - 1], 1e-12, "the number at f = 1/2"),
        )

    steps = (
        Step.tested("With $\\dot w=Ie^b/N$ and $\\dot b=Iwe^b/N$ the key strength follows the value strength,",
                    stated_.args[0], kept),
        Step.tested("so that both run away once $\\int I\\,dt=\\int N e^{-b}dw$ has reached", stated_.args[1], needs),
        Step.tested("In a mixture $I\\ge(1-f)I_0$ never vanishes, and the delay is at most", stated_.args[2], delays),
    )  # fmt: skip
    return [
        Result(
            name="drive",
            title="The drive that a copying circuit needs, and its delay by repeats",
            statement=stated_,
            steps=steps,
            regime=Regime(
                "start at w = 0, e^b far below N, circuits independent. Uncertain: a reconstruction; kinetics alone "
                "cannot explain damage at f = 0.03 to 0.1"
            ),
            reference=f"{SOURCE}, reconstructed",
            evaluate=lambda model, init: {},
        )
    ]
