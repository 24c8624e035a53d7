"""What a generation holds, as every export reads it: names with what decides, prefixes, a header.

The words of the formats are their modules' business. No input or output but the mapped policy.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeGuard

from msgspec.structs import replace

from blockd import names, prefixes
from blockd.counting import counted
from blockd.policy import layout
from blockd.policy.reader import Policy
from blockd.policy.record import Record
from blockd.prefixes import WIDTH, Prefix
from blockd.terms import Action, RouteType
from blockd.watchlist.model import PrefixEntry, Rule

_SENT_TO_TCP = "names left open, since only an RPZ can send a query to TCP"
_CHILD = b"\1*"
"""A name below another one that no list can hold."""


class Listed(NamedTuple):
    """What decides about a name, and what about the names below it that are not listed."""

    name: bytes
    itself: Rule | None
    """None: nothing; the same for `below`."""
    below: Rule | None
    alone: bool
    """The name may not be denied, since that would deny what is below (RFC 8020)."""

    @property
    def text(self) -> str:
        """The name without a final dot."""
        return names.to_text(self.name)


class Contents:
    """One generation with the configuration's defaults in place of what its rules leave open."""

    def __init__(
        self,
        policy: Policy,
        record: Record,
        *,
        action: Action = Action.NXDOMAIN,
        ttl: int = 60,
        route: RouteType = RouteType.BLACKHOLE,
        check_cname: bool = True,
        check_addresses: bool = True,
    ) -> None:
        """Take an open generation, its record and the defaults."""
        self.record = record
        self.ttl = ttl
        self.lost: Counter[str] = Counter()
        """What the format has no word for, and how many there are; complete after the last line."""
        self._policy = policy
        self._action = action
        self._route = route
        self._check_cname = check_cname
        self._check_addresses = check_addresses

    def names(self) -> Iterator[Listed]:
        """Yield every name with an entry, in the order of its wire form."""
        rule = self._policy.rule
        for name, value in self._policy.names():
            if len(value) == layout.ONE.size:
                both = rule(layout.ONE.unpack(value)[0])
                yield Listed(name, both, both, alone=False)
            else:
                own, _, rest, _ = layout.TWO.unpack(value)
                yield Listed(
                    name,
                    self._above(name) if own == layout.NONE else rule(own),
                    self._above(_CHILD + name) if rest == layout.NONE else rule(rest),
                    alone=True,
                )

    def names_for_all_transports(self) -> Iterator[Listed]:
        """Yield the same, but what is sent to TCP as not blocked: it gets its answer there.

        For formats in which a name has one answer by whatever transport.
        """
        for listed in self.names():
            own, rest = self._answered(listed.itself), self._answered(listed.below)
            if own is not listed.itself or rest is not listed.below:
                self.lose(_SENT_TO_TCP)
            yield listed._replace(itself=own, below=own if listed.below is listed.itself else rest)

    def _answered(self, rule: Rule | None) -> Rule | None:
        if blocks(rule) and self.action(rule, alone=False) is Action.TCP_ONLY:
            return replace(rule, allow=True)
        return rule

    def between(self) -> Iterator[Listed]:
        """Yield the names without entry that lie between one with an entry and a decided one above.

        To a program that looks for the closest name that there is, such a name hides the
        wildcard above.
        """
        get, database = self._policy.raw()
        seen: set[bytes] = set()
        for name, _ in self._policy.names():
            gap = []
            at = 1 + name[0] if name else 0
            while at < len(name):
                above = name[at:]
                value = get(above, db=database)
                if value is not None and value != layout.BETWEEN:
                    break
                gap.append(above)
                at += 1 + name[at]
            else:
                continue
            for above in gap:
                if above not in seen:
                    seen.add(above)
                    decided = self._policy.match(above)
                    if decided is not None:
                        yield Listed(above, decided.rule, decided.rule, decided.alone)

    def prefixes(self) -> list[PrefixEntry]:
        """Return one entry a prefix, exceptions included, in order of address."""
        return self._policy.prefixes()

    def routes(self) -> Iterator[tuple[Prefix, RouteType]]:
        """Yield disjoint prefixes that cover exactly what is blocked, in order of address."""
        kinds = {
            entry.prefix: None if entry.rule.allow else entry.rule.route or self._route
            for entry in self.prefixes()
        }
        for found in prefixes.flatten(kinds):
            if found.value is not None:
                for prefix in _parts(found.family, found.first, found.last):
                    yield prefix, found.value

    def action(self, rule: Rule, *, alone: bool) -> Action:
        """Return what a blocked name is answered."""
        action = rule.action or self._action
        return Action.NODATA if alone and action is Action.NXDOMAIN else action

    def addresses(self, rule: Rule, action: Action) -> tuple[str, ...]:
        """Return the addresses that an action answers with."""
        if action is Action.ZERO:
            return ("0.0.0.0", "::")  # noqa: S104 - an answer
        return rule.addresses if action is Action.ADDRESS else ()

    def follows(self, rule: Rule) -> bool:
        """Tell whether answers that lead to a rule's names are blocked."""
        return self._check_cname if rule.check_cname is None else rule.check_cname

    def judges(self, rule: Rule) -> bool:
        """Tell whether answers with addresses of a rule's prefixes are blocked."""
        own = rule.check_addresses
        return self._check_addresses if own is None else own

    def header(self, mark: str, title: str, notes: Iterable[str] = ()) -> Iterator[str]:
        """Yield comment lines that say what this is and on whose word it stands.

        Args:
            mark: what a comment begins with.
            title: what the file is to its program.
            notes: what the format cannot say.
        """
        record = self.record
        yield f"{mark} {title}, exported by blockd"
        yield (
            f"{mark} generation {record.number} of {record.committed:%Y-%m-%d %H:%M:%S} UTC:"
            f" {counted(record.names, 'name')}, {counted(record.prefixes, 'prefix')}"
        )
        for rule_list in dict.fromkeys(map(_list, self._policy.rules())):
            yield f"{mark} {rule_list}"
        for note in notes:
            yield f"{mark} {note}"

    def lose(self, what: str, count: int = 1) -> None:
        """Take note of what the format has no word for."""
        if count:
            self.lost[what] += count

    def footer(self, mark: str) -> Iterator[str]:
        """Yield comment lines about what was lost."""
        for what, count in self.lost.items():
            yield f"{mark} {what}: {count}"

    def _above(self, name: bytes) -> Rule | None:
        found = self._policy.match(name)
        return None if found is None else found.rule


def blocks(rule: Rule | None) -> TypeGuard[Rule]:
    """Tell whether a rule blocks what it decides about."""
    return rule is not None and not rule.allow


def _list(rule: Rule) -> str:
    said = f"list: {rule.list_name or rule.source.rpartition('/')[2]}"
    if rule.authority:
        said += f", on the word of {rule.authority}"
    said = f"{said} ({rule.basis})"
    # The name of a feed's file may hold anything, and a line break would end the comment.
    return "".join(each if each.isprintable() else "?" for each in said)


def _parts(family: int, first: int, last: int) -> Iterator[Prefix]:
    """Yield the fewest prefixes that cover a range of addresses."""
    width = WIDTH[family]
    while first <= last:
        # As wide as the first address is aligned, and as the range has room for.
        size = min(first & -first or 1 << width, 1 << (last - first + 1).bit_length() - 1)
        yield Prefix(family, first, width - size.bit_length() + 1)
        first += size
