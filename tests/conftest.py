"""How tests run beside each other: in processes of pytest-xdist, and those that measure alone.

No fixtures of a room: those stand in the room's own conftest.
"""

import fcntl
import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long one example takes says nothing about what is tested: pytest-timeout bounds a test.
settings.register_profile("beside", parent=settings(), deadline=None)
settings.load_profile("beside")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Have a test marked `alone` wait for the tests of the other processes, and these for it.

    First of all hooks, so that the time spent waiting is none of the test's own.
    """
    if not hasattr(item.config, "workerinput"):  # a process of its own, not one of xdist's
        return (yield)
    here = Path(__file__)
    room, door = (os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in (here, here.parent))
    try:
        # Who waits for an empty room stands in the door: else it would never become empty.
        fcntl.flock(door, fcntl.LOCK_EX)
        alone = item.get_closest_marker("alone") is not None
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)
    finally:
        # Not by closing alone: a child that was forked shares the locks, and may live on.
        for lock in (room, door):
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)
