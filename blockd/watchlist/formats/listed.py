"""What a feed lists so far: each name and prefix once, and each line counted once, as what it is.

Lines come one by one, as a `Found` each; many at once are `batches`' business, and the way through
the text is `feed`'s. What a name or an address may look like is not known here.
"""

from collections.abc import Iterable, Sequence

from blockd import names
from blockd.prefixes import Prefix
from blockd.watchlist.formats.found import Found
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Rule, Scope, Severity


class Listed:
    """The entries and counts of one feed, on their way into a `Parsed`.

    `entries` counts lines that list something, not names: `address=/a/b/` or a hosts line with
    three names is one. A line with several faults is one issue.
    """

    def __init__(self, source: str, form: str) -> None:
        self.parsed = Parsed(source=source, feed=True, format=form)
        self.line = 0
        """The number of the line that is being read."""
        self._seen: tuple[dict[bytes, int], ...] = tuple({} for _ in (*Scope, *Scope))
        self._prefixes: tuple[dict[Prefix, int], dict[Prefix, int]] = ({}, {})
        self._second: dict[bytes, bool] = {}  # True: the first family is still missing

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
                twice = text_of(wire, scope), first
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
        return self.parsed.note(line, Severity.WARNING, _repetition(text, first))


def repetition(what: Prefix | tuple[bytes, Scope], first: int) -> str:
    """Return the sentence about a line whose prefix, or name with its scope, is listed above it."""
    return _repetition(str(what) if isinstance(what, Prefix) else text_of(*what), first)


def _repetition(text: str, first: int) -> str:
    return f"{text} is listed at line {first} already"


def text_of(wire: bytes, scope: Scope) -> str:
    """Return a name with its scope as a person would write it."""
    return ("*." if scope is Scope.BELOW else "") + names.to_unicode(wire)
