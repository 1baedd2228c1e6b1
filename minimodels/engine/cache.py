"""The private folder where compiled code is kept; ``MINIMODELS_CACHE_DIR`` moves it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minimodels.errors import InputError
from minimodels.files import write_atomic

KERNEL = re.compile(r"model_[0-9a-f]{32}\.o")
STEPPER = re.compile(r"stepper_\w+_[0-9a-f]{16}")
LEFT = re.compile(r"\.[0-9a-f]{32}\.tmp")  # by a process that was killed while it wrote
LOCK = ".lock"  # stays: others may wait for it
INSIDE = (".py", ".pyc", ".nbi", ".nbc", ".tmp", ".whole")  # what a stepper is made of


def place() -> Path:
    """Return where the folder is, or would be."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("MINIMODELS_CACHE_DIR")
    return Path(chosen) if chosen else user_cache_path("minimodels") / "kernels"


def folder() -> Path:
    """Return the folder, made with mode 0700 if it is not there."""
    path = place()
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

        lock = os.open(folder() / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
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


def kept() -> list[Path]:
    """Return the files of compiled code, in order; whatever else lies in the folder is not ours."""
    path = place()
    entries = sorted(path.iterdir()) if path.is_dir() else []
    return [file for entry in entries for file in _ours(entry)]


def _ours(entry: Path) -> Iterator[Path]:
    if entry.is_symlink():
        return
    if entry.is_dir() and STEPPER.fullmatch(entry.name):
        inside = (path for path in sorted(entry.rglob("*")) if path.suffix in INSIDE)
        yield from (path for path in inside if path.is_file() and not path.is_symlink())
    elif entry.is_file() and (KERNEL.fullmatch(entry.name) or LEFT.fullmatch(entry.name)):
        yield entry


def clear() -> tuple[int, int, list[str]]:
    """Remove the compiled code; return how many files and bytes that were, and what is left in the folder.

    Raises
    ------
    InputError
        If the folder is another user's, may be written to by others, or holds no compiled code but other things.
    """
    path = place()
    if not path.is_dir():
        return 0, 0, []
    if hasattr(os, "getuid"):
        private(path, "the kernel folder")
    if not kept() and (others := _left(path)):
        raise InputError(
            f"{path} is no folder of compiled code: it holds {', '.join(others[:3])} and none; nothing is removed."
        )
    count = size = 0
    try:
        with alone():
            for file in kept():
                count, size = count + 1, size + file.stat().st_size
                file.unlink()
            for made in sorted(
                (entry for entry in path.rglob("*") if entry.is_dir() and not entry.is_symlink()), reverse=True
            ):
                if STEPPER.fullmatch(made.relative_to(path).parts[0]) and not any(made.iterdir()):
                    made.rmdir()
    except OSError as error:
        raise InputError(f"cannot remove {error.filename} ({error.strerror}); the rest is left as it is.") from error
    return count, size, _left(path)


def _left(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if entry.name != LOCK)
