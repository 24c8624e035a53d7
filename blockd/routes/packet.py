"""What packets to an address meet: this host's own, and those that it forwards.

Asks the kernel for a packet of this host, and for one from each network that it forwards for;
changes nothing. Why a listed address is open in spite of the list is `opening`.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from blockd.prefixes import WIDTH, Prefix
from blockd.routes import host, messages
from blockd.routes.kernel import Kernel, Lookup

_NULL = frozenset({"blackhole", "unreachable", "prohibit"})
_TABLE_NAMES = {253: "default", 254: "main", 255: "local"}  # linux/rtnetlink.h
_FORWARDING = {
    4: "/proc/sys/net/ipv4/conf/{link}/forwarding",
    # For IPv6 the setting of all interfaces alone decides (ip-sysctl.rst).
    6: "/proc/sys/net/ipv6/conf/all/forwarding",
}
_LOOPBACK = 1  # the interface's index in every network namespace
_UP = 1  # IFF_UP
_LINK_NAME = 3  # IFLA_IFNAME
_LOCAL, _ADDRESS = 2, 1  # linux/if_addr.h


class Link(NamedTuple):
    """An interface that packets can come in by."""

    number: int
    name: str


class Met(NamedTuple):
    """What packets from somewhere meet."""

    come_in: tuple[str, ...]
    """The interfaces that they are forwarded from; empty: this host's own."""
    lookup: Lookup

    @property
    def origin(self) -> str:
        """Where they come from, in words."""
        if not self.come_in:
            return "from this host"
        shown = ", ".join(self.come_in[:4])
        more = f" and {len(self.come_in) - 4} more" if len(self.come_in) > 4 else ""
        return f"forwarded from {shown}{more}"

    def blocked(self, tables: Collection[int]) -> bool:
        """Tell whether it is a null route in one of these tables that they meet."""
        return self.lookup.outcome in _NULL and self.lookup.table in tables

    def __str__(self) -> str:
        """Return what the kernel said, in words."""
        outcome, table, prefix, errno = self.lookup
        if prefix is not None:
            return f"{outcome} {prefix} in table {_TABLE_NAMES.get(table or 0, table)}"
        return f"no route leads there ({os.strerror(errno)})" if errno else "no route leads there"


class Packets(Kernel):
    """A socket to ask by."""

    def met(self, address: Prefix) -> list[Met]:
        """Return what packets to an address meet: first this host's own, then forwarded ones.

        Args:
            address: a prefix of full length.

        Raises:
            KernelError: the kernel does not answer.
        """
        found: dict[Lookup, list[str]] = {}
        for link, source in self._sources(address):
            lookup = self.lookup(address, source, link.number)
            found.setdefault(lookup, []).append(link.name)
        forwarded = [Met(tuple(names), lookup) for lookup, names in found.items()]
        return [Met((), self.lookup(address)), *forwarded]

    def _sources(self, address: Prefix) -> Iterator[tuple[Link, Prefix]]:
        """Yield each network that packets come from, by a neighbour that it may have."""
        links = {
            link.number: link
            for link in self._dump(messages.pack_link_dump, messages.NEW_LINK, _link)
            if _forwards(address.family, link.name)
        }
        known = self._dump(messages.pack_address_dump, messages.NEW_ADDRESS, _own_address)
        own = {itself for _, itself, _ in known} | {address}
        for index, itself, network in known:
            link = links.get(index)
            if link is None or itself.family != address.family:
                continue
            neighbour = next(_neighbours(network, own), None)
            if neighbour is not None:
                del links[index]  # one network a link is enough: rules select by link
                yield link, neighbour


def _link(data: bytes, start: int, end: int) -> Link | None:
    """Return the link of a message, where packets of others come in by it."""
    index = messages.u32(data[start + 4 : start + 8])
    up = messages.u32(data[start + 8 : start + 12]) & _UP
    found = messages.attributes(data, start + 16, end)
    name = found.get(_LINK_NAME, b"").rstrip(b"\0").decode("utf-8", "replace")
    if not up or index == _LOOPBACK or host.vrf_table(data, start, end):
        return None
    return Link(index, name)


def _own_address(data: bytes, start: int, end: int) -> tuple[int, Prefix, Prefix] | None:
    """Return link, address and network of an address message; link-local ones are not asked by."""
    family = messages.FAMILY.get(data[start])
    if family is None or data[start + 3]:  # ifa_scope: 0 is universe
        return None
    found = messages.attributes(data, start + 8, end)
    itself = messages.to_prefix(family, found.get(_LOCAL, found.get(_ADDRESS)), WIDTH[family])
    network = messages.to_prefix(family, found.get(_ADDRESS), data[start + 1])
    return messages.u32(data[start + 4 : start + 8]), itself, network


def _neighbours(network: Prefix, own: set[Prefix]) -> Iterator[Prefix]:
    """Yield addresses of a network that are not this host's own, nor the network's or last."""
    width = WIDTH[network.family]
    small = width - network.length <= 1  # RFC 3021: both of two are hosts
    first, last = network.network + (not small), network.last - (not small)
    for number in range(first, min(last, first + len(own) + 1) + 1):
        neighbour = Prefix(network.family, number, width)
        if neighbour not in own:
            yield neighbour


def _forwards(family: int, link: str) -> bool:
    try:
        return Path(_FORWARDING[family].format(link=link)).read_text("ascii").strip() != "0"
    except OSError:
        return True
