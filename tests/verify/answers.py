"""What answers say, for tests to write down."""

from blockd.verify.expected import Said


def said(rcode=0, codes=(), addresses=(), records=0, cookie=b"", *, truncated=False):
    """Return what an answer says."""
    return Said(rcode, truncated, frozenset(codes), frozenset(addresses), records, cookie)
