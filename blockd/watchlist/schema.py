"""The JSON Schema of the native format, for editors; generated from the types.

`python -m blockd.watchlist.schema` prints it; a copy lies beside the shipped lists, and a test
compares the two.
"""

import json
from typing import Any

import msgspec

from blockd.watchlist.formats.tables import Document

TITLE = "blockd watched list"


def schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12) of a native list."""
    (_, components) = msgspec.json.schema_components([Document], ref_template="#/$defs/{name}")
    document = components.pop("Document")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **document,
        "title": TITLE,
        "description": "Names and prefixes that blockd blocks, on whose word, and exceptions.",
        "$defs": components,
    }


def text() -> str:
    """Return the schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")  # noqa: T201 - this is the program's output
