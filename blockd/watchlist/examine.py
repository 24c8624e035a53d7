"""All sources together: each parsed and guarded, and the decision whether they are acceptable.

A refused source refuses the whole change. Reading is `sources`' business; what a guard
objects to is `guard`'s, and what that means for a source `refusal`'s.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from publicsuffixlist import PSLFILE

from blockd.config import GuardSection
from blockd.errors import GuardError, ListError
from blockd.watchlist import compile as compiling
from blockd.watchlist import guard
from blockd.watchlist.formats import parse
from blockd.watchlist.model import Issue, Parsed
from blockd.watchlist.never import Exceptions, Never, exceptions
from blockd.watchlist.override import agreed
from blockd.watchlist.refusal import Blame, Refusal, judge
from blockd.watchlist.sources import Source
from blockd.watchlist.suffixes import PublicSuffixes

Told = Callable[[str, int, int], None]
"""Takes how far the work has come: its kind, what is done of it, and the whole."""


def untold(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""


class Known(Struct, frozen=True):
    """What is known of sources that have not changed since they were accepted."""

    sources: Mapping[int, tuple[Parsed, Exceptions]]
    """By their places: guarded, but without entries; and their exceptions."""
    excepted: Sequence[Exceptions]
    """The exceptions of all sources as they were then."""


class Examined(Struct, frozen=True, kw_only=True):
    """What became of a set of sources."""

    parsed: tuple[Parsed, ...]
    """One a source, in their order; of feeds, what the guard objects to is left out."""
    issues: tuple[Issue, ...]
    """The problems of all sources, sorted by place; of which sorts there are more, see `told`."""
    refusals: tuple[Refusal, ...] = ()
    """Why they are not acceptable; empty: they are."""
    known: frozenset[int] = frozenset()
    """The places of sources that were not parsed: what was known of them lacks the entries."""
    excepted: tuple[Exceptions, ...] = ()
    """The exceptions of each source, where something may not be touched."""

    def require(self, *, shown: bool = False) -> None:
        """Return when every source is acceptable.

        Args:
            shown: the issues have been shown: the error quotes none of them again.

        Raises:
            ListError: a source has errors; it comes before a guard's objection, since a list
                with errors says nothing certain.
            GuardError: a source names what no list may.
        """
        if not self.refusals:
            return
        blamed = any(refusal.blame is Blame.LIST for refusal in self.refusals)
        whole, brief = (
            "; ".join(f"{source}: {said}" for source, said in each) + "; nothing was changed"
            for each in (
                [(refusal.source, refusal.message) for refusal in self.refusals],
                [(refusal.source, refusal.brief) for refusal in self.refusals],
            )
        )
        kind = ListError if blamed else GuardError
        raise kind(brief if shown else whole, self.issues, brief=brief)


def examine(
    sources: Sequence[Source],
    limits: GuardSection,
    passed_over: Sequence[Issue] = (),
    never: Never = guard.NOTHING,
    told: Told = untold,
    known: Known | None = None,
) -> Examined:
    """Parse and guard every source.

    Args:
        sources: the files as they were read.
        limits: what the guard obeys.
        passed_over: warnings about files that were not read, to be shown with the others.
        never: what no source may touch.
        told: hears how many octets of all are read.
        known: of which sources the result is there already, under the same `limits` and `never`.
    """
    given = known.sources if known is not None else {}
    found = []
    total, done = sum(len(source.content) for source in sources), 0
    for place, source in enumerate(sources):
        told("reading lists", done, total)
        found.append(given[place][0] if place in given else _parsed(source, place + 1))
        done += len(source.content)
    told("reading lists", done, total)
    excepted: list[Exceptions] = []
    if never:
        excepted = [
            given[place][1] if place in given else _exceptions(parsed)
            for place, parsed in enumerate(found)
        ]
    every = together(excepted)
    if known is not None and every != together(known.excepted):
        # An exception decides about the entries of other sources too: these may be others now.
        total = sum(len(sources[place].content) for place in given)
        done = 0
        for place in given:
            told("reading the other lists too", done, total)
            found[place] = _parsed(sources[place], place + 1)
            done += len(sources[place].content)
        told("reading the other lists too", done, total)
        given = {}
    new = [place for place in range(len(sources)) if place not in given]
    suffixes = public_suffixes() if new else PublicSuffixes(())
    for place in new:
        found[place] = guard.inspect(found[place], limits, suffixes, never, every)
    refusals = [judge(found[place], limits_for(sources[place], limits)) for place in new]
    issues = [issue for parsed in found for issue in parsed.told()]
    return Examined(
        parsed=tuple(found),
        issues=tuple(sorted([*passed_over, *issues])),
        refusals=tuple(refusal for refusal in refusals if refusal is not None),
        known=frozenset(given),
        excepted=tuple(excepted) or (guard.NONE,) * len(found),
    )


def accepted(
    sources: Sequence[Source],
    limits: GuardSection,
    never: Never = guard.NOTHING,
    told: Told = untold,
) -> Examined:
    """Return what sources that were accepted before hold, without judging them again.

    A rule that came after their acceptance must not keep an entry past its day, nor a
    rollback from happening.

    Args:
        sources: the kept copies.
        limits: those under which they were accepted, which decide what a feed lost.
        never: what they might not touch then, likewise.
        told: hears how many octets of all are read.
    """
    found = examine(sources, limits, never=never, told=told)
    return msgspec.structs.replace(found, refusals=())


def _parsed(source: Source, place: int) -> Parsed:
    terms = source.terms
    parsed = agreed(parse(source.content, source.path, terms.format or ""), terms)
    if parsed.format == "rpz":
        parsed.order = place  # zones have an order, all other sources have none
    return parsed


def _exceptions(parsed: Parsed) -> Exceptions:
    # Nearly no feed has exceptions, and its entries are many.
    some = any(rule.allow for rule, _ in compiling.counted(parsed))
    return exceptions([parsed]) if some else guard.NONE


def together(excepted: Iterable[Exceptions]) -> Exceptions:
    """Return the exceptions of several sources."""
    each = list(excepted)
    return Exceptions(
        frozenset().union(*(one.subtrees for one in each)),
        frozenset().union(*(one.exact for one in each)),
        frozenset().union(*(one.prefixes for one in each)),
    )


def limits_for(source: Source, limits: GuardSection) -> GuardSection:
    """Return the guard's limits for a source, which may have a budget of its own."""
    if source.budget is None:
        return limits
    return msgspec.structs.replace(limits, budget=source.budget)


def public_suffixes() -> PublicSuffixes:
    """Return the public suffixes that the library's copy of the list holds."""
    with Path(PSLFILE).open(encoding="utf-8") as file:
        return PublicSuffixes(file)
