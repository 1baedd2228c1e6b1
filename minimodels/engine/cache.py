"""The private folder where compiled code is kept; ``MINIMODELS_CACHE_DIR`` moves it."""

import os
import tempfile
from pathlib import Path

from minimodels.errors import InputError


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
    if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
        raise InputError(f"the kernel folder {path} belongs to another user; set MINIMODELS_CACHE_DIR to your own.")
    return path


def write(path: Path, data: bytes) -> None:
    """Write a file by temporary name and rename, so that no reader meets half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.replace(temporary, path)
