"""Address prefixes as numbers: parsing and printing by netaddr, cover and longest match.

A prefix is a plain tuple so that a hundred thousand of them sort and compare quickly. No
input or output here.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Generic, NamedTuple, TypeVar

import netaddr

from blockd.errors import PrefixFormError

WIDTH = {4: 32, 6: 128}

_FORM = re.compile(r"[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?")

T = TypeVar("T")


class Prefix(NamedTuple):
    """An IPv4 or IPv6 prefix; sorts by family, then address, then wider before narrower."""

    family: int
    """4 or 6."""
    network: int
    """The first address as a number; the host bits are zero."""
    length: int
    """0 to 32, or 0 to 128."""

    def __str__(self) -> str:
        """Return address/length."""
        return f"{netaddr.IPAddress(self.network, self.family)}/{self.length}"

    @property
    def last(self) -> int:
        """The last address as a number."""
        return self.network | ((1 << (WIDTH[self.family] - self.length)) - 1)

    def covers(self, other: "Prefix") -> bool:
        """Tell whether every address of the other one is in this one."""
        return (
            self.family == other.family
            and self.length <= other.length
            and (self.network ^ other.network) >> (WIDTH[self.family] - self.length) == 0
        )

    def overlaps(self, other: "Prefix") -> bool:
        """Tell whether the two share an address."""
        return self.covers(other) or other.covers(self)

    def supernet(self, length: int) -> "Prefix":
        """Return the prefix of the given shorter length that this one lies in."""
        shift = WIDTH[self.family] - length
        return Prefix(self.family, self.network >> shift << shift, length)


class Range(NamedTuple, Generic[T]):
    """Addresses in a row that have one longest match."""

    family: int
    """4 or 6."""
    first: int
    last: int
    value: T


def parse(text: str) -> Prefix:
    """Return the prefix that a text names; a bare address is a prefix of full length.

    Raises:
        PrefixFormError: when the text is no address or prefix, or has host bits set (the
            message shows the prefix that was probably meant).
    """
    try:
        # netaddr also takes masks, signs, and foreign digits.
        network = netaddr.IPNetwork(text if _FORM.fullmatch(text) else "")
    except (netaddr.AddrFormatError, ValueError):
        raise PrefixFormError(f"{text!r} is not an IPv4 or IPv6 address or prefix") from None
    if network.first != network.value:
        raise PrefixFormError(f"{text!r} has host bits set; {network.cidr} was probably meant")
    return Prefix(network.version, network.first, network.prefixlen)


def is_meant(text: str) -> bool:
    """Tell whether a text is meant as an address or prefix, host bits or not."""
    try:
        parse(text)
    except PrefixFormError as error:
        return "host bits" in str(error)
    return True


def longest_match(prefix: Prefix, among: Mapping[Prefix, T]) -> tuple[Prefix, T] | None:
    """Return the narrowest key that covers the prefix, with its value; None if none does."""
    for length in range(prefix.length, -1, -1):
        cover = prefix.supernet(length)
        found = among.get(cover)
        if found is not None:
            return cover, found
    return None


def collapse(routes: Mapping[Prefix, T]) -> dict[Prefix, T]:
    """Return no more prefixes than given, which give every address the same longest match.

    A prefix inside one of equal value is dropped, and two neighbours of equal value become
    the prefix above them. Values are compared by equality; an address that no key covers
    stays uncovered.
    """
    kept: dict[Prefix, T] = {}
    merged = dict(routes)
    # Neighbours merge from the narrowest length upwards, so that one pass is enough.
    by_length: dict[int, list[Prefix]] = {}
    for prefix in merged:
        by_length.setdefault(prefix.length, []).append(prefix)
    for length in range(128, 0, -1):
        for prefix in by_length.pop(length, ()):
            value = merged.get(prefix)
            above = prefix.supernet(length - 1)
            if value is None or above.network != prefix.network:
                continue
            upper = prefix._replace(network=prefix.network | 1 << (WIDTH[prefix.family] - length))
            if merged.get(upper) == value:
                del merged[prefix], merged[upper]
                if above not in merged:
                    by_length.setdefault(length - 1, []).append(above)
                merged[above] = value
    stack: list[Prefix] = []
    for prefix in sorted(merged):
        while stack and not stack[-1].covers(prefix):
            stack.pop()
        if not stack or kept[stack[-1]] != merged[prefix]:
            kept[prefix] = merged[prefix]
            stack.append(prefix)
    return kept


def flatten(routes: Mapping[Prefix, T]) -> list[Range[T]]:
    """Return disjoint ranges, in order, that give every address its longest match.

    One search among them takes the place of a look-up for each length. Neighbours of equal
    value are one range; an address that no key covers is in none. At most 2 n - 1 ranges for
    n keys.
    """
    ranges: list[Range[T]] = []
    for family, ordered in groupby(sorted(routes), attrgetter("family")):
        at = 0  # what lies before is done
        covers: list[tuple[int, T]] = []  # that hold this place, widest first: last, value
        for prefix in ordered:
            network = prefix.network
            while covers and covers[-1][0] < network:
                at = _extend(ranges, family, at, *covers.pop())
            if covers:
                _extend(ranges, family, at, network - 1, covers[-1][1])
            at = network
            covers.append((prefix.last, routes[prefix]))
        while covers:
            at = _extend(ranges, family, at, *covers.pop())
    return ranges


def _extend(ranges: list[Range[T]], family: int, first: int, last: int, value: T) -> int:
    """Add a range, be it an empty one; returns the first address behind it."""
    if first > last:
        return first
    before = ranges[-1] if ranges else None
    if (
        before is not None
        and (before.family, before.last) == (family, first - 1)
        and before.value == value
    ):
        ranges[-1] = before._replace(last=last)
    else:
        ranges.append(Range(family, first, last, value))
    return last + 1


def covered(prefix: Prefix, by: Iterable[Prefix]) -> bool:
    """Tell whether the prefix lies whole within one of the others."""
    return any(other.covers(prefix) for other in by)
