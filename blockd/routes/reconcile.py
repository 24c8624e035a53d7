"""The loop's body: scan, plan, apply. It counts and tells; it never waits.

The tables' owner is the protocol number: what others put there is told once and left alone.
A plan is made from complete dumps only, and only once there is something desired. The kernel
answers for each change that it did not make, so where it made all of them the tables are not
scanned again: what others do meanwhile is told by notices. What a notice says was deleted is put
back without a scan, since nothing has to be known for that.
"""

import errno
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from blockd.counting import counted
from blockd.prefixes import Prefix
from blockd.routes import bypass, swap
from blockd.routes.bypass import Bypass
from blockd.routes.events import Change
from blockd.routes.journal import Journal
from blockd.routes.kernel import Refusal
from blockd.routes.model import METRIC, Cut, FibRule, Install, Kind, Plan, Route, RulePlan
from blockd.routes.plan import diff_rules, overriding
from blockd.routes.swap import Move


class Table(Protocol):
    """What a reconciler needs of the kernel; `kernel.Kernel` is the one there is."""

    table: int
    protocol: int

    def routes(self, table: int | None = None, family: int | None = None) -> list[Route]:
        """Return a complete dump of a table's one family."""

    def rules(self) -> list[FibRule]:
        """Return all rules."""

    def apply(self, plan: Plan, table: int | None = None) -> Sequence[Refusal]:
        """Carry a plan out; return what was refused."""

    def apply_rules(
        self, plan: RulePlan, preference: int, table: int | None = None
    ) -> Sequence[Refusal]:
        """Carry a rule plan out; return what was refused."""


