"""What the kernel's table ought to hold, and which changes lead there from what it holds.

Pure decisions about prefixes, routes and rules, in the kernel's terms but without the kernel:
no sockets, no time, no logging. Which of the two tables is meant is decided in `swap`, how a
plan is printed in `show`; `kernel` carries it out.
"""

from collections.abc import Iterable, Iterator, Mapping

from blockd import prefixes
from blockd.errors import GuardError
from blockd.prefixes import WIDTH, Prefix
from blockd.routes.model import METRIC, Cut, FibRule, Install, Kind, Plan, Route, RulePlan
from blockd.terms import RouteType
from blockd.watchlist import extent
from blockd.watchlist.model import Rule


def desired(entries: Iterable[tuple[Prefix, Rule]], default: RouteType) -> dict[Prefix, Kind]:
    """Return the routes that give every address what its longest matching entry says.

    Exceptions become holes where they lie within something blocked, and nothing elsewhere; at
    equal length the exception wins. Rules that are not enforced give nothing.

    Raises:
        GuardError: the entries cover more than half of IPv4 or IPv6.
    """
    wanted: dict[Prefix, Kind] = {}
    for prefix, rule in entries:
        if rule.allow:
            wanted[prefix] = Kind.THROW
        elif rule.enforce:
            wanted.setdefault(prefix, Kind(rule.route or default))
    objected = extent.objection({prefix: kind is not Kind.THROW for prefix, kind in wanted.items()})
    if objected:
        raise GuardError(f"{objected}; nothing was changed")
    return _collapse(wanted)


def _collapse(wanted: Mapping[Prefix, Kind]) -> dict[Prefix, Kind]:
    """Collapse, and leave out the holes that have nothing blocked around them."""
    collapsed = prefixes.collapse(wanted)
    if Kind.THROW not in collapsed.values():
        return collapsed
    kept: dict[Prefix, Kind] = {}
    around: list[Prefix] = []
    for prefix, kind in collapsed.items():  # in order, covers before covered
        while around and not around[-1].covers(prefix):
            around.pop()
        if around or kind is not Kind.THROW:
            kept[prefix] = kind
            around.append(prefix)
    return kept


def with_holes(
    routes: Mapping[Prefix, Kind], facts: Mapping[Prefix, str]
) -> tuple[dict[Prefix, Kind], tuple[Cut, ...]]:
    """Return routes that leave alone what must stay reachable, and the cuts this took.

    Args:
        routes: as `desired` returns them.
        facts: networks that are never null-routed, each with the reason in words.
    """
    inside = _Inside(facts)
    kept: dict[Prefix, Kind] = {}
    cuts: list[Cut] = []
    for prefix, kind in routes.items():
        cover = inside.cover(prefix)
        if cover is None:
            kept[prefix] = kind
        elif kind is not Kind.THROW:
            cuts.append(Cut(cover, facts[cover], prefix, whole=True))
    holes: dict[Prefix, Kind] = {}
    for protected, why in facts.items():
        found = prefixes.longest_match(protected, kept)
        if found is not None and found[1] is not Kind.THROW:
            holes[protected] = Kind.THROW
            cuts.append(Cut(protected, why, found[0], whole=False))
    if cuts:
        kept = _collapse(kept | holes)
    return kept, tuple(sorted(cuts))


class _Inside:
    """Networks, by numbers: each prefix of a long list is looked for among few of them."""

    def __init__(self, networks: Iterable[Prefix]) -> None:
        found: dict[int, dict[int, set[int]]] = {4: {}, 6: {}}
        for family, network, length in networks:
            found[family].setdefault(length, set()).add(network >> (WIDTH[family] - length))
        self._by_length = {family: sorted(found[family].items()) for family in found}

    def cover(self, prefix: Prefix) -> Prefix | None:
        """Return the widest of the networks that covers a prefix; None if none does."""
        family, network, length = prefix
        for wider, numbers in self._by_length[family]:
            if wider > length:
                return None
            if network >> (WIDTH[family] - wider) in numbers:
                return prefix.supernet(wider)
        return None


