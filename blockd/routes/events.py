"""What the kernel tells unasked: that our tables, the rules or the host's addresses changed.

A socket of its own, which may overflow without harm to the one that applies plans. The filter
of `notices` keeps from us what is none of our business.
"""

import ctypes
import errno
import socket
import struct
from collections.abc import Collection, Iterable, Iterator
from enum import Flag, auto
from typing import NamedTuple

from blockd.errors import KernelError
from blockd.prefixes import Prefix
from blockd.routes import host, messages, notices
from blockd.routes.model import Route
from blockd.routes.netlink import open_socket

_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER
# RTNLGRP_*: link, IPv4 address, route, rule, IPv6 address, route, rule, nexthop
_GROUPS = (1, 5, 7, 8, 9, 11, 19, 32)
_LOOPBACK = (1).to_bytes(4, messages.ORDER)
_AT_ONCE = 1 << 14  # notices in one reading, so that a flood of them cannot keep a reader


class Touched(Flag):
    """What may differ from the last scan."""

    NOTHING = 0
    ROUTES = auto()
    """Our tables; loopback too, which takes IPv6 null routes down with it and says nothing."""
    RULES = auto()
    HOST = auto()
    """Addresses, links, nexthop objects."""
    ELSEWHERE = auto()
    """Routes in the tables of others went; what single new ones say is in `News.facts`."""


class Change(NamedTuple):
    """A route of one of our tables came or went, by another's hand."""

    table: int
    route: Route
    gone: bool


class Fact(NamedTuple):
    """What a new route of others says must stay reachable."""

    family: int
    """Of the route."""
    table: int
    prefix: Prefix
    why: str


class News(NamedTuple):
    """What was told since the last reading."""

    touched: Touched = Touched.NOTHING
    changes: tuple[Change, ...] = ()
    facts: tuple[Fact, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self.touched or self.changes or self.facts)

    def __add__(self, other: object) -> "News":
        """Return both, in their order."""
        if not isinstance(other, News):
            return NotImplemented
        return News(
            self.touched | other.touched,
            self.changes + other.changes,
            self.facts + other.facts,
        )


class Events:
    """A subscription to what concerns our tables; dead after a KernelError."""

    def __init__(self, table: int, own_port: int, netns: str | None = None) -> None:
        """Subscribe.

        Args:
            table: the first of the two tables whose route changes are of interest.
            own_port: the netlink port of the socket by which we change things ourselves.
            netns: a network namespace by name; None: this one.
        """
        self._tables = (table, table + 1)
        self._own_port = own_port
        self._others: Collection[int] | None = None
        self._socket = open_socket(netns, room=4 << 20)
        self._socket.settimeout(0)
        self.narrow(())
        self._socket.bind((0, 0))
        for group in _GROUPS:
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """End the subscription."""
        self._socket.close()

    def narrow(self, protected: Iterable[Prefix], tables: Collection[int] | None = None) -> None:
        """Be told of others' new routes only where they can teach something.

        Args:
            protected: prefixes in which a gateway is no news; none: no gateway is told.
            tables: the tables of others that count; all without.
        """
        self._others = tables
        known = _widest(protected)
        program = notices.program(self._tables, self._own_port, known, tables)
        code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
        kept = ctypes.create_string_buffer(code)
        self._socket.setsockopt(
            socket.SOL_SOCKET,
            _ATTACH_FILTER,
            struct.pack("@HP", len(program), ctypes.addressof(kept)),
        )

    def read(self) -> News:
        """Return what was told since the last call, without waiting.

        Raises:
            KernelError: notices were lost (ENOBUFS) or the socket failed: make a new one and
                scan everything.
        """
        touched = Touched.NOTHING
        changes: list[Change] = []
        facts: list[Fact] = []
        for _ in range(_AT_ONCE):
            try:
                received = self._socket.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError as error:
                lost = "notices were lost" if error.errno == errno.ENOBUFS else str(error)
                raise KernelError(f"the kernel's notices: {lost}; all is scanned anew") from None
            for message, flags, _, start, end in messages.split(received):
                if message in {messages.NEW_ROUTE, messages.DEL_ROUTE}:
                    found = messages.parse_route(received, start, end)
                    if found is None:
                        continue
                    if found[0] in self._tables:
                        changes.append(Change(*found, gone=message == messages.DEL_ROUTE))
                    elif self._others is None or found[0] in self._others:
                        # Of what a new route replaces nothing else is told.
                        if message == messages.DEL_ROUTE or flags & messages.REPLACE:
                            touched |= Touched.ELSEWHERE
                        if message == messages.NEW_ROUTE:
                            facts += _learned(found[0], received, start, end)
                elif message in {messages.NEW_RULE, messages.DEL_RULE}:
                    touched |= Touched.RULES
                elif message not in {messages.NEW_LINK, messages.DEL_LINK}:
                    touched |= Touched.HOST
                elif received[start + 4 : start + 8] == _LOOPBACK:
                    touched |= Touched.ROUTES
                elif host.vrf_table(received, start, end):
                    touched |= Touched.RULES  # the kernel's one rule for VRFs leads to one more
                elif dict(host.of_link(received, start, end)):
                    touched |= Touched.HOST
        return News(touched, tuple(changes), tuple(facts))


def _learned(table: int, data: bytes, start: int, end: int) -> Iterator[Fact]:
    family = messages.FAMILY[data[start]]
    for prefix, why in host.of_route(data, start, end):
        yield Fact(family, table, prefix, why)


def _widest(protected: Iterable[Prefix]) -> list[Prefix]:
    """Return prefixes without those that lie inside of others."""
    kept: list[Prefix] = []
    for prefix in sorted(protected):
        if not kept or not kept[-1].covers(prefix):
            kept.append(prefix)
    return kept
