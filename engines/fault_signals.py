"""Keep a process's handlers of faults while another library installs its own."""

import ctypes
import signal
from collections.abc import Iterator
from contextlib import contextmanager

# A JVM lives by them: a null pointer in Java, or a thread that it stops for a moment, is a fault that it handles.
_FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
_LARGEST = 512  # bytes, more than a struct sigaction has on any system


@contextmanager
def fault_handlers_kept() -> Iterator[None]:
    """Put back, at the end, the handlers that were there at the beginning.

    Python's own `signal` knows nothing of handlers that were installed in C.
    """
    sigaction = ctypes.CDLL(None).sigaction
    kept = {fault: ctypes.create_string_buffer(_LARGEST) for fault in _FAULTS}
    for fault, action in kept.items():
        sigaction(fault, None, action)
    try:
        yield
    finally:
        for fault, action in kept.items():
            sigaction(fault, action, None)
