"""A map of your own: period doubling on the way to chaos"""

import matplotlib.pyplot as plt
import numpy as np

import minimodels as mm

logistic = mm.Map(name="logistic", state={"x": 0.3}, parameters={"r": 3.2}, update={"x": "r*x*(1 - x)"})
orbits = mm.sweep(logistic, {"r": np.linspace(2.8, 4, 1200)}, steps=4100, save=np.arange(4000, 4101))

figure, ax = plt.subplots()
ax.plot(orbits.r, orbits.x, ",", color="0.1", alpha=0.25)
ax.set(xlabel="$r$", ylabel="$x$ after 4000 steps")
distinct = [len(np.unique(orbits.x.sel(r=r, method="nearest").values.round(6))) for r in (2.9, 3.2, 3.5)]
caption = f"Orbits of x <- r x (1 - x) end on {distinct[0]}, {distinct[1]}, {distinct[2]} points at r = 2.9, 3.2, 3.5."
