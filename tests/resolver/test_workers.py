"""Several processes are one daemon: to clients, to the service manager, and when one dies."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blockd.errors import StoreError, UnreachableError
from blockd.resolver.workers import run_workers, worker_socket
from blockd.service import control

DEADLINE = 15
ROOT = Path(__file__).parents[2]


def until(condition):
    end = time.monotonic() + DEADLINE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)


class Crew:
    """A running daemon of workers."""

    def __init__(self, directory, count, **environment):
        self.path = directory / "control"
        self.heard = []
        self._inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._inbox.bind(str(directory / "notify"))
        self._inbox.settimeout(0)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.resolver.crew", str(directory), str(count)],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "NOTIFY_SOCKET": str(directory / "notify"),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.process.stdout.readline())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self._inbox.close()

    def told(self, *wanted):
        """Tell whether the service manager has heard this, and forget it."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard += self._inbox.recv(4096).decode().splitlines()
        return all(any(line.startswith(each) for line in self.heard) for each in wanted)

    def status(self):
        try:
            return control.ask(self.path)
        except UnreachableError:
            return None

    def ready(self):
        until(lambda: self.told("READY=1"))
        return self

    def ask(self):
        """Return number, process and secret of the worker that answers."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.3)
            client.connect(("127.0.0.1", self.port))

            def asked():
                # What a worker was woken for just when it was stopped waits for the next one.
                client.send(b"?")
                with contextlib.suppress(TimeoutError):
                    return client.recv(200).decode().split()

            number, pid, secret = until(asked)
        return int(number), int(pid), secret

    def end(self, number=signal.SIGTERM):
        """Signal the parent; returns its exit status and what it said."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, said


@pytest.fixture
def crew(tmp_path):
    """Start crews in `tmp_path`: a function of how many workers."""
    started = []

    def start(count=3, **environment):
        started.append(Crew(tmp_path, count, **environment))
        return started[-1]

    yield start
    for each in started:
        each.close()


def pids(crew, count=3):
    return [control.ask(worker_socket(crew.path, n))["pid"] for n in range(1, count + 1)]


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_the_status_is_that_of_all_and_readiness_needs_all(crew, tmp_path):
    (tmp_path / "wait").touch()
    started = crew()
    status = until(
        lambda: (s := started.status()) and len(s["counts"]) and s["generation"] == 7 and s
    )
    assert status["ready"] is False
    assert status["workers"] == 3
    time.sleep(0.2)
    assert not started.told("READY=1")
    (tmp_path / "wait").unlink()
    started.ready()
    assert started.heard.count("READY=1") == 1
    assert started.heard.count("STATUS=working") == 1
    assert started.status()["ready"] is True
    answered = [started.ask() for _ in range(30)]
    assert started.status()["counts"]["asked"] == 30
    secrets = {secret for _, _, secret in answered}
    assert len(secrets) == 1
    assert len(bytes.fromhex(secrets.pop())) == 16
    assert {pid for _, pid, _ in answered} <= set(pids(started))


def test_a_worker_that_dies_is_started_again_with_the_same_secret(crew):
    started = crew().ready()
    before = pids(started)
    secret = started.ask()[2]
    os.kill(before[1], signal.SIGKILL)
    until(lambda: (s := started.status()) and s["ready"] and pids(started)[1] != before[1])
    after = pids(started)
    assert (after[0], after[2]) == (before[0], before[2])
    for pid in (after[0], after[2]):
        os.kill(pid, signal.SIGSTOP)  # so that the new one has to answer
    try:
        number, pid, again = started.ask()
    finally:
        for each in (after[0], after[2]):
            os.kill(each, signal.SIGCONT)
    assert (number, pid, again) == (2, after[1], secret)
    status, said = started.end()
    assert status == 0
    assert said.count("worker 2 ended by a signal (Killed); it is started again") == 1


