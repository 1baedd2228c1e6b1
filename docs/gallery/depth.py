"""Depth sets how long a plateau lasts"""

import matplotlib.pyplot as plt
import numpy as np

import minimodels as mm
import theory

starts = np.geomspace(0.01, 0.3, 20)
figure, ax = plt.subplots()
for k in (2, 3, 4):
    model = mm.model("aligned_product", k=k)
    times = mm.sweep(model, {"u_0": starts}, t_end=1e5).escape_time
    predicted = [theory.predict(model, init={"u": u})["small_start"].value for u in starts]
    (line,) = ax.loglog(starts, times, "o", markersize=3, label=f"{k} factors")
    ax.loglog(starts, predicted, color=line.get_color())
    slope = np.polyfit(np.log(starts[:8]), np.log(times[:8]), 1)[0]
ax.set(xlabel="start $u_0$", ylabel="escape time")
ax.legend()
caption = (
    f"The escape time of a product of k equal factors from a small start, simulated (dots) and predicted (lines): with "
    f"4 factors it grows as the start to the power {slope:.2f}, with 2 as its logarithm only."
)
