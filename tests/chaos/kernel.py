"""Routes and rules of a namespace as the kernel dumps them, read without any of blockd's code.

Layouts and numbers: linux/netlink.h, linux/rtnetlink.h, linux/fib_rules.h. Changes are `ip`'s.
"""

import functools
import ipaddress
import socket
import struct
import sys
from typing import NamedTuple

from tests.e2e.gateway import socket_in

_GET_ROUTE, _GET_RULE, _DUMP_REQUEST = 26, 34, 0x301
_INTERRUPTED, _DONE, _ERROR = 0x10, 3, 2
_FAMILIES = {socket.AF_INET: 4, socket.AF_INET6: 6}
_KINDS = ("unspec", "unicast", "local", "broadcast", "anycast", "multicast",
          "blackhole", "unreachable", "prohibit", "throw")  # fmt: skip
_DST, _GATEWAY, _ROUTE_METRIC, _ROUTE_TABLE = 1, 5, 6, 15
_SOURCE, _PREFERENCE, _RULE_TABLE, _RULE_PROTOCOL = 2, 6, 15, 21


class Route(NamedTuple):
    table: int
    prefix: str
    kind: str
    protocol: int
    metric: int
    via: str = ""


class Rule(NamedTuple):
    family: int
    preference: int
    table: int
    protocol: int
    source: str = ""


class Kernel:
    """A namespace's tables, all of them; a dump that was interrupted is made again."""

    def __init__(self, space):
        self._socket = socket_in(space, socket.AF_NETLINK, socket.SOCK_RAW)
        self._socket.settimeout(10)
        self._sequence = 0

    def close(self):
        self._socket.close()

    def routes(self):
        return {
            _route(data, start, end)
            for family in _FAMILIES
            for data, start, end in self._dump(_GET_ROUTE, family)
            if data[start] == family
        }

    def rules(self):
        """Return a list: the same rule may stand there twice, but for what is not read here."""
        return [
            _rule(data, start, end)
            for family in _FAMILIES
            for data, start, end in self._dump(_GET_RULE, family)
        ]

    def _dump(self, what, family):
        while True:
            self._sequence += 1
            body = struct.pack("=8BI", family, *bytes(7), 0)
            size = 16 + len(body)
            self._socket.send(
                struct.pack("=IHHII", size, what, _DUMP_REQUEST, self._sequence, 0) + body
            )
            found = []
            if self._read(found):
                return found

    def _read(self, found):
        """Gather the messages of one dump; tell whether it was whole."""
        whole = True
        while True:
            data = self._socket.recv(1 << 18)
            at = 0
            while at < len(data):
                size, kind, flags, sequence, _ = struct.unpack_from("=IHHII", data, at)
                if sequence == self._sequence:
                    whole &= not flags & _INTERRUPTED
                    assert kind != _ERROR, data[at : at + size]
                    if kind == _DONE:
                        return whole
                    found.append((data, at + 16, at + size))
                at += (size + 3) & ~3


def _attributes(data, at, end):
    found = {}
    while at < end:
        size, number = struct.unpack_from("=HH", data, at)
        found[number & 0x3FFF] = data[at + 4 : at + size]
        at += (size + 3) & ~3
    return found


def _number(octets):
    return int.from_bytes(octets, sys.byteorder)


@functools.lru_cache(1 << 16)
def _prefix(family, octets, length):
    address = octets or bytes(4 if family == socket.AF_INET else 16)
    return str(ipaddress.ip_network((address, length)))


def _route(data, start, end):
    family, length, _, _, table, protocol, _, kind = data[start : start + 8]
    found = _attributes(data, start + 12, end)
    gateway = found.get(_GATEWAY)
    return Route(
        _number(found[_ROUTE_TABLE]) if _ROUTE_TABLE in found else table,
        _prefix(family, found.get(_DST), length),
        _KINDS[kind],
        protocol,
        _number(found.get(_ROUTE_METRIC, b"")),
        str(ipaddress.ip_address(gateway)) if gateway else "",
    )


def _rule(data, start, end):
    family, _, length, _, table = data[start : start + 5]
    found = _attributes(data, start + 12, end)
    return Rule(
        _FAMILIES[family],
        _number(found.get(_PREFERENCE, b"")),
        _number(found[_RULE_TABLE]) if _RULE_TABLE in found else table,
        found.get(_RULE_PROTOCOL, b"\0")[0],
        _prefix(family, found[_SOURCE], length) if _SOURCE in found else "",
    )
