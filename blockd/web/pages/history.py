"""Every generation, and what one of them changed. Pure."""

from collections.abc import Sequence

from blockd.hypertext.markup import Child, Markup, e
from blockd.policy.record import Record
from blockd.web.pages.frame import number, page, pairs, said, section, table, time
from blockd.web.steps import Kind, Steps
from blockd.web.words import Words

MOST = 200
"""Generations that are listed, the newest."""


def listed(words: Words, records: Sequence[Record], current: int | None) -> str:
    """Return the page of all generations, the newest first."""
    if not records:
        note = e("p", words("There is no generation yet; run `blockd compile`."))
        return page(words, words("History"), note, at="/history")
    heads = [
        words(head)
        for head in (
            "generation", "committed", "why", "added", "removed", "changed", "names", "prefixes",
        )
    ]  # fmt: skip
    rows = [
        (
            _linked(words, record.number, current), time(record.committed), _why(words, record),
            number(record.added), number(record.removed), number(record.changed),
            number(record.names), number(record.prefixes),
        )
        for record in records[:MOST]
    ]  # fmt: skip
    more = words("Only the first {most} are shown.", most=MOST) if len(records) > MOST else None
    return page(
        words, words("History"), table(heads, rows, numbers="34567"),
        e("p", more) if more else None, at="/history",
    )  # fmt: skip


def one(words: Words, record: Record, steps: Steps | None, problem: str = "") -> str:
    """Return the page of one generation.

    Args:
        words: the reader's language.
        record: of the generation.
        steps: what it changed; None: it is the first, or the one before is not kept.
        problem: why the difference is not shown.
    """
    sources = [
        (source.path, number(source.names), number(source.prefixes), number(source.dropped),
         e("code", source.sha256[:16]))
        for source in record.sources
    ]  # fmt: skip
    heads = [words(head) for head in ("source", "names", "prefixes", "left out", "digest")]
    return page(
        words, words("Generation {number}", number=record.number),
        pairs([
            (words("committed"), time(record.committed)),
            (words("why"), _why(words, record)),
            (words("names"), number(record.names)),
            (words("prefixes"), number(record.prefixes)),
            (words("next expiry"), str(record.next_expiry or "")),
        ]),
        _changes(words, record, steps, problem),
        section(words("Sources"), table(heads, sources, numbers="123")),
        at="/history",
    )  # fmt: skip


def _changes(words: Words, record: Record, steps: Steps | None, problem: str) -> list[Child]:
    if record.number == 1:
        return [e("p", words("This is the first generation: everything in it was added."))]
    if steps is None:
        note = "The generation before it is not kept any more; these are the numbers of its record."
        counts = [
            (words("added"), number(record.added)),
            (words("removed"), number(record.removed)),
            (words("changed"), number(record.changed)),
        ]
        return [e("p", words(note)), pairs(counts), e("p", said(problem), class_="note")]
    if not any(kind.total for kind in steps):
        return [e("p", words("Nothing that is enforced differs from the generation before."))]
    return [
        _kind(words, "Added: {count}", steps.added, "added"),
        _kind(words, "Removed: {count}", steps.removed, "removed"),
        _kind(words, "Changed: {count}", steps.changed, "changed"),
    ]


def _kind(words: Words, title: str, kind: Kind, class_: str) -> Markup | None:
    if not kind.total:
        return None
    rows = [(e("code", entry), platform) for entry, platform in kind.entries]
    left_out = kind.total > len(kind.entries)
    more = words("Only the first {most} are shown.", most=len(kind.entries)) if left_out else None
    return e(
        "section",
        e("h2", words(title, count=number(kind.total))),
        table([words("entry"), words("platform")], rows),
        e("p", more) if more else None,
        class_=class_,
    )


def _linked(words: Words, generation: int, current: int | None) -> Child:
    link = e("a", generation, href=f"/history/{generation}")
    return [link, " ", e("small", words("in force now"))] if generation == current else link


def _why(words: Words, record: Record) -> str:
    if record.rolled_back_to is not None:
        return words("rollback to {number}", number=record.rolled_back_to)
    if record.accepted:
        return f"{words.known(record.reason)}, {words('accepted by {by}', by=record.accepted.by)}"
    return words.known(record.reason)
