"""What a terminal is told of long work: how far it is, its rate, and the time that is left."""

import io
import logging
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import minimodels as mm
from minimodels import notices
from minimodels.notices import bar, notice, unsaid


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal_of(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return what takes the place of standard error from here on."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    return made


def last(text: str) -> str:
    return [part for part in re.split(r"[\r\n]", text) if part.strip()][-1]


def test_a_bar_tells_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    with bar(300_000, "points", None, leave=True) as under_way:
        under_way.start_t -= 10
        under_way.update(100_000)
        under_way.refresh()
        line = last(terminal.getvalue())
    assert re.search(r"33%\|.+\| 100k/300k points \[00:10, 00:20 left, +10\.\d+k points/s\]", line), line


def test_what_was_done_before_does_not_count_in_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    with bar(100, "steps", None, done=50) as under_way:
        under_way.start_t -= 10
        under_way.update(10)
        under_way.refresh()
        line = last(terminal.getvalue())
    assert re.search(r"60%\|.+\| 60/100 steps \[00:10, 00:40 left, +1\.00 steps/s\]", line), line


def test_slow_work_has_a_rate_of_the_same_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    with bar(4, "trainings and claims", None) as under_way:
        under_way.start_t -= 100
        under_way.update(1)
        under_way.refresh()
    assert "0.01 trainings and claims/s]" in terminal.getvalue()


def test_no_bar_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with bar(3, "steps", None) as under_way:
        under_way.update(3)
    assert log.getvalue() == ""


def test_a_compilation_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    terminal = terminal_of(monkeypatch)
    with caplog.at_level(logging.INFO, logger="minimodels"):
        with notice("compiling it"):
            pass
        assert re.fullmatch(r"minimodels: compiling it \.\.\. \S+ s\n", terminal.getvalue())
        with unsaid(), notice("compiling that"):
            pass
    assert "that" not in terminal.getvalue()
    assert [record.message.partition(" took")[0] for record in caplog.records] == ["compiling it", "compiling that"]


def test_a_sweep_that_goes_on_begins_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, str, int, int]] = []

    def watched(total: int, unit: str, progress: Any, *, done: int = 0, **options: Any) -> Any:
        made = notices.bar(total, unit, progress, done=done, **options)
        update, count = made.update, [done]

        def counted(n: int) -> None:
            count[0] += n
            seen[-1] = (total, unit, done, count[0])
            update(n)

        seen.append((total, unit, done, done))
        monkeypatch.setattr(made, "update", counted)
        return made

    home = import_module("minimodels.sweep")
    monkeypatch.setattr(home, "bar", watched)
    monkeypatch.setattr(home, "CHUNK", 10)
    m = mm.Flow(name="m", state={"x": 1.0}, parameters={"a": 1.0}, drift={"x": "-a*x"})
    axes, out = {"a": [float(a) for a in range(1, 36)]}, tmp_path / "grid.nc"
    solve, calls = home.solve, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return solve(*arguments)

    monkeypatch.setattr(home, "solve", interrupted)
    first = mm.sweep(m, axes, t_end=1.0, threads=1, out=out)
    kept = int((first.status != mm.Status.INTERRUPTED).sum())
    monkeypatch.setattr(home, "solve", solve)
    assert 0 < kept < 35
    again = mm.sweep(m, axes, t_end=1.0, threads=1, out=out)
    assert seen[-1] == (35, "points", kept, 35)
    assert again.equals(mm.sweep(m, axes, t_end=1.0, threads=1))
