"""Answers of upstreams, kept for their time and within a number of octets.

No time and no policy here: the caller passes the time in, and judges what it takes out.
"""

from itertools import islice
from typing import Final

from blockd.policy.reader import Verdict
from blockd.resolver.reply import Answer

_OVERHEAD: Final = 428
"""Octets that an entry costs beside its key and body: dictionary, tuples, numbers."""
_TTL_COST: Final = 90
"""Octets for each remembered TTL."""
_SPARE: Final = 64
"""A full cache drops one in so many at once: to find the first entry of a dictionary, each time
all places are passed that were dropped before it."""

RETRY: Final = 30.0
"""Seconds between attempts to refresh what is given stale (RFC 8767 5)."""


class Kept:
    """An answer with the time at which it came, and what was found out about it since."""

    __slots__ = (
        "answer",
        "blocked",
        "cost",
        "fetching",
        "judged",
        "retry_at",
        "since",
        "until",
        "used",
    )

    def __init__(self, answer: Answer, since: float, cost: int) -> None:
        self.answer = answer
        self.since = since
        """Seconds of a monotonic clock."""
        self.until = since + answer.lifetime
        self.cost = cost
        self.used = 0
        """Looks at it, at most one a second: how often it is wanted."""
        self.fetching = False
        """A question that will replace it is on its way."""
        self.retry_at = 0.0
        """While stale: when an upstream may be asked again."""
        self.judged = 0
        """The policy by which it was last found harmless; another one judges anew."""
        self.blocked: tuple[int, Verdict] | None = None
        """What blocks it, with the policy that says so; the same holds."""


class Cache:
    """A bounded map from `Query.key` to answers; the oldest make room."""

    def __init__(self, octets: int, stale: int = 0) -> None:
        """Bound it.

        Args:
            octets: memory in use at most; 0 keeps nothing.
            stale: seconds past its lifetime for which an answer is kept, for bad times.
        """
        self._most = octets
        self._stale = stale
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
        return kept if kept is not None and now < kept.until else None

    def stale(self, key: bytes, now: float) -> Kept | None:
        """Return what is kept although its time is over; a failure is never given stale."""
        kept = self._kept.get(key)
        if kept is None or now < kept.until:
            return None
        if now >= kept.until + self._stale or kept.answer.failed:
            self._drop(key)
            return None
        return kept

    def put(self, key: bytes, answer: Answer, now: float) -> Kept | None:
        """Keep an answer for its lifetime, in place of an earlier one.

        A failure never takes the place of an answer that can still be given (RFC 8767 4).
        """
        earlier = self._kept.get(key)
        if earlier is not None:
            earlier.fetching = False
            good = not earlier.answer.failed and now < earlier.until + self._stale
            if answer.failed and good:
                return earlier
            self._drop(key)
        cost = _OVERHEAD + len(key) + len(answer.body) + _TTL_COST * len(answer.ttls_at)
        if answer.lifetime <= 0 or cost > self._most:
            return None
        kept = self._kept[key] = Kept(answer, now, cost)
        self._used += cost
        if self._used > self._most:
            self._make_room()
        return kept

    def give_up(self, key: bytes) -> None:
        """Take that nothing will replace what is kept, though a question was on its way."""
        kept = self._kept.get(key)
        if kept is not None:
            kept.fetching = False

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._used = 0

    def _make_room(self) -> None:
        """Drop the oldest, but not the last that came."""
        over = self._used - self._most + self._most // _SPARE
        oldest = []
        # Dictionaries keep the order of insertion.
        for key, kept in islice(self._kept.items(), len(self._kept) - 1):
            if over <= 0:
                break
            over -= kept.cost
            oldest.append(key)
        for key in oldest:
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        self._used -= self._kept.pop(key).cost
