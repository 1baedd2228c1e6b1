"""A page for every paper, its claims with what was measured: from the newest report, else from the records kept.

The report is the folder that MINIMODELS_REPORT names, or `report/`, as `minimodels validate` writes it. Of a claim that
is not in it the record of a full run is shown, while it is about the same claim; without one it says how to run it.
"""

import json
import os
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from extensions.pages import table, write_pages
from validation import papers, records
from validation.ledger import Claim
from validation.report import VERDICTS

HERE = Path(__file__).parent.parent
CHECKS = 4  # of a claim that are shown; the report has all


def report() -> tuple[dict[str, dict[str, Any]], str]:
    """Return the claims of the newest report by id, and where they come from."""
    folder = Path(os.environ.get("MINIMODELS_REPORT", HERE.parent / "report"))
    file = folder / "claims.json"
    if not file.is_file():
        return {}, "No report was there when these pages were made."
    written = date.fromtimestamp(file.stat().st_mtime).isoformat()
    found = {claim["id"]: claim | {"date": written} for claim in json.loads(file.read_text(encoding="utf-8"))}
    return found, f"The report is of {written} and has {len(found)} claims."


def entry(paper: str, claim: Claim, reported: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what is known of a claim: from the report, from its record, or how to run it."""
    if claim.id in reported and reported[claim.id]["verdict"] != "not run":
        return reported[claim.id]
    record, reason = records.read(paper, claim)
    if record is None:
        how = f"`minimodels validate --only {claim.id}` runs it"
        return {"verdict": "not run", "setting": claim.setting, "reason": f"{reason}; {how}" if reason else how}
    return {
        "verdict": record.verdict,
        "setting": record.setting,
        "measured": {check.what: check.value for check in record.checks},
        "expected": {check.what: check.expected for check in record.checks},
        "tolerance": {check.what: check.tolerance for check in record.checks},
        "recorded": record.date,
        "why": record.why if record.verdict in ("disagrees", "not converged", "inconclusive") else "",
    }


def row(claim: Claim, known: dict[str, Any]) -> list[str]:
    """Return the cells of a claim."""
    verdict = known["verdict"]
    when = known.get("recorded") or known.get("date", "")
    badge = f"**{claim.id}**<br>[{verdict}]{{.verdict .{verdict.replace(' ', '-')}}}<br>[{when}]{{.small}}"
    said = [claim.statement, claim.level + ("; " + known["setting"] if known.get("setting") else "")]
    said += ["exploratory: stated after its data had been seen"] if claim.exploratory else []
    said += [text for text in (known.get("reason", ""), known.get("why", "")) if text]
    about = "<br>".join([plain(said[0]), *(f"[{plain(text)}]{{.small}}" for text in said[1:])])
    checks = list(known.get("measured", {}))
    lines = [
        f"• {plain(what)}: **{number(known['measured'][what])}**; expected {number(known['expected'][what])} "
        f"[{plain(known['tolerance'][what])}]{{.small}}"
        for what in checks[:CHECKS]
    ]
    lines += [f"and {len(checks) - CHECKS} more checks"] if len(checks) > CHECKS else []
    return [badge, about, "<br>".join(lines)]


def plain(text: str) -> str:
    """Return words in which Markdown reads nothing but code."""
    marks = "\\*_[]{}<>$"
    parts = text.split("`")
    for k in range(0, len(parts), 2):
        parts[k] = "".join(f"\\{c}" if c in marks else c for c in parts[k])
    return "`".join(parts)


def number(value: Any) -> str:
    """Return a number as a report writes it, or a text."""
    return plain(value) if isinstance(value, str) else f"{value:.4g}"


def page(title: str, claims: list[Claim], known: list[dict[str, Any]], source: str) -> str:
    """Return the page of a paper."""
    counts = Counter(entry["verdict"] for entry in known)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    lines = [f"# {title}", "", f"{len(claims)} claims: {said}. {source} {READ}", ""]
    rows = [row(claim, its) for claim, its in zip(claims, known, strict=True)]
    return "\n".join([*lines, ":::{container} claims", *table(HEAD, rows), ":::"])


HEAD = ["claim", "statement and setting", "measured and expected"]
READ = (
    "Verdicts are computed from the numbers; the date is that of the run. What is not in the report is taken from the "
    "full runs kept with the package. `minimodels validate` writes a report, with every check and the figures."
)


def index(rows: list[list[str]], names: list[str]) -> str:
    """Return the page above those of the papers."""
    lines = ["# Papers", "", "Each is a ledger of claims, run against models, theory and trained networks.", ""]
    lines += table(["paper", "claims", *VERDICTS], rows)
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *names, "```"])


def generate(app: Sphinx) -> None:
    """Write the pages of all papers."""
    reported, source = report()
    pages, rows = {}, []
    for name, ledger in papers.ledgers().items():
        known = [entry(name, claim, reported) for claim in ledger.claims]
        pages[name] = page(ledger.title, list(ledger.claims), known, source)
        counts = Counter(its["verdict"] for its in known)
        rows.append([f"[{ledger.title}]({name}.md)", str(len(known)), *(str(counts[v]) for v in VERDICTS)])
    write_pages(HERE / "papers", pages | {"index": index(rows, list(pages))})


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx reads what there is."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
