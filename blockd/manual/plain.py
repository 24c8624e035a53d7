"""The manual as text for a terminal or a pipe. Pure."""

import textwrap
from collections.abc import Iterator

from blockd.manual.blocks import Block, Bullets, Literal, Paragraph, Terms, Topic

_WIDTH = 79
_INDENT = " " * 4


def render(topic: Topic) -> str:
    """Return a topic as lines of 79 characters at most, but for what is literal."""
    lines = [f"{topic.name}: {topic.summary}"]
    for part in topic.parts:
        if part.heading:
            lines += ["", part.heading]
        for block in part.blocks:
            if lines[-1] != part.heading:
                lines.append("")
            lines += _block(block)
    return "".join(f"{line}\n" for line in lines)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text):
            yield from _wrapped(text, _INDENT)
        case Bullets(items):
            for item in items:
                yield from _wrapped(item, f"{_INDENT}- ", f"{_INDENT}  ")
        case Terms(items):
            for term, said in items:
                yield from _wrapped(term, _INDENT, _INDENT * 2)
                yield from _wrapped(said, _INDENT * 2)
        case Literal(lines):
            yield from (f"{_INDENT * 2}{line}".rstrip() for line in lines)


def _wrapped(text: str, first: str, rest: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=rest or " " * len(first),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
