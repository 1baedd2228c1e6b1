"""How a command ends before its time: interrupted, or with the sentence that says why."""

import atexit
import os
import signal
import sys
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread

INTERRUPTED = "interrupted; the same command again takes it up where files were kept."


@contextmanager
def stopping(patience: float = 3.0) -> Iterator[None]:
    """Let Ctrl-C end this process within seconds.

    The exception it raises may be swallowed, as in a callback of a weak reference: it is raised again. It may have to
    wait for a compiler: a thread that the signal wakes ends the process if the work has not been left in time.
    """
    if current_thread() is not main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    left = Event()

    def watch() -> None:
        while (byte := os.read(reading, 1)) != b"\0":
            if byte[0] == signal.SIGINT and not left.wait(patience):
                atexit._run_exitfuncs()  # removes temporary folders
                os._exit(fail(INTERRUPTED, 130))

    def again(swallowed: "sys.UnraisableHookArgs") -> None:
        if issubclass(swallowed.exc_type, KeyboardInterrupt):
            interrupt_main()
        else:
            hook(swallowed)

    hook, sys.unraisablehook = sys.unraisablehook, again
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        left.set()
        sys.unraisablehook = hook
        signal.set_wakeup_fd(before)
        os.write(writing, b"\0")
        watcher.join()
        os.close(reading)
        os.close(writing)


def fail(sentence: str, status: int) -> int:
    """Say why on standard error."""
    sys.stderr.write(f"minimodels: {sentence}\n")
    return status
