"""The entries that one rule had in the last generation, by what they list.

Rows and what is remembered beside them together hold all entries of every source; here one of
these is asked for a few of its own. How a rule set follows from them is `revise`'s business.
"""

from collections.abc import Iterator

from blockd.policy import layout, rows
from blockd.policy.reader import Policy
from blockd.prefixes import Prefix
from blockd.watchlist.compile import Rivals
from blockd.watchlist.model import NameEntry, PrefixEntry, Rule
from blockd.watchlist.zones import Lost

_KINDS = ((layout.NAMES, layout.PREFIXES), (layout.SHADOW_NAMES, layout.SHADOW_PREFIXES))


class Entries:
    """Those of one rule."""

    def __init__(
        self, policy: Policy, rivals: tuple[Rivals, Rivals], lost: Lost, rule: Rule
    ) -> None:
        """Look into a generation.

        Args:
            policy: the generation, open.
            rivals: all entries of what has several, enforced and not, with the rules that are
                kept beside it.
            lost: the entries about which an earlier zone decides, likewise.
            rule: one of these, by identity.
        """
        self._policy = policy
        self._rivals = rivals
        self._rule = rule
        self._tables = [policy.table(names) for names, _ in _KINDS]
        self._rules = policy.every_rule()
        self._lost: dict[bytes, list[NameEntry]] = {}
        for entry in lost.names:
            if entry.rule is rule:
                self._lost.setdefault(entry.name, []).append(entry)
        self._lost_prefixes = {e.prefix: e for e in lost.prefixes if e.rule is rule}

    def of_name(self, name: bytes) -> Iterator[NameEntry]:
        """Yield the entries that the rule has for a name, as they are listed: one a scope."""
        lost = self._lost.get(name, ())
        yield from lost
        lines = {entry.line for entry in lost}
        yield from (entry for entry in self._decided(name) if entry.line not in lines)

    def _decided(self, name: bytes) -> Iterator[NameEntry]:
        """Yield those of which at least a part decides, without what an earlier zone does."""
        for table, rivals in zip(self._tables, self._rivals, strict=True):
            several = rivals.names.get(name)
            if several is not None:
                yield from (entry for entry in several if entry.rule is self._rule)
                continue
            value = table.get(name)
            entry = None if value is None else rows.single(name, value, self._rules)
            if entry is not None and entry.rule == self._rule:
                yield entry._replace(rule=self._rule)

    def of_prefix(self, prefix: Prefix) -> Iterator[PrefixEntry]:
        """Yield the entry that the rule has for a prefix, if it has one."""
        if prefix in self._lost_prefixes:
            yield self._lost_prefixes[prefix]
            return
        for (_, table), rivals in zip(_KINDS, self._rivals, strict=True):
            several = rivals.prefixes.get(prefix)
            if several is not None:
                yield from (entry for entry in several if entry.rule is self._rule)
                continue
            row = self._policy.prefix_row(table, prefix)
            if row is not None and self._rules[row[0]] == self._rule:
                yield PrefixEntry(prefix, self._rule, row[1])
