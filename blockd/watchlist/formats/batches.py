"""Names and prefixes of a thousand lines, taken at once where all of them are new.

What is taken and counted is just what `listed` makes of the same lines one by one: where that takes
a closer look at one of them, nothing is taken, and they are read singly.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat

from blockd import names
from blockd.prefixes import Prefix
from blockd.watchlist.formats.listed import Listed, text_of
from blockd.watchlist.model import NameEntry, PrefixEntry, Rule, Scope, Severity

_name_entry: Callable[[Iterable[object]], NameEntry] = partial(tuple.__new__, NameEntry)
_prefix_entry: Callable[[Iterable[object]], PrefixEntry] = partial(tuple.__new__, PrefixEntry)
"""`_make` without its check: there is always the right number of fields."""


class Batches(Listed):
    """What a feed lists, of which much comes at once."""

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

    def keep_many(
        self, listed: Sequence[Prefix], rule: Rule, places: Sequence[int], lines: int
    ) -> bool:
        """Take prefixes of the next lines at once; False: nothing was taken, read them singly.

        Args:
            listed: the prefixes, in the order of their lines.
            rule: of all of them, no exception.
            places: the line of each among these, counted from 0; each has one or more.
            lines: how many lines all of them have.
        """
        if len(listed) == lines:
            self.keep_prefixes(listed, repeat(rule, lines))
            return True
        seen, before = self._prefixes[False], self.line + 1
        fresh = {prefix: before + place for prefix, place in zip(listed, places, strict=True)}
        if len(fresh) != len(listed) or not seen.keys().isdisjoint(fresh):
            return False  # of a range that is listed in part, its line says so
        seen.update(fresh)
        entries = zip(listed, repeat(rule), fresh.values())
        self.parsed.prefixes.extend(map(_prefix_entry, entries))
        self.parsed.entries += lines
        self.line += lines
        return True

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
                text = text_of(wire, scope) if parsed.keeps(Severity.WARNING) else ""
                self._duplicate(number, text, first)
                continue
            parsed.entries += 1
