"""A model whose rates grow with its states, as those of a network's products do."""

import sympy as sp

from minimodels.model import Flow, Model, Parameter


def grown(model: Model) -> Flow:
    r"""Return the flow :math:`\dot x_i=\eta_i\sqrt{1+(g_i x_i)^2}\,f_i(x)`, with parameters ``growth_<state>`` (0).

    Of a gradient flow the loss still never rises.
    """
    growth = {name: f"growth_{name}" for name in model.state}
    drift = {
        name: rate * sp.sqrt(1 + (sp.Symbol(growth[name], real=True) * model.symbols[name]) ** 2)
        for name, rate in model.drift.items()
    }
    flow = Flow(
        name=model.name,
        state=model.state_info,
        parameters={**model.parameters, **{name: Parameter(0.0) for name in growth.values()}},
        observables={**({} if model.loss is None else {"loss": model.loss}), **model.observables},
        events=model.events,
        rates=model.rates,
        constraints=model.constraints,
        bounds=model.bounds,
        source=model.source,
        options=model.options,
        drift=drift,
    )
    return flow.with_values(**model.given)
