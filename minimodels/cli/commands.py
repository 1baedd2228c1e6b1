"""What the commands do that compute, derive or check.

The one file of the library that opens `theory` and `validation`, inside a command.
"""

import sys
import warnings
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from minimodels.cli import documents
from minimodels.cli.answers import check_folder, deliver, deliver_folder, say, say_forecast, taken_back, targets
from minimodels.cli.options import (
    Command,
    Completion,
    Derive,
    Descend,
    Explore,
    Forecast,
    Models,
    Predict,
    Repeats,
    Simulate,
    Sweep,
    Validate,
)
from minimodels.cli.stopping import fail
from minimodels.cli.words import Choices, axes, beliefs, clamps, event, flags, numbers, pairs, sizes
from minimodels.errors import InputError, unknown
from minimodels.files import write_file

if TYPE_CHECKING:
    from minimodels.model import Model


def build(name: str, chosen: Choices, command: Command) -> "Model":
    """Return the model; a flag that neither it nor the command knows is an error that suggests from both."""
    from minimodels.models import options_of, structure

    with redirect_stdout(sys.stderr):  # what a file of the user's own prints is no answer
        model, values = structure(name, **chosen)
    for key in values:
        if key not in model.parameters:
            known = dict.fromkeys([*options_of(name), *model.options, *model.parameters, *flags(command)])
            raise unknown(f"parameter of {name!r} or option", key.replace("_", "-"), known)
    return model.with_values(**values)


def do_models(command: Models, chosen: Choices) -> int:
    """List models, or describe one."""
    import minimodels as mm

    if command.model:
        model = build(command.model, chosen, command)
        if command.json:
            documents.write("models", documents.statement(model))
        else:
            say(mm.describe(model))
        return 0
    every = mm.models()
    if command.json:
        documents.write("models", {"models": every})
        return 0
    for name, meaning in every.items():
        say(f"{name:<{max(map(len, every))}}  {meaning}")
    return 0


def do_simulate(command: Simulate, chosen: Choices) -> int:
    """Integrate one trajectory."""
    import minimodels as mm
    from minimodels.plot import plot_run

    targets(command.output)
    result = mm.simulate(
        build(command.model, chosen, command), t_end=command.t_end, init=numbers(command.init, "init"),
        rates=pairs(command.rates, "rates"), clamp=clamps(command.clamp), method=command.method, step=command.step,
        rtol=command.rtol, atol=command.atol,
    )  # fmt: skip
    deliver(command, result, plot_run, saved=False)
    return 0


def do_descend(command: Descend, chosen: Choices) -> int:
    """Run gradient descent."""
    import minimodels as mm
    from minimodels.plot import plot_run

    targets(command.output)
    result = mm.descend(
        build(command.model, chosen, command), lr=command.lr, steps=command.steps, init=numbers(command.init, "init"),
        rates=pairs(command.rates, "rates"), clamp=clamps(command.clamp),
    )  # fmt: skip
    deliver(command, result, plot_run, saved=False)
    return 0


def do_sweep(command: Sweep, chosen: Choices) -> int:
    """Integrate a grid."""
    import minimodels as mm
    from minimodels.cluster import executor_at
    from minimodels.plot import plot_sweep
    from minimodels.pool import PartsLost

    targets(command.output, folders=True)
    end = 2000.0 if command.t_end is None and command.steps is None else command.t_end
    model = build(command.model, chosen, command)
    with executor_at(command.cluster) as executor, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", RuntimeWarning)
        result = mm.sweep(
            model, axes(command.axis), steps=command.steps, lr=command.lr,
            t_end=end, keep=command.keep or None,
            init=numbers(command.init, "init"), rates=pairs(command.rates, "rates"), clamp=clamps(command.clamp),
            method=command.method, rtol=command.rtol, atol=command.atol, threads=command.threads,
            out=command.output.out, overwrite=command.output.overwrite, executor=executor,
        )  # fmt: skip
    for warning in said:
        fail(str(warning.message), 0)
    if command.output.out is not None and command.output.out.suffix == ".zarr":
        deliver_folder(command, result, command.output.out, plot_sweep)
    else:
        deliver(command, result, plot_sweep, saved=True)
    if any(issubclass(warning.category, PartsLost) for warning in said):
        return 1
    interrupted = bool((result["status"] == mm.Status.INTERRUPTED).any())
    return fail("interrupted; the same command with --out takes it up where it stopped.", 130) if interrupted else 0


def do_derive(command: Derive, chosen: Choices) -> int:
    """Print derivations."""
    import theory

    model = build(command.model, chosen, command)
    if values := [key for key in chosen if key in model.parameters]:
        raise InputError(f"a derivation holds for all values of the parameters: leave out --{values[0]}.")
    if command.out is not None and command.out.is_file() and not command.overwrite:
        raise InputError(f"{str(command.out)!r} exists and is left as it is; choose another --out or add --overwrite.")
    derivation = theory.derive(model)
    text = derivation.latex() if command.format == "latex" else derivation.markdown()
    if command.out is not None:
        write_file(command.out, (text + "\n").encode())
    if command.json:
        documents.write("derive", derivation.document())
    elif command.out is None:
        say(text)
    return 0