class Reconciler:
    """Keeps our tables and their rules as they are desired; has the counters to show for it."""

    def __init__(
        self,
        table: Table,
        preference: int,
        now: Callable[[], float],
        log: logging.Logger,
    ) -> None:
        """Bind to a table; nothing is scanned or changed.

        Args:
            table: the kernel's tables; may be replaced when its socket died.
            preference: of our rule.
            now: the time of day in seconds.
            log: for the verbs.
        """
        self.table = table
        self._preference = preference
        self._now = now
        self._log = log
        self._journal = Journal(log, now)
        self._wanted: Mapping[Prefix, Kind] | None = None
        self._split: dict[int, dict[Prefix, Kind]] = {}
        self._enforced: dict[Prefix, Kind] = {}
        self._ruled: set[int] = set()
        self._strangers: frozenset[Route | FibRule] = frozenset()
        self._told: list[Bypass] = []
        self.cuts: tuple[Cut, ...] = ()
        self.active: dict[int, int] = {}
        """By family, which of our tables the rule looks up."""
        self.bypasses: list[Bypass] = []
        self.overridden: list[Route] = []
        """Where a route of others in our table takes packets past a null route around it."""
        self.installed = self.withdrawn = self.restored = self.refused = 0
        self.passes = self.scans = self.swaps = 0
        self.kept = self.missing = self.rules_missing = 0
        self.last_scan: float | None = None
        self.last_repair: float | None = None

    def adopt(
        self,
        wanted: Mapping[Prefix, Kind],
        cuts: tuple[Cut, ...],
        generation: int | None = None,
    ) -> None:
        """Take on what the tables shall hold from the next pass on, and for the log its number."""
        self._journal.generation = generation
        self._wanted = wanted
        self._split = {4: {}, 6: {}}
        for prefix, kind in wanted.items():
            self._split[prefix.family][prefix] = kind
        self.cuts = cuts

    def reconcile(self) -> None:
        """Make the tables and the rules right, as far as the kernel lets us.

        Raises:
            KernelError: no complete dump, not permitted, or a dead socket; nothing is
                half-known then, the next pass starts from a scan again.
        """
        wanted = self._wanted
        if wanted is None:
            return
        moves = self._scan()
        self.passes += 1
        if not all(move.empty for move in moves):
            refused = [refusal for move in moves for refusal in self._carry_out(move)]
            moves = self._scan() if refused else self._done(moves)
        self._enforced = {**wanted}
        for move in moves:
            for install in move.fill.installs:
                self._enforced.pop(install.prefix, None)
        self.active = {move.family: move.target for move in moves}
        self._ruled = {move.family for move in moves if not move.rules.add}
        self.kept = sum(move.fill.kept for move in moves)
        self.missing = sum(len(m.fill.installs) + len(m.fill.occupied) for m in moves)
        self.rules_missing = sum(len(move.rules.add) for move in moves)
        self.overridden = [
            route
            for move in moves
            for route in overriding(self._split[move.family], move.fill.foreign)
        ]

    def _scan(self) -> list[Move]:
        table, protocol = self.table.table, self.table.protocol
        rules = self.table.rules()
        moves = [
            swap.decide(
                family,
                wanted,
                {each: self.table.routes(each, family) for each in (table, table + 1)},
                rules,
                table=table,
                preference=self._preference,
                protocol=protocol,
            )
            for family, wanted in self._split.items()
        ]
        kept = sum(move.fill.kept for move in moves)
        if self.last_scan is None and kept:
            self._journal.tell("seen", [f"{counted(kept, 'route')}, right as they are"])
        self.last_scan = self._now()
        self.scans += 1
        strangers: set[Route | FibRule] = set()
        for move in moves:
            strangers.update((*move.fill.foreign, *move.clear.foreign, *move.rules.foreign))
        self._look_out(rules, {move.family: move.target for move in moves})
        self._journal.tell("foreign", list(strangers - self._strangers), logging.WARNING)
        self._strangers = frozenset(strangers)
        return moves

    def _done(self, moves: Iterable[Move]) -> list[Move]:
        """Return what is left of moves that the kernel made; of the rules, by a look at them."""
        known = list(moves)
        rules = self.table.rules()
        self._look_out(rules, {move.family: move.target for move in known})
        return [move.done(self._rule_plan(rules, {move.family: move.target})) for move in known]

    def _look_out(self, rules: Iterable[FibRule], active: dict[int, int]) -> None:
        """Tell which rules come before ours, once each."""
        known = list(rules)
        self.bypasses = bypass.ahead(known, active, self._preference)
        fresh = [each for each in self.bypasses if each not in self._told]
        self._journal.tell("bypassed", fresh, logging.WARNING)
        # While ours is missing there is nothing to pass by, and when it is back no news of it.
        self._told = [each for each in self._told if each.rule in known] + fresh

    def _carry_out(self, move: Move) -> list[Refusal]:
        """Make a move; return what the kernel did not do of it."""
        self._tell(move)
        preference, target = self._preference, move.target
        # Until the rule looks it up, a filling table affects nobody: routes first.
        refused = [*self.table.apply(move.fill, target)]
        self.withdrawn += len(move.fill.withdrawals)
        # A table that could not be filled is not looked up instead of one that is in force.
        if not move.swaps or not refused:
            refused += self.table.apply_rules(move.rules, preference, target)
            if not refused:
                other = 2 * self.table.table + 1 - target
                refused += self.table.apply(move.clear, other)
                self.withdrawn += len(move.clear.withdrawals)
                if move.swaps:
                    self.swaps += 1
                    self._log.info(
                        "IPv%d: table %d is in force instead of %d", move.family, target, other
                    )
        self._journal.tell("refused", refused, logging.WARNING)
        self.refused += len(refused)
        return refused

    def _tell(self, move: Move) -> None:
        # Only what is logged is put into words: a hundred thousand texts would take seconds.
        lost: list[object] = []
        fresh: list[object] = []
        enforced = {} if move.swaps else self._enforced
        for install in move.fill.installs:
            (lost if enforced.get(install.prefix) is install.kind else fresh).append(install)
        self.installed += len(fresh)
        for family in () if move.swaps else move.rules.add:
            (lost if family in self._ruled else fresh).append(f"rule for IPv{family}")
        self._restoring(lost)
        self._journal.tell("installing", fresh)
        for going in (move.rules.remove, move.fill.withdrawals, move.clear.withdrawals):
            self._journal.tell("withdrawing", going)

    def _restoring(self, lost: Sequence[object]) -> None:
        self._journal.tell("restoring", lost, logging.WARNING)
        self.restored += len(lost)
        if lost:
            self.last_repair = self._now()

    def mend(self, changes: Iterable[Change]) -> bool:
        """Put back what notices say was deleted, or replaced by another type; no scan.

        Returns:
            False: there is more to it, and only a scan can tell what.

        Raises:
            KernelError: not permitted, or a dead socket.
        """
        lost: dict[Prefix, bool] = {}
        for table, route, gone in changes:
            prefix, kind, protocol, metric = route
            if protocol != self.table.protocol or metric != METRIC[prefix.family]:
                return False
            in_force = table == self.active.get(prefix.family)
            if not in_force or prefix not in self._enforced:
                # What the last scan saw missing is not enforced, but must not stay away.
                if gone and not (in_force and prefix in (self._wanted or {})):
                    continue
                return False
            if not gone and kind is self._enforced[prefix]:
                lost.pop(prefix, None)
            else:
                lost[prefix] = not gone
        installs = [Install(p, self._enforced[p], replaces) for p, replaces in lost.items()]
        installs.sort(key=lambda install: -install.prefix.length)
        refused: list[Refusal] = []
        for family in sorted({install.prefix.family for install in installs}):
            part = tuple(install for install in installs if install.prefix.family == family)
            refused += self.table.apply(Plan(part, (), 0, (), ()), self.active[family])
        # A notice may be older than the last scan: what is there already was not lost.
        failed = {refusal.change for refusal in refused}
        self._restoring([install for install in installs if install not in failed])
        return all(refusal.errno == errno.EEXIST for refusal in refused)

    def mend_rules(self) -> bool:
        """Add our rule where it is gone; no scan of the tables. Returns as `mend` does."""
        if not self.active:
            return False
        plan = self._rules_seen()
        strangers = {each for each in self._strangers if isinstance(each, FibRule)}
        if plan.remove or strangers != set(plan.foreign):
            return False
        if plan.add:
            for family in plan.add:
                one = RulePlan((family,), (), ())
                self.table.apply_rules(one, self._preference, self.active[family])
            self._restoring([f"rule for IPv{family}" for family in plan.add])
            plan = self._rules_seen()
        return plan.empty

    def _rules_seen(self) -> RulePlan:
        rules = self.table.rules()
        self._look_out(rules, self.active)
        return self._rule_plan(rules, self.active)

    def _rule_plan(self, rules: Iterable[FibRule], active: Mapping[int, int]) -> RulePlan:
        table, protocol = self.table.table, self.table.protocol
        return diff_rules(rules, table, self._preference, protocol, active)

    @property
    def foreign(self) -> list[str]:
        """The foreign routes and rules seen in the last scan, in words."""
        return sorted(str(stranger) for stranger in self._strangers)

    @property
    def desired(self) -> int | None:
        """How many routes the table shall hold; None before anything was adopted."""
        return None if self._wanted is None else len(self._wanted)
