"""The compiled steppers, made once for an installation and kept in the folder of compiled code."""

import hashlib
import importlib
import importlib.util
import os
import sys
import threading
from contextlib import nullcontext, suppress
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from minimodels.engine import machine
from minimodels.engine.cache import alone, folder, private, unwritable, write
from minimodels.engine.stepper import layout
from minimodels.errors import InputError
from minimodels.notices import notice

_lock = threading.Lock()


@cache
def driver(method: str) -> ModuleType:
    """Return the module whose ``integrate`` runs a method."""
    return _load(method, "driver", f"the stepper {method}")


@cache
def points() -> ModuleType:
    """Return the module whose ``evaluate`` runs a program at many points."""
    return _load("tsit5", "points", "what evaluates programs")  # no method is asked for: that of most runs is at hand


@cache
def _texts(method: str) -> dict[str, bytes]:
    home = Path(layout.__file__).parent
    texts = {path.name: path.read_bytes() for path in sorted(home.glob("*.py"))}
    texts["method.py"] = texts["method.py"].replace(b".tsit5", f".{method}".encode())
    return texts | {f"methods/{method}.py": (home / "methods" / f"{method}.py").read_bytes()}


def _load(method: str, part: str, what: str) -> ModuleType:
    import numba

    texts = _texts(method)
    stamp = f"{numba.__version__} {sys.version_info[:2]}".encode()
    name = f"stepper_{method}_{hashlib.sha256(b''.join([stamp, *texts.values()])).hexdigest()[:16]}"
    with _lock:
        package = folder() / name
        try:
            for inside in (package, package / "methods"):
                inside.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise unwritable(package, error) from error
        if hasattr(os, "getuid"):
            private(package, "the folder of a stepper")
        processor = hashlib.sha256(machine.processor().encode()).hexdigest()[:8]
        made = package / f"{part}_{processor}.whole"  # says that nothing is left to write or to compile
        with nullcontext() if made.exists() else alone():
            for file, text in texts.items():
                if not (package / file).exists():
                    write(package / file, text)
            if name not in sys.modules:
                spec = importlib.util.spec_from_file_location(
                    name, package / "__init__.py", submodule_search_locations=[str(package)]
                )
                assert spec is not None
                assert spec.loader is not None
                # Numba pickles cached functions by module name: the package must be importable while it loads
                sys.modules[name] = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(sys.modules[name])
            new = not any((package / "__pycache__").glob(f"{part}.*.nbi"))
            with notice(f"compiling {what}, once for this installation" if new else None):
                try:
                    module = importlib.import_module(f"{name}.{part}")
                except OSError as error:  # Numba keeps what it compiled
                    raise unwritable(package, error) from error
            if not made.exists():
                with suppress(InputError):
                    write(made, b"")
        return module


def work(
    n: int, table: int, levels: int, scratch: int, *, more: int = 0, implicit: bool = False, copies: int = 1
) -> NDArray[np.float64]:
    """Return an array for lanes (see `layout.carve`) and some rows more, aligned with the processor's vectors."""
    row = layout.LANES
    lanes = layout.carve.py_func(None, 0, n, levels, levels, table, scratch, implicit).end * copies
    array = np.zeros(lanes + (more + 1) * row)
    first = -array.ctypes.data // 8 % 8
    return array[first : first + lanes + more * row]
