"""One generation, mapped read-only: match a name, look up a prefix, list what it holds.

Readers take no lock and need no write access. LMDB allows one environment a file and
process, so a generation is opened once and closed when nothing refers to it any more.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import lmdb
import msgspec

from blockd.errors import StoreError
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


class _Rules(dict[int, Rule]):
    """Rules by their numbers, each read when it is first asked for."""

    def __init__(self, transaction: Any, database: Any) -> None:
        super().__init__()
        self._transaction = transaction
        self._database = database

    def __missing__(self, number: int) -> Rule:
        packed = self._transaction.get(layout.NUMBER.pack(number), db=self._database)
        rule = self[number] = msgspec.msgpack.decode(packed or b"", type=Rule)
        return rule


class Policy:
    """A generation that is open for reading."""

    def __init__(self, path: Path) -> None:
        """Map a generation file; raises StoreError when it is none, or from a newer blockd."""
        try:
            self._env = lmdb.open(
                str(path),
                subdir=False,
                readonly=True,
                lock=False,
                readahead=False,
                max_dbs=layout.DATABASES,
            )
        except lmdb.Error as error:
            raise StoreError(f"{path}: not a readable generation: {error}") from None
        try:
            self._about = _about(self._env, path)
            self._databases = {
                name: self._env.open_db(name, create=False)
                for name in (
                    layout.NAMES,
                    layout.PREFIXES,
                    layout.RANGES,
                    layout.RULES,
                    layout.SINCE,
                    layout.SHADOW_NAMES,
                    layout.SHADOW_PREFIXES,
                    layout.SHADOW_RANGES,
                )
            }
            # One transaction for the file's whole life: the file never changes, so an open
            # snapshot keeps nothing from being reused.
            self._transaction = self._env.begin()
        except lmdb.Error as error:
            self._env.close()
            raise StoreError(f"{path}: not a whole generation: {error}") from None
        except StoreError:
            self._env.close()
            raise
        self.path = path
        self.number = self._about.number
        self.has_prefixes = self._about.prefixes > 0
        """Whether any prefix is listed or excepted: without one no address needs a look-up."""
        self._names = self._databases[layout.NAMES]
        self._ranges = self._transaction.cursor(self._databases[layout.RANGES])
        self._rules = _Rules(self._transaction, self._databases[layout.RULES])
        self.shadow: Shadow | None = None
        """What is matched and counted only; None: nothing is."""
        if self._about.shadow_names or self._about.shadow_prefixes:
            self.shadow = Shadow(self._rules, self._transaction, self._databases)

    def close(self) -> None:
        """Unmap the file; the policy must not be used after that."""
        self._rules.clear()
        self._transaction.abort()
        self._env.close()

    def __len__(self) -> int:
        """Return the number of names."""
        return self._about.names

    def match(self, name: bytes) -> Verdict | None:
        """Return what decides about a name: the longest match; None where nothing does.

        Args:
            name: canonical wire form, see `blockd.names`; the root is the empty string.
        """
        get = self._transaction.get
        table = self._names
        at = 0
        end = len(name)
        alone = False
        while at < end:
            value = get(name[at:] if at else name, db=table)
            if value is not None:
                itself = at == 0
                if len(value) == layout.ONE.size:
                    number, line = layout.ONE.unpack(value)
                    return Verdict(self.rule(number), name[at:], line, alone)
                own, own_line, below, below_line = layout.TWO.unpack(value)
                number, line = (own, own_line) if itself else (below, below_line)
                alone = alone or itself
                if number != layout.NONE:
                    return Verdict(self.rule(number), name[at:], line, alone)
            at += 1 + name[at]
        return None

    def raw(self) -> tuple[Callable[..., bytes | None], Any]:
        """Return LMDB's look-up and the names' database, for the resolver's quick way.

        Values are as `layout` says; a name without entry gives None.
        """
        return self._transaction.get, self._names

    def rule(self, number: int) -> Rule:
        """Return a rule by its number in this generation."""
        return self._rules[number]

    def rules(self) -> list[Rule]:
        """Return all rules that are enforced, in their order: places are numbers."""
        count = self._transaction.stat(self._databases[layout.RULES])["entries"]
        found = (self.rule(number) for number in range(count))
        return list(itertools.takewhile(attrgetter("enforce"), found))

    def began_of(self, rule: Rule) -> tuple[int, datetime] | None:
        """Return what `began` says of a rule that this policy returned; None of another."""
        number = next((number for number, known in self._rules.items() if known is rule), None)
        if number is None:
            return None
        key = layout.NUMBER.pack(number)
        value = self._transaction.get(key, db=self._databases[layout.SINCE])
        generation, seconds = layout.BEGAN.unpack(value or b"")
        return generation, datetime.fromtimestamp(seconds, UTC)

    def began(self) -> Iterator[tuple[Rule, int, datetime]]:
        """Yield each rule, enforced or not, with since which generation its platform is in force.

        And with that generation's time.
        """
        with self._transaction.cursor(self._databases[layout.SINCE]) as cursor:
            for key, value in cursor.iternext(keys=True, values=True):
                generation, seconds = layout.BEGAN.unpack(value)
                rule = self.rule(layout.NUMBER.unpack(key)[0])
                yield rule, generation, datetime.fromtimestamp(seconds, UTC)

    def holds(self, name: bytes) -> bool:
        """Tell whether there is an entry for exactly this name."""
        return self._transaction.get(name, db=self._names) not in (None, layout.BETWEEN)

    def names(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every name that has an entry with its slots, in key order; see `layout`."""
        with self._transaction.cursor(self._names) as cursor:
            for name, value in cursor.iternext(keys=True, values=True):
                if value != layout.BETWEEN:
                    yield name, value

    def prefixes(self) -> list[PrefixEntry]:
        """Return one entry a prefix, exceptions included, in order of address."""
        with self._transaction.cursor(self._databases[layout.PREFIXES]) as cursor:
            return [
                self._entry(layout.unpack_prefix(key), value)
                for key, value in cursor.iternext(keys=True, values=True)
            ]

    def prefix_rules(self) -> Iterator[int]:
        """Yield the number of each prefix's rule, in order of address."""
        yield from _numbers(self._transaction, self._databases[layout.PREFIXES])

    def prefixes_of(self, rule: Rule) -> list[Prefix]:
        """Return the prefixes of a rule that this policy returned, in order of address."""
        numbers = {number for number, known in self._rules.items() if known is rule}
        with self._transaction.cursor(self._databases[layout.PREFIXES]) as cursor:
            return [
                layout.unpack_prefix(key)
                for key, value in cursor.iternext(keys=True, values=True)
                if layout.ONE.unpack(value)[0] in numbers
            ]

    def match_prefix(self, prefix: Prefix) -> PrefixEntry | None:
        """Return the narrowest entry that covers an address or prefix; None without one."""
        table = self._databases[layout.PREFIXES]
        return _match_prefix(self._transaction, table, self._rules, prefix)

    def match_address(self, packed: bytes) -> Covering | None:
        """Return what decides about an address, as `match_prefix` would, by one search.

        Args:
            packed: the address as 4 or 16 octets; IPv4 within IPv6 counts as the IPv4 that it is.
        """
        found = _search(self._ranges, packed)
        return None if found is None else Covering(self.rule(found[0]), found[1])

    def _entry(self, prefix: Prefix, value: bytes) -> PrefixEntry:
        number, line = layout.ONE.unpack(value)
        return PrefixEntry(prefix, self.rule(number), line)


