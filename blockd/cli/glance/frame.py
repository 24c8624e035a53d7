"""Lines for a terminal of a certain size: cut, and marked where they differ. Pure.

What a terminal is told to do is the business of `screen`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from blockd.counting import counted

_WORD = re.compile(r"\S+|\s+")
_MARK, _PLAIN = "\x1b[7m", "\x1b[0m"  # SGR of ECMA-48 8.3.117: negative image, and default


def frame(lines: Sequence[str], before: Sequence[str] | None, columns: int, rows: int) -> list[str]:
    """Return the lines that a terminal shows.

    Args:
        lines: what is to be seen, without control characters.
        before: what was seen at the last look; None: there was none, and nothing is marked.
        columns: of the terminal.
        rows: of the terminal; of what does not fit the last row says how much it is.
    """
    more = len(lines) - rows + 1
    fitting = lines[:rows] if more <= 1 else lines[: rows - 1]
    shown = [_cut(line, columns) for line in fitting]
    if before is not None:
        known = dict(_named(_cut(line, columns) for line in before))
        shown = [_marked(line, known.get(name, "")) for name, line in _named(shown)]
    if more > 1:
        shown.append(_cut(f"... {counted(more, 'more line')}: make the window higher", columns))
    return shown


def printable(text: str) -> str:
    """Return a text without what steers a terminal; a file may be called anything."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _named(lines: Iterable[str]) -> Iterator[tuple[tuple[str, int], str]]:
    """Yield each line by what it is about, and the how manieth about that it is."""
    seen: dict[str, int] = {}
    for line in lines:
        name = line.partition("  ")[0]
        seen[name] = seen.get(name, 0) + 1
        yield (name, seen[name]), line


def _marked(line: str, before: str) -> str:
    """Return a line with the words marked that were not in the same place before."""
    old = before.split()
    found, place = [], 0
    for piece in _WORD.findall(line):
        if piece.isspace():
            found.append(piece)
            continue
        same = place < len(old) and old[place] == piece
        found.append(piece if same else f"{_MARK}{piece}{_PLAIN}")
        place += 1
    return "".join(found)


def _cut(line: str, columns: int) -> str:
    """Return as much of a line as so many columns hold; some characters take two, some none."""
    width = 0
    for place, character in enumerate(line):
        if unicodedata.combining(character):
            continue
        width += 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
        if width > columns:
            return line[:place]
    return line
