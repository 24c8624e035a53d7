"""TOML tables against their types: every mistake reported, each with what to write instead.

msgspec stops at the first mistake and knows no lines; this walks the keys of one table and
lets msgspec judge each value. The types are `tables`'; lines come from `report`.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, inspect

from blockd.watchlist.formats.entry import shown
from blockd.watchlist.formats.positions import Path

Report = Callable[[Path, str], None]
"""Takes the place of a mistake and a sentence about it."""


class _Field(NamedTuple):
    type: inspect.Type
    many: bool
    required: bool


def fields(
    table: Mapping[str, Any], kind: type[Struct], path: Path, report: Report
) -> dict[str, Any]:
    """Return the fields of a table that are well typed; report the others.

    Args:
        table: as tomllib gives it.
        kind: the type that says which keys there are.
        path: the table's place in the document.
        report: called once for each mistake.

    Returns:
        Values by key. A list is a list of (index, value) of its well-typed elements.
    """
    known = _fields(kind)
    found: dict[str, Any] = {}
    for key, value in table.items():
        place = (*path, key)
        if key not in known:
            report(place, f"unknown key `{bare(key)}`{nearest(key, known)}")
            continue
        wanted = known[key].type
        if known[key].many:
            found[key] = _elements(key, value, wanted, place, report)
            continue
        problem = _problem(value, wanted)
        if problem:
            report(place, f"`{key}`: {problem}")
        else:
            found[key] = _converted(value, wanted)
    for name, field in known.items():
        if field.required and name not in table:
            report(path, f'`{name}` is missing; write {name} = "..." with a value of its own')
    return found


def bare(text: str) -> str:
    """Return a text for a message without quotes: short, and with control characters escaped."""
    return shown(text).strip("'")


def nearest(key: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the known word nearest to an unknown one."""
    words = sorted(known)
    near = difflib.get_close_matches(key.lower(), words, n=1)
    return f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(words)}"


def _elements(
    key: str, value: object, wanted: inspect.Type, place: Path, report: Report
) -> list[tuple[int, Any]]:
    if not isinstance(value, list):
        report(place, f'`{key}`: a list such as ["...", "..."] was expected, not {_what(value)}')
        return []
    good = []
    for index, element in enumerate(value):
        problem = _problem(element, wanted)
        if problem:
            report((*place, index), f"`{key}`: {problem}")
        else:
            good.append((index, element))
    return good


@cache
def _fields(kind: type[Struct]) -> dict[str, _Field]:
    """Return the fields of a type by key; a list of a thousand tables asks a thousand times."""
    info = inspect.type_info(kind)
    if not isinstance(info, inspect.StructType):
        raise TypeError(kind)
    known = {}
    for field in info.fields:
        wanted = _bare(field.type)
        many = isinstance(wanted, inspect.VarTupleType)
        single = _bare(wanted.item_type) if isinstance(wanted, inspect.VarTupleType) else wanted
        known[field.name] = _Field(single, many, field.required)
    return known


def _bare(info: inspect.Type) -> inspect.Type:
    """Return the type without its description and without `| None`, which TOML cannot say."""
    while True:
        if isinstance(info, inspect.Metadata):
            info = info.type
        elif isinstance(info, inspect.UnionType):
            info = next(t for t in info.types if not isinstance(t, inspect.NoneType))
        else:
            return info


def _converted(value: object, wanted: inspect.Type) -> object:
    return msgspec.convert(value, wanted.cls) if isinstance(wanted, inspect.EnumType) else value


def _problem(value: object, wanted: inspect.Type) -> str:  # noqa: PLR0911 - one return a type
    """Return what is wrong with a value; empty: nothing."""
    match wanted:
        case inspect.StrType(pattern=pattern):
            if not isinstance(value, str):
                return f"a text in quotes was expected, not {_what(value)}"
            # The pattern's `$` would let a line break at the end pass; the text must not.
            fits = pattern is None or (re.search(pattern, value) and value[-1:] != "\n")
            return "" if fits else _bad_text(value)
        case inspect.EnumType(cls=cls):
            return _bad_word(value, [str(member) for member in cls])
        case inspect.DateType():
            if isinstance(value, date) and not isinstance(value, datetime):
                return ""
            day = str(value)[:10]
            hint = f"; write {day}" if _is_day(day) else ", as in 2018-08-23"
            return f"a date without quotes was expected, not {_what(value)}{hint}"
        case inspect.IntType(ge=least, le=most):
            if not isinstance(value, int) or isinstance(value, bool):
                return f"a whole number was expected, not {_what(value)}"
            fits = (least is None or value >= least) and (most is None or value <= most)
            return "" if fits else f"{_what(value)} is not between {least} and {most}"
        case inspect.BoolType():
            fits = isinstance(value, bool)
            return "" if fits else f"true or false was expected, not {_what(value)}"
    raise TypeError(wanted)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _bad_text(value: str) -> str:
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        return f"{shown(value)} holds a line break or another control character; write one line"
    return (
        f"{shown(value)} is no identifier; write 1 to 64 letters, digits, dots, hyphens and"
        " underscores, the first a letter or digit"
    )


def _bad_word(value: object, words: list[str]) -> str:
    if value in words:
        return ""
    if not isinstance(value, str):
        return f"one of {', '.join(words)} in quotes was expected, not {_what(value)}"
    near = difflib.get_close_matches(value.lower(), words, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{shown(value)} is none of {', '.join(words)}{hint}"


def _what(value: object) -> str:
    """Return a wrong value as a person would name it."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if abs(value) > 1 << 64:  # Python refuses to print thousands of digits
            return "a huge number"
        case str():
            return f"the text {shown(value)}"
        case list():
            return "a list"
        case dict():
            return "a table"
    return bare(str(value))
