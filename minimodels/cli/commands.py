"""The ``minimodels`` command: what each sub-command does.

Exit status: 0 done, 1 a claim disagrees or is not run, or a run failed, 2 bad input (one sentence on standard error),
130 interrupted.
"""

import atexit
import os
import signal
import sys
import warnings
from _thread import interrupt_main
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread, current_thread, main_thread
from typing import TYPE_CHECKING, Any

from minimodels import __version__
from minimodels.cli.options import (
    Command,
    Derive,
    Descend,
    Models,
    Output,
    Predict,
    Repeats,
    Simulate,
    Sweep,
    Validate,
    Warmup,
)
from minimodels.cli.words import Choices, axes, clamps, flags, numbers, pairs, parse, sizes
from minimodels.errors import InputError, RunFailed, unknown
from minimodels.files import write_file

if TYPE_CHECKING:
    import xarray as xr

    from minimodels.model import Model


INTERRUPTED = "interrupted; the same command again takes it up where files were kept."


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    try:
        with stopping():
            status = run(sys.argv[1:] if argv is None else list(argv))
    except InputError as error:
        status = fail(str(error), 2)
    except (RunFailed, ModuleNotFoundError) as error:
        status = fail(str(error), 1)
    except KeyboardInterrupt:
        status = fail(INTERRUPTED, 130)
    except BrokenPipeError:
        status = 0
    except OSError as error:
        status = fail(f"{error.strerror or error}: {error.filename or 'no file named'}; nothing more was written.", 1)
    sys.exit(status)


@contextmanager
def stopping(patience: float = 3.0) -> Iterator[None]:
    """Let Ctrl-C end this process within seconds.

    The exception it raises may be swallowed, as in a callback of a weak reference: it is raised again. It may have to
    wait for a compiler: a thread that the signal wakes ends the process if the work has not been left in time.
    """
    if current_thread() is not main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    left = Event()

    def watch() -> None:
        while (byte := os.read(reading, 1)) != b"\0":
            if byte[0] == signal.SIGINT and not left.wait(patience):
                atexit._run_exitfuncs()  # removes temporary folders
                os._exit(fail(INTERRUPTED, 130))

    def again(swallowed: "sys.UnraisableHookArgs") -> None:
        if issubclass(swallowed.exc_type, KeyboardInterrupt):
            interrupt_main()
        else:
            hook(swallowed)

    hook, sys.unraisablehook = sys.unraisablehook, again
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        left.set()
        sys.unraisablehook = hook
        signal.set_wakeup_fd(before)
        os.write(writing, b"\0")
        watcher.join()
        os.close(reading)
        os.close(writing)


def fail(sentence: str, status: int) -> int:
    """Say why on standard error."""
    sys.stderr.write(f"minimodels: {sentence}\n")
    return status


def say(text: str) -> None:
    """Write a line of a command's answer to standard output."""
    sys.stdout.write(text + "\n")


def run(argv: list[str]) -> int:
    """Carry out a command."""
    if argv == ["--version"]:
        say(f"minimodels {__version__}")
        return 0
    command, chosen = parse(argv or ["--help"])
    return ACTIONS[type(command)](command, chosen)


def build(name: str, chosen: Choices, command: Command) -> "Model":
    """Return the model; a flag that neither it nor the command knows is an error that suggests from both."""
    from minimodels.models import structure

    model, values = structure(name, **chosen)
    for key in values:
        if key not in model.parameters:
            known = dict.fromkeys([*model.options, *model.parameters, *flags(command)])
            raise unknown(f"parameter of {name!r} or option", key.replace("_", "-"), known)
    return model.with_values(**values)


def targets(output: Output) -> None:
    """Refuse an output that cannot be written, before any work."""
    from minimodels.plot import check_figure
    from minimodels.results import check_target

    if output.out is not None:
        check_target(output.out, overwrite=output.overwrite)
    if output.plot is not None and check_figure(output.plot).exists() and not output.overwrite:
        raise InputError(f"{str(output.plot)!r} exists and is left as it is; choose another name or add --overwrite.")


def deliver(result: "xr.Dataset", output: Output, draw: Callable[["xr.Dataset"], Any], *, saved: bool = False) -> None:
    """Save and draw a result, then say what it holds."""
    import xarray as xr

    from minimodels.engine.stepper.status import REMEDIES, WHAT, Status
    from minimodels.plot import write_figure
    from minimodels.results import save

    if output.out is not None and not saved:
        save(result, output.out, overwrite=output.overwrite)
    if output.plot is not None:
        write_figure(draw(result), output.plot)
    for name, values in result.data_vars.items():
        if str(name) == "status" or str(name).endswith("_censored"):
            continue
        censored = int(result.get(f"{name}_censored", xr.DataArray(False)).sum())
        never = f"none by the end at {censored} points" if values.size > 1 else "none by the end"
        if censored == values.size:
            say(f"{name!s:<22} {never}")
        elif values.size == 1:
            say(f"{name!s:<22} {values.item():.6g}")
        elif values.dims in (("time",), ("step",)):
            say(f"{name!s:<22} {values.values[-1]:.6g} at the end")
        elif values.dtype.kind == "f":
            seen = f"{values.min().item():.6g} to {values.max().item():.6g}"
            say(f"{name!s:<22} {seen}{', ' + never if censored else ''}")
    for code in Status:
        count = int((result["status"] == code).sum())
        if count:
            points = f"{count} points: " if result["status"].size > 1 else ""
            say(f"{'status':<22} {points}{code.name}: {'; '.join(filter(None, (WHAT[code], REMEDIES.get(code))))}.")


