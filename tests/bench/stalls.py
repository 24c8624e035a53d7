"""How long a process that is ready to run has to wait on a core: what no server there can undercut.

A process of its own sleeps for a millisecond at a time on that core, at the usual priority, and
notes by how much it woke late. On a shared machine the host itself may take a core away for a
while; a worst latency means little without this beside it.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_NAP = 0.001


class Stalls:
    """What was seen, in milliseconds; complete once the context has ended."""

    worst_ms: float = 0.0


@contextmanager
def seen(core: str) -> Iterator[Stalls]:
    """Watch a core for as long as the context lasts."""
    argv = ["taskset", "-c", core, sys.executable, "-m", "tests.bench.stalls"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    found = Stalls()
    try:
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=10)
        found.worst_ms = float(said)


def _watch() -> None:
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    worst = 0.0
    before = time.monotonic()
    while not ended:
        time.sleep(_NAP)
        now = time.monotonic()
        worst = max(worst, now - before - _NAP)
        before = now
    print(worst * 1000)


if __name__ == "__main__":
    _watch()
