"""TOML text to a document, and past a syntax error to the rest of it.

A person who mends a list wants all its mistakes at once; tomllib stops at the first that
breaks the syntax. So a table whose syntax is broken is reported, blanked and the rest read.
"""

import re
import tomllib
from itertools import pairwise
from typing import Any, NamedTuple

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_HEADER = re.compile(r"^\[\[?[ \t]*[A-Za-z]", re.MULTILINE)
_SAYS = re.compile(r"\s*[^\s#]")
# tomllib takes time with the square of a dotted key's length.
_ENDLESS_KEY = re.compile(r"^[^=#\"'\n]{1000}", re.MULTILINE)
_HINTS = {
    "Invalid value": "text stands in quotes, a list in brackets with commas between",
    "Unclosed array": "close it with `]`",
    "Illegal character '\\n'": "close the text with a quote on the same line",
    "Cannot overwrite a value": "the key stands twice in this table; keep one",
    "Cannot declare": "the table stands twice; keep one",
    "Expected '='": "write `key = value`",
    "Expected newline": "one key a line, a text in quotes, a date as YYYY-MM-DD",
    "Invalid date": "there is no such day",
}


class Reading(NamedTuple):
    """What could be read of a text."""

    document: dict[str, Any]
    text: str
    """What the document was read from: the text, tables with broken syntax blanked."""
    problems: list[tuple[int, str]]
    """Lines, and a sentence about each."""


def read(text: str) -> Reading:
    """Return the document and the syntax errors of a text."""
    endless = _ENDLESS_KEY.search(text)
    if endless:
        line = text.count("\n", 0, endless.start()) + 1
        return Reading({}, "", [(line, "not valid TOML: a key of more than a thousand characters")])
    try:
        return Reading(tomllib.loads(text), text, [])
    except (ValueError, RecursionError) as error:
        first = _problem(error, text, 1)
    if '"""' in text or "'''" in text:
        return Reading({}, "", [first])  # what looks like a header may be inside a text
    problems = []
    kept = []
    starts = sorted({0, *(match.start() for match in _HEADER.finditer(text)), len(text)})
    for start, end in pairwise(starts):
        part = text[start:end]
        try:
            tomllib.loads(part)
        except (ValueError, RecursionError) as error:
            problems.append(_problem(error, part, text.count("\n", 0, start) + 1))
            part = "\n" * part.count("\n")
        kept.append(part)
    rest = "".join(kept)
    try:
        document = tomllib.loads(rest)
    except (ValueError, RecursionError) as error:
        return Reading({}, "", [*problems, _problem(error, rest, 1)])
    return Reading(document, rest, problems)


def _problem(error: Exception, part: str, first_line: int) -> tuple[int, str]:
    """Return the line and the sentence for what tomllib said about a part of the text."""
    if isinstance(error, RecursionError):
        return first_line, "not valid TOML: brackets nested too deep"
    if not isinstance(error, tomllib.TOMLDecodeError):
        # Python's own limit on the digits of a number; tomllib lets it through without a place.
        return first_line, "not valid TOML: a number of thousands of digits"
    message = str(error)
    place = _PLACE.search(message)
    said = _PLACE.sub("", message)
    hint = next((hint for start, hint in _HINTS.items() if said.startswith(start)), "")
    line = int(place[1]) if place and place[1] else part.count("\n") + 1
    before = part.split("\n")[: line - 1]
    if place and (not place[1] or (place[2] == "1" and said.startswith("Unclosed"))):
        # Something was left open: the line before that says anything is where it ends.
        line = max((n for n, text in enumerate(before, 1) if _SAYS.match(text)), default=line)
    sentence = f"not valid TOML: {said[:1].lower()}{said[1:]}"
    return first_line + line - 1, f"{sentence}; {hint}" if hint else sentence
