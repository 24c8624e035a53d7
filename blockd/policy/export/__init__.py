"""A generation in the words of other programs: one module a format, `contents` what all read.

Each gives lines, one after the other, so that a million names need no memory. What a program has
no word for is counted in `Contents.lost`, and blocks less rather than more.
"""

from collections.abc import Callable, Iterator

from blockd.policy.export import bird, dnsmasq, hosts, nftables, rpz, unbound
from blockd.policy.export.contents import Contents

__all__ = ["FORMATS", "Contents"]

FORMATS: dict[str, Callable[[Contents], Iterator[str]]] = {
    "rpz": rpz.lines,
    "unbound": unbound.lines,
    "dnsmasq": dnsmasq.lines,
    "hosts": hosts.lines,
    "nftables": nftables.lines,
    "bird": bird.lines,
}
"""The lines of each format, without their ends."""
