"""Man pages in the macros of man(7), which man-db and mandoc read alike. Pure.

What a page says is the business of `pages`; here it is escaped and laid out. A line of text that
begins with a dot or an apostrophe would be a request, a backslash an escape, and a bare hyphen
would be set as one that no shell takes (groff_man_style(7)).
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from blockd.manual.blocks import Block, Bullets, Literal, Paragraph, Part, Terms

_WIDTH = 64
"""Of a line of the source; the reader's terminal decides about what is shown."""

_MARKED = re.compile(r"`([^`]+)`|\b(blockd(?:[.-][a-z.-]+)?)(\([1-8]\))")
"""What is typed or written, and references to other pages."""


class Page(NamedTuple):
    """One man page."""

    name: str
    section: int
    summary: str
    parts: tuple[Part, ...]
    see: Sequence[str] = ()
    """Other pages, as `blockd-guard(7)`."""


def render(page: Page, version: str, day: date) -> str:
    """Return the source of a page; `day` and `version` stand at its foot."""
    title = page.name.upper()
    lines = [
        f'.TH {_quoted(title)} {page.section} {day} "blockd {version}" "blockd manual"',
        ".SH NAME",
        rf"{_plain(page.name)} \- {_plain(page.summary)}",
    ]
    for part in page.parts:
        heading = part.heading or "Description"
        # In capitals, as everywhere; but not what names a table of a file.
        lines.append(f".SH {_quoted(heading if '[' in heading else heading.upper())}")
        for place, block in enumerate(part.blocks):
            lines += _block(block, first=not place)
    if page.see:
        lines += [".SH SEE ALSO", *_text(", ".join(page.see) + ".")]
    return "".join(f"{line}\n" for line in lines)


def _block(block: Block, *, first: bool) -> Iterator[str]:
    match block:
        case Paragraph(text):
            if not first:
                yield ".PP"
            yield from _text(text)
        case Bullets(items):
            for item in items:
                yield r".IP \(bu 2"
                yield from _text(item)
        case Terms(items):
            for term, said in items:
                yield ".TP"
                yield rf"\fB{_plain(term)}\fR"
                yield from _text(said)
        case Literal(lines):
            if not first:
                yield ".PP"
            yield from (".RS 4", ".nf")
            yield from map(_plain, lines)
            yield from (".fi", ".RE")


def _text(text: str) -> Iterator[str]:
    """Yield lines of running text, with what is marked in bold."""
    # Marked first: what is marked may go on in the next line, and so may the bold.
    marked = _inline(text)
    for line in textwrap.wrap(marked, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield _safe(line)


def _inline(text: str) -> str:
    found, end = [], 0
    for match in _MARKED.finditer(text):
        found.append(_escaped(text[end : match.start()]))
        found.append(rf"\fB{_escaped(match[1] or match[2])}\fR{match[3] or ''}")
        end = match.end()
    return "".join(found) + _escaped(text[end:])


def _plain(line: str) -> str:
    return _safe(_escaped(line))


def _escaped(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("`", r"\(ga").replace("~", r"\(ti")
    text = text.replace("^", r"\(ha").replace("'", r"\(aq")
    return "".join(c if c.isascii() else rf"\[u{ord(c):04X}]" for c in text)


def _safe(line: str) -> str:
    """Keep the start of a line from being taken as a request."""
    return rf"\&{line}" if line.startswith((".", "'")) else line


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', r"\(dq") + '"'
