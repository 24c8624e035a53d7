"""The lines of a source that have gone and come, each read by itself, and what they add up to.

What one line says may repeat what others list; which those are, the last generation tells. Where
that is not enough, all lines have to be read. No input or output but that generation.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from blockd.policy.entries import Entries
from blockd.policy.halves import HALVES, Halves
from blockd.policy.heads import Head
from blockd.policy.relined import GONE
from blockd.policy.remembered import KeptSource
from blockd.prefixes import Prefix
from blockd.watchlist.formats import harmless, parse_line
from blockd.watchlist.formats.listed import repetition
from blockd.watchlist.model import Parsed, Scope, Severity

Key = tuple[bytes, Scope] | Prefix
"""What an entry lists, a prefix or a name with its scope: a feed has each once."""


class Unclear(Exception):  # noqa: N818 - no error, and never seen outside
    """To know what a line says, all lines have to be read."""


class _Said(NamedTuple):
    """What one line says by itself."""

    parsed: Parsed
    keys: tuple[Key, ...]


class Lines:
    """The lines that have gone and come, as they are read."""

    def __init__(
        self, kept: KeptSource, entries: Entries, places: "array[int]", heads: tuple[Head, Head]
    ) -> None:
        """Take a source as it was.

        Args:
            kept: the source.
            entries: those of its rule in the last generation.
            places: where its lines are now, by where they were.
            heads: what stood and stands at its top.
        """
        was = kept.parsed
        self._was = was
        self._head = heads[1]
        self._entries = entries
        self.places = places
        self._read = Parsed(
            source=was.source, feed=True, format=was.format, linewise=True, head=was.head
        )
        (_, above), (_, top_now) = heads
        self._counts = Counter(
            entries=was.entries,
            comments=was.comments - above.comments + top_now.comments,
            blanks=was.blanks - above.blanks + top_now.blanks,
        )
        self._halves = Halves() if was.format == "rpz" else None
        self._had: dict[bytes | Prefix, dict[Scope | None, int]] = {}
        self._listed: dict[Key, int] = {}
        self._scopes: dict[bytes, Scope] = {}

    @property
    def has_halves(self) -> bool:
        """Whether two lines may list a subtree together."""
        return self._halves is not None

    def leave(self, line: int, text: str, *, is_counted: bool) -> None:
        """Take out what a line said.

        Args:
            line: its number then.
            text: the line.
            is_counted: it was counted as what it is, and not as an issue.
        """
        said = self._said(text)
        there = [self._line_of(key, line) for key in said.keys]
        if self._halves is not None and said.keys and not is_counted:
            raise Unclear  # the guard spoke of the whole of which this may be a half
        if is_counted:
            if said.parsed.faults or any(each != line for each in there):
                raise Unclear
            self._count(said.parsed, -1)

    def enter(self, line: int, text: str) -> None:
        """Take in what a line says, after all that have come above it."""
        said, read = self._said(text), self._read
        for key in said.keys:
            first = self._first(key, line)
            if first == line:
                continue
            if len(said.keys) > 1 or said.parsed.faults or self._halves is not None:
                raise Unclear
            read.note(line, Severity.WARNING, harmless(repetition(key, first)))
            return
        for issue in said.parsed.issues:
            kind = next(iter(said.parsed.unsupported), "")
            sort = read.note(line, issue.severity, issue.message, kind)
            if said.keys:
                read.mixed[line] = sort
        read.names += [entry._replace(line=line) for entry in said.parsed.names]
        read.prefixes += [entry._replace(line=line) for entry in said.parsed.prefixes]
        self._count(said.parsed, 1)

    def taken(self) -> Parsed:
        """Return what the lines that came say, not guarded yet; raises Unclear."""
        read = self._read
        read.entries = self._counts["entries"]
        read.comments, read.blanks = self._counts["comments"], self._counts["blanks"]
        read.issues.sort()
        if self._halves is not None:
            if not self._halves.all_gone():
                raise Unclear
            read.names = self._halves.joined(read.names)
        return read

    def left(self) -> Counter[bool]:
        """Return how many entries went with their lines; True: prefixes, False: names."""
        return Counter(
            scope is None
            for had in self._had.values()
            for scope, line in had.items()
            if self.places[line] == GONE
        )

    def touched(self) -> frozenset[bytes]:
        """Return the names that lines which have gone or come speak of."""
        return frozenset(each for each in self._had if isinstance(each, bytes))

    def _said(self, text: str) -> _Said:
        was, (head, above) = self._was, self._head
        parsed = parse_line(text, was.source, was.format, head)
        parsed.comments -= above.comments
        parsed.blanks -= above.blanks
        rules = [entry.rule for entry in parsed.names] + [each.rule for each in parsed.prefixes]
        if parsed.refused or not parsed.linewise or parsed.head != was.head:
            raise Unclear  # it says something of others
        if any(rule.allow for rule in rules):
            raise Unclear  # an exception repeats no block, and may take others out
        names = [(entry.name, entry.scope) for entry in parsed.names]
        return _Said(parsed, (*names, *(entry.prefix for entry in parsed.prefixes)))

    def _lines_of(self, key: Key) -> dict[Scope | None, int]:
        """Return the lines then of the entries with that name, by scope, or with that prefix."""
        what = key if isinstance(key, Prefix) else key[0]
        had = self._had.get(what)
        if had is None:
            found: Sequence[tuple[Scope | None, int]]
            if isinstance(what, Prefix):
                found = [(None, entry.line) for entry in self._entries.of_prefix(what)]
            else:
                found = [(entry.scope, entry.line) for entry in self._entries.of_name(what)]
            had = self._had[what] = dict(found)
        return had

    def _line_of(self, key: Key, line: int) -> int | None:
        """Return which line listed something then, where this one speaks of it."""
        lines = self._lines_of(key)
        found = lines.get(_scope(key))
        whole = lines.get(Scope.SUBTREE)
        if found is None and whole and self._halves is not None and not isinstance(key, Prefix):
            return self._halves.left(*key, line, whole)
        return found

    def _first(self, key: Key, line: int) -> int:
        """Return the line that lists something, which this one does too: itself or one above."""
        stayed = {
            scope: now
            for scope, then in self._lines_of(key).items()
            if (now := self.places[then]) != GONE
        }
        first = self._listed.setdefault(key, stayed.pop(_scope(key), line))
        other = not isinstance(key, Prefix) and not self._is_alone(*key)
        if stayed or other or first > line:
            # Entries of one name with several scopes may be joined into one; and what stood
            # alone further below repeats this line by now.
            raise Unclear
        return first

    def _is_alone(self, name: bytes, scope: Scope) -> bool:
        """Tell whether no other lines that come list the name otherwise, but for its other half."""
        if self._halves is not None and scope in HALVES:
            return True
        return self._scopes.setdefault(name, scope) is scope

    def _count(self, said: Parsed, by: int) -> None:
        for what in self._counts:
            self._counts[what] += by * getattr(said, what)


def _scope(key: Key) -> Scope | None:
    return None if isinstance(key, Prefix) else key[1]
