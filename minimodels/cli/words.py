"""From the words of a command line to a command and values."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from io import StringIO
from itertools import dropwhile, takewhile
from typing import TYPE_CHECKING, Any, get_args

import tyro

from minimodels.cli.options import Command, Output, Repeats
from minimodels.errors import InputError, unknown

if TYPE_CHECKING:
    import numpy as np

    from minimodels.model import Event

ABOUT = """A laboratory for minimal models of in-context learning.

Options and parameters of a model follow its name by their symbols, as in
`minimodels simulate nested_logit --attend labels --N 8 --L 32`; `minimodels models MODEL` lists them."""

Choices = dict[str, Any]


def parse(argv: Sequence[str]) -> tuple[Command, Choices]:
    """Read a command; the flags it does not know are a model's options and parameters."""
    commands = [command.__name__.lower() for command in get_args(Command)]
    if argv[0] not in (*commands, "-h", "--help"):
        raise unknown("command", argv[0], commands)
    with one_sentence(argv[0]):
        command, rest = tyro.cli(
            Command,
            args=argv,
            prog="minimodels",
            description=ABOUT,
            return_unknown_args=True,
            config=(tyro.conf.OmitArgPrefixes,),
        )
    given = [word.partition("=")[0] for word in argv if word.startswith("--")]
    for flag in flags(command):
        if given.count(f"--{flag}") > 1:
            raise InputError(f"--{flag} is given twice; leave one out.")
        if f"--{flag}" in given and getattr(command, flag.replace("-", "_"), None) == ():
            raise InputError(f"--{flag} lacks a value; see `minimodels {argv[0]} --help`.")
    return command, choices(command, rest)


@contextmanager
def one_sentence(command: str) -> Iterator[None]:
    """Turn the box that tyro draws around what is wrong with a word into one sentence."""
    box = StringIO()
    try:
        with redirect_stderr(box):
            yield
    except SystemExit as end:
        if end.code != 2:
            raise
        rows = [line.strip("│╰╯ ") for line in box.getvalue().splitlines()[1:]]  # without the title
        text = takewhile(lambda row: row.strip("─-"), dropwhile(lambda row: not row.strip("─-"), rows))
        reason = " ".join(text).rstrip(".").replace(". Expected", "; expected")
        if "MODEL" in reason or "'model'" in reason:
            raise model_first(command) from None
        raise InputError(f"{reason}; see `minimodels {command} --help`.") from None


def flags(command: Command) -> list[str]:
    """Return the names of a command's own flags."""
    grouped = (*dataclasses.fields(command), *(dataclasses.fields(Output) if hasattr(command, "output") else ()))
    return [f.name.replace("_", "-") for f in grouped if f.name not in ("model", "paper", "name", "shell", "output")]


def model_first(command: str) -> InputError:
    """Build the error for a command without a model, or with flags before it."""
    return InputError(f"name a model first, as in `minimodels {command} nested_logit`; `minimodels models` lists them.")


def choices(command: Command, rest: Sequence[str]) -> Choices:
    """Read flags that are not the command's own as a model's options and parameters."""
    name = type(command).__name__.lower()
    if not hasattr(command, "model"):
        if not rest:
            return {}
        if rest[0].startswith("-"):
            raise unknown("option", rest[0], [f"--{flag}" for flag in flags(command)])
        raise InputError(f"did not expect {rest[0]!r}; `minimodels {name} --help` says what it takes.")
    if rest and command.model in (None, "[]"):  # "[]" is what tyro reads when an unknown flag comes first
        raise model_first(name)
    found: Choices = {}
    words = [part for word in rest for part in (word.split("=", 1) if word.startswith("--") else [word])]
    for name, value in zip(words[::2], words[1::2], strict=False):
        if not name.startswith("--"):
            raise InputError(f"did not expect {name!r}; parameters are given as in --N 8 --L 32.")
        key = name[2:].replace("-", "_")
        if key in found:
            raise InputError(f"{name} is given twice, as {found[key]!r} and {value!r}; leave one out.")
        found[key] = _setting(value)
    if len(words) % 2 and not words[-1].startswith("--"):
        raise InputError(f"did not expect {words[-1]!r}; parameters are given as in --N 8 --L 32.")
    if len(words) % 2:
        raise InputError(f"{words[-1]!r} lacks a value; parameters are given as in --N 8 --L 32.")
    return found


