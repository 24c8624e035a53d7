"""Server cookies (RFC 7873, RFC 9018): proof that a client is where it says it is.

Pure: the time is passed in, and so is the secret. A cookie is a keyed MAC over the client's
address and the second; what is inside is for this server alone to read (RFC 7873 5.2.3).

Its layout is RFC 9018's, its MAC is not the interoperable one of RFC 9018 4.4, for no other
server has our secret: BLAKE2s, which Python has in C, in place of SipHash-2-4, and without the
client cookie, so that one MAC serves all of a client's queries of a second. That gives nothing
away: who receives what is sent to an address can have a cookie for it under any client cookie.
"""

import struct
from hashlib import blake2s
from hmac import compare_digest
from typing import Final

OCTETS: Final = 16
"""A server cookie: version, three reserved octets, the time, a MAC of eight (RFC 9018 4)."""

PERIOD: Final = 86_400
"""Seconds for which one key makes cookies: 26 hours at most are advised (RFC 7873 7.1)."""

_HEAD = struct.Struct("!BxxxI")
_VERSION: Final = 1
_PAST: Final = 3600  # seconds: RFC 9018 4.3
_FUTURE: Final = 300


class Cookies:
    """Makes and checks the cookies of one secret.

    The key is another one each period, derived from the secret. Which one it was the cookie's
    own time tells, so that a cookie is good for its whole time whenever the key changes, and all
    who have the secret agree. So none but the present, the last and the next period's key can
    ever be asked for; RFC 9018 5 wants the first two, and the third is for clocks that differ.
    """

    def __init__(self, secret: bytes) -> None:
        """Take a secret of 16 to 32 unpredictable octets, the same for all workers."""
        self._secret = secret
        self._keys: dict[int, bytes] = {}
        """By period; few, as cookies of other times are refused before their key is asked for."""

    def make(self, address: bytes, second: int) -> bytes:
        """Return the server cookie for a client's address; the time in seconds since 1970."""
        second &= 0xFFFFFFFF
        head = _HEAD.pack(_VERSION, second)
        return head + self._mac(head, second, address)

    def holds(self, cookie: bytes, address: bytes, second: int) -> bool:
        """Tell whether a server cookie is ours, for this address, and recent."""
        if len(cookie) != OCTETS or cookie[0] != _VERSION:
            return False
        made = int.from_bytes(cookie[4:8], "big")
        age = (second - made) & 0xFFFFFFFF
        if age > _PAST and age < 0x100000000 - _FUTURE:
            return False
        return compare_digest(cookie[8:], self._mac(cookie[:8], made, address))

    def _mac(self, head: bytes, made: int, address: bytes) -> bytes:
        key = self._keys.get(made // PERIOD)
        if key is None:
            key = self._turn(made // PERIOD)
        return blake2s(head + address, key=key, digest_size=8).digest()

    def _turn(self, period: int) -> bytes:
        """Return the key of a period that has none yet, and forget those of other times."""
        if len(self._keys) > 1:
            self._keys.clear()
        key = blake2s(period.to_bytes(4, "big"), key=self._secret, person=b"cookies").digest()
        self._keys[period] = key
        return key
