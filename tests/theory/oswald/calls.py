"""Right calls of the public functions of the wing, which `tests.minimodels.generated` makes wrong."""

import theory

CALLS = [
    (theory.moments, {"k": 3, "N": 4, "d": 3, "law": "uniform", "s": 0.5}),
    (
        theory.gd_loss,
        {
            "a": [0.1, 0.2], "gamma": 0.1, "N": 4, "d": 3, "law": "gaussian", "s": 0.5, "tau": 1.0, "sigma": 0.1,
            "x_scale": 0.5, "w_scale": 2.0, "corrupted": 0, "test_N": 5, "frobenius": None,
        },
    ),
    (theory.gd_optimum, {"N": 4, "d": 3, "K": 1, "kind": "gd", "tied": True, "law": "uniform", "s": 0.5, "sigma": 0.1}),
    (theory.proportional_optimum, {"c": 0.5, "K": 1, "kind": "gd", "tied": False}),
    (theory.proportional_loss, {"c": 0.5, "K": 2}),
    (theory.bayes_risk, {"N": 4, "d": 3, "law": "uniform", "s": 0.5, "sigma": 0.1, "spectra": 10, "seed": 1}),
    (theory.saddle_ladder, {"eigenvalues": [1.0, 0.5], "N": 20, "start": 1e-3, "tau": 1.0, "sigma": 0.0}),
    (theory.two_head_loss, {"B": [[0.1, 0.0], [0.0, 0.1]], "N": 4, "law": "uniform", "s": [1.0, 0.5], "tau": 1.0}),
    (theory.two_head_optimum, {"N": 4, "d": 2, "law": "gaussian", "s": [[1.0, 0.2], [0.2, 0.5]], "tau": 1.0}),
]  # fmt: skip
