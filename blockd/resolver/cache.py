"""Answers of upstreams, kept for their time and within a number of octets.

No time and no policy here: the caller passes the time in, and judges what it takes out.
"""

from typing import NamedTuple

from blockd.resolver.reply import Answer

_OVERHEAD = 420
"""Octets that an entry costs beside its key and body: dictionary, tuples, numbers (measured)."""
_TTL_COST = 90
"""Octets for each remembered TTL."""


class Kept(NamedTuple):
    """An answer with the time at which it came, in seconds of a monotonic clock."""

    answer: Answer
    since: float


class Cache:
    """A bounded map from `Query.key` to answers; the oldest make room."""

    def __init__(self, octets: int) -> None:
        """Bound it to a number of octets; 0 keeps nothing."""
        self._most = octets
        self._used = 0
        self._kept: dict[bytes, Kept] = {}

    def __len__(self) -> int:
        """Return the number of answers kept."""
        return len(self._kept)

    @property
    def octets(self) -> int:
        """What is in use."""
        return self._used

    def get(self, key: bytes, now: float) -> Kept | None:
        """Return what is kept and still in time."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now - kept.since >= kept.answer.lifetime:
            self._drop(key)
            return None
        return kept

    def put(self, key: bytes, answer: Answer, now: float) -> None:
        """Keep an answer for its lifetime, in place of an earlier one."""
        cost = _cost(key, answer)
        if key in self._kept:
            self._drop(key)
        if answer.lifetime <= 0 or cost > self._most:
            return
        self._kept[key] = Kept(answer, now)
        self._used += cost
        while self._used > self._most:
            self._drop(next(iter(self._kept)))  # dictionaries keep the order of insertion

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._used = 0

    def _drop(self, key: bytes) -> None:
        self._used -= _cost(key, self._kept.pop(key).answer)


def _cost(key: bytes, answer: Answer) -> int:
    return _OVERHEAD + len(key) + len(answer.body) + _TTL_COST * len(answer.ttls)
