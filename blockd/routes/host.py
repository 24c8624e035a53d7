"""What the host itself needs to stay reachable, read out of the kernel's messages. Pure.

Addresses, connected networks, next hops and the far ends of tunnels, as prefixes with their
reasons. The endpoints of WireGuard are not among rtnetlink's links: `[routes] protect` is for them.
"""

from collections.abc import Iterator

from blockd.prefixes import WIDTH, Prefix
from blockd.routes import messages

# linux/if_addr.h
_ADDRESS, _LOCAL = 1, 2
CONNECTING = (2, 9, 16)
"""Who makes routes that say "this network is on that link": the kernel, router advertisements,
DHCP (linux/rtnetlink.h). The kernel's are not only those of addresses: a router can advertise that
a prefix is on the link and leave the addresses to DHCPv6, which gives a /128 (RFC 4861 4.6.2)."""
_GATEWAY_OF_NEXTHOP = 6  # NHA_GATEWAY, linux/nexthop.h
# linux/if_link.h
_LINK_INFO, _KIND, _ABOUT = 18, 1, 2
_VRF_TABLE = 1
# Where a kind of tunnel names its far end: linux/if_tunnel.h, linux/if_link.h
_FAR_END = {
    "ipip": (3,), "sit": (3,), "ip6tnl": (3,),
    "gre": (7,), "gretap": (7,), "erspan": (7,),
    "ip6gre": (7,), "ip6gretap": (7,), "ip6erspan": (7,),
    "vti": (5,), "vti6": (5,),
    "vxlan": (2, 16), "geneve": (2, 7),
}  # fmt: skip
_FAMILY_OF_LENGTH = {4: 4, 16: 6}
_DESTINATION = messages.DST.to_bytes(2, messages.ORDER)


def of_address(data: bytes, start: int, end: int) -> Iterator[tuple[Prefix, str]]:
    """Yield the facts of an address message: the address, and the network it is in."""
    family = messages.FAMILY.get(data[start])
    if family is None:
        return
    found = messages.attributes(data, start + 8, end)
    peer = found.get(_ADDRESS)
    own = found.get(_LOCAL, peer)
    itself = messages.to_prefix(family, own, WIDTH[family])
    yield itself, "address of this host"
    network = messages.to_prefix(family, peer, data[start + 1])
    # An absurd /0 on an interface must not switch everything off.
    if network.length and network != itself:
        yield network, "connected network"


def of_link(data: bytes, start: int, end: int) -> Iterator[tuple[Prefix, str]]:
    """Yield the fact of a link message: the far end, where the link is a tunnel that has one."""
    kind, about = _link(data, start, end)
    for number in _FAR_END.get(kind, ()):
        address = about.get(number, b"")
        family = _FAMILY_OF_LENGTH.get(len(address))
        if family and any(address):
            yield messages.to_prefix(family, address, WIDTH[family]), "far end of a tunnel"


def vrf_table(data: bytes, start: int, end: int) -> int | None:
    """Return the table of a link message about a VRF; None for any other link."""
    kind, about = _link(data, start, end)
    return messages.u32(about.get(_VRF_TABLE)) or None if kind == "vrf" else None


def _link(data: bytes, start: int, end: int) -> tuple[str, dict[int, bytes]]:
    info = messages.attributes(data, start + 16, end).get(_LINK_INFO, b"")
    parts = messages.attributes(info, 0, len(info))
    about = parts.get(_ABOUT, b"")
    kind = parts.get(_KIND, b"").rstrip(b"\0").decode("ascii", "replace")
    return kind, messages.attributes(about, 0, len(about))


def of_nexthop(data: bytes, start: int, end: int) -> Iterator[tuple[Prefix, str]]:
    """Yield the fact of a nexthop object's message: its gateway."""
    family = messages.FAMILY.get(data[start])
    gateway = messages.attributes(data, start + 8, end).get(_GATEWAY_OF_NEXTHOP)
    if family is not None and gateway:
        yield messages.to_prefix(family, gateway, WIDTH[family]), "next hop of a route"


def of_route(data: bytes, start: int, end: int) -> Iterator[tuple[Prefix, str]]:
    """Yield the facts of a route that the host goes by: its next hops, or that it is connected.

    A static route to a device says nothing about what is connected, since it may be a tunnel
    to everywhere; a next hop behind it is a fact of its own.
    """
    family = messages.FAMILY.get(data[start])
    if family is None or data[start + 7] != messages.UNICAST:
        return
    found = messages.attributes(data, start + 12, end)
    hops = list(_hops(family, found))
    for hop in hops:
        yield hop, "next hop of a route"
    length = data[start + 1]
    if not hops and length and connects(data, start):
        yield messages.to_prefix(family, found.get(messages.DST), length), "connected network"


def connects(data: bytes, start: int) -> bool:
    """Tell whether a route message comes from one of those who say what is connected."""
    return data[start + 5] in CONNECTING


def _hops(family: int, found: dict[int, bytes]) -> Iterator[Prefix]:
    if messages.GATEWAY in found:
        yield messages.to_prefix(family, found[messages.GATEWAY], WIDTH[family])
    if messages.VIA in found:  # rtvia: an address family, then an address of it
        via = found[messages.VIA]
        other = messages.FAMILY.get(int.from_bytes(via[:2], messages.ORDER))
        if other:
            yield messages.to_prefix(other, via[2:], WIDTH[other])
    nexthops = found.get(messages.MULTIPATH, b"")
    at = 0
    while at + 8 <= len(nexthops):  # rtnexthop: u16 length, flags, hops, interface
        length = int.from_bytes(nexthops[at : at + 2], messages.ORDER)
        if length < 8 or at + length > len(nexthops):
            return
        yield from _hops(family, messages.attributes(nexthops, at + 8, at + length))
        at += (length + 3) & ~3


class Passing:
    """Reads routes of others by the thousand: those that teach nothing new are passed over.

    Most routes of a full table differ from one another by their destination alone.
    """

    def __init__(self) -> None:
        self._known: set[bytes] = set()

    def of_route(self, data: bytes, start: int, end: int) -> list[tuple[Prefix, str]] | None:
        """Return the facts of a route; None where they were returned before."""
        # The kernel writes RTA_TABLE first, then the destination.
        at = start + 20
        if data[at + 2 : at + 4] == _DESTINATION:
            at += (int.from_bytes(data[at : at + 2], messages.ORDER) + 3) & ~3
        rest = data[start : start + 1] + data[start + 5 : start + 12] + data[at:end]
        if rest in self._known:
            return None
        found = list(of_route(data, start, end))
        if not connects(data, start):
            self._known.add(rest)
        return found
