"""How the tables of one generation are searched, and what is found: shared by its readers.

A table is whichever it is given: `reader` has those that are enforced, `shadow` those that are
not. Nothing here opens a file; names are matched where the slots are read.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from blockd.policy import layout
from blockd.prefixes import Prefix
from blockd.watchlist.model import PrefixEntry, Rule

_IPV4_WITHIN = frozenset(
    (
        b"\0" * 10 + b"\xff\xff",  # mapped: RFC 4291 2.5.5.2
        b"\0\x64\xff\x9b" + bytes(8),  # translated: RFC 6052 2.1
    )
)


class Verdict(NamedTuple):
    """Which rule decides about a name, and by which of its entries."""

    rule: Rule
    """`rule.allow` says that it is an exception."""
    matched: bytes
    """The entry's name in wire form: the query name itself or a suffix of it."""
    line: int
    alone: bool
    """It holds for this name alone: the names below are decided otherwise, or one of them is
    excepted, so nothing may be denied below it (RFC 8020)."""


class Covering(NamedTuple):
    """Which rule decides about an address: a `PrefixEntry` that does not say which prefix."""

    rule: Rule
    """`rule.allow` says that it is an exception."""
    line: int


class Rules(dict[int, Rule]):
    """Rules by their numbers, each read when it is first asked for."""

    def __init__(self, transaction: Any, database: Any) -> None:
        """Take the open file and its table of rules."""
        super().__init__()
        self._transaction = transaction
        self._database = database

    def __missing__(self, number: int) -> Rule:
        packed = self._transaction.get(layout.NUMBER.pack(number), db=self._database)
        rule = self[number] = msgspec.msgpack.decode(packed or b"", type=Rule)
        return rule


def numbers(transaction: Any, table: Any) -> Iterator[int]:
    """Yield the number of the rule of each prefix in a table, in order of address."""
    with transaction.cursor(table) as cursor:
        for value in cursor.iternext(keys=False, values=True):
            yield layout.ONE.unpack(value)[0]


def match_prefix(transaction: Any, table: Any, rules: Rules, prefix: Prefix) -> PrefixEntry | None:
    """Return the narrowest entry of a table of prefixes that covers one; None without one."""
    for length in range(prefix.length, -1, -1):
        cover = prefix.supernet(length)
        value = transaction.get(layout.pack_prefix(cover), db=table)
        if value is not None:
            number, line = layout.ONE.unpack(value)
            return PrefixEntry(cover, rules[number], line)
    return None


def search(ranges: Any, packed: bytes) -> tuple[int, int] | None:
    """Return the rule's number and the line of the range that holds an address; None without one.

    Args:
        ranges: a cursor on a table of ranges.
        packed: the address as 4 or 16 octets; IPv4 within IPv6 counts as the IPv4 that it is.
    """
    if packed[:12] in _IPV4_WITHIN:
        packed = packed[12:]
    key = layout.range_key(packed)
    # The range that begins here, or else the last one that begins before.
    if not ranges.set_range(key):
        if not ranges.last():
            return None
    elif ranges.key() != key and not ranges.prev():
        return None
    found, value = ranges.item()
    size = layout.ONE.size
    if found[0] != key[0] or value[:-size] < packed:
        return None
    number, line = layout.ONE.unpack(value[-size:])
    return number, line
