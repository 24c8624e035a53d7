"""Address prefixes as numbers: parsing and printing by netaddr, cover and longest match.

A prefix is a plain tuple so that a hundred thousand of them sort and compare quickly. No
input or output here.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from typing import Generic, NamedTuple, TypeVar

import netaddr

from blockd.errors import PrefixFormError

WIDTH = {4: 32, 6: 128}

_FORM = re.compile(r"[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?")

# The usual forms, which netaddr reads too and takes longer for; it judges all others.
_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = re.compile(rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(?:/(3[0-2]|[12]?[0-9]))?")
_GROUPS = r"(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?"
_V6 = re.compile(rf"({_GROUPS})::({_GROUPS})(?:/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?")

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
    usual = _usual(text)
    if usual is not None:
        return usual
    network = None
    if _FORM.fullmatch(text):  # netaddr also takes masks, signs, and foreign digits
        with suppress(netaddr.AddrFormatError, ValueError):
            network = netaddr.IPNetwork(text)
    if network is None:
        raise PrefixFormError(f"{text!r} is not an IPv4 or IPv6 address or prefix")
    if network.first != network.value:
        raise PrefixFormError(f"{text!r} has host bits set; {network.cidr} was probably meant")
    return Prefix(network.version, network.first, network.prefixlen)


def _usual(text: str) -> Prefix | None:
    """Return the prefix of a text in one of the usual forms; None: ask netaddr."""
    found = _V4.fullmatch(text)
    if found:
        a, b, c, d, bits = found.groups()
        network = int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)
        length = int(bits) if bits else 32
        return None if network & (0xFFFFFFFF >> length) else Prefix(4, network, length)
    found = _V6.fullmatch(text)
    if found:
        head, tail, bits = found.groups()
        before = [int(group, 16) for group in head.split(":")] if head else []
        after = [int(group, 16) for group in tail.split(":")] if tail else []
        # RFC 4291 2.2: `::` stands for one group of zeros or more.
        missing = 8 - len(before) - len(after)
        length = int(bits) if bits else 128
        network = 0
        for group in (*before, *([0] * missing), *after):
            network = network << 16 | group
        if missing > 0 and not network & ((1 << (128 - length)) - 1):
            return Prefix(6, network, length)
    return None


def spans(family: int, first: int, last: int) -> list[Prefix]:
    """Return the fewest prefixes that hold the addresses from one to another, both included."""
    size = last - first + 1
    if not size & (size - 1) and not first & (size - 1):  # the usual case: it is one
        return [Prefix(family, first, WIDTH[family] + 1 - size.bit_length())]
    found = []
    while first <= last:
        # The widest prefix that begins here and does not reach beyond the end.
        align = (first & -first).bit_length() - 1 if first else WIDTH[family]
        bits = min(align, (last - first + 1).bit_length() - 1)
        found.append(Prefix(family, first, WIDTH[family] - bits))
        first += 1 << bits
    return found


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
    merged = _merged(routes)
    kept: dict[Prefix, T] = {}
    # What lies around, widest first: family, last address, value.
    around: list[tuple[int, int, T]] = []
    for prefix in sorted(merged):
        family, network, length = prefix
        while around and (around[-1][1] < network or around[-1][0] != family):
            around.pop()
        value = merged[prefix]
        if not around or around[-1][2] != value:
            kept[prefix] = value
            around.append((family, network | (1 << (WIDTH[family] - length)) - 1, value))
    return kept


def _merged(routes: Mapping[Prefix, T]) -> Mapping[Prefix, T]:
    """Return the prefixes with each two neighbours of equal value as the one above them.

    On numbers by family and length: a prefix made for each step costs far more.
    """
    networks: dict[tuple[int, int], dict[int, T]] = {}
    for (family, network, length), value in routes.items():
        networks.setdefault((family, length), {})[network] = value
    untouched = True
    for family in (4, 6):
        # From the narrowest length upwards, so that one pass is enough.
        for length in range(WIDTH[family], 0, -1):
            here = networks.get((family, length), {})
            bit = 1 << (WIDTH[family] - length)
            for lower in [each for each in here if not each & bit and each | bit in here]:
                if here[lower] == here[lower | bit]:
                    networks.setdefault((family, length - 1), {})[lower] = here.pop(lower)
                    del here[lower | bit]
                    untouched = False
    if untouched:
        return routes
    return {
        Prefix(family, network, length): value
        for (family, length), here in networks.items()
        for network, value in here.items()
    }


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
