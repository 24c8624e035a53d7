"""The quick way for feeds of addresses: lines in a row, each an address, a prefix or a range.

Both families may take turns. A regular expression vouches for the form of a thousand lines; what
it cannot see (host bits, too many groups, a range that ends before it begins) sends all of them
back to be read singly, in `addresses`.
"""

import re

from blockd.watchlist.formats import address_columns
from blockd.watchlist.formats.address_columns import Placed

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
FOUR = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
"""An address of IPv4, as a regular expression without groups."""

_SIX = r"[0-9a-fA-F]{0,4}+:[0-9a-fA-F:]++"
_RANGE = rf"[ \t]*+-[ \t]*+{FOUR}"
_END = r"(?:[ \t]++[#;][^\n]*+|[ \t]*+\r?)\n"
"""The end of a line, with or without a comment."""
_MOST = 1000
"""Lines of one run, as in `ordinary`."""

_LINES = re.compile(
    rf"(?:(?:{FOUR}(?:/(?:3[0-2]|[12]?\d)|{_RANGE})?|{_SIX}(?:/\d{{1,3}})?){_END}){{1,{_MOST}}}+",
    re.ASCII,
)
_COMMENT = re.compile(r"[#;][^\n]*+")


def run(text: str, at: int) -> str:
    """Return the lines of the usual forms from an offset on, up to a bound; empty: none."""
    found = _LINES.match(text, at)
    return found[0] if found else ""


def read(lines: str) -> Placed | None:
    """Return the prefixes of such lines, and each one's line, counted from 0.

    None: one of them is wrong after all.
    """
    bare = _COMMENT.sub("", lines) if "#" in lines or ";" in lines else lines
    for blank in " \t\r":
        bare = bare.replace(blank, "")
    texts = bare.split("\n")
    texts.pop()
    return address_columns.read(texts, ranges=True)
