"""Warnings about entries that say what an entry of another source says already.

Two lists may have all their names in common, so that these are counted without end and kept up to a
bound, as the issues of one source are. Which of several entries counts is `conflicts`' business.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from blockd import names
from blockd.prefixes import Prefix
from blockd.watchlist import conflicts
from blockd.watchlist.model import MOST_ISSUES, Issue, NameEntry, Origin, PrefixEntry, Severity

_Ranked = Sequence[NameEntry] | Sequence[PrefixEntry]


def warnings(
    listed: Mapping[bytes, Sequence[NameEntry]], covered: Mapping[Prefix, Sequence[PrefixEntry]]
) -> list[Issue]:
    """Return the first `MOST_ISSUES` warnings of each source, and how many there are of more.

    Args:
        listed: by wire name, all entries for it, ranked.
        covered: the same by prefix.
    """
    counts: Counter[str] = Counter()
    kept: dict[str, list[tuple[int, str]]] = {}
    last: dict[str, int] = {}  # lines behind it are not among the first
    for key, ranked in _several(listed, covered):
        for entry in conflicts.repeating(ranked):
            source, line = entry.rule.source, entry.line
            counts[source] += 1
            if line > last.get(source, line):
                continue
            found = kept.setdefault(source, [])
            found.append((line, _sentence(key, ranked[0])))
            if len(found) == 2 * MOST_ISSUES:
                found.sort()
                del found[MOST_ISSUES:]
                last[source] = found[-1][0]
    return [
        Issue(Origin(source, line), Severity.WARNING, sentence)
        for source, found in kept.items()
        for line, sentence in sorted([*_more(counts[source]), *found])[: MOST_ISSUES + 1]
    ]


def _several(
    listed: Mapping[bytes, Sequence[NameEntry]], covered: Mapping[Prefix, Sequence[PrefixEntry]]
) -> Iterator[tuple[bytes | Prefix, _Ranked]]:
    yield from listed.items()
    yield from covered.items()


def _sentence(key: bytes | Prefix, first: NameEntry | PrefixEntry) -> str:
    what = names.to_text(key) if isinstance(key, bytes) else str(key)
    place = Origin(first.rule.source, first.line)
    return f"{what} is listed at {place} too; that entry counts"


def _more(count: int) -> Iterator[tuple[int, str]]:
    if count > MOST_ISSUES:
        yield 0, f"{count:,} entries are listed elsewhere too; the first {MOST_ISSUES:,} are shown"
