"""Completion in a shell: a script that knows commands, options, their choices, models and their parameters.

All is written into the script, so that a shell that completes starts no Python.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tyro.conf import Positional

from minimodels.cli.options import Command

CHOICE = re.compile(r'"([\w+-]+)"')


@dataclass(frozen=True)
class Option:
    """An option: its name, the words that may follow it, and whether a path or nothing does."""

    name: str
    choices: tuple[str, ...] = ()
    path: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Told:
    """What is told of a command: its meaning, its options, and what may come first."""

    meaning: str
    options: tuple[Option, ...]
    first: tuple[str, ...]
    path: bool  # whether a path may come first
    model: bool  # whether parameters of a model may follow


@dataclass(frozen=True)
class Known:
    """All that a script knows: commands, and the options and parameters of every model."""

    commands: dict[str, Told]
    models: dict[str, tuple[Option, ...]]


def known(papers: Sequence[str]) -> Known:
    """Return what there is to complete."""
    from minimodels.models import meanings, models, structure

    found = {}
    for name in models():
        model = structure(name)[0]
        may = {key: CHOICE.findall(text.partition("}")[0]) for key, text in meanings(model).items() if "({" in text}
        options = [Option(_dashed(key), tuple(may.get(key, ()))) for key in model.options]
        found[name] = (*options, *(Option(_dashed(key)) for key in model.parameters if key not in model.options))
    words = {"model": tuple(found), "paper": tuple(papers)}
    return Known({kind.__name__.lower(): _told(kind, words) for kind in get_args(Command)}, found)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _told(kind: type, words: dict[str, tuple[str, ...]]) -> Told:
    options, path = [Option("help", alone=True)], False
    first: tuple[str, ...] = ()
    hints = dict(_hints(kind))
    for name, hint in hints.items():
        kinds = list(dict.fromkeys(_parts(hint)))
        choices = words.get(name) or tuple(kind for kind in kinds if isinstance(kind, str))
        if Positional in getattr(hint, "__metadata__", ()):
            first, path = tuple(choices), name == "model" or Path in kinds
        else:
            options.append(Option(_dashed(name), tuple(choices), Path in kinds or name == "model", bool in kinds))
    meaning = re.split(r"[,;:]|\. ", " ".join((kind.__doc__ or "").split()).rstrip("."))[0]
    return Told(meaning, tuple(options), first, path, "model" in hints)


def _hints(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a command with their types, those of its groups of options among them."""
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if is_dataclass(hint):
            yield from _hints(hint)  # type: ignore[arg-type]
        else:
            yield name, hint


def _parts(hint: Any) -> Iterator[Any]:
    """Yield the types and the words that a type is made of."""
    if hasattr(hint, "__metadata__"):
        yield from _parts(hint.__origin__)
    elif get_origin(hint) is Literal:
        yield from get_args(hint)
    elif get_args(hint):
        for part in get_args(hint):
            yield from _parts(part)
    else:
        yield hint


BASH = """\
_minimodels() {
    local IFS=$' \\t\\n' current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
    local command="${COMP_WORDS[1]}" model="" options="" first="" path="" words="" paths="" word
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:2}"; do
        case "$word" in MODELS) model="$word" ;; esac
    done
    case "$command" in
COMMANDS
    esac
    case "$command" in TAKING) case "$model" in
PARAMETERS
    esac ;; esac
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="NAMES --help --version"
    else
        case "$command $model $before" in
VALUES
            ALONE) words="$options" ;;
            *" --"*) [[ "$current" == -* ]] && words="$options" ;;
            *) if [ "$COMP_CWORD" -eq 2 ]; then words="$first"; paths="$path"; else words="$options"; fi
               [[ "$current" == -* ]] && words="$options" && paths="" ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [ -n "$paths" ]; then
        IFS=$'\\n'
        COMPREPLY+=($(compgen -d -- "$current") $(compgen -f -X "!$paths" -- "$current"))
    fi
}
complete -o filenames -F _minimodels minimodels
"""
ZSH = "autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit\n"


def bash(known: Known) -> str:
    """Return the script for bash."""
    commands, parameters, values, paths = [], [], [], []
    for name, told in known.commands.items():
        path = "*.py" if told.model and told.path else "*" if told.path else ""
        words = f'options="{_flags(told.options)}" first="{" ".join(told.first)}" path="{path}"'
        commands.append(f"        {name}) {words} ;;")
        for option in told.options:
            place = f'"{name} "*" --{option.name}"'
            if option.choices:
                values.append(f'            {place}) words="{" ".join(option.choices)}" ;;')
            elif option.path:
                paths.append(place)
    for name, options in known.models.items():
        parameters.append(f'        {name}) options="$options {_flags(options)}" ;;')
        values += [
            f'            *" {name} --{option.name}") words="{" ".join(option.choices)}" ;;'
            for option in options
            if option.choices
        ]
    alone = {option.name for told in known.commands.values() for option in told.options if option.alone}
    parts = {
        "MODELS": "|".join(known.models),
        "COMMANDS": "\n".join(commands),
        "PARAMETERS": "\n".join(parameters),
        "NAMES": " ".join(known.commands),
        "VALUES": "\n".join([*values, f'            {"|".join(paths)}) paths="*" ;;']),
        "TAKING": "|".join(name for name, told in known.commands.items() if told.model),
        "ALONE": "|".join(f'*" --{name}"' for name in sorted(alone)),
    }
    return re.sub("|".join(parts), lambda found: parts[found[0]], BASH)


def _flags(options: Sequence[Option]) -> str:
    return " ".join(f"--{option.name}" for option in options)


def zsh(known: Known) -> str:
    """Return the script for zsh, which reads that for bash."""
    return ZSH + bash(known)


def fish(known: Known) -> str:
    """Return the script for fish."""
    lines = ["complete -c minimodels -f"]
    for name, told in known.commands.items():
        seen = f"__fish_seen_subcommand_from {name}"
        place = f"{seen}; and test (count (commandline -opc)) -eq 2"
        lines.append(
            f"complete -c minimodels -n __fish_use_subcommand -a {name} -d '{told.meaning.replace(chr(39), '')}'"
        )
        if told.first:
            lines.append(f"complete -c minimodels -n '{place}' -a '{' '.join(told.first)}'")
        if told.path:
            ending = ".py" if told.model else ""
            lines.append(f"complete -c minimodels -n '{place}' -k -a '(__fish_complete_suffix {ending})'")
        lines += [_fish(seen, option) for option in told.options]
    taking = " ".join(name for name, told in known.commands.items() if told.model)
    for name, options in known.models.items():
        seen = f"__fish_seen_subcommand_from {taking}; and __fish_seen_subcommand_from {name}"
        lines += [_fish(seen, option) for option in options]
    return "\n".join([*lines, ""])


def _fish(seen: str, option: Option) -> str:
    after = "" if option.alone else f" -x -a '{' '.join(option.choices)}'" if option.choices else " -x"
    return f"complete -c minimodels -n '{seen}' -l {option.name}{' -r -F' if option.path else after}"


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
