"""Lock files: one process at a time, and nobody waits for ever. What they guard is not known here.

flock(2) asks for no more than an open file, however it was opened: whoever may read the file may
hold the lock. So it is closed to all but its owner, and whoever waits gives up in the end.
"""

import fcntl
import os
import threading
import time
from pathlib import Path

from blockd.errors import BusyError

PATIENCE = 30.0
"""Seconds to wait for another process."""

_LOOK = 0.05
_MODE = 0o600


def opened(path: Path) -> int:
    """Open a lock file, make it where there is none, and close it to others; raises OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        if os.fstat(handle).st_mode & 0o777 != _MODE:
            os.fchmod(handle, _MODE)
    except OSError:
        os.close(handle)
        raise
    return handle


def take(handle: int, path: Path, patience: float, ended: threading.Event | None = None) -> None:
    """Take the lock of an open file; it is held until the file is closed.

    Args:
        handle: of the file.
        path: its path, for the error.
        patience: seconds to wait for another process; 0: do not.
        ended: once it is set, nobody waits any more.

    Raises:
        BusyError: another process has it still.
    """
    ended = ended or threading.Event()
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until or ended.wait(_LOOK):
                break
        else:
            return
    raise BusyError(
        f"{path}: another process holds this lock and did not give it up within {patience:g} s."
        " It may be a blockd command or service at work, then try again later; or a program that"
        " has no business there, then end it. As root, `lslocks` shows which process it is"
    )
