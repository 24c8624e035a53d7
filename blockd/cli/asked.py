"""What a person types as NAME or ADDRESS, read; and what to type instead. Pure.

What names and prefixes look like is `names`' and `prefixes`' business, and the hints at what was
probably meant are those that lists get.
"""

import re
from contextlib import suppress
from urllib.parse import urlsplit

from blockd import prefixes
from blockd.endpoints import Endpoint
from blockd.errors import NameFormError, PrefixFormError, UsageError
from blockd.prefixes import Prefix
from blockd.watchlist.formats.entry import ROOT, any_entry, shown

_LIKE_V4 = re.compile(r"[0-9.]*[0-9](?:/.*)?")
_LIKE_V6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Za-z:.]*(?:/.*)?")
_WRITE = "write an address such as 198.18.1.1, or a name"


def read(text: str) -> Prefix | bytes:
    """Return the prefix or the name in wire form that a text stands for.

    An address is a prefix of full length. `=name` and `*.name`, as lists write them, are the name.

    Raises:
        UsageError: with a sentence that says what to type instead.
    """
    text = text.strip()
    if prefixes.is_meant(text):
        return _prefix(text)
    beside = _beside_address(text)
    if beside:
        raise UsageError(beside)
    if _LIKE_V4.fullmatch(text) and "/" in text:
        raise UsageError(
            f"{shown(text)} is no prefix: that is four numbers from 0 to 255 and a length from 0 to"
            " 32, such as 198.18.1.0/28"
        )
    if _LIKE_V4.fullmatch(text):
        # No top-level name is all digits (RFC 3696 2).
        raise UsageError(
            f"{shown(text)} is no address, which is four numbers from 0 to 255, and no name either,"
            f" whose last label is never all digits; {_WRITE}"
        )
    if _LIKE_V6.fullmatch(text):
        raise UsageError(f"{shown(text)} is no IPv6 address or prefix; {_WRITE}")
    try:
        wire, _ = any_entry(text)
    except NameFormError as error:
        raise UsageError(str(error)) from None
    if wire == ROOT:
        raise UsageError(f"{shown(text)} is the root, which no list may hold; {_WRITE}")
    return wire


def _prefix(text: str) -> Prefix:
    try:
        return prefixes.parse(text)
    except PrefixFormError as error:  # bits behind the length; it says which prefix was meant
        raise UsageError(str(error)) from None


def _beside_address(text: str) -> str:
    """Return what to type in place of an address with something around it; empty: there is none."""
    if "://" in text:
        with suppress(ValueError):
            host = urlsplit(text).hostname or ""
            if prefixes.is_meant(host):
                return f"{shown(text)} is a URL; write the address alone: {host}"
    elif ":" in text and not prefixes.is_meant(text):
        with suppress(ValueError):
            address = Endpoint.parse(text).address
            return f"{shown(text)} names a port; write the address alone: {address}"
    return ""
