"""The daemons of one foreground program: none outlives it, and a killed one comes back."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.program import WITHIN, until

PARENT = """\
import asyncio, sys
from blockd.service.children import Children

children = Children([], lambda text: print("told:", text, flush=True))
children._command = (sys.executable, sys.argv[1])
sys.exit(asyncio.run(children.run(sys.argv[2:])))
"""

# A verb that writes what happens to it, in the place of a daemon of blockd.
VERB = """\
import os, pathlib, signal, sys, time

place, verb = pathlib.Path(__file__).parent, sys.argv[1]

def note(number, _frame):
    name = signal.Signals(number).name
    with (place / verb).open("a") as log:
        log.write(name + "\\n")
    if number != signal.SIGHUP and not verb.startswith("stubborn"):
        sys.exit(0)

for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, note)
signal.signal(signal.SIGINT, signal.SIG_IGN)
with (place / verb).open("a") as log:
    log.write(f"{os.getpid()}\\n")
if verb.startswith("ends"):
    sys.exit(int(verb.removeprefix("ends")))
while True:
    time.sleep(WAIT)
"""


class Parent:
    """A foreground program with its children."""

    def __init__(self, place, *verbs):
        self.place = place
        script = place / "verb.py"
        script.write_text(VERB.replace("WAIT", "60"))
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(script), *verbs],
            stdout=subprocess.PIPE,
            text=True,
        )

    def said(self, verb):
        path = self.place / verb
        return path.read_text().split() if path.exists() else []

    def started(self, *verbs, times=1):
        """Wait until the verbs run, for the so-manieth time; return their process ids."""

        def pids(verb):
            return [int(word) for word in self.said(verb) if word.isdigit()]

        return until(
            lambda: (
                [pids(verb)[-1] for verb in verbs]
                if all(len(pids(verb)) == times for verb in verbs)
                else None
            )
        )

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(WITHIN)


@pytest.fixture
def parent(tmp_path):
    made = []

    def start(*verbs):
        made.append(Parent(tmp_path, *verbs))
        return made[-1]

    yield start
    for each in made:
        for verb in tmp_path.iterdir():
            for word in verb.read_text().split() if verb.suffix != ".py" else ():
                if word.isdigit() and alive(int(word)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(word), signal.SIGKILL)
        each.process.kill()
        each.process.wait()
        each.process.stdout.close()


def alive(pid):
    """Tell whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_them(parent, number):
    up = parent("one", "two")
    pids = up.started("one", "two")
    assert up.end(number) == 0
    assert not any(map(alive, pids))
    assert [up.said(verb)[1] for verb in ("one", "two")] == ["SIGTERM", "SIGTERM"]


def test_a_reload_is_passed_on(parent):
    up = parent("one", "two")
    up.started("one", "two")
    up.process.send_signal(signal.SIGHUP)
    until(lambda: all("SIGHUP" in up.said(verb) for verb in ("one", "two")))
    assert up.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("status", [0, 2, 4])
def test_one_that_ends_by_itself_ends_the_others_and_gives_its_status(parent, status):
    up = parent("one", f"ends{status}")
    assert up.process.wait(WITHIN) == status
    assert not any(alive(int(word)) for word in up.said("one") if word.isdigit())


def test_all_may_end_at_once(parent):
    up = parent("ends2", "ends4", "ends3")
    assert up.process.wait(WITHIN) in {2, 3, 4}


def test_a_killed_one_is_started_again_and_told(parent):
    up = parent("one", "two")
    first, other = up.started("one", "two")
    os.kill(first, signal.SIGKILL)
    (second,) = up.started("one", times=2)
    assert second != first
    assert alive(other)
    assert up.end(signal.SIGTERM) == 0
    told = up.process.stdout.read()
    assert told == "told: `blockd one` was ended by SIGKILL; it is started again\n"


def test_kill_9_of_the_program_leaves_nobody(parent):
    up = parent("one", "two")
    pids = up.started("one", "two")
    assert up.end(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not any(map(alive, pids)))
    assert [up.said(verb)[1] for verb in ("one", "two")] == ["SIGTERM", "SIGTERM"]


def test_a_signal_in_the_midst_of_starting_is_not_missed(parent):
    for _ in range(3):
        up = parent("one", "two", "three")
        start = time.monotonic()
        until(lambda up=up: up.said("one"))
        assert up.end(signal.SIGTERM) == 0
        assert time.monotonic() - start < 9  # else it was killed after its patience
        for verb in ("one", "two", "three"):
            (up.place / verb).unlink(missing_ok=True)


def test_one_that_does_not_end_is_killed_when_its_time_is_over(tmp_path, monkeypatch):
    import asyncio

    from blockd.service import children

    monkeypatch.setattr(children, "_PATIENCE", 0.2)
    script = tmp_path / "verb.py"
    script.write_text(VERB.replace("WAIT", "60"))

    async def run():
        several = children.Children([], print)
        several._command = (sys.executable, str(script))
        running = asyncio.create_task(several.run(["stubborn"]))
        log = tmp_path / "stubborn"
        async with asyncio.timeout(WITHIN):
            while not (log.exists() and log.read_text()):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        return await running

    assert asyncio.run(run()) == 0
    pid, asked = (tmp_path / "stubborn").read_text().split()
    assert asked == "SIGTERM"
    assert not alive(int(pid))
