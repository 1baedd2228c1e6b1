"""Parts of a task as other processes take them: bytes that any Python reads, run by the same code as here."""

import hashlib
import pickle
import platform
import socket
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from minimodels.errors import InputError


class _Call:
    """Pickled, it is a call: whoever reads the bytes gets what `run` returns."""

    def __init__(self, code: str, bound: bytes, packages: tuple[str, ...]) -> None:
        self.parts = code, bound, packages

    def __reduce__(self) -> tuple[Any, ...]:
        return run, self.parts


def packed(function: Callable[..., Any], *arguments: Any, packages: tuple[str, ...] = ("minimodels",)) -> bytes:
    """Return a call as bytes that ``pickle.loads`` carries out.

    A scheduler need not have this package, and a worker that has not fails this one task instead of ending.
    """
    return pickle.dumps(_Call(code(packages), pickle.dumps((function, arguments)), packages))


def run(stated: str, bound: bytes, packages: tuple[str, ...]) -> Any:
    """Carry out a call, if the code here is that of the process which asks for it."""
    here = code(packages)
    if here != stated:
        home = Path(__file__).parent
        raise InputError(
            f"a worker on {socket.gethostname()} runs {here} (from {str(home)!r}), and this process {stated}: install "
            "the same on both, then start the workers again."
        )
    function, arguments = pickle.loads(bound)
    return function(*arguments)


@cache
def code(packages: tuple[str, ...] = ("minimodels",)) -> str:
    """Return what results depend on, to the last bit: source, libraries, and how the processor multiplies and adds."""
    import llvmlite.binding as llvm

    from minimodels import __version__

    digest = hashlib.sha256()
    for name in packages:
        home = Path(str(import_module(name).__file__)).parent
        for path in sorted(home.rglob("*.py")):
            digest.update(path.relative_to(home).as_posix().encode() + b"\0" + path.read_bytes())
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "sympy", "numba", "llvmlite"))
    fused = "with" if llvm.get_host_cpu_features().get("fma") else "without"
    return (
        f"minimodels {__version__} ({digest.hexdigest()[:8]}), {libraries}, {platform.machine()} {fused} fused multiply"
    )


def unreadable(error: BaseException) -> InputError | None:
    """Return the sentence for a worker that has not the code of this process, None for any other error."""
    away = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "minimodels"
    if not (away or (isinstance(error, AttributeError) and "minimodels" in str(error) and "attribute" in str(error))):
        return None
    return InputError(f"a worker cannot read a task ({error}): install {code()} there, then start it again.")
