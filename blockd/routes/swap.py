"""Which of the two tables of ours is in force, which shall be, and the way there. Pure.

Both families are decided on their own. A table is swapped by a rule: the idle one is filled,
looked up behind the one in force, and then alone. At each moment an address meets its route of
before or of after, whether the program lives to the end of the way or not: the next one reads
from rules and routes where it stood.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from blockd.prefixes import Prefix
from blockd.routes.model import METRIC, FibRule, Kind, Plan, Route, RulePlan
from blockd.routes.plan import diff, diff_rules

SMALLEST = 32
"""Routes that must go before a swap is worth it: fewer are changed in one datagram, and other
programs that read the table have it easier when it stays the same one."""

_SHARE = 10  # a swap keeps at most one in so many


class Move(NamedTuple):
    """What makes one family right, in this order: fill, add rules, remove rules, clear."""

    family: int
    target: int
    """The table that shall be looked up, alone."""
    swaps: bool
    """Another table is in force until the target holds everything."""
    fill: Plan
    """For the target."""
    rules: RulePlan
    clear: Plan
    """For the other table: withdraws what is ours."""

    @property
    def empty(self) -> bool:
        """Tell that all is as near to right as it can be."""
        return self.fill.empty and self.rules.empty and self.clear.empty

    def done(self, rules: RulePlan) -> "Move":
        """Return what is left when the kernel took every change, and the rules stand like this."""
        fill = self.fill._replace(
            installs=(), withdrawals=(), kept=self.fill.kept + len(self.fill.installs)
        )
        clear = self.clear._replace(withdrawals=())
        return self._replace(swaps=False, fill=fill, rules=rules, clear=clear)


def decide(
    family: int,
    wanted: Mapping[Prefix, Kind],
    held: Mapping[int, Sequence[Route]],
    rules: Iterable[FibRule],
    *,
    table: int,
    preference: int,
    protocol: int,
) -> Move:
    """Return what makes a family right.

    Args:
        family: 4 or 6.
        wanted: that family's routes.
        held: complete dumps of that family, of our table and of the next number.
        rules: a complete dump of rules, in the kernel's order.
        table: the first of our two tables.
        preference: where our rule stands.
        protocol: the number that marks routes and rules as ours.
    """
    both = (table, table + 1)
    rules = [rule for rule in rules if rule.family == family]
    in_force = [
        rule.table
        for rule in rules
        if rule.plain and rule.preference == preference and rule.table in both
    ]
    swaps = False
    if len(set(in_force)) == 1:
        target = in_force[0]
        fill = diff(wanted, held[target], protocol)
        idle = table if target != table else table + 1
        if _sweeping(fill) and wanted:
            other = diff(wanted, held[idle], protocol)
            # Where a stranger holds a place, the idle table can never become whole.
            if not other.occupied:
                target, fill, swaps = idle, other, True
    else:
        # After an interrupted swap, or without a rule: the table that has more of it. Of two
        # that are equally right, the one whose rule was added last.
        tables = in_force[::-1] or both
        target = max(tables, key=lambda each: _right(wanted, held[each], protocol))
        fill = diff(wanted, held[target], protocol)
    left = table if target != table else table + 1
    return Move(
        family,
        target,
        swaps,
        fill,
        diff_rules(rules, table, preference, protocol, {family: target}),
        diff({}, held[left], protocol),
    )


def _sweeping(plan: Plan) -> bool:
    """Tell whether nearly all that a table in force holds goes, or becomes another type."""
    goes = len(plan.withdrawals) + sum(install.replaces for install in plan.installs)
    return goes >= SMALLEST and plan.kept * (_SHARE - 1) <= goes


def _right(wanted: Mapping[Prefix, Kind], held: Iterable[Route], protocol: int) -> int:
    return sum(
        route.protocol == protocol
        and route.metric == METRIC[route.prefix.family]
        and route.kind is not None
        and wanted.get(route.prefix) is route.kind
        for route in held
    )
