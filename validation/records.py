"""Full runs kept as small data files in the folder of their paper: checks, settings, versions and date.

A record holds the numbers of every check with the interval allowed; its verdict is computed when it is read. It speaks
for a claim only as long as the claim's trainings, the code that measures it and the constants in that code are those
that it was made with (a hash of them); otherwise it is *stale* and never shown as today's.
"""

import ast
import hashlib
import inspect
import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent
from types import CodeType, FunctionType, ModuleType
from typing import Any

from minimodels.files import write_file
from validation.checks import Check, Verdict, verdict_of
from validation.ledger import Claim, Outcome
from validation.spelled import spell, without_defaults

Defaults = dict[str, dict[str, Any]]  # of fields, by type
NUMBERS = ("value", "error", "least", "most", "low", "high")  # of a check; what is not finite is kept as text
PLAIN = bool | int | float | str | tuple | list | dict | None


@dataclass(frozen=True)
class Record:
    """What a full run of a claim gave; `seconds` counts its trainings, but for those taken up from an earlier run."""

    id: str
    setting: str
    hash: str
    date: str
    versions: dict[str, str]
    seconds: float
    checks: tuple[Check, ...]
    why: str = ""

    @property
    def verdict(self) -> Verdict:
        """The verdict of the recorded numbers."""
        return verdict_of(self.checks)


def command(paper: str, id: str) -> str:
    """The command that makes a record again."""
    return f"minimodels validate {paper} --full --only {id} --record"


def read(paper: str, claim: Claim) -> tuple[Record | None, str]:
    """Return the record of a claim, and why it cannot be used: it is stale, or empty."""
    path = _path(paper, claim.id)
    if not path.exists():
        return None, ""
    values = json.loads(path.read_text(encoding="utf-8"))
    _, obstacle = claim.wanted(full=True)
    if obstacle:
        return None, obstacle
    now, defaults = fingerprint(claim)
    then = ((kind, name, value) for kind, of in values.get("defaults", {}).items() for name, value in of.items())
    changed = any(defaults.get(kind, {}).get(name, value) != value for kind, name, value in then)
    if values.get("hash") != now or changed:
        return None, f"the record of {values['date']} is stale: {command(paper, claim.id)} makes it anew"
    plain: list[dict[str, Any]] = [
        {name: float(value) if name in NUMBERS else value for name, value in check.items()}
        for check in values["checks"]
    ]
    checks = tuple(Check(**check) for check in plain)
    kept = {name: values[name] for name in ("id", "setting", "hash", "date", "versions", "seconds")}
    return Record(**kept, checks=checks, why=values.get("why", "")), ""


def write(paper: str, claims: Sequence[Claim], outcomes: Sequence[Outcome]) -> list[Path]:
    """Keep the outcomes of a full run; claims that were not run leave their records as they are.

    A full run of a claim whose quick one has the same trainings is no stronger evidence, and none is kept.
    """
    paths = []
    for claim, outcome in zip(claims, outcomes, strict=True):
        if outcome.verdict == "not run" or not claim.fuller:
            continue
        hash, defaults = fingerprint(claim)
        values = {
            "id": outcome.id,
            "statement": outcome.statement,
            "setting": outcome.setting,
            "hash": hash,
            "defaults": defaults,
            "date": date.today().isoformat(),
            "versions": _versions() | dict(outcome.versions),
            "seconds": round(outcome.seconds, 1),
            "command": command(paper, outcome.id),
            "verdict": outcome.verdict,
            "why": outcome.why,
            "checks": [{k: _plain(v) for k, v in asdict(c).items()} for c in outcome.checks],
        }
        paths.append(_path(paper, outcome.id))
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        write_file(paths[-1], (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
    return paths


def fingerprint(claim: Claim) -> tuple[str, Defaults]:
    """Return the hash of a claim's full trainings and of what measures it, and the defaults the trainings rely on."""
    trainings = claim.trainings(True)
    code = _code(claim.measure, *(analysis for t in trainings for analysis in getattr(t, "analyses", ())))
    defaults: Defaults = {}
    given = [without_defaults(spell(training), defaults) for training in trainings]
    said = json.dumps([given, sorted(code.values())])
    return hashlib.sha256(said.encode()).hexdigest()[:16], defaults


def _code(*functions: Any) -> dict[str, str]:
    """Return the text of functions and of all of `validation` that they use, with the constants, by name.

    Layout, comments and docstrings do not count, nor do checks of arguments; neither do `theory` and `minimodels`,
    which their own tests check.
    """
    found: dict[str, str] = {}
    waiting = list(functions)
    while waiting:
        one = waiting.pop()
        if isinstance(one, partial):
            found[f"arguments of {one.func.__qualname__}"] = _plainly([one.args, one.keywords])
            waiting.append(one.func)
            continue
        name = f"{one.__module__}.{one.__qualname__}"
        if name in found:
            continue
        found[name] = _text(one)
        for used, value in _used(one):
            if isinstance(value, FunctionType | partial):
                waiting.append(value)
            else:
                found[f"{one.__module__}.{used}"] = f"{used} = {_plainly(value)}"
    return found


def _plainly(value: Any) -> str:
    return json.dumps(without_defaults(spell(value), {}))


def _text(function: FunctionType) -> str:
    """Return the code of a function without docstrings and decorators: a claim's statement may be said otherwise."""
    tree = ast.parse(dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
            if ast.get_docstring(node) is not None:
                node.body[0] = ast.Pass()
    return ast.unparse(tree)


def _used(function: FunctionType) -> list[tuple[str, Any]]:
    """Return what a function refers to: names of its module, and attributes of modules it names."""
    names: list[str] = []
    codes = [inspect.unwrap(function).__code__]
    while codes:
        code = codes.pop()
        names += code.co_names
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    known = inspect.unwrap(function).__globals__
    values = [(name, known[name]) for name in names if name in known]
    modules = [v for _, v in values if isinstance(v, ModuleType) and v.__name__.startswith("validation.")]
    values += [(name, getattr(module, name)) for module in modules for name in names if hasattr(module, name)]
    return [(name, value) for name, value in values if _ours(value)]


def _ours(value: Any) -> bool:
    if isinstance(value, FunctionType):  # checks of arguments only refuse
        return value.__module__.startswith("validation.") and not value.__name__.startswith("check_")
    options = is_dataclass(value) and not isinstance(value, type | Claim)
    return options or isinstance(value, partial | PLAIN)


def _path(paper: str, id: str) -> Path:
    return Path(__file__).parent / paper / "records" / f"{id}.json"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("minimodels", "numpy", "numba", "torch")}
    return {"python": platform.python_version(), **found}
