"""The syntax of zone files (RFC 1035 5): lines to records, and owners to names within the zone.

What a record means is `rpz`'s business. Nothing here knows of policies.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from blockd.errors import NameFormError, RecordFormError
from blockd.watchlist.formats.entry import shown

_TOKEN = re.compile(
    # Possessive throughout: a quote that is never closed must not be tried from every place.
    r'(?P<blank>\s++)|(?P<comment>;.*+)|(?P<mark>[()])'
    r'|(?P<word>(?:[^\s"\\;()]|\\.|"(?:[^"\\]|\\.)*+")++)'
)  # fmt: skip
_TTL = re.compile(r"(?:\d{1,10}|(?:\d{1,10}[smhdw])+)", re.IGNORECASE)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLASS = frozenset({"IN", "CH", "HS", "CS"})

_MOST_LINES = 256
"""Lines of one record: a parenthesis that is never closed must not swallow the file."""


class Record(NamedTuple):
    """One record as it is written."""

    owner: str | None
    """None: the line begins with a blank, and the owner is that of the record before."""
    ttl: int | None
    """Seconds."""
    rtype: str
    """In capital letters; empty where there is none."""
    words: tuple[str, ...]
    """What follows the type, quotes and escapes as they stand there."""


class Directive(NamedTuple):
    """A line that begins with `$`."""

    name: str
    """In capital letters, with the `$`."""
    words: tuple[str, ...]


class Following:
    """Gives one line after the other, and counts them."""

    def __init__(self, text: str, at: int) -> None:
        """Begin at a place of a text."""
        self._text = text
        self.at = at
        self.taken = 0

    def __call__(self) -> str | None:
        """Return the next line without its end; None: there is none."""
        if self.at >= len(self._text):
            return None
        end = self._text.find("\n", self.at)
        end = len(self._text) if end < 0 else end
        line = self._text[self.at : end]
        self.at = end + 1
        self.taken += 1
        return line.removesuffix("\r")


def read(line: str, following: Callable[[], str | None]) -> Record | Directive | None:
    """Return what begins on a line; None: a blank line or a comment.

    Args:
        line: the first line.
        following: returns the next line of the file, for records in parentheses; None at its end.

    Raises:
        RecordFormError: the line is no record; how many further lines were taken is the
            caller's to count, and to go back by.
    """
    words, depth = _words(line, 0)
    taken = 1
    while depth:
        more = following() if taken < _MOST_LINES else None
        if more is None:
            raise RecordFormError("a parenthesis is opened and not closed; close it with `)`")
        taken += 1
        further, depth = _words(more, depth)
        words += further
    if not words:
        return None
    if words[0].startswith("$") and not line[0].isspace():
        return Directive(words[0].upper(), tuple(words[1:]))
    owner = None if line[0].isspace() else words.pop(0)
    return _record(owner, words)


def _words(line: str, depth: int) -> tuple[list[str], int]:
    found = []
    at = 0
    while at < len(line):
        match = _TOKEN.match(line, at)
        if match is None:
            raise RecordFormError(
                f"{shown(line[at])} at column {at + 1} has no counterpart; close the text with"
                ' a quote on the same line, and write a quote within it as `\\"`'
            )
        at = match.end()
        if match["word"]:
            found.append(match["word"])
        elif match["mark"]:
            depth += 1 if match["mark"] == "(" else -1
            if depth < 0:
                raise RecordFormError("a parenthesis is closed that was not opened")
    return found, depth


def _record(owner: str | None, words: list[str]) -> Record:
    # RFC 1035 5.1: TTL and class in either order, each of them optional.
    ttl = None
    is_classed = False
    at = 0
    while at < len(words):
        word = words[at].upper()
        if ttl is None and _TTL.fullmatch(word):
            ttl = seconds(word)
        elif not is_classed and word in _CLASS:
            if word != "IN":
                raise RecordFormError(f"the class {word} is none of the Internet; write IN")
            is_classed = True
        else:
            break
        at += 1
    if at == len(words):
        raise RecordFormError("holds no record; write a name, a type and its data: `name CNAME .`")
    return Record(owner, ttl, words[at].upper(), tuple(words[at + 1 :]))


def seconds(text: str) -> int:
    """Return a TTL in seconds, written as a number or with BIND's units (`1h30m`).

    Raises:
        RecordFormError: it is none.
    """
    if not _TTL.fullmatch(text):
        raise RecordFormError(f"{shown(text)} is no TTL; write seconds")
    if text.isdigit():
        found = int(text)
    else:
        parts = re.findall(r"(\d+)(\D)", text.lower())
        found = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if found > 0x7FFFFFFF:  # RFC 2181 8
        raise RecordFormError(f"{shown(text)} is more than a TTL may be, 2147483647 seconds")
    return found


class Owners:
    """How the names of one zone file are to be read: its `$ORIGIN`, and the zone's own name.

    The zone's name comes from its SOA; a file that never says it speaks of names relative to
    the zone, whatever that is called.
    """

    def __init__(self) -> None:
        """Begin with a zone of unknown name."""
        self._origin = ""
        """With a final dot: absolute; without: relative to the zone, empty for the zone itself."""
        self._zone: str | None = None
        """None: not said yet; empty: never said. With a final dot."""

    @property
    def state(self) -> tuple[str, str | None]:
        """All that bears on how a name is read."""
        return self._origin, self._zone

    @property
    def suffix(self) -> str | None:
        """What a relative owner is followed by within the zone; None: see `within`."""
        if not self._origin.endswith("."):
            return self._origin
        if self._zone is None:
            return None
        try:
            return self.within(self._origin)
        except NameFormError:
            return None

    @property
    def ending(self) -> str:
        """What an absolute owner has behind its part within the zone, once a record was read."""
        return f".{self._zone}" if self._zone and self._zone != "." else "."

    def set_origin(self, text: str) -> None:
        """Obey an `$ORIGIN`.

        Raises:
            NameFormError: where it is cannot be said, so nor can that of what follows.
        """
        origin = self.join(text)
        if origin.endswith(".") and self._zone == "":
            raise NameFormError(
                f"`$ORIGIN {text}` follows an SOA record whose owner did not say what the zone is"
                " called; write $ORIGIN in front of the SOA"
            )
        self._origin = origin

    def set_zone(self, owner: str) -> bool:
        """Take the owner of an SOA for the zone; tell whether it is the zone's."""
        full = self.join(owner)
        if self._zone is None:
            self._zone = full if full.endswith(".") else ""
        return full.lower() == (self._zone.lower() or "")

    def join(self, name: str) -> str:
        """Return a name as it is written, behind it the origin where it is relative.

        With a final dot it is absolute, without one relative to a zone whose name is not known.
        """
        if name == "@":
            return self._origin
        if name.endswith(".") and not name.endswith("\\."):
            return name
        if self._origin == ".":
            return f"{name}."
        return f"{name}.{self._origin}" if self._origin else name

    def within(self, owner: str) -> str:
        """Return an owner relative to the zone, without a final dot; empty: the zone itself.

        Raises:
            NameFormError: it lies outside of the zone.
        """
        full = self.join(owner)
        if not full.endswith("."):
            return full
        if self._zone is None:
            # No SOA in front: the origin is the zone, or the file has absolute names alone.
            self._zone = self._origin
        if not self._zone:
            return full[:-1]
        lower, zone = full.lower(), self._zone.lower()
        if lower == zone:
            return ""
        if zone == ".":
            return full[:-1]
        if not lower.endswith(f".{zone}"):
            raise NameFormError(
                f"{shown(owner)} lies outside of the zone {self._zone}; write it without the"
                " final dot"
            )
        return full[: -len(zone) - 1]
