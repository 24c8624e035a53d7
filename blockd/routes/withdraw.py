"""Takes everything back that is ours: both tables, their rules, both families.

What is ours is read from the kernel, so neither a list nor a generation nor a state directory
is needed, nor the tables' numbers by which the daemon was started: a rule that bears our
protocol number names a table of ours, whatever the configuration says of tables today.
"""

import contextlib
from collections.abc import Iterable
from typing import NamedTuple

from blockd.config import RoutesSection
from blockd.errors import KernelError
from blockd.routes.alone import Alone
from blockd.routes.kernel import Kernel
from blockd.routes.model import FibRule, RulePlan
from blockd.routes.plan import diff

_RESERVED = frozenset({0, 252, 253, 254, 255})
"""linux/rtnetlink.h: unspecified, compat, default, main and local are never ours."""


class Withdrawn(NamedTuple):
    """How much was taken back."""

    routes: int
    rules: int


def rules_of_ours(rules: Iterable[FibRule], protocol: int) -> list[FibRule]:
    """Return the rules that blockd made: plain, with our mark, for a table that can be ours."""
    return [
        rule
        for rule in rules
        if rule.protocol == protocol and rule.plain and rule.table not in _RESERVED
    ]


def pair_of(table: int) -> set[int]:
    """Return a table and its neighbours, either of which may be the other one of its pair."""
    return {table - 1, table, table + 1} - _RESERVED


def withdraw(routes: RoutesSection, netns: str | None = None) -> Withdrawn:
    """Remove every rule and route that is ours.

    Args:
        routes: where they are by the configuration, and how they are marked.
        netns: a network namespace by name; None: this one.

    Raises:
        KernelError: a running blockd keeps them, it is not permitted, or some would not go.
    """
    configured = {routes.table, routes.table + 1}
    with contextlib.ExitStack() as held, Kernel(routes.table, routes.protocol, netns) as kernel:
        # One that runs would have them back at once, and none may start meanwhile.
        for table in sorted(configured):
            held.enter_context(contextlib.closing(Alone(table, netns)))
        rules = rules_of_ours(kernel.rules(), routes.protocol)
        return _clear(kernel, rules, configured | _left(held, rules, configured, netns))


def leftovers(routes: RoutesSection, netns: str | None = None) -> Withdrawn:
    """Remove what is ours in other tables than the configured ones, which a daemon keeps.

    Such tables are those of an earlier configuration: nobody keeps them, and their rules block
    by a list of then.

    Raises:
        KernelError: it is not permitted, or some would not go.
    """
    configured = {routes.table, routes.table + 1}
    with contextlib.ExitStack() as held, Kernel(routes.table, routes.protocol, netns) as kernel:
        rules = rules_of_ours(kernel.rules(), routes.protocol)
        return _clear(kernel, rules, _left(held, rules, configured, netns))


def _left(
    held: contextlib.ExitStack, rules: Iterable[FibRule], configured: set[int], netns: str | None
) -> set[int]:
    """Return the tables, and their neighbours, that rules of ours name and no daemon keeps."""
    found: set[int] = set()
    for table in {rule.table for rule in rules} - configured:
        if table in found or _take(held, table, netns):
            near = pair_of(table) - configured - found - {table}
            found |= {table, *(each for each in near if _take(held, each, netns))}
    return found


def _take(held: contextlib.ExitStack, table: int, netns: str | None) -> bool:
    """Keep daemons off a table; tell if none has it."""
    try:
        held.enter_context(contextlib.closing(Alone(table, netns)))
    except KernelError:
        return False
    return True


def _clear(kernel: Kernel, rules: Iterable[FibRule], tables: set[int]) -> Withdrawn:
    # Rules go first: one change lifts every block at once.
    going = tuple(rule for rule in rules if rule.table in tables)
    left: list[object] = [*kernel.apply_rules(RulePlan((), going, ()), 0)]
    gone = 0
    for table in sorted(tables):
        plan = diff({}, kernel.routes(table), kernel.protocol)
        left += kernel.apply(plan, table)
        gone += len(plan.withdrawals)
    if left:
        raise KernelError(f"the kernel would not remove {len(left)} of our routes: {left[0]}")
    return Withdrawn(gone, len(going))
