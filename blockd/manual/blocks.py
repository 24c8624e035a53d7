"""What a page of the manual consists of, and how its text is read. Pure.

A text is a few kinds of lines: `# heading`, paragraphs, `- bullets`, `term :: what it means`,
four blanks before what stands as it is, and `@keys NAME` for a table that the program makes.
Backticks mark what is typed or written. How it looks is the business of `plain` and `roff`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

_LITERAL = "    "
_TABLE = "@keys "
_TERM = " :: "


class Paragraph(NamedTuple):
    """Sentences."""

    text: str


class Bullets(NamedTuple):
    """A list, each item of which is a paragraph."""

    items: tuple[str, ...]


class Terms(NamedTuple):
    """Terms, each with what it means."""

    items: tuple[tuple[str, str], ...]


class Literal(NamedTuple):
    """Lines that stand as they are: commands, files."""

    lines: tuple[str, ...]


Block = Paragraph | Bullets | Terms | Literal


class Part(NamedTuple):
    """What stands below a heading; before the first one the heading is empty."""

    heading: str
    blocks: tuple[Block, ...]


class Topic(NamedTuple):
    """A text of the manual."""

    name: str
    summary: str
    parts: tuple[Part, ...]


def parse(text: str, table: Callable[[str], Terms]) -> Topic:
    """Return what a text says.

    Args:
        text: the first line is `name: summary`.
        table: returns the table that `@keys NAME` stands for; raises KeyError.
    """
    first, *lines = text.splitlines()
    name, _, summary = first.partition(": ")
    parts: list[tuple[str, list[Block]]] = [("", [])]
    piece: list[str] = []
    for line in [*lines, ""]:
        if line.strip() and not line.startswith("# "):
            piece.append(line)
            continue
        if piece:
            _append(parts[-1][1], _block(piece, table))
            piece = []
        if line:
            parts.append((line.removeprefix("# "), []))
    found = (Part(heading, tuple(blocks)) for heading, blocks in parts if blocks)
    return Topic(name, summary, tuple(found))


def _append(blocks: list[Block], block: Block) -> None:
    """Add a block; what is literal goes on past a blank line."""
    last = blocks[-1] if blocks else None
    if isinstance(last, Literal) and isinstance(block, Literal):
        blocks[-1] = Literal((*last.lines, "", *block.lines))
    else:
        blocks.append(block)


def _block(lines: Sequence[str], table: Callable[[str], Terms]) -> Block:
    first = lines[0]
    if first.startswith(_LITERAL):
        return Literal(tuple(line.removeprefix(_LITERAL) for line in lines))
    if first.startswith(_TABLE):
        return table(first.removeprefix(_TABLE))
    if first.startswith("- "):
        return Bullets(tuple(item.removeprefix("- ") for item in _items(lines, "- ")))
    if _TERM in first:
        pairs = [item.partition(_TERM) for item in _items(lines, "", _TERM)]
        return Terms(tuple((term, said) for term, _, said in pairs))
    return Paragraph(" ".join(lines))


def _items(lines: Iterable[str], start: str, within: str = "") -> list[str]:
    """Return items, the lines of each joined: one begins where a line starts or contains so."""
    found: list[str] = []
    for line in lines:
        if line.startswith(start) and within in line:
            found.append(line)
        else:
            found[-1] += f" {line.strip()}"
    return found
