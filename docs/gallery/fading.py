"""In-context learning emerges and fades"""

import matplotlib.pyplot as plt

import minimodels as mm

model = mm.model("coopetition", form="overlaps")
run = mm.simulate(model, t_end=20_000.0)

figure, ax = plt.subplots()
for k, name in ((1, "in-context learning"), (2, "in-weights, with labels in context")):
    ax.semilogx(run.time[1:], run[f"loss_{k}"][1:], label=name)
ax.set(xlabel="time (learning rate x steps)", ylabel="loss of a mechanism", ylim=(0, 1.2))
ax.legend()
best = int(run.loss_1.argmin("time"))
caption = (
    f"In-context learning comes first (t = {run.t_1:.0f}) and its loss falls to {run.loss_1[best]:.2g}. As the slower "
    f"mechanism takes over (t = {run.t_2:.0f}) it goes back to {run.loss_1[-1]:.2f}, that of predicting zero: what is "
    "not shared stands in the other's way."
)
