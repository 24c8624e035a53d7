"""Writes a report: Markdown for a person, CSV for a table, JSON for a program; line by line.

What stands in it is `report`'s business. Texts come from lists, which anybody may have written,
so each format takes the meaning out of them. Pure.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime

import msgspec
from msgspec import Struct

from blockd.counting import counted
from blockd.policy.record import Record
from blockd.policy.report import Line, Row

NEXT = 20
"""Rows that Markdown shows of what expires next."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for one to be computed


class Report(Struct, frozen=True, kw_only=True):
    """All that is said of a generation."""

    record: Record
    head: str
    """Digest of the generation's record, which vouches for all before it."""
    rows: Sequence[Row]
    cuts: Sequence[str]
    """Listed prefixes of which the configuration keeps routes away, with the reason."""
    lost: Sequence[str]
    confirmed: Sequence[Record]
    """Generations whose change was beyond a limit, and confirmed by somebody."""


def markdown(report: Report, lines: Iterable[Line] | None = None) -> Iterator[str]:
    """Yield the lines of a Markdown document."""
    record = report.record
    yield f"# What is blocked: generation {record.number}"
    yield ""
    yield f"In force since {_time(record.committed)} ({_text(record.reason)}):"
    names, prefixes = counted(record.names, "name"), counted(record.prefixes, "prefix")
    yield f"{names} and {prefixes} of {counted(record.rules, 'rule')}."
    yield f"The record's digest, which vouches for all before it, is `{report.head}`."
    yield from _sources(record)
    for state, title in (
        ("blocked", "In force"),
        ("excepted", "Excepted"),
        ("shadow", "Counted only, nothing is blocked"),
    ):
        rows = [row for row in report.rows if row.state == state]
        if rows:
            yield from _table(title, _HEADINGS[state], [_CELLS[state](row) for row in rows])
    ending = sorted((row for row in report.rows if row.expires), key=lambda row: str(row.expires))
    if ending:
        cells = [(row.expires, row.platform, row.names, row.prefixes) for row in ending[:NEXT]]
        yield from _table("What expires next", ("end of", "platform", "names", "prefixes"), cells)
    yield from _list("Cut out of the null routes", report.cuts)
    yield from _list("Left out", report.lost)
    yield from _list("Confirmed beyond a limit", map(_confirmation, report.confirmed))
    if lines is not None:
        entries = (
            (line.entry, line.scope, line.state, line.platform, line.origin) for line in lines
        )
        headings = ("entry", "covers", "is", "platform", "stands at")
        yield from _table("Every entry", headings, entries)


def table(report: Report, lines: Iterable[Line] | None = None) -> Iterator[str]:
    """Yield the lines of a CSV file (RFC 4180): a row a platform, or a row an entry."""
    if lines is not None:
        yield _csv(("state", "platform", "entry", "covers", "source", "line"))
        for line in lines:
            yield _csv((line.state, line.platform, line.entry, line.scope, *line.origin))
        return
    yield _csv(Row.__struct_fields__)
    for row in report.rows:
        yield _csv(msgspec.structs.astuple(row))


def json(report: Report, lines: Iterable[Line] | None = None) -> Iterator[str]:
    """Yield the lines of a JSON document."""
    whole = msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
    if lines is None:
        yield whole
        return
    yield whole.rstrip().removesuffix("}").rstrip() + ',\n  "entries": ['
    before = ""
    for line in lines:
        if before:
            yield f"{before},"
        said = line._asdict() | line.origin._asdict()
        del said["origin"]
        before = "    " + msgspec.json.encode(said).decode()
    if before:
        yield before
    yield "  ]\n}"


def _confirmation(record: Record) -> str:
    accepted = record.accepted
    if accepted is None:
        return ""
    return (
        f"generation {record.number} of {_time(record.committed)}, change {accepted.digest}, by"
        f" {accepted.by}: {'; '.join(accepted.beyond) or 'within the limits'}"
    )


def _sources(record: Record) -> Iterator[str]:
    cells = [
        (
            source.path, source.names, source.prefixes, source.sha256[:16],
            f"key {source.signed.key}, edition {source.signed.serial}" if source.signed else "",
        )
        for source in record.sources
    ]  # fmt: skip
    yield from _table("From", ("source", "names", "prefixes", "SHA-256", "signed"), cells)


_HEADINGS = {
    "blocked": ("platform", "names", "prefixes", "on the word of", "reference", "listed",
                "in force since", "expires"),
    "excepted": ("names", "prefixes", "reason", "answered for by", "reference", "in force since",
                 "expires"),
    "shadow": ("platform", "names", "prefixes", "on the word of", "reference", "since", "expires"),
}  # fmt: skip

_CELLS: dict[str, Callable[[Row], tuple[object, ...]]] = {
    "blocked": lambda row: (
        _platform(row), row.names, row.prefixes, f"{row.authority or '?'} ({row.basis})",
        row.reference, row.listed, _since(row), row.expires,
    ),
    "excepted": lambda row: (
        row.names, row.prefixes, row.reason, row.owner, row.reference, _since(row), row.expires,
    ),
    "shadow": lambda row: (
        _platform(row), row.names, row.prefixes, f"{row.authority or '?'} ({row.basis})",
        row.reference, _since(row), row.expires,
    ),
}  # fmt: skip


def _platform(row: Row) -> str:
    return f"{row.platform}, {row.name}" if row.name else row.platform


def _since(row: Row) -> str:
    return f"{_time(row.since)} ({row.generation})"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(map(_text, row))} |"


def _list(title: str, items: Iterable[str]) -> Iterator[str]:
    found = [f"- {_text(item)}" for item in items]
    if found:
        yield ""
        yield f"## {title}"
        yield ""
        yield from found


def _text(value: object) -> str:
    """Return a value as Markdown shows it; nothing in it opens a cell, a tag or a link."""
    if isinstance(value, int):
        return f"{value:,}"
    text = "" if value is None else str(value)
    shown = "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|" else sign for sign in text)
    return "".join(sign if sign.isprintable() else "?" for sign in shown)


def _csv(cells: Iterable[object]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow([_cell(cell) for cell in cells])
    return written.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return str(value)
    text = "" if value is None else str(value)
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    return f"'{text}" if text.startswith(_FORMULA) else text
