"""Right calls of the public functions of the wing, which `tests.minimodels.generated` makes wrong."""

import theory

CALLS = [
    (
        theory.tensor_escape_time,
        {"T": [4.0, 4.0, 4.0], "n": [0.1, 0.1, 0.2], "s": [0.1, 0.2, -0.1], "d": 3, "clamped": [2]},
    ),
    (theory.cooperation_map, {"sigma_d": [-1.0, 1.0], "drive": [0.4], "sigma": [1.0, 1.0, 1.0]}),
]
