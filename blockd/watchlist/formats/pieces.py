"""Long texts, decoded in pieces of whole lines: no second copy of all of one is ever held.

A format reads through a `Window`, which always shows it as many lines as it may take at once, so
that the pieces change nothing about what is read. What a line says is not known here.
"""

import codecs
from collections.abc import Iterator

PIECE = 1 << 20
"""Octets of one piece, and more where a line is longer."""


_USUAL = 32
"""Characters of a line, as a first guess."""


class Pieces:
    """A file's octets, known to be UTF-8, as a text without a byte order mark."""

    def __init__(self, octets: bytes, size: int = PIECE) -> None:
        self._octets = octets
        self._size = size

    def __iter__(self) -> Iterator[str]:
        """Yield the text in pieces, each of whole lines."""
        for start, piece in pieces(self._octets, self._size):
            text = str(piece, "utf-8")
            yield text if start else text.removeprefix("\ufeff")

    def head(self, characters: int) -> str:
        """Return so many characters from the beginning, or all where there are fewer."""
        octets = self._octets[: 4 * (characters + 1)]  # of UTF-8, with the mark
        return codecs.utf_8_decode(octets, "ignore")[0].removeprefix("\ufeff")[:characters]

    def whole(self) -> str:
        """Return all of it."""
        return self._octets.decode("utf-8-sig")


Text = str | Pieces
"""What a format reads: a text as it is, or one that is to be decoded on the way."""


class Window:
    """The part of a text that is being read, and some lines more."""

    def __init__(self, text: Text, ahead: int) -> None:
        """Begin with nothing; `ahead`: the most lines that are taken at once."""
        self._pieces = iter((text,) if isinstance(text, str) else text)
        self._ahead = ahead
        self.text = ""
        self.limit = 0
        """The offset from which on there are not more lines than that, unless it is the end."""

    def move(self, at: int) -> bool:
        """Let go of what lies before an offset, which is 0 from now on; False: nothing is left."""
        text, self.text = self.text[at:], ""
        while True:
            parts, fresh = [text], 0
            for piece in self._pieces:
                parts.append(piece)
                fresh += len(piece)
                if fresh >= len(text):  # as much again at least: no line is moved too often
                    break
            text = "".join(parts)
            self.limit = self._limit(text) if fresh else len(text)
            if self.limit or not fresh:
                self.text = text
                return bool(text)

    def _limit(self, text: str) -> int:
        """Return the beginning of a line behind which there are enough; 0: there is none."""
        tail = _USUAL * self._ahead + 1
        while tail < len(text):
            if text.count("\n", len(text) - tail) > self._ahead:
                return text.find("\n", len(text) - tail) + 1
            tail *= 2
        return 0


def pieces(octets: bytes, size: int = PIECE) -> Iterator[tuple[int, memoryview]]:
    """Yield octets in pieces of whole lines, each with its offset."""
    view, at = memoryview(octets), 0
    while at < len(octets):
        stop = at + size
        end = octets.rfind(b"\n", at, stop) + 1 or octets.find(b"\n", stop) + 1 or len(octets)
        yield at, view[at:end]
        at = end


def head(text: Text, characters: int) -> str:
    """Return so many characters from the beginning of a text."""
    return text[:characters] if isinstance(text, str) else text.head(characters)


def whole(text: Text) -> str:
    """Return all of a text, for who cannot read it on the way."""
    return text if isinstance(text, str) else text.whole()
