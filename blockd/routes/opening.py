"""Why packets to a listed address pass, in words. Pure: from what the kernel was seen to hold."""

from collections.abc import Collection, Iterable, Mapping

from blockd import prefixes
from blockd.config import RoutesSection
from blockd.prefixes import Prefix
from blockd.routes import bypass, show
from blockd.routes.model import Cut, FibRule, Kind


def table_in_force(rules: Iterable[FibRule], routes: RoutesSection, family: int) -> int | None:
    """Return which of our tables the rules of a family look up first; None: neither."""
    ours = (routes.table, routes.table + 1)
    return next(
        (
            rule.table
            for rule in rules
            if rule.family == family and rule.plain and rule.table in ours
        ),
        None,
    )


def why(
    address: Prefix,
    met: Collection[int | None],
    rules: Iterable[FibRule],
    held: Mapping[Prefix, Kind],
    cuts: Iterable[Cut],
    routes: RoutesSection,
) -> str:
    """Return the reason why a listed address is not null-routed, or not for all packets.

    Args:
        address: which one.
        met: the tables in which packets to it found their route.
        rules: a complete dump.
        held: what the table in force holds.
        cuts: what became of listed prefixes that touch what must stay reachable.
        routes: the configuration.
    """
    if not routes.enabled:
        return "[routes] enabled = false"
    needed = [cut for cut in cuts if cut.protected.covers(address)]
    if needed:
        cut = max(needed, key=lambda each: each.protected.length)
        return show.cut(cut) if cut.whole else f"a {show.cut(cut)}"
    known = list(rules)
    table = table_in_force(known, routes, address.family)
    if table is None:
        return f"no rule looks table {routes.table} up, so the route daemon has not run"
    match = prefixes.longest_match(address, held)
    if match is None or match[1] is Kind.THROW:
        return f"table {table} holds no null route for it; `blockd status` says how it stands"
    ahead = [
        each
        for each in bypass.ahead(known, {4: table, 6: table}, routes.preference)
        if each.rule.family == address.family
    ]
    # Which of several it was, the table tells that a packet went by.
    ahead.sort(key=lambda each: each.rule.table not in met)
    said = f"the kernel goes past table {table} without a rule that says so; look at `ip rule`"
    if table in met:
        said = f"a route of others in table {table} comes first; `blockd status` names it"
    elif ahead:
        said = f"{ahead[0]}, ahead of ours"
    return said
