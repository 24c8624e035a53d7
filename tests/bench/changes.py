"""Whole tables installed, replaced, checked and withdrawn, beside `ip -batch` on the same ones.

blockd's time is that of a pass of the route daemon: the list's prefixes collapsed and guarded,
tables and host scanned, changes made. `ip` is given lines that are ready.
All times are CPU time, in the kernel as well: both work in one thread and wait for nothing, so
on an idle machine it is what a clock shows, and on a busy one it stays nearly the same.
"""

import gc
import logging
import resource
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from blockd.config import Config
from blockd.prefixes import Prefix
from blockd.routes.daemon import COLLECT
from blockd.routes.kernel import Kernel
from blockd.routes.once import host_facts
from blockd.routes.plan import desired, with_holes
from blockd.routes.reconcile import Reconciler
from blockd.terms import RouteType
from blockd.watchlist.model import Rule
from tests import topology
from tests.bench import prefixes

COUNTS = (124, 1_000, 10_000, 100_000)
_ROUNDS = {124: 9, 1_000: 7, 10_000: 5}
_FEWEST_ROUNDS = 3
_IPS_TABLE = 5400  # no rule leads there, so blockd does not look at it
_RULE = Rule(id="p001", source="bench.toml", line=1)


class Changed(Struct):
    """A step in one family: medians over some rounds, in milliseconds of CPU time."""

    step: str
    """`install`, `replace` (every route by one of another type), `check` or `withdraw`."""
    family: int
    prefixes: int
    blockd_ms: float
    """The whole pass; what follows are parts of it."""
    plan_ms: float
    """Collapsing, guarding, comparing, counting and telling."""
    scan_ms: float
    """Dumps of tables, rules and the host."""
    change_ms: float
    """The kernel's changes, with their packing."""
    ip_ms: float
    """`ip -batch`; for `check`, `ip route show`."""


def measure(counts: tuple[int, ...] = COUNTS) -> list[Changed]:
    """Return all steps of both families, in a namespace of their own."""
    with topology.namespace("bench") as space:
        report = Path(f"/run/{space.name}.json")
        try:
            space.call(lambda: report.write_bytes(msgspec.json.encode(_inside(counts))))
            return msgspec.json.decode(report.read_bytes(), type=list[Changed])
        finally:
            report.unlink(missing_ok=True)


def _inside(counts: tuple[int, ...]) -> list[Changed]:
    topology.assert_isolated()
    gc.set_threshold(*COLLECT)  # as the daemon does
    results = []
    for count in counts:
        for family in (4, 6):
            rounds: dict[str, list[list[float]]] = {}
            for number in range(_ROUNDS.get(count, _FEWEST_ROUNDS)):
                for step, times in _round(family, count, blockd_first=number % 2 == 0):
                    rounds.setdefault(step, []).append(times)
            for step, times in rounds.items():
                medians = [statistics.median(column) for column in zip(*times, strict=True)]
                results.append(Changed(step, family, count, *medians))
                print(results[-1], flush=True)
    return results


class _Timed:
    """A kernel that knows how long each of its methods took."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.spent: Counter[str] = Counter()

    def __getattr__(self, name: str) -> object:
        found = getattr(self._kernel, name)
        if not callable(found):
            return found

        def timed(*args: object) -> object:
            started = time.process_time()
            try:
                return found(*args)
            finally:
                self.spent[name] += time.process_time() - started

        return timed


def _round(family: int, count: int, *, blockd_first: bool) -> list[tuple[str, list[float]]]:
    config = Config()
    log = logging.Logger("bench")  # noqa: LOG001 - it goes nowhere, and holds no handler
    log.addHandler(logging.NullHandler())
    with Kernel(prefixes.TABLE, prefixes.PROTOCOL) as kernel:
        timed = _Timed(kernel)
        reconciler = Reconciler(timed, config.routes.preference, time.time, log)
        listed = prefixes.made(family, count)

        def adopt(prefixes_now: list[Prefix], kind: RouteType) -> None:
            entries = [(prefix, _RULE) for prefix in prefixes_now]
            reconciler.adopt(*with_holes(desired(entries, kind), host_facts(timed, config)))
            reconciler.reconcile()
            assert reconciler.kept == len(prefixes_now), reconciler.kept

        def check() -> None:
            host_facts(timed, config)
            reconciler.reconcile()

        steps: list[tuple[str, Callable[[], None], str]] = [
            ("install", lambda: adopt(listed, RouteType.BLACKHOLE), "add blackhole"),
            ("replace", lambda: adopt(listed, RouteType.PROHIBIT), "replace prohibit"),
            ("check", check, ""),
            ("withdraw", lambda: adopt([], RouteType.BLACKHOLE), "del prohibit"),
        ]
        results = []
        for step, own, words in steps:
            theirs = _ip(family, count, words)
            ip_first = None if blockd_first else _children_took(theirs)
            timed.spent.clear()
            whole = _took(own)
            change = sum(s for name, s in timed.spent.items() if name.startswith("apply"))
            scan = sum(timed.spent.values()) - change
            ip = _children_took(theirs) if ip_first is None else ip_first
            seconds = [whole, whole - scan - change, scan, change, ip]
            results.append((step, [1000 * each for each in seconds]))
        return results


def _ip(family: int, count: int, words: str) -> Callable[[], None]:
    """Return what does a step by `ip`; its input is ready by then."""
    argv = ["ip", f"-{family}"]
    if words:
        verb, kind = words.split()
        text = prefixes.batch(family, count, verb, kind, _IPS_TABLE)
        argv += ["-batch", "-"]
    else:
        text = ""
        argv += ["route", "show", "table", str(_IPS_TABLE)]

    def run() -> None:
        subprocess.run(
            argv, input=text, text=True, check=True, stdout=subprocess.DEVNULL, timeout=300
        )

    return run


def _took(step: Callable[[], None]) -> float:
    """Return the CPU time of a step of ours."""
    started = time.process_time()
    step()
    return time.process_time() - started


def _children_took(step: Callable[[], None]) -> float:
    """Return the CPU time of the programs that a step runs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    step()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
