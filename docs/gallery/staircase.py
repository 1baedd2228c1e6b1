"""A staircase of saddles: one linear attention layer learns direction by direction"""

import matplotlib.pyplot as plt
import numpy as np

import minimodels as mm
import theory

variances, start = [1.0, 0.5, 0.25], 1e-3
values = {f"lambda_{i}": value for i, value in enumerate(variances, 1)}
model = mm.model("linear_attention", weights="anisotropic-separate", N=20, **values)
ladder = theory.saddle_ladder(variances, 20, start=start)
begin = {"v": start * np.sqrt(3)} | {f"{part}_{i}": start for part in "kq" for i in (1, 2, 3)}
run = mm.simulate(model, init=begin, t_end=1.1 * ladder.exits[-1], save=np.linspace(0, 1.1 * ladder.exits[-1], 1000))

figure, ax = plt.subplots()
ax.plot(run.time, run.loss)
for level in ladder.plateaus:
    ax.axhline(level, color="0.7", linewidth=0.8, zorder=0)
for time in ladder.exits:
    ax.axvline(time, color="0.7", linewidth=0.8, linestyle="--", zorder=0)
ax.set(xlabel="time (learning rate x steps)", ylabel="loss", xlim=(0.9 * ladder.exits[0], run.time[-1]))
off = max(abs(run[f"exit_{i}"].item() / time - 1) for i, time in enumerate(ladder.exits, 1))
caption = (
    f"The loss rests at {', '.join(f'{level:.3f}' for level in ladder.plateaus)} (lines: theory) and leaves each "
    f"plateau when the next direction of the inputs is learned, within {100 * off:.1g} % of the predicted "
    "times (dashed)."
)
