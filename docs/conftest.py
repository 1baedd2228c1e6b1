"""The examples of the pages as tests, `pytest -n 0 docs`: a page is read from top to bottom in a folder of its own.

Blocks of `python` with prompts are run, and what they print is compared; so are lines that begin with `$` in blocks of
`console`, and lines that begin with `minimodels` in blocks of `sh`, which have to end with status 0. A block marked as
in ```` ```sh long ```` is run only with `--long`, and blocks of `bash`, for other machines, never. Numbers may be off
by one in their last digit.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BLOCK = re.compile(r"^```(python|console|sh)( long)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the examples that take long."""
    parser.addoption("--long", action="store_true", help="also run the examples marked as long")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the pages beside this file."""
    written = file_path.suffix == ".md" and file_path.parent in (Path(__file__).parent, Path(__file__).parent / "api")
    return Page.from_parent(parent, path=file_path) if written else None


class Page(pytest.File):
    """A page with its examples."""

    def collect(self) -> Iterator[pytest.Item]:
        """Return one test, if the page has examples."""
        if BLOCK.search(self.path.read_text(encoding="utf-8")):
            yield Examples.from_parent(self, name="examples")


class Near(doctest.OutputChecker):
    """Compares text, and the numbers in it by their last digits."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Return whether the output is as written."""
        if super().check_output(want, got, optionflags):
            return True
        wanted, found = NUMBER.findall(want), NUMBER.findall(got)
        if len(wanted) != len(found) or not all(map(near, wanted, found)):
            return False
        return super().check_output(NUMBER.sub("#", want), NUMBER.sub("#", got), optionflags)


def near(want: str, got: str) -> bool:
    """Return whether a number is the one written, but for one in its last digit; whole numbers are exact."""
    digits, _, power = want.partition("e")
    whole = "." not in digits and not power
    unit = 0.0 if whole else 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
    return abs(float(want) - float(got)) <= 1.01 * unit


class Examples(pytest.Item):
    """All examples of a page, in order."""

    def setup(self) -> None:
        """Find a folder for what the examples write."""
        self.folder = self.config._tmp_path_factory.mktemp(self.path.stem)

    def runtest(self) -> None:
        """Run them."""
        text, names, before = self.path.read_text(encoding="utf-8"), dict[str, Any](), Path.cwd()
        os.chdir(self.folder)
        try:
            for block in BLOCK.finditer(text):
                kind, long, body = block.groups()
                if long and not self.config.getoption("--long"):
                    continue
                line = text[: block.start(3)].count("\n")
                python(body, names, self.path, line) if kind == "python" else shell(body, kind, self.path, line)
        finally:
            os.chdir(before)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what differs, without a traceback through this file."""
        return str(excinfo.value) if excinfo.errisinstance(AssertionError) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return what the test is called."""
        return self.path, 0, f"examples of {self.path.name}"


def python(body: str, names: dict[str, Any], path: Path, line: int) -> None:
    """Run a block with prompts and compare its output."""
    test = doctest.DocTestParser().get_doctest(body, names, path.name, str(path), line)
    said, runner = io.StringIO(), doctest.DocTestRunner(checker=Near(), verbose=False, optionflags=FLAGS)
    runner.run(test, out=said.write, clear_globs=False)
    names |= test.globs
    assert not runner.failures, said.getvalue()


def shell(body: str, kind: str, path: Path, line: int) -> None:
    """Run the commands of a block in this process; of a console compare what they say."""
    from minimodels.cli import main

    blocks = re.split(r"^\$ ", body.replace("\\\n", " "), flags=re.MULTILINE)[1:] if kind == "console" else None
    for block in blocks if blocks is not None else body.replace("\\\n", " ").splitlines():
        command, _, want = block.partition("\n")
        words = shlex.split(command, comments=True)
        if words[:1] != ["minimodels"]:
            assert kind == "sh", f"{path.name}:{line}: a console shows commands of minimodels only; got {command!r}"
            continue
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
            try:
                main(words[1:])
            except SystemExit as end:
                said.write(f"[status {end.code}]\n" if end.code else "")
                raise
        got = said.getvalue()
        right = Near().check_output(want, got, FLAGS) if want.strip() else "[status" not in got
        assert right, f"{path.name}:{line}: {command}\nexpected:\n{want}\ngot:\n{got}"
