"""The toy models of Singh et al. read literally: whole tensors, gradients by contraction; and their published draws.

Tables: inputs of the authors' draws to eight digits and what descent makes of them (lr = 1), from the authors' code
(arXiv 2404.07129 and 2503.05631) as the science file gives them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minimodels.vectors import place_vectors

# seed: T, n, s of a, b, c; iteration at which the loss is halved, with nothing, c, b and c clamped
THREE: dict[int, tuple[str, str, str, tuple[int, int, int]]] = {
    0: (
        "21.560027 27.762181 12.049789", "24.496356 22.893075 19.0518", "-7.3158605 7.4679107 -5.3427649",
        (104, 127, 21),
    ),
    1: (
        "20.134788 10.466585 16.703843", "22.632738 13.536569 27.994776", "-0.084783046 -2.766988 5.499674",
        (744, 116, 33),
    ),
    2: (
        "21.634249 20.051382 15.826695", "28.637938 27.909372 14.570386", "-1.6807414 10.446326 3.9054977",
        (426, 54, 20),
    ),
    3: (
        "27.314871 25.194457 19.111494", "21.042976 16.616195 21.215067", "-9.4869025 -0.4141158 -2.3579307",
        (190, 33, 13),
    ),
    4: (
        "19.38508 9.539598 23.910855", "14.577658 29.339793 26.698132", "-0.60021061 0.62020027 1.4539729",
        (6162, 173, 23),
    ),
    5: (
        "18.563167 9.246293 22.583629", "23.845904 21.761605 19.423063", "-7.0567363 -0.30325639 1.5669396",
        (499, 60, 35),
    ),
}  # fmt: skip

# seed: T, n, s of a, b, c, d; iteration at which the loss is below 1e-6 (mu_1 = 0.1), below 1e-3 (mu_1 = 0)
FOUR: dict[int, tuple[str, str, str, float, float]] = {
    0: (
        "19.270072 15.762621 19.587256 140.57505", "27.269648 18.240474 15.012434 143.14648",
        "-0.68543925 2.620888 -0.8331615 8.6849527", 8834, 8661,
    ),
    1: (
        "22.733789 13.609992 27.990625 150.01373", "16.461675 9.7390159 16.077525 165.63795",
        "3.0776585 3.9565162 0.079751654 4.4408985", 14482, 15787,
    ),
    2: (
        "30.67144 14.216534 14.738825 149.62408", "27.571216 21.791845 33.543064 152.41311",
        "0.94396144 1.6743044 -3.4528914 2.0089629", np.nan, np.nan,
    ),
    3: (
        "11.855997 28.65703 13.858307 186.80524", "17.485676 21.572776 20.309388 170.32463",
        "-7.1254271 -4.9081495 -6.2756002 13.893789", 6138, 8291,
    ),
    4: (
        "16.837358 14.894845 17.011543 172.28575", "22.593817 14.562945 29.63021 172.51692",
        "-1.7366684 -1.4050062 7.30913 -5.5537409", 9306, 9931,
    ),
    5: (
        "32.245687 20.170944 23.783561 171.6909", "25.876029 12.406483 17.775727 159.4844",
        "-10.165255 1.7834457 -9.0696411 -3.6482143", 5104, 5258,
    ),
    6: (
        "17.915697 21.751192 13.602235 153.03467", "16.962579 12.745073 19.594066 165.17646",
        "3.0549713 -5.9346118 2.657357 18.973026", 8146, 9247,
    ),
    7: (
        "13.537775 18.741352 14.233641 154.57138", "35.613871 15.791501 14.711979 135.70056",
        "-7.6122391 3.4467139 2.107485 10.016679", 9620, 10080,
    ),
}  # fmt: skip


def table(
    m: Any, rows: Sequence[tuple[str, str, str]], *, scale: float | Sequence[float] = 1.0
) -> dict[str, np.ndarray]:
    """Return the published draws as columns of a sweep, starts multiplied by ``scale``."""
    T, n, s = (np.array([[float(v) for v in row[i].split()] for row in rows]).T for i in range(3))
    names = [k[2:] for k in m.parameters if k.startswith("T_")]
    e = np.asarray(scale)
    return place_vectors(
        m, T=dict(zip(names, T, strict=True)), n=dict(zip(names, e**2 * n, strict=True)),
        s=dict(zip(names, e * s, strict=True)),
    )  # fmt: skip


def clamped(columns: Mapping[str, np.ndarray], *names: str) -> dict[str, np.ndarray]:
    """Return columns with whole vectors at their truth, held there."""
    found = dict(columns)
    for x in names:
        truth = found[f"T_{x}"]
        found |= {f"C_{x}": truth}
        at_truth = {f"n_{x}_0": truth, f"s_{x}_0": truth}
        found |= at_truth if f"n_{x}_0" in columns else {f"sigma_{x}_0": 0 * truth, f"r_{x}_0": 0 * truth}
    return found


def only(m: Any, columns: Mapping[str, np.ndarray], row: int = 0) -> tuple[Any, dict[str, float]]:
    """Return a model and initial values for one row."""
    values = {k: float(v[row]) for k, v in columns.items()}
    return (
        m.with_values(**{k: v for k, v in values.items() if k in m.parameters}),
        {k.removesuffix("_0"): v for k, v in values.items() if k not in m.parameters},
    )


def outer(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the whole tensor product."""
    tensor = np.ones(())
    for v in vectors:
        tensor = np.multiply.outer(tensor, v)
    return tensor


