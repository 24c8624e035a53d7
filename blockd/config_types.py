"""What a declared type of the configuration takes, in words. Pure.

Read off the types themselves, so that no message differs from what is taken; what is wrong with
a value is said by `config_faults`.
"""

import types
import typing
from collections.abc import Sequence
from enum import Enum
from typing import Any

from msgspec import Meta, Struct

WITHOUT = "without"
"""In `Meta.extra`: words of an enumeration that a key does not take."""


def bare(hint: Any) -> tuple[Any, list[Meta]]:
    """Return a type without its limits and without None, and the limits."""
    limits = []
    if typing.get_origin(hint) is typing.Annotated:
        hint, *limits = typing.get_args(hint)
    if typing.get_origin(hint) in {types.UnionType, typing.Union}:
        hint = next(each for each in typing.get_args(hint) if each is not types.NoneType)
    return hint, limits


def wanted(base: Any, limits: Sequence[Meta]) -> str:
    """Return what a type takes, in words."""
    if is_words(base):
        return f"one of {', '.join(words(base, limits))}"
    if base is int:
        low = next((each.ge for each in limits if each.ge is not None), None)
        high = next((each.le for each in limits if each.le is not None), None)
        if high is not None:
            return f"a whole number from {low or 0} to {high}"
        return f"a whole number of at least {low or 0}"
    if typing.get_origin(base) is tuple:
        return "an array of at least one" if any(each.min_length for each in limits) else "an array"
    if is_struct(base) or typing.get_origin(base) is dict:
        return "a table"
    return "true or false" if base is bool else "a text in quotes"


def is_words(base: Any) -> bool:
    """Tell whether a type is an enumeration."""
    return isinstance(base, type) and issubclass(base, Enum)


def words(base: type[Enum], limits: Sequence[Meta]) -> list[str]:
    """Return the words of an enumeration that a key with such limits takes."""
    without = [word for each in limits for word in (each.extra or {}).get(WITHOUT, ())]
    return [str(word.value) for word in base if word not in without]


def is_struct(kind: Any) -> typing.TypeGuard[type[Struct]]:
    """Tell whether a type is a section, or another table of known keys."""
    return isinstance(kind, type) and issubclass(kind, Struct)
