"""What the formats of feeds share: the way through the lines, the counts, rules, duplicates.

A format says what one line means, as a `Found`, and which shapes are ordinary; that every line
counts once, as what it is, is settled here alone, which is why this room is a large one. What
a name or an address may look like is not its business.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from typing import Any

import msgspec

from blockd import names
from blockd.prefixes import Prefix
from blockd.terms import Basis
from blockd.watchlist.formats.found import Found, Reader
from blockd.watchlist.formats.ordinary import Ordinary
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Rule, Scope, Severity

_name_entry: Callable[[Iterable[object]], NameEntry] = partial(tuple.__new__, NameEntry)
_prefix_entry: Callable[[Iterable[object]], PrefixEntry] = partial(tuple.__new__, PrefixEntry)
"""`_make` without its check: the batches here always have the right number of fields."""


_FEW = 3
"""So many lines are read singly in less time than at once."""

_MOST_IDLE = 10_000
"""Variants of the rule that nothing need be listed under: bad lines can ask for one each."""

Run = Callable[[int], tuple[int, bool]]
"""Takes the ordinary lines from an offset on: where they end, and whether they were taken.

Those that were not, for one of them is wrong after all, are read singly.
"""


class Feed:
    """One feed on its way into a `Parsed`.

    `entries` counts lines that list something, not names: `address=/a/b/` or a hosts line with
    three names is one. A line with several faults is one issue.
    """

    def __init__(self, source: str, form: str) -> None:
        self.parsed = Parsed(source=source, feed=True, format=form)
        self.rule = rule(source)
        self.shapes: Sequence[Ordinary] = ()
        """Those in use; a format may change them from one line to the next."""
        self.line = 0
        """The number of the line that is being read."""
        self._seen: tuple[dict[bytes, int], ...] = tuple({} for _ in (*Scope, *Scope))
        self._prefixes: tuple[dict[Prefix, int], dict[Prefix, int]] = ({}, {})
        self._second: dict[bytes, bool] = {}  # True: the first family is still missing
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

    def read(self, text: str, meaning: Reader, run: Run | None = None) -> Parsed:
        """Read all lines of a text and return the result.

        Args:
            text: the file's content.
            meaning: for the lines that nothing else takes.
            run: takes ordinary lines, instead of `shapes`.
        """
        run = run or partial(self.run, text)
        at, singly, end = 0, 0, len(text)
        while at < end:
            if at >= singly:
                singly, taken = run(at)
                if taken:
                    at = singly
                    continue
            stop = text.find("\n", at)
            stop = stop if stop >= 0 else end
            self.line += 1
            body = text[at:stop].strip()
            if body:
                self.take(meaning(body))
            else:
                self.parsed.blanks += 1
            at = stop + 1
        return self.finished()

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
            rule = self.variant(self.line + 1, **shape.changes)
            taken = self.keep(
                listed, shape.scope, repeat(rule, len(listed)), numbers, lines,
                is_second_family=shape.is_second_family,
            )  # fmt: skip
            return run.end(), taken
        return at, False

    def finished(self) -> Parsed:
        """Return the result, its issues in order of lines."""
        self.parsed.lines = self.line
        self.parsed.issues.sort()
        return self.parsed

    def take(self, found: Found) -> None:
        """Count the line that is being read, and keep what it lists."""
        parsed, line = self.parsed, self.line
        taken, twice = found.is_entry, None
        before = len(parsed.names) + len(parsed.prefixes)
        for wire, scope, rule in found.names:
            seen = self._seen[scope + len(Scope) * rule.allow]
            first = seen.get(wire)
            if first is None:
                seen[wire] = line
                parsed.names.append(NameEntry(wire, scope, rule, line))
                taken = True
                if found.is_second_family:
                    self._second[wire] = True
            elif first != line and not self._is_other_family(
                wire, is_second=found.is_second_family
            ):
                twice = _text(wire, scope), first
            else:
                taken = True
        for prefix, rule in found.prefixes:
            first = self._prefixes[rule.allow].get(prefix)
            if first is None:
                self._prefixes[rule.allow][prefix] = line
                parsed.prefixes.append(PrefixEntry(prefix, rule, line))
                taken = True
            elif first != line:
                twice = str(prefix), first
        if found.problems:
            first_problem, *others = found.problems
            more = f" (and {len(others)} more on this line)" if others else ""
            sort = parsed.note(line, Severity.ERROR, first_problem + more)
        elif found.unsupported:
            sentence = f"not taken: {found.unsupported}{found.detail}"
            sort = parsed.note(line, Severity.WARNING, sentence, found.unsupported)
        elif twice:
            sort = self._duplicate(line, *twice)
        else:
            if taken:
                parsed.entries += 1
            else:
                parsed.comments += 1
            return
        if found.is_entry or len(parsed.names) + len(parsed.prefixes) > before:
            parsed.mixed[line] = sort

    def enter(self, wire: bytes, scope: Scope, rule: Rule, line: int) -> None:
        """Add an entry of a line that was counted already."""
        self._seen[scope + len(Scope) * rule.allow][wire] = line
        self.parsed.names.append(NameEntry(wire, scope, rule, line))

    def first_line(self, wire: bytes, scope: Scope) -> int:
        """Return the line that lists a name so far; 0: none does."""
        return self._seen[scope].get(wire, 0)

    def keep(
        self,
        listed: Sequence[str],
        scope: Scope,
        rules: Iterable[Rule],
        numbers: Sequence[int],
        lines: int,
        *,
        is_second_family: bool = False,
        may_repeat: bool = True,
    ) -> bool:
        """Take names of the next lines at once; False: nothing was taken, read them singly.

        Args:
            listed: at least one plain name, see `names.plain_wires`.
            scope: what all of them cover.
            rules: one a name; none of them an exception, or all.
            numbers: the line of each.
            lines: how many lines all of them have.
            is_second_family: see `Found`.
            may_repeat: a name that is listed already is a duplicate; False: look closer.
        """
        wires = names.plain_wires(listed)
        if wires is None:
            return False
        rules = list(rules)
        seen = self._seen[scope + len(Scope) * rules[0].allow]
        fresh = dict(zip(wires, numbers, strict=True))
        if len(fresh) == len(wires) and seen.keys().isdisjoint(fresh):
            seen.update(fresh)
            entries = zip(wires, repeat(scope), rules, numbers)
            self.parsed.names.extend(map(_name_entry, entries))
            self.parsed.entries += lines
            if is_second_family:
                self._second.update(dict.fromkeys(wires, True))
        elif lines == len(wires) and may_repeat:
            self._keep_new(wires, scope, rules, numbers, is_second=is_second_family)
        else:
            return False
        self.line += lines
        return True

    def keep_prefixes(
        self, listed: Sequence[Prefix], rules: Iterable[Rule], numbers: Sequence[int] = ()
    ) -> None:
        """Take prefixes of the next lines at once, one a line and none of them an exception.

        Args:
            listed: the prefixes.
            rules: one a prefix.
            numbers: the line of each; by default they follow one another.
        """
        parsed, seen = self.parsed, self._prefixes[False]
        numbers = numbers or range(self.line + 1, self.line + 1 + len(listed))
        fresh = dict(zip(listed, numbers, strict=True))
        entries = zip(listed, rules, numbers, strict=True)
        if len(fresh) == len(listed) and seen.keys().isdisjoint(fresh):
            seen.update(fresh)
            parsed.prefixes.extend(map(_prefix_entry, entries))
            parsed.entries += len(listed)
        else:
            for prefix, rule, line in entries:
                first = seen.setdefault(prefix, line)
                if first == line:
                    parsed.prefixes.append(PrefixEntry(prefix, rule, line))
                    parsed.entries += 1
                else:
                    self._duplicate(line, str(prefix), first)
        self.line += len(listed)

    def keep_pairs(
        self, listed: Sequence[str], covered: Sequence[Prefix], rules: Sequence[Rule]
    ) -> bool:
        """Take a name and a prefix of each of the next lines at once; False: nothing was taken.

        Args:
            listed: plain names, each with all below.
            covered: as many prefixes.
            rules: one a line, none of them an exception.
        """
        parsed, seen, lines = self.parsed, self._prefixes[False], len(covered)
        numbers = range(self.line + 1, self.line + 1 + lines)
        fresh = dict(zip(covered, numbers, strict=True))
        if len(fresh) < lines or not seen.keys().isdisjoint(fresh):
            return False  # a line of which a part is listed already says so
        if not self.keep(listed, Scope.SUBTREE, rules, numbers, lines, may_repeat=False):
            return False
        seen.update(fresh)
        parsed.prefixes.extend(map(_prefix_entry, zip(covered, rules, numbers, strict=True)))
        return True

    def keep_many(self, listed: Sequence[Prefix], places: Sequence[int], lines: int) -> bool:
        """Take prefixes of the next lines at once; False: nothing was taken, read them singly.

        Args:
            listed: under the feed's own rule.
            places: the line of each among these, counted from 0; each has one or more.
            lines: how many lines all of them have.
        """
        if len(listed) == lines:
            self.keep_prefixes(listed, repeat(self.rule, lines))
            return True
        seen, before = self._prefixes[False], self.line + 1
        fresh = {prefix: before + place for prefix, place in zip(listed, places, strict=True)}
        if len(fresh) != len(listed) or not seen.keys().isdisjoint(fresh):
            return False  # of a range that is listed in part, its line says so
        seen.update(fresh)
        entries = zip(listed, repeat(self.rule), fresh.values())
        self.parsed.prefixes.extend(map(_prefix_entry, entries))
        self.parsed.entries += lines
        self.line += lines
        return True

    def withdraw(self, gone: Sequence[tuple[NameEntry, str]]) -> None:
        """Take entries out again, each for a reason: a line of theirs becomes a warning."""
        if not gone:
            return
        parsed = self.parsed
        dropped = {id(entry) for entry, _ in gone}
        parsed.names = [entry for entry in parsed.names if id(entry) not in dropped]
        self.blame([(entry.line, Severity.WARNING, reason) for entry, reason in gone])

    def blame(self, lines: Iterable[tuple[int, Severity, str]]) -> None:
        """Turn lines that were counted as entry lines into issues, one a line."""
        parsed = self.parsed
        for line, severity, sentence in lines:
            if line not in parsed.mixed:
                parsed.mixed[line] = parsed.note(line, severity, sentence)
                parsed.entries -= 1

    def _keep_new(
        self,
        wires: Sequence[bytes],
        scope: Scope,
        rules: Sequence[Rule],
        numbers: Sequence[int],
        *,
        is_second: bool,
    ) -> None:
        """Take one name a line, some of which are listed already."""
        parsed = self.parsed
        seen = self._seen[scope + len(Scope) * rules[0].allow]
        for wire, rule, number in zip(wires, rules, numbers, strict=True):
            first = seen.setdefault(wire, number)
            if first == number:
                parsed.names.append(NameEntry(wire, scope, rule, number))
                if is_second:
                    self._second[wire] = True
            elif not self._is_other_family(wire, is_second=is_second):
                text = _text(wire, scope) if parsed.keeps(Severity.WARNING) else ""
                self._duplicate(number, text, first)
                continue
            parsed.entries += 1

    def _is_other_family(self, wire: bytes, *, is_second: bool) -> bool:
        """Tell whether a name that is listed already stands here for its other family."""
        missing_first = self._second.get(wire)
        if missing_first is None and is_second:
            self._second[wire] = False
            return True
        if missing_first and not is_second:
            self._second[wire] = False
            return True
        return False

    def _duplicate(self, line: int, text: str, first: int) -> str:
        """Note that what a line lists stands in the same source already."""
        sentence = f"{text} is listed at line {first} already"
        return self.parsed.note(line, Severity.WARNING, sentence)


def rule(source: str) -> Rule:
    """Return the rule of all of a feed's entries; its id is the file's name without suffix."""
    base = source.rpartition("/")[2].removesuffix(".gz")
    return Rule(id=base.rpartition(".")[0] or base, source=source, basis=Basis.POLICY)


def _text(wire: bytes, scope: Scope) -> str:
    return ("*." if scope is Scope.BELOW else "") + names.to_unicode(wire)
