"""Which lines of a text are others than before, and where the ones that stayed stand now.

Texts, line numbers and nothing else; what a line means is not asked here. Made for texts of a
million lines of which a few have changed: what stayed is compared by the megabyte and never cut
into lines. No input or output.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

MOST = 5_000
"""Lines that may have gone or come; where more did, reading all of them is hardly slower."""

_WINDOWS = (64, 1_024, 2 * MOST)
"""Lines behind a difference in which both texts have to meet again."""
_ALIKE = 4
"""So many equal lines in a row are a place where they meet."""
_FIRST_STEP, _LAST_STEP = 256, 1 << 20
_PIECE = 1 << 16


class Hunk(NamedTuple):
    """One place in which two texts differ; lines are counted from 1 and hold their ends."""

    old: int
    """The first line that has gone, or that stands behind what came."""
    gone: Sequence[str]
    new: int
    """The same in the new text."""
    came: Sequence[str]


def hunks(old: str, new: str) -> list[Hunk] | None:
    """Return where two texts differ, in order; None: in more than `MOST` lines.

    Args:
        old: the text as it was; its last line has an end.
        new: as it is, likewise.
    """
    found: list[Hunk] = []
    at_old = at_new = 0
    line_old = line_new = 1
    left = MOST
    while True:
        same = _common(old, at_old, new, at_new)
        same = old.rfind("\n", at_old, at_old + same) + 1 - at_old if same else 0
        if same > 0:
            lines = old.count("\n", at_old, at_old + same)
            at_old, at_new = at_old + same, at_new + same
            line_old, line_new = line_old + lines, line_new + lines
        if at_old == len(old) and at_new == len(new):
            return found
        both = _differing(old, at_old, new, at_new)
        if both is None or (left := left - len(both[0]) - len(both[1])) < 0:
            return None
        gone, came = both
        found.append(Hunk(line_old, gone, line_new, came))
        at_old, at_new = at_old + sum(map(len, gone)), at_new + sum(map(len, came))
        line_old, line_new = line_old + len(gone), line_new + len(came)


def places(found: Iterable[Hunk], lines: int) -> "array[int]":
    """Return where each line of the old text stands in the new one, by its number; 0: nowhere.

    Args:
        found: the hunks.
        lines: how many the old text has.
    """
    table = array("I", (0,))  # lines are counted from 1
    shift = 0
    for hunk in found:
        table.extend(range(len(table) + shift, hunk.old + shift))
        table.extend(repeat(0, len(hunk.gone)))
        shift = hunk.new + len(hunk.came) - len(table)
    table.extend(range(len(table) + shift, lines + 1 + shift))
    return table


def picked(text: str, numbers: Iterable[int]) -> Iterator[tuple[int, str]]:
    """Yield lines of a text with their numbers, which are given in order and exist."""
    at, line = 0, 1
    for number in numbers:
        while (count := text.count("\n", at, at + _PIECE)) < number - line:
            at, line = at + _PIECE, line + count
        begin = at
        for _ in range(number - line):
            begin = text.index("\n", begin) + 1
        # A piece may have cut the line before.
        yield number, text[begin : text.index("\n", begin) + 1]


def _common(old: str, at_old: int, new: str, at_new: int) -> int:
    """Return how many characters two texts have in common from two places on."""
    most = min(len(old) - at_old, len(new) - at_new)
    same, step = 0, _FIRST_STEP

    def is_same() -> bool:
        return same + step <= most and (
            old[at_old + same : at_old + same + step] == new[at_new + same : at_new + same + step]
        )

    while is_same():
        same, step = same + step, min(2 * step, _LAST_STEP)
    while step := step // 2:
        if is_same():
            same += step
    return same


def _differing(
    old: str, at_old: int, new: str, at_new: int
) -> tuple[Sequence[str], Sequence[str]] | None:
    """Return the lines that have gone and come from two places on, before the texts meet again."""
    for window in _WINDOWS:
        before, after = _lines(old, at_old, window), _lines(new, at_new, window)
        # Behind the ends of both, all is alike.
        for each in (before, after):
            if len(each) < window:
                each.extend([""] * _ALIKE)
        met = _meeting(before, after)
        if met is not None:
            return before[: met[0]], after[: met[1]]
    return None


def _meeting(before: Sequence[str], after: Sequence[str]) -> tuple[int, int] | None:
    """Return the nearest places from which on some lines are alike; None: there are none."""
    first: dict[tuple[str, ...], int] = {}
    for place, run in enumerate(_runs(before)):
        first.setdefault(run, place)
    found = [(first[run], place) for place, run in enumerate(_runs(after)) if run in first]
    return min(found, key=sum, default=None)


def _runs(lines: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(lines[place:] for place in range(_ALIKE)), strict=False)


def _lines(text: str, at: int, count: int) -> list[str]:
    """Return that many lines from a place on, or as many as there are."""
    found: list[str] = []
    while at < len(text) and len(found) < count:
        end = text.index("\n", at) + 1
        found.append(text[at:end])
        at = end
    return found
