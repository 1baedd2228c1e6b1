"""In-context learning against memorisation"""

import numpy as np

import minimodels as mm

model = mm.model("memorisation_race")
axes = {"N": np.geomspace(20, 1000, 50), "K": np.geomspace(10, 1e5, 80)}
grid = mm.sweep(model, axes, t_end=1e5)

figure = mm.plot_sweep(grid, "t_ICL")
least = grid.K.where(grid.t_ICL.notnull()).min("K")
power = np.polyfit(np.log(grid.N), np.log(least), 1)[0]
caption = (
    "Where too few pairs are to be memorised, memorising them is faster and in-context learning never comes (grey). "
    f"The least K for which it does grows as N to the power {power:.2f}."
)
