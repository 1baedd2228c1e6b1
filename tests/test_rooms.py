"""The rooms of the house: floors know no wing, wings know no other wing, and a copy without a wing still stands.

A wing is a subfolder of `theory` or `validation`; the files beside it are the floor of its package.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import combinations, islice, permutations
from math import comb
from pathlib import Path

import grimp
import pytest

from minimodels.pool import available_threads

HERE = Path(__file__).parent.parent
PACKAGES = ("minimodels", "theory", "validation")
DOOR = "minimodels.cli.commands"  # the one file of the library that opens theory and validation
LONGEST = 400  # lines of a file
Wing = str  # as "theory.reddy"
Import = tuple[str, str]  # importing file, imported file


def wings(here: Path = HERE) -> list[Wing]:
    """Return the wings of both packages."""
    inits = [path for package in ("theory", "validation") for path in sorted(here.glob(f"{package}/*/__init__.py"))]
    return [f"{path.parent.parent.name}.{path.parent.name}" for path in inits]


def wing_of(file: str) -> Wing | None:
    """Return the wing that a file belongs to, None on a floor."""
    room = ".".join(file.split(".")[:2])
    return room if room in wings() else None


@cache
def imports() -> frozenset[Import]:
    """Return who imports whom, also inside functions and for type checkers only."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return frozenset((file, other) for file in graph.modules for other in graph.find_modules_directly_imported_by(file))


def breaches(found: Iterable[Import]) -> list[str]:
    """Return what is not allowed of these imports; a wing of `validation` may know that of `theory` of its name."""
    wrong = []
    for file, other in sorted(found):
        package, of = file.split(".")[0], other.split(".")[0]
        wing, its = wing_of(file), wing_of(other)
        if of == "validation" and package == "theory":
            wrong.append(f"theory knows validation: {file} imports {other}")
        if package == "minimodels" != of and file != DOOR:
            wrong.append(f"the library knows what is built on it: {file} imports {other}")
        if its and not wing:
            wrong.append(f"a floor knows a wing: {file} imports {other}")
        if its and wing and not (its == wing or (package == "validation" and its == wing.replace(package, "theory"))):
            wrong.append(f"a wing knows another: {file} imports {other}")
    return wrong


def test_nobody_imports_what_it_should_not_know() -> None:
    assert not breaches(imports())
    assert (DOOR, "theory") in imports()  # they were read, those within functions too
    assert ("theory.prediction", "theory.derivation") in imports()