def do_models(command: Models, chosen: Choices) -> int:
    """List models, or describe one."""
    import minimodels as mm

    if command.model:
        say(mm.describe(build(command.model, chosen, command)))
        return 0
    every = mm.models()
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
    deliver(result, command.output, plot_run)
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
    deliver(result, command.output, plot_run)
    return 0


def do_sweep(command: Sweep, chosen: Choices) -> int:
    """Integrate a grid."""
    import minimodels as mm
    from minimodels.plot import plot_sweep

    targets(command.output)
    end = 2000.0 if command.t_end is None and command.steps is None else command.t_end
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = mm.sweep(
            build(command.model, chosen, command), axes(command.axis), steps=command.steps, lr=command.lr,
            t_end=end, keep=command.keep or None,
            init=numbers(command.init, "init"), rates=pairs(command.rates, "rates"), clamp=clamps(command.clamp),
            method=command.method, rtol=command.rtol, atol=command.atol, threads=command.threads,
            out=command.output.out, overwrite=command.output.overwrite,
        )  # fmt: skip
    for warning in said:
        fail(str(warning.message), 0)
    deliver(result, command.output, plot_sweep, saved=True)
    interrupted = bool((result["status"] == mm.Status.INTERRUPTED).any())
    return fail("interrupted; the same command with --out takes it up where it stopped.", 130) if interrupted else 0


def do_derive(command: Derive, chosen: Choices) -> int:
    """Print derivations."""
    import theory

    model = build(command.model, chosen, command)
    if model.given:
        raise InputError(f"a derivation holds for all values of the parameters: leave out --{next(iter(model.given))}.")
    if command.out is not None and command.out.is_file() and not command.overwrite:
        raise InputError(f"{str(command.out)!r} exists and is left as it is; choose another --out or add --overwrite.")
    derivation = theory.derive(command.model, **model.options)
    text = derivation.latex() if command.format == "latex" else derivation.markdown()
    if command.out is None:
        say(text)
        return 0
    write_file(command.out, (text + "\n").encode())
    return 0


def do_predict(command: Predict, chosen: Choices) -> int:
    """Print predictions."""
    import theory

    say(str(theory.predict(build(command.model, chosen, command).with_rates(**pairs(command.rates, "rates")))))
    return 0


def do_validate(command: Validate, chosen: Choices) -> int:
    """Check the claims and write the reports."""
    import validation
    from validation.report import Report, by_paper, summary, table
    from validation.verdicts import chosen as lines

    wanted: dict[str, Any] = {"only": command.only or None, "headlines": False if command.all else None}
    if command.all and (command.paper or command.only):
        raise InputError("--all is for every claim of every paper: leave the paper and --only out.")
    if command.list:
        for paper, claim in lines(command.paper or None, **wanted):
            say(f"{claim.id:<8}{paper:<11}{claim.level:<9}{claim.statement}")
        return 0
    trainings = command.trainings
    with taken_back(command.out, *([trainings] if trainings else [])):
        written = Report(command.out)
        if trainings:
            check_folder(trainings)
        outcomes = validation.claims(
            command.paper or None, **wanted, full=command.full, out=trainings, workers=command.workers,
            device=command.device, record=command.record, each=written.add,
        )  # fmt: skip
    path = written.write(outcomes)
    say(table(outcomes))
    for paper, its in by_paper(outcomes).items():
        say(f"{paper}: {summary(its)} See {path.parent / paper / 'report.md'}.")
    return 1 if any(o.verdict in ("disagrees", "not run") for o in outcomes) else 0


@contextmanager
def taken_back(*folders: Path) -> Iterator[None]:
    """Remove what was made of these folders, if empty, when a command is refused."""
    new = [folder for folder in folders if not folder.exists()]
    try:
        yield
    except InputError:
        for folder in new:
            with suppress(OSError):
                folder.rmdir()
        raise


def check_folder(path: Path) -> None:
    """Make a folder, or say that it cannot be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()
    except OSError as error:
        raise InputError(f"cannot write to {str(path)!r} ({error.strerror}); choose another folder.") from error


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
    say(str(costs))
    return 0


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


ACTIONS: dict[type, Callable[[Any, Choices], int]] = {
    Models: do_models,
    Simulate: do_simulate,
    Descend: do_descend,
    Sweep: do_sweep,
    Derive: do_derive,
    Predict: do_predict,
    Validate: do_validate,
    Repeats: do_repeats,
    Warmup: do_warmup,
}
