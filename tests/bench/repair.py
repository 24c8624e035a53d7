"""The route daemon as it runs: from generation to kernel, back after deletions, and its size.

Times end with the kernel's notices, taken beside the daemon; what is deleted is deleted by
another socket, as fast as the kernel can. A list takes the place of another by a rename alone,
so that no compile is part of it.
"""

import contextlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import Struct

from blockd.errors import UnreachableError
from blockd.prefixes import Prefix
from blockd.routes.kernel import Kernel
from blockd.routes.messages import NEW_ROUTE
from blockd.routes.model import Plan
from blockd.service import control
from tests import topology
from tests.bench import peers, prefixes
from tests.bench.notices import Notices, listening
from tests.e2e.gateway import until
from tests.topology import Namespace

_HALF = 50_000  # of each family
_DELETED = {1: 15, 200: 7, 10_000: 5}
"""Routes deleted at once, and how often."""
_FLIPS = 7
_SILENCE = 0.5  # seconds without a notice: the daemon has done
_REST = 1.5  # seconds; after a pass the daemon pauses for as long as it took, at most one
_FEW = '[list]\n[[platform]]\nid = "p1"\nprefixes = ["198.19.255.255/32"]\n'


class Followed(Struct):
    """From the rename of `current` until the kernel holds a list; before it, it held one prefix."""

    routes: int
    median_ms: float
    worst_ms: float


class Repaired(Struct):
    """From before the first deletion until all are back."""

    routes: int
    """In the table."""
    deleted: int
    median_ms: float
    worst_ms: float
    after_ms: float
    """In the median, from after the last deletion on."""


class Size(Struct):
    """The daemon's memory."""

    routes: int
    resident_mb: float
    proportional_mb: float


class Lived(Struct):
    """What the daemon did."""

    followed: list[Followed]
    repaired: list[Repaired]
    sizes: list[Size]


def measure() -> Lived:
    """Run the daemon in a namespace, on the shipped list and on 100,000 prefixes."""
    shipped = sorted((topology.repository() / "rules").glob("*.toml"))
    found = Lived([], [], [])
    for lists in ({path.name: path.read_text() for path in shipped}, {"many.toml": _many()}):
        with (
            tempfile.TemporaryDirectory(prefix="blockd-bench-") as scratch,
            topology.namespace("daemon") as space,
            listening(space) as notices,
            _running(space, Path(scratch), lists) as daemon,
        ):
            _live(daemon, notices, found)
    return found


def _many() -> str:
    four = [Prefix(4, (0xC612 << 16) + 2 * place, 32) for place in range(_HALF)]
    listed = [f'"{prefix}"' for prefix in (*four, *prefixes.made(6, _HALF))]
    return f'[list]\n[[platform]]\nid = "p1"\nprefixes = [{", ".join(listed)}]\n'


def _live(daemon: "_Daemon", notices: Notices, found: Lived) -> None:
    took: list[float] = []
    for _ in range(_FLIPS):
        notices.clear()
        started = daemon.adopt(daemon.all)
        seen = notices.until(NEW_ROUTE, daemon.count - 1, _SILENCE)
        took.append(max(last for _, last in seen.values()) - started)
        status = daemon.settle(daemon.all)
        assert status["actual"] == daemon.count, status
        daemon.adopt(daemon.few)
        daemon.settle(daemon.few)
    daemon.adopt(daemon.all)
    daemon.settle(daemon.all)
    found.followed.append(Followed(daemon.count, *_milliseconds(took)))
    print(found.followed[-1], flush=True)
    for deleted, times in _DELETED.items():
        if deleted > daemon.count:
            continue
        took, after = [], []
        for _ in range(times):
            plans = daemon.deletions(deleted)
            notices.clear()
            with Kernel(prefixes.TABLE, prefixes.PROTOCOL, daemon.space.name) as kernel:
                began = time.perf_counter()
                for table, plan in plans:
                    assert not kernel.apply(plan, table)
                ended = time.perf_counter()
            back = notices.until(NEW_ROUTE, deleted)[NEW_ROUTE][1]
            took.append(back - began)
            after.append(max(back - ended, 0))
            daemon.settle(daemon.all)
        after_ms, _ = _milliseconds(after)
        found.repaired.append(Repaired(daemon.count, deleted, *_milliseconds(took), after_ms))
        print(found.repaired[-1], flush=True)
    assert daemon.process
    memory = peers.Server("blockd", 0, daemon.process).memory()
    found.sizes.append(Size(daemon.count, *memory))
    print(found.sizes[-1], flush=True)


