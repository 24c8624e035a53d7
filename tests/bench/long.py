"""Lists of ten million lines: `python -m tests.bench.lists --lines [LINES]`.

What a long list costs beside its text is bounded by what it lists, not by what is wrong with it.
One gateway is given one such list after the other, in a process of its own each: one that holds a
tenth of its lines in names, then two that are refused, with which nothing may change. Shown are
seconds, the process's peak of memory beside the size of the file, and how it ended.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.cli.program import Gateway

LINES = 10_000_000
_BATCH = 10_000

_MEASURED = """\
import atexit, re, sys
def peak():
    found = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())
    print("peak", found[1], file=sys.stderr)
atexit.register(peak)
from blockd.__main__ import main
main()
"""


class Cost(NamedTuple):
    """How one run ended, and what it took."""

    status: int
    out: str
    err: str
    seconds: float
    megabytes: float
    """The most that the process had in memory."""


def mostly_nothing(number):
    """Ten lines of which one is new: comments, blanks, and a name that stands there already."""
    name = f"{number * 2654435761 % (1 << 32):x}.shop-{number % 97}.example"
    return f"# {number}\n\n{name}\n\n{name}\n# as before\n\n{name}\n\n#\n"


def all_wrong(number):
    """Ten lines of which each is wrong, no two alike."""
    return "".join(f"bad..{number}{digit}.example\n" for digit in range(10))


def written(path, tens, number):
    """Write that many lines, ten at a time; returns the size in megabytes."""
    with path.open("w") as file:
        for at in range(0, number // 10, _BATCH):
            file.write("".join(map(tens, range(at, min(at + _BATCH, number // 10)))))
    return path.stat().st_size / 1e6


def run(gateway, *words):
    """Run a verb of the program in a process of its own, and measure it."""
    argv = [sys.executable, "-c", _MEASURED, *gateway.options(), *words]
    started = time.monotonic()
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    seconds = time.monotonic() - started
    peak = re.search(r"peak (\d+)\n\Z", done.stderr)
    assert peak, done.stderr
    megabytes = int(peak[1]) / 1000
    return Cost(done.returncode, done.stdout, done.stderr[: peak.start()], seconds, megabytes)


def in_force(gateway):
    """Return which generation that is, and all that is in its file."""
    current = gateway.state / "current"
    return current.readlink(), current.read_bytes()


def main(number=LINES):
    with tempfile.TemporaryDirectory() as directory:
        gateway = Gateway(Path(directory))
        path = gateway.rules / "long.txt"

        def shown(what, tens, harm=None):
            size = written(path, tens, number)
            if harm is not None:
                harm()
            cost = run(gateway, "compile")
            print(
                f"{what:<30} {number:>10,} lines, {size:5.0f} MB: {cost.seconds:5.1f} s,"
                f" peak {cost.megabytes:5.0f} MB, status {cost.status}"
            )
            print(f"  {cost.err.splitlines()[0]}")
            return cost.status

        def cut_off():
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size - 1)

        assert shown("a tenth of it names", mostly_nothing) == 0
        before = in_force(gateway)
        assert shown("every line wrong", all_wrong) == 1
        assert shown("names, and cut off", mostly_nothing, cut_off) == 1
        assert in_force(gateway) == before
        print("what is in force is the same, octet for octet")
