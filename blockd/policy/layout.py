"""The format of a generation file: databases, keys and values. Shared by writer and reader.

names     canonical wire name -> slots: which rule and line decide about the name itself
and about the names below it; one pair where the whole subtree is one
prefixes  family, network, length -> rule and line; keys sort by family, address, length
ranges    family, first address -> last address, rule and line: the same prefixes, flattened,
so that one search finds an address's longest match
shadow-*  the same three for what is not enforced: matched and counted, nothing else
rules     number -> the rule as MessagePack; those that are not enforced come last
since     number of a rule -> the generation, and its time, from which on the rule's platform
was in force without a break
about     facts of the generation, as JSON under the key `generation`
"""

import struct

import msgspec

from blockd.prefixes import Prefix, Range

VERSION = 3
"""Raised when compiled content changes its meaning; readers refuse what they do not know."""

NAMES, PREFIXES, RANGES = b"names", b"prefixes", b"ranges"
SHADOW_NAMES, SHADOW_PREFIXES, SHADOW_RANGES = b"shadow-names", b"shadow-prefixes", b"shadow-ranges"
RULES, SINCE, ABOUT = b"rules", b"since", b"about"
DATABASES = 9
GENERATION = b"generation"

NONE = 0xFFFFFFFF
"""In place of a rule's number: no entry decides about this slot."""

ONE = struct.Struct("<II")
"""Rule and line, for the name itself and the names below alike."""
TWO = struct.Struct("<IIII")
"""Rule and line for the name itself, then for the names below."""
BETWEEN = TWO.pack(NONE, 0, NONE, 0)
"""No entry: what decides stands above, but there is an exception below."""
NUMBER = struct.Struct(">I")
BEGAN = struct.Struct(">IQ")
"""A generation's number and the seconds since 1970 of its commit."""

_NETWORK = {4: 4, 6: 16}  # octets of an address


class About(msgspec.Struct, frozen=True):
    """Facts of a generation that its readers need without the record."""

    version: int
    number: int
    names: int
    prefixes: int
    shadow_names: int = 0
    shadow_prefixes: int = 0


def pack_prefix(prefix: Prefix) -> bytes:
    """Return the key of a prefix."""
    size = _NETWORK[prefix.family]
    return bytes((prefix.family,)) + prefix.network.to_bytes(size, "big") + bytes((prefix.length,))


def unpack_prefix(key: bytes) -> Prefix:
    """Return the prefix of a key."""
    return Prefix(key[0], int.from_bytes(key[1:-1], "big"), key[-1])


def pack_range(found: Range[bytes]) -> tuple[bytes, bytes]:
    """Return the key and the value of a range, whose own value is a packed `ONE`."""
    size = _NETWORK[found.family]
    key = range_key(found.first.to_bytes(size, "big"))
    return key, found.last.to_bytes(size, "big") + found.value


def range_key(packed: bytes) -> bytes:
    """Return the key of a range that begins at an address of 4 or 16 octets."""
    return (b"\4" if len(packed) == 4 else b"\6") + packed