def _milliseconds(seconds: list[float]) -> tuple[float, float]:
    return 1000 * statistics.median(seconds), 1000 * max(seconds)


@dataclass
class _Daemon:
    """A route daemon, and two generations: of one prefix and of all."""

    space: Namespace
    directory: Path
    few: Path = Path()
    all: Path = Path()
    process: "subprocess.Popen[bytes] | None" = None
    count: int = 0
    """Routes that all prefixes come to."""

    def argv(self, verb: str) -> list[str]:
        options = ["--config", str(self.directory / "blockd.toml"), "--state", str(self.directory)]
        return [sys.executable, "-m", "blockd", *options, verb]

    def compile(self, lists: dict[str, str]) -> Path:
        """Compile lists; return what `current` names then."""
        rules = self.directory / "rules"
        rules.mkdir(exist_ok=True)
        for path in rules.iterdir():
            path.unlink()
        for name, text in lists.items():
            (rules / name).write_text(text)
        done = subprocess.run(self.argv("compile"), check=False, capture_output=True, text=True)
        assert done.returncode == 0, done
        return (self.directory / "current").readlink()

    def adopt(self, generation: Path) -> float:
        """Make a generation the current one; return when."""
        beside = self.directory / "beside"
        beside.symlink_to(generation)
        started = time.perf_counter()
        beside.replace(self.directory / "current")
        return started

    def settle(self, generation: Path) -> dict[str, Any]:
        """Wait until a generation is in force and the daemon rests; return its status."""
        wanted = int(generation.stem), 0

        def status() -> dict[str, Any] | None:
            with contextlib.suppress(UnreachableError):
                found = control.ask(self.directory / "run" / "routes" / "control")
                return found if (found["generation"], found["missing"]) == wanted else None
            return None

        until(status, (self.directory / "log").read_text, 60)
        time.sleep(_REST)
        return until(status, (self.directory / "log").read_text, 60)

    def deletions(self, count: int) -> list[tuple[int, Plan]]:
        """Return what deletes that many of its routes, half of each family: tables and plans."""
        active = control.ask(self.directory / "run" / "routes" / "control")["active"]
        plans = []
        with Kernel(prefixes.TABLE, prefixes.PROTOCOL, self.space.name) as kernel:
            for family, share in ((4, (count + 1) // 2), (6, count // 2)):
                table = active[f"v{family}"]
                held = kernel.routes(table, family)
                first = (len(held) - share) // 2
                gone = tuple(held[first : first + share])
                plans.append((table, Plan((), gone, 0, (), ())))
        return plans


@contextlib.contextmanager
def _running(space: Namespace, directory: Path, lists: dict[str, str]) -> Iterator[_Daemon]:
    (directory / "blockd.toml").write_text(
        f'[list]\npaths = ["{directory / "rules"}"]\n'
        "[guard]\nmax_added = 1000000\nmax_removed = 1000000\n"
    )
    daemon = _Daemon(space, directory)
    daemon.all = daemon.compile(lists)
    daemon.few = daemon.compile({"few.toml": _FEW})
    daemon.adopt(daemon.all)
    with (directory / "log").open("wb") as log:
        daemon.process = space.popen(
            *daemon.argv("route"), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    daemon.count = daemon.settle(daemon.all)["desired"]
    daemon.adopt(daemon.few)
    daemon.settle(daemon.few)
    yield daemon
    daemon.process.send_signal(signal.SIGTERM)
    daemon.process.wait(20)