class Shadow:
    """What a generation holds of lists and platforms with `enforce = false`.

    Answers as its policy does, but every verdict is about what would be blocked.
    """

    def __init__(self, rules: _Rules, transaction: Any, databases: dict[bytes, Any]) -> None:
        """Take the policy's open file, but not the policy, which would then refer to itself."""
        self._rules = rules
        self._transaction = transaction
        self._names = databases[layout.SHADOW_NAMES]
        self._prefixes = databases[layout.SHADOW_PREFIXES]
        self._ranges = transaction.cursor(databases[layout.SHADOW_RANGES])
        self.has_prefixes = transaction.stat(self._prefixes)["entries"] > 0

    def match(self, name: bytes) -> Verdict | None:
        """Return what would decide about a name: the longest match."""
        at = 0
        while at < len(name):
            value = self._transaction.get(name[at:], db=self._names)
            if value is not None:
                slot = value[:8] if len(value) == layout.ONE.size or not at else value[8:]
                number, line = layout.ONE.unpack(slot)
                if number != layout.NONE:
                    return Verdict(self._rules[number], name[at:], line, alone=False)
            at += 1 + name[at]
        return None

    def match_address(self, packed: bytes) -> Covering | None:
        """Return what would decide about an address of 4 or 16 octets."""
        found = _search(self._ranges, packed)
        return None if found is None else Covering(self._rules[found[0]], found[1])

    def names(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every name with its slots, in key order; see `layout`."""
        with self._transaction.cursor(self._names) as cursor:
            yield from cursor.iternext(keys=True, values=True)

    def prefix_rules(self) -> Iterator[int]:
        """Yield the number of each prefix's rule, in order of address."""
        yield from _numbers(self._transaction, self._prefixes)

    def match_prefix(self, prefix: Prefix) -> PrefixEntry | None:
        """Return the narrowest entry that would cover an address or prefix; None without one."""
        return _match_prefix(self._transaction, self._prefixes, self._rules, prefix)

    def prefixes(self) -> Iterator[PrefixEntry]:
        """Yield one entry a prefix, in order of address."""
        with self._transaction.cursor(self._prefixes) as cursor:
            for key, value in cursor.iternext(keys=True, values=True):
                number, line = layout.ONE.unpack(value)
                yield PrefixEntry(layout.unpack_prefix(key), self._rules[number], line)


def _numbers(transaction: Any, table: Any) -> Iterator[int]:
    with transaction.cursor(table) as cursor:
        for value in cursor.iternext(keys=False, values=True):
            yield layout.ONE.unpack(value)[0]


def _match_prefix(
    transaction: Any, table: Any, rules: _Rules, prefix: Prefix
) -> PrefixEntry | None:
    for length in range(prefix.length, -1, -1):
        cover = prefix.supernet(length)
        value = transaction.get(layout.pack_prefix(cover), db=table)
        if value is not None:
            number, line = layout.ONE.unpack(value)
            return PrefixEntry(cover, rules[number], line)
    return None


def _search(ranges: Any, packed: bytes) -> tuple[int, int] | None:
    """Return the rule and the line of the range that holds an address; None without one."""
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


def _about(env: lmdb.Environment, path: Path) -> layout.About:
    """Return a generation's facts; raises StoreError when another version wrote it.

    To be asked first, since another version may have other databases.
    """
    try:
        with env.begin(db=env.open_db(layout.ABOUT, create=False)) as transaction:
            packed = transaction.get(layout.GENERATION) or b""
        about = msgspec.json.decode(packed, type=layout.About)
    except (lmdb.Error, msgspec.DecodeError) as error:
        raise StoreError(f"{path}: not a whole generation: {error}") from None
    if about.version != layout.VERSION:
        raise StoreError(
            f"{path}: written by another version of blockd (layout {about.version},"
            f" this one reads {layout.VERSION}); run `blockd compile`"
        )
    return about
