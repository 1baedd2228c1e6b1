"""Reports of claims, a folder for each paper: `report.md`, `claims.json`, the figures, and the data behind each.

The folder above them holds an index, `report.md`, and all claims, `claims.json`.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from textwrap import wrap
from typing import Any

from minimodels.errors import InputError, shown
from minimodels.files import write_file
from validation.checks import Check
from validation.ledger import Outcome

VERDICTS = ("agrees", "disagrees", "inconclusive", "not converged", "not run")


def table(outcomes: Sequence[Outcome], *, width: int = 120) -> str:
    """The claims as text, by paper: verdict and statement; where it does not agree, the number that decided and why."""
    check_outcomes(outcomes)
    return "\n".join(line for paper, its in by_paper(outcomes).items() for line in _lines(paper, its, width))


def _lines(paper: str, outcomes: Sequence[Outcome], width: int) -> list[str]:
    lines = [paper, "-" * len(paper)]
    ids, verdicts = (max(len(getattr(outcome, name)) for outcome in outcomes) for name in ("id", "verdict"))
    indent = ids + verdicts + 4
    room = max(40, width - indent)
    for outcome in outcomes:
        said = [outcome.statement, f"(recorded {outcome.recorded})" if outcome.recorded else ""]
        said += [] if outcome.verdict == "agrees" else [_decided(outcome), outcome.why]
        first, *rest = (line for part in said for line in wrap(part, room))
        lines += [f"{outcome.id:{ids}}  {outcome.verdict:{verdicts}}  {first}", *(" " * indent + line for line in rest)]
    return [*lines, ""]


def _decided(outcome: Outcome) -> str:
    check = decisive(outcome)
    if check is None:
        return outcome.reason
    return f"{check.what}: {_number(check.value, check.error)}, expected {_expected(check)} ({check.tolerance})"


def by_paper(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of every paper, in their order."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.paper, []).append(outcome)
    return found


def check_outcomes(outcomes: Any) -> None:
    """Refuse what is no list of outcomes."""
    if not isinstance(outcomes, Sequence) or not all(isinstance(outcome, Outcome) for outcome in outcomes):
        raise InputError(f"`outcomes` is a list of outcomes, as validation.claims() returns; got {shown(outcomes)}.")


def _verdict(outcome: Outcome) -> str:
    return f"{outcome.verdict} (recorded {outcome.recorded})" if outcome.recorded else outcome.verdict


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many claims have which verdict."""
    check_outcomes(outcomes)
    there = {outcome.id for outcome in outcomes}
    once = [outcome for outcome in outcomes if outcome.same_as not in there]
    groups = [("", [o for o in once if not o.exploratory]), ("exploratory: ", [o for o in once if o.exploratory])]
    said = []
    for name, its in groups:
        counts = Counter[str](outcome.verdict for outcome in its)
        if its or not name:
            said.append(name + (", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v]) or "none"))
    return f"{len(once)} claim{'s' * (len(once) != 1)}: {'; '.join(said)}."


def decisive(outcome: Outcome) -> Check | None:
    """The first check with the verdict of its claim."""
    return next((c for c in outcome.checks if c.verdict == outcome.verdict), None)


def prepare(folder: str | os.PathLike[str]) -> Path:
    """Make the folder of a report, or take up an older report's; worth doing before the claims are run.

    Raises
    ------
    InputError
        If the folder cannot be written, or holds something else.
    """
    if not isinstance(folder, str | os.PathLike) or not str(folder) or "\0" in str(folder):
        raise InputError(f"`folder` is the path of a folder, as 'report'; got {shown(folder)}.")
    root = Path(folder)
    try:
        if root.is_dir() and any(root.iterdir()) and not (root / "claims.json").exists():
            raise InputError(f"{str(root)!r} holds something other than a report: choose another folder.")
        root.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=root).close()
    except OSError as error:
        raise InputError(f"cannot write to {str(root)!r}: choose another folder for the report.") from error
    return root


class Report:
    """A report in a folder, written anew with every outcome that is added: what breaks off later loses nothing.

    Raises
    ------
    InputError
        If the folder cannot be written, or holds something else.
    """

    def __init__(self, folder: str | os.PathLike[str], *, title: str = "Claims") -> None:
        self.root, self.title = prepare(folder), title
        self.outcomes: list[Outcome] = []
        self.captions: dict[tuple[str, str], str] = {}

    def add(self, outcome: Outcome) -> None:
        """Draw the outcome's figure, if it is the first with its name, and write the report with it."""
        self.outcomes.append(outcome)
        self.write(self.outcomes)

    def write(self, outcomes: Sequence[Outcome]) -> Path:
        """Write the report of these outcomes, in their order, and return the path of the index, `report.md`."""
        _write_claims(self.root, outcomes)
        for paper, its in by_paper(outcomes).items():
            folder = self.root / paper
            folder.mkdir(exist_ok=True)
            captions = self._draw(paper, folder, its)
            _write_claims(folder, its)
            write_file(folder / "report.md", _markdown(its, captions, f"{self.title}: {paper}").encode())
        write_file(self.root / "report.md", _index(outcomes, self.title).encode())
        return self.root / "report.md"

    def _draw(self, paper: str, folder: Path, outcomes: Sequence[Outcome]) -> dict[str, str]:
        """Draw the figures that are not there yet; return all captions of a paper by the figure's name."""
        from validation.drawing import draw

        for outcome in outcomes:
            if outcome.figure and outcome.data is not None and (paper, outcome.figure.__name__) not in self.captions:
                self.captions[paper, outcome.figure.__name__] = draw(outcome.figure, outcome.data, folder)
        return {name: caption for (owner, name), caption in self.captions.items() if owner == paper}


def write(outcomes: Sequence[Outcome], folder: str | os.PathLike[str], *, title: str = "Claims") -> Path:
    """Write the report of all outcomes and return the path of the index, `report.md`.

    Raises
    ------
    InputError
        If the folder cannot be written, or holds something else.
    """
    check_outcomes(outcomes)
    return Report(folder, title=title).write(outcomes)


def _write_claims(folder: Path, outcomes: Sequence[Outcome]) -> None:
    records = json.dumps([outcome.record() for outcome in outcomes], indent=1, ensure_ascii=False, allow_nan=False)
    write_file(folder / "claims.json", (records + "\n").encode())


def _index(outcomes: Sequence[Outcome], title: str) -> str:
    lines = [f"# {title}", "", summary(outcomes), "", f"| paper | {' | '.join(VERDICTS)} |"]
    lines.append("|---|" + "---|" * len(VERDICTS))
    for paper, its in by_paper(outcomes).items():
        counts = Counter[str](outcome.verdict for outcome in its)
        lines.append(f"| [{paper}]({paper}/report.md) | {' | '.join(str(counts[v]) for v in VERDICTS)} |")
    return "\n".join([*lines, ""])


def _markdown(outcomes: Sequence[Outcome], captions: dict[str, str], title: str) -> str:
    lines = [
        f"# {title}",
        "",
        summary(outcomes),
        "",
        "| claim | statement | level | verdict | measured | expected | why, and beside |",
        "|---|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        check = decisive(outcome)
        last = (
            (f"{_number(check.value, check.error)} ({check.what})", _expected(check)) if check else (outcome.reason, "")
        )
        beside = " ".join(filter(None, (outcome.why, outcome.beside)))
        cells = (outcome.id, outcome.statement, outcome.level, _verdict(outcome), *last, beside)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    lines += [
        "",
        "A number is followed by its standard error over seeds, if it has one. A check agrees if the number's interval "
        "of 95 % confidence (Student's t over seeds; Clopper and Pearson's of a share of seeds; bootstrap over seeds "
        "of other functions) lies within the interval allowed, disagrees if all of it lies outside, and is "
        "inconclusive otherwise; it is not converged where a seed did not get so far within its budget. A claim agrees "
        "if all its checks do and disagrees if one does. A full run kept with the package (*recorded*) stands before a "
        "quick one; a record that was made with other trainings or another measurement than today's is *stale* and "
        "not used. *Exploratory* claims were stated after their data had been seen and are counted apart, and claims "
        "with the checks of another count as one with it. Settings name what differs from the defaults of the task, "
        "the network and the optimiser.",
        "",
    ]
    drawn = {outcome.figure.__name__: None for outcome in outcomes if outcome.figure}
    lines += ["## Figures", ""] if captions else []
    for name in (name for name in drawn if name in captions):
        shown_by = ", ".join(o.id for o in outcomes if o.figure and o.figure.__name__ == name)
        lines += [
            f"![{captions[name]}](figures/{name}.png)",
            "",
            f"**{shown_by}.** {captions[name]} ([svg](figures/{name}.svg), [data](data/{name}.nc))",
            "",
        ]
    lines += ["## Every check", ""]
    for outcome in outcomes:
        if not outcome.checks:
            continue
        lines += [
            f"### {outcome.id}: {outcome.statement}",
            "",
            f"{_verdict(outcome)}; {outcome.level}; {outcome.setting}; {outcome.seconds:.1f} s.",
            "",
        ]
        lines += ["| what | measured | expected | allowed | verdict |", "|---|---|---|---|---|"]
        lines += [
            f"| {c.what} | {_number(c.value, c.error)} | {_expected(c)} | {c.tolerance} | {c.verdict} |"
            for c in outcome.checks
        ]
        lines.append("")
    return "\n".join(lines)


def _number(value: float, error: float) -> str:
    return f"{value:.4g} ± {error:.2g}" if error else f"{value:.6g}"


def _expected(check: Check) -> str:
    return check.expected if isinstance(check.expected, str) else f"{check.expected:.6g}"
