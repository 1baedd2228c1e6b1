"""Repetition shortens the search for one location"""

import matplotlib.pyplot as plt
import numpy as np

import minimodels as mm

tokens = np.geomspace(16, 1024, 30)
figure, ax = plt.subplots()
times = {}
for p in (0.0, 0.2, 0.5):
    model = mm.model("single_location", repetition="sample", p=p)
    times[p] = mm.sweep(model, {"T": tokens}, t_end=1e5).escape_time
    ax.loglog(tokens, times[p], label=f"p = {p:g}")
ax.set(xlabel="tokens in the context, $T$", ylabel="escape time")
ax.legend(title="share of samples with the same content")
slope = np.polyfit(np.log(tokens[-10:]), np.log(times[0.0][-10:]), 1)[0]
caption = (
    f"The plateau before attention finds the one relevant token grows as T to the power {slope:.2f}; where half of the "
    f"samples have the same content there, it is {times[0.0][-1] / times[0.5][-1]:.1f} times as short at "
    f"T = {tokens[-1]:.0f}."
)
