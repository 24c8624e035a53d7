"""Who goes next where not all can go at once: each client prefix in turn, and each in its order.

So the line of one prefix makes nobody else wait for more than one of it. What several prefixes
want stands in the line of each, and goes once, by the first of them. No sockets, no clock;
what waits, and for what, is `streams`' business, and who may go by now is `places`'.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import filterfalse
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Turns(Generic[T]):
    """Lines of those who wait, one a prefix."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._all: dict[T, None] = {}
        """Who waits. Whoever went by one line may stand in others still, and is passed there."""
        self._ahead: deque[T] = deque()
        # Unlike a dict's, the front of a line is found at once, however many have left it.
        self._lines: OrderedDict[bytes, OrderedDict[T, None]] = OrderedDict()
        """The prefix whose turn it is comes first."""

    def __len__(self) -> int:
        """Return how many wait, in however many lines."""
        return len(self._all)

    def __iter__(self) -> Iterator[T]:
        """Yield everyone who waits, once."""
        return iter(self._all)

    def __contains__(self, one: T) -> bool:
        """Tell whether one waits."""
        return one in self._all

    def add(self, one: T, site: bytes) -> None:
        """Have one wait behind the others of a prefix; in several lines, but once in each."""
        line = self._lines.get(site)
        if line is None:
            line = self._lines[site] = OrderedDict()
        line[one] = None
        self._all[one] = None

    def go_ahead(self, ones: Sequence[T]) -> None:
        """Have some wait before all others, in this order: it was their turn already."""
        self._ahead.extendleft(reversed(ones))
        self._all.update(dict.fromkeys(ones))

    def next(self, open_to: Callable[[bytes], bool]) -> tuple[T, bytes | None] | None:
        """Return whose turn it is, who waits no more; None: nobody waits who may go.

        Args:
            open_to: whether one of a prefix may go; else its turn passes.

        Returns:
            With the prefix whose turn that was; None for one who was ahead.
        """
        if self._ahead:
            first = self._ahead.popleft()
            del self._all[first]
            return first, None
        for _ in range(len(self._lines)):
            site, line = next(iter(self._lines.items()))
            self._lines.move_to_end(site)
            one = self._first(line) if open_to(site) else None
            if not line:
                del self._lines[site]
            if one is not None:
                return one, site
        return None

    def _first(self, line: OrderedDict[T, None]) -> T | None:
        """Take the first out of a line who still waits, and all before."""
        while line:
            one, _ = line.popitem(last=False)
            if one in self._all:
                del self._all[one]
                return one
        return None

    def keep(self, wanted: Callable[[T], bool]) -> None:
        """Let those go who are not wanted any more; the others keep their places."""
        self._all = dict.fromkeys(filter(wanted, self._all))
        waits = self._all.__contains__
        self._ahead = deque(filter(waits, self._ahead))
        for site, line in tuple(self._lines.items()):
            for one in tuple(filterfalse(waits, line)):
                del line[one]
            if not line:
                del self._lines[site]