@pytest.mark.parametrize(
    ("file", "other", "allowed"),
    [
        ("theory.{a}.laws", "theory.emergence", True),
        ("theory.{a}.laws", "theory.{a}.setting", True),
        ("validation.{a}.claims", "theory.{a}.laws", True),
        ("validation.{a}.claims", "theory.numeric", True),
        ("validation.comparison", "theory.arguments", True),
        ("theory.emergence", "minimodels.sweep", True),
        (DOOR, "validation.report", True),
        ("theory.emergence", "theory.{a}.laws", False),
        ("theory.emergence", "theory.{a}", False),
        ("theory", "theory.{a}", False),
        ("theory.{a}.laws", "theory.{b}.laws", False),
        ("theory.{a}.laws", "validation.{a}.claims", False),
        ("theory.{a}.laws", "validation.report", False),
        ("validation.report", "validation.{a}.claims", False),
        ("validation.report", "theory.{a}.laws", False),
        ("validation.{a}.claims", "theory.{b}.laws", False),
        ("validation.{a}.claims", "validation.{b}.claims", False),
        ("minimodels.simulate", "theory", False),
        ("minimodels.cli.words", "validation.report", False),
        (DOOR, "theory.{a}.laws", False),
    ],
)
def test_a_wrong_import_is_found(file: str, other: str, allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = [f"{package}.{wing}" for package in PACKAGES[1:] for wing in ("east", "west")]
    monkeypatch.setitem(globals(), "wings", lambda: rooms)
    made = tuple(name.format(a="east", b="west") for name in (file, other))
    assert (breaches([made]) == []) == allowed


def test_a_floor_does_not_name_a_wing_to_import_it_later() -> None:
    names = re.compile("|".join(rf"\b{re.escape(wing)}\b" for wing in [*wings(), "theory.none"]))
    floors = [path for package in PACKAGES[1:] for path in sorted(HERE.glob(f"{package}/*.py"))]
    floors += sorted(HERE.glob("minimodels/**/*.py"))
    assert HERE / "theory" / "derivation.py" in floors
    assert not [f"{path.name} names {found[0]}" for path in floors if (found := names.search(path.read_text()))]


def taken_along(wing: Wing) -> list[Wing]:
    """Return a wing and those that import it."""
    return sorted({wing} | {w for file, other in imports() if wing_of(other) == wing and (w := wing_of(file))})


def choices(count: int) -> list[frozenset[int]]:
    """Return a set for each of so many things, of equal sizes from as few numbers as can be: none holds another."""
    numbers = next(n for n in range(count + 1) if comb(n, n // 2) >= count)
    return [frozenset(chosen) for chosen in islice(combinations(range(numbers), numbers // 2), count)]


def without(gone: Iterable[Wing], to: Path) -> None:
    """Copy the repository, with its bytecode, without some wings."""
    for folder in (*PACKAGES, "tests"):
        shutil.copytree(HERE / folder, to / folder, ignore=shutil.ignore_patterns("*.nb?*", "*.pyc.*"))
    shutil.copy(HERE / "pyproject.toml", to)
    for room in gone:
        for folder in (to / room.replace(".", "/"), to / "tests" / room.replace(".", "/")):
            shutil.rmtree(folder)


def collected(copy: Path) -> "subprocess.CompletedProcess[str]":
    """Collect all tests of a copy of the repository."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "--assert=plain"]
    return subprocess.run(
        command, cwd=copy, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500,
        env=os.environ | {"PYTHONPATH": str(copy)},
    )  # fmt: skip


def test_tests_know_the_wing_of_their_room_only() -> None:
    graph = grimp.build_graph("tests", *PACKAGES, cache_dir=None)
    found = {
        (file.removeprefix("tests."), other)
        for file in graph.modules
        if file.startswith("tests.") and not file.startswith("tests.benchmarks")
        for other in graph.find_modules_directly_imported_by(file)
        if not other.startswith("tests.")
    }
    assert ("theory.reddy.test_growth", "theory.reddy.laws") in found
    assert not [what for what in breaches(found) if "wing" in what]


@pytest.mark.timeout(600)
def test_a_copy_without_some_wings_collects_all_other_tests(tmp_path: Path) -> None:
    along = {other for wing in wings() for other in taken_along(wing) if other != wing}
    papers = {wing: taken_along(wing) for wing in wings() if wing not in along}
    there = dict(zip(papers, choices(len(papers)), strict=True))  # the copies that hold a paper
    for one, other in permutations(papers, 2):
        assert there[one] - there[other], f"{one} is never without {other}"
    copies = {number: tmp_path / str(number) for number in sorted(frozenset().union(*there.values()))}
    kept: dict[int, list[Wing]] = {}
    for number, copy in copies.items():
        gone = {wing for paper, taken in papers.items() for wing in taken if number not in there[paper]}
        without(gone, copy)
        kept[number] = sorted(set(wings()) - gone)
        assert sorted(wings(copy)) == kept[number]
    with ThreadPoolExecutor(available_threads()) as pool:
        done = dict(zip(copies, pool.map(collected, copies.values()), strict=True))
    for number, process in done.items():
        assert process.returncode == 0, f"with {kept[number]} only: {process.stdout[-3000:]}"
        files = {line.partition("::")[0] for line in process.stdout.splitlines() if "::" in line}
        copy = copies[number]
        assert files == {str(path.relative_to(copy)) for path in copy.glob("tests/**/test_*.py")}


def test_no_file_is_longer_than_one_reads() -> None:
    files = [path for package in PACKAGES for path in sorted(HERE.glob(f"{package}/**/*.py"))]
    lines = {str(path.relative_to(HERE)): len(path.read_text().splitlines()) for path in files}
    assert "theory/wings.py" in lines
    assert not {file: count for file, count in lines.items() if count > LONGEST}


def test_the_folders_of_the_tests_mirror_those_of_the_sources() -> None:
    folders = {path.parent.relative_to(HERE / "tests") for path in HERE.glob("tests/*/**/*.py")} - {Path("benchmarks")}
    assert folders
    assert not sorted(str(folder) for folder in folders if not (HERE / folder / "__init__.py").is_file())
    assert not [wing for wing in wings() if Path(wing.replace(".", "/")) not in folders]
