"""Who goes next where not all can go at once: each client prefix in turn, and each in its order.

So the line of one prefix makes nobody else wait for more than one of it. No sockets, no clock;
what waits, and for what, is `streams`' business, and who may go by now is `places`'.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Lines of those who wait, one a prefix."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._ahead: deque[T] = deque()
        self._lines: OrderedDict[bytes, deque[T]] = OrderedDict()
        """The prefix whose turn it is comes first."""
        self._count = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return self._count

    def __iter__(self) -> Iterator[T]:
        """Yield everyone who waits, line after line."""
        yield from self._ahead
        for line in self._lines.values():
            yield from line

    def add(self, one: T, site: bytes) -> None:
        """Have one wait behind the others of its prefix."""
        line = self._lines.get(site)
        if line is None:
            line = self._lines[site] = deque()
        line.append(one)
        self._count += 1

    def go_ahead(self, ones: Sequence[T]) -> None:
        """Have some wait before all others, in this order: it was their turn already."""
        self._ahead.extendleft(reversed(ones))
        self._count += len(ones)

    def next(self, open_to: Callable[[bytes], bool]) -> T | None:
        """Return whose turn it is, who waits no more; None: nobody waits who may go.

        Args:
            open_to: whether one of a prefix may go; else its turn passes.
        """
        if self._ahead:
            self._count -= 1
            return self._ahead.popleft()
        for _ in range(len(self._lines)):
            site, line = next(iter(self._lines.items()))
            self._lines.move_to_end(site)
            if open_to(site):
                one = line.popleft()
                if not line:
                    del self._lines[site]
                self._count -= 1
                return one
        return None

    def keep(self, wanted: Callable[[T], bool]) -> None:
        """Let those go who are not wanted any more; the others keep their places."""
        self._ahead = deque(filter(wanted, self._ahead))
        left = ((site, deque(filter(wanted, line))) for site, line in self._lines.items())
        self._lines = OrderedDict((site, line) for site, line in left if line)
        self._count = len(self._ahead) + sum(map(len, self._lines.values()))
