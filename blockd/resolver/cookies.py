"""Server cookies (RFC 7873, RFC 9018): proof that a client is where it says it is.

Pure: the time is passed in, and so is the secret. A cookie is a keyed MAC over the client's
address and the second, so that one serves for all of a client's queries of that second; what
is inside is for this server alone to read (RFC 7873 5.2.3).
"""

import struct
from hashlib import blake2s
from hmac import compare_digest
from typing import Final

OCTETS: Final = 16
"""A server cookie: version, three reserved octets, the time, a MAC of eight (RFC 9018 4)."""

_HEAD = struct.Struct("!BxxxI")
_VERSION: Final = 1
_PAST: Final = 3600  # seconds: RFC 9018 4.3
_FUTURE: Final = 300


class Cookies:
    """Makes and checks the cookies of one secret."""

    def __init__(self, secret: bytes) -> None:
        """Take a secret of 16 to 32 unpredictable octets, the same for all workers."""
        self._secret = secret

    def make(self, address: bytes, second: int) -> bytes:
        """Return the server cookie for a client's address; the time in seconds since 1970."""
        head = _HEAD.pack(_VERSION, second & 0xFFFFFFFF)
        return head + self._mac(head, address)

    def holds(self, cookie: bytes, address: bytes, second: int) -> bool:
        """Tell whether a server cookie is ours, for this address, and recent."""
        if len(cookie) != OCTETS or cookie[0] != _VERSION:
            return False
        age = (second - int.from_bytes(cookie[4:8], "big")) & 0xFFFFFFFF
        if age > _PAST and age < 0x100000000 - _FUTURE:
            return False
        return compare_digest(cookie[8:], self._mac(cookie[:8], address))

    def _mac(self, head: bytes, address: bytes) -> bytes:
        return blake2s(head + address, key=self._secret, digest_size=8).digest()
