"""A directory that processes share is filled once, and goes with the last of them."""

import subprocess
import sys

import pytest

from tests import shared
from tests.topology import repository

PROGRAM = """
import sys, time
from pathlib import Path
from tests import shared

def fill(place):
    with open(sys.argv[1], "a") as log:
        log.write("filled\\n")
    time.sleep(0.2)
    (place / "file").write_text("whole")

with shared.directory("of-a-test", fill) as place:
    print(place, (place / "file").read_text(), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a process that uses the directory until it reads a line."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "one")
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "log")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=repository(),
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def left(tmp_path):
    return {path.name for path in tmp_path.iterdir()} - {"log"}


def test_the_first_fills_it_and_the_last_removes_it(start, tmp_path):
    users = [start() for _ in range(4)]
    said = {process.stdout.readline() for process in users}
    assert len(said) == 1
    assert said.pop().endswith(" whole\n")
    assert (tmp_path / "log").read_text() == "filled\n"
    for process in users:
        assert left(tmp_path) == {f"{shared.MARK}of-a-test-one{end}" for end in ("", ".lock")}
        process.communicate("\n")
    assert left(tmp_path) == set()


def test_what_a_killed_session_left_goes_with_the_next(start, tmp_path, monkeypatch):
    killed = start()
    killed.stdout.readline()
    killed.kill()
    killed.wait()
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "another")
    start().communicate("\n")
    assert left(tmp_path) == set()
    assert (tmp_path / "log").read_text() == "filled\nfilled\n"


def test_a_directory_that_could_not_be_filled_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(shared.tempfile, "gettempdir", lambda: str(tmp_path))

    def fails(place):
        (place / "half").touch()
        raise OSError("no mirror answers")

    with pytest.raises(OSError, match="no mirror"), shared.directory("x", fails):
        pass
    with shared.directory("x", lambda place: (place / "whole").touch()) as place:
        assert [each.name for each in place.iterdir()] == ["whole"]
