"""What the kernel's table ought to hold, and which changes lead there from what it holds.

Pure decisions about prefixes, routes and rules, in the kernel's terms but without the kernel:
no sockets, no time, no logging. How a plan is printed is `show`, who carries it out `kernel`.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from blockd import prefixes
from blockd.errors import GuardError
from blockd.prefixes import Prefix
from blockd.terms import RouteType
from blockd.watchlist.model import Rule


class Kind(StrEnum):
    """What a route of ours does with a packet; linux/rtnetlink.h, rtm_type."""

    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    THROW = "throw"
    """A hole: the lookup goes on in the next table, as if ours held nothing."""


METRIC = {4: 0, 6: 1}
"""The metric of our routes by family: the lowest there is, so that no foreign route of the same
prefix wins by accident. IPv6 reads 0 as its default of 1024 (linux/ipv6_route.h)."""


class Route(NamedTuple):
    """A route as the kernel shows it."""

    prefix: Prefix
    kind: Kind | None
    """None: a type that blockd never installs, such as a unicast route."""
    protocol: int
    """Who made it: rtm_protocol."""
    metric: int


class Install(NamedTuple):
    """A route to add, or to put in the place of one of ours with another type."""

    prefix: Prefix
    kind: Kind
    replaces: bool


class Plan(NamedTuple):
    """The changes that make the table right, and what was found on the way."""

    installs: tuple[Install, ...]
    """Narrowest first."""
    withdrawals: tuple[Route, ...]
    """Ours alone, widest first; to be carried out after all installs."""
    kept: int
    foreign: tuple[Route, ...]
    """Routes of others in our table: reported, never changed."""
    occupied: tuple[Prefix, ...]
    """Desired, but a foreign route holds the very place: not installed."""

    @property
    def empty(self) -> bool:
        """Tell that the table is as near to right as it can be."""
        return not self.installs and not self.withdrawals


class FibRule(NamedTuple):
    """A routing policy rule as the kernel shows it."""

    family: int
    """4 or 6."""
    preference: int
    table: int
    protocol: int
    plain: bool
    """It selects every packet and does nothing but look a table up."""


class RulePlan(NamedTuple):
    """The changes that leave exactly one rule for our table in each family."""

    add: tuple[int, ...]
    """Families."""
    remove: tuple[FibRule, ...]
    """Ours alone."""
    foreign: tuple[FibRule, ...]
    """Rules of others which look our table up."""

    @property
    def empty(self) -> bool:
        """Tell that the rules are right."""
        return not self.add and not self.remove


class Cut(NamedTuple):
    """A listed prefix that touches what must stay reachable."""

    protected: Prefix
    why: str
    entry: Prefix
    """The route around the hole, or the one that was left out."""
    whole: bool
    """The entry lies whole within the protected network and is not installed."""


def desired(entries: Iterable[tuple[Prefix, Rule]], default: RouteType) -> dict[Prefix, Kind]:
    """Return the routes that give every address what its longest matching entry says.

    Exceptions become holes where they lie within something blocked, and nothing elsewhere; at
    equal length the exception wins. Rules that are not enforced give nothing.

    Raises:
        GuardError: the entries cover the whole of IPv4 or IPv6.
    """
    wanted: dict[Prefix, Kind] = {}
    for prefix, rule in entries:
        if rule.allow:
            wanted[prefix] = Kind.THROW
        elif rule.enforce:
            wanted.setdefault(prefix, Kind(rule.route or default))
    routes = _collapse(wanted)
    for prefix in routes:
        if prefix.length == 0:
            raise GuardError(
                f"the list covers the whole of IPv{prefix.family}, which no route may;"
                " nothing was changed: take the widest prefixes out of the list"
            )
    return routes


def _collapse(wanted: Mapping[Prefix, Kind]) -> dict[Prefix, Kind]:
    """Collapse, and leave out the holes that have nothing blocked around them."""
    kept: dict[Prefix, Kind] = {}
    around: list[Prefix] = []
    for prefix, kind in prefixes.collapse(wanted).items():  # in order, covers before covered
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
    lengths = {family: sorted({p.length for p in facts if p.family == family}) for family in (4, 6)}
    kept: dict[Prefix, Kind] = {}
    cuts: list[Cut] = []
    for prefix, kind in routes.items():
        cover = _cover(prefix, facts, lengths[prefix.family])
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


def _cover(prefix: Prefix, facts: Mapping[Prefix, str], lengths: list[int]) -> Prefix | None:
    for length in lengths:
        if length > prefix.length:
            return None
        wider = prefix.supernet(length)
        if wider in facts:
            return wider
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


def diff_rules(actual: Iterable[FibRule], table: int, preference: int, protocol: int) -> RulePlan:
    """Return the changes after which each family has one rule that looks our table up.

    A foreign rule that does the same counts as the rule: a second one that differs by its
    protocol alone would be accepted by the kernel, and help nobody.

    Args:
        actual: complete dumps of both families' rules.
        table: our table; the next number is ours as well.
        preference: where our rule stands.
        protocol: the number that marks a rule as ours.
    """
    present: set[int] = set()
    remove: list[FibRule] = []
    foreign: list[FibRule] = []
    for rule in actual:
        if rule.table not in {table, table + 1}:
            continue
        fits = rule.plain and rule.table == table and rule.preference == preference
        if rule.protocol != protocol or not rule.plain:
            foreign.append(rule)
        elif not fits:
            remove.append(rule)
        if fits:
            present.add(rule.family)
    add = tuple(family for family in (4, 6) if family not in present)
    return RulePlan(add, tuple(remove), tuple(foreign))


def changes(plan: Plan) -> Iterator[Install | Route]:
    """Yield a plan's changes in the order that leaves no gap."""
    yield from plan.installs
    yield from plan.withdrawals
