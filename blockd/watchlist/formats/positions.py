"""Lines of keys and values in TOML, which tomllib reads but does not remember.

A scanner of documents that tomllib has accepted already: it checks nothing, it only finds
places. What the document means is `native`'s business.
"""

import re
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Keys and, within arrays, indices: `("platform", 3, "domains", 0)`."""

_TOKEN = re.compile(
    r'''(?P<space>[ \t\r]+|\#[^\n]*)
      | (?P<newline>\n)
      | (?P<string>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
      | (?P<mark>[\[\]{}=,])
      | (?P<bare>[^\s\[\]{}=,"'\#]+)
    ''',
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([btnfr\"\\]))")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


class Positions:
    """Where the keys, values and array elements of one valid TOML document stand."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        table: Path = ()
        while self._next.kind != "end":
            if self._next.kind == "newline":
                self._take()
            elif self._next.text == "[":
                table = self._header()
            else:
                self._pair(table)

    def line(self, path: Path) -> int:
        """Return the line of the path, or of the nearest thing around it; 0 if unknown."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 0

    def _take(self) -> _Token:
        taken = self._next
        if taken.kind != "end":
            self._next = next(self._tokens)
        return taken

    def _header(self) -> Path:
        line = self._take().line
        many = self._next.text == "["
        keys = self._key("]")
        path: Path = ()
        for key in keys[:-1]:
            path = self._inside((*path, key))
        path = (*path, *keys[-1:])
        if many:
            self._counts[path] = self._counts.get(path, -1) + 1
            self._lines.setdefault(path, line)
            path = self._inside(path)
        self._lines.setdefault(path, line)
        while self._next.kind not in ("newline", "end"):
            self._take()
        return path

    def _inside(self, path: Path) -> Path:
        """Return the last table of an array of tables, and any other path as it is."""
        return (*path, self._counts[path]) if path in self._counts else path

    def _key(self, until: str) -> list[str]:
        keys: list[str] = []
        while self._next.kind != "end" and self._next.text != until:
            token = self._take()
            if token.kind == "string":
                keys.append(_unquoted(token.text))
            elif token.kind == "bare":
                keys.extend(part for part in token.text.split(".") if part)
        self._take()
        return keys

    def _pair(self, table: Path) -> None:
        line = self._next.line
        path = table
        for key in self._key("="):
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self._take()
        # A key keeps the line it stands on; an element of an array has none but its own.
        self._lines.setdefault(path, first.line)
        if first.text == "[":
            indices = count()
            while self._next.kind != "end" and self._next.text != "]":
                if self._next.kind == "newline" or self._next.text == ",":
                    self._take()
                else:
                    self._value((*path, next(indices)))
            self._take()
        elif first.text == "{":
            while self._next.kind != "end" and self._next.text != "}":
                if self._next.kind == "newline" or self._next.text == ",":
                    self._take()
                else:
                    self._pair(path)
            self._take()
        else:
            while self._next.kind == "bare":  # a date and a time with a blank between
                self._take()


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind != "space":
            yield _Token(kind, match[0], line)
        line += match[0].count("\n")
    while True:
        yield _Token("end", "", line)


def _unquoted(text: str) -> str:
    if text.startswith("'"):
        return text[1:-1]
    return _ESCAPE.sub(lambda m: _ESCAPED[m[3]] if m[3] else chr(int(m[1] or m[2], 16)), text[1:-1])
