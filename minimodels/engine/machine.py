"""Compile modules of LLVM's assembly to machine code, kept on disk under the hash of their text."""

import hashlib
import os
import threading
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

from minimodels.engine.cache import alone, folder, private, write
from minimodels.errors import InputError
from minimodels.notices import notice

_lock = threading.Lock()
# Lines from which LLVM does not look for faster code: it hardly finds any where everything waits for memory, and takes
# ten times as long.
LONG = 20_000


class Code:
    """Machine code of a module, for as long as this object lives."""

    def __init__(self, text: str, what: str) -> None:
        with _lock:
            machine = target(2 if text.count("\n") < LONG else 0)
            self.fingerprint = hashlib.sha256(f"{processor()} {text}".encode()).hexdigest()[:32]
            path = folder() / f"model_{self.fingerprint}.o"
            code = kept(path)
            if code is None:
                with alone():
                    code = kept(path) or made(machine, text, path, what)
            self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return where a function begins."""
        return int(self._engine.get_function_address(name))


def made(machine: llvm.TargetMachine, text: str, path: Path, what: str) -> bytes:
    """Compile a module and keep its machine code in a file."""
    with notice(f"compiling {what}"):
        code: bytes = machine.emit_object(llvm.parse_assembly(text))
    write(path, hashlib.sha256(code).digest() + code)
    return code


def kept(path: Path) -> bytes | None:
    """Return the machine code in a file; none if it is not there or not as it was written."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}); delete it or set MINIMODELS_CACHE_DIR.") from error
    if hasattr(os, "getuid"):
        private(path, "the kernel")
    return data[32:] if hashlib.sha256(data[32:]).digest() == data[:32] else None


@cache
def processor() -> str:
    """Return what machine code depends on: processor, its features, LLVM."""
    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()} {llvm.llvm_version_info}"


@cache
def initialised() -> None:
    """Make LLVM ready for this processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def target(effort: int) -> llvm.TargetMachine:
    """Return a compiler for this processor."""
    initialised()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=effort, jit=True
    )
