"""Lists in the native format, as short as the tests need them."""

from blockd.watchlist import formats


def native(*, domains=(), prefixes=(), table="[[platform]]\nid = 'p'"):
    """Return a parsed list: its domains stand in line 3, its prefixes in line 4."""
    lines = [
        table,
        f"domains = {list(domains)}" if domains else "",
        f"prefixes = {list(prefixes)}" if prefixes else "",
    ]
    return formats.parse("\n".join([*lines, ""]).encode(), "x.toml")
