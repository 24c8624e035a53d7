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
from blockd.watchlist.model import (
    Issue,
    NameEntry,
    Origin,
    Parsed,
    PrefixEntry,
    Rule,
    Scope,
    Severity,
)

_name_entry: Callable[[Iterable[object]], NameEntry] = partial(tuple.__new__, NameEntry)
_prefix_entry: Callable[[Iterable[object]], PrefixEntry] = partial(tuple.__new__, PrefixEntry)
"""`_make` without its check: the batches here always have the right number of fields."""


_FEW = 3
"""So many lines are read singly in less time than at once."""

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
            self._issue(line, Severity.ERROR, first_problem + more)
        elif found.unsupported:
            kinds = parsed.unsupported
            kinds[found.unsupported] = kinds.get(found.unsupported, 0) + 1
            self._issue(line, Severity.WARNING, f"not taken: {found.unsupported}{found.detail}")
        elif twice:
            parsed.issues.append(duplicate(parsed.source, line, *twice))
        elif taken:
            parsed.entries += 1
        else:
            parsed.comments += 1

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

    def keep_prefixes(self, listed: Sequence[Prefix], rules: Iterable[Rule]) -> None:
        """Take prefixes of the next lines at once, one a line and none of them an exception."""
        parsed, seen = self.parsed, self._prefixes[False]
        numbers = list(range(self.line + 1, self.line + 1 + len(listed)))
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
                    parsed.issues.append(duplicate(parsed.source, line, str(prefix), first))
        self.line += len(listed)

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
        already = {issue.origin.line for issue in self.parsed.issues}
        for line, severity, sentence in lines:
            if line not in already:
                already.add(line)
                self._issue(line, severity, sentence)
                self.parsed.entries -= 1

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
                text = _text(wire, scope)
                parsed.issues.append(duplicate(parsed.source, number, text, first))
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

    def _issue(self, line: int, severity: Severity, sentence: str) -> None:
        self.parsed.issues.append(Issue(Origin(self.parsed.source, line), severity, sentence))


def rule(source: str) -> Rule:
    """Return the rule of all of a feed's entries; its id is the file's name without suffix."""
    base = source.rpartition("/")[2].removesuffix(".gz")
    return Rule(id=base.rpartition(".")[0] or base, source=source, basis=Basis.POLICY)


def duplicate(source: str, line: int, text: str, first: int) -> Issue:
    """Return the warning about an entry that stands in the same source already."""
    message = f"{text} is listed at line {first} already"
    return Issue(Origin(source, line), Severity.WARNING, message)


def _text(wire: bytes, scope: Scope) -> str:
    return ("*." if scope is Scope.BELOW else "") + names.to_unicode(wire)
