"""Questions that never leave the gateway: special-use names, and reverse zones of private ranges.

What is answered here and how, by the RFC of each name. `test` and `example` are forwarded like
any other name. What the watched list says of a name comes first and is `answers`' business.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import dnslib

from blockd import names
from blockd.resolver import extended, wire
from blockd.resolver.answers import MINIMAL_ANY, packed
from blockd.resolver.wire import Query

TTL: Final = 10_800
"""Seconds, for records and denials alike: RFC 6303 3."""

_PTR: Final = 12
_HINFO: Final = 13
_DS: Final = 43
_ANSWER, _AUTHORITY = b"\0\1\0\0\0\0", b"\0\0\0\1\0\0"  # counts: one record, in either
_OWNER = b"\xc0\x0c"  # where the question's name begins

_ABSENT = {
    "invalid": "RFC 6761",  # 6.4: NXDOMAIN for all of it
    "onion": "RFC 7686",  # 2: never looked up
    "alt": "RFC 9476",  # 2: never in the DNS
}
"""Top-level names that do not exist; nobody delegates them, so DS is denied as well."""

_EMPTY = {
    "home.arpa": "RFC 8375",
    "service.arpa": "RFC 9665",
    "d.f.ip6.arpa": "RFC 6303",  # 4.4: unique local
    "8.b.d.0.1.0.0.2.ip6.arpa": "RFC 6303",  # 4.6: documentation
    **{f"{nibble}.e.f.ip6.arpa": "RFC 6303" for nibble in "89ab"},  # 4.5: link-local
    "1" + ".0" * 31 + ".ip6.arpa": "RFC 6303",  # 4.3: loopback
    "0" + ".0" * 31 + ".ip6.arpa": "RFC 6303",  # 4.3: unspecified
    **{
        f"{zone}.in-addr.arpa": "RFC 6303"  # 4.1 and 4.2
        for zone in (
            "10", *(f"{octet}.172" for octet in range(16, 32)), "168.192",
            "0", "127", "254.169", "2.0.192", "100.51.198", "113.0.203", "255.255.255.255",
        )
    },
    **{f"{octet}.100.in-addr.arpa": "RFC 7793" for octet in range(64, 128)},
}  # fmt: skip
"""Zones with nothing but an SOA and an NS record at their top."""

_LOOPBACK = ("1.0.0.127.in-addr.arpa", "1" + ".0" * 31 + ".ip6.arpa")
"""What their addresses are called is said here too: `localhost`."""


class LocalAnswer(NamedTuple):
    """An answer without its header, question and OPT."""

    rcode: int
    counts: bytes
    """Answer, authority and additional counts in wire form."""
    body: bytes
    """Records; their owners point into the question of the query that was answered."""
    options: bytes
    """The extended error, as an EDNS option."""


_Bodies = Mapping[int, bytes]
"""The answer section of a name by qtype: one record each, owned by the name asked for."""


class _Zone(NamedTuple):
    options: bytes
    below: _Bodies | None
    """What each name below the top holds; None: no name exists there."""
    delegated: bool
    """Whether its parent is in the public DNS and answers for its DS."""


class Local:
    """Answers for one configuration."""

    def __init__(self, zones: Iterable[bytes]) -> None:
        """Build the templates.

        Args:
            zones: canonical wire names that have upstreams of their own; these and the names
                below them are left alone.
        """
        # RFC 6303 3: the zone is its own server, so that no update goes astray.
        soa = dnslib.SOA("x.", "nobody.invalid.", (1, 3600, 1200, 604_800, TTL))
        _, self._soa, self._soa_rest = packed(wire.SOA, [soa], TTL).split(_OWNER)
        minimal = packed(_HINFO, [dnslib.RD(MINIMAL_ANY)], TTL)
        self._any = LocalAnswer(wire.NOERROR, _ANSWER, minimal, b"")
        self._held: dict[bytes, _Bodies] = {}
        """Names that exist, with what they hold; those that lie on the way to one hold nothing."""
        self._zones: dict[bytes, _Zone | None] = self._local_zones()
        self._except([zone for zone in zones if zone])
        self._lengths = sorted({len(zone) for zone in self._zones}, reverse=True)
        # A filter, not a decision: what ends like this is most probably such a name.
        self._tails = tuple({list(names.suffixes(zone))[-1] for zone in self._zones})

    def answer(self, query: Query) -> LocalAnswer | None:
        """Return the answer to a query that is not for upstreams; None for all others."""
        name = query.name
        if not name.endswith(self._tails) or query.qclass != wire.IN:
            return None
        for length in self._lengths:
            zone_name = name[-length:]
            if zone_name in self._zones and _is_suffix(zone_name, name):
                break
        else:
            return None
        zone = self._zones[zone_name]
        if zone is None:
            return None
        if query.qtype == _DS and zone.delegated and name == zone_name:
            # RFC 4035 3.1.4.1: the parent answers for it. Validators need its proof that the
            # zone is not signed (RFC 8375 4, RFC 6303 7).
            return None
        return self._within(zone, zone_name, query)

    def any_answer(self, query: Query) -> LocalAnswer | None:
        """Return the answer to a question for ANY: one small record (RFC 8482 4.2)."""
        return self._any if query.qtype == wire.ANY and query.qclass == wire.IN else None

    def _within(self, zone: _Zone, zone_name: bytes, query: Query) -> LocalAnswer:
        held = self._held.get(query.name, zone.below)
        body = held.get(query.qtype) if held is not None else None
        if body is None and query.qtype == wire.ANY and held:
            body = self._any.body
        if body is not None:
            return LocalAnswer(wire.NOERROR, _ANSWER, body, zone.options)
        # RFC 2308 3: the zone's SOA, so that the denial may be cached.
        owner = (0xC00C + len(query.name) - len(zone_name)).to_bytes(2, "big")
        body = owner + self._soa + owner + self._soa_rest
        rcode = wire.NXDOMAIN if held is None else wire.NOERROR
        return LocalAnswer(rcode, _AUTHORITY, body, zone.options)

    def _local_zones(self) -> dict[bytes, _Zone | None]:
        zones: dict[bytes, _Zone | None] = {}
        for text, source in _ABSENT.items():
            zones[names.to_wire(text)] = _Zone(_said(source), None, delegated=False)
        apex = {
            wire.SOA: _OWNER + self._soa + _OWNER + self._soa_rest,
            wire.NS: packed(wire.NS, [dnslib.NS("x.")], TTL),
        }
        for text, source in _EMPTY.items():
            zones[names.to_wire(text)] = _Zone(_said(source), None, delegated=True)
            self._held[names.to_wire(text)] = apex
        # RFC 9462 6.4: no designated resolvers known here, and nobody else's are passed on.
        resolver = names.to_wire("resolver.arpa")
        zones[resolver] = _Zone(_said("RFC 9462"), {}, delegated=True)
        self._held[resolver] = apex
        # RFC 6761 6.3: the loopback addresses, for it and for all below it.
        localhost = names.to_wire("localhost")
        loopback = {
            wire.A: packed(wire.A, [dnslib.A("127.0.0.1")], TTL),
            wire.AAAA: packed(wire.AAAA, [dnslib.AAAA("::1")], TTL),
        }
        zones[localhost] = _Zone(_said("RFC 6761"), loopback, delegated=False)
        self._held[localhost] = apex | loopback
        for text in _LOOPBACK:
            name = names.to_wire(text)
            pointer = {_PTR: packed(_PTR, [dnslib.PTR("localhost.")], TTL)}
            self._held[name] = {**self._held.get(name, {}), **pointer}
            self._pave(name, zones)
        return zones

    def _except(self, own: list[bytes]) -> None:
        """Leave alone what has upstreams of its own; what lies above that stays answered."""
        for zone in own:
            for known in [known for known in self._zones if _is_suffix(zone, known)]:
                del self._zones[known]
        for zone in own:
            if any(_is_suffix(known, zone) for known in self._zones):
                self._pave(zone, self._zones)
                self._zones[zone] = None

    def _pave(self, name: bytes, zones: Mapping[bytes, _Zone | None]) -> None:
        """Let the names between a name and its zone exist (RFC 8020 2)."""
        if name in zones:
            return
        for between in names.above(name):
            if any(_is_suffix(zone, between) for zone in zones):
                self._held.setdefault(between, {})


def _said(source: str) -> bytes:
    return extended.error(extended.SYNTHESIZED, f"answered here: {source}")


def _is_suffix(zone: bytes, name: bytes) -> bool:
    """Tell whether a name is the zone's or lies below it; octets within a label do not count."""
    at, end = 0, len(name) - len(zone)
    while at < end:
        at += 1 + name[at]
    return at == end and name.endswith(zone)
