"""`minimodels validate` on a ledger of three claims: what reaches it, what it writes, what it refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from tests.minimodels.test_cli import keeps_what_was_there, main
from tests.minimodels.test_cli_json import read
from tests.validation import toy
from validation import papers, verdicts
from validation.checks import between
from validation.jobs import Place, Trained, Trainings
from validation.ledger import Claim, Context, Finding
from validation.protocols import Training

TRAINING = replace(toy.SMALL, name="tiny", steps=8, record_every=4, checkpoint_every=4, analyses=())


def claim(id: str, value: float, *trainings: Training) -> Claim:
    def measure(context: Context) -> Finding:
        number = float(context.of(TRAINING).step[-1]) if trainings else value
        return Finding([between("a number", number, 0.0, 10.0, "below 10")])

    return Claim(id, "A number is below 10.", "model", measure, lambda full: trainings, "none")


def ledger(*every: Claim) -> None:
    papers.ledgers = lambda: {"toy": replace(toy.LEDGER, claims=every)}


@pytest.fixture(autouse=True)
def three_claims(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(papers, "ledgers", papers.ledgers)
    ledger(claim("T1", 5.0), replace(claim("T2", 20.0), headline=True), claim("T3", 0.0, TRAINING))
    monkeypatch.chdir(tmp_path)


def files(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def verdicts_in(folder: Path) -> dict[str, str]:
    return {c["id"]: c["verdict"] for c in json.loads((folder / "claims.json").read_text())}


def test_the_status_tells_whether_a_claim_disagrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, errors = main(capsys, "validate", "--only", "T1", "--out", "one")
    assert (code, errors) == (0, "")
    assert "toy: 1 claim: 1 agrees. See one/toy/report.md." in out
    assert "T1  agrees  A number is below 10." in out
    assert verdicts_in(tmp_path / "one") == {"T1": "agrees"}
    code, out, _ = main(capsys, "validate", "--only", "T2", "T1")
    assert code == 1
    assert verdicts_in(tmp_path / "report") == {"T1": "agrees", "T2": "disagrees"}
    assert "a number: 20, expected below 10 (0 to 10)" in out
    assert (tmp_path / "report" / "toy" / "report.md").exists()


def test_headlines_one_paper_or_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, ids in (((), ["T2"]), (("toy",), ["T1", "T2", "T3"]), (("--all",), ["T1", "T2", "T3"])):
        main(capsys, "validate", *words)
        assert list(verdicts_in(tmp_path / "report")) == ids
        assert list(verdicts_in(tmp_path / "report" / "toy")) == ids
    index = (tmp_path / "report" / "report.md").read_text()
    assert "| [toy](toy/report.md) | 2 | 1 | 0 | 0 | 0 |" in index


def test_the_claims_are_listed_without_being_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, errors = main(capsys, "validate", "--list", "--all")
    assert (code, errors) == (0, "")
    assert [line.split()[:3] for line in out.splitlines()] == [[f"T{i}", "toy", "model"] for i in (1, 2, 3)]
    assert out.count("A number is below 10.") == 3
    assert main(capsys, "validate", "--list")[1].split()[0] == "T2"
    assert not files(tmp_path)


def test_options_reach_the_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    seen: dict[str, Any] = {}

    class NoTrainings(Trainings):
        def __init__(self, places: Iterable[Place], **options: Any) -> None:
            seen.update(options, places=[(paper, training.name) for paper, training in places])
            super().__init__([], out=None, workers=1)

        def finished(self) -> Iterator[Trained]:
            yield from (Trained("toy", TRAINING, 0.0, failure="it was not run") for _ in seen["places"])

    monkeypatch.setattr(verdicts, "Trainings", NoTrainings)
    code, out, _ = main(capsys, "validate", "toy", "--full", "--workers", "3", "--trainings", "kept")
    assert (seen["places"], seen["workers"], seen["out"]) == ([("toy", "tiny")], 3, Path("kept"))
    assert code == 1
    assert "the training tiny failed: it was not run" in out
    assert main(capsys, "validate", "--only", "T3", "--out", "failed")[0] == 1
    main(capsys, "validate", "--only", "T1", "--workers", "2")
    assert (seen["places"], seen["workers"], seen["out"]) == ([], 2, None)


REFUSED = [
    (("tyo",), "unknown ledger 'tyo'; did you mean 'toy'?"),
    (("toy", "--all"), "--all is for every claim of every paper"),
    (("--only", "T1", "t33"), "unknown claim 't33'; did you mean 'T3'?"),
    (("--only",), "--only lacks a value"),
    (("--only", "T1", "--only", "T2"), "--only is given twice; leave one out."),
    (("--workers", "0"), "`workers` must be at least 1; got 0."),
    (("--workers", "x"), "invalid literal for int"),
    (("--device", "abacus"), "abacus"),
    (("--record",), "`record` keeps full runs"),
    (("--quick", "1"), "unknown option '--quick'"),
    (("--out", "file/report"), "cannot write to 'file/report'"),
    (("--trainings", "file/kept"), "cannot write to 'file/kept'"),
    (("--out", "mine"), "'mine' holds something other than a report"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED, ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_what_is_refused_is_one_sentence_and_leaves_nothing(
    words: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("a regular file")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    before = files(tmp_path)
    code, out, errors = main(capsys, "validate", *words)
    assert code == 2
    assert sentence in errors
    assert errors.count("\n") == 1
    assert out == ""
    assert files(tmp_path) == before


@pytest.mark.parametrize("room", [0, 100])
def test_a_report_that_does_not_fit_leaves_the_one_before(
    room: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keeps_what_was_there(("validate", "--only", "T1", "--out", "mine"), room, tmp_path, capsys)


def test_a_damaged_checkpoint_is_refused_and_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("validate", "--only", "T3", "--trainings", "kept")
    code, out, errors = main(capsys, *words)
    assert code == 0, out + errors
    assert verdicts_in(tmp_path / "report") == {"T3": "agrees"}
    state = next((tmp_path / "kept" / "toy" / "tiny").glob("state-*"))
    state.write_bytes(state.read_bytes()[:-20])
    before = files(tmp_path)
    code, out, errors = main(capsys, *words, "--out", "another")
    assert code == 2
    assert "the checkpoint in 'kept/toy/tiny' is damaged or not one of a training run: move it away" in errors
    assert errors.count("\n") == 1
    assert out == ""
    assert files(tmp_path) == before


SWALLOWS = """
import sys, time
from pathlib import Path
from dataclasses import replace
from minimodels.cli import main
from tests.validation.test_cli_validate import TRAINING, claim, ledger

