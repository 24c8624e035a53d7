"""One generation, mapped read-only: match a name, look up a prefix, list what it holds.

Readers take no lock and need no write access. LMDB allows one environment a file and
process, so a generation is opened once and closed when nothing refers to it any more. How a
table of prefixes or ranges is searched is `lookup`'s business, what is not enforced `shadow`'s.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from blockd.errors import StoreError
from blockd.policy import layout, lookup
from blockd.policy.lookup import Covering, Rules, Verdict
from blockd.policy.shadow import Shadow
from blockd.policy.table import Table
from blockd.prefixes import Prefix
from blockd.watchlist.model import PrefixEntry, Rule

__all__ = ["Covering", "Policy", "Verdict"]


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
        self._rules = Rules(self._transaction, self._databases[layout.RULES])
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

    def table(self, name: bytes, moved: Mapping[int, Sequence[int]] | None = None) -> Table:
        """Return a table of names, `layout.NAMES` or `layout.SHADOW_NAMES`, as rows.

        Args:
            name: which.
            moved: where lines stand now, see `relined`.
        """
        return Table(self._transaction, self._databases[name], moved)

    def prefix_rows(self, name: bytes) -> Iterator[tuple[Prefix, int, int]]:
        """Yield a table of prefixes: each with its rule's number and its line."""
        with self._transaction.cursor(self._databases[name]) as cursor:
            for key, value in cursor.iternext(keys=True, values=True):
                yield (layout.unpack_prefix(key), *layout.ONE.unpack(value))

    def prefix_row(self, name: bytes, prefix: Prefix) -> tuple[int, int] | None:
        """Return the number of the rule and the line that a table has for a prefix; None: none."""
        key = layout.pack_prefix(prefix)
        value = self._transaction.get(key, db=self._databases[name])
        return None if value is None else layout.ONE.unpack(value)

    def every_rule(self) -> list[Rule]:
        """Return all rules, those that are not enforced behind the others: places are numbers."""
        count = self._transaction.stat(self._databases[layout.RULES])["entries"]
        return [self.rule(number) for number in range(count)]

    def rule(self, number: int) -> Rule:
        """Return a rule by its number in this generation."""
        return self._rules[number]

    def rules(self) -> list[Rule]:
        """Return all rules that are enforced, in their order: places are numbers."""
        return list(itertools.takewhile(attrgetter("enforce"), self.every_rule()))

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
        yield from lookup.numbers(self._transaction, self._databases[layout.PREFIXES])

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
        return lookup.match_prefix(self._transaction, table, self._rules, prefix)

    def match_address(self, packed: bytes) -> Covering | None:
        """Return what decides about an address, as `match_prefix` would, by one search.

        Args:
            packed: the address as 4 or 16 octets; IPv4 within IPv6 counts as the IPv4 that it is.
        """
        found = lookup.search(self._ranges, packed)
        return None if found is None else Covering(self.rule(found[0]), found[1])

    def _entry(self, prefix: Prefix, value: bytes) -> PrefixEntry:
        number, line = layout.ONE.unpack(value)
        return PrefixEntry(prefix, self.rule(number), line)


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
