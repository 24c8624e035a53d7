"""Prefixes in any number for the measurements of routes, of mixed lengths, none beside another.

Private IPv4 and documentation IPv6 addresses, for use in namespaces alone. `ip -batch` is given
the same ones.
"""

from blockd.prefixes import Prefix

TABLE, PROTOCOL = 5354, 177
WHOLE = {4: "10.128.0.0/9", 6: "2001:db8::/32"}
_BASE = {4: 10 << 24 | 1 << 23, 6: 0x20010DB8 << 96}
_STEP = {4: 6, 6: 73}  # bits; every other /57 is left free
_SHORTEST, _LENGTHS = {4: 28, 6: 56}, {4: 5, 6: 9}
_METRIC = {4: "", 6: " metric 1"}


def made(family: int, count: int) -> list[Prefix]:
    """Return that many prefixes of a family, which no one can collapse."""
    return [
        Prefix(
            family,
            _BASE[family] + (place << _STEP[family]),
            _SHORTEST[family] + place % _LENGTHS[family],
        )
        for place in range(count)
    ]


def unlisted(family: int, count: int, wanted: int) -> list[bytes]:
    """Return packed addresses that lie between the prefixes of `made`, spread over them all."""
    octets = 4 if family == 4 else 16
    half = 1 << (_STEP[family] - 1)
    return [
        (_BASE[family] + (place * count // wanted << _STEP[family]) + half).to_bytes(octets, "big")
        for place in range(wanted)
    ]


def batch(family: int, count: int, verb: str, kind: str, table: int = TABLE) -> str:
    """Return the input of `ip -batch` that adds, replaces or deletes them."""
    tail = f" table {table} proto {PROTOCOL}{_METRIC[family]}\n"
    return "".join(f"route {verb} {kind} {prefix}{tail}" for prefix in made(family, count))
