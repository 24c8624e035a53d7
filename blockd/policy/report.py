"""What is in force, since when, on whose word, what ends next, what is excepted: for an auditor.

One row a platform, counted from an open generation, so that its size follows the rules and not
the names. How it is written is `reporting`'s business.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct

from blockd import names
from blockd.policy import layout
from blockd.policy.reader import Policy
from blockd.policy.record import Record
from blockd.terms import Basis
from blockd.watchlist.model import Origin, Rule


class Row(Struct, frozen=True, kw_only=True):
    """One platform, one feed or one exception."""

    state: str
    """`blocked`, `excepted`, or `shadow` for what is counted only."""
    list: str
    source: str
    platform: str
    name: str
    names: int
    prefixes: int
    authority: str
    basis: Basis
    reference: str
    contact: str
    owner: str
    reason: str
    listed: date | None
    expires: date | None
    generation: int
    """Since which generation it is in force without a break."""
    since: datetime
    """And that generation's time."""


class Line(NamedTuple):
    """One entry, for those who ask for all of them."""

    state: str
    platform: str
    entry: str
    scope: str
    """`name and below`, `name`, `below`, or `prefix`."""
    origin: Origin


def rows(policy: Policy) -> list[Row]:
    """Return a row a platform, in order of source and id; counts are of what is in force."""
    counted = _counted(policy)
    found: dict[Row, tuple[int, int]] = {}
    for number, (rule, generation, since) in enumerate(policy.began()):
        row = _row(rule, generation, since)
        listed, covered = found.get(row, (0, 0))
        found[row] = (listed + counted.names[number], covered + counted.prefixes[number])
    filled = [_with(row, *counts) for row, counts in found.items()]
    return sorted(filled, key=lambda row: (row.source, row.state, row.platform, row.reference))


def lines(policy: Policy) -> Iterator[Line]:
    """Yield every entry, one by one."""
    for name, value in policy.names():
        yield from _name_lines(policy, name, value)
    for entry in policy.prefixes():
        origin = Origin(entry.rule.source, entry.line)
        yield Line(_state(entry.rule), entry.rule.id, str(entry.prefix), "prefix", origin)
    if policy.shadow is not None:
        for name, value in policy.shadow.names():
            yield from _name_lines(policy, name, value)
        for entry in policy.shadow.prefixes():
            origin = Origin(entry.rule.source, entry.line)
            yield Line(_state(entry.rule), entry.rule.id, str(entry.prefix), "prefix", origin)


def lost(record: Record) -> list[str]:
    """Return what sources lost on the way."""
    return [
        f"{source.path}: {source.dropped:,} bad entries were left out"
        for source in record.sources
        if source.dropped
    ]


class _Counted(NamedTuple):
    names: list[int]
    prefixes: list[int]


def _counted(policy: Policy) -> _Counted:
    total = sum(1 for _ in policy.began())
    counted = _Counted([0] * total, [0] * total)
    shadow = policy.shadow
    for tables in (policy.names(), shadow.names() if shadow is not None else ()):
        for _, value in tables:
            for number in {slot[0] for slot in _slots(value)}:
                counted.names[number] += 1
    for numbers in (policy.prefix_rules(), shadow.prefix_rules() if shadow is not None else ()):
        for number in numbers:
            counted.prefixes[number] += 1
    return counted


def _slots(value: bytes) -> list[tuple[int, int, str]]:
    """Return rule, line and scope of a stored name."""
    if len(value) == layout.ONE.size:
        return [(*layout.ONE.unpack(value), "name and below")]
    itself, line, below, below_line = layout.TWO.unpack(value)
    if itself == below != layout.NONE:
        return [(itself, line, "name and below")]
    both = ((itself, line, "name"), (below, below_line, "below"))
    return [slot for slot in both if slot[0] != layout.NONE]


def _name_lines(policy: Policy, name: bytes, value: bytes) -> Iterator[Line]:
    for number, line, scope in _slots(value):
        rule = policy.rule(number)
        origin = Origin(rule.source, line)
        yield Line(_state(rule), rule.id, names.to_text(name), scope, origin)


def _state(rule: Rule) -> str:
    if not rule.enforce:
        return "shadow"
    return "excepted" if rule.allow else "blocked"


def _row(rule: Rule, generation: int, since: datetime) -> Row:
    return Row(
        state=_state(rule), list=rule.list_name, source=rule.source, platform=rule.id,
        name=rule.name, names=0, prefixes=0, authority=rule.authority, basis=rule.basis,
        reference=rule.reference, contact=rule.contact, owner=rule.owner, reason=rule.reason,
        listed=rule.listed, expires=rule.expires, generation=generation, since=since,
    )  # fmt: skip


def _with(row: Row, listed: int, covered: int) -> Row:
    return msgspec.structs.replace(row, names=listed, prefixes=covered)
