"""One worker's process: how it ends, and when it is started again."""

import os
import signal
import socket
import time

import pytest

from blockd.errors import ConfigError, GuardError
from blockd.resolver import worker
from blockd.resolver.worker import Worker

DEADLINE = 10


@pytest.fixture
def inbox():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("")
        sock.settimeout(DEADLINE)
        yield sock


def run(made, child, inbox):
    """Return the status of one life of a worker."""
    made.start(child, b"secret", inbox, [])
    assert made.pid
    end = time.monotonic() + DEADLINE
    while (status := made.ended()) is None:
        assert time.monotonic() < end
        time.sleep(0.005)
    assert not made.pid
    return status


def raising(error):
    def child(_number, _secret):
        raise error

    return child


@pytest.mark.parametrize(
    ("child", "status"),
    [
        (lambda *_: None, 0),
        (raising(ConfigError("x")), 2),
        (raising(GuardError("x")), 3),
        (raising(RuntimeError("x")), 1),
        (lambda *_: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL),
        (lambda *_: os.kill(os.getpid(), signal.SIGTERM), -signal.SIGTERM),
        (lambda *_: os.kill(os.getpid(), signal.SIGHUP), 0),  # nothing to read again yet
    ],
)
def test_the_status_says_how_a_worker_ended(child, status, inbox):
    assert run(Worker(1), child, inbox) == status


def test_a_worker_knows_its_number_and_the_secret_and_says_why_it_cannot_run(inbox):
    def child(number, secret):
        raise ConfigError(f"worker {number} and its {secret.decode()}")

    run(Worker(4), child, inbox)
    assert inbox.recv(200) == b"X_ERROR=worker 4 and its secret"


def test_who_does_not_live_long_waits_longer_each_time_up_to_a_bound(inbox, monkeypatch):
    monkeypatch.setattr(worker, "LONGEST_AGAIN", 1.0)
    made = Worker(1)
    waits = []
    for _ in range(5):
        before = time.monotonic()
        wait = made._again
        run(made, lambda *_: None, inbox)
        assert before + wait <= made.due <= time.monotonic() + wait
        waits.append(wait)
    assert waits == [0.2, 0.4, 0.8, 1.0, 1.0]
    monkeypatch.setattr(worker, "LIVED", 0.0)
    run(made, lambda *_: None, inbox)
    assert made.due <= time.monotonic() + 0.2
