"""What the duplicates of a training set cost"""

import theory

costs = theory.repeat_costs([10, 1000], [3e9, 2e9], tokens=1e11, parameters=197e6, width=640)
figure = theory.plot_repeats(costs)
low, high = costs.x
caption = (
    f"{100 * costs.f:.0f} % of 1e11 tokens are repeats, seen 10 and 1000 times: the loss is that of a model of "
    f"{low:.2f} to {high:.2f} times the parameters. A set seen {costs.worst_r:.0f} times would hurt most."
)
