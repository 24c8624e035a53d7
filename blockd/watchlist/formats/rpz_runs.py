"""The quick way for zones: many lines in a row that say the same of one plain name each.

`name CNAME .` a hundred thousand times over: one match finds how far such lines go, and their
names are made in one step. Whatever else a zone holds goes line by line, in `rpz`.
"""

import re

from blockd import names

_LABEL = r"(?!xn--)[a-z0-9_]++(?:-++[a-z0-9_]++)*+"
_NAME = rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*(?<=[a-z])"
"""As `names` knows it when it is canonical as it stands. No final digit: that may be an address."""

MOST_LINES = 4096
"""Lines of one run, more than a record of several lines may have."""


def pattern(behind: str) -> re.Pattern[str]:
    """Return what matches lines of a plain name each, followed by one text."""
    return re.compile(rf"(?:{_NAME}{re.escape(behind)}\r?\n){{1,{MOST_LINES}}}+")


def block(text: str, at: int, ordinary: re.Pattern[str]) -> str:
    """Return the lines from a place on that the pattern matches; empty: none."""
    match = ordinary.match(text, at)
    if match is None:
        return ""
    found = match[0]
    second = found.find("\n") + 1
    if found.startswith("*.") and not found.startswith("*.", second):
        return found[:second]  # from then on in step with pairs of `x` and `*.x`
    other = found.find("rpz-")  # it may be an address
    return found if other < 0 else found[: found.rfind("\n", 0, other) + 1]


def wires(lines: str, behind: str, suffix: bytes) -> list[bytes] | None:
    """Return the names of such lines in wire form, a wildcard's first label an asterisk.

    Args:
        lines: whole lines that the pattern matched.
        behind: the text that follows each name.
        suffix: what each name lacks, in wire form.

    Returns:
        None: one of them is too long; they are to be read one by one.
    """
    bodies = lines.replace("\r\n", "\n").split(f"{behind}\n")
    bodies.pop()
    if len(bodies) != lines.count("\n"):
        return None  # a carriage return of the text behind was taken for one of a line's end
    found = names.plain_wires(bodies)
    if found is None or not suffix:
        return found
    whole = [wire + suffix for wire in found]
    return whole if max(map(len, whole)) < names.MAX_WIRE else None
