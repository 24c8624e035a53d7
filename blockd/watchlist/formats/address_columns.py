"""Texts of addresses to prefixes, a thousand at a time: in columns, by what the C library does.

Whatever is wrong with one of them, down to a host bit, gives none of them: the caller reads them
singly then, and says what it is. How the lines around them look is not known here.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from operator import add, and_, itemgetter, sub, xor
from socket import AF_INET, AF_INET6, inet_pton  # nothing is opened: the form of addresses alone

from blockd.prefixes import WIDTH, Prefix, spans

_prefix: Callable[[Iterable[int]], Prefix] = partial(tuple.__new__, Prefix)
"""`_make` without its check: there are always three fields."""

_LENGTHS = {
    family: {"": width, **{str(length): length for length in range(width + 1)}}
    for family, width in WIDTH.items()
}
_HOST_BITS = {
    family: {text: (1 << (WIDTH[family] - length)) - 1 for text, length in known.items()}
    for family, known in _LENGTHS.items()
}

Placed = tuple[list[Prefix], Sequence[int]]
"""Prefixes, and for each the place of the text that names it."""


def prefixes(texts: Sequence[str]) -> list[Prefix] | None:
    """Return the prefix of each text; None: one is no address or prefix, or has to be looked at.

    Args:
        texts: at least one, of either family.
    """
    found = read(texts)
    return None if found is None else found[0]


def read(texts: Sequence[str], *, ranges: bool = False) -> Placed | None:
    """Return the prefixes that hold just what the texts name, in their order; None: as above.

    Args:
        texts: at least one, of either family.
        ranges: whether `first-last`, both of IPv4, is one too.
    """
    try:
        return _read(texts, ranges=ranges)
    except (OSError, KeyError, ValueError):  # no address, no length, nothing for the C library
        return None


def _read(texts: Sequence[str], *, ranges: bool) -> Placed:
    joined = "\n".join(texts)
    ranges = ranges and "-" in joined
    if ":" not in joined and not ranges:
        return _one_each(4, texts, joined), range(len(texts))
    if "." not in joined:
        return _one_each(6, texts, joined), range(len(texts))
    # Where sorts take turns each is read by itself, and all are put in order again.
    sorts: tuple[list[int], list[int], list[int]] = [], [], []
    for place, text in enumerate(texts):
        sorts[1 if ":" in text else 2 if ranges and "-" in text else 0].append(place)
    if len(sorts[2]) == len(texts):
        return _ranges(texts)
    pairs: list[tuple[int, Prefix]] = []
    for sort, places in enumerate(sorts):
        of_sort = [texts[place] for place in places]
        if sort == 2:
            listed, at = _ranges(of_sort) if of_sort else ([], [])
            pairs += zip(map(places.__getitem__, at), listed, strict=True)
        elif of_sort:
            found = _one_each(6 if sort else 4, of_sort, "\n".join(of_sort))
            pairs += zip(places, found, strict=True)
    pairs.sort(key=itemgetter(0))
    return [prefix for _, prefix in pairs], [place for place, _ in pairs]


def _one_each(family: int, texts: Sequence[str], joined: str) -> list[Prefix]:
    """Return the prefixes of addresses of one family, with or without lengths."""
    read_all = _numbers4 if family == 4 else _numbers6
    if "/" not in joined:
        return list(map(_prefix, zip(repeat(family), read_all(texts), repeat(WIDTH[family]))))
    addresses, _, lengths = zip(*map(str.partition, texts, repeat("/")), strict=True)
    if joined.count("/") != len(texts) - lengths.count(""):
        raise ValueError("a length is missing")
    networks = read_all(addresses)
    if any(map(and_, networks, map(_HOST_BITS[family].__getitem__, lengths))):
        raise ValueError("has host bits")
    widths = map(_LENGTHS[family].__getitem__, lengths)
    return list(map(_prefix, zip(repeat(family), networks, widths)))


def _ranges(texts: Sequence[str]) -> Placed:
    """Return the fewest prefixes that hold the addresses of ranges of IPv4."""
    starts, _, ends = zip(*map(str.partition, texts, repeat("-")), strict=True)
    firsts, lasts = _numbers4(starts), _numbers4(ends)
    differing = list(map(xor, firsts, lasts))
    # One prefix: its ends differ in the last bits alone, from all of them 0 to all of them 1.
    if not any(map(and_, firsts, differing)) and not any(
        map(and_, differing, map(add, differing, repeat(1)))
    ):
        widths = map(sub, repeat(WIDTH[4]), map(int.bit_length, differing))
        return list(map(_prefix, zip(repeat(4), firsts, widths))), range(len(texts))
    listed: list[Prefix] = []
    places: list[int] = []
    for place, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        if last < first:
            raise ValueError("ends before it begins")
        held = spans(4, first, last)
        listed += held
        places += repeat(place, len(held))
    return listed, places


def _numbers4(texts: Sequence[str]) -> Sequence[int]:
    packed = b"".join(map(inet_pton, repeat(AF_INET), texts))
    return struct.unpack(f">{len(texts)}I", packed)


def _numbers6(texts: Sequence[str]) -> Sequence[int]:
    return list(map(int.from_bytes, map(inet_pton, repeat(AF_INET6), texts)))
