"""The route daemon's state and its one step: which generation is in force, and making it so.

No asyncio, no signals: `daemon` decides when a step is due. One thread at a time works here.
"""

import logging
import time
from collections.abc import Callable, Mapping

import msgspec

from blockd.config import Config
from blockd.counting import counted
from blockd.errors import ConfigError, KernelError
from blockd.policy.store import Store
from blockd.prefixes import Prefix
from blockd.routes.events import Events, News, Touched
from blockd.routes.kernel import Kernel
from blockd.routes.model import Kind
from blockd.routes.plan import desired, with_holes
from blockd.routes.reconcile import Reconciler
from blockd.routes.surroundings import Surroundings
from blockd.routes.withdraw import leftovers

_log = logging.getLogger("blockd.routes")


class Plane:
    """The daemon's state: configuration, generation, table. One thread works on it at a time."""

    def __init__(self, config: Config, store: Store, netns: str | None) -> None:
        self._config = config
        self._store = store
        self._netns = netns
        self._kernel: Kernel | None = None
        self._reconciler: Reconciler | None = None
        self._current: int | None = None
        self._loaded: int | None = None
        self._blocked: dict[Prefix, Kind] = {}
        self._surroundings = Surroundings(time.monotonic)
        self._enforced: int | None = None
        self._stale = True
        self._narrowed: tuple[Mapping[Prefix, str], dict[int, set[int]]] | None = None
        self._problems: dict[str, str] = {}

    def open(self) -> None:
        """Open the kernel's table, again if it was open."""
        self.close()
        routes = self._config.routes
        self._kernel = Kernel(routes.table, routes.protocol, self._netns)
        if self._reconciler is None:
            self._reconciler = Reconciler(self._kernel, routes.preference, time.time, _log)
        self._reconciler.table = self._kernel

    def close(self) -> None:
        """Close the socket; the routes stay."""
        if self._kernel:
            self._kernel.close()
            self._kernel = None

    def events(self) -> Events:
        """Subscribe to notices about this table."""
        kernel = self._open_kernel()
        self._narrowed = None
        return Events(kernel.table, kernel.port, self._netns)

    def narrow(self, events: Events) -> None:
        """Have a subscription tell only what is not known yet."""
        facts, tables = self._surroundings.facts, self._surroundings.tables
        if self._narrowed is None or self._narrowed[0] is not facts or self._narrowed[1] != tables:
            events.narrow(facts, tables[4] | tables[6])
            self._narrowed = (facts, tables)

    @property
    def postponed(self) -> float | None:
        """In how many seconds a pass is due that the plane has put off, if it has."""
        return self._surroundings.postponed

    def require_permission(self) -> None:
        """Raise KernelError where this process may not change routes."""
        self._open_kernel().require_permission()

    def _open_kernel(self) -> Kernel:
        if self._kernel is None:
            raise KernelError("no netlink socket is open; it is tried again")
        return self._kernel

    def reread(self, reload: Callable[[], Config]) -> None:
        """Take on the configuration as it is now, but keep the old one if it is wrong."""
        try:
            fresh = reload()
        except ConfigError as error:
            self.note("configuration", f"{error}; nothing changed")
            return
        old = self._config.routes
        kept = msgspec.structs.replace(
            fresh.routes, table=old.table, preference=old.preference, protocol=old.protocol
        )
        if kept != fresh.routes:
            _log.warning(
                "[routes] table, preference and protocol are read at start alone: restart the"
                " daemon; before another protocol, stop it by the old configuration"
            )
        self._config = msgspec.structs.replace(fresh, routes=kept)
        self._stale = True
        self._problems.pop("configuration", None)

    def follow(self, news: News) -> None:
        """Make one pass: adopt a new generation, look at the host, reconcile.

        Raises:
            KernelError: see `Reconciler.reconcile`.
            StoreError, GuardError: the new generation cannot be used. The old one stays in
                force, and the next pass goes on with it.
        """
        kernel, reconciler = self._open_kernel(), self._reconciler
        new = self._load()
        if self._loaded is None or reconciler is None:
            return
        # What is to be put back comes first: the rest may take its time.
        mended = self._enforced is not None and _mended(reconciler, news)
        other = self._surroundings.look(kernel, self._config, news)
        if new or other:
            wanted, cuts = with_holes(self._blocked, self._surroundings.facts)
            reconciler.adopt(wanted, cuts, self._loaded)
        if new or other or not mended or news.touched & Touched.ROUTES:
            reconciler.reconcile()
        if self._enforced is None:
            self._leave_old_tables()
        if self._enforced != self._loaded:
            _log.info(
                "enforcing generation %s: %s routes",
                self._loaded,
                reconciler.desired,
                extra={"generation": self._loaded},
            )
        self._enforced = self._loaded
        self._problems.pop("kernel", None)

    def _leave_old_tables(self) -> None:
        """Withdraw what is in tables of an earlier configuration, now that ours are right."""
        gone = leftovers(self._config.routes, self._netns)
        if any(gone):
            _log.warning(
                "%d routes and %d rules withdrawn from tables that [routes] table no longer names",
                gone.routes,
                gone.rules,
            )

    def _load(self) -> bool:
        """Read the current generation if it is another than the last one; tell if it was."""
        current = self._store.current()
        if current == self._current and not self._stale:
            return False
        if current is None:
            return False
        # A generation that turns out to be unusable is not tried again in every pass.
        self._current, self._stale = current, False
        policy = self._store.open()
        try:
            entries = [(entry.prefix, entry.rule) for entry in policy.prefixes()]
            number = policy.number
        finally:
            policy.close()
        self._blocked = desired(entries, self._config.routes.type)
        self._loaded = number
        self._problems.pop("list", None)
        return True

    def note(self, topic: str, problem: str) -> None:
        """Log what keeps the table from being right, once, and show it in the status."""
        if self._problems.get(topic) != problem:
            _log.error("%s", problem, extra={"generation": self._enforced})
        self._problems[topic] = problem

    @property
    def ready(self) -> bool:
        """Whether a generation is enforced, or none is waited for."""
        return self._enforced is not None or self._config.service.start_without_list

    @property
    def summary(self) -> str:
        """How it stands, in one line."""
        if self._enforced is None:
            return "Waiting for the first generation: run `blockd compile`"
        kept = counted(self._reconciler.kept if self._reconciler else 0, "route")
        return "; ".join([f"Generation {self._enforced}: {kept}", *self._problems.values()])

    def status(self) -> dict[str, object]:
        """Return what the control socket answers."""
        table = self._reconciler
        if table is None:
            return {
                "plane": "routes",
                "ready": False,
                "generation": None,
                "enforcing": False,
                "problems": list(self._problems.values()),
            }
        return {
            "plane": "routes",
            "ready": self.ready,
            "generation": self._enforced,
            "enforcing": self._enforcing(table),
            "problems": list(self._problems.values()),
            "table": self._config.routes.table,
            "active": {f"v{family}": number for family, number in table.active.items()},
            "bypassed_by": [str(bypass) for bypass in table.bypasses],
            "desired": table.desired or 0,
            "actual": table.kept,
            "missing": table.missing,
            "foreign": table.foreign,
            "cuts": [
                {
                    "entry": str(cut.entry),
                    "protected": str(cut.protected),
                    "why": cut.why,
                    "whole": cut.whole,
                }
                for cut in table.cuts
            ],
            "last_scan": table.last_scan,
            "last_repair": table.last_repair,
            "counters": {
                "installed": table.installed,
                "withdrawn": table.withdrawn,
                "restored": table.restored,
                "refused": table.refused,
                "foreign": len(table.foreign),
                "cut": len(table.cuts),
                "bypasses": len(table.bypasses),
                "passes": table.passes,
                "scans": table.scans,
                "swaps": table.swaps,
            },
        }

    def _enforcing(self, table: Reconciler) -> bool:
        """Tell whether every listed packet meets its null route.

        Not while a route or a rule of ours is missing or a route of others in our table comes
        before one, nor while a rule ahead of ours takes every packet elsewhere. One that takes
        some packets is listed as such, and no reason to say that nothing is enforced: a VRF's
        rule is one.
        """
        whole = any(bypass.whole for bypass in table.bypasses)
        return bool(
            self._enforced is not None
            and not table.missing
            and not table.rules_missing
            and not table.overridden
            and not whole
        )


def _mended(reconciler: Reconciler, news: News) -> bool:
    """Undo what notices tell of, without a scan; tell if that was all."""
    routes = not news.changes or reconciler.mend(news.changes)
    rules = Touched.RULES not in news.touched or reconciler.mend_rules()
    return routes and rules
