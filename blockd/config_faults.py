"""What is wrong with a configuration, in sentences: what was found, what is allowed, an example.

What the types that `config` and `listing` declare take is said by `config_types`, and the line is
`config_place`'s business. Pure.
"""

import difflib
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from blockd import config_types, config_words
from blockd.config_place import path_of
from blockd.values import TextValue, toml

Decode = Callable[[type[TextValue], object], TextValue]

_TOKEN = re.compile(r"\.([^.\[\]`]+)|\[(\d+)\]|(\[\.\.\.\])")
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NEAR, _FAR = 0.8, 0.6  # how alike a key is that was surely meant, and that may have been
_LONGEST = 80  # characters of what was found, or of an example, that are shown
_OWN = ("Expected `", "Invalid enum value ")  # how msgspec begins; else it is a value's sentence


class Fault(NamedTuple):
    """One mistake, and where it is."""

    path: tuple[str | int, ...]
    sentence: str


def syntax(text: str, said: str) -> tuple[int, str]:
    """Return the line, and a sentence, of a text that is no TOML.

    Args:
        text: the file's content.
        said: what tomllib says.
    """
    place = _WHERE.search(said)
    line = int(place[1]) if place and place[1] else text.rstrip().count("\n") + 1
    column = f", at column {place[2]}" if place and place[2] else ""
    what = _WHERE.sub("", said)
    hint = next((hint for begin, hint in _SYNTAX if what.startswith(begin)), "")
    return line, f"not valid TOML{column}: {what}{hint}"


_QUOTES = '; texts stand in quotes, as in `action = "nxdomain"`'
_SYNTAX = (
    ("Invalid value", _QUOTES),
    ("Expected newline or end of document after a statement", _QUOTES),
    ("Cannot overwrite a value", "; a key stands there twice: keep one"),
    ("Cannot declare", "; a table stands there twice: write its keys under one header"),
    ("Expected '=' after a key", "; a key is written as `ttl = 60`"),
    ("Unclosed array", "; a `]` is missing"),
)


def unknown(document: Mapping[str, Any], kind: type[Struct]) -> Fault | None:
    """Return the first key that means nothing, with the one that was probably meant."""
    return next(_unknown(document, kind, kind, ()), None)


def _unknown(
    table: Mapping[str, Any], kind: type[Struct], root: type[Struct], path: tuple[str | int, ...]
) -> Iterator[Fault]:
    known = typing.get_type_hints(kind)
    for key, value in table.items():
        at = (*path, key)
        if key not in known:
            yield Fault(at, f"unknown key `{dotted(at)}`{_meant(key, kind, root, path)}")
            continue
        inner = known[key]
        if isinstance(value, dict) and config_types.is_struct(inner):
            yield from _unknown(value, inner, root, at)
        of_each = next(iter(typing.get_args(inner)), None)
        if isinstance(value, list) and config_types.is_struct(of_each):
            for number, each in enumerate(value):
                if isinstance(each, dict):
                    yield from _unknown(each, of_each, root, (*at, number))


def _meant(key: str, kind: type[Struct], root: type[Struct], path: tuple[str | int, ...]) -> str:
    known = kind.__struct_fields__
    near = difflib.get_close_matches(key, known, n=1, cutoff=_NEAR)
    homes = [f"[{name}]" for name, inner in typing.get_type_hints(root).items()
             if key in inner.__struct_fields__]  # fmt: skip
    if not near and homes:
        return f"; it belongs under {' or '.join(homes)}"
    near = near or difflib.get_close_matches(key, known, n=1, cutoff=_FAR)
    if not near:
        return f"; known are {', '.join(sorted(known))}"
    shown = example(root, (*path, near[0]))
    return f"; did you mean `{near[0]}`{f', as in `{shown}`' if shown else ''}?"


