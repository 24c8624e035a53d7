"""All sources together: each parsed and guarded, and the decision whether they are acceptable.

A refused source refuses the whole change. Reading is `sources`' business; what a guard
objects to is `guard`'s.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from publicsuffixlist import PSLFILE

from blockd.config import GuardSection
from blockd.errors import GuardError, ListError
from blockd.watchlist import guard
from blockd.watchlist.formats import parse
from blockd.watchlist.guard import Blame, PublicSuffixes, Refusal
from blockd.watchlist.model import Issue, Parsed
from blockd.watchlist.sources import Source


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
    sources: Sequence[Source], limits: GuardSection, passed_over: Sequence[Issue] = ()
) -> Examined:
    """Parse and guard every source.

    Args:
        sources: the files as they were read.
        limits: what the guard obeys.
        passed_over: warnings about files that were not read, to be shown with the others.
    """
    suffixes = public_suffixes()
    inspected = tuple(
        guard.inspect(parse(source.content, source.path), limits, suffixes) for source in sources
    )
    refusals = [guard.judge(parsed, limits) for parsed in inspected]
    issues = [issue for parsed in inspected for issue in parsed.issues]
    return Examined(
        parsed=inspected,
        issues=tuple(sorted([*passed_over, *issues])),
        refusals=tuple(refusal for refusal in refusals if refusal is not None),
    )


def accepted(sources: Sequence[Source], limits: GuardSection) -> Examined:
    """Return what sources that were accepted before hold, without judging them again.

    A rule that came after their acceptance must not keep an entry past its day, nor a
    rollback from happening.

    Args:
        sources: the kept copies.
        limits: those under which they were accepted, which decide what a feed lost.
    """
    found = examine(sources, limits)
    return Examined(parsed=found.parsed, issues=found.issues)


def public_suffixes() -> PublicSuffixes:
    """Return the public suffixes that the library's copy of the list holds."""
    with Path(PSLFILE).open(encoding="utf-8") as file:
        return PublicSuffixes(file)
