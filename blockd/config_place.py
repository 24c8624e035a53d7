"""On which line of a TOML text a key stands. Pure.

tomllib reads TOML and keeps no lines, so each statement of the text is read by itself once more;
that is done for a message about a mistake alone. What is wrong is the business of `config_faults`.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Path = Sequence[str | int]
"""Where a value is: the names of tables and keys, and the places in arrays."""

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class _Statement(NamedTuple):
    """A table's header or a key with its value: what TOML allows to stand alone."""

    line: int
    text: str
    means: dict[str, Any]


def path_of(dotted: str) -> tuple[str | int, ...]:
    """Return the path that `list.source[0].action` stands for."""
    return tuple(int(place) if place else name for name, place in _PART.findall(dotted))


def line_of(text: str, path: Path) -> int:
    """Return the line, from 1, of the value at a path, or of what it would stand in; 0: nowhere.

    Args:
        text: valid TOML.
        path: of a value, from the top.
    """
    found, depth = 0, 0
    table: tuple[str | int, ...] = ()
    arrays: dict[tuple[str | int, ...], int] = {}
    for statement in _statements(text):
        if statement.text.lstrip().startswith("["):
            table = _header(statement.means, arrays)
            reached = len(table) if tuple(path[: len(table)]) == table else 0
            line = statement.line
        elif tuple(path[: len(table)]) == table:
            below, value = _follow(statement.means, path[len(table) :])
            reached = len(table) + below if below else 0
            line = statement.line + _offset(statement.text, value)
        else:
            continue
        if reached > depth:
            found, depth = line, reached
    return found


def _statements(text: str) -> Iterator[_Statement]:
    begun, lines = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        if not lines:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            begun = number
        lines.append(line)
        # A value of several lines ends with one of these.
        if len(lines) > 1 and not any(end in line for end in ("]", "}", '"""', "'''")):
            continue
        whole = "\n".join(lines)
        try:
            means = tomllib.loads(whole)
        except tomllib.TOMLDecodeError:
            continue
        yield _Statement(begun, whole, means)
        lines = []


def _header(
    means: dict[str, Any], arrays: dict[tuple[str | int, ...], int]
) -> tuple[str | int, ...]:
    """Return a header's path; `arrays` counts the tables of each array so far."""
    path: tuple[str | int, ...] = ()
    while means:
        ((name, inner),) = means.items()
        path = (*path, name)
        if isinstance(inner, list):  # [[name]]: one more
            arrays[path] = arrays.get(path, -1) + 1
            return (*path, arrays[path])
        if path in arrays:  # [name.below]: of the last one
            path = (*path, arrays[path])
        means = inner
    return path


def _follow(means: Any, path: Path) -> tuple[int, Any]:
    """Return how many parts of a path are there, and the value at the last of them."""
    for depth, part in enumerate(path):
        is_there = (
            part in means
            if isinstance(means, dict)
            else isinstance(means, list) and isinstance(part, int) and part < len(means)
        )
        if not is_there:
            return depth, means
        means = means[part]
    return len(path), means


def _offset(text: str, value: Any) -> int:
    """Return how many lines below its key a value of an array stands, if that can be told."""
    lines = text.split("\n")
    if isinstance(value, dict | list) or len(lines) == 1:
        return 0
    forms = (f'"{value}"', f"'{value}'") if isinstance(value, str) else (str(value).lower(),)
    held = (number for number, line in enumerate(lines) if any(form in line for form in forms))
    return next(held, 0)
