"""Run a ledger: its trainings side by side, meanwhile the claims that need none, then the others."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module

from platformdirs import user_data_path
from tqdm import tqdm

from minimodels.errors import InputError, check_whole, shown, unknown
from validation import records
from validation.jobs import Job, Trainings
from validation.ledger import Claim, Context, Outcome, verdict_of

LEDGERS = ("reddy",)


def claims(
    ledger: str = "reddy",
    *,
    full: bool = False,
    only: Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    device: str = "cpu",
    record: bool = False,
    progress: bool | None = None,
    each: Callable[[Outcome], object] = lambda outcome: None,
) -> list[Outcome]:
    """Run the claims of a ledger and return what was found, in the ledger's order.

    Parameters
    ----------
    ledger : {"reddy"}
        Which ledger.
    full : bool
        The full settings (minutes to hours, resumable) in place of the quick ones (minutes).
    only : sequence of str, optional
        Ids of the claims to run; all by default.
    out : path, optional
        Folder that keeps the trainings; a call with the same folder resumes them. By default quick trainings are not
        kept, and full ones are kept in the user's data folder.
    workers : int, optional
        Trainings side by side, one thread each; by default one for every processor. Claims that need no training are
        measured meanwhile, in this process.
    device : str
        Torch device of the trainings.
    record : bool
        Keep what a full run found as files in the package, shown from then on beside what a quick run measures.
    progress : bool, optional
        Whether to show a bar; by default on a terminal only.
    each : callable, optional
        Called with every outcome as soon as it is there, to keep it: ``validation.report.Report(folder).add``.

    Raises
    ------
    InputError
        For an unknown ledger or claim.
    """
    every = of_ledger(ledger)
    if only is not None and (isinstance(only, str | bytes) or not isinstance(only, Sequence)):
        raise InputError(f"`only` is a list of ids, as ['R27', 'R28']; got {shown(only)}.")
    for id in only or ():
        if not isinstance(id, str):
            raise InputError(f"`only` is a list of ids, as ['R27', 'R28']; got {shown(only)}.")
        if id not in [claim.id for claim in every]:
            raise unknown("claim", id, [claim.id for claim in every])
    if isinstance(workers, int) and not isinstance(workers, bool) and workers < 1:
        raise InputError(f"`workers` must be at least 1; got {shown(workers)}.")
    if workers is not None:
        workers = check_whole(workers, "`workers`", low=1, high=4096)
    if not callable(each):
        raise InputError(f"`each` is a function of an outcome, as Report(folder).add; got {shown(each)}.")
    for name, flag in (("full", full), ("record", record)):
        if not isinstance(flag, bool):
            raise InputError(f"`{name}` is True or False; got {shown(flag)}.")
    if not isinstance(device, str):
        raise InputError(f"`device` is the name of one, as 'cpu'; got {shown(device)}.")
    if out is not None and (not isinstance(out, str | os.PathLike) or not str(out)):
        raise InputError(f"`out` is the path of a folder, as 'runs/first'; got {shown(out)}.")
    if record and not full:
        raise InputError("`record` keeps full runs: ask for the full settings too.")
    chosen = [claim for claim in every if only is None or claim.id in only]
    if device != "cpu":
        from validation.training import check_device

        check_device(device)
    asked = [job for c in chosen if not c.obstacle(full) for job in c.trainings(full)]
    jobs: dict[str, Job] = {job.name: replace(job, device=device) for job in asked}
    kept = user_data_path("minimodels") / "trainings" if full and out is None else out
    found: dict[str, Outcome] = {}
    with (
        Trainings(jobs.values(), out=kept, workers=workers or os.cpu_count() or 1) as trainings,
        tqdm(total=len(jobs) + len(chosen), disable=None if progress is None else not progress) as bar,
    ):
        context = Context(full, {})
        for trained in (False, True):
            if trained:
                context = Context(full, *trainings.results(bar.update))
            for claim in chosen:
                if bool(claim.trainings(full)) == trained:
                    found[claim.id] = settle(claim, context, ledger)
                    each(found[claim.id])
                    bar.update()
    outcomes = [found[claim.id] for claim in chosen]
    if record:
        records.write(ledger, outcomes)
    return outcomes


def of_ledger(ledger: str) -> tuple[Claim, ...]:
    """All claims of a ledger.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    if not isinstance(ledger, str):
        raise InputError(f"`ledger` is the name of one, {', '.join(LEDGERS)}; got {shown(ledger)}.")
    if ledger not in LEDGERS:
        raise unknown("ledger", ledger, LEDGERS)
    every: tuple[Claim, ...] = import_module(f"validation.{ledger}").CLAIMS
    return every


def settle(claim: Claim, context: Context, ledger: str = "reddy") -> Outcome:
    """Measure one claim; what cannot be measured now is taken from its record, or not run, with the reason."""
    start = time.perf_counter()
    reason = claim.obstacle(context.full)
    names = [job.name for job in claim.trainings(context.full)]
    for name in names:
        if name in context.failures:
            reason = f"the training {name} failed: {context.failures[name]}"
    finding = None
    try:
        finding = None if reason else claim.measure(context)
    except Exception as error:  # one claim is lost, not the ledger
        reason = f"measuring it failed: {type(error).__name__}: {error}"
    kept = None if context.full else records.read(ledger, claim)
    recorded = kept if finding is None else None
    checks = list(finding.checks) if finding else list(recorded.checks) if recorded else []
    return Outcome(
        id=claim.id,
        statement=claim.statement,
        level=claim.level,
        setting=claim.setting["full" if context.full or recorded else "quick"],
        measured={c.what: c.value for c in checks},
        expected={c.what: c.expected for c in checks},
        tolerance={c.what: c.tolerance for c in checks},
        verdict=verdict_of(checks) if checks else "not run",
        recorded=recorded.date if recorded else None,
        seconds=recorded.seconds
        if recorded
        else time.perf_counter() - start + sum(context.seconds.get(name, 0.0) for name in names),
        checks=checks,
        reason=reason,
        figure=claim.figure if finding else None,
        data=finding.data if finding else None,
        beside=_beside(kept) if kept and finding else "",
    )


def _beside(kept: records.Record) -> str:
    check = next(c for c in kept.checks if c.verdict == kept.verdict)
    return f"full run of {kept.date}: {kept.verdict}, {check.what} {check.value:.4g}"
