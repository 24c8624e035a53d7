"""What a process asks the kernel to do with itself: prctl(2), through cffi. Linux alone."""

import os
import signal
from functools import cache
from typing import Any

import cffi

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_DUMPABLE = 4  # the same


def end_with(parent: int) -> None:
    """Have the kernel end this process with its parent: `kill -9` of that one leaves nobody.

    Args:
        parent: its process ID as it saw itself, for it may have ended already.
    """
    _library().prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def keep_memory_private() -> None:
    """Have the kernel never write this process's memory to a core, nor let others of its user look.

    A limit on cores does not bind where they are piped to a program (core(5)), as systemd-coredump
    and apport have it. What is forked from here on inherits it, what is executed does not. Root
    may still trace the process.
    """
    _library().prctl(_PR_SET_DUMPABLE, 0)


@cache
def _library() -> Any:
    ffi = cffi.FFI()
    ffi.cdef("int prctl(int option, unsigned long value);")
    return ffi.dlopen(None)