def diff(wanted: Mapping[Prefix, Kind], actual: Iterable[Route], protocol: int) -> Plan:
    """Return the changes from what the table holds to what it ought to hold.

    Carried out in the plan's order, every address is at each moment treated as before or as
    after, never a third way: installs run from narrow to wide, so that an address meets its
    final route at once; withdrawals, then, from wide to narrow.

    Args:
        wanted: the routes that our table ought to hold.
        actual: a complete dump of that table.
        protocol: the number that marks a route as ours.
    """
    stale: list[Route] = []
    foreign: list[Route] = []
    right: set[Prefix] = set()
    wrong: set[Prefix] = set()
    for route in actual:
        prefix, kind, owner, metric = route
        if owner != protocol:
            foreign.append(route)
        elif metric != METRIC[prefix.family] or prefix in right:
            stale.append(route)
        elif kind is not None and wanted.get(prefix) is kind:
            right.add(prefix)
        else:
            stale.append(route)
            wrong.add(prefix)
    taken = {r.prefix for r in foreign if r.metric == METRIC[r.prefix.family]}
    # Replacing acts on whichever route comes first in its place, so it needs a place of our own.
    replaced = {p for p in wrong if p in wanted and p not in right and p not in taken}
    installs = [
        Install(prefix, kind, prefix in replaced)
        for prefix, kind in wanted.items()
        if prefix not in right and prefix not in taken
    ]
    withdrawals = [
        r for r in stale if r.prefix not in replaced or r.metric != METRIC[r.prefix.family]
    ]
    installs.sort(key=lambda install: -install.prefix.length)
    withdrawals.sort(key=lambda route: route.prefix.length)
    occupied = tuple(p for p in wanted if p in taken and p not in right)
    return Plan(tuple(installs), tuple(withdrawals), len(right), tuple(foreign), occupied)


def overriding(wanted: Mapping[Prefix, Kind], foreign: Iterable[Route]) -> list[Route]:
    """Return which routes of others in our table take packets past a null route around them.

    Args:
        wanted: what our table ought to hold.
        foreign: what it holds of others.
    """
    found = []
    for route in foreign:
        around = prefixes.longest_match(route.prefix, wanted)
        passes = route.kind is None or route.kind is Kind.THROW
        # In the very place of ours, ours comes first, or is missing and counted as such.
        if passes and around and around[0] != route.prefix and around[1] is not Kind.THROW:
            found.append(route)
    return found


def diff_rules(
    actual: Iterable[FibRule],
    table: int,
    preference: int,
    protocol: int,
    active: Mapping[int, int] | None = None,
) -> RulePlan:
    """Return the changes after which each family has one rule that looks our table up.

    A foreign rule that does the same counts as the rule: a second one that differs by its
    protocol alone would be accepted by the kernel, and help nobody.

    Args:
        actual: complete dumps of both families' rules.
        table: our table; the next number is ours as well.
        preference: where our rule stands.
        protocol: the number that marks a rule as ours.
        active: by family, which of our two tables is the one; the first without.
    """
    wanted = active or {4: table, 6: table}
    present: set[int] = set()
    remove: list[FibRule] = []
    foreign: list[FibRule] = []
    for rule in actual:
        if rule.table not in {table, table + 1} or rule.family not in wanted:
            continue
        fits = rule.plain and rule.table == wanted[rule.family] and rule.preference == preference
        if rule.protocol != protocol or not rule.plain:
            foreign.append(rule)
        elif not fits:
            remove.append(rule)
        if fits:
            present.add(rule.family)
    add = tuple(family for family in sorted(wanted) if family not in present)
    return RulePlan(add, tuple(remove), tuple(foreign))


def changes(plan: Plan) -> Iterator[Install | Route]:
    """Yield a plan's changes in the order that leaves no gap."""
    yield from plan.installs
    yield from plan.withdrawals
