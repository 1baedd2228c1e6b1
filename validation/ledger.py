"""A ledger of claims: each is a statement with checks (`validation.checks`) whose numbers are computed.

A claim agrees if all its checks do, and disagrees if one does.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Literal

import xarray as xr

from validation.checks import Check, Verdict
from validation.protocols import Network, Task, Training
from validation.words import in_words

Level = Literal["model", "theory", "network"]


@dataclass(frozen=True)
class Finding:
    """What a claim's function returns: the checks, the data of its figure, and why it is not as claimed, if known.

    `why` is said where the claim does not agree: a sentence whose numbers are computed.
    """

    checks: Sequence[Check]
    data: xr.Dataset | None = None
    why: str = ""


Figure = Callable[[xr.Dataset], tuple[Any, str]]  # data in; the drawing, and a caption that states the finding, out
Wanted = Sequence[Training] | Callable[[bool], Sequence[Training]]


@dataclass(frozen=True)
class Claim:
    """A line of a ledger; `claim` makes one of the function that measures it.

    Attributes
    ----------
    id : the ledger's number, with a letter where one line makes several statements; unique over all papers.
    statement, level : what is claimed, and of what: the model, the theory of the model, or a trained network.
    measure : computes the finding from the results of the trainings.
    trainings : the trainings needed, quick or full.
    setting : what it is measured on, in words, where there are no trainings that say it.
    figure : draws its data (claims with the same figure share them).
    same_as : the id of the claim that has the same checks, with which it counts as one.
    exploratory : whether it was stated after its data had been seen.
    headline : whether it is among those that stand for the paper.
    full_only : why it is left out of a quick run.
    """

    id: str
    statement: str
    level: Level
    measure: Callable[["Context"], Finding]
    trainings: Callable[[bool], Sequence[Training]]
    setting: str = ""
    figure: Figure | None = None
    headline: bool = False
    full_only: str = ""
    same_as: str = ""
    exploratory: bool = False

    def wanted(self, full: bool) -> tuple[Sequence[Training], str]:
        """Return the trainings it needs now, and why it cannot be run; empty if it can."""
        if self.full_only and not full:
            return (), self.full_only
        try:
            return self.trainings(full), ""
        except ModuleNotFoundError as error:
            return (), f"{error.name} is needed to train networks: pip install 'minimodels[validation]'"
        except Exception as error:  # one claim is lost, not the ledger
            return (), f"stating its trainings failed: {type(error).__name__}: {error}"

    @property
    def fuller(self) -> bool:
        """Whether the full settings have other trainings than the quick ones, or are the only ones."""
        if self.full_only or not self.trainings(True):
            return bool(self.full_only)
        quick, full = ({training.name: training for training in self.trainings(how)} for how in (False, True))
        return quick != full

    def words(self, trainings: Sequence[Training]) -> str:
        """What it is measured on, in words: those of its trainings, or as stated."""
        return in_words([training.settings() for training in trainings]) if trainings else self.setting


def claim(
    id: str,
    statement: str,
    *,
    level: Level,
    trainings: Wanted = (),
    setting: str = "",
    figure: Figure | None = None,
    headline: bool = False,
    full_only: str = "",
    same_as: str = "",
    exploratory: bool = False,
) -> Callable[[Callable[["Context"], Finding]], Claim]:
    """Make a claim of the function below: see `Claim`."""

    def wanted(full: bool) -> Sequence[Training]:
        return trainings(full) if callable(trainings) else trainings

    def made(measure: Callable[["Context"], Finding]) -> Claim:
        return Claim(id, statement, level, measure, wanted, setting, figure, headline, full_only, same_as, exploratory)

    return made


@dataclass(frozen=True)
class Ledger:
    """The claims of one paper, found in its folder `validation/<paper>`.

    Attributes
    ----------
    title : the paper, in words.
    claims : in the order of their ids.
    pairs : small tasks with the networks that learn them, for tests of what every pair must do; the first network is
        the usual one for tasks of its kind.
    """

    title: str
    claims: Sequence[Claim]
    pairs: Callable[[], Sequence[tuple[Task, Network]]] = tuple


def collect(package: ModuleType) -> tuple[Claim, ...]:
    """Return the claims in the files of a folder, in the order of their ids."""
    modules = [import_module(f"{package.__name__}.{entry.name}") for entry in iter_modules(package.__path__)]
    return collected({f"{module.__name__}.{name}": v for module in modules for name, v in vars(module).items()})


def collected(names: Mapping[str, Any]) -> tuple[Claim, ...]:
    """Return the claims among the names of a file, alone or in tuples: R2 before R2b before R10.

    Raises
    ------
    RuntimeError
        If two claims have one id.
    """
    groups = [value if isinstance(value, tuple) else (value,) for value in names.values()]
    found: dict[str, Claim] = {}
    for one in (one for group in groups for one in group if isinstance(one, Claim)):
        if found.setdefault(one.id, one) is not one:
            raise RuntimeError(f"two claims have the id {one.id}: {found[one.id].statement!r} and {one.statement!r}")
    return tuple(sorted(found.values(), key=_order))


def _order(made: Claim) -> list[tuple[bool, int, str]]:
    parts = re.findall(r"[a-zA-Z]+|[0-9]+", made.id)
    return [(part.isalpha(), 0 if part.isalpha() else int(part), part) for part in parts]


@dataclass(frozen=True)
class Context:
    """What a claim may use: whether the full setting is asked for, and the results of its trainings.

    `runs` is by name of the training, NAME/ANALYSIS for its analyses; `failures` says why one is missing, `seconds` how
    long each took.
    """

    full: bool
    runs: dict[str, xr.Dataset] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def of(self, training: Training, analysis: Callable[..., xr.Dataset] | None = None) -> xr.Dataset:
        """What a training recorded, or what one of its analyses found."""
        return self.runs[training.name if analysis is None else f"{training.name}/{analysis.__name__}"]

    def versions(self, trainings: Sequence[Training]) -> dict[str, str]:
        """The versions that trainings ran with, by package; several where they differ."""
        each = [json.loads(self.runs[t.name].attrs.get("versions", "{}")) for t in trainings if t.name in self.runs]
        return {name: ", ".join(sorted({found[name] for found in each if name in found}))
                for name in sorted({name for found in each for name in found})}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """A claim with what was found; `measured`, `expected` and `tolerance` are by check.

    `seconds` counts its trainings too, also those it shares with other claims. `recorded` is the date of the full run
    that the numbers are taken from, None if they were measured now; `beside` says what the quick run gave where both
    exist: the full one stands before it. `why` says why the claim does not agree, where that is known. `versions` are
    those of its trainings.
    """

    id: str
    paper: str
    statement: str
    level: Level
    setting: str
    measured: dict[str, float]
    expected: dict[str, float | str]
    tolerance: dict[str, str]
    verdict: Verdict
    recorded: str | None
    seconds: float
    checks: Sequence[Check] = ()
    reason: str = ""
    figure: Figure | None = field(default=None, repr=False, compare=False)
    data: xr.Dataset | None = field(default=None, repr=False, compare=False)
    beside: str = ""
    why: str = ""
    same_as: str = ""
    exploratory: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The entry of `claims.json`; a number that is not finite becomes text."""

        def plain(value: float | str) -> float | str:
            return value if isinstance(value, str) or math.isfinite(value) else str(value)

        return {
            "id": self.id,
            "paper": self.paper,
            "statement": self.statement,
            "level": self.level,
            "setting": self.setting,
            "measured": {k: plain(v) for k, v in self.measured.items()},
            "expected": {k: plain(v) for k, v in self.expected.items()},
            "tolerance": self.tolerance,
            "verdict": self.verdict,
            "recorded": self.recorded,
            "seconds": round(self.seconds, 3),
            **{k: v for k in ("reason", "why", "beside", "same_as", "exploratory") if (v := getattr(self, k))},
        }
