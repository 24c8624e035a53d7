"""How many questions are in flight on one connection, and who may have one more there.

A client prefix may hold as many places as are left for the others. So a lone one has half of them,
and whatever a few hundred prefixes leave unanswered, one that holds none finds a place at once. No
sockets, no clock; for how long a place is held is `link`'s and `streams`' business.
"""


class Places:
    """The places of one connection."""

    __slots__ = ("_held", "left")

    def __init__(self, most: int) -> None:
        """Begin with so many, all of them free."""
        self.left = most
        self._held: dict[bytes, int] = {}

    def open_to(self, site: bytes) -> bool:
        """Tell whether a prefix may have one more."""
        return self._held.get(site, 0) < self.left

    def take(self, site: bytes) -> None:
        """Give one to a prefix; whether it may have it was asked before."""
        self.left -= 1
        self._held[site] = self._held.get(site, 0) + 1

    def leave(self, site: bytes) -> None:
        """Take back one that a prefix holds."""
        self.left += 1
        held = self._held[site] - 1
        if held:
            self._held[site] = held
        else:
            del self._held[site]
