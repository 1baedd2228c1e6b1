"""Histograms of duplicates: read from a file, added up by multiplicity."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minimodels.errors import InputError, check_array, check_flag, check_path, shown
from theory.hernandez.arguments import HUGE, Array

COLUMNS = ("multiplicity", "tokens")
FINEST = 10_000  # groups kept apart; of more, those that differ by less than a thousandth are one
WIDTH = 1e-3
COUNTED = 2**24  # whole multiplicities below are counted without sorting
TRIED = 200_000  # lines tried one after another to say which is wrong


@dataclass(frozen=True)
class Histogram:
    """Groups of tokens by how often each of their tokens is seen.

    Attributes
    ----------
    multiplicity : ndarray, (groups,)
        Times that a token of the group is seen, rising.
    tokens : ndarray, (groups,)
        Training tokens of the group: every time that a token is seen counts.
    """

    multiplicity: Array
    tokens: Array

    @property
    def distinct(self) -> Array:
        """Distinct tokens of every group."""
        return self.tokens / self.multiplicity


def read_histogram(path: str | os.PathLike[str], *, distinct: bool = False) -> Histogram:
    """Read a histogram of duplicates from a text file with the columns multiplicity and tokens.

    Parameters
    ----------
    path : path
        Of a file whose first line names the two columns, in any order, separated by commas. Rows of one multiplicity
        are added up: a row for every document will do.
    distinct : bool
        Whether ``tokens`` counts each token once, not all times that it is seen.

    Returns
    -------
    Histogram

    Raises
    ------
    InputError
        For no file, other columns, no rows, a multiplicity below 1, a negative count, or what is no number.
    """
    file = check_path(path, "`path`")
    if not file.is_file():
        raise InputError(f"there is no file {shown(str(path))}; give one with the columns multiplicity, tokens.")
    try:
        with open(file, encoding="utf-8-sig") as text:
            header = [word.strip().strip('"').lower() for word in text.readline().split(",")]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{shown(str(path))} cannot be read as text ({error.__class__.__name__}).") from error
    if header == [""]:
        raise InputError(f"{shown(str(path))} is empty; its first line names the columns: multiplicity,tokens.")
    if sorted(header) != sorted(COLUMNS):
        raise InputError(f"{shown(str(path))} needs the columns multiplicity, tokens; got {shown(', '.join(header))}.")
    rows = _rows(file, str(path))
    return add_up(rows[:, header.index(COLUMNS[0])], rows[:, header.index(COLUMNS[1])], distinct=distinct, row=2)


def _rows(file: Path, name: str) -> Array:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of no rows
            rows = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2, comments=None, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise _wrong_row(file, name) from error
    if not rows.size:
        raise InputError(f"{shown(name)} has no rows; give a multiplicity and its tokens in each.")
    if rows.shape[1] != 2:
        raise _wrong_row(file, name)
    return np.asarray(rows, dtype=np.float64)


def _wrong_row(file: Path, name: str) -> InputError:
    """Return the error that names the first line that holds no two numbers."""
    with open(file, encoding="utf-8-sig", errors="replace") as text:
        for number, line in zip(range(1, TRIED), text, strict=False):
            words = line.strip().split(",")
            try:
                fine = number == 1 or not line.strip() or len([float(w) for w in words]) == 2
            except ValueError:
                fine = False
            if not fine:
                got = shown(line.strip())
                return InputError(f"line {number} of {shown(name)} must hold two numbers, as 50,3e9; got {got}.")
    return InputError(f"a line of {shown(name)} holds no two numbers; every one must, as 50,3e9.")


def add_up(multiplicities: Any, tokens: Any, *, distinct: bool = False, row: int = 0) -> Histogram:
    """Return groups of equal multiplicity, rising, or say which row is wrong, counted from ``row``."""
    times = check_array(multiplicities, "`multiplicities`", "[50, 100]")
    counts = check_array(tokens, "`tokens`", "[3e9, 1e8]")
    if times.size != counts.size or not times.size:
        raise InputError(f"`tokens` has one number for each of the {times.size} multiplicities; got {counts.size}.")
    where = "row" if row == 0 else "line"
    low = np.flatnonzero(~((times >= 1) & (times <= HUGE)))
    if low.size:
        raise InputError(
            f"{where} {low[0] + row} has the multiplicity {times[low[0]]:g}; a token is seen at least once: use 1 or "
            "more."
        )
    negative = np.flatnonzero(~((counts >= 0) & (counts <= HUGE)))
    if negative.size:
        raise InputError(f"{where} {negative[0] + row} has {counts[negative[0]]:g} tokens; use a number of at least 0.")
    groups, seen = _by_multiplicity(times, counts)
    if check_flag(distinct, "`distinct`"):
        seen = seen * groups
    kept = seen > 0
    if np.count_nonzero(kept) > FINEST:
        like = np.floor(np.log(groups[kept]) / WIDTH)
        whole = _by_multiplicity(like, seen[kept])[1]
        return Histogram(whole / _by_multiplicity(like, seen[kept] / groups[kept])[1], whole)
    return Histogram(groups[kept], seen[kept])


def _by_multiplicity(times: Array, counts: Array) -> tuple[Array, Array]:
    """Return every multiplicity that there is, rising, and the sum of its counts."""
    if times.max() < COUNTED and (times == np.floor(times)).all():
        seen = np.asarray(np.bincount(times.astype(np.int64), weights=counts), dtype=np.float64)
        groups = np.flatnonzero(seen)
        return groups.astype(np.float64), seen[groups]
    every, belongs = np.unique(times, return_inverse=True)
    return every, np.asarray(np.bincount(belongs, weights=counts), dtype=np.float64)
