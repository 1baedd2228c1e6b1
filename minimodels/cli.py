"""The ``minimodels`` command.

Parameters and options of a model are given by their symbols, as in ``--N 8 --L 32 --attend labels``. Exit status:
0 done, 1 a claim disagrees or a run failed, 2 bad input.
"""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro
from tyro.conf import Positional

from minimodels.errors import InputError, RunFailed, unknown

if TYPE_CHECKING:
    import xarray as xr

    from minimodels.model import Model

Choices = dict[str, Any]


@dataclass(frozen=True)
class Output:
    """Where results go."""

    out: Path | None = None
    """Save the result as NetCDF (.nc)."""
    plot: Path | None = None
    """Draw a figure (.png, .pdf or .svg)."""
    overwrite: bool = False
    """Allow existing files to be replaced."""


@dataclass(frozen=True)
class Models:
    """List the built-in models, or describe one."""

    model: Positional[str | None] = None
    """Name of a model."""


@dataclass(frozen=True)
class Simulate:
    """Integrate one trajectory of a model."""

    model: Positional[str]
    """Name of a model; its parameters follow by their symbols, as in --N 8 --L 32."""
    t_end: float = 2000.0
    """End time, in units of learning rate x steps."""
    init: tuple[str, ...] = ()
    """Initial values, as alpha=0.01 xi=0."""
    rates: tuple[str, ...] = ()
    """Rates, numbers or expressions of the parameters, as xi=1/(L-1)."""
    clamp: tuple[str, ...] = ()
    """Held states, as beta_1=5 or beta_1=5:0:100 (value:start:end)."""
    method: Literal["tsit5", "rodas4", "rk4"] = "tsit5"
    """rodas4 if the flow is stiff; rk4 takes --step."""
    step: float | None = None
    """Fixed step of rk4."""
    rtol: float = 1e-6
    """Relative tolerance."""
    atol: float = 1e-9
    """Absolute tolerance."""
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Descend:
    """Run gradient descent on a model's loss, or iterate a map."""

    model: Positional[str]
    """Name of a model; its parameters follow by their symbols."""
    lr: float = 0.01
    """Learning rate."""
    steps: int = 50_000
    """Number of iterations."""
    init: tuple[str, ...] = ()
    """Initial values, as alpha=0.01."""
    rates: tuple[str, ...] = ()
    """Rates, as xi=1/(L-1)."""
    clamp: tuple[str, ...] = ()
    """Held states, as beta_1=5 or beta_1=5:0:100 (value:start:end, in steps)."""
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Sweep:
    """Integrate a model over a grid; with --out it resumes after an interruption."""

    model: Positional[str]
    """Name of a model; fixed parameters follow by their symbols."""
    axis: tuple[str, ...] = ()
    """Axes, as N=4,8,16 or N=2:16:100 (100 points) or L=log:8:512:100."""
    t_end: float = 2000.0
    """End time."""
    keep: tuple[str, ...] = ("loss", "escape_time")
    """Results to keep."""
    init: tuple[str, ...] = ()
    """Initial values, as alpha=0.01."""
    rates: tuple[str, ...] = ()
    """Rates, as xi=1/(L-1)."""
    clamp: tuple[str, ...] = ()
    """Held states."""
    method: Literal["tsit5", "rodas4"] = "tsit5"
    """rodas4 if the flow is stiff."""
    rtol: float = 1e-6
    """Relative tolerance."""
    atol: float = 1e-9
    """Absolute tolerance."""
    threads: int | None = None
    """Threads; all processors unless given."""
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Derive:
    """Print the derivations for a model, each step checked."""

    model: Positional[str]
    """Name of a model; its options follow, as in --attend labels."""
    format: Literal["markdown", "latex"] = "markdown"
    """Text to print."""
    out: Path | None = None
    """Write the text to a file instead."""


@dataclass(frozen=True)
class Predict:
    """Print what theory predicts for a model at given parameters."""

    model: Positional[str]
    """Name of a model; its parameters follow by their symbols."""
    rates: tuple[str, ...] = ()
    """Rates, as xi=1/(L-1)."""


@dataclass(frozen=True)
class Validate:
    """Check the claims of the papers against models, theory and trained networks; write a report."""

    paper: Positional[str] = "reddy"
    """Ledger to check."""
    full: bool = False
    """The papers' settings (hours, resumable) instead of the quick ones (minutes)."""
    out: Path = Path("report")
    """Folder of the report."""
    device: str = "cpu"
    """Torch device of the trainings."""


