"""Content-addressed kernels: one generated module a field and method, compiled once and kept on disk.

A module's name is the hash of the expressions, of the engine's own source and of the versions involved, so
nothing is ever stale and built-in and user models take the same path. The folder is private to the user;
``MINIMODELS_CACHE_DIR`` moves it.
"""

import hashlib
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import sympy as sp

from minimodels.engine import kernel
from minimodels.engine.kernel import Field
from minimodels.errors import InputError

logger = logging.getLogger("minimodels")


def folder() -> Path:
    """Return the kernel folder, made with mode 0700 if it is not there."""
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


@lru_cache(maxsize=1)
def engine_fingerprint() -> str:
    """Return the hash of what generates kernels: engine source, primitives and versions."""
    import numba

    here = Path(__file__).parent
    digest = hashlib.sha256(f"{numba.__version__} {sp.__version__} {sys.version_info[:2]}".encode())
    for path in (*sorted(here.glob("*.py")), here.parent / "primitives.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1024)
def fingerprint(field: Field, kind: str) -> str:
    """Return the hash that names the kernel of a field."""
    return hashlib.sha256(f"{engine_fingerprint()} {kind} {field!r}".encode()).hexdigest()[:32]


def load(field: Field, kind: str) -> ModuleType:
    """Return the compiled module of a field: ``observe``, ``linearise`` or a method's name."""
    name = f"minimodels_kernel_{fingerprint(field, kind)}"
    if name in sys.modules:
        return sys.modules[name]
    path = folder() / f"{name}.py"
    if not path.exists():
        logger.info("compiling a %s kernel, once", kind)
        write(path, source(field, kind))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"cannot read the kernel {path}; delete it and try again.")
    module = importlib.util.module_from_spec(spec)
    # Numba pickles cached functions by module name: it must be importable while it loads.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def source(field: Field, kind: str) -> str:
    """Return the text of a kernel module."""
    makers: dict[str, Callable[[Field], str]] = {"observe": kernel.observing, "linearise": kernel.linearising}
    return makers[kind](field) if kind in makers else kernel.integrating(field, kind)


def write(path: Path, text: str) -> None:
    """Write a file by temporary name and rename, so that no reader meets half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)
