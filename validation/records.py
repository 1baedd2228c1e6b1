"""Full runs kept as small data files under `validation/records/`: checks, settings, versions and date.

A record holds the numbers of every check with the interval allowed; its verdict is computed when it is read. It speaks
for a claim only as long as the claim's full setting reads as it did when the record was made.
"""

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from minimodels.files import write_file
from validation.ledger import Check, Claim, Outcome, Verdict, verdict_of

FOLDER = Path(__file__).parent / "records"


@dataclass(frozen=True)
class Record:
    """What a full run of a claim gave; `seconds` counts its trainings, but for those taken up from an earlier run."""

    id: str
    setting: str
    date: str
    versions: dict[str, str]
    seconds: float
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict of the recorded numbers."""
        return verdict_of(self.checks)


def command(ledger: str, id: str) -> str:
    """The command that makes a record again."""
    return f"minimodels validate {ledger} --full --only {id} --record"


def read(ledger: str, claim: Claim) -> Record | None:
    """The record of a claim at its present full setting, if there is one."""
    path = _path(ledger, claim.id)
    if not path.exists():
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    if values["setting"] != claim.setting["full"]:
        return None
    checks = tuple(
        Check(c["what"], float(c["value"]), float(c["error"]), float(c["low"]), float(c["high"]), c["expected"])
        for c in values["checks"]
    )
    return Record(values["id"], values["setting"], values["date"], values["versions"], values["seconds"], checks)


def write(ledger: str, outcomes: Sequence[Outcome]) -> list[Path]:
    """Keep the outcomes of a full run; claims that were not run leave their records as they are."""
    paths = []
    for outcome in outcomes:
        if outcome.verdict == "not run":
            continue
        values = {
            "id": outcome.id,
            "statement": outcome.statement,
            "setting": outcome.setting,
            "date": date.today().isoformat(),
            "versions": _versions(),
            "seconds": round(outcome.seconds, 1),
            "command": command(ledger, outcome.id),
            "verdict": outcome.verdict,
            "checks": [{k: _plain(v) for k, v in asdict(c).items()} for c in outcome.checks],
        }
        paths.append(_path(ledger, outcome.id))
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        write_file(paths[-1], (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
    return paths


def _path(ledger: str, id: str) -> Path:
    return FOLDER / ledger / f"{id}.json"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("minimodels", "numpy", "numba", "torch")}
    return {"python": platform.python_version(), **found}
