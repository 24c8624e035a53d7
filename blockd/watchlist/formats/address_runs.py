"""The quick way for feeds of addresses: lines in a row, each an address, a prefix or a range.

Both families may take turns. A regular expression vouches for the form of a thousand lines; what
it cannot see (host bits, too many groups, a range that ends before it begins) sends all of them
back to be read singly, in `addresses`.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from blockd.prefixes import Prefix, spans

OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
END = r"(?:[ \t]++[#;][^\n]*+|[ \t]*+\r?)\n"
"""The end of a line, with or without a comment."""

_FIRST = rf"({OCTET})\.({OCTET})\.({OCTET})\.({OCTET})"
_SECOND = rf"{OCTET}\.{OCTET}\.{OCTET}\.{OCTET}"
_GROUP = r"[0-9a-fA-F]{1,4}+"
_V6 = (
    rf"((?=[0-9a-fA-F]*+:)(?:{_GROUP}(?::{_GROUP}){{0,7}}+)?"
    rf"(?:::(?:{_GROUP}(?::{_GROUP}){{0,6}}+)?)?)"
)
_MOST = 1000
"""Lines of one run, as in `ordinary`."""

_NUMBERS = {"": 32, **{str(number): number for number in range(256)}}
_prefix: Callable[[tuple[int, int, int]], Prefix] = partial(tuple.__new__, Prefix)


class Run(NamedTuple):
    """One shape of line around an address, a prefix or, where that is taken, a range."""

    run: re.Pattern[str]
    """As many of them as follow one another, up to a bound."""
    one: re.Pattern[str]

    def read(self, text: str) -> tuple[list[Prefix], list[int]] | None:
        """Return the prefixes of lines of the shape, and each one's line, counted from 0.

        None: one of them is wrong after all.
        """
        listed: list[Prefix] = []
        places: list[int] = []
        number = _NUMBERS
        for place, (a, b, c, d, bits, second, six, length) in enumerate(self.one.findall(text)):
            if six:
                found = _six(six, length)
                if found is None:
                    return None
                listed.append(found)
                places.append(place)
                continue
            network = number[a] << 24 | number[b] << 16 | number[c] << 8 | number[d]
            if second:
                e, f, g, h = second.split(".")
                last = number[e] << 24 | number[f] << 16 | number[g] << 8 | number[h]
                size = last - network + 1
                if size < 1:
                    return None
                if size & (size - 1) or network & (size - 1):  # no prefix of its own
                    held = spans(4, network, last)
                    listed += held
                    places += [place] * len(held)
                    continue
                width = 33 - size.bit_length()
            else:
                width = number[bits]
                if network & (0xFFFFFFFF >> width):
                    return None
            listed.append(_prefix((4, network, width)))
            places.append(place)
        return listed, places


def _six(address: str, bits: str) -> Prefix | None:
    """Return the prefix of groups with a `::` among them, or without; None: it is none."""
    head, gap, tail = address.partition("::")
    first = "".join([group.rjust(4, "0") for group in head.split(":")]) if head else ""
    last = "".join([group.rjust(4, "0") for group in tail.split(":")]) if tail else ""
    missing = 32 - len(first) - len(last)
    if missing < 4 if gap else missing:  # RFC 4291 2.2: `::` is one group of zeros or more
        return None
    network = int(f"{first}{'0' * missing}{last}", 16)
    if not bits:
        return _prefix((6, network, 128))
    length = int(bits)
    if length > 128 or network & ((1 << (128 - length)) - 1):
        return None
    return _prefix((6, network, length))


def runs(after: str = END, *, ranges: bool) -> Run:
    """Return the shape of such lines.

    Args:
        after: what ends a line, as a regular expression.
        ranges: whether `first-last` is one.
    """
    second = rf"|[ \t]*+-[ \t]*+({_SECOND})" if ranges else "|(?!)()"
    one = rf"(?:{_FIRST}(?:/(3[0-2]|[12]?\d){second})?|{_V6}(?:/(\d{{1,3}}))?){after}"
    return Run(re.compile(rf"(?:{one}){{1,{_MOST}}}", re.ASCII), re.compile(one, re.ASCII))
