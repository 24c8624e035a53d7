"""The loop's body: scan, plan, apply, scan again. It counts and tells; it never waits.

The table's owner is the protocol number: what others put there is told once and left alone.
A plan is made from a complete dump only, and only once there is something desired.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from blockd.prefixes import Prefix
from blockd.routes.journal import Journal
from blockd.routes.plan import (
    Cut,
    FibRule,
    Kind,
    Plan,
    Route,
    RulePlan,
    diff,
    diff_rules,
)


class Table(Protocol):
    """What a reconciler needs of the kernel; `kernel.Kernel` is the one there is."""

    table: int
    protocol: int

    def routes(self) -> list[Route]:
        """Return a complete dump of the table."""

    def rules(self) -> list[FibRule]:
        """Return all rules."""

    def apply(self, plan: Plan) -> Sequence[object]:
        """Carry a plan out; return what was refused."""

    def apply_rules(self, plan: RulePlan, preference: int) -> Sequence[object]:
        """Carry a rule plan out; return what was refused."""


class Reconciler:
    """Keeps one table and its rules as they are desired; has the counters to show for it."""

    def __init__(
        self,
        table: Table,
        preference: int,
        now: Callable[[], float],
        log: logging.Logger,
    ) -> None:
        """Bind to a table; nothing is scanned or changed.

        Args:
            table: the kernel's table; may be replaced when its socket died.
            preference: of our rule.
            now: the time of day in seconds.
            log: for the verbs.
        """
        self.table = table
        self._preference = preference
        self._now = now
        self._journal = Journal(log, now)
        self._wanted: Mapping[Prefix, Kind] | None = None
        self._enforced: dict[Prefix, Kind] = {}
        self._ruled = False
        self._strangers: frozenset[Route | FibRule] = frozenset()
        self.cuts: tuple[Cut, ...] = ()
        self.installed = self.withdrawn = self.restored = self.refused = self.passes = 0
        self.kept = self.missing = self.rules_missing = 0
        self.last_scan: float | None = None
        self.last_repair: float | None = None

    def adopt(self, wanted: Mapping[Prefix, Kind], cuts: tuple[Cut, ...]) -> None:
        """Take on what the table shall hold from the next pass on."""
        self._wanted = wanted
        self.cuts = cuts

    def reconcile(self) -> None:
        """Make the table and the rules right, as far as the kernel lets us.

        Raises:
            KernelError: no complete dump, not permitted, or a dead socket; nothing is
                half-known then, the next pass starts from a scan again.
        """
        wanted = self._wanted
        if wanted is None:
            return
        plan, rules = self._scan(wanted)
        self.passes += 1
        if not (plan.empty and rules.empty):
            self._carry_out(plan, rules)
            plan, rules = self._scan(wanted)
        self._enforced = {**wanted}
        for install in plan.installs:
            self._enforced.pop(install.prefix, None)
        self._ruled = True
        self.kept = plan.kept
        self.missing = len(plan.installs) + len(plan.occupied)
        self.rules_missing = len(rules.add)

    def _scan(self, wanted: Mapping[Prefix, Kind]) -> tuple[Plan, RulePlan]:
        protocol = self.table.protocol
        plan = diff(wanted, self.table.routes(), protocol)
        rules = diff_rules(self.table.rules(), self.table.table, self._preference, protocol)
        if self.last_scan is None and plan.kept:
            self._journal.tell("seen", [f"{plan.kept} routes, right as they are"])
        self.last_scan = self._now()
        strangers: frozenset[Route | FibRule] = frozenset((*plan.foreign, *rules.foreign))
        self._journal.tell(
            "foreign", [_shown(s) for s in strangers - self._strangers], logging.WARNING
        )
        self._strangers = strangers
        return plan, rules

    def _carry_out(self, plan: Plan, rules: RulePlan) -> None:
        lost: list[str] = []
        fresh: list[str] = []
        for install in plan.installs:
            was_there = self._enforced.get(install.prefix) == install.kind
            (lost if was_there else fresh).append(f"{install.kind} {install.prefix}")
        ruled = [f"rule for IPv{family}" for family in rules.add]
        self._journal.tell("restoring", lost + (ruled if self._ruled else []), logging.WARNING)
        self._journal.tell("installing", fresh + ([] if self._ruled else ruled))
        going: list[Route | FibRule] = [*rules.remove, *plan.withdrawals]
        self._journal.tell("withdrawing", [_shown(item) for item in going])
        # Until the rule looks it up, a filling table affects nobody: routes first.
        refused = [*self.table.apply(plan), *self.table.apply_rules(rules, self._preference)]
        self._journal.tell("refused", refused, logging.WARNING)
        self.installed += len(fresh)
        self.restored += len(lost) + (len(ruled) if self._ruled else 0)
        self.withdrawn += len(plan.withdrawals)
        self.refused += len(refused)
        if lost or (ruled and self._ruled):
            self.last_repair = self._now()

    @property
    def foreign(self) -> list[str]:
        """The foreign routes and rules seen in the last scan, in words."""
        return sorted(_shown(stranger) for stranger in self._strangers)

    @property
    def desired(self) -> int | None:
        """How many routes the table shall hold; None before anything was adopted."""
        return None if self._wanted is None else len(self._wanted)


def _shown(item: Route | FibRule) -> str:
    if isinstance(item, FibRule):
        return f"rule for IPv{item.family}, preference {item.preference}, protocol {item.protocol}"
    return f"{item.kind or 'route'} {item.prefix}, protocol {item.protocol}"
