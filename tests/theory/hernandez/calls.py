"""Right calls of the public functions of the wing, which `tests.minimodels.generated` makes wrong."""

from pathlib import Path
from typing import Any

import theory

GROUPS = Path(__file__).parent / "groups.csv"
COSTS = theory.repeat_costs([50, 400], [3e9, 1e9], tokens=1e11, parameters=197e6, width=640)
CALLS: list[tuple[Any, dict[str, Any]]] = [
    (theory.fresh_ridge, {"y": [0.1, 1.0], "f": 0.1}),
    (theory.fresh_ridge_course, {"t": [0.0, 1.0], "f": 0.9, "c": 2.0, "S0": 1.0, "sigma2": 1.0}),
    (theory.shift_factor, {"spectrum": [1.0, 0.5], "evaluation": [0.5, 0.5]}),
    (
        theory.weighted_risk,
        {
            "multiplicities": [1, 10], "counts": [1500, 150], "p": 100, "spectrum": [1.0, 0.5], "ridge": 0.1,
            "sigma2": 1.0, "target": [0.1, 0.2],
        },
    ),
    (theory.capacity_market, {"f": 0.1, "al": 0.1}),
    (theory.scaling_law, {"name": "hoffmann"}),
    (theory.chinchilla_loss, {"N": 1e9, "D": [1e10, 1e11], "law": "hoffmann"}),
    (
        theory.data_constrained_loss,
        {"N": 1e9, "D": 1e11, "unique": [1e10, 1e11], "law": "muennighoff", "R_D": 15.39, "R_N": 5.31},
    ),
    (
        theory.epoch_penalty_loss,
        {"N": 1e9, "unique": 1e9, "repeats": [0.0, 3.0], "P": 0.01, "delta": 1.0, "kappa": 0.5, "law": "hoffmann"},
    ),
    (
        theory.saturating_loss,
        {
            "N": 1e9, "T": 1e11, "unique": 1e10, "E": 1.7, "L0": 11.0, "a": 50.0, "alpha": 0.34, "b": 150.0,
            "beta": 0.28, "c": 1.0, "gamma": 0.5, "delta": 0.5,
        },
    ),
    (theory.memorisation_kinetics, {"N": 100, "f": 0.1, "b_0": 0.0, "nu": 0.7}),
    (theory.detect_repeats, {"loss_repeated": [2.0, 1.0], "loss_fresh": [2.0, 1.9], "f": 0.1}),
    (theory.effective_size, {"V": [0.0, 0.1], "al": 0.1, "wt": 2.3}),
    (theory.published_band, {"N": 8e8}),
    (theory.read_histogram, {"path": GROUPS, "distinct": False}),
    (
        theory.repeat_costs,
        {
            "multiplicities": [2, 300], "token_counts": [5e9, 2e9], "tokens": 1e11, "parameters": 197e6, "width": 640,
            "vocabulary": 50304, "distinct": False, "al": 0.1, "wt": 2.3, "per_token": 4.2, "law": "besiroglu",
        },
    ),
    (theory.plot_repeats, {"costs": COSTS}),
    (theory.derive_repeats, {"about": "capacity_market"}),
]  # fmt: skip
