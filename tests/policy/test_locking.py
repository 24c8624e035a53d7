"""Lock files: closed to others, and no wait without an end."""

import fcntl
import os
import stat
import threading
import time

import pytest

from blockd.errors import BusyError
from blockd.policy import locking


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


@pytest.fixture
def held(path):
    """The lock in the hands of somebody who opened the file for reading only."""
    path.touch()
    handle = os.open(path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield
    os.close(handle)


@pytest.mark.parametrize("before", [None, 0o640, 0o666])
def test_a_lock_file_is_its_owners_alone(path, before):
    if before is not None:
        path.touch()
        path.chmod(before)
    os.close(locking.opened(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def taken(path, patience, ended=None):
    handle = locking.opened(path)
    try:
        locking.take(handle, path, patience, ended)
    finally:
        os.close(handle)


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("patience", [0, 0.1])
def test_who_has_waited_long_enough_is_told_where_and_what_to_do(path, patience):
    started = time.monotonic()
    with pytest.raises(BusyError, match=rf"{path}: another process .* {patience} s.*`lslocks`"):
        taken(path, patience)
    assert patience <= time.monotonic() - started < patience + 5


@pytest.mark.usefixtures("held")
def test_a_wait_can_be_ended(path):
    ended = threading.Event()
    timer = threading.Timer(0.1, ended.set)
    timer.start()
    with pytest.raises(BusyError):
        taken(path, 60, ended)
    assert ended.is_set()
    timer.join()


def test_a_lock_that_is_given_up_is_had(path):
    first = locking.opened(path)
    locking.take(first, path, 0)
    timer = threading.Timer(0.1, os.close, [first])
    timer.start()
    taken(path, 60)
    timer.join()
