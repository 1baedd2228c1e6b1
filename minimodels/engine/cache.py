"""The private folder where compiled code is kept; ``MINIMODELS_CACHE_DIR`` moves it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minimodels.errors import InputError
from minimodels.files import write_atomic


def folder() -> Path:
    """Return the folder, made with mode 0700 if it is not there."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("MINIMODELS_CACHE_DIR")
    path = Path(chosen) if chosen else user_cache_path("minimodels") / "kernels"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the kernel folder {path}; set MINIMODELS_CACHE_DIR to a writable one."
        ) from error
    if hasattr(os, "getuid"):
        private(path, "the kernel folder")
    return path


def private(path: Path, what: str) -> None:
    """Refuse a folder or a file that another user owns or may write to: what lies there is run."""
    about = path.stat()
    if about.st_uid != os.getuid():
        raise InputError(f"{what} {path} belongs to another user; set MINIMODELS_CACHE_DIR to a folder of your own.")
    if about.st_mode & 0o022:
        raise InputError(
            f"{what} {path} may be written to by others; run `chmod go-w` on it or set MINIMODELS_CACHE_DIR elsewhere."
        )


@contextmanager
def alone() -> Iterator[None]:
    """Keep the other processes that share the folder waiting: what they need is then there when they go on.

    The lock goes with its process. Where a file system has none, each compiles for itself, to the same files.
    """
    try:
        import fcntl

        lock = os.open(folder() / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (ImportError, OSError):
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, for this user alone."""
    try:
        write_atomic(path, data, 0o600)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> InputError:
    """The error for a file or folder of compiled code that cannot be written."""
    return InputError(f"cannot write {path} ({error.strerror}); set MINIMODELS_CACHE_DIR elsewhere.")
