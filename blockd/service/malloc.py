"""What a process asks of the C library's allocator: mallopt(3), through cffi. The GNU one alone."""

import contextlib
from typing import Any

import cffi

LARGE = 1 << 20
"""Octets from which on an allocation has a mapping of its own."""

_M_MMAP_THRESHOLD = -3  # malloc.h


def give_back_what_is_large() -> None:
    """Have what is large returned to the kernel when it is freed, for good.

    A cache that is full moves its table to a new one again and again, ten megabytes at a time. As
    the library is by default, the first that is freed raises the size from which on such a table
    has a mapping of its own; from then on they are cut from the heap, small objects settle in the
    gap that one leaves, and the next one makes the heap longer.

    Under another C library nothing happens: musl returns what is large in any case.
    """
    ffi = cffi.FFI()
    ffi.cdef("int mallopt(int param, int value);")
    library: Any = ffi.dlopen(None)
    with contextlib.suppress(AttributeError):
        library.mallopt(_M_MMAP_THRESHOLD, LARGE)
