"""What `minimodels new` writes: a model of a user's own, small and whole, to start from."""

STARTER = '''"""NAME: two layers of one weight each, whose product has to become a target. Say here what yours is.

    minimodels models NAME.py                                    what it states
    minimodels simulate NAME.py --target 2 --plot run.png        a parameter is set by its name
    minimodels sweep NAME.py --axis target=log:0.1:10:200 --plot sweep.png
    minimodels descend NAME.py --lr 0.01 --steps 2000
    minimodels derive NAME.py
    minimodels predict NAME.py

In Python: `mm.model("NAME.py", target=2.0)` wherever a model is asked for.
"""

import minimodels as mm

NAME = mm.GradientFlow(  # states follow minus the gradient of `loss`
    name="NAME",
    # State variables: where they start, and what they mean.
    state={"u": mm.State(0.01, "weight of layer 1"), "v": mm.State(0.02, "weight of layer 2")},
    # Real parameters: default, meaning, least and largest value; every one can be set and swept.
    parameters={
        "target": mm.Parameter(1.0, "what the product of the weights has to become", 0.01, 100),
        "decay": mm.Parameter(0.01, "weight decay", 0, 1),
    },
    # Formulas are text or SymPy expressions; besides SymPy's functions: sigmoid, softplus (mm.softmax, mm.logsumexp).
    loss="(u*v - target)**2/2 + decay*(u**2 + v**2)/2",
    # Functions of states and parameters to look at: progress measures, accuracies.
    observables={"product": "u*v/target"},
    # Times that are located during a run: when a formula crosses a level, upwards (direction -1: downwards).
    events={"escape_time": mm.Event("u*v/target", 0.5)},
    source="",  # paper and equation
)

# Not the flow down a loss? `mm.Flow(..., drift={"u": "...", "v": "..."})` states the rate of change of every state,
# `mm.Map(..., update={...})` the next value of every state, for `minimodels descend`.
#
# A choice that changes the formulas themselves (layers, slots) is an argument of a function that builds the model,
# named as in `minimodels simulate NAME.py:deep --depth 3`:
#
# def deep(depth: int = 2) -> mm.GradientFlow:
#     weights = [f"w_{i}" for i in range(1, depth + 1)]
#     loss = f"({'*'.join(weights)} - 1)**2/2"
#     return mm.GradientFlow(
#         name="deep", state=dict.fromkeys(weights, 0.1), loss=loss, options={"depth": depth}
#     )
'''