def contracted(tensor: np.ndarray, vectors: Sequence[np.ndarray], free: int) -> np.ndarray:
    """Return the tensor applied to all vectors but one."""
    for axis in reversed(range(len(vectors))):
        if axis != free:
            tensor = np.tensordot(tensor, vectors[axis], axes=(axis, 0))
    return tensor


def mean_square(truths: Sequence[np.ndarray], vectors: Sequence[np.ndarray]) -> tuple[float, list[np.ndarray]]:
    """Return half the mean squared error of a tensor product, and its gradient in every vector."""
    residual = outer(vectors) - outer(truths)
    gradients = [contracted(residual, vectors, i) / residual.size for i in range(len(vectors))]
    return float((residual**2).mean() / 2), gradients


def both(
    truths: Mapping[str, np.ndarray], vectors: Mapping[str, np.ndarray], mu_1: float, mu_2: float, cost: float,
    share_1: float = 1.0, share_2: float = 1.0,
) -> tuple[dict[str, float], dict[str, np.ndarray]]:  # fmt: skip
    """Return the losses of the coopetition model and its gradient in every vector, from whole tensors."""
    abc, dbc = "abc", "dbc"
    loss_1, first = mean_square([truths[x] for x in abc], [vectors[x] for x in abc])
    loss_2, second = mean_square([truths[x] for x in dbc], [vectors[x] for x in dbc])
    a, d = vectors["a"], vectors["d"]
    pairs = np.multiply.outer(a, d)
    gradient = {
        "a": (loss_2 + mu_2) * first[0] + cost * pairs @ d / pairs.size,
        "d": (loss_1 + mu_1) * second[0] + cost * pairs.T @ a / pairs.size,
    }
    for i, x in ((1, "b"), (2, "c")):
        gradient[x] = share_1 * (loss_2 + mu_2) * first[i] + share_2 * (loss_1 + mu_1) * second[i]
    competition = float((pairs**2).mean() / 2)
    loss = (loss_1 + mu_1) * (loss_2 + mu_2) + cost * competition
    return {"loss": loss, "loss_1": loss_1, "loss_2": loss_2, "competition": competition}, gradient


def invariants(truth: np.ndarray, vector: np.ndarray) -> tuple[float, float]:
    """Return squared norm and overlap."""
    return float(vector @ vector), float(vector @ truth)
