"""The keys of the configuration, each with its default and its words, to be listed. Pure.

The example configuration and blockd.toml(5) are made of these; the words stand in `config_words`.
"""

from typing import NamedTuple

import msgspec

from blockd import config_words
from blockd.config import Config, SourceSection
from blockd.config_words import SECTIONS, SOURCE
from blockd.values import toml

__all__ = ["SECTIONS", "SOURCE", "Key", "keys", "toml"]


class Key(NamedTuple):
    """A key as the example configuration and the manual show it."""

    section: str
    name: str
    default: str
    """As TOML; empty: it has none, as `path` of a source."""
    text: str
    example: str
    """As TOML: what an operator might write; the default, where that shows the form."""


def keys(section: str) -> list[Key]:
    """Return the keys of a section, in the order in which they are declared.

    Args:
        section: one of `SECTIONS`.
    """
    kind = SourceSection if section == SOURCE else type(getattr(Config(), section))
    return [_key(section, field) for field in msgspec.structs.fields(kind)]


def _key(section: str, field: msgspec.structs.FieldInfo) -> Key:
    return Key(
        section,
        field.name,
        config_words.default(section, field),
        config_words.TEXTS[section][field.name].text,
        config_words.example(section, field),
    )
