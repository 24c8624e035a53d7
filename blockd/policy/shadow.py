"""What a generation holds that is not enforced: matched and counted, changing nothing.

The file is `reader`'s: it opens it and lends its transaction.
"""

from collections.abc import Iterator
from typing import Any

from blockd.policy import layout, lookup
from blockd.policy.lookup import Covering, Rules, Verdict
from blockd.prefixes import Prefix
from blockd.watchlist.model import PrefixEntry


class Shadow:
    """What a generation holds of lists and platforms with `enforce = false`.

    Answers as its policy does, but every verdict is about what would be blocked.
    """

    def __init__(self, rules: Rules, transaction: Any, databases: dict[bytes, Any]) -> None:
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
        found = lookup.search(self._ranges, packed)
        return None if found is None else Covering(self._rules[found[0]], found[1])

    def names(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every name with its slots, in key order; see `layout`."""
        with self._transaction.cursor(self._names) as cursor:
            yield from cursor.iternext(keys=True, values=True)

    def prefix_rules(self) -> Iterator[int]:
        """Yield the number of each prefix's rule, in order of address."""
        yield from lookup.numbers(self._transaction, self._prefixes)

    def match_prefix(self, prefix: Prefix) -> PrefixEntry | None:
        """Return the narrowest entry that would cover an address or prefix; None without one."""
        return lookup.match_prefix(self._transaction, self._prefixes, self._rules, prefix)

    def prefixes(self) -> Iterator[PrefixEntry]:
        """Yield one entry a prefix, in order of address."""
        with self._transaction.cursor(self._prefixes) as cursor:
            for key, value in cursor.iternext(keys=True, values=True):
                number, line = layout.ONE.unpack(value)
                yield PrefixEntry(layout.unpack_prefix(key), self._rules[number], line)
