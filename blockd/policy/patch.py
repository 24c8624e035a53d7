"""A source in which a few lines are others than at the last compile: what has become of it.

Only these lines are read, and those that had an issue, since what is said of a repetition depends
on other lines. Whatever is not as plain as that gives no patch, and the source is read whole. What
a patch does to the rule set is `revise`'s business. No input or output but the last generation.
"""

from array import array
from collections.abc import Callable

import msgspec
from msgspec import Struct

from blockd.config import GuardSection, Terms
from blockd.policy import hunks
from blockd.policy.changed_lines import Lines, Unclear
from blockd.policy.entries import Entries
from blockd.policy.heads import heads
from blockd.policy.relined import GONE
from blockd.policy.remembered import KeptSource
from blockd.watchlist import guard, refusal
from blockd.watchlist.model import NameEntry, Parsed, Rule, Scope, Severity
from blockd.watchlist.never import Exceptions, Never
from blockd.watchlist.override import agreed
from blockd.watchlist.suffixes import PublicSuffixes

_LITTLE = 1 << 16
"""Characters that may be read again whatever a source's length."""


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
    both = heads(kept, before, now, found)
    if both is None:
        return None
    lines_read = sum(len(hunk.gone) + len(hunk.came) for hunk in found) + 2 * len(again)
    if lines_read * max(len(each.text) for each in both) > len(now) + _LITTLE:
        return None  # with each of them the top is read again, which would take longer
    gone = {hunk.old + at: line for hunk in found for at, line in enumerate(hunk.gone)}
    came = {hunk.new + at: line for hunk in found for at, line in enumerate(hunk.came)}
    for line in range(1, kept.parsed.head + 1):
        gone.pop(line, None)
        came.pop(line, None)
    first = min(gone | came, default=kept.parsed.lines + 1)
    came |= {places[line]: text for line, text in again.items() if places[line] != GONE}
    for line in again:
        places[line] = GONE
    if (line := kept.rules[0][0].line) and (line in again or first <= line):
        return None  # a rule with a line is known by it, as the first that asked for it
    lines = Lines(kept, entries, places, both)
    try:
        for line, text in (gone | again).items():
            lines.leave(line, text, is_counted=line not in again)
        for line, text in sorted(came.items()):
            lines.enter(line, text)
        return _settled(kept, lines, now.count("\n"), terms, bounds)
    except Unclear:
        return None


def _settled(
    kept: KeptSource, lines: Lines, count: int, terms: Terms, bounds: Bounds
) -> Patch | None:
    """Return what has become of a source of so many lines; None: it is not acceptable."""
    rule = kept.rules[0][0]
    read = agreed(lines.taken(), terms)
    rules = [entry.rule for entry in read.names] + [entry.rule for entry in read.prefixes]
    if not all(_is_same(each, rule) for each in rules):
        return None
    suffixes = bounds.suffixes() if read.names else PublicSuffixes(())
    read = guard.inspect(read, bounds.limits, suffixes, bounds.never, bounds.excepted)
    if lines.has_halves and Severity.GUARD in read.counted:
        return None  # what is said of one half is said of both
    left = lines.left()
    names = kept.record.names + len(read.names) - left[False]
    prefixes = kept.record.prefixes + len(read.prefixes) - left[True]
    parsed = msgspec.structs.replace(read, names=[], prefixes=[], lines=count)
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
        touched=lines.touched(),
        places=lines.places,
    )


def _is_same(read: Rule, rule: Rule) -> bool:
    """Tell whether the rule of a line read by itself is the source's, first asked for elsewhere."""
    if bool(read.line) is not bool(rule.line):
        return False
    return msgspec.structs.replace(read, line=rule.line) == rule
