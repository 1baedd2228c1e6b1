"""One way to write a file: whole or not at all."""

import os
from pathlib import Path
from uuid import uuid4

from minimodels.errors import InputError


def write_atomic(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a file by temporary name, fsync and rename; if that fails, what was there is kept and nothing is left."""
    temporary = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_file(path: Path, data: bytes) -> None:
    """Write a user's file as `write_atomic` does.

    Raises
    ------
    InputError
        If it cannot be written, as on a full disk; what was there is kept.
    """
    try:
        write_atomic(path, data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write {str(path)!r} ({reason}); what was there is kept.") from error
