"""Published runs of models of vectors: the draws of Singh et al., and what descent with learning rate 1 makes of them.

Starts are the draws of the authors' code (arXiv 2404.07129 and 2503.05631), as squared norms of truths and vectors and
their overlaps, to eight digits. Iterations at which `FOUR` stops were printed by the authors; all other numbers were
computed from these starts (10 digits and more, rounded).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minimodels.model import Model
from minimodels.vectors import place_vectors

Columns = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Drawn:
    """A start, one number a vector: squared norm of the truth, squared norm, overlap."""

    T: tuple[float, ...]
    n: tuple[float, ...]
    s: tuple[float, ...]


THREE: dict[int, Drawn] = {  # by seed; vectors 1, 2, 3 of `tensor_product`, each of 20 dimensions
    0: Drawn((21.560027, 27.762181, 12.049789), (24.496356, 22.893075, 19.0518), (-7.3158605, 7.4679107, -5.3427649)),
    1: Drawn((20.134788, 10.466585, 16.703843), (22.632738, 13.536569, 27.994776), (-0.084783046, -2.766988, 5.499674)),
    2: Drawn((21.634249, 20.051382, 15.826695), (28.637938, 27.909372, 14.570386), (-1.6807414, 10.446326, 3.9054977)),
    3: Drawn((27.314871, 25.194457, 19.111494), (21.042976, 16.616195, 21.215067),
             (-9.4869025, -0.4141158, -2.3579307)),
    4: Drawn((19.38508, 9.539598, 23.910855), (14.577658, 29.339793, 26.698132), (-0.60021061, 0.62020027, 1.4539729)),
    5: Drawn((18.563167, 9.246293, 22.583629), (23.845904, 21.761605, 19.423063), (-7.0567363, -0.30325639, 1.5669396)),
}  # fmt: skip
CLAMPS: tuple[tuple[str, ...], ...] = ((), ("3",), ("2", "3"))  # the conditions of the tables below, in this order
HALVED = {  # seed: iteration at which the loss is halved
    0: (104, 127, 21), 1: (744, 116, 33), 2: (426, 54, 20), 3: (190, 33, 13), 4: (6162, 173, 23), 5: (499, 60, 35),
}  # fmt: skip
LOSSES = {  # seed 1: iteration -> loss; the last two are below 1e-15
    0: (0.7558986, 0.5393701, 0.4691741),
    1: (0.6013084, 0.4931115, 0.4488915),
    10: (0.3005834, 0.3141261, 0.3015834),
    50: (0.2269134, 0.2171693, 0.05148744),
    200: (0.2198883, 3.766752e-3, 6.804608e-5),
    500: (0.2183008, 5.05966e-9, 1.18852e-10),
    999: (7.74845e-6, 0.0, 0.0),
}
ZERO_LOSS = 0.2200131  # seed 1: the loss of predicting zero
BELOW = {0.9: (671, 71, 20), 0.5: (744, 116, 33), 0.1: (798, 161, 70), 0.01: (857, 212, 122)}  # seed 1: share of that
MEASURES = {  # seed 1: progress measures at iterations 0, 50, 200, 400
    "progress_1": (0.999984, 0.997502, 0.989306, 0.962942),
    "progress_2": (0.465468, 0.310936, 0.287483, 0.261623),
}
SMALL = {  # seed, scale of the start: iteration at which the loss is halved; what is predicted
    (1, 0.1): ((1901, 137, 16), (1884.1, 132.9, 15.7)),
    (1, 0.03): ((6388, 176, 16), (6381.4, 172.6, 15.7)),
    (1, 0.01): ((19237, 212, 16), (19230.7, 208.8, 15.7)),
    (0, 0.03): ((2057, 199, 9), (2052.1, 195.4, 8.1)),
    (2, 0.03): ((3823, 114, 9), (3816.7, 111.6, 8.6)),
    (3, 0.03): ((3580, 78, 6), (3574.0, 75.8, 5.6)),
    (4, 0.03): ((43347, 196, 13), (43302.8, 192.0, 12.0)),
}

FOUR: dict[int, Drawn] = {  # by seed; vectors a, b, c, d of `coopetition`, of 20, 20, 20 and 160 dimensions
    0: Drawn((19.270072, 15.762621, 19.587256, 140.57505), (27.269648, 18.240474, 15.012434, 143.14648),
             (-0.68543925, 2.620888, -0.8331615, 8.6849527)),
    1: Drawn((22.733789, 13.609992, 27.990625, 150.01373), (16.461675, 9.7390159, 16.077525, 165.63795),
             (3.0776585, 3.9565162, 0.079751654, 4.4408985)),
    2: Drawn((30.67144, 14.216534, 14.738825, 149.62408), (27.571216, 21.791845, 33.543064, 152.41311),
             (0.94396144, 1.6743044, -3.4528914, 2.0089629)),
    3: Drawn((11.855997, 28.65703, 13.858307, 186.80524), (17.485676, 21.572776, 20.309388, 170.32463),
             (-7.1254271, -4.9081495, -6.2756002, 13.893789)),
    4: Drawn((16.837358, 14.894845, 17.011543, 172.28575), (22.593817, 14.562945, 29.63021, 172.51692),
             (-1.7366684, -1.4050062, 7.30913, -5.5537409)),
    5: Drawn((32.245687, 20.170944, 23.783561, 171.6909), (25.876029, 12.406483, 17.775727, 159.4844),
             (-10.165255, 1.7834457, -9.0696411, -3.6482143)),
    6: Drawn((17.915697, 21.751192, 13.602235, 153.03467), (16.962579, 12.745073, 19.594066, 165.17646),
             (3.0549713, -5.9346118, 2.657357, 18.973026)),
    7: Drawn((13.537775, 18.741352, 14.233641, 154.57138), (35.613871, 15.791501, 14.711979, 135.70056),
             (-7.6122391, 3.4467139, 2.107485, 10.016679)),
}  # fmt: skip
STEPS = 16_000  # of descent, after which the authors stop
STOPPED = {0: 8834, 1: 14482, 2: nan, 3: 6138, 4: 9306, 5: 5104, 6: 8146, 7: 9620}  # loss below 1e-6
STOPPED_PERFECT = {0: 8661, 1: 15787, 2: nan, 3: 8291, 4: 9931, 5: 5258, 6: 9247, 7: 10080}  # mu_1 = 0, below 1e-3
ROUNDING = (1, 3)  # seeds whose last iteration with mu_1 = 0 rounding decides: with L_2 growing, lr = 1 is unstable
TRAJECTORY = {  # seed 7: iteration -> loss, loss_1, loss_2, competition
    0: (0.557569, 0.749741, 0.567298, 0.755128),
    100: (0.130882, 0.230882, 0.327632, 0.224747),
    1000: (0.105063, 0.225710, 0.322408, 5.14287e-4),
    4600: (0.0840458, 0.157741, 0.309476, 0.0428111),
    4800: (0.0517271, 0.0255149, 0.320218, 0.115350),
    5500: (0.0219449, 0.00280925, 0.164774, 0.0500459),
    7000: (9.11455e-4, 0.0533685, 2.07772e-3, 5.92798e-3),
    9000: (4.63745e-6, 0.205201, 2.88088e-10, 4.63736e-5),
    9620: (9.99392e-7, 0.216065, 3.911646e-12, 9.99391e-6),  # loss_2 by 40 digits; overlaps lose its last three
}
DIVOTS = {  # seed: loss_2 at its minimum before, and at its maximum after mechanism 1 emerges
    0: (0.3278, 0.3643), 1: (0.4403, 0.5485), 3: (0.5684, 0.6549), 4: (0.3346, 0.3448), 5: (0.6477, 0.8407),
    6: (0.3388, 0.3705), 7: (0.30918, 0.32029),
}  # fmt: skip
HALF_TIMES = {  # of loss_1, seeds 0, 4, 7: as it is, b and c clamped, a gradient on them taken away
    "none": (3534, 4550, 4667), "clamped": (34, 37, 67), "share_2": (3679, 1022, 8187), "share_1": (4776, 7751, 3743),
}  # fmt: skip
HALF_TIMES_2 = {"none": (4248, 5377, 5516), "clamped": (983, 1373, 1022)}  # the same of loss_2


def published_vectors(
    model: Model, seeds: Sequence[int] | None = None, *, scale: ArrayLike = 1.0, clamped: Sequence[str] = ()
) -> Columns:
    """Return published starts as columns for ``points`` of `sweep`, in the model's form.

    Parameters
    ----------
    model : Model
        `tensor_product` of three vectors, or `coopetition`.
    seeds : sequence of int, optional
        Which; all unless given.
    scale : float or array (P,)
        Factor of the starts, by seed.
    clamped : sequence of str
        Vectors that are held at their truth.
    """
    table = FOUR if "C_a" in model.parameters else THREE
    rows = [table[seed] for seed in (table if seeds is None else seeds)]
    names = [k[2:] for k in model.parameters if k.startswith("T_")]
    T, n, s = (np.array([getattr(row, letter) for row in rows]).T for letter in "Tns")
    e = np.asarray(scale)
    given = (dict(zip(names, v, strict=True)) for v in (T, e**2 * n, e * s))
    return at_truth(place_vectors(model, **dict(zip("Tns", given, strict=True))), *clamped)


def at_truth(columns: Mapping[str, NDArray[np.float64]], *names: str) -> Columns:
    """Return columns with whole vectors at their truth, held there."""
    found = dict(columns)
    for x in names:
        truth = found[f"T_{x}"]
        there = {"n": truth, "s": truth} if f"n_{x}_0" in columns else {"sigma": 0 * truth, "r": 0 * truth}
        found |= {f"C_{x}": truth, **{f"{letter}_{x}_0": value for letter, value in there.items()}}
    return found


def bound(model: Model, columns: Mapping[str, NDArray[np.float64]], row: int = 0) -> tuple[Model, dict[str, float]]:
    """Return the model with the parameters of one row of columns, and the initial values of its states."""
    values = {name: float(column[row]) for name, column in columns.items()}
    parameters = {name: value for name, value in values.items() if name in model.parameters}
    states = {name.removesuffix("_0"): value for name, value in values.items() if name not in parameters}
    return model.with_values(**parameters), states
