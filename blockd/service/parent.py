"""Has a process end with its parent, whatever ends that one. Linux alone."""

import os
import signal
from functools import cache
from typing import Any

import cffi

_PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with(parent: int) -> None:
    """Have the kernel end this process with its parent: `kill -9` of that one leaves nobody.

    Args:
        parent: its process ID as it saw itself, for it may have ended already.
    """
    _library().prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


@cache
def _library() -> Any:
    ffi = cffi.FFI()
    ffi.cdef("int prctl(int option, unsigned long value);")
    return ffi.dlopen(None)
