"""Right calls of the public functions of the wing, which `tests.minimodels.generated` makes wrong."""

import minimodels as mm
import theory

CALLS = [
    (theory.exact_transition_time, {"N": 8, "L": 32, "eps": 0.1, "rates": {"xi": 1}, "init": {"xi": 0.1}, "D": 100}),
    (theory.head_rates, {"L": 16, "layers": 1, "gain": 1.0}),
    (theory.label_gain_rates, {"task": mm.ItemLabelTask(N=2, L=4, K=4, D=4, N_max=2, K_c=None)}),
]
