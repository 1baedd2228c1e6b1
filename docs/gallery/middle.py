"""Repeats hurt most in the middle"""

import matplotlib.pyplot as plt
import numpy as np

import theory

y, figure = np.geomspace(0.01, 100, 200), plt.figure()
ax = figure.subplots()
for f in (0.03, 0.1, 0.3):
    ax.loglog(y, theory.fresh_ridge(y, f).excess, label=f"f = {f:g}")
ax.set(xlabel="$y = rp/T$: repeats over tokens a direction", ylabel="excess of the test loss, $V$")
ax.legend(title="share of repeated tokens")
low, high = theory.fresh_ridge(1.0, 0.1).band
caption = (
    f"A repeated set costs most where it is seen as often as there are fresh tokens a direction (y = 1); at f = 0.1 at "
    f"least half of that between y = {low:.2f} and {high:.1f}."
)
