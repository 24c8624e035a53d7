"""Extended DNS errors (RFC 8914): their codes, and how they are packed and shortened. Pure."""

import struct
from typing import Final

from blockd.resolver import wire

OTHER: Final = 0
FORGED: Final = 4
BLOCKED: Final = 15
CENSORED: Final = 16
FILTERED: Final = 17
PROHIBITED: Final = 18
STALE: Final = 3
STALE_NXDOMAIN: Final = 19
NOT_READY: Final = 14
NO_REACHABLE: Final = 22
NETWORK: Final = 23
SYNTHESIZED: Final = 29

TEXT_OCTETS: Final = 120
"""The longest text: with the longest name and the SOA it still fits 512 octets."""

_NO_TEXT = struct.pack("!HH", wire.EDE, 2)
"""What stands before the code of an error without a text."""


def error(code: int, text: str) -> bytes:
    """Return an extended DNS error as an EDNS option (RFC 8914 2), its text cut to fit."""
    octets = text.encode()[:TEXT_OCTETS].decode(errors="ignore").encode()
    return struct.pack("!HHH", wire.EDE, 2 + len(octets), code) + octets


def shortened(options: bytes, room: int) -> bytes:
    """Return extended errors without their texts, or the first of them, or none, as there is room.

    A code is for programs as well, its text for people alone: RFC 8914 2.
    """
    codes = b""
    at = 0
    while at < len(options):
        codes += _NO_TEXT + options[at + 4 : at + 6]
        at += 4 + int.from_bytes(options[at + 2 : at + 4], "big")
    if len(codes) > room:
        codes = codes[: len(_NO_TEXT) + 2]
    return codes if len(codes) <= room else b""