def stubborn(context):
    while True:
        try:
            Path("measuring").touch()
            time.sleep(60)
        except KeyboardInterrupt:
            pass

endless = replace(TRAINING, steps=10**9, record_every=10**6)
ledger(claim("T1", 5.0), replace(claim("T2", 5.0), measure=stubborn), claim("T3", 0.0, endless))
main(["validate", *sys.argv[1:]])
"""


def processes(folder: Path) -> list[str]:
    """The other processes that have a folder as their current one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")) == folder and (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            pass  # it has ended
    return [number for number in found if int(number) != os.getpid()]


@pytest.mark.parametrize("ids", [("T1", "T3"), ("T1", "T2", "T3")], ids=["waits for a training", "swallows it"])
def test_ctrl_c_ends_it_within_seconds_and_keeps_what_was_finished(tmp_path: Path, ids: tuple[str, ...]) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", SWALLOWS, "--only", *ids], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent), "TMPDIR": str(temporary)},
    )  # fmt: skip
    try:
        for _ in range(600):
            training = any(temporary.glob("*/toy/tiny/state-*"))
            if training and ("T2" not in ids or (tmp_path / "measuring").exists()):
                break
            time.sleep(0.1)
        assert len(processes(tmp_path)) == 2
        os.killpg(process.pid, signal.SIGINT)
        start = time.monotonic()
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert time.monotonic() - start < 5
    assert errors == "minimodels: interrupted; the same command again takes it up where files were kept.\n"
    for _ in range(20):
        if not processes(tmp_path):
            break
        time.sleep(0.1)
    assert not processes(tmp_path)
    assert not list(temporary.iterdir())
    assert verdicts_in(tmp_path / "report") == {"T1": "agrees"}


def test_a_worker_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SWALLOWS, "--only", "T3", "--trainings", "kept"], cwd=tmp_path,
        stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)},
    )  # fmt: skip
    for _ in range(600):
        if any((tmp_path / "kept" / "toy" / "tiny").glob("state-*")):
            break
        time.sleep(0.1)
    assert len(processes(tmp_path)) == 2
    process.kill()
    process.wait()
    for _ in range(50):
        if not processes(tmp_path):
            break
        time.sleep(0.1)
    assert not processes(tmp_path)


def test_a_claim_that_raises_is_lost_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def measure(context: Context) -> Finding:
        raise ZeroDivisionError("a tenth of nothing")

    broken = replace(claim("T2", 5.0), measure=measure)
    ledger(claim("T1", 5.0), broken, claim("T4", 5.0))
    code, out, _ = main(capsys, "validate", "toy")
    assert code == 1
    assert verdicts_in(tmp_path / "report") == {"T1": "agrees", "T2": "not run", "T4": "agrees"}
    assert "measuring it failed: ZeroDivisionError: a tenth of nothing" in out


def test_a_document_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = read(capsys, "validate", "--list", "--json")["claims"]
    assert [(row["paper"], row["id"], row["headline"]) for row in listed] == [("toy", "T2", True)]
    ledger(claim("T1", 5.0), claim("T2", float("nan")))
    code, out, _ = main(capsys, "validate", "toy", "--out", "two", "--json")
    found = json.loads(out)
    assert (code, found["claims"][1]["verdict"]) == (0, "inconclusive")
    assert found["report"] == "two/report.md"
    assert found["claims"][0]["verdict"] == "agrees"
    assert found["claims"][0]["measured"] == {"a number": 5.0}
    assert found["claims"][1]["measured"] == {"a number": None, "a number_status": "nan"}
    assert (tmp_path / "two" / "claims.json").exists()
