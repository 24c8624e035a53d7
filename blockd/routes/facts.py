"""What must stay reachable, whatever a list says: special ranges, the host, the configuration.

Pure: parsed from dumps and texts that others fetched, into prefixes with their reasons.
"""

from collections.abc import Iterable, Iterator

from blockd import prefixes
from blockd.config import Config
from blockd.errors import PrefixFormError
from blockd.prefixes import WIDTH, Prefix
from blockd.routes import messages

# linux/if_addr.h
_ADDRESS, _LOCAL = 1, 2
# linux/rtnetlink.h: who made a route that says "this network is on that link"
_KERNEL, _ROUTER_ADVERTISEMENT = 2, 9


def special() -> dict[Prefix, str]:
    """Return the ranges that are no one's destination; RFC 6890 and its registries."""
    return {
        Prefix(4, 0, 8): "this network (RFC 791)",
        Prefix(4, 127 << 24, 8): "loopback",
        Prefix(4, 0xA9FE << 16, 16): "link-local",
        Prefix(4, 224 << 24, 4): "multicast",
        Prefix(4, 0xFFFFFFFF, 32): "limited broadcast",
        Prefix(6, 0, 128): "the unspecified address",
        Prefix(6, 1, 128): "loopback",
        Prefix(6, 0xFE80 << 112, 10): "link-local",
        Prefix(6, 0xFF << 120, 8): "multicast",
    }


def configured(config: Config, resolv_conf: str) -> dict[Prefix, str]:
    """Return what the configuration protects, and the upstream resolvers.

    Args:
        config: the whole configuration.
        resolv_conf: the text of /etc/resolv.conf, which names the upstreams where the
            configuration does not.
    """
    facts = {network.prefix: "protected by [routes] protect" for network in config.routes.protect}
    resolver = config.resolver
    addresses = [upstream.endpoint.address for upstream in resolver.upstreams]
    zoned = (upstream for upstreams in resolver.zones.values() for upstream in upstreams)
    for address in (
        *(addresses or _nameservers(resolv_conf)),
        *(upstream.endpoint.address for upstream in zoned),
    ):
        try:
            facts.setdefault(prefixes.parse(address), "upstream resolver")
        except PrefixFormError:
            continue  # a scoped link-local address; link-local is protected as a whole
    return facts


def _nameservers(text: str) -> Iterator[str]:
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            yield words[1].partition("%")[0]


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


def of_main_route(data: bytes, start: int, end: int) -> Iterator[tuple[Prefix, str]]:
    """Yield the facts of a route in the main table: its next hops, or that it is connected."""
    family = messages.FAMILY.get(data[start])
    if family is None or data[start + 7] != messages.UNICAST:
        return
    found = messages.attributes(data, start + 12, end)
    hops = list(_hops(family, found))
    for hop in hops:
        yield hop, "next hop of a route"
    length, protocol = data[start + 1], data[start + 5]
    if not hops and length and protocol in (_KERNEL, _ROUTER_ADVERTISEMENT):
        yield messages.to_prefix(family, found.get(messages.DST), length), "connected network"


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


def merged(parts: Iterable[dict[Prefix, str]]) -> dict[Prefix, str]:
    """Return all facts; where several give a reason for one prefix, the first one's stands."""
    facts: dict[Prefix, str] = {}
    for part in parts:
        facts = part | facts
    return facts