def invalid(document: Mapping[str, Any], kind: type[Struct], said: str, decode: Decode) -> Fault:
    """Return what a value is that cannot be taken, and what might be written there.

    Args:
        document: what the TOML text holds, without unknown keys.
        kind: what it should be.
        said: what msgspec says.
        decode: how a `TextValue` is read.
    """
    what, _, place = said.rpartition(" - at `$")  # what was written may hold it too
    what = what or said
    path, hint, value = _descend(document, kind, place, decode)
    shown = example(kind, path)
    if not what.startswith(_OWN):
        # Of a whole table there is no more to show than its header.
        remedy = f"; for example `{shown}`" if shown and not shown.startswith("[") else ""
        return Fault(path, f"{dotted(path)}: {what}{remedy}")
    base, limits = config_types.bare(hint)
    meant = ""
    if config_types.is_words(base) and isinstance(value, str):
        near = difflib.get_close_matches(value.lower(), config_types.words(base, limits), n=1)
        meant = _written(path, near[0]) if near else ""
    elif typing.get_origin(base) is tuple and isinstance(value, str):
        meant = _written(path, [value])
    remedy = f"; did you mean `{meant}`?" if meant else f"; for example `{shown}`" if shown else ""
    return Fault(
        path, f"{dotted(path)}: {_shown(value)} is not {config_types.wanted(base, limits)}{remedy}"
    )


def contradicting(said: str) -> Fault:
    """Return the fault of a sentence that begins with the path that it is about."""
    return Fault(path_of(said.partition(": ")[0]), said)


def dotted(path: Iterable[str | int]) -> str:
    """Return a path as messages name it: `list.source[0].action`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path)
    return text.removeprefix(".")


def example(root: type[Struct], path: Sequence[str | int]) -> str:
    """Return what an operator might write for the key at a path; empty: nothing is to be shown."""
    section = config_words.SOURCE if path[:2] == ("list", "source") else str(path[0])
    if len(path) == 1 or (section == config_words.SOURCE and len(path) < 4):
        return f"[[{section}]]" if section == config_words.SOURCE else f"[{section}]"
    name = path[3] if section == config_words.SOURCE else path[1]
    kind = config_types.bare(typing.get_type_hints(root)[str(path[0])])[0]
    if section == config_words.SOURCE:
        kind = typing.get_args(typing.get_type_hints(kind)["source"])[0]
    field = next(each for each in msgspec.structs.fields(kind) if each.name == name)
    value = config_words.example(section, field)
    empty = value in {"", '""', "[]", "{}"} or len(value) > _LONGEST
    return "" if empty else f"{name} = {value}"


def _descend(
    value: Any, hint: Any, place: str, decode: Decode
) -> tuple[tuple[str | int, ...], Any, Any]:
    """Return the path that msgspec names, with the type and the value there."""
    path: tuple[str | int, ...] = ()
    for name, number, some in _TOKEN.findall(place):
        base, _ = config_types.bare(hint)
        part: str | int = name or int(number or 0)
        if name:
            hint = typing.get_type_hints(base, include_extras=True)[name]
        elif some:  # msgspec does not say which key of a table
            hint = typing.get_args(base)[1]
            part = next(key for key, each in value.items() if not _fits(each, hint, decode))
        else:
            hint = typing.get_args(base)[0]
        path, value = (*path, part), value[part]
    return path, hint, value


def _fits(value: object, hint: Any, decode: Decode) -> bool:
    try:
        msgspec.convert(value, hint, dec_hook=decode)
    except msgspec.ValidationError:
        return False
    return True


def _shown(value: object) -> str:
    """Return a value as it was written, or nearly."""
    try:
        text = toml(value)
    except TypeError:
        text = str(value)  # a time, or a number with a fraction: TOML's own form is nearly that
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _written(path: Sequence[str | int], value: object) -> str:
    """Return a value as it might be written: behind its key, unless it is one of an array."""
    key = path[-1]
    return toml(value) if isinstance(key, int) else f"{_key(key)} = {toml(value)}"


def _key(name: str) -> str:
    """Return a key as TOML writes it, in quotes where it needs them."""
    return name if _BARE.fullmatch(name) else toml(name)
