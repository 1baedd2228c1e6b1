"""Abrupt learning, and the time that theory gives it"""

import minimodels as mm
import theory

model = mm.model("nested_logit", N=8, L=32, attend="labels")
run = mm.simulate(model, t_end=200.0)
predicted, _ = theory.transition_time(model)

figure = mm.plot_run(run[["loss", *model.state, "escape_time", "escape_time_censored"]])
figure.axes[0].plot(predicted, run.loss.interp(time=predicted), "o", label="predicted")
figure.axes[0].legend(fontsize="small")
caption = (
    f"The loss stays near log L = {run.loss[0]:.2f} while three logits grow one after the other, and falls at "
    f"t = {run.escape_time:.2f}; nested quadratures predict {predicted:.2f}."
)
