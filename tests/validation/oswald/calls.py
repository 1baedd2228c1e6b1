"""Right calls of the public functions of the wing, which `tests.minimodels.generated` makes wrong."""

from importlib.util import find_spec

import numpy as np

import minimodels as mm
import validation

TASK = mm.LinearRegressionTask(N=3, d=2)
DRAWN = TASK.sample(0, 0, 4)
ONE_STEP = validation.descent(0.5)
CALLS = [
    (validation.descent, {"a": [0.5, 0.4], "gamma": 0.1}),
    (validation.loss, {"predictor": ONE_STEP, "task": TASK, "tasks": 10, "seed": 0}),
    (validation.losses_over, {"predictor": ONE_STEP, "task": TASK, "option": "tau", "values": [1.0, 2.0], "tasks": 10,
                              "seed": 0}),
    (validation.alignment, {"one": ONE_STEP, "other": ONE_STEP, "task": TASK, "tasks": 10, "seed": 0}),
    (validation.implicit_weights, {"predictor": ONE_STEP, "tasks": DRAWN}),
    (validation.repeated, {"layer": ONE_STEP, "times": 2, "damping": 0.75}),
    (TASK.sample, {"seed": 0, "start": 0, "count": 2, "draw": 1}),
]  # fmt: skip

if find_spec("torch"):
    NETWORK = validation.SelfAttention(layers=2)
    WEIGHTS = validation.steps_of_descent(NETWORK, TASK, 0.5)
    CALLS += [
        (validation.SelfAttention, {
            "layers": 2, "recurrent": False, "heads": 2, "softmax": "first", "merged": False, "average": True,
            "pairs": "joined", "layer_norm": False, "clip": 10.0, "scale": 0.1, "start": None, "double": True}),
        (NETWORK.initial, {"task": TASK, "seed": 0}),
        (NETWORK.predictor, {"task": TASK, "parameters": {k: w[None] for k, w in WEIGHTS.items()}, "seed": 0}),
        (validation.steps_of_descent, {"network": NETWORK, "task": TASK, "a": 0.5, "gamma": 0.0,
                                       "W_0": np.array([0.5, 1.0])}),
        (validation.read_steps, {"weights": WEIGHTS, "layer": 1}),
    ]  # fmt: skip
