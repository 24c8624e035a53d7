"""What the last hour's answers were: samples of the resolver's counters, in memory. Pure.

Counts by group of outcomes alone; nothing in here could say who asked.
"""

from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

PERIOD = 30.0
"""Seconds between samples."""
KEPT = 120
"""Samples that are kept: an hour."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "blocked": ("sinkholed",),
    "answered": ("cached", "stale", "local"),
    "forwarded": ("forwarded",),
    "turned away": ("refused", "limited", "dropped", "malformed", "not_implemented"),
    "failed": ("failed",),
}
"""What the outcomes of the resolver's counters come down to, in the order they are drawn."""

Counts = Mapping[str, int]
"""Each outcome since the resolver's start."""


class Column(NamedTuple):
    """What was answered between two samples."""

    since: float
    """Seconds since 1970."""
    until: float
    groups: dict[str, int]

    @property
    def total(self) -> int:
        """All answers."""
        return sum(self.groups.values())


class Ring:
    """The last samples."""

    def __init__(self, kept: int = KEPT) -> None:
        """Start empty.

        Args:
            kept: how many columns there are at most.
        """
        self._samples: deque[tuple[float, Counts | None]] = deque(maxlen=kept)

    def add(self, now: float, counts: Counts | None) -> None:
        """Keep a sample; None where the resolver gave no answer."""
        self._samples.append((now, counts))

    def columns(self, now: float, counts: Counts | None) -> list[Column]:
        """Return what was answered between the samples, and since the last of them.

        Args:
            now: seconds since 1970.
            counts: of this moment, or None.
        """
        samples = [*self._samples, (now, counts)]
        found: list[Column] = []
        known = samples[0][1] or {}
        for (since, _), (until, after) in pairwise(samples):
            found.append(Column(since, until, _groups(known, known if after is None else after)))
            known = after or known
        return found


def _groups(before: Counts, after: Counts) -> dict[str, int]:
    """Return what came in between; where the resolver was restarted, what came since then.

    One that gave no answer yet is taken to have started since.
    """
    restarted = any(after.get(outcome, 0) < count for outcome, count in before.items())
    start: Counts = {} if restarted else before
    return {
        group: sum(after.get(each, 0) - start.get(each, 0) for each in outcomes)
        for group, outcomes in GROUPS.items()
    }
