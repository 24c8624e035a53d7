"""What other rules mean for ours: which tables the host goes by, and who decides before us.

Pure. Rules come as complete dumps, in the kernel's order, which is the order of their lookup.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from blockd.routes.model import FibRule

_LOCAL = 255  # RT_TABLE_LOCAL: the host's own addresses, which come before any block


class Bypass(NamedTuple):
    """A rule ahead of ours that may lead packets past the null routes."""

    rule: FibRule
    whole: bool
    """It takes every packet; else those that it selects, or that its table has a route for."""

    def __str__(self) -> str:
        """Return which rule it is and what it does."""
        rule = self.rule
        does = {
            "lookup": f"looks table {rule.table} up",
            "l3mdev": "looks the tables of VRFs up",
            "goto": f"goes to preference {rule.target}",
        }[rule.action]
        which = "every packet" if self.whole else "some packets"
        return f"rule for IPv{rule.family}, preference {rule.preference}, {does} for {which}"


def ahead(rules: Iterable[FibRule], active: dict[int, int], preference: int) -> list[Bypass]:
    """Return the rules that come before ours and can take a packet past it.

    A table that is looked up for every packet counts as a bypass of every packet, though it
    may have no route for a listed prefix today: it may get one tomorrow, or a default route.

    Args:
        rules: a complete dump.
        active: by family, the table that our rule looks up.
        preference: where our rule stands.
    """
    found: list[Bypass] = []
    done: set[int] = set()
    for rule in rules:
        if rule.family in done:
            continue
        if rule.plain and rule.table == active.get(rule.family) and rule.preference == preference:
            done.add(rule.family)
        elif rule.table in {active.get(rule.family), _LOCAL} and rule.action == "lookup":
            continue
        elif rule.action in {"lookup", "l3mdev"} or (
            rule.action == "goto" and rule.target > preference
        ):
            found.append(Bypass(rule, not rule.selective and rule.action != "l3mdev"))
    # Without a rule of ours there is nothing to pass by; that is reported as such.
    return [bypass for bypass in found if bypass.rule.family in done]


def looked_up(rules: Iterable[FibRule], own: Collection[int]) -> dict[int, set[int]]:
    """Return by family which tables the host goes by, other than ours and the local one."""
    tables: dict[int, set[int]] = {4: set(), 6: set()}
    for rule in rules:
        if rule.action == "lookup" and rule.table not in own and rule.table not in {0, _LOCAL}:
            tables[rule.family].add(rule.table)
    return tables
