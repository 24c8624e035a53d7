"""What is known of an HTTP request: which name it is for, and what its sender can read. Pure.

How its head comes as octets is a matter of `exchange`. Of the fields only three are looked at; no
other, a cookie least of all, is kept.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from blockd import names, prefixes
from blockd.errors import NameFormError

_LONGEST_NAME = 254  # characters, the final dot included; RFC 1035 2.3.4
_LONGEST_LABEL = 63  # RFC 1035 2.3.4; in letters of any script it has no more than in A-labels
_LONGEST_VALUE = 1000  # characters of Accept and Accept-Language that are looked at

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?([^/?#@]*)")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # UTS-46 4.4 takes each for a full stop
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.%]*\]|[^\[\]:/?#@\s]*)(?::[0-9]*)?")  # RFC 3986 3.2


class Request(NamedTuple):
    """What is known of a request."""

    host: str
    """The host that it is for, without a port and as it was written; empty: it names none."""
    accept: str = ""
    accept_language: str = ""


def read(method: bytes, target: bytes, fields: Iterable[tuple[bytes, bytes]]) -> Request | None:
    """Return what is known of a request; None where what it is for is no authority.

    Args:
        method: as RFC 9110 9 has it.
        target: as it stands in the request line.
        fields: names in lower case, values without blanks around them; at most one Host.
    """
    known: dict[bytes, list[bytes]] = {b"host": [], b"accept": [], b"accept-language": []}
    for name, value in fields:
        if name in known:
            known[name].append(value)
    host = _host(method, target, b"".join(known[b"host"]))
    if host is None:
        return None
    return Request(host, _text(known[b"accept"]), _text(known[b"accept-language"]))


def _host(method: bytes, target: bytes, field: bytes) -> str | None:
    """Return the host that a request is for; None where what names it is no authority."""
    try:
        named, place = field.decode(), target.decode()
    except UnicodeDecodeError:
        return None
    absolute = _ABSOLUTE.match(place)
    if absolute is not None:  # RFC 9112 3.2.2: Host is ignored then
        named = absolute[1]
        if not named:  # RFC 9110 4.2.1
            return None
    elif method == b"CONNECT":  # RFC 9112 3.2.3
        named = place
    authority = _AUTHORITY.fullmatch(named)
    return None if authority is None else unquote(authority[1])  # RFC 3986 3.2.2


def _text(values: list[bytes]) -> str:
    return b",".join(values).decode("latin-1")[:_LONGEST_VALUE]


def name_of(host: str) -> bytes | None:
    """Return the canonical wire form of a host's name; None: it is an address, or no name."""
    if len(host) > _LONGEST_NAME or host.startswith("[") or prefixes.is_meant(host):
        return None
    # IDNA takes time with the square of a label's length, and anybody may ask.
    if max(map(len, _DOTS.split(host))) > _LONGEST_LABEL:
        return None
    try:
        return names.parse(host)
    except NameFormError:
        return None
