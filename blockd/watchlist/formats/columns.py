"""What the columns of a table mean: its header, and the attributes that a row gives its entry.

How rows are read, and what becomes of them, is `delimited`'s business.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from blockd.terms import Action, Basis
from blockd.watchlist.formats.entry import shown

_NAMES = frozenset({"domain", "domains", "host", "hostname", "fqdn", "domain_name", "host_name"})
_PREFIXES = frozenset({
    "prefix", "ip", "cidr", "address", "network", "ip_address", "ipaddress", "dst_ip", "dstip",
})  # fmt: skip
_EITHER = frozenset({"indicator", "ioc", "entry", "value"})
_ATTRIBUTES: Mapping[str, str] = {
    "reference": "reference", "ref": "reference", "reason": "reason", "authority": "authority",
    "contact": "contact", "id": "id", "platform": "id", "action": "action", "basis": "basis",
    "listed": "listed", "date_added": "listed", "dateadded": "listed", "added": "listed",
    "first_seen": "listed", "firstseen": "listed", "first_seen_utc": "listed",
    "expires": "expires", "expiry": "expires", "valid_until": "expires",
}  # fmt: skip
_DELIMITERS = ",;\t|"
_ROWS = 10
"""Rows that are compared with the header."""
HEAD, _LONG = 1 << 20, 4096
"""Characters of a text, and of a line, in which a header is looked for."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}.*)?", re.DOTALL)
_WORDS = frozenset(Action) - {Action.ADDRESS, Action.RECORDS}
"""Actions that need no more than a word."""
_BLOCK = frozenset({"block", "deny", "blocked"})
"""What others write for the list's own action."""


class Header(NamedTuple):
    """What the columns of a table are."""

    line: int
    """Where it stands."""
    delimiter: str
    columns: tuple[str, ...]
    """`name`, `prefix`, `either`, the field of a rule, or nothing."""
    is_comment: bool = False
    """It stands in a comment."""

    def places(self, *meanings: str) -> list[int]:
        """Return the columns with one of the meanings."""
        return [place for place, meaning in enumerate(self.columns) if meaning in meanings]

    @property
    def entries(self) -> list[int]:
        """The columns that list something."""
        return self.places("name", "prefix", "either")


def header(text: str) -> Header | None:
    """Return the header of a text; None: it has none.

    It is the first line that is no comment, or the last comment before that, if there are rows
    with as many fields.
    """
    comment, at = "", 0
    for number, line in enumerate(text[:HEAD].split("\n"), 1):
        stripped = line.strip("\ufeff \r")
        if stripped.startswith("#"):
            comment, at = stripped.lstrip("# "), number
        elif stripped:
            found = _header(stripped, number)
            if found is None and comment:
                above = _header(comment, at)
                fits = above is not None and _fits(above, text)
                found = above._replace(is_comment=True) if above and fits else None
            return found
    return None


def is_table(text: str) -> bool:
    """Tell whether a text looks like a table of several columns, its rows included."""
    found = header(text)
    return found is not None and len(found.columns) > 1 and _fits(found, text)


def _fits(found: Header, text: str) -> bool:
    """Tell whether one of the first rows has as many fields as the header, or there are none."""
    lines = text[:HEAD].split("\n")[found.line :]
    rows = islice((line for line in lines if line.strip() and line[0] != "#"), _ROWS)
    widths = [len(_fields(row, found.delimiter)) for row in rows]
    return not widths or len(found.columns) in widths


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line[:_LONG]], delimiter=delimiter), [])
    except csv.Error:  # a carriage return of its own
        return []


def _header(line: str, number: int) -> Header | None:
    best: Header | None = None
    for delimiter in _DELIMITERS:
        fields = _fields(line, delimiter)
        words = [re.sub(r"[\s-]+", "_", field.strip().lower()) for field in fields]
        columns = tuple(_meaning(word, words) for word in words)
        found = Header(number, delimiter, columns)
        if found.entries and (best is None or len(columns) > len(best.columns)):
            best = found
    return best


def _meaning(word: str, words: Sequence[str]) -> str:
    if word in _NAMES or (word == "name" and not _NAMES & set(words)):
        return "name"
    if word in _PREFIXES:
        return "prefix"
    if word in _EITHER:
        return "either"
    return "title" if word == "name" else _ATTRIBUTES.get(word, "")


def attributes(given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the fields of a rule that a row says, by their names.

    Args:
        given: meanings of columns, with a row's text for each.

    Raises:
        ValueError: with a sentence about what is wrong.
    """
    changes: dict[str, Any] = {}
    for meaning, text in given:
        value = " ".join(text.split())
        if value:
            _set(meaning, value, changes)
    if "listed" in changes and "expires" in changes and changes["expires"] < changes["listed"]:
        raise ValueError(
            f"`expires` {changes['expires']} lies before `listed` {changes['listed']}; mend one"
        )
    return changes


def _set(meaning: str, text: str, changes: dict[str, Any]) -> None:
    if not text.isprintable():
        raise ValueError(f"`{meaning}`: {shown(text)} holds a control character")
    if meaning in {"listed", "expires"}:
        try:
            changes[meaning] = _day(text)
        except ValueError:
            raise ValueError(f"`{meaning}`: {shown(text)} is no day; write YYYY-MM-DD") from None
    elif meaning == "action":
        word = text.lower()
        if word == "allow":
            changes.update(allow=True)
        elif word in _WORDS:
            changes["action"] = Action(word)
        elif word not in _BLOCK:
            known = ", ".join(sorted(_WORDS))
            raise ValueError(f"`action`: {shown(text)} is none of allow, {known}")
    elif meaning == "basis":
        if text.lower() not in set(Basis):
            raise ValueError(f"`basis`: {shown(text)} is none of {', '.join(Basis)}")
        changes["basis"] = Basis(text.lower())
    elif meaning == "id":
        if not _ID.fullmatch(text):
            raise ValueError(
                f"`id`: {shown(text)} is no identifier; write 1 to 64 letters, digits, dots,"
                " hyphens and underscores"
            )
        changes["id"] = text
    else:
        changes["name" if meaning == "title" else meaning] = text


@lru_cache(maxsize=1000)
def _day(text: str) -> date:
    """Return the day of a date, or of a time; a table has the same ones again and again."""
    found = _DAY.fullmatch(text)
    return date.fromisoformat(found[1] if found else "")
