"""Gathers what no list may touch: what the gateway itself needs, and what the operator says.

Reads the files that `[guard] never` names; which entries touch something is `never`'s business.
Addresses that the gateway needs are the routes' business, which cut holes for them.
"""

from collections.abc import Iterator
from pathlib import Path

from blockd import prefixes
from blockd.config import Config
from blockd.values import Target
from blockd.watchlist import never, sources
from blockd.watchlist.never import Never, Untouchable


def gather(config: Config) -> Never:
    """Return what no list may touch.

    Raises:
        ListError: a file cannot be read.
        ConfigError: a file holds what is neither a name nor a prefix.
    """
    return Never([*_own(config), *_said(config)])


def files(config: Config) -> list[str]:
    """Return the files whose change may change what `gather` gives."""
    return [item.path for item in config.guard.never if item.path]


def _own(config: Config) -> Iterator[Untouchable]:
    """Yield the names of upstreams, and the hosts that lists come from."""
    resolver = config.resolver
    zoned = (upstream for zone in resolver.zones.values() for upstream in zone)
    for upstream in (*resolver.upstreams, *zoned):
        if upstream.name:
            yield Untouchable(Target.parse(f"={upstream.name}"), f"an upstream's name, {upstream}")
    for table in config.list.source:
        if table.url is not None:
            host = table.url.host
            target = host if prefixes.is_meant(host) else f"={host}"
            yield Untouchable(Target.parse(target), f"a list's host, {table.url}")


def _said(config: Config) -> Iterator[Untouchable]:
    for item in config.guard.never:
        if item.target is not None:
            yield Untouchable(item.target, "[guard] never")
        else:
            yield from never.read(sources.read(Path(item.path)), item.path)
