"""A report of claims: `report.md`, `claims.json`, the figures, and the data behind each."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from minimodels.errors import InputError, shown
from minimodels.files import write_file
from validation.ledger import Check, Outcome


def table(outcomes: Sequence[Outcome], *, width: int = 140) -> str:
    """The claims as text: id, level, verdict, and the check that decided with measured and expected number."""
    check_outcomes(outcomes)
    rows = [("claim", "level", "verdict", "measured", "expected", "of what")]
    for outcome in outcomes:
        check = decisive(outcome)
        numbers = (
            (_number(check.value, check.error), _expected(check), check.what) if check else ("", "", outcome.reason)
        )
        rows.append((outcome.id, outcome.level, _verdict(outcome), *numbers))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    room = max(20, width - sum(widths) - 10)
    lines = [
        "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[5][:room]]).rstrip() for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], "", summary(outcomes)])


def check_outcomes(outcomes: Any) -> None:
    """Refuse what is no list of outcomes."""
    if not isinstance(outcomes, Sequence) or not all(isinstance(outcome, Outcome) for outcome in outcomes):
        raise InputError(f"`outcomes` is a list of outcomes, as validation.claims() returns; got {shown(outcomes)}.")


def _verdict(outcome: Outcome) -> str:
    return f"{outcome.verdict} (recorded {outcome.recorded})" if outcome.recorded else outcome.verdict


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many claims have which verdict."""
    check_outcomes(outcomes)
    counts = Counter(o.verdict for o in outcomes)
    words = [f"{counts[v]} {v}" for v in ("agrees", "disagrees", "inconclusive", "not run") if counts[v]]
    return f"{len(outcomes)} claims: {', '.join(words)}."


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
        if (
            root.is_dir()
            and any(root.iterdir())
            and not (root / "claims.json").exists()
            and not (root / "data").is_dir()
        ):
            raise InputError(f"{str(root)!r} holds something other than a report: choose another folder.")
        root.mkdir(parents=True, exist_ok=True)
        (root / "figures").mkdir(exist_ok=True)
        (root / "data").mkdir(exist_ok=True)
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
        self.captions: dict[str, str] = {}

    def add(self, outcome: Outcome) -> None:
        """Draw the outcome's figure, if it is the first with its name, and write the report with it."""
        self.outcomes.append(outcome)
        self._draw(outcome)
        self.write(self.outcomes)

    def write(self, outcomes: Sequence[Outcome]) -> Path:
        """Write the report of these outcomes, in their order, and return the path of `report.md`."""
        for outcome in outcomes:
            self._draw(outcome)
        records = json.dumps([outcome.record() for outcome in outcomes], indent=1, ensure_ascii=False, allow_nan=False)
        write_file(self.root / "claims.json", (records + "\n").encode())
        write_file(self.root / "report.md", _markdown(outcomes, self.captions, self.title).encode())
        return self.root / "report.md"

    def _draw(self, outcome: Outcome) -> None:
        from matplotlib import pyplot as plt

        from minimodels.plot import style, write_figure
        from minimodels.results import FORMAT, save
        from validation.figures import FIGURES

        name = outcome.figure
        if name is None or name in self.captions or outcome.data is None:
            return
        save(outcome.data.assign_attrs(format=FORMAT), self.root / "data" / f"{name}.nc", overwrite=True)
        with style():
            figure, self.captions[name] = FIGURES[name](outcome.data)
            for ending in ("png", "svg"):
                write_figure(figure, self.root / "figures" / f"{name}.{ending}")
            plt.close(figure)


def write(outcomes: Sequence[Outcome], folder: str | os.PathLike[str], *, title: str = "Claims") -> Path:
    """Write the report of all outcomes and return the path of `report.md`.

    Raises
    ------
    InputError
        If the folder cannot be written, or holds something else.
    """
    check_outcomes(outcomes)
    return Report(folder, title=title).write(outcomes)


def _markdown(outcomes: Sequence[Outcome], captions: dict[str, str], title: str) -> str:
    lines = [
        f"# {title}",
        "",
        summary(outcomes),
        "",
        "| claim | statement | level | verdict | measured | expected | beside |",
        "|---|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        check = decisive(outcome)
        last = (
            (f"{_number(check.value, check.error)} ({check.what})", _expected(check)) if check else (outcome.reason, "")
        )
        cells = (outcome.id, outcome.statement, outcome.level, _verdict(outcome), *last, outcome.beside)
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "A number is followed by its standard error over seeds, if it has one. A check agrees if the number with two "
        "standard errors either side lies within the interval allowed, disagrees if all of it lies outside, and is "
        "inconclusive otherwise; a claim agrees if all its checks do and disagrees if one does. A verdict marked "
        "*recorded* comes from a full run kept under `validation/records/`; `beside` says what a full run gave where "
        "the quick one was measured too.",
        "",
        "## Figures",
        "",
    ]
    for name in dict.fromkeys(outcome.figure for outcome in outcomes if outcome.figure in captions):
        caption = captions[name]
        shown = ", ".join(o.id for o in outcomes if o.figure == name)
        lines += [
            f"![{caption}](figures/{name}.png)",
            "",
            f"**{shown}.** {caption} ([svg](figures/{name}.svg), [data](data/{name}.nc))",
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