@dataclass(frozen=True)
class Warmup:
    """Compile the kernels of all built-in models, once."""


COMMANDS = {c.__name__.lower(): c for c in (Models, Simulate, Descend, Sweep, Derive, Predict, Validate, Warmup)}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    try:
        status = run(sys.argv[1:] if argv is None else list(argv))
    except InputError as error:
        status = fail(str(error), 2)
    except RunFailed as error:
        status = fail(str(error), 1)
    except KeyboardInterrupt:
        status = fail("interrupted; the same command again takes it up where files were kept.", 130)
    except BrokenPipeError:
        status = 0
    sys.exit(status)


def fail(sentence: str, status: int) -> int:
    """Say why on standard error."""
    sys.stderr.write(f"minimodels: {sentence}\n")
    return status


def say(text: str) -> None:
    """Write a line of a command's answer to standard output."""
    sys.stdout.write(text + "\n")


def run(argv: list[str]) -> int:
    """Parse and carry out a command; the flags it does not know are the model's."""
    if argv and not argv[0].startswith("-") and argv[0] not in COMMANDS:
        raise unknown("command", argv[0], COMMANDS)
    command, rest = tyro.cli(
        Command,
        args=argv,
        prog="minimodels",
        description=__doc__,
        return_unknown_args=True,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    return ACTIONS[type(command)](command, choices(command, rest))


def choices(command: Any, rest: Sequence[str]) -> Choices:
    """Read flags that are not the command's own as a model's options and parameters."""
    own = [f"--{f.name.replace('_', '-')}" for f in (*dataclasses.fields(command), *dataclasses.fields(Output))]
    if rest and not isinstance(command, Simulate | Descend | Sweep | Derive | Predict):
        raise unknown("option", rest[0], own)
    found: Choices = {}
    words = [part for word in rest for part in (word.split("=", 1) if word.startswith("--") else [word])]
    for name, value in zip(words[::2], words[1::2], strict=False):
        if not name.startswith("--"):
            raise InputError(f"did not expect {name!r}; parameters are given as in --N 8 --L 32.")
        found[name[2:].replace("-", "_")] = _number(value)
    if len(words) % 2 and not words[-1].startswith("--"):
        raise InputError(f"did not expect {words[-1]!r}; parameters are given as in --N 8 --L 32.")
    if len(words) % 2:
        raise InputError(f"{words[-1]!r} lacks a value; parameters are given as in --N 8 --L 32.")
    return found


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def build(name: str, chosen: Choices, command: Any) -> "Model":
    """Return the model; a flag that neither it nor the command knows is an error that suggests from both."""
    import minimodels as mm

    bound = mm.model(name)
    known = [*bound.options, *bound.parameters]
    for key in chosen:
        if key not in (*known, "eps", "M", "beta_2"):
            flags = [f.name for f in (*dataclasses.fields(command), *dataclasses.fields(Output)) if f.name != "output"]
            raise unknown(
                f"parameter of {name!r} or option",
                key.replace("_", "-"),
                [*known, *(f.replace("_", "-") for f in flags)],
            )
    return mm.model(name, **chosen)


def pairs(words: Sequence[str], what: str) -> dict[str, str]:
    """Read words such as alpha=0.01."""
    for word in words:
        if "=" not in word:
            raise InputError(f"--{what} takes name=value, as in --{what} alpha=0.01; got {word!r}.")
    return dict(word.split("=", 1) for word in words)


def numbers(words: Sequence[str], what: str) -> dict[str, float]:
    """Read words such as alpha=0.01 as numbers."""
    return {k: _one(v, f"--{what} {k}") for k, v in pairs(words, what).items()}


def _one(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{what} takes a number; got {text!r}.") from error


def clamps(words: Sequence[str]) -> dict[str, Any]:
    """Read words such as beta_1=5 or beta_1=5:0:100."""
    found: dict[str, Any] = {}
    for key, text in pairs(words, "clamp").items():
        values = [_one(part, f"--clamp {key}") for part in text.split(":")]
        found[key] = values[0] if len(values) == 1 else tuple(values)
    return found


def axis_values(text: str) -> Any:
    """Read 4,8,16 or low:high:count or log:low:high:count."""
    import numpy as np

    parts = text.split(":")
    if len(parts) == 1:
        return [_one(v, "--axis") for v in text.split(",") if v]
    spaced = np.geomspace if parts[0] == "log" else np.linspace
    try:
        low, high, count = parts[-3:]
        return spaced(float(low), float(high), int(count))
    except ValueError as error:
        raise InputError(f"--axis takes N=4,8,16 or N=2:16:100 or L=log:8:512:100; got {text!r}.") from error


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
    from minimodels.plot import write_figure
    from minimodels.results import save

    if output.out is not None and not saved:
        save(result, output.out, overwrite=output.overwrite)
    if output.plot is not None:
        write_figure(draw(result), output.plot)
    for name, values in result.data_vars.items():
        if values.size == 1:
            say(f"{name!s:<22} {values.item():.6g}")
        elif str(name) != "status" and values.dtype.kind == "f":
            last = values.values[-1] if values.dims in (("time",), ("step",)) else None
            text = (
                f"{last:.6g} at the end"
                if last is not None
                else f"{values.min().item():.6g} to {values.max().item():.6g}"
            )
            say(f"{name!s:<22} {text}")
    if result["status"].size > 1:
        from minimodels.engine.status import SENTENCES, Status

        for code in Status:
            count = int((result["status"] == code).sum())
            if count:
                say(f"{count} points: {code.name}, {SENTENCES[code]}")


def do_models(command: Models, chosen: Choices) -> int:
    """List models, or describe one."""
    import minimodels as mm

    if command.model is not None:
        say(mm.describe(mm.model(command.model)))
    else:
        for name, meaning in mm.models().items():
            say(f"{name:<16} {meaning}")
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
    axes = {k: axis_values(v) for k, v in pairs(command.axis, "axis").items()}
    result = mm.sweep(
        build(command.model, chosen, command), axes, t_end=command.t_end, keep=command.keep,
        init=numbers(command.init, "init"), rates=pairs(command.rates, "rates"), clamp=clamps(command.clamp),
        method=command.method, rtol=command.rtol, atol=command.atol, threads=command.threads, out=command.output.out,
        overwrite=command.output.overwrite,
    )  # fmt: skip
    deliver(result, command.output, plot_sweep, saved=True)
    interrupted = bool((result["status"] == mm.Status.INTERRUPTED).any())
    return fail("interrupted; the same command with --out takes it up where it stopped.", 130) if interrupted else 0


def do_derive(command: Derive, chosen: Choices) -> int:
    """Print derivations."""
    import theory

    derivation = theory.derive(command.model, **chosen)
    text = derivation.latex() if command.format == "latex" else derivation.markdown()
    if command.out is None:
        say(text)
        return 0
    try:
        command.out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {str(command.out)!r} ({error.strerror}); choose another --out.") from error
    return 0


def do_predict(command: Predict, chosen: Choices) -> int:
    """Print predictions."""
    import theory

    say(str(theory.predict(build(command.model, chosen, command).with_rates(**pairs(command.rates, "rates")))))
    return 0


def do_validate(command: Validate, chosen: Choices) -> int:
    """Check the claims and write the report."""
    import validation
    from validation import report

    report.prepare(command.out)
    outcomes = validation.claims(command.paper, full=command.full, device=command.device)
    written = report.write(outcomes, command.out)
    say(report.table(outcomes))
    say(f"report: {written}")
    return 1 if any(o.verdict == "disagrees" for o in outcomes) else 0


def do_warmup(command: Warmup, chosen: Choices) -> int:
    """Compile all kernels."""
    from tqdm import tqdm

    import minimodels as mm
    from minimodels.problem import problem

    jobs = [(name, options) for name in mm.models() for options in ({"attend": "labels"}, {"attend": "all"})]
    for name, options in tqdm(jobs, unit="models", disable=None):
        for method in ("tsit5", "rodas4", "map"):
            stated = problem(mm.model(name, **options), end=1.0, method=method)
            stated.kernel()
        for kind in ("observe", "linearise"):
            stated.kernel(kind)
    return 0


Command = Models | Simulate | Descend | Sweep | Derive | Predict | Validate | Warmup
ACTIONS: dict[type, Callable[[Any, Choices], int]] = {
    Models: do_models,
    Simulate: do_simulate,
    Descend: do_descend,
    Sweep: do_sweep,
    Derive: do_derive,
    Predict: do_predict,
    Validate: do_validate,
    Warmup: do_warmup,
}

if __name__ == "__main__":
    main()