def _setting(text: str) -> float | str:
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def pairs(words: Sequence[str], what: str) -> dict[str, str]:
    """Read words such as alpha=0.01."""
    for word in words:
        if "=" not in word:
            raise InputError(f"--{what} takes name=value, as in --{what} alpha=0.01; got {word!r}.")
    found: dict[str, str] = {}
    for key, value in (word.split("=", 1) for word in words):
        if key in found:
            raise InputError(f"--{what} gives {key} twice, as {found[key]} and {value}; leave one out.")
        found[key] = value
    return found


def numbers(words: Sequence[str], what: str) -> dict[str, float]:
    """Read words such as alpha=0.01 as numbers."""
    return {k: _number(v, f"--{what} {k}") for k, v in pairs(words, what).items()}


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{what} takes a number; got {text!r}.") from error


def clamps(words: Sequence[str]) -> dict[str, Any]:
    """Read words such as beta_1=5, beta_1=5:0:100 or n_3=T_3."""
    found: dict[str, Any] = {}
    for key, text in pairs(words, "clamp").items():
        value, *times = text.split(":")
        try:
            held: float | str = float(value)
        except ValueError:  # an expression of the parameters
            held = value
        found[key] = (held, *(_number(part, f"--clamp {key}") for part in times)) if times else held
    return found


def beliefs(words: Sequence[str]) -> dict[str, Any]:
    """Read words such as rate_xi=lognormal:1:0.5 or growth_xi=0."""
    found: dict[str, Any] = {}
    for key, text in pairs(words, "prior").items():
        kind, *numbers = text.split(":")
        if numbers and len(numbers) != 2:
            raise InputError(f"--prior {key} takes a number or kind:a:b, as lognormal:1:0.5; got {text!r}.")
        found[key] = (
            (kind, *(_number(n, f"--prior {key}") for n in numbers)) if numbers else _number(kind, f"--prior {key}")
        )
    return found


def event(text: str) -> "str | Event | None":
    """Read an event's name, or one stated as loss<0.5 or correct>0.9."""
    from minimodels.model import Event

    for sign, direction in (("<", -1), (">", 1)):
        expression, found, level = text.partition(sign)
        if found:
            return Event(expression.strip(), _number(level, "--event"), direction)
    return text or None


def axes(words: Sequence[str]) -> "dict[str, list[float] | np.ndarray]":
    """Read words such as N=4,8,16 or N=2:16:100 or L=log:8:512:100."""
    return {key: _axis(text) for key, text in pairs(words, "axis").items()}


def _axis(text: str) -> "list[float] | np.ndarray":
    import numpy as np

    parts = text.split(":")
    if len(parts) == 1:
        return [_number(v, "--axis") for v in text.split(",") if v]
    spaced = np.geomspace if parts[0] == "log" else np.linspace
    try:
        low, high, count = parts[1:] if parts[0] == "log" else parts
        return spaced(float(low), float(high), int(count))
    except ValueError as error:
        raise InputError(f"--axis takes N=4,8,16 or N=2:16:100 or L=log:8:512:100; got {text!r}.") from error


def sizes(command: Repeats) -> tuple[float, float, tuple[list[float], list[float]] | None]:
    """Return tokens, parameters, and the one group of repeats; None where a file has the groups."""
    if command.tokens is None or command.parameters is None:
        missing = "tokens" if command.tokens is None else "parameters"
        raise InputError(f"--{missing} is missing, as in `minimodels repeats --tokens 1e11 --parameters 197e6`.")
    if command.histogram is not None and command.fraction is None and command.times is None:
        return command.tokens, command.parameters, None
    if command.histogram is not None or command.fraction is None or command.times is None:
        raise InputError("give --histogram FILE, or --fraction and --times together.")
    if not 0 <= command.fraction <= 1:
        raise InputError(f"--fraction is a share of the training tokens, from 0 to 1; got {command.fraction:g}.")
    if command.distinct:
        raise InputError("--distinct is for --histogram; --fraction is a share of the training tokens.")
    return command.tokens, command.parameters, ([command.times], [command.fraction * command.tokens])
