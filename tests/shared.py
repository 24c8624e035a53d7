"""Directories that are costly to fill, and that the processes of one test session share.

Whoever comes first fills one, whoever is last removes it. A lock on a file beside it is held for
as long as it is used, so what a killed session left is nobody's, and goes with the next one.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.topology import PREFIX

MARK = f"{PREFIX}shared-"


@contextlib.contextmanager
def directory(name: str, fill: Callable[[Path], None]) -> Iterator[Path]:
    """Give a directory, filled.

    Args:
        name: what it holds; those of one name are one within a session.
        fill: is given the directory, empty.
    """
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}"
    base = Path(tempfile.gettempdir())
    for lock in base.glob(f"{MARK}*.lock"):
        _remove_unused(lock)
    lock = base / f"{MARK}{name}-{session}.lock"
    place = lock.with_suffix("")
    descriptor = _filled(lock, fill)
    try:
        yield place / "in"
    finally:
        os.close(descriptor)
        _remove_unused(lock)


def _filled(lock: Path, fill: Callable[[Path], None]) -> int:
    """Return the descriptor that holds the lock, shared, once the directory is whole."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            whole = _fill(descriptor, lock, fill)
        except BaseException:
            os.close(descriptor)
            _remove_unused(lock)
            raise
        if whole:
            return descriptor
        os.close(descriptor)


def _fill(descriptor: int, lock: Path, fill: Callable[[Path], None]) -> bool:
    """Take the lock, and fill the directory if nobody has; tell whether it is whole and stays."""
    place = lock.with_suffix("")
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if not (place / "whole").exists():
        # To change a lock is to give it up before: flock(2).
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_current(descriptor, lock) and not (place / "whole").exists():
            shutil.rmtree(place, ignore_errors=True)
            (place / "in").mkdir(parents=True)
            fill(place / "in")
            (place / "whole").touch()
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return _is_current(descriptor, lock) and (place / "whole").exists()


def _remove_unused(lock: Path) -> None:
    with contextlib.suppress(FileNotFoundError, BlockingIOError):
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_current(descriptor, lock):
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink()
        finally:
            os.close(descriptor)


def _is_current(descriptor: int, lock: Path) -> bool:
    """Tell whether the file is still there: whoever was last removes it, and others wait for it."""
    with contextlib.suppress(FileNotFoundError):
        return os.fstat(descriptor).st_ino == lock.stat().st_ino
    return False
