r"""A linear model trained on a fresh stream and a small repeated set: freshness as ridge (Hernandez et al. 2022).

Of the gradient, a share :math:`1-f` comes from fresh samples, in the mean that of the population, and :math:`f` from
:math:`n` fixed ones with noise of variance :math:`\sigma^2`. Along an eigenvector of their covariance of inputs, with
eigenvalue :math:`s`, the deviation from the truth is an initial one that decays, :math:`\beta`, and what the noise puts
in its place, :math:`\alpha` per unit of noise:

.. math::

    \dot\beta = -h\,\beta, \qquad \dot\alpha = f - h\,\alpha, \qquad h = 1-f+f s .

Of :math:`p` directions, :math:`c=p/n`, the eigenvalues follow the law of Marchenko and Pastur with ratio :math:`c`, and
the excess of the test error over :math:`\sigma^2` is

.. math::

    E-\sigma^2 = S_0\Big[\int\!d\mathrm{MP}_c(s)\,\beta^2 + (1-\tfrac1c)_+\,\beta_0^2\Big]
    + \sigma^2 c\int\!d\mathrm{MP}_c(s)\,s\,\alpha^2 ,

with :math:`\beta_0` of the directions that the fixed samples do not have (:math:`s=0`). At the end the fresh stream is
a ridge penalty of strength :math:`(1-f)/f`.

With :math:`s=1+c+2\sqrt c\cos\vartheta` the integrals are means over ``nodes`` angles, midpoints of equal intervals, of
:math:`(\beta^2-\beta_0^2)/s`, which has no pole, and :math:`\beta_0^2` is left over whatever :math:`c` is.

Source: D. Hernandez et al., "Scaling laws and interpretability of learning from repeated data", 2022 (arXiv
2205.10487), for the mixture; the model is of this library.
"""

import sympy as sp

from minimodels.errors import check_whole
from minimodels.model import Flow, Parameter, State


def build(nodes: int = 24) -> Flow:
    """Return the mean over directions of a linear model that sees repeated samples.

    Parameters
    ----------
    nodes : int
        Eigenvalues that stand for all.

    Notes
    -----
    Observables: ``excess``, of the test error over sigma2, and its two parts, ``bias`` and ``noise``. All inputs have
    the same variance, and time is learning rate x steps in units of its inverse.
    """
    count = check_whole(nodes, "`nodes`", high=256)
    f, c, S0, sigma2, rest = sp.symbols("f c S0 sigma2 beta_0", real=True)
    state = {"beta_0": State(1, "initial deviation left where the repeated set has no direction")}
    drift = {"beta_0": -(1 - f) * rest}
    bias, noise = rest**2, sp.S(0)
    for k in range(1, count + 1):
        beta, alpha = sp.symbols(f"beta_{k} alpha_{k}", real=True)
        angle = sp.pi * (2 * k - 1) / (2 * count)
        s = 1 + c + 2 * sp.sqrt(c) * sp.cos(angle).evalf(20)
        weight = (2 * sp.sin(angle) ** 2 / count).evalf(20)  # of s times the density
        h = 1 - f + f * s
        state |= {
            f"beta_{k}": State(1, f"initial deviation left along eigenvalue {k}"),
            f"alpha_{k}": State(0, f"deviation by a unit of noise along eigenvalue {k}"),
        }
        drift |= {f"beta_{k}": -h * beta, f"alpha_{k}": f - h * alpha}
        bias += weight / s * (beta**2 - rest**2)
        noise += weight * alpha**2
    excess = S0 * bias + sigma2 * c * noise
    return Flow(
        name="fresh_ridge",
        state=state,
        parameters={
            "f": Parameter(0.5, "share of the gradient that comes from the repeated set", 0, 1),
            "c": Parameter(1, "directions per sample of the repeated set, p/n", 1e-9),
            "S0": Parameter(1, "initial excess of the test error", 0),
            "sigma2": Parameter(1, "variance of the noise of a label", 0),
        },
        drift=drift,
        observables={"loss": sigma2 + excess, "excess": excess, "bias": S0 * bias, "noise": sigma2 * c * noise},
        source="Hernandez et al. 2022 (arXiv 2205.10487), a linear model of its mixture of fresh and repeated data",
        options={"nodes": count},
    )
