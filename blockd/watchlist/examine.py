"""All sources together: each parsed and guarded, and the decision whether they are acceptable.

A refused source refuses the whole change. Reading is `sources`' business; what a guard
objects to is `guard`'s.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from publicsuffixlist import PSLFILE

from blockd.config import GuardSection
from blockd.errors import GuardError, ListError
from blockd.watchlist import guard
from blockd.watchlist.formats import parse
from blockd.watchlist.guard import Blame, PublicSuffixes, Refusal
from blockd.watchlist.model import Issue, Parsed
from blockd.watchlist.never import Never, exceptions
from blockd.watchlist.override import agreed
from blockd.watchlist.sources import Source

Told = Callable[[str, int, int], None]
"""Takes how far the work has come: its kind, what is done of it, and the whole."""


def untold(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""


class Examined(Struct, frozen=True, kw_only=True):
    """What became of a set of sources."""

    parsed: tuple[Parsed, ...]
    """One a source, in their order; of feeds, what the guard objects to is left out."""
    issues: tuple[Issue, ...]
    """All problems of all sources, sorted by place."""
    refusals: tuple[Refusal, ...] = ()
    """Why they are not acceptable; empty: they are."""

    def require(self) -> None:
        """Return when every source is acceptable.

        Raises:
            ListError: a source has errors; it comes before a guard's objection, since a list
                with errors says nothing certain.
            GuardError: a source names what no list may.
        """
        if not self.refusals:
            return
        sentence = "; ".join(f"{refusal.source}: {refusal.message}" for refusal in self.refusals)
        blamed = any(refusal.blame is Blame.LIST for refusal in self.refusals)
        raise (ListError if blamed else GuardError)(f"{sentence}; nothing was changed", self.issues)


def examine(
    sources: Sequence[Source],
    limits: GuardSection,
    passed_over: Sequence[Issue] = (),
    never: Never = guard.NOTHING,
    told: Told = untold,
) -> Examined:
    """Parse and guard every source.

    Args:
        sources: the files as they were read.
        limits: what the guard obeys.
        passed_over: warnings about files that were not read, to be shown with the others.
        never: what no source may touch.
        told: hears how many octets of all are read.
    """
    suffixes = public_suffixes()
    found = []
    total, done = sum(len(source.content) for source in sources), 0
    for place, source in enumerate(sources, 1):
        told("reading lists", done, total)
        found.append(_parsed(source, place))
        done += len(source.content)
    told("reading lists", done, total)
    excepted = exceptions(found) if never else guard.NONE
    inspected = tuple(guard.inspect(each, limits, suffixes, never, excepted) for each in found)
    refusals = [
        guard.judge(parsed, _for(source, limits))
        for source, parsed in zip(sources, inspected, strict=True)
    ]
    issues = [issue for parsed in inspected for issue in parsed.issues]
    return Examined(
        parsed=inspected,
        issues=tuple(sorted([*passed_over, *issues])),
        refusals=tuple(refusal for refusal in refusals if refusal is not None),
    )


def accepted(
    sources: Sequence[Source], limits: GuardSection, never: Never = guard.NOTHING
) -> Examined:
    """Return what sources that were accepted before hold, without judging them again.

    A rule that came after their acceptance must not keep an entry past its day, nor a
    rollback from happening.

    Args:
        sources: the kept copies.
        limits: those under which they were accepted, which decide what a feed lost.
        never: what they might not touch then, likewise.
    """
    found = examine(sources, limits, never=never)
    return Examined(parsed=found.parsed, issues=found.issues)


def _parsed(source: Source, place: int) -> Parsed:
    terms = source.terms
    parsed = agreed(parse(source.content, source.path, terms.format or ""), terms)
    if parsed.format == "rpz":
        parsed.order = place  # zones have an order, all other sources have none
    return parsed


def _for(source: Source, limits: GuardSection) -> GuardSection:
    if source.budget is None:
        return limits
    return msgspec.structs.replace(limits, budget=source.budget)


def public_suffixes() -> PublicSuffixes:
    """Return the public suffixes that the library's copy of the list holds."""
    with Path(PSLFILE).open(encoding="utf-8") as file:
        return PublicSuffixes(file)
