"""Two named sets of nftables (nft(8)) with what is blocked; rules that use them are the site's.

Loaded by `nft -f`, in one transaction and again and again: the sets are declared, emptied and
filled. A set has no exceptions, so prefixes are cut around them.
"""

from collections.abc import Iterator

from blockd.policy.export.contents import Contents

TABLE = "inet blockd"
_SETS = {4: ("listed4", "ipv4_addr"), 6: ("listed6", "ipv6_addr")}


def lines(contents: Contents) -> Iterator[str]:
    """Yield the file's lines."""
    yield from contents.header(
        "#", "nftables sets", (f"use: `ip daddr @{_SETS[4][0]} drop` in a chain of table {TABLE}",)
    )
    yield f"table {TABLE} {{"
    for name, kind in _SETS.values():
        yield f"  set {name} {{ type {kind}; flags interval; }}"
    yield "}"
    for name, _ in _SETS.values():
        yield f"flush set {TABLE} {name}"
    family = 0
    for prefix, _ in contents.routes():
        if prefix.family != family:
            if family:
                yield "}"
            family = prefix.family
            yield f"add element {TABLE} {_SETS[family][0]} {{"
        yield f"  {prefix},"
    if family:
        yield "}"
    contents.lose("names left out, since a set holds addresses", contents.record.names)
    yield from contents.footer("#")
