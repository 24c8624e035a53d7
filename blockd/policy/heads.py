"""The lines at the top of a source, by which all others are read: a zone's, a table's header.

They may be others than at the last compile, as a zone's serial is, as long as all lines below them
mean the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

from blockd.policy.hunks import Hunk
from blockd.policy.remembered import KeptSource
from blockd.watchlist.formats import top
from blockd.watchlist.formats.found import Top

_MOST = 4_096
"""Characters at the top of a source, which are read again with each of its lines."""


class Head(NamedTuple):
    """The lines at the top by which all others are read."""

    text: str
    top: Top


def heads(
    kept: KeptSource, before: str, now: str, found: Sequence[Hunk]
) -> tuple[Head, Head] | None:
    """Return what stood and stands at the top; None: it is not the same in other words."""
    was = kept.parsed
    for hunk in found:
        ends = hunk.old + len(hunk.gone) - 1, hunk.new + len(hunk.came) - 1
        # Else lines of the top have become others' or the other way round.
        if hunk.old <= was.head and min(ends) < was.head and ends[0] != ends[1]:
            return None
    both = []
    for text in (before, now):
        at = 0
        for _ in range(was.head):
            at = text.find("\n", at) + 1
            if not 0 < at <= _MOST:
                return None
        said = top(text[:at], was.format)
        if said is None:
            return None
        both.append(Head(text[:at], said))
    if both[0].top.says != both[1].top.says:
        return None
    return both[0], both[1]
