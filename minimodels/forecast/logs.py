"""Training logs of other programs: CSV, JSON lines, TensorBoard's event files."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minimodels.errors import InputError, by_name, check_path, shown, unknown

if TYPE_CHECKING:
    import xarray as xr

TABLES = (".csv", ".tsv", ".txt")
LINES = (".jsonl", ".ndjson", ".json")
Points = dict[str, list[tuple[float, float]]]  # of a column: (step, value)


def read_curve(
    path: str | Path, *, step: str = "step", loss: str | None = "loss", observe: Mapping[str, str] | None = None
) -> "xr.Dataset":
    r"""Read a training log, for `fit` and `forecast`.

    Parameters
    ----------
    path : path
        A CSV file with a header (.csv, .tsv, .txt), JSON lines (.jsonl, .ndjson, .json), or a folder of TensorBoard
        events (``pip install 'minimodels[tensorboard]'``), where columns are tags.
    step : str
        Column of the step; TensorBoard has its own.
    loss : str or None
        Column of the loss; None if the log has none that the model states.
    observe : mapping of str to str
        Other columns: a model's observable -> column of the log, as {"correct": "test_accuracy"}.

    Returns
    -------
    xarray.Dataset
        On ``step``: ``loss`` and the observables by the model's names; nan where the log has none at that step, as
        columns may be logged at different steps.

    Raises
    ------
    InputError
        For a file that is missing, empty or of another form, a column that is not there, steps that do not increase or
        a value that is no finite number.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     log = Path(folder) / "log.csv"
    ...     _ = log.write_text("it,train/loss\n0,3.4\n10,3.1\n")
    ...     read_curve(log, step="it", loss="train/loss").loss.values
    array([3.4, 3.1])
    """
    import xarray as xr

    source = check_path(path, "a log")
    wanted = by_name({} if observe is None else observe, "`observe`", "{'correct': 'test_accuracy'}")
    if loss is not None:
        wanted = {"loss": loss, **wanted}
    for name, column in {"step": step, **wanted}.items():
        if not isinstance(column, str):
            raise InputError(f"the column of {name!r} is a name; got {shown(column)}.")
    if not wanted:
        raise InputError("name a column to read: `loss`, or `observe` for a progress measure.")
    if source.is_dir():
        points = _events(source, wanted.values())
    elif not source.is_file():
        raise InputError(f"there is no file {str(source)!r}.")
    else:
        points = _points(source, step, wanted.values())
    for column in dict.fromkeys(wanted.values()):
        _check(source, column, points[column])
    steps = np.unique([at for column in wanted.values() for at, _ in points[column]])
    variables = {}
    for name, column in wanted.items():
        at, values = np.array(points[column]).T
        full = np.full(len(steps), np.nan)
        full[np.searchsorted(steps, at)] = values
        variables[name] = ("step", full)
    return xr.Dataset(variables, coords={"step": steps})


def _check(source: Path, column: str, points: list[tuple[float, float]]) -> None:
    """Refuse a column without points, whose steps do not increase, or that is not finite."""
    if not points:
        raise InputError(f"the column {column!r} of {source.name!r} is empty.")
    at, values = np.array(points).T
    if not np.isfinite(at).all():
        raise InputError(f"a step of {source.name!r} is not finite.")
    back = np.flatnonzero(np.diff(at) <= 0)
    if len(back):
        i = int(back[0])
        raise InputError(
            f"the steps of {column!r} in {source.name!r} must increase: {at[i]:g} is followed by {at[i + 1]:g}; give "
            "the log of one training."
        )
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise InputError(
            f"{column!r} in {source.name!r} is {values[bad[0]]} at step {at[bad[0]]:g}: the training diverged there; "
            "give the part before."
        )


def _points(source: Path, step: str, columns: Iterable[str]) -> Points:
    """Read a file of rows; empty cells and missing keys are steps without a value."""
    if source.suffix not in (*TABLES, *LINES):
        raise InputError(
            f"a log is CSV ({', '.join(TABLES)}), JSON lines ({', '.join(LINES)}) or a folder of TensorBoard events; "
            f"got {source.name!r}."
        )
    found: Points = {column: [] for column in columns}
    names: dict[str, None] = {}
    some = False
    for number, row in _table(source) if source.suffix in TABLES else _lines(source):
        some = True
        names |= dict.fromkeys(row)
        for column in found:
            if row.get(column) in (None, ""):
                continue
            if row.get(step) in (None, ""):
                if step in names:
                    raise InputError(f"line {number} of {source.name!r} has no {step!r}.")
                raise unknown(f"column in {source.name!r}", step, names)
            found[column].append(
                (_number(row[step], step, number, source), _number(row[column], column, number, source))
            )
    if not some:
        raise InputError(f"{source.name!r} is empty: it holds no row.")
    for column in (step, *found):
        if column not in names:
            raise unknown(f"column in {source.name!r}", column, names)
    return found


def _number(text: Any, column: str, number: int, source: Path) -> float:
    try:
        if isinstance(text, bool):
            raise ValueError
        return float(text)
    except (TypeError, ValueError) as error:
        raise InputError(f"line {number} of {source.name!r}: {column!r} is no number, {shown(text)}.") from error


def _text(source: Path) -> str:
    try:
        return source.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{source.name!r} is not a text file.") from error
    except OSError as error:
        raise InputError(f"cannot read {str(source)!r} ({error.strerror}).") from error


def _table(source: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows of a CSV file, with the number of their line."""
    text = _text(source)
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    for row in reader:
        yield reader.line_num, {name.strip(): value for name, value in row.items() if isinstance(name, str)}


def _lines(source: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Objects of a JSON lines file."""
    for number, line in enumerate(_text(source).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"line {number} of {source.name!r} is not JSON ({error.msg}).") from error
        if not isinstance(row, dict):
            raise InputError(f'line {number} of {source.name!r} is not an object, as {{"step": 10, "loss": 3.1}}.')
        yield number, row


def _events(folder: Path, columns: Iterable[str]) -> Points:
    """Read scalars of a folder of TensorBoard events."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import SCALARS, TENSORS, EventAccumulator
    except ImportError as error:
        raise InputError("TensorBoard's events need an extra: pip install 'minimodels[tensorboard]'.") from error
    if not list(folder.glob("*tfevents*")):
        raise InputError(f"the folder {str(folder)!r} holds no TensorBoard events.")
    log = EventAccumulator(str(folder), size_guidance={SCALARS: 0, TENSORS: 0})
    log.Reload()
    scalars, tensors = log.Tags()[SCALARS], log.Tags()[TENSORS]
    found: Points = {}
    for tag in columns:
        if tag in scalars:
            found[tag] = [(float(e.step), float(e.value)) for e in log.Scalars(tag)]
        elif tag in tensors:  # as TensorFlow 2 writes scalars
            from tensorboard.util.tensor_util import make_ndarray

            found[tag] = [(float(e.step), float(make_ndarray(e.tensor_proto))) for e in log.Tensors(tag)]
        else:
            raise unknown(f"tag in {folder.name!r}", tag, [*scalars, *tensors])
    return found
