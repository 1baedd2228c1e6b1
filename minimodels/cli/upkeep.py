"""Commands that look after an installation."""

from minimodels.cli.options import Warmup
from minimodels.cli.words import Choices


def do_warmup(command: Warmup, chosen: Choices) -> int:
    """Compile the steppers, and the kernels of the built-in models and of the induction head."""
    from minimodels.compiled import compiled
    from minimodels.engine import steppers
    from minimodels.engine.stepper.methods import methods
    from minimodels.induction_head.train import train_head
    from minimodels.model import Map
    from minimodels.models import variants
    from minimodels.notices import notice
    from minimodels.tasks.item_label import ItemLabelTask

    steppers.points()
    for method in methods():
        steppers.driver(method)
    for model in variants():
        kernels = compiled(model)
        events = [event.expr for event in model.events.values()]
        kernels.flow(events, discrete=True)
        for implicit in () if isinstance(model, Map) else (False, True):
            kernels.flow(events, implicit=implicit)
        kernels.observe()
        kernels.linearise()
    task = ItemLabelTask(N=2, L=4, K=4, D=4, N_max=2, K_c=None)
    with notice("compiling the induction head"):
        for optimiser in ("sgd", "adam"):
            train_head(task, optimiser=optimiser, steps=1, held_out=1, tests=(), progress=False)
    return 0
