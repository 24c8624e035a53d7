"""One listed name as people write it, with hints at what was probably meant.

Shared by the formats. Whether a well-formed name may be listed is the guard's business.
"""

import re

from blockd import names, prefixes
from blockd.errors import NameFormError
from blockd.watchlist import lookalikes
from blockd.watchlist.model import Scope

ROOT = b""
"""The root in wire form: well formed, and refused by the guard."""

_LOOKS = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        (r"^(?:@@)?\|\|?|\^", "is an AdBlock rule; write the name alone"),
        (r":\d+$", "names a port; write the name alone"),
        (r"\*", "has a `*` that is not in front, as in `*.name`"),
        (r"=", "has a `=` that is not in front, as in `=name`"),
        (r"@", "is a mail address; write the name alone"),
        (r"\s", "holds a blank; one name an entry"),
        (r"^\.", "begins with a dot; write `*.name` for what is below a name"),
    )
)
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_SHOWN = 60


def name_entry(text: str) -> tuple[bytes, Scope]:
    """Return the wire name and scope of `name`, `=name` or `*.name`, as a list may have it.

    Raises:
        NameFormError: with a sentence that says what to write instead.
    """
    if not text.isascii():
        lookalikes.check(text.removeprefix("=").removeprefix("*."))
    return any_entry(text)


def any_entry(text: str) -> tuple[bytes, Scope]:
    """Return the same of a name that may look like another, as one that somebody asks about.

    Raises:
        NameFormError: as above.
    """
    body, scope = text, Scope.SUBTREE
    if text.startswith("="):
        body, scope = text[1:].strip(), Scope.EXACT
    elif text.startswith("*."):
        body, scope = text[2:], Scope.BELOW
    if body in (".", "*") or text == "*.":
        return ROOT, scope
    try:
        wire = names.plain_wire(body) or names.parse(body)
    except NameFormError as error:
        raise NameFormError(_hint(body) or str(error)) from None
    # No top-level name is all digits (RFC 3696 2): this is an address, or one cut short.
    if wire[-1:].isdigit() and names.labels(wire)[-1].isdigit():
        raise NameFormError(_hint(body) or f"{shown(body)} ends in a number: it is no domain name")
    return wire, scope


def shown(text: str) -> str:
    """Return a text in quotes for a message, shortened where it is long."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


def _hint(text: str) -> str:
    """Return what a text looks like that is no name; empty: nothing in particular."""
    if not text:
        return "a name is missing: the entry is empty"
    if prefixes.is_meant(text):
        return f"{shown(text)} is an address; list it under `prefixes` of a native list"
    if _URL.match(text) or "/" in text:
        host = _URL.sub("", text).partition("/")[0].rpartition("@")[2]
        host = host[1:].partition("]")[0] if host[:1] == "[" else host.partition(":")[0]
        if prefixes.is_meant(host):
            return f"{shown(text)} is a URL; list {host} under `prefixes` of a native list"
        return f"{shown(text)} is a URL; write the name alone: {shown(host)}"
    for pattern, sentence in _LOOKS:
        if pattern.search(text):
            return f"{shown(text)} {sentence}"
    return ""
