"""Public suffixes: the names under which anyone may register, which no list may hold.

What speaks against an entry, this among it, is `guard`'s to say.
"""

from collections.abc import Iterable

from blockd import names
from blockd.errors import NameFormError
from blockd.watchlist.model import NameEntry

_ROOT = b""


class PublicSuffixes:
    """Names under which anyone may register: the Public Suffix List, both its sections.

    Matching is on wire names and by set membership alone, since a million names pass here.
    """

    def __init__(self, rules: Iterable[str]) -> None:
        """Take the rules of the list's text form; comments and blank lines may be among them.

        The text is public_suffix_list.dat, which the library publicsuffixlist carries.
        """
        exact: set[bytes] = {_ROOT}
        above: set[bytes] = {_ROOT}  # the default rule `*`: every top-level name
        excepted: set[bytes] = set()
        for line in rules:
            rule = line.split(maxsplit=1)[0] if line.strip() else "//"
            if rule.startswith("//"):
                continue
            try:
                wire = names.parse(rule.removeprefix("!").removeprefix("*."))
            except NameFormError:
                continue  # a rule that is no name covers no listed one
            if rule.startswith("!"):
                excepted.add(wire)
                continue
            exact.add(wire)  # `*.ck` makes `ck` a public suffix too
            if rule.startswith("*."):
                above.add(wire)
        self._exact = frozenset(exact)
        self._above = frozenset(above)
        self._excepted = frozenset(excepted)

    def __contains__(self, wire: bytes) -> bool:
        """Tell whether a wire name is a public suffix, a top-level name or the root."""
        return (
            wire in self._exact or wire[1 + wire[0] :] in self._above
        ) and wire not in self._excepted

    def among(self, entries: Iterable[NameEntry]) -> list[NameEntry]:
        """Return the entries whose name is a public suffix; a million in a fraction of a second."""
        exact, above, excepted = self._exact, self._above, self._excepted
        return [
            entry
            for entry in entries
            if ((name := entry.name) in exact or name[1 + name[0] :] in above)
            and name not in excepted
        ]
