"""What is known of the clients of this very second: may they ask, how often have they, a cookie.

Bounded, in memory, and forgotten with the second; nothing of it is ever shown. One look-up by
address serves access control, rate limit and cookies alike, because each packet pays for it.
"""

from collections.abc import Callable, Iterable
from typing import Final

from blockd.prefixes import Prefix
from blockd.resolver.access import Access, unmapped
from blockd.resolver.cookies import Cookies

MOST = 50_000
"""Addresses remembered at once; beyond that the rest of the second is served without memory, and
has nothing for an address alone: refusals are bounded together, and no cookie earns more."""

_NO_LIMIT: Final = 1 << 60
_PREFIX = {4: 3, 16: 7}
"""Octets of the prefix that shares a limit: IPv4 /24, IPv6 /56, what one site usually has."""
_LOOPBACK = bytes(15) + b"\1"

LOOPBACK: Final = b"\x7f"
"""What stands for all of loopback: a whole machine may be behind it, and nobody spoofs it."""


class Bucket:
    """What a client prefix may still ask in this second; below zero: too much, or nothing."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


class Client:
    """One address in this second."""

    __slots__ = ("bucket", "cookie", "own", "permitted")

    def __init__(self, bucket: Bucket, own: int, *, permitted: bool) -> None:
        self.bucket = bucket
        self.own = own
        """What it may still ask beyond the bucket once it has proven its address."""
        self.permitted = permitted
        self.cookie = b""
        """The server cookie, once one was asked for."""


class Clients:
    """The table of this second."""

    def __init__(
        self, allow: Iterable[Prefix], rate_limit: int, cookies: Cookies, now: Callable[[], float]
    ) -> None:
        """Set who may ask, and how often.

        Args:
            allow: the networks that may.
            rate_limit: queries a second and client prefix; 0 is no limit.
            cookies: makes the server cookies.
            now: seconds since 1970.
        """
        self._cookies = cookies
        self._now = now
        self.known: dict[bytes, Client] = {}
        """By address in network order; the hot path looks here first."""
        self._buckets: dict[bytes, Bucket] = {}
        self._strangers = Bucket(-1)
        """What those have in common who may not ask, and cannot be remembered."""
        self.configure(allow, rate_limit)

    def configure(self, allow: Iterable[Prefix], rate_limit: int) -> None:
        """Take other limits, at once."""
        self._access = Access(allow)
        self._most = rate_limit or _NO_LIMIT
        self.tick()

    def tick(self) -> dict[bytes, Client]:
        """Begin a second: forget the last one. Returns the new `known`."""
        self.known = {}
        self._buckets = {}
        self._strangers = Bucket(-1)
        return self.known

    def admit(self, address: bytes) -> Client:
        """Return the client of an address that is not known yet in this second."""
        permitted = self._access.permits(address)
        site = site_of(address)
        remembered = len(self.known) < MOST
        if not permitted:
            # Beyond the bound they share one, or each packet would be somebody's first.
            bucket = Bucket(-1) if remembered else self._strangers
        elif site == LOOPBACK:
            bucket = Bucket(_NO_LIMIT)
        else:
            bucket = self._bucket(site)
        client = Client(bucket, self._most if remembered else 0, permitted=permitted)
        if remembered:
            self.known[address] = client
        return client

    def cookie(self, address: bytes, client: Client) -> bytes:
        """Return the server cookie of a client."""
        client.cookie = client.cookie or self._cookies.make(address, int(self._now()))
        return client.cookie

    def proven(self, address: bytes, cookie: bytes) -> bool:
        """Tell whether a cookie option shows that its sender receives what is sent to it."""
        return self._cookies.holds(cookie[8:], address, int(self._now()))

    def _bucket(self, prefix: bytes) -> Bucket:
        found = self._buckets.get(prefix)
        if found is None:
            # A flood of spoofed prefixes shares one bucket beyond the bound.
            prefix = prefix if len(self._buckets) < MOST else b""
            found = self._buckets.setdefault(prefix, Bucket(self._most))
        return found


def site_of(address: bytes) -> bytes:
    """Return what shares a limit with an address: its prefix, or `LOOPBACK`.

    Args:
        address: 4 or 16 octets in network order; a mapped IPv4 address counts as that one.
    """
    own = unmapped(address)
    if own == _LOOPBACK or (len(own) == 4 and own[0] == 127):
        return LOOPBACK
    return own[: _PREFIX[len(own)]]