def test_under_a_watchdog_a_worker_that_hangs_is_killed_and_the_others_are_not(crew):
    started = crew(WATCHDOG_USEC="1000000").ready()
    before = pids(started)
    until(lambda: started.told("WATCHDOG=1"))
    started.heard.clear()
    os.kill(before[1], signal.SIGSTOP)
    until(lambda: (s := started.status()) and s["ready"] and pids(started)[1] != before[1])
    after = pids(started)
    assert (after[0], after[2]) == (before[0], before[2])
    assert started.told("WATCHDOG=1")  # the parent goes on saying that it lives
    status, said = started.end()
    assert status == 0
    assert said.count("worker 2 hangs and is killed") == 1
    assert "worker 1" not in said
    assert "worker 3" not in said


def test_without_a_watchdog_nobody_is_killed_for_being_slow(crew):
    started = crew().ready()
    before = pids(started)
    os.kill(before[1], signal.SIGSTOP)
    time.sleep(0.5)
    assert not gone(before[1])
    os.kill(before[1], signal.SIGCONT)
    assert pids(started) == before
    assert not started.told("WATCHDOG=1")


def test_while_one_is_missing_the_others_serve_and_the_status_says_so(crew, tmp_path):
    started = crew().ready()
    (tmp_path / "refuse").touch()
    os.kill(pids(started)[0], signal.SIGKILL)
    status = until(lambda: (s := started.status()) and not s["ready"] and s)
    assert status["problem"] == "no answer from worker 1"
    assert started.ask()[0] in (2, 3)
    until((tmp_path / "refused").exists)
    (tmp_path / "refuse").unlink()
    until(lambda: started.status()["ready"])
    _, said = started.end()
    assert "there is a reason" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_workers_and_leaves_nothing_behind(crew, number, tmp_path):
    started = crew().ready()
    workers = pids(started)
    assert started.end(number) == (0, "")
    assert all(gone(pid) for pid in workers)
    assert started.told("STOPPING=1")
    assert not list(tmp_path.glob("control"))


def test_workers_end_with_a_parent_that_is_killed(crew):
    started = crew().ready()
    workers = pids(started)
    started.end(signal.SIGKILL)
    until(lambda: all(gone(pid) for pid in workers))


def test_a_reload_reaches_every_worker_and_is_told_as_one(crew):
    started = crew().ready()
    started.heard.clear()
    started.process.send_signal(signal.SIGHUP)
    until(lambda: started.told("RELOADING=1", "READY=1"))
    assert started.status()["counts"]["reloads"] == 3
    started.told()
    assert started.heard.index("RELOADING=1") < started.heard.index("READY=1")
    assert started.heard.count("RELOADING=1") >= 1


@pytest.mark.parametrize(
    ("reason", "status", "said"),
    [("refuse", 1, "there is a reason"), ("crash", 1, "ZeroDivisionError")],
)
def test_workers_that_cannot_start_end_it_with_their_status(crew, tmp_path, reason, status, said):
    (tmp_path / reason).touch()
    started = crew()
    _, complaint = started.process.communicate(timeout=DEADLINE)
    assert started.process.returncode == status
    assert said in complaint
    if reason == "refuse":
        assert complaint.count(said) == 1
    assert not started.told("READY=1")


def test_nobody_else_speaks_for_a_worker(crew, tmp_path):
    (tmp_path / "wait").touch()
    started = crew()
    status = until(started.status)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for _ in range(3):
            stranger.sendto(b"READY=1", status["inbox"].replace("@", "\0", 1))
    time.sleep(0.1)
    assert not started.told("READY=1")
    assert started.status()["ready"] is False


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="no control socket"):
        run_workers(1, lambda *_: None, tmp_path / "file" / "control")


def test_the_sockets_of_workers_stand_beside_that_of_all():
    path = Path("/run/blockd/resolver/control")
    assert worker_socket(path, 2) == Path("/run/blockd/resolver/control.2")
