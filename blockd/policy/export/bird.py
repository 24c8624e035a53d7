"""Static routes of BIRD 2, for `include` in bird.conf: what is blocked is a blackhole.

A static route has no exceptions, so prefixes are cut around them. Where the routes go from
there, into the kernel or to neighbours, is the site's to say.
"""

from collections.abc import Iterator
from itertools import groupby

from blockd.policy.export.contents import Contents


def lines(contents: Contents) -> Iterator[str]:
    """Yield the file's lines."""
    yield from contents.header("#", "BIRD 2 static routes")
    for family, routes in groupby(contents.routes(), lambda route: route[0].family):
        yield f"protocol static blockd{family} {{"
        yield f"  ipv{family};"
        for prefix, kind in routes:
            yield f"  route {prefix} {kind};"
        yield "}"
    contents.lose("names left out, since a route has a prefix", contents.record.names)
    yield from contents.footer("#")
