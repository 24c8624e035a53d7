"""The entries that stay of a name, by what the last generation holds and what is beside it.

Rows tell what decides about a name, `Rivals` all entries of names that have several, and `Lost`
those about which an earlier zone decides. Together they are all that the sources list.
"""

from collections.abc import Collection, Mapping, Sequence

from blockd.policy import rows
from blockd.policy.relined import GONE
from blockd.policy.table import Table
from blockd.prefixes import Prefix
from blockd.watchlist.compile import Rivals
from blockd.watchlist.model import NameEntry, PrefixEntry, Rule
from blockd.watchlist.zones import Lost


class Unlike(Exception):  # noqa: N818 - never seen outside
    """The generation and what is remembered of it do not belong together."""


class Standing:
    """What stays of one of a generation's tables of names."""

    def __init__(
        self,
        table: Table,
        by_number: Sequence[Rule],
        rivals: Mapping[bytes, Sequence[NameEntry]],
        lost: Mapping[bytes, Sequence[NameEntry]],
        staying: Collection[int],
        patched: Collection[int],
    ) -> None:
        """Take what was left, by the lines of now.

        Args:
            table: of the last generation.
            by_number: its rules.
            rivals: all entries, ranked, of names that have several.
            lost: by name, the entries about which an earlier zone decides.
            staying: the identities of the rules that still count.
            patched: those of sources of which lines have gone.
        """
        self.rivals = rivals
        self.lost = lost
        self._table = table
        self._by_number = by_number
        self._staying = staying
        self._patched = patched

    def decided(self, name: bytes) -> list[NameEntry]:
        """Return the entries that a name had, ranked, without what an earlier zone decides."""
        several = self.rivals.get(name)
        if several is not None:
            return list(several)
        value = self._table.get(name)
        if value is None:
            return []
        entry = rows.single(name, value, self._by_number)
        if entry is None:
            raise Unlike
        return [entry]

    def before(self, name: bytes) -> list[NameEntry]:
        """Return the entries that a name had, as they are listed."""
        there, lost = self.decided(name), self.lost.get(name)
        if lost:
            places = {(id(entry.rule), entry.line) for entry in lost}
            there = [e for e in there if (id(e.rule), e.line) not in places]
            there += lost
        return there

    def listed(self, name: bytes) -> list[NameEntry]:
        """Return those of them that stay: their rules count, and their lines are there."""
        return [
            entry
            for entry in self.before(name)
            if id(entry.rule) in self._staying
            and (entry.line != GONE or id(entry.rule) not in self._patched)
        ]


def by_name(lost: Lost) -> Rivals:
    """Return the entries about which an earlier zone decides, by what they list."""
    names: dict[bytes, list[NameEntry]] = {}
    prefixes: dict[Prefix, list[PrefixEntry]] = {}
    for entry in lost.names:
        names.setdefault(entry.name, []).append(entry)
    for covering in lost.prefixes:
        prefixes.setdefault(covering.prefix, []).append(covering)
    return Rivals(names, prefixes)
