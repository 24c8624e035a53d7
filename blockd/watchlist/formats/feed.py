"""What the formats of feeds share: the way through the lines, and the rules of their entries.

A format says what one line means, as a `Found`, and which shapes are ordinary. What becomes of
either is `listed`'s and `batches`' business.
"""

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import msgspec

from blockd.terms import Basis
from blockd.watchlist.formats.batches import Batches
from blockd.watchlist.formats.found import Reader
from blockd.watchlist.formats.ordinary import MOST, Ordinary
from blockd.watchlist.formats.pieces import Text, Window
from blockd.watchlist.model import Parsed, Rule

_FEW = 3
"""So many lines are read singly in less time than at once."""

_MOST_IDLE = 10_000
"""Variants of the rule that nothing need be listed under: bad lines can ask for one each."""

_AHEAD = 2 * MOST
"""Lines that a run may have, if each is one of two that belong together."""

Run = Callable[[str, int], tuple[int, bool]]
"""Takes the ordinary lines from an offset on: where they end, and whether they were taken.

Those that were not, for one of them is wrong after all, are read singly.
"""


class Feed(Batches):
    """One feed on its way into a `Parsed`."""

    def __init__(self, source: str, form: str) -> None:
        super().__init__(source, form)
        self.rule = rule(source)
        self.shapes: Sequence[Ordinary] = ()
        """Those in use; a format may change them from one line to the next."""
        self.linewise = False
        """See `Parsed`; a format of which that holds says so."""
        self._variants: dict[tuple[tuple[str, Any], ...], Rule] = {}

    def variant(self, line: int = 0, **changes: Any) -> Rule:
        """Return the feed's rule with other values, the same one for the same values.

        Args:
            line: the first line that asks for it, which tells the variants of a feed apart; by
                default the one being read.
            changes: by the fields of `Rule`.
        """
        if not changes:
            return self.rule
        key = tuple(changes.items())
        known = self._variants.get(key)
        if known is None:
            if len(self._variants) > self.parsed.entries + _MOST_IDLE:
                self._variants.clear()
            known = msgspec.structs.replace(self.rule, line=line or self.line, **changes)
            self._variants[key] = known
        return known

    def read(self, text: Text, meaning: Reader, run: Run | None = None) -> Parsed:
        """Read all lines of a text and return the result.

        Args:
            text: the file's content.
            meaning: for the lines that nothing else takes.
            run: takes ordinary lines, instead of `shapes`.
        """
        run = run or self.run
        window = Window(text, _AHEAD)
        part, limit = "", 0
        at = singly = 0
        while True:
            if at >= limit:
                if not window.move(at):
                    return self.finished()
                part, limit = window.text, window.limit
                at, singly = 0, max(0, singly - at)
            if at >= singly:
                singly, taken = run(part, at)
                if taken:
                    at = singly
                    continue
            stop = part.find("\n", at)
            stop = stop if stop >= 0 else len(part)
            self.line += 1
            body = part[at:stop].strip()
            if body:
                self.take(meaning(body))
            else:
                self.parsed.blanks += 1
            at = stop + 1

    def run(self, text: str, at: int) -> tuple[int, bool]:
        """Take the lines of one of the shapes from an offset on, as `Run` does."""
        for shape in self.shapes:
            run = shape.run.match(text, at)
            if run is None:
                continue
            listed = shape.one.findall(run[0])
            if len(listed) < _FEW and shape.lines == 1:
                return run.end(), False
            lines = len(listed) * shape.lines
            numbers = list(range(self.line + 1, self.line + 1 + lines, shape.lines))
            if shape.separator:
                split = [line.split(shape.separator.strip() or None) for line in listed]
                listed = [name for line in split for name in line]
                numbers = [n for n, line in zip(numbers, split, strict=True) for _ in line]
            known = len(self._variants)
            rule = self.variant(self.line + 1, **shape.changes)
            taken = self.keep(
                listed, shape.scope, repeat(rule, len(listed)), numbers, lines,
                is_second_family=shape.is_second_family,
            )  # fmt: skip
            if not taken and len(self._variants) > known:
                self._variants.popitem()  # the first line that gives an entry is its line
            if taken and (shape.lines > 1 or not shape.linewise):
                self.linewise = False  # the second of two lines says nothing without the first
            return run.end(), taken
        return at, False

    def finished(self) -> Parsed:
        """Return the result, its issues in order of lines."""
        self.parsed.lines = self.line
        # Of two families that stand for one name, the second line says nothing without the first.
        self.parsed.linewise = self.linewise and not self._second
        self.parsed.issues.sort()
        return self.parsed


def rule(source: str) -> Rule:
    """Return the rule of all of a feed's entries; its id is the file's name without suffix."""
    base = source.rpartition("/")[2].removesuffix(".gz")
    return Rule(id=base.rpartition(".")[0] or base, source=source, basis=Basis.POLICY)
