"""Two factors: every start keeps to its hyperbola"""

import matplotlib.pyplot as plt
import numpy as np

import minimodels as mm

pair = mm.GradientFlow(name="pair", state={"a": 0.0, "b": 0.0}, loss="(a*b - 1)**2/2")
rng = np.random.default_rng(0)
starts = {"a_0": rng.normal(0, 1, 60), "b_0": rng.normal(0, 1, 60)}
runs = mm.sweep(pair, points=starts, t_end=20.0, save=np.linspace(0, 20, 400), keep=["a", "b"])

figure, ax = plt.subplots(figsize=(4.2, 4.2))
ax.plot(runs.a.T, runs.b.T, color="C0", linewidth=0.7)
ax.plot(runs.a[:, -1], runs.b[:, -1], "o", color="C1", markersize=3)
ax.set(xlabel="$a$", ylabel="$b$")
kept = runs.a**2 - runs.b**2
moved = float(np.abs(kept - kept[:, 0]).max())
caption = f"Descent on (ab - 1)^2/2 conserves a^2 - b^2: of 60 starts none left its hyperbola by more than {moved:.0e}."
