"""The tables of the manual: keys of the configuration and of native lists. Pure.

Made of the program's own types and texts, so that they say what it does.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from blockd import config_text
from blockd.manual.blocks import Terms
from blockd.watchlist.formats.tables import Document


def table(name: str) -> Terms:
    """Return the keys of a section of the configuration, or of a table of native lists.

    Args:
        name: as `guard`, `list.source`; `native.list`, `native.platform` or `native.allow`.

    Raises:
        KeyError: there is none of that name.
    """
    if name.startswith("native."):
        return Terms(tuple(_native(name.removeprefix("native."))))
    if name not in config_text.SECTIONS:
        raise KeyError(name)
    return Terms(tuple((_written(key), _said(key)) for key in config_text.keys(name)))


def _written(key: config_text.Key) -> str:
    return f"{key.name} = {key.default}" if key.default else key.name


def _said(key: config_text.Key) -> str:
    if key.example == key.default:
        return key.text
    return f"{key.text} For example: `{key.example}`"


def _native(name: str) -> Iterator[tuple[str, str]]:
    """Yield each key of a native table with the description that editors show too."""
    (_, components) = msgspec.json.schema_components([Document], ref_template="{name}")
    kind = {"list": "ListTable", "platform": "PlatformTable", "allow": "AllowTable"}[name]
    for key, schema in components[kind]["properties"].items():
        yield key, _described(schema, components)


def _described(schema: dict[str, Any], components: dict[str, Any]) -> str:
    """Return the description of a key, and the words that it takes where these are few."""
    inner = [schema, *schema.get("anyOf", ())]
    said = next((each["description"] for each in inner if "description" in each), "")
    enumerated = [components[each["$ref"]] for each in inner if "$ref" in each]
    words = [word for each in enumerated for word in each["enum"]]
    if not words:
        return said
    listed = ", ".join(f"`{word}`" for word in words)
    return f"{said} One of {listed}." if said else f"One of {listed}; by default the list's."