def do_predict(command: Predict, chosen: Choices) -> int:
    """Print predictions."""
    import theory

    model = build(command.model, chosen, command).with_rates(**pairs(command.rates, "rates"))
    predictions = theory.predict(model)
    if command.json:
        documents.write("predict", predictions.document())
    else:
        say(str(predictions))
    return 0


def do_explore(command: Explore, chosen: Choices) -> int:
    """Serve the explorer until Ctrl-C."""
    from minimodels.explore.server import serving, wait
    from minimodels.explore.subject import Subject

    model = build(command.model, chosen, command).with_rates(**pairs(command.rates, "rates"))
    subject = Subject.of(model, name=command.model, choices=chosen)
    with serving(subject, port=command.port, predict=predictions) as address:
        say(f"{model.name} at {address} until Ctrl-C.")
        sys.stdout.flush()
        wait(address, browser=not command.no_browser)
    return 0


def predictions(model: "Model", init: Any = None) -> Any:
    """Return what theory predicts; `theory` is opened when it is first asked."""
    import theory

    return theory.predict(model, init=init)


def do_validate(command: Validate, chosen: Choices) -> int:
    """Check the claims and write the reports."""
    import validation
    from minimodels.cluster import executor_at
    from validation.report import Report, by_paper, summary, table
    from validation.verdicts import chosen as lines

    wanted: dict[str, Any] = {"only": command.only or None, "headlines": False if command.all else None}
    if command.all and (command.paper or command.only):
        raise InputError("--all is for every claim of every paper: leave the paper and --only out.")
    if command.list:
        listed = lines(command.paper or None, **wanted)
        if command.json:
            names = ("id", "level", "statement", "headline", "exploratory")
            documents.write(
                "validate", {"claims": [{"paper": p, **{k: getattr(c, k) for k in names}} for p, c in listed]}
            )
            return 0
        for paper, claim in listed:
            say(f"{claim.id:<8}{paper:<11}{claim.level:<9}{claim.statement}")
        return 0
    trainings = command.trainings
    with taken_back(command.out, *([trainings] if trainings else [])):
        written = Report(command.out)
        if trainings:
            check_folder(trainings)
        with executor_at(command.cluster) as executor:
            outcomes = validation.claims(
                command.paper or None, **wanted, full=command.full, out=trainings, workers=command.workers,
                executor=executor, device=command.device, record=command.record, each=written.add,
            )  # fmt: skip
    path = written.write(outcomes)
    if command.json:
        claims = [o.record() | {"measured": o.measured, "expected": o.expected} for o in outcomes]
        documents.write("validate", {"report": str(path), "claims": claims})
    else:
        say(table(outcomes))
        for paper, its in by_paper(outcomes).items():
            say(f"{paper}: {summary(its)} See {path.parent / paper / 'report.md'}.")
    return 1 if any(o.verdict in ("disagrees", "not run") for o in outcomes) else 0


def do_repeats(command: Repeats, chosen: Choices) -> int:
    """Say what repeated data cost."""
    import theory
    from minimodels.plot import write_figure
    from minimodels.results import save

    targets(command.output)
    if not {"read_histogram", "repeat_costs", "plot_repeats"} <= set(dir(theory)):
        raise InputError("no wing of `theory` tells what repeats cost here: install minimodels with all of its wings.")
    tokens, parameters, groups = sizes(command)
    if groups is None:
        read = theory.read_histogram(command.histogram, distinct=command.distinct)
        groups = read.multiplicity, read.tokens
    costs = theory.repeat_costs(
        *groups, tokens=tokens, parameters=parameters, width=command.width, vocabulary=command.vocabulary
    )
    figure = None if command.output.plot is None else theory.plot_repeats(costs)
    if command.output.out is not None:
        save(costs.dataset(), command.output.out, overwrite=command.output.overwrite)
    if figure is not None and command.output.plot is not None:
        write_figure(figure, command.output.plot)
    if command.json:
        documents.write("repeats", costs.document() | documents.results(costs.dataset()))
    else:
        say(str(costs))
    return 0


def do_completion(command: Completion, chosen: Choices) -> int:
    """Print the script that completes in a shell."""
    from minimodels.cli.completion import SHELLS, known
    from validation.papers import papers

    sys.stdout.write(SHELLS[command.shell](known(papers())))
    return 0


def do_forecast(command: Forecast, chosen: Choices) -> int:
    """Forecast a training curve."""
    import minimodels as mm
    from minimodels.plot import write_figure

    targets(command.output)
    model = build(command.model, chosen, command)
    curve = mm.read_curve(
        command.log, step=command.step, loss=None if command.loss == "none" else command.loss,
        observe=pairs(command.observe, "observe"),
    )  # fmt: skip
    result = mm.forecast(
        curve, model, lr=command.lr, rates=pairs(command.rates, "rates"), init=numbers(command.init, "init"),
        event=event(command.event), prior=beliefs(command.prior), free=command.free or None, horizon=command.horizon,
        samples=command.samples, seed=command.seed,
    )  # fmt: skip
    if command.output.out is not None:
        mm.save(result, command.output.out, overwrite=command.output.overwrite)
    if command.output.plot is not None:
        write_figure(mm.plot_forecast(result), command.output.plot)
    if command.json:
        told = {name: result.attrs[name] for name in ("verdict", "reason")}
        documents.write("forecast", told | documents.results(result.drop_vars("draw")))
    else:
        say_forecast(result)
    return 0
