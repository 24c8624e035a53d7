"""Ordinary lines: those of one shape, which a regular expression vouches for by the thousand.

Nearly every line of a real list is one plain lower-case name with the same text around it.
Which shapes a format has is its own business, and so is every line that has none of them.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from blockd.watchlist.model import Scope

_LABEL = r"(?![xX][nN]--)[a-zA-Z0-9_]++(?:-++[a-zA-Z0-9_]++)*+"

NAME = rf"{_LABEL}(?:\.{_LABEL})++(?<![0-9])"
"""A name of two labels or more that is canonical but for its case, and perhaps too long.

Possessive throughout, so that no line is tried in several ways. The last label does not end
in a digit: it may be an address.
"""

END = r"[ \t]*+\r?\n"
"""The end of a line, LF or CRLF, with or without blanks before it."""

COMMENTED = r"(?:[ \t]++#[^\n]*+|[ \t]*+\r?)\n"
"""The same, with or without a comment."""

MOST = 1000
"""Lines of one run: it bounds what is held besides the result, and what is read again where
one of them turns out to be too long."""


class Ordinary(NamedTuple):
    """One shape of line, or of a few lines that belong together, with a name in it or several."""

    run: re.Pattern[str]
    """As many of them as follow one another, up to a bound."""
    one: re.Pattern[str]
    """A single one; its one group is the name, or the names."""
    scope: Scope = Scope.SUBTREE
    lines: int = 1
    """How many lines it has."""
    separator: str = ""
    """What is between several names of one line; empty: there is one."""
    is_second_family: bool = False
    """See `Found`."""
    changes: Mapping[str, Any] = {}
    """What the names' rule has that the feed's rule has not."""
    linewise: bool = True
    """What such a line says follows from it alone; see `Parsed`."""


def ordinary(
    before: str, after: str = END, scope: Scope = Scope.SUBTREE, *, unlike: str = "", **more: Any
) -> Ordinary:
    r"""Return the shape of lines with certain texts around a name.

    Args:
        before: a regular expression without groups.
        after: the same, line end included; `\1` is the name.
        scope: what the names cover.
        unlike: a lookahead before every further name of a line with several.
        more: other fields of `Ordinary`.
    """
    separator = more.get("separator", "")
    # What is no name of the list in front is none behind another one either.
    between = rf"[ \t]++{unlike}" if separator == " " else separator
    listed = f"{NAME}(?:{between}{NAME})++" if separator else NAME
    one = f"{before}({listed}){after}"
    return Ordinary(re.compile(f"(?:{one}){{1,{MOST}}}"), re.compile(one), scope, **more)
