"""Run claims: their trainings side by side, meanwhile those that need none, and each other when its own are there."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from typing import Any

from platformdirs import user_data_path
from threadpoolctl import threadpool_limits

from minimodels.errors import InputError, check_flag, check_names, check_whole, shown, unknown
from minimodels.notices import bar
from minimodels.pool import check_workers
from validation import papers, records
from validation.checks import Check, undecided, verdict_of
from validation.jobs import Trainings
from validation.ledger import Claim, Context, Outcome
from validation.protocols import Training

Line = tuple[str, Claim]  # of a ledger: the paper, and the claim


def claims(
    ledger: str | None = None,
    *,
    headlines: bool | None = None,
    full: bool = False,
    only: Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    device: str = "cpu",
    record: bool = False,
    progress: bool | None = None,
    each: Callable[[Outcome], object] = lambda outcome: None,
) -> list[Outcome]:
    """Run claims and return what was found, in the order of the ledgers.

    Parameters
    ----------
    ledger : str, optional
        The paper whose ledger to run, as "reddy"; unless given, those of all papers.
    headlines : bool, optional
        Whether to run only the claims that stand for their papers; by default if neither `ledger` nor `only` is given.
    full : bool
        The full settings (minutes to hours, resumable) in place of the quick ones (minutes).
    only : sequence of str, optional
        Ids of the claims to run.
    out : path, optional
        Folder that keeps the trainings, as PAPER/NAME; a call with the same folder resumes them. By default quick
        trainings are not kept, and full ones are kept in the user's data folder.
    workers : int, optional
        Trainings side by side, one thread each; by default one for every processor. Claims are measured meanwhile, in
        this process.
    executor : concurrent.futures.Executor, optional
        Runs the trainings in its processes instead, as ``client.get_executor()`` of a cluster (docs/cluster.md), in a
        folder `out` that all its machines share.
    device : str
        Torch device of the trainings.
    record : bool
        Keep what a full run found as files in the package, which stands from then on before quick ones.
    progress : bool, optional
        Whether to show a bar; by default on a terminal only.
    each : callable, optional
        Called with every outcome as soon as it is there, to keep it: ``validation.report.Report(folder).add``.

    Raises
    ------
    InputError
        For an unknown ledger or claim.
    """
    lines = chosen(ledger, headlines=headlines, only=only)
    if isinstance(workers, int) and not isinstance(workers, bool) and workers < 1:
        raise InputError(f"`workers` must be at least 1; got {shown(workers)}.")
    if workers is not None:
        workers = check_whole(workers, "`workers`", low=1, high=4096)
    check_workers(None, executor)
    if workers is not None and executor is not None:
        raise InputError("`workers` are processes of this machine: leave it out where an `executor` has its own.")
    if not callable(each):
        raise InputError(f"`each` is a function of an outcome, as Report(folder).add; got {shown(each)}.")
    check_flag(full, "`full`")
    check_flag(record, "`record`")
    if not isinstance(device, str):
        raise InputError(f"`device` is the name of one, as 'cpu'; got {shown(device)}.")
    if out is not None and (not isinstance(out, str | os.PathLike) or not str(out)):
        raise InputError(f"`out` is the path of a folder, as 'runs/first'; got {shown(out)}.")
    if record and not full:
        raise InputError("`record` keeps full runs: ask for the full settings too.")
    if device != "cpu":
        from validation.training import check_device

        check_device(device)
    places = [(paper, _on(training, device)) for (paper, _), training in needed(lines, full).items()]
    kept = user_data_path("minimodels") / "trainings" if full and out is None else out
    found: dict[str, Outcome] = {}
    contexts = {paper: Context(full) for paper, _ in lines}
    waiting = {claim.id: {training.name for training in claim.wanted(full)[0]} for _, claim in lines}
    with (
        threadpool_limits(1),  # matrix products here would wait for processors that trainings have
        Trainings(places, out=kept, workers=workers or os.cpu_count() or 1, executor=executor) as trainings,
        bar(len(places) + len(lines), "trainings and claims", progress, leave=True) as under_way,
    ):

        def settle_those_ready() -> None:
            for paper, claim in lines:
                if claim.id not in found and waiting[claim.id] <= contexts[paper].seconds.keys():
                    found[claim.id] = settle(claim, contexts[paper], paper)
                    each(found[claim.id])
                    under_way.update()

        settle_those_ready()
        for trained in trainings.finished():
            context, name = contexts[trained.paper], trained.training.name
            context.seconds[name] = trained.seconds
            if trained.failure:
                context.failures[name] = trained.failure
            for file, result in trained.results.items():
                context.runs[name if file == "run" else f"{name}/{file}"] = result
            under_way.update()
            settle_those_ready()
    outcomes = [found[claim.id] for _, claim in lines]
    if record:
        for paper in contexts:
            its = [claim for owner, claim in lines if owner == paper]
            records.write(paper, its, [found[claim.id] for claim in its])
    return outcomes


def chosen(ledger: Any = None, *, headlines: Any = None, only: Any = None) -> list[Line]:
    """Return the claims that are asked for, with their papers.

    Raises
    ------
    InputError
        For an unknown ledger or claim.
    """
    found = papers.ledgers() if ledger is None else {ledger: papers.ledger(ledger)}
    every = [(paper, claim) for paper, one in found.items() for claim in one.claims]
    if headlines is not None:
        check_flag(headlines, "`headlines`")
    if only is not None:
        ids = [claim.id for _, claim in every]
        for id in check_names(only, "`only`"):
            if id not in ids:
                raise unknown("claim", id, ids)
        return [line for line in every if line[1].id in only]
    fewer = ledger is None if headlines is None else headlines
    return [line for line in every if line[1].headline or not fewer]


def needed(lines: Sequence[Line], full: bool) -> dict[tuple[str, str], Training]:
    """Return the trainings that claims need, each once, by paper and name.

    Raises
    ------
    RuntimeError
        If two trainings of a paper have one name.
    """
    found: dict[tuple[str, str], Training] = {}
    for paper, claim in lines:
        for training in claim.wanted(full)[0]:
            if found.setdefault((paper, training.name), training) != training:
                raise RuntimeError(f"two trainings of {paper} have the name {training.name!r}")
    return found


def _on(training: Training, device: str) -> Training:
    with suppress(TypeError):  # one that knows no device
        return replace(training, device=device)  # type: ignore[type-var]
    return training


def settle(claim: Claim, context: Context, paper: str) -> Outcome:
    """Measure one claim; what cannot be measured now is taken from its record, or not run, with the reason."""
    start = time.perf_counter()
    trainings, reason = claim.wanted(context.full)
    names = [training.name for training in trainings]
    for name in names:
        if name in context.failures:
            reason = f"the training {name} failed: {context.failures[name]}"
    finding = None
    try:
        finding = None if reason else claim.measure(context)
    except Exception as error:  # one claim is lost, not the ledger
        reason = f"measuring it failed: {type(error).__name__}: {error}"
    kept, stale = (None, "") if context.full else records.read(paper, claim)
    measured = list(finding.checks) if finding else []
    checks = list(kept.checks) if kept else measured
    verdict = verdict_of(checks) if checks else "not run"
    known = kept.why if kept else finding.why if finding else ""
    return Outcome(
        id=claim.id,
        paper=paper,
        statement=claim.statement,
        level=claim.level,
        setting=kept.setting if kept else claim.words(trainings),
        measured={c.what: c.value for c in checks},
        expected={c.what: c.expected for c in checks},
        tolerance={c.what: c.tolerance for c in checks},
        verdict=verdict,
        recorded=kept.date if kept else None,
        seconds=kept.seconds
        if kept
        else time.perf_counter() - start + sum(context.seconds.get(name, 0.0) for name in names),
        checks=checks,
        reason="; ".join(filter(None, (reason, stale if finding is None else ""))),
        figure=claim.figure if finding else None,
        data=finding.data if finding else None,
        beside=_beside(measured) if kept else stale,
        why=_why(known, checks, verdict),
        same_as=claim.same_as,
        exploratory=claim.exploratory,
        versions=context.versions(trainings),
    )


def _why(known: str, checks: Sequence[Check], verdict: str) -> str:
    """Why a claim does not agree: what is known of it, or what is missing to decide."""
    if verdict not in ("disagrees", "not converged", "inconclusive"):
        return ""
    return known if known or verdict == "disagrees" or not checks else undecided(checks)


def _beside(measured: Sequence[Check]) -> str:
    """What the quick run gave, where a full one stands before it."""
    verdict = verdict_of(measured) if measured else "not run"
    check = next((c for c in measured if c.verdict == verdict), None)
    return f"quick run: {verdict}" + (f", {check.what} {check.value:.4g}" if check else "")
