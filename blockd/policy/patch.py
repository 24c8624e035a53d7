"""A source in which a few lines are others than at the last compile: what has become of it.

Only these lines are read, and those that had an issue, since what is said of a repetition depends
on other lines. Whatever is not as plain as that gives no patch, and the source is read whole. What
a patch does to the rule set is `revise`'s business. No input or output but the last generation.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct

from blockd.config import GuardSection, Terms
from blockd.policy import hunks
from blockd.policy.entries import Entries
from blockd.policy.relined import GONE
from blockd.policy.remembered import KeptSource
from blockd.prefixes import Prefix
from blockd.watchlist import guard, refusal
from blockd.watchlist.formats import harmless, parse_line
from blockd.watchlist.formats.listed import repetition
from blockd.watchlist.model import NameEntry, Parsed, Rule, Scope, Severity
from blockd.watchlist.never import Exceptions, Never
from blockd.watchlist.override import agreed
from blockd.watchlist.suffixes import PublicSuffixes

Key = tuple[bytes, Scope] | Prefix
"""What an entry lists, a prefix or a name with its scope: a feed has each once."""


class Bounds(Struct, frozen=True):
    """What the guard goes by."""

    limits: GuardSection
    never: Never
    excepted: Exceptions
    suffixes: Callable[[], PublicSuffixes]


class Patch(Struct, frozen=True):
    """What has become of a source."""

    parsed: Parsed
    """The source as it is now, guarded, but without entries."""
    read: Parsed
    """The entries of the lines that were read, guarded; their rule is the one that was kept."""
    rule: Rule
    names: int
    """How many entries the source has now."""
    prefixes: int
    touched: frozenset[bytes]
    """The names that lines which have gone or come speak of."""
    places: "array[int]"
    """Where the lines of entries that stayed are now, by where they were; `GONE` for others."""


class _Unclear(Exception):  # noqa: N818 - never seen outside
    """To know what a line says, all lines have to be read."""


class _Said(NamedTuple):
    """What one line says by itself."""

    parsed: Parsed
    keys: tuple[Key, ...]


def may(kept: KeptSource) -> bool:
    """Tell whether a source is of a kind that can be patched."""
    was = kept.parsed
    if not was.linewise or was.omitted or len(kept.rules) != 1:
        return False
    rule = kept.rules[0][0]
    plain = not rule.allow and rule.expires is None
    return plain and all(issue.origin.line for issue in was.issues)


def patch(
    kept: KeptSource, before: str, now: str, terms: Terms, entries: Entries, bounds: Bounds
) -> Patch | None:
    """Return what has become of a source; None: that has to be found out by reading it whole.

    Args:
        kept: the source as it was accepted, and as `may` wants it.
        before: its text then.
        now: its text now, which `formats.opened` accepts as being in the same format.
        terms: what the operator says about it, then as now.
        entries: those of its rule in the last generation.
        bounds: the guard's.
    """
    found = hunks.hunks(before, now)
    if found is None or before.count("\n") != kept.parsed.lines:
        return None
    places = hunks.places(found, kept.parsed.lines)
    blamed = sorted({issue.origin.line for issue in kept.parsed.issues})
    again = dict(hunks.picked(before, blamed))
    gone = {hunk.old + at: line for hunk in found for at, line in enumerate(hunk.gone)}
    came = {hunk.new + at: line for hunk in found for at, line in enumerate(hunk.came)}
    first = min(gone | came, default=kept.parsed.lines + 1)
    came |= {places[line]: text for line, text in again.items() if places[line] != GONE}
    for line in again:
        places[line] = GONE
    if (line := kept.rules[0][0].line) and (line in again or first <= line):
        return None  # a rule with a line is known by it, as the first that asked for it
    lines = _Lines(kept, entries, places)
    try:
        for line, text in (gone | again).items():
            lines.leave(line, text, is_counted=line not in again)
        for line, text in sorted(came.items()):
            lines.enter(line, text)
        return lines.settled(now.count("\n"), terms, bounds)
    except _Unclear:
        return None


class _Lines:
    """The lines that have gone and come, as they are read."""

    def __init__(self, kept: KeptSource, entries: Entries, places: "array[int]") -> None:
        was = kept.parsed
        self._kept = kept
        self._entries = entries
        self._places = places
        self._read = Parsed(source=was.source, feed=True, format=was.format, linewise=True)
        self._counts = Counter(entries=was.entries, comments=was.comments, blanks=was.blanks)
        self._had: dict[bytes | Prefix, dict[Scope | None, int]] = {}
        self._listed: dict[Key, int] = {}
        self._scopes: dict[bytes, Scope] = {}

    def leave(self, line: int, text: str, *, is_counted: bool) -> None:
        """Take out what a line said.

        Args:
            line: its number then.
            text: the line.
            is_counted: it was counted as what it is, and not as an issue.
        """
        said = self._said(text)
        there = [self._lines_of(key).get(_scope(key)) for key in said.keys]
        if is_counted:
            if said.parsed.faults or any(each != line for each in there):
                raise _Unclear
            self._count(said.parsed, -1)

    def enter(self, line: int, text: str) -> None:
        """Take in what a line says, after all that have come above it."""
        said, read = self._said(text), self._read
        for key in said.keys:
            first = self._first(key, line)
            if first == line:
                continue
            if len(said.keys) > 1 or said.parsed.faults:
                raise _Unclear
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

    def settled(self, lines: int, terms: Terms, bounds: Bounds) -> Patch | None:
        """Return what has become of the source; None: it is not acceptable."""
        kept = self._kept
        rule = kept.rules[0][0]
        read = self._read
        read.entries = self._counts["entries"]  # the guard takes out of them what it drops
        read.issues.sort()
        read = agreed(read, terms)
        rules = [entry.rule for entry in read.names] + [entry.rule for entry in read.prefixes]
        if not all(_is_same(each, rule) for each in rules):
            return None
        suffixes = bounds.suffixes() if read.names else PublicSuffixes(())
        read = guard.inspect(read, bounds.limits, suffixes, bounds.never, bounds.excepted)
        left = Counter(
            scope is None
            for had in self._had.values()
            for scope, line in had.items()
            if self._places[line] == GONE
        )
        names = kept.record.names + len(read.names) - left[False]
        prefixes = kept.record.prefixes + len(read.prefixes) - left[True]
        parsed = msgspec.structs.replace(
            read, names=[], prefixes=[], lines=lines,
            comments=self._counts["comments"], blanks=self._counts["blanks"],
        )  # fmt: skip
        # For the guard, one entry stands for all that there are.
        some = [NameEntry(b"", Scope.SUBTREE, rule, 1)] if names + prefixes else []
        if refusal.judge(msgspec.structs.replace(parsed, names=some), bounds.limits) is not None:
            return None
        return Patch(
            parsed=parsed,
            read=msgspec.structs.replace(
                read,
                names=[entry._replace(rule=rule) for entry in read.names],
                prefixes=[entry._replace(rule=rule) for entry in read.prefixes],
            ),
            rule=rule,
            names=names,
            prefixes=prefixes,
            touched=frozenset(each for each in self._had if isinstance(each, bytes)),
            places=self._places,
        )

    def _said(self, text: str) -> _Said:
        was = self._kept.parsed
        parsed = parse_line(text, was.source, was.format)
        rules = [entry.rule for entry in parsed.names] + [each.rule for each in parsed.prefixes]
        if not parsed.linewise or any(rule.allow for rule in rules):
            raise _Unclear  # an exception repeats no block, and may take others out
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

    def _first(self, key: Key, line: int) -> int:
        """Return the line that lists something, which this one does too: itself or one above."""
        stayed = {
            scope: now
            for scope, then in self._lines_of(key).items()
            if (now := self._places[then]) != GONE
        }
        first = self._listed.setdefault(key, stayed.pop(_scope(key), line))
        other = not isinstance(key, Prefix) and (
            self._scopes.setdefault(key[0], key[1]) is not key[1]
        )
        if stayed or other or first > line:
            # Entries of one name with several scopes may be joined into one; and what stood
            # alone further below repeats this line by now.
            raise _Unclear
        return first

    def _count(self, said: Parsed, by: int) -> None:
        for what in self._counts:
            self._counts[what] += by * getattr(said, what)


def _is_same(read: Rule, rule: Rule) -> bool:
    """Tell whether the rule of a line read by itself is the source's, first asked for elsewhere."""
    if bool(read.line) is not bool(rule.line):
        return False
    return msgspec.structs.replace(read, line=rule.line) == rule


def _scope(key: Key) -> Scope | None:
    return None if isinstance(key, Prefix) else key[1]
