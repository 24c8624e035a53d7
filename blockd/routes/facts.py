"""What must stay reachable, whatever a list says: special ranges and what is configured.

Pure: from the configuration and texts that others fetched, into prefixes with their reasons.
What the kernel's tables add is `host`.
"""

from collections.abc import Iterable, Iterator

from blockd import prefixes
from blockd.config import Config
from blockd.errors import PrefixFormError
from blockd.prefixes import Prefix


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


def merged(parts: Iterable[dict[Prefix, str]]) -> dict[Prefix, str]:
    """Return all facts; where several give a reason for one prefix, the first one's stands."""
    facts: dict[Prefix, str] = {}
    for part in parts:
        facts = part | facts
    return facts
